//! The commands for people: their options, and which texts those take.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

/// A command for the people who run the service; no part of the protocol.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum ForPeople {
    /// Make an SSH key pair for a bastion and print the line for its authorized_keys
    ///
    /// The private key goes to FILE (mode 0600), the public one to FILE.pub; nothing is overwritten.
    /// stdout is the line for authorized_keys of the user on the bastion. It allows port forwarding, to the databases that
    /// --permitopen or --config name, and no terminal, agent or X11; a shell is for the account to refuse.
    #[command(verbatim_doc_comment)]
    Keygen(Keygen),
    /// Print the SQL that lets the connector into a database, or takes that back
    ///
    /// The script is for the administrator of the database. It holds no password: with --config, the SCRAM-SHA-256
    /// verifier of the password there. Other options win over the configuration.
    #[command(verbatim_doc_comment)]
    SetupSql(SetupSql),
    /// Print what a write would do to the database, and do none of it
    ///
    /// For each stream: its table, how its rows are merged and when they are seen, and the statements that a write would
    /// run. The database is only read, in transactions that cannot write.
    #[command(verbatim_doc_comment)]
    Plan(Plan),
}

/// Options of `plan`.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Configured catalog file
    #[arg(long, value_name = "FILE")]
    pub catalog: PathBuf,
}

/// Options of `keygen`.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
pub struct Keygen {
    /// File of the private key
    #[arg(long, value_name = "FILE", default_value = "ssh_key")]
    pub out: PathBuf,
    /// Comment of the public key, for instance the customer's name
    #[arg(long, value_name = "TEXT", default_value = "destination-postgres", value_parser = one_line)]
    pub comment: String,
    /// Database that may be reached with the key, as the configuration names it; repeatable
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    pub permitopen: Vec<String>,
    /// Configuration whose host and port may be reached with the key
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address, network or pattern from which the key is accepted; repeatable
    #[arg(long, value_name = "ADDRESS", value_parser = address_pattern)]
    pub from: Vec<String>,
    /// Day after which the bastion does not accept the key
    #[arg(long, value_name = "YYYYMMDD", value_parser = day)]
    pub expires: Option<String>,
    /// File whose first line is the passphrase that the private key is encrypted with
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Options of `setup-sql`.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
#[command(group = ArgGroup::new("place").args(["schema", "config"]).multiple(true))]
pub struct SetupSql {
    /// Configuration file: database, schema, username, password, role, reader_roles
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Database to load into
    #[arg(long, value_name = "NAME", required_unless_present = "config")]
    pub database: Option<String>,
    /// User that the connector logs in as
    #[arg(long, value_name = "NAME", required_unless_present = "config")]
    pub username: Option<String>,
    /// Schema to load into; repeatable, for streams with namespaces
    #[arg(long, value_name = "NAME")]
    pub schema: Vec<String>,
    /// Make the schemas beforehand: the connector then needs no CREATE on the database
    #[arg(long, requires = "place")]
    pub existing_schema: bool,
    /// Role that the user takes on and that owns what is loaded
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,
    /// Role that may read what is loaded; repeatable
    #[arg(long, value_name = "NAME")]
    pub reader: Vec<String>,
    /// Print the script that removes the user and its privileges
    #[arg(long, conflicts_with_all = ["existing_schema", "reader"])]
    pub undo: bool,
}

fn one_line(text: &str) -> Result<String, String> {
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("a comment is one line without control characters".into());
    }
    Ok(text.trim().to_owned())
}

/// `HOST:PORT`, an IPv6 address in brackets.
fn host_and_port(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').ok_or("the port is missing, as in db.example.com:5432")?;
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or("the port must be a number from 1 to 65535")?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return Err("an IPv6 address belongs in brackets, as in [2001:db8::1]:5432".into());
    }
    permit_open(bare.unwrap_or(host), port)
}

