//! Airbyte's own clients drive the connector: PyAirbyte with sources of Airbyte's, its smoke test of destinations, and the lints and the
//! container suite of its CDK. Offline, in the environments that `./test --clients` makes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::postgres::{TestDatabase, TestServer};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("clients::lints", lints),
        Trial::test("clients::smoke_test", smoke_test),
        Trial::test("clients::state_is_kept", state_is_kept),
        Trial::test("clients::files", files),
        Trial::test("clients::hardcoded_records", hardcoded_records),
    ];
    for strategy in STRATEGIES {
        trials.push(Trial::test(format!("clients::faker::{}", strategy.name), || faker(strategy)));
    }
    if env::var_os("IMAGE").is_some() {
        trials.push(Trial::test("clients::container_suite", container_suite));
    }
    trials
}

/// How PyAirbyte writes, and what two runs of the same 30 users, each with a purchase or more, leave.
struct Strategy {
    name: &'static str,
    strategy: &'static str,
    /// Through PyAirbyte's own cache, which changes the records.
    cached: bool,
    /// How many times each row is there.
    times: u32,
}

const STRATEGIES: &[Strategy] = &[
    Strategy { name: "auto", strategy: "auto", cached: false, times: 1 },
    Strategy { name: "merge", strategy: "merge", cached: false, times: 1 },
    Strategy { name: "append", strategy: "append", cached: false, times: 2 },
    Strategy { name: "replace", strategy: "replace", cached: false, times: 1 },
    Strategy { name: "merge_cached", strategy: "merge", cached: true, times: 1 },
    // The cache keeps the rows of the first run too, and all that it has is sent.
    Strategy { name: "append_cached", strategy: "append", cached: true, times: 3 },
];

/// A database, and a directory that the clients think is their own.
struct Bed {
    database: TestDatabase,
    directory: TempDir,
}

