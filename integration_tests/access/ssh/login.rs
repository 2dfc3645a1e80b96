//! Keys of every kind and format, passwords, second factors, and what is said of those that are refused.

use std::fs;

use libtest_mimic::{Failed, Trial};
use serde_json::json;
use tempfile::NamedTempFile;

use super::{check, checked, through};
use crate::support::bastion::{Bastion, PASSWORD};
use crate::support::connector::Connector;
use crate::support::postgres::TestServer;
use crate::support::ssh_keys::{self, PASSPHRASE};

/// Names the file with the key of the service.
const KEY_FILE: &str = "DESTINATION_SSH_KEY_FILE";

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ssh::login::every_kind_and_format_of_key", every_kind_and_format_of_key),
        Trial::test("ssh::login::keys_as_people_paste_them", keys_as_people_paste_them),
        Trial::test("ssh::login::keys_that_do_not_open", keys_that_do_not_open),
        Trial::test("ssh::login::the_key_of_the_service", the_key_of_the_service),
        Trial::test("ssh::login::the_restricted_line_is_enough", the_restricted_line_is_enough),
        Trial::test("ssh::login::passwords", passwords),
        Trial::test("ssh::login::pam_asks_for_the_password", pam_asks_for_the_password),
        Trial::test("ssh::login::key_then_password", key_then_password),
        Trial::test("ssh::login::password_then_key", password_then_key),
        Trial::test("ssh::login::two_keys", two_keys),
        Trial::test("ssh::login::strangers_are_refused", strangers_are_refused),
    ]
}

fn every_kind_and_format_of_key() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::shared();
    let names: Vec<&str> = ssh_keys::all().keys().copied().collect();
    let parts = names.chunks(names.len().div_ceil(3));
    std::thread::scope(|scope| {
        for part in parts {
            let (config, bastion) = (database.config(), &bastion);
            scope.spawn(move || {
                for name in part {
                    let key = ssh_keys::key(name);
                    let mut tunnel = bastion.by_key(&key.private);
                    if key.encrypted {
                        tunnel["ssh_key_passphrase"] = PASSPHRASE.into();
                    }
                    let answer = check(&through(&config, &tunnel));
                    assert!(answer.succeeded, "{name}: {}", answer.message);
                }
            });
        }
    });
    assert_eq!(names.len(), 25);
    Ok(())
}

fn keys_as_people_paste_them() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::shared();
    for name in ["ed25519", "rsa2048-pkcs1-encrypted", "ecdsa256-pkcs8"] {
        let key = &ssh_keys::key(name).private;
        for pasted in [
            key.replace('\n', "\\n"),
            key.replace('\n', "\r\n"),
            key.trim_end().to_owned(),
            format!("\n  {}  \n", key.replace('\n', "  \n  ")),
        ] {
            let mut tunnel = bastion.by_key(&pasted);
            tunnel["ssh_key_passphrase"] = PASSPHRASE.into();
            let answer = check(&through(&database.config(), &tunnel));
            assert!(answer.succeeded, "{name}: {}", answer.message);
        }
    }
    Ok(())
}

fn keys_that_do_not_open() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::shared();
    for name in ["ed25519-openssh-encrypted", "rsa2048-pkcs1-encrypted", "ecdsa256-pkcs8-encrypted"] {
        let mut tunnel = bastion.by_key(&ssh_keys::key(name).private);
        check(&through(&database.config(), &tunnel))
            .failed_with(&["`tunnel_method.ssh_key` is encrypted; fill in `tunnel_method.ssh_key_passphrase`"]);
        tunnel["ssh_key_passphrase"] = "not the passphrase".into();
        check(&through(&database.config(), &tunnel)).failed_with(&["`tunnel_method.ssh_key_passphrase` is wrong"]);
    }
    let tunnel = bastion.by_key(&ssh_keys::key("ed25519").public);
    check(&through(&database.config(), &tunnel)).failed_with(&["is a public key; the private one belongs here"]);
    Ok(())
}

/// The customer's form holds host, port and user alone. Two keys at a time let the service change its key.
fn the_key_of_the_service() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::shared();
    let mut tunnel = bastion.by_key("");
    tunnel.as_object_mut().expect("an object").remove("ssh_key");
    let config = through(&database.config(), &tunnel);
    check(&config).failed_with(&["`tunnel_method.ssh_key` is missing"]);

    let known = &ssh_keys::key("ecdsa384").private;
    let unknown = ssh_keys::stranger().private;
    let file = NamedTempFile::new()?;
    for text in [known.clone(), format!("{unknown}\n{known}"), format!("# old\n{known}# new\n{unknown}")] {
        fs::write(file.path(), text)?;
        checked(Connector::check(&config).env(KEY_FILE, file.path().to_str().expect("UTF-8"))).succeeds();
    }
    let twice = format!("{unknown}{}", ssh_keys::stranger().private);
    fs::write(file.path(), twice)?;
    let refused = checked(Connector::check(&config).env(KEY_FILE, file.path().to_str().expect("UTF-8")));
    refused.failed_with(&["refuses the keys of", "one of these keys is in the user's authorized_keys"]);
    let missing = checked(Connector::check(&config).env(KEY_FILE, "/nowhere/key"));
    missing.failed_with(&["`/nowhere/key`", KEY_FILE, "cannot be read"]);
    Ok(())
}