/// What `permitopen` takes for a database.
///
/// # Errors
/// A sentence when the host cannot stand in an `authorized_keys` line.
pub fn permit_open(host: &str, port: u16) -> Result<String, String> {
    let unfit = |c: char| c.is_whitespace() || c.is_control() || "\"\\[]*?,".contains(c);
    if host.is_empty() || host.contains(unfit) {
        return Err("the host must be a name or an address".into());
    }
    Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

fn address_pattern(text: &str) -> Result<String, String> {
    let fit = |c: char| c.is_ascii_alphanumeric() || "._:/-*?!,%".contains(c);
    if text.is_empty() || !text.chars().all(fit) {
        return Err("it must be an address, a network as in 192.0.2.0/24, or a pattern of host names".into());
    }
    Ok(text.to_owned())
}

fn day(text: &str) -> Result<String, String> {
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits
        || !number(4, 6).is_some_and(|m| (1..=12).contains(&m))
        || !number(6, 8).is_some_and(|d| (1..=31).contains(&d))
    {
        return Err("a day is written YYYYMMDD, as in 20271231".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, parse};

    fn run(line: &str) -> Result<ForPeople, clap::Error> {
        match parse(["destination-postgres"].into_iter().chain(line.split_whitespace()))? {
            Command::ForPeople(command) => Ok(command),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_are_read() {
        let ForPeople::Keygen(keygen) = run(
            "keygen --out k --permitopen db:5432 --permitopen [2001:db8::1]:1 --from 192.0.2.1 --from 10.0.0.0/8,!10.1.1.1 \
             --expires 20271231 --comment acme",
        )
        .expect("options") else {
            panic!("another command")
        };
        assert_eq!(keygen.permitopen, ["db:5432", "[2001:db8::1]:1"]);
        assert_eq!(keygen.from, ["192.0.2.1", "10.0.0.0/8,!10.1.1.1"]);
        assert_eq!((keygen.expires.as_deref(), keygen.comment.as_str()), (Some("20271231"), "acme"));
        let ForPeople::Keygen(keygen) = run("keygen").expect("no option is needed") else { panic!("another command") };
        assert_eq!(keygen.out, PathBuf::from("ssh_key"));

        let lines = [
            "setup-sql --config c.json",
            "setup-sql --config c.json --existing-schema --reader a --reader b",
            "setup-sql --config c.json --undo --schema a --schema b",
            "setup-sql --database d --username u --schema s --existing-schema --role r",
            "setup-sql --database d --username u",
            "plan --config c.json --catalog k.json",
        ];
        for line in lines {
            run(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn wrong_lines_exit_2_on_stderr() {
        let lines = [
            "keygen now",
            "keygen --catalog k.json",
            "--config c.json keygen",
            "check keygen",
            "--spec setup-sql",
            "keygen --permitopen db",
            "keygen --permitopen db:0",
            "keygen --permitopen db:65536",
            "keygen --permitopen :5432",
            "keygen --permitopen ::1:5432",
            "keygen --permitopen a\",command=\"b:5432",
            "keygen --permitopen *:5432",
            "keygen --from a\"b",
            "keygen --from=",
            "keygen --expires 2027-12-31",
            "keygen --expires 20271301",
            "keygen --expires 20271200",
            "keygen --out a --out b",
            "setup-sql",
            "setup-sql --database d",
            "setup-sql --database d --username u --existing-schema",
            "setup-sql --config c.json --undo --existing-schema",
            "setup-sql --config c.json --undo --reader r",
            "setup-sql --config c.json --password p",
            "setup-sql --config a --config b",
            "setup_sql --config c.json",
            "plan --config c.json",
            "plan --catalog k.json",
            "plan write --config c.json --catalog k.json",
            "help",
        ];
        for line in lines {
            let error = parse(["x"].into_iter().chain(line.split_whitespace())).expect_err(line);
            assert!(error.use_stderr() && error.exit_code() == 2, "{line}: {error}");
        }
        for comment in ["two\nlines", "a\u{1b}[31m", "a\u{2028}b", "a\0b"] {
            let error = parse(["x", "keygen", "--comment", comment]).expect_err("no one line");
            assert_eq!(error.exit_code(), 2, "{error}");
        }
    }

    #[test]
    fn every_command_explains_itself() {
        for (line, words) in [
            ("--help", ["keygen", "setup-sql", "authorized_keys"]),
            ("keygen --help", ["0600", "--permitopen", "FILE.pub"]),
            ("setup-sql --help", ["SCRAM-SHA-256", "--existing-schema", "--undo"]),
            ("plan --help", ["--config", "--catalog", "only read"]),
        ] {
            let answer = parse(["x"].into_iter().chain(line.split_whitespace())).expect_err("help");
            assert!(!answer.use_stderr() && answer.exit_code() == 0, "{line}");
            let text = answer.to_string();
            assert!(words.iter().all(|word| text.contains(word)), "{line}: {text}");
        }
    }

    #[test]
    fn the_guide_is_right() {
        let guide = include_str!("../../README.md");
        let mut commands = 0;
        for line in guide.lines() {
            let words = line.split_whitespace().skip_while(|word| word.contains('='));
            let words: Vec<&str> = words.take_while(|word| !["<", ">", "#"].contains(word)).collect();
            if words.first() == Some(&"destination-postgres") && line.is_ascii() {
                parse(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
                commands += 1;
            }
        }
        assert!(commands >= 7, "{commands}");
        // Every option of the table of variants.
        for line in guide.lines().filter(|line| line.starts_with("| `--")) {
            let option = line.split('`').nth(1).expect("an option");
            run(&format!("setup-sql --config c.json {option}")).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
