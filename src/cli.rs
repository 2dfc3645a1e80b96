//! The command line: one operation of the protocol, spelt as a word or as a flag, and the files it works on; or one
//! command for people, with options of its own.
//!
//! Owns: the grammar and its usage errors. It opens no file and prints nothing.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory, Parser, ValueEnum};

pub use self::operator::{ForPeople, Keygen, Plan, SetupSql, permit_open};

mod operator;

/// What the process was asked to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Print the specification.
    Spec,
    /// Try the configuration.
    Check {
        /// Configuration file.
        config: PathBuf,
    },
    /// Load the records of stdin.
    Write {
        /// Configuration file.
        config: PathBuf,
        /// Configured catalog file.
        catalog: PathBuf,
    },
    /// Answer a person.
    ForPeople(ForPeople),
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// A wrong command line, and `--help` and `--version`, which are no command either: the caller prints the error
/// where [`clap::Error::use_stderr`] says and exits with [`clap::Error::exit_code`] (2 for a wrong command line).
pub fn parse<I>(args: I) -> Result<Command, clap::Error>
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let line = Line::try_parse_from(args)?;
    if let Some(command) = line.command {
        return Ok(Command::ForPeople(command));
    }
    match line.operation() {
        Operation::Spec => Ok(Command::Spec),
        Operation::Check => Ok(Command::Check { config: needed(line.config, "check", "--config")? }),
        Operation::Write => Ok(Command::Write {
            config: needed(line.config, "write", "--config")?,
            catalog: needed(line.catalog, "write", "--catalog")?,
        }),
    }
}

/// Loads Airbyte records into PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "destination-postgres", version, about)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(group = ArgGroup::new("asked").required(true).args(["word", "spec", "check", "write"]))]
struct Line {
    #[command(subcommand)]
    command: Option<ForPeople>,
    /// What to do; the spellings --spec, --check and --write do the same
    #[arg(value_name = "OPERATION", value_enum)]
    word: Option<Operation>,
    #[arg(long, hide = true)]
    spec: bool,
    #[arg(long, hide = true)]
    check: bool,
    #[arg(long, hide = true)]
    write: bool,
    /// Configuration file (check, write)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Configured catalog file (write)
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Accepted and ignored
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Operation {
    /// Print the configuration form this destination asks for
    Spec,
    /// Try the configuration against the server
    Check,
    /// Load the messages that arrive on stdin
    Write,
}

impl Line {
    /// The one operation; the group has made sure that there is exactly one.
    fn operation(&self) -> Operation {
        match self.word {
            Some(word) => word,
            None if self.spec => Operation::Spec,
            None if self.check => Operation::Check,
            None => Operation::Write,
        }
    }
}

fn needed(file: Option<PathBuf>, operation: &str, option: &str) -> Result<PathBuf, clap::Error> {
    file.ok_or_else(|| {
        Line::command().error(ErrorKind::MissingRequiredArgument, format!("{operation} needs {option} <FILE>"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Command, clap::Error> {
        parse(std::iter::once("destination-postgres").chain(line.split_whitespace()))
    }

    fn write() -> Command {
        Command::Write { config: "c.json".into(), catalog: "k.json".into() }
    }

    #[test]
    fn grammar_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn every_spelling_works() {
        let check = Command::Check { config: "c.json".into() };
        let cases = [
            ("spec", Command::Spec),
            ("--spec", Command::Spec),
            ("spec --config c.json", Command::Spec),
            ("check --config c.json", check.clone()),
            ("--config c.json check", check.clone()),
            ("--check --config=c.json", check.clone()),
            ("check --config c.json --catalog k.json --state s.json", check),
            ("write --config c.json --catalog k.json", write()),
            ("--catalog k.json --config c.json write", write()),
            ("--config c.json write --catalog k.json --state s.json", write()),
            ("--write --config c.json --catalog k.json", write()),
            ("--config c.json --catalog k.json --write", write()),
        ];
        for (line, want) in cases {
            assert_eq!(run(line).unwrap_or_else(|e| panic!("{line}: {e}")), want, "{line}");
        }
    }

    #[test]
    fn wrong_lines_exit_2_on_stderr() {
        let lines = [
            "",
            "--config c.json",
            "discover --config c.json",
            "read",
            "spec check --config c.json",
            "spec --check",
            "--spec --write",
            "--check write --config c.json --catalog k.json",
            "check",
            "write --config c.json",
            "write --catalog k.json",
            "check --config",
            "check --config a --config b",
            "check --config c.json --verbose",
        ];
        for line in lines {
            let error = run(line).expect_err(line);
            assert!(error.use_stderr() && error.exit_code() == 2, "{line}: {error}");
        }
    }

    #[test]
    fn missing_file_is_named() {
        let text = run("write --config c.json").expect_err("no catalog").to_string();
        assert!(text.contains("write needs --catalog <FILE>") && text.contains("Usage:"), "{text}");
    }

    #[test]
    fn help_and_version_are_no_failure() {
        for (line, word) in
            [("--help", "--catalog"), ("--version", env!("CARGO_PKG_VERSION")), ("write --help", "write")]
        {
            let answer = run(line).expect_err(line);
            assert!(!answer.use_stderr() && answer.exit_code() == 0, "{line}");
            assert!(answer.to_string().contains(word), "{line}: {answer}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn file_names_need_not_be_utf8() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(b"c\xff.json".to_vec());
        let args = [OsString::from("x"), "check".into(), "--config".into(), odd.clone()];
        assert_eq!(parse(args).expect("a path"), Command::Check { config: odd.into() });
    }
}