impl Bed {
    fn new() -> Result<Self, Failed> {
        let bed = Self { database: TestServer::shared().database()?, directory: TempDir::new()? };
        bed.file("config.json", &bed.database.config().to_string())?;
        Ok(bed)
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf, Failed> {
        let path = self.directory.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// A program of one of the environments, offline, with the directory to write to.
    fn client(&self, environment: &str, program: &str) -> Command {
        let bin = program_of(environment, "");
        let mut command = Command::new(bin.join(program));
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([bin].into_iter().chain(env::split_paths(&path))).expect("a PATH");
        command.current_dir(self.directory.path()).env("PATH", path).stdin(Stdio::null());
        for name in ["AIRBYTE_PROJECT_DIR", "AIRBYTE_TEMP_DIR", "TMPDIR", "HOME"] {
            command.env(name, self.directory.path());
        }
        command.env("AIRBYTE_OFFLINE_MODE", "1").env("DO_NOT_TRACK", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// PyAirbyte writes what a source reads, with these words for the script.
    fn drive(&self, source: &str, config: &Value, words: &[&str]) -> Result<(), Failed> {
        let given = self.file("source.json", &config.to_string())?;
        let mut command = self.client("airbyte", "python");
        command.arg(here("drive.py")).arg(connector()).arg(self.directory.path().join("config.json"));
        said(command.arg(program_of(source, source)).arg(given).args(words)).map(drop)
    }

    fn value(&self, query: &str) -> Result<String, Failed> {
        Ok(self.database.superuser()?.value(query)?)
    }
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration_tests/platform").join(name)
}

/// The program under test; PyAirbyte tells by its name that it is for Postgres.
fn connector() -> OsString {
    env::var_os("DESTINATION_POSTGRES_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_destination-postgres").into())
}

/// A program of an environment that `./test --clients` makes.
fn program_of(environment: &str, program: &str) -> PathBuf {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(format!("clients-{environment}")).join("bin");
    assert!(bin.exists(), "there is no {}: ./test --clients makes it", bin.display());
    bin.join(program)
}

/// What a command writes to stdout, if it succeeds.
fn said(command: &mut Command) -> Result<String, Failed> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{command:?}\n{text}\n{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// The specification and the answers of `check` as Airbyte's CDK judges them, and the metadata as it reads them.
fn lints() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let mut wrong = bed.database.config();
    wrong["password"] = json!("a wrong one, but long enough");
    let wrong = bed.file("wrong.json", &wrong.to_string())?;
    let metadata = Path::new(env!("CARGO_MANIFEST_DIR")).join("metadata.yaml");
    let mut command = bed.client("airbyte", "python");
    command
        .arg(here("lint.py"))
        .arg(connector())
        .arg(metadata)
        .arg(bed.directory.path().join("config.json"))
        .arg(wrong);
    assert_eq!(said(&mut command)?.lines().last(), Some("ok"));
    Ok(())
}

/// Airbyte's regression test for destinations: all scenarios, read back by SQLAlchemy.
fn smoke_test() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let mut config = bed.database.config();
    // The smoke test reads the tables back by a URL that it makes of the password without quoting it.
    config["password"] = json!("plain");
    bed.database.superuser()?.run(&format!("ALTER ROLE {} PASSWORD 'plain'", bed.database.writer))?;
    bed.file("config.json", &config.to_string())?;
    let mut command = bed.client("airbyte", "pyab");
    let mut destination = OsString::from("--destination=");
    destination.push(connector());
    command.arg("destination-smoke-test").arg(destination).args(["--config=config.json", "--scenarios=all"]);
    let text = said(&mut command)?;
    let answer = text.find("\n{").map(|at| &text[at..]).ok_or_else(|| format!("no answer: {text}"))?;
    let end = answer.rfind('}').ok_or("no end of the answer")?;
    let answer: Value = serde_json::from_str(&answer[..=end])?;
    assert_eq!(answer["success"], true, "{answer:#}");
    assert_eq!(answer["records_delivered"], 1059, "{answer:#}");
    assert_eq!(answer["table_statistics"].as_object().map(serde_json::Map::len), Some(22), "{answer:#}");
    assert_eq!(answer["tables_not_found"], json!({}), "{answer:#}");
    assert!(answer["warnings"].is_null(), "{answer:#}");
    // Each record is in a table, whatever the smoke test looked at; the one of the test before it is counted too.
    let namespace = answer["namespace"].as_str().ok_or("no namespace")?;
    let rows = format!(
        "SELECT sum((xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', schemaname, tablename), \
         false, true, '')))[1]::text::int) FROM pg_tables WHERE schemaname = '{namespace}' AND tablename NOT LIKE '%preflight%'"
    );
    let stored: u32 = bed.value(&rows)?.parse()?;
    assert!(stored >= 1050, "{stored} of 1059 records are stored");
    Ok(())
}

/// Two runs of the same source.
fn faker(strategy: &Strategy) -> Result<(), Failed> {
    let bed = Bed::new()?;
    let config = json!({"count": 30, "seed": 7, "parallelism": 1, "always_updated": true});
    for run in 1..=2 {
        let mut words = vec![strategy.strategy];
        words.extend(strategy.cached.then_some("cached"));
        bed.drive("source-faker", &config, &words)?;
        let times = if run == 1 { 1 } else { strategy.times };
        let users = bed.value("SELECT count(*) || ' of ' || count(DISTINCT id) FROM airbyte.users")?;
        assert_eq!(users, format!("{} of 30", 30 * times), "run {run}");
        for table in ["products", "purchases"] {
            let same = bed.value(&format!(
                "SELECT count(*) = {times} * count(DISTINCT id) AND count(*) > 0 FROM airbyte.{table}"
            ))?;
            assert_eq!(same, "t", "run {run}: {table}");
        }
    }
    // Nothing of it was more than its column can hold.
    let nulled = bed.value("SELECT count(*) FROM airbyte.users WHERE _airbyte_meta -> 'changes' <> '[]'")?;
    assert_eq!(nulled, "0");
    Ok(())
}

/// `examples/sync` keeps the state, and the second run reads on from there.
fn state_is_kept() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let source = bed.file("source.json", &json!({"count": 20, "seed": 7, "always_updated": false}).to_string())?;
    let faker = program_of("source-faker", "source-faker");
    let found = said(bed.client("source-faker", "source-faker").arg("discover").arg("--config").arg(&source))?;
    let found =
        found.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|m| m["type"] == "CATALOG");
    let streams = found.ok_or("no catalog")?["catalog"]["streams"].as_array().cloned().ok_or("no streams")?;
    let configured: Vec<Value> = streams
        .into_iter()
        .map(|stream| {
            json!({"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append_dedup",
                   "cursor_field": ["updated_at"], "primary_key": [["id"]]})
        })
        .collect();
    let catalog = bed.file("catalog.json", &json!({"streams": configured}).to_string())?;
    let run = || -> Result<(), Failed> {
        let mut command = bed.client("source-faker", "python");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sync")).env("DESTINATION", connector());
        command.arg("state.json").arg("config.json").arg(&catalog).arg(&faker);
        command.args(["read", "--config"]).arg(&source).arg("--catalog").arg(&catalog);
        said(&mut command).map(drop)
    };
    run()?;
    let states: Value = serde_json::from_str(&fs::read_to_string(bed.directory.path().join("state.json"))?)?;
    assert_eq!(states.as_array().map(Vec::len), Some(3), "{states:#}");
    let before = bed.value("SELECT count(*) || ' ' || max(_airbyte_extracted_at) FROM airbyte.users")?;
    assert!(before.starts_with("20 "), "{before}");
    run()?;
    // The source knows that it has sent everything.
    assert_eq!(bed.value("SELECT count(*) || ' ' || max(_airbyte_extracted_at) FROM airbyte.users")?, before);
    Ok(())
}