fn the_restricted_line_is_enough() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let key = ssh_keys::key("ed25519");
    let line =
        |port: u16| format!("restrict,port-forwarding,permitopen=\"127.0.0.1:{port}\" {}", key.public.trim_end());
    let bastion = Bastion::start_with_keys(&[], &line(database.port()));
    check(&through(&database.config(), &bastion.by_key(&key.private))).succeeds();
    let bastion = Bastion::start_with_keys(&[], &line(1));
    check(&through(&database.config(), &bastion.by_key(&key.private)))
        .failed_with(&["does not allow this user to reach 127.0.0.1:", "PermitOpen"]);
    Ok(())
}

fn passwords() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::shared();
    let mut tunnel = bastion.by_password();
    check(&through(&database.config(), &tunnel)).succeeds();
    tunnel["tunnel_user_password"] = "another password".into();
    check(&through(&database.config(), &tunnel)).failed_with(&[
        &format!("refuses the password of `{}`", bastion.user),
        "check `tunnel_method.tunnel_user` and `tunnel_method.tunnel_user_password`",
    ]);
    let bastion = Bastion::start(&["PasswordAuthentication=no"]);
    check(&through(&database.config(), &bastion.by_password()))
        .failed_with(&["accepts no password from", "only: publickey; choose another tunnel method"]);
    Ok(())
}

/// Behind most "password" logins of Linux.
fn pam_asks_for_the_password() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::start(&["UsePAM=yes", "KbdInteractiveAuthentication=yes", "PasswordAuthentication=no"]);
    let mut tunnel = bastion.by_password();
    check(&through(&database.config(), &tunnel)).succeeds();
    assert!(bastion.log().contains("Accepted keyboard-interactive/pam"), "{}", bastion.log());
    tunnel["tunnel_user_password"] = "another password".into();
    check(&through(&database.config(), &tunnel)).failed_with(&["refuses the password of"]);
    Ok(())
}

fn key_then_password() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::start(&["AuthenticationMethods=publickey,password"]);
    let key = &ssh_keys::key("ed25519").private;
    let mut tunnel = bastion.by_key(key);
    check(&through(&database.config(), &tunnel)).failed_with(&[
        &format!("accepts the key of `{}` but asks for a password too", bastion.user),
        "fill in `tunnel_method.tunnel_user_password`",
    ]);
    tunnel["tunnel_user_password"] = "another password".into();
    check(&through(&database.config(), &tunnel))
        .failed_with(&["refuses the password of", "after it has accepted the key"]);
    tunnel["tunnel_user_password"] = PASSWORD.into();
    check(&through(&database.config(), &tunnel)).succeeds();

    // The form with the password alone: the key is the service's.
    let config = through(&database.config(), &bastion.by_password());
    check(&config).failed_with(&["accepts no password from", "only: publickey"]);
    let file = NamedTempFile::new()?;
    fs::write(file.path(), key)?;
    checked(Connector::check(&config).env(KEY_FILE, file.path().to_str().expect("UTF-8"))).succeeds();

    let bastion = Bastion::start(&[
        "UsePAM=yes",
        "KbdInteractiveAuthentication=yes",
        "AuthenticationMethods=publickey,keyboard-interactive",
    ]);
    let mut tunnel = bastion.by_key(key);
    tunnel["tunnel_user_password"] = PASSWORD.into();
    check(&through(&database.config(), &tunnel)).succeeds();
    Ok(())
}

fn password_then_key() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::start(&["AuthenticationMethods=password,publickey"]);
    let mut tunnel = bastion.by_key(&ssh_keys::key("rsa2048").private);
    tunnel["tunnel_user_password"] = PASSWORD.into();
    check(&through(&database.config(), &tunnel)).succeeds();
    let config = through(&database.config(), &bastion.by_password());
    check(&config).failed_with(&["accepts the password of", "asks for a key too"]);
    let file = NamedTempFile::new()?;
    fs::write(file.path(), &ssh_keys::key("ed25519").private)?;
    checked(Connector::check(&config).env(KEY_FILE, file.path().to_str().expect("UTF-8"))).succeeds();
    Ok(())
}

fn two_keys() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::start(&["AuthenticationMethods=publickey,publickey"]);
    let (first, second) = (&ssh_keys::key("ed25519").private, &ssh_keys::key("ecdsa256").private);
    check(&through(&database.config(), &bastion.by_key(&format!("{first}{second}")))).succeeds();
    check(&through(&database.config(), &bastion.by_key(first)))
        .failed_with(&["only with a further factor (publickey)", "which is not supported"]);
    Ok(())
}

fn strangers_are_refused() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = Bastion::shared();
    let stranger = ssh_keys::stranger();
    let refused = check(&through(&database.config(), &bastion.by_key(&stranger.private)));
    let print = russh::keys::parse_public_key_base64(stranger.public.split(' ').nth(1).expect("base64"))?
        .fingerprint(russh::keys::HashAlg::Sha256);
    refused.failed_with(&[
        &format!("the SSH bastion at 127.0.0.1:{} refuses the key of `{}` ({print})", bastion.port, bastion.user),
        "is in the user's authorized_keys (methods it accepts: publickey, password)",
    ]);
    let mut tunnel = bastion.by_key(&ssh_keys::key("ed25519").private);
    tunnel["tunnel_user"] = json!("nobody-of-this-name");
    check(&through(&database.config(), &tunnel))
        .failed_with(&["refuses the key of `nobody-of-this-name`", "check `tunnel_method.tunnel_user`"]);
    Ok(())
}
