//! The image, run as an orchestrator runs it: read-only, without capabilities and new privileges, as its own user. It was built by
//! `scripts/image build` before.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::connector::{Connector, TIMEOUT};
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::workload;

/// What the image may take in all, in bytes.
const LARGEST: u64 = 40_000_000;

/// Within this a signal ends it: its own eight seconds, and some room for a busy machine and the engine.
const GRACE: Duration = Duration::from_secs(30);

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("image::size", size),
        Trial::test("image::labels", labels),
        Trial::test("image::contents", contents),
        Trial::test("image::bill_of_materials", bill_of_materials),
        Trial::test("image::spec", spec),
        Trial::test("image::check", check),
        Trial::test("image::write", write),
        Trial::test("image::any_user", any_user),
        Trial::test("image::shell_of_the_orchestrator", shell_of_the_orchestrator),
        Trial::test("image::signal", signal),
        Trial::test("image::killed", killed),
        Trial::test("image::memory", memory),
    ]
}

fn script() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/image")
}

/// The connector in a container with these options of the engine; what to do with it follows.
fn container(options: &str) -> Connector {
    Connector::of(OsStr::new(&script()), "run").env("DESTINATION_IMAGE_OPTIONS", options)
}

fn write_to(database: &TestDatabase, more: &Value, options: &str) -> Connector {
    let config = workload::merged(&database.config(), more);
    let connector = container(options).arg("write").file("config", config.to_string().as_bytes());
    connector.file("catalog", workload::append_catalog("rows").to_string().as_bytes())
}

