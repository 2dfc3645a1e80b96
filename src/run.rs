//! Runs a command and turns its outcome into messages and an exit code.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;

use crate::cli::{Command, ForPeople, Plan};
use crate::config::{self, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::operator::Answer;
use crate::protocol::{ConfiguredCatalog, Output};
use crate::signals::{self, Termination};
use crate::write::Ended;
use crate::{check, limits, operator, panics, write};

/// Runs `command` and reports on stdout.
pub fn run(command: Command) -> ExitCode {
    let output = Output::stdout();
    panics::end_the_process(&output);
    let grace = if matches!(command, Command::Write { .. }) { limits::TERMINATE_GRACE } else { Duration::ZERO };
    let termination = match Termination::catch(grace) {
        Ok(termination) => termination,
        Err(error) => return finish(&output, Err(error)),
    };
    let outcome = match command {
        Command::Spec => spec(&output),
        Command::Check { config } => check(&config, &output),
        Command::Write { config, catalog } => return write(&config, &catalog, output, termination),
        Command::ForPeople(command) => return answer(&command, &output),
    };
    finish(&output, outcome)
}

fn finish(output: &Output, outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            for_a_person(output, &error);
            ExitCode::FAILURE
        }
    }
}

/// On a terminal the error is said in words as well.
fn for_a_person(output: &Output, error: &Error) {
    output.tell(&format!("error: {}", error.message()));
}

/// Answers on stdout, and says on stderr what to do with the answer or what went wrong.
fn answer(command: &ForPeople, output: &Output) -> ExitCode {
    use std::io::Write;
    let answer = match command {
        ForPeople::Keygen(options) => operator::keygen(options),
        ForPeople::SetupSql(options) => operator::setup_sql(options),
        ForPeople::Plan(options) => plan(options, output),
    };
    let said = answer.and_then(|answer| output.text(&answer.text).map(|()| answer.advice));
    let (text, code) = match said {
        Ok(advice) => (advice, ExitCode::SUCCESS),
        Err(error) => (format!("error: {}\n", output.clean(error.message())), ExitCode::FAILURE),
    };
    drop(std::io::stderr().write_all(text.as_bytes()));
    code
}

fn plan(options: &Plan, output: &Output) -> Result<Answer> {
    let config = Config::from_file(&options.config)?;
    let output = output.clone().redacting(config.secrets());
    let catalog = ConfiguredCatalog::from_file(&options.catalog)?;
    let runtime = runtime()?;
    let told = runtime.block_on(write::preview::preview(config, &catalog));
    leave(runtime);
    let text = told.map_err(|error| Error::new(error.kind(), output.clean(error.message())))?;
    Ok(Answer { text, advice: String::new() })
}

/// The process ends now. A runtime that is shut down would let a task that asks for the time panic.
fn leave(runtime: tokio::runtime::Runtime) {
    std::mem::forget(runtime);
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Error::new(ErrorKind::Internal, "cannot start the asynchronous runtime").with_source(e))
}

fn spec(output: &Output) -> Result<()> {
    let cloud = std::env::var_os("AIRBYTE_EDITION").is_some_and(|edition| edition.eq_ignore_ascii_case("CLOUD"));
    let spec = RawValue::from_string(config::specification(cloud))
        .map_err(|e| Error::new(ErrorKind::Internal, "the specification is not JSON").with_source(e))?;
    output.line(&format!(r#"{{"type":"SPEC","spec":{}}}"#, spec.get()))
}

fn check(config: &Path, output: &Output) -> Result<()> {
    let config = match Config::from_file(config) {
        Ok(config) => config,
        Err(error) => {
            for_a_person(output, &error);
            return failed_check(output, &error);
        }
    };
    let output = output.clone().redacting(config.secrets());
    let runtime = runtime()?;
    let checked = runtime.block_on(check::run(config, &output));
    // A thread that waits for the name service is not waited for.
    leave(runtime);
    match checked {
        Ok(()) => output.message(&json!({
            "type": "CONNECTION_STATUS",
            "connectionStatus": {"status": "SUCCEEDED"},
        })),
        Err(error) => failed_check(&output, &error),
    }
}

/// A check that finds a fault has not failed: the answer is the `CONNECTION_STATUS`, the exit code 0.
fn failed_check(output: &Output, error: &Error) -> Result<()> {
    output.message(&json!({
        "type": "CONNECTION_STATUS",
        "connectionStatus": {"status": "FAILED", "message": output.clean(error.message())},
    }))
}

fn write(config: &Path, catalog: &Path, output: Output, termination: Termination) -> ExitCode {
    let config = match Config::from_file(config) {
        Ok(config) => config,
        Err(error) => return finish(&output, Err(error)),
    };
    let output = output.redacting(config.secrets());
    let outcome = ConfiguredCatalog::from_file(catalog).and_then(|catalog| {
        let runtime = runtime()?;
        let ended = runtime.block_on(write::run(config, &catalog, std::io::stdin(), output.clone(), termination));
        // The thread that reads stdin may wait for ever.
        leave(runtime);
        ended
    });
    match outcome {
        Ok(Ended::AtEndOfInput) => ExitCode::SUCCESS,
        Ok(Ended::By(signal)) => signals::die_of(signal),
        Err(error) => finish(&output, Err(error)),
    }
}
