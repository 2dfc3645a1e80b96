//! `keygen`: its files are read by OpenSSH's own tools, its line is put into a real authorized_keys.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::support::bastion::Bastion;
use crate::support::connector::{Connector, Outcome};
use crate::support::postgres::TestServer;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("operator::keygen::openssh_reads_the_files", openssh_reads_the_files),
        Trial::test("operator::keygen::nothing_is_overwritten", nothing_is_overwritten),
        Trial::test("operator::keygen::the_line_holds_what_was_asked_for", the_line_holds_what_was_asked_for),
        Trial::test("operator::keygen::the_line_lets_through_to_one_database", the_line_lets_through_to_one_database),
    ]
}

fn keygen(out: &Path, options: &[&str]) -> Outcome {
    let connector = Connector::new("keygen").arg("--out").arg(&out.to_string_lossy());
    options.iter().fold(connector, |connector, option| connector.arg(option)).run(b"")
}

/// The public key that OpenSSH makes of a private one.
fn public_of(private: &Path, passphrase: &str) -> Result<String, String> {
    let output = Command::new("ssh-keygen")
        .args(["-y", "-P", passphrase, "-f"])
        .arg(private)
        .output()
        .map_err(|e| format!("ssh-keygen cannot be started ({e}): install openssh-client"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn mode(path: &Path) -> Result<u32, Failed> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

fn openssh_reads_the_files() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let passphrase_file = folder.path().join("passphrase");
    fs::write(&passphrase_file, " päss phrase \r\nsecond line\n")?;
    for (name, passphrase, comment) in
        [("plain", "", "destination-postgres"), ("locked", " päss phrase ", "acme GmbH, Zürich")]
    {
        let private = folder.path().join(name);
        let passphrase_option = passphrase_file.to_string_lossy().into_owned();
        let mut options = vec!["--comment", comment];
        if !passphrase.is_empty() {
            options.extend(["--passphrase-file", &passphrase_option]);
        }
        let outcome = keygen(&private, &options);
        assert_eq!(outcome.code(), 0, "{outcome:?}");
        let public = fs::read_to_string(private.with_extension("pub"))?;
        assert!(public.starts_with("ssh-ed25519 ") && public.ends_with(&format!(" {comment}\n")), "{public}");
        assert_eq!(public_of(&private, passphrase)?, public);
        assert_eq!(mode(&private)?, 0o600);
        if !passphrase.is_empty() {
            assert!(public_of(&private, "another").is_err());
            assert!(outcome.stderr.contains("ssh_key_passphrase"), "{outcome:?}");
        }

        // stdout is the line alone, and the private key is nowhere but in its file.
        assert_eq!(outcome.stdout, [format!("restrict,port-forwarding {}", public.trim_end())]);
        let fingerprint = Command::new("ssh-keygen").arg("-lf").arg(private.with_extension("pub")).output()?;
        let fingerprint = String::from_utf8(fingerprint.stdout)?;
        let fingerprint = fingerprint.split(' ').nth(1).expect("ssh-keygen shows the fingerprint");
        assert!(outcome.stderr.contains(fingerprint), "{outcome:?}");
        let secret = fs::read_to_string(&private)?;
        let inside: Vec<&str> = secret.lines().filter(|line| !line.starts_with("-----")).collect();
        assert!(inside.len() > 2 && inside[1..].iter().all(|line| !outcome.stderr.contains(line)), "{outcome:?}");
    }
    assert_ne!(fs::read(folder.path().join("plain"))?, fs::read(folder.path().join("locked"))?);
    Ok(())
}

fn nothing_is_overwritten() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let private = folder.path().join("key");
    let public = private.with_extension("pub");
    let refused = |file: &Path| {
        let outcome = keygen(&private, &[]);
        assert_eq!((outcome.code(), outcome.stdout.len()), (1, 0), "{outcome:?}");
        let text = format!("error: `{}` exists already and is not overwritten", file.display());
        assert!(outcome.stderr.starts_with(&text) && outcome.stderr.contains("--out"), "{outcome:?}");
    };
    fs::write(&private, "mine")?;
    refused(&private);
    assert_eq!(fs::read_to_string(&private)?, "mine");
    assert!(!public.exists());

    // A link is not followed, be there something behind it or not.
    fs::remove_file(&private)?;
    symlink(folder.path().join("elsewhere"), &private)?;
    refused(&private);
    assert!(!folder.path().join("elsewhere").exists());

    // Of half a pair nothing is left.
    fs::remove_file(&private)?;
    fs::write(&public, "mine")?;
    refused(&public);
    assert_eq!(fs::read_to_string(&public)?, "mine");
    assert!(!private.exists());

    let outcome = keygen(&folder.path().join("missing/key"), &[]);
    assert_eq!(outcome.code(), 1, "{outcome:?}");
    assert!(outcome.stderr.contains("missing/key` cannot be written (entity not found)"), "{outcome:?}");
    let outcome = keygen(&folder.path().join("k"), &["--passphrase-file", "/dev/null"]);
    assert!(outcome.stderr.contains("`/dev/null` must hold the passphrase in its first line"), "{outcome:?}");
    assert!(!folder.path().join("k").exists());
    Ok(())
}

fn the_line_holds_what_was_asked_for() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let config = json!({"host": "[2001:db8::5]", "database": "d", "schema": "s", "username": "u",
        "tunnel_method": {"tunnel_method": "SSH_KEY_AUTH", "tunnel_host": "bastion", "tunnel_user": "t"}});
    let config_file = folder.path().join("config.json");
    fs::write(&config_file, config.to_string())?;
    let config_file = config_file.to_string_lossy().into_owned();
    for (at, (options, want)) in [
        (vec!["--permitopen", "db.example.com:5433"], "restrict,port-forwarding,permitopen=\"db.example.com:5433\" "),
        (vec!["--config", &config_file], "restrict,port-forwarding,permitopen=\"[2001:db8::5]:5432\" "),
        (
            vec![
                "--config",
                &config_file,
                "--permitopen",
                "db:1",
                "--from",
                "192.0.2.1",
                "--from",
                "10.0.0.0/8",
                "--expires",
                "20991231",
            ],
            "restrict,port-forwarding,permitopen=\"db:1\",permitopen=\"[2001:db8::5]:5432\",\
             from=\"192.0.2.1,10.0.0.0/8\",expiry-time=\"20991231\" ",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let private = folder.path().join(format!("key{at}"));
        let outcome = keygen(&private, &options);
        let public = fs::read_to_string(private.with_extension("pub"))?;
        assert_eq!(outcome.stdout, [format!("{want}{}", public.trim_end())], "{outcome:?}");
        assert!(!outcome.stderr.contains("every host"), "{outcome:?}");
    }
    Ok(())
}

/// The customer fills in host, port and user of the bastion; the key is the service's.
fn the_line_lets_through_to_one_database() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).map(|()| folder.path().join(name).to_string_lossy().into_owned())
    };
    let config_file = file("config.json", &database.config().to_string())?;
    let passphrase_file = file("passphrase", "of the key\n")?;
    let elsewhere = format!("127.0.0.1:{}", database.port() - 1);
    let keys = [
        ("this", vec!["--config", &config_file, "--from", "127.0.0.1", "--expires", "20991231"]),
        ("locked", vec!["--config", &config_file, "--passphrase-file", &passphrase_file]),
        ("anywhere", vec![]),
        ("another_database", vec!["--permitopen", &elsewhere]),
        ("another_address", vec!["--config", &config_file, "--from", "192.0.2.1"]),
        ("expired", vec!["--config", &config_file, "--expires", "20200101"]),
    ];
    let mut authorized = String::from("# made by keygen\n");
    for (name, options) in &keys {
        let outcome = keygen(&folder.path().join(name), options);
        assert_eq!((outcome.code(), outcome.stdout.len()), (0, 1), "{outcome:?}");
        authorized.push_str(&format!("{}\n", outcome.stdout[0]));
    }
    let bastion = Bastion::start_with_keys(&[], &authorized);
    let mut config = database.config();
    config["tunnel_method"] = json!({"tunnel_method": "SSH_KEY_AUTH", "tunnel_host": "127.0.0.1",
        "tunnel_port": bastion.port, "tunnel_user": bastion.user});
    let check = |config: &Value, key: &str| {
        let path = folder.path().join(key).to_string_lossy().into_owned();
        let outcome = Connector::check(config).env("DESTINATION_SSH_KEY_FILE", &path).run(b"");
        assert_eq!(outcome.code(), 0, "{outcome:?}");
        outcome.checked()
    };

    assert_eq!(check(&config, "this"), Ok(()));
    assert_eq!(check(&config, "anywhere"), Ok(()));
    let mut unlocked = config.clone();
    unlocked["tunnel_method"]["ssh_key_passphrase"] = json!("of the key");
    assert_eq!(check(&unlocked, "locked"), Ok(()));
    for (key, words) in [
        ("another_database", &["allow", "PermitOpen"][..]),
        ("another_address", &[&bastion.user]),
        ("expired", &[&bastion.user]),
        ("locked", &["ssh_key_passphrase"]),
    ] {
        let message = check(&config, key).expect_err(key);
        assert!(words.iter().all(|word| message.contains(word)), "{key}: {message}");
    }
    Ok(())
}