/// What a command of the script says, which must succeed.
fn ask(words: &[&str], options: &str) -> Result<String, Failed> {
    let mut command = Command::new(script());
    let output: Output = command.args(words).env("DESTINATION_IMAGE_OPTIONS", options).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(format!(
            "{words:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// What the engine knows of the image.
fn inspected() -> Result<Value, Failed> {
    let name = env::var("DESTINATION_IMAGE").unwrap_or_else(|_| "localhost/destination-postgres".to_owned());
    let images: Value = serde_json::from_str(&ask(&["engine", "image", "inspect", &name], "")?)?;
    Ok(images[0].clone())
}

fn size() -> Result<(), Failed> {
    let size = inspected()?["Size"].as_u64().ok_or("no size")?;
    println!("the image has {size} bytes");
    if size > LARGEST { Err(format!("{size} bytes").into()) } else { Ok(()) }
}

fn labels() -> Result<(), Failed> {
    let image = inspected()?;
    let config = &image["Config"];
    assert_eq!(config["User"], "1000:1000");
    assert_eq!(config["WorkingDir"], "/airbyte");
    let program = "/usr/local/bin/destination-postgres";
    assert_eq!(config["Entrypoint"], json!([program]));
    let environment = config["Env"].as_array().ok_or("no environment")?;
    assert!(environment.contains(&json!(format!("AIRBYTE_ENTRYPOINT={program}"))), "{environment:?}");
    let labels = &config["Labels"];
    assert_eq!(labels["io.airbyte.name"], "destination-postgres");
    for label in ["io.airbyte.version", "org.opencontainers.image.version"] {
        assert_eq!(labels[label], env!("CARGO_PKG_VERSION"), "{label}");
    }
    let revision = labels["org.opencontainers.image.revision"].as_str().unwrap_or_default();
    assert!(revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit()), "{revision}");
    assert_eq!(labels["org.opencontainers.image.licenses"], env!("CARGO_PKG_LICENSE"));
    assert_eq!(image["Os"], "linux");
    assert_eq!(image["Architecture"], if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" });
    Ok(())
}

/// The user, the directories, what it can write to and what is not there.
fn contents() -> Result<(), Failed> {
    let said = ask(&["shell", "id; pwd; echo ~; (echo x >/airbyte/x) 2>&1; true"], "")?;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[..3],
        ["uid=1000(airbyte) gid=1000(airbyte) groups=1000(airbyte)", "/airbyte", "/airbyte"],
        "{said}"
    );
    assert!(lines[3].contains("Read-only file system"), "{said}");
    // Where the root is writable, these two directories are its user's.
    let said = ask(&["shell", "set -e; touch /airbyte/x /tmp/x; touch /usr/local/bin/x"], "--read-only=false");
    let refused = said.expect_err("its own program is not its own").message().unwrap_or_default().to_owned();
    let only = refused.contains("/usr/local/bin/x: Permission denied") && refused.matches("touch: /").count() == 1;
    assert!(only, "{refused}");
    // Everything executable is busybox or the program.
    let said = ask(
        &["shell", "find / -xdev -type f -perm +111 2>/dev/null | grep -v -e ^/proc -e ^/sys -e ^/dev | sort"],
        "",
    )?;
    assert_eq!(
        said.lines().filter(|name| !name.starts_with("/run/")).collect::<Vec<_>>(),
        ["/bin/busybox", "/usr/local/bin/destination-postgres"]
    );
    ask(&["shell", "for word in sh echo kill sleep touch cat; do command -v $word >/dev/null || exit 1; done"], "")?;
    for word in ["gcc", "cc", "ld", "make", "cargo", "rustc", "apt-get", "perl", "python3", "curl"] {
        assert!(ask(&["shell", &format!("command -v {word}")], "").is_err(), "{word}");
    }
    Ok(())
}

/// Scanners find the crates in the program itself, and a CycloneDX document beside it.
fn bill_of_materials() -> Result<(), Failed> {
    let document: Value =
        serde_json::from_str(&ask(&["shell", "cat /usr/share/doc/destination-postgres/sbom.cdx.json"], "")?)?;
    assert_eq!(document["bomFormat"], "CycloneDX");
    let components = document["components"].as_array().ok_or("no components")?;
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"))?;
    for name in ["tokio-postgres", "rustls", "russh", "arrow", "aws-lc-rs"] {
        let version =
            lock.split(&format!("name = \"{name}\"\nversion = \"")).nth(1).and_then(|rest| rest.split('"').next());
        let listed =
            components.iter().find(|component| component["name"] == name).map(|component| &component["version"]);
        assert_eq!(listed.and_then(Value::as_str), version, "{name}");
    }
    let said = ask(
        &["shell", "grep -c dep-v0 /usr/local/bin/destination-postgres; cat /var/lib/dpkg/status.d/busybox-static"],
        "",
    )?;
    assert!(said.starts_with('1') && said.contains("Package: busybox-static"), "{said}");
    Ok(())
}

fn spec() -> Result<(), Failed> {
    let begun = Instant::now();
    let outcome = container("").arg("spec").run(b"");
    println!("spec in a container: {:?}", begun.elapsed());
    assert_eq!(outcome.code(), 0, "{outcome:#?}");
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/spec.json"))?)?;
    assert!(
        outcome.messages_of("SPEC")[0]["spec"] == expected,
        "the image has another specification than spec/spec.json"
    );
    Ok(())
}

fn check() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let outcome =
        container("--memory 64m").arg("check").file("config", database.config().to_string().as_bytes()).run(b"");
    outcome.checked()?;
    assert_eq!(outcome.code(), 0, "{outcome:#?}");
    // A name is resolved without anything of the C library beside the program.
    let config = workload::merged(&database.config(), &json!({"host": "localhost"}));
    container("").arg("check").file("config", config.to_string().as_bytes()).run(b"").checked()?;
    let config = workload::merged(&database.config(), &json!({"host": "no-such-host.invalid"}));
    let refused = container("").arg("check").file("config", config.to_string().as_bytes()).run(b"").checked();
    assert!(refused.is_err_and(|why| why.contains("no-such-host.invalid")));
    Ok(())
}

fn write() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let outcome = write_to(&database, &json!({}), "--memory 256m --pids-limit 64")
        .run(workload::append_input("rows", 0..1_000, 100).as_bytes());
    workload::succeeded(&outcome, 1)?;
    assert_eq!(database.superuser()?.value("SELECT count(*) FROM airbyte.rows")?, "1000");
    Ok(())
}

/// Some clusters give a container a user of their own choice.
fn any_user() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let outcome =
        write_to(&database, &json!({}), "--user 4711:0").run(workload::append_input("rows", 0..10, 100).as_bytes());
    workload::succeeded(&outcome, 1)?;
    assert_eq!(database.superuser()?.value("SELECT count(*) FROM airbyte.rows")?, "10");
    Ok(())
}

