//! The `destination-postgres` program: arguments in, exit code out.

use std::process::ExitCode;

use destination_postgres::{cli, run};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(command) => run::run(command),
        Err(usage) => {
            drop(usage.print());
            u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}