/// A CSV file, by a name that needs mangling.
fn files() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let lines: String = (1..=50).map(|id| format!("{id},\"a \"\"quoted\"\" text {id}\",{id}.25\n")).collect();
    let file = bed.file("orders.csv", &format!("id,note,amount\n{lines}"))?;
    let config =
        json!({"dataset_name": "my orders, 2024", "format": "csv", "url": file, "provider": {"storage": "local"}});
    for _ in 0..2 {
        bed.drive("source-file", &config, &["replace"])?;
        assert_eq!(
            bed.value("SELECT count(*) || ' ' || sum(amount) || ' ' || min(note) FROM airbyte.my_orders__2024")?,
            "50 1287.50 a \"quoted\" text 1"
        );
    }
    Ok(())
}

/// The wide streams that Airbyte measures destinations with.
fn hardcoded_records() -> Result<(), Failed> {
    let bed = Bed::new()?;
    bed.drive("source-hardcoded-records", &json!({"count": 500}), &["replace"])?;
    let tables = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'airbyte'";
    for table in bed.value(tables)?.split(' ') {
        assert_eq!(bed.value(&format!("SELECT count(*) FROM airbyte.\"{table}\""))?, "500", "{table}");
    }
    Ok(())
}

/// The suite that Airbyte runs against images, as far as a destination takes part in it.
fn container_suite() -> Result<(), Failed> {
    let bed = Bed::new()?;
    // The suite takes a connector's name from its directory.
    let root = bed.directory.path().join("destination-postgres");
    fs::create_dir_all(root.join("secrets"))?;
    fs::create_dir_all(root.join("bin"))?;
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("metadata.yaml"), root.join("metadata.yaml"))?;
    let mut config = bed.database.config();
    fs::write(root.join("secrets/config.json"), config.to_string())?;
    config["password"] = json!("a wrong one, but long enough");
    fs::write(root.join("secrets/wrong.json"), config.to_string())?;
    fs::write(
        root.join("acceptance-test-config.yml"),
        "connector_image: localhost/destination-postgres\nacceptance_tests:\n  spec:\n    tests:\n      - spec_path: spec.json\n  connection:\n    tests:\n      \
         - config_path: secrets/config.json\n        status: succeed\n      - config_path: secrets/wrong.json\n        status: failed\n",
    )?;
    fs::write(
        root.join("test_image.py"),
        "from airbyte_cdk.test.standard_tests.docker_base import DockerConnectorTestSuite\n\nclass TestImage(DockerConnectorTestSuite):\n    pass\n",
    )?;
    fs::write(root.join("conftest.py"), "pytest_plugins = [\"airbyte_cdk.test.standard_tests.pytest_hooks\"]\n")?;
    // Whatever runs containers here answers to `docker`; the database is on this machine's own address.
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/image");
    let shim = format!(
        "#!/bin/sh\n[ \"$1\" != run ] || {{ shift; set -- run --network host \"$@\"; }}\nexec {} engine \"$@\"\n",
        script.display()
    );
    fs::write(root.join("bin/docker"), shim)?;
    assert!(Command::new("chmod").args(["-R", "a+rX,+x"]).arg(root.join("bin")).status()?.success());
    let mut command = bed.client("airbyte", "python");
    let path =
        command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path).unwrap_or_default().to_owned();
    let path = env::join_paths([root.join("bin")].into_iter().chain(env::split_paths(&path))).expect("a PATH");
    command.env("PATH", path).current_dir(&root);
    let image = env::var("DESTINATION_IMAGE").unwrap_or_else(|_| "localhost/destination-postgres".to_owned());
    command.args(["-m", "pytest", "-q", "-rs", "--connector-image", &image, "test_image.py"]);
    let text = said(&mut command)?;
    println!("{text}");
    let summary = text.lines().rev().find(|line| line.contains("passed")).ok_or("nothing passed")?;
    assert!(!summary.contains("failed"), "{text}");
    Ok(())
}