/// As the orchestrator's pods do: a shell evaluates the entry point, and pipes are named ones.
fn shell_of_the_orchestrator() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let directory = tempfile::TempDir::new()?;
    let file = |name: &str, text: &str| fs::write(directory.path().join(name), text);
    file("connectorConfig.json", &database.config().to_string())?;
    file("catalog.json", &workload::append_catalog("rows").to_string())?;
    file("input.jsonl", &workload::append_input("rows", 0..10, 100))?;
    let at = directory.path().display();
    let pod = r#"
        cd /dest && mkfifo in out err
        cat /given/input.jsonl >in & cat out & cat err >&2 &
        (eval "$AIRBYTE_ENTRYPOINT write --config /given/connectorConfig.json --catalog /given/catalog.json" 2>err >out <in) &
        child=$!
        (touch alive; while [ -e alive ]; do sleep 1; done; kill -TERM $child 2>/dev/null) &
        wait $child; code=$?; rm alive; echo $code >code; exit $code"#;
    let options = format!("--volume {at}:/given:ro --tmpfs /dest:rw,mode=1777");
    let said = {
        // The files of a user's own directory, which the container's user may read.
        let mode = Command::new("chmod").arg("755").arg(directory.path()).status()?;
        assert!(mode.success());
        ask(&["shell", pod], &options)?
    };
    let states = said.lines().filter(|line| line.contains("\"type\":\"STATE\"")).count();
    assert_eq!(states, 1, "{said}");
    assert_eq!(database.superuser()?.value("SELECT count(*) FROM airbyte.rows")?, "10");
    Ok(())
}

/// The program is process 1, for which signals have no default action.
fn signal() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let mut running = write_to(&database, &json!({"commit_interval_seconds": 900}), "").start();
    running.feed(workload::append_input("rows", 0..10, 100).as_bytes());
    running.wait_until(TIMEOUT, |lines| lines.iter().any(|line| line.contains("Created table")))?;
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    running.signal("TERM");
    let outcome = running.wait(TIMEOUT)?;
    assert!(begun.elapsed() < GRACE, "{:?}", begun.elapsed());
    assert_eq!(outcome.code(), 143, "{outcome:#?}");
    assert_eq!(outcome.messages_of("STATE").len(), 1, "{outcome:#?}");
    assert_eq!(sql.value("SELECT count(*) FROM airbyte.rows")?, "10");
    Ok(())
}

/// A container that is killed loses nothing that was acknowledged, and the next one goes on.
fn killed() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let sql = database.superuser()?;
    let name = format!("destination-postgres-test-{}", std::process::id());
    let mut running = write_to(&database, &json!({"commit_interval_seconds": 1}), &format!("--name {name}")).start();
    running.feed(workload::append_input("rows", 0..10, 100).as_bytes());
    running.wait_for_states(1, TIMEOUT)?;
    running.feed(workload::append_input("rows", 10..20, 100).as_bytes());
    ask(&["engine", "kill", &name], "")?;
    let outcome = running.wait(TIMEOUT)?;
    assert_eq!(outcome.code(), 137, "{outcome:#?}");
    let outcome = write_to(&database, &json!({}), "").run(workload::append_input("rows", 10..20, 100).as_bytes());
    workload::succeeded(&outcome, 1)?;
    assert_eq!(sql.value("SELECT count(DISTINCT id) FROM airbyte.rows")?, "20");
    Ok(())
}

/// 200 MB of rows, in a container of 256 MiB.
fn memory() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let running = write_to(&database, &json!({}), "--memory 256m --memory-swap 256m").start();
    for batch in 0..20 {
        running.feed(workload::append_input("rows", batch * 10_000..(batch + 1) * 10_000, 1_000).as_bytes());
    }
    let outcome = running.finish(TIMEOUT)?;
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr);
    assert_eq!(outcome.messages_of("STATE").len(), 20);
    assert_eq!(database.superuser()?.value("SELECT count(*) FROM airbyte.rows")?, "200000");
    Ok(())
}
