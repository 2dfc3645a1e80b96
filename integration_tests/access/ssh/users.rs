//! Users of any shape on the bastion: their names and passwords arrive as they were given.

use destination_postgres::config::Config;
use destination_postgres::pg;
use fastrand::Rng;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::{check, through};
use crate::credentials::text;
use crate::property::property;
use crate::support::bastion::Bastion;
use crate::support::hostile_bastion::{HostileBastion, Manners};
use crate::support::postgres::{TestDatabase, TestServer};
use crate::support::ssh_keys;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("ssh::users::every_character_of_a_keyboard", every_character_of_a_keyboard),
        Trial::test("ssh::users::accounts_of_a_real_server", accounts_of_a_real_server),
        property("ssh::users::of_any_shape", of_any_shape),
    ]
}

/// A login as `user`, with a password or with a key.
fn tunnel(bastion: &HostileBastion, user: &str, password: Option<&str>) -> Value {
    let mut tunnel = json!({
        "tunnel_method": if password.is_some() { "SSH_PASSWORD_AUTH" } else { "SSH_KEY_AUTH" },
        "tunnel_host": "127.0.0.1",
        "tunnel_port": bastion.port,
        "tunnel_user": user,
    });
    match password {
        Some(password) => tunnel["tunnel_user_password"] = json!(password),
        None => tunnel["ssh_key"] = json!(ssh_keys::key("ed25519").private),
    }
    tunnel
}

/// The only login that the bastion saw since the last look.
fn login(bastion: &HostileBastion) -> Result<(String, Option<String>), String> {
    let seen = std::mem::take(&mut *bastion.seen.users());
    <[_; 1]>::try_from(seen).map(|[one]| one).map_err(|seen| format!("not one login: {seen:?}"))
}

/// A name of an account: some text in one line.
fn name(rng: &mut Rng) -> String {
    loop {
        let length = [1, 2, 8, 32, 300][rng.usize(..5)];
        let name: String = text(rng, length).replace(['\n', '\r'], "");
        if !name.trim().is_empty() {
            return name;
        }
    }
}

/// Not through a process, which would be slow; that one is given the keyboard below.
fn of_any_shape(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let bastion = HostileBastion::start(Manners::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    for _ in 0..10 {
        let (user, by_password) = (name(rng), rng.bool());
        let length = rng.usize(1..100);
        let password = by_password.then(|| text(rng, length));
        let config = through(&database.config(), &tunnel(&bastion, &user, password.as_deref()));
        let parsed = Config::parse(&config.to_string()).map_err(|e| e.to_string())?;
        let session = async { pg::Connector::new(parsed.into(), |_| ())?.session().await.map(drop) };
        runtime.block_on(session).map_err(|e| format!("user {user:?}, password {password:?}: {e:?}"))?;
        let seen = login(&bastion)?;
        if seen != (user.clone(), password.clone()) {
            return Err(format!("user {user:?} with password {password:?} came as {seen:?}"));
        }
    }
    Ok(())
}

fn every_character_of_a_keyboard() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    let bastion = HostileBastion::start(Manners::default());
    let user: String = (' '..='~').collect();
    let password: String = ('!'..='~').rev().collect();
    for password in [Some(password.as_str()), None] {
        check(&through(&database.config(), &tunnel(&bastion, &user, password))).succeeds();
        assert_eq!(login(&bastion)?, (user.clone(), password.map(str::to_owned)));
    }
    Ok(())
}

/// What useradd takes of it: neither blanks nor `:`, `,` and `/`, and no more than 32 bytes.
fn accounts_of_a_real_server() -> Result<(), Failed> {
    let database = TestServer::shared().database()?;
    for more in ["A.b@c\\d+e_-$", "'\"`;|&<>", "#!?*[]{}()^~", "=%h\u{e9}\u{1f600}"] {
        let bastion = Bastion::start(&[&format!("user={more}")]);
        assert!(bastion.user.ends_with(more), "{}", bastion.user);
        for tunnel in [bastion.by_key(&ssh_keys::key("ed25519").private), bastion.by_password()] {
            let answer = check(&through(&database.config(), &tunnel));
            assert!(answer.succeeded, "{:?}: {}", bastion.user, answer.message);
        }
        let mut other = bastion.by_password();
        other["tunnel_user"] = format!("{}x", bastion.user).into();
        check(&through(&database.config(), &other)).failed_with(&["SSH"]);
    }
    Ok(())
}
