//! Panics, in whatever thread: provoked in this binary itself, which runs the connector's own code as a program when a
//! variable asks for it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use destination_postgres::config::Config;
use destination_postgres::panics;
use destination_postgres::protocol::{ConfiguredCatalog, Output};
use destination_postgres::signals::Termination;
use destination_postgres::write;
use libtest_mimic::{Failed, Trial};
use tokio::runtime::Runtime;

use crate::bed::{self, Bed};
use crate::support::connector::{Connector, Outcome};
use crate::support::workload;

/// Says where to panic.
const PLACE: &str = "BOUNDS_PANIC";
/// A value that no output may show.
const VALUE: &str = "geheim 4711";

const PLACES: [&str; 5] = ["main thread", "other thread", "task", "blocking task", "slice"];

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("panics::while_the_input_is_read_nothing_is_committed", in_the_input),
        Trial::test("panics::while_a_state_is_written_it_ends", in_the_output),
    ];
    for place in PLACES {
        trials.push(Trial::test(format!("panics::in::{}", place.replace(' ', "_")), move || {
            bug(&program("spec", place).run(b""))
        }));
    }
    trials
}

fn program(command: &str, place: &str) -> Connector {
    let this = std::env::current_exe().expect("this program has a path");
    Connector::of(this.as_os_str(), command).env(PLACE, place)
}

/// One TRACE ERROR, exit code 1, and not a word of the panic itself.
fn bug(outcome: &Outcome) -> Result<(), Failed> {
    bed::failed(outcome, "system_error", &["because of a bug in it", ", line ", "report"])?;
    assert_eq!(outcome.stderr, "");
    assert!(!outcome.stdout.concat().contains("geheim"), "{outcome:#?}");
    assert!(outcome.stdout.last().is_some_and(|last| last.contains("TRACE")), "{outcome:#?}");
    Ok(())
}

fn write_with(bed: &Bed, place: &str, input: &str) -> Outcome {
    let catalog = workload::append_catalog("rows").to_string();
    let program = program("write", place).file("config", bed.config().to_string().as_bytes());
    program.file("catalog", catalog.as_bytes()).run(input.as_bytes())
}

fn in_the_input() -> Result<(), Failed> {
    let bed = Bed::new()?.that_waits();
    bug(&write_with(&bed, "input", &workload::append_input("rows", 0..10, 10)))?;
    bed.nothing_is_left()?;
    assert_eq!(bed.rows(), 0);
    // The same with the real input: all of it arrives.
    workload::succeeded(&write_with(&bed, "nowhere", &workload::append_input("rows", 0..10, 10)), 1)?;
    assert_eq!(bed.rows(), 10);
    Ok(())
}

/// The rows of the first state are stored, and nothing after it.
fn in_the_output() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let outcome = write_with(&bed, "output", &workload::append_input("rows", 0..10, 10));
    // What writes to stdout is what broke.
    assert_eq!(outcome.code(), 1, "{outcome:#?}");
    assert!(outcome.stderr.starts_with("error: the connector stopped because of a bug in it ("), "{outcome:#?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:#?}");
    assert!(!outcome.stderr.contains("geheim"));
    assert_eq!(bed.rows(), 10);
    Ok(())
}

/// In the program that [`program`] starts: runs it, and answers how it ended.
pub fn as_the_program() -> Option<ExitCode> {
    let place = std::env::var(PLACE).ok()?;
    let output = Output::stdout();
    panics::end_the_process(&output);
    let runtime = Runtime::new().expect("a runtime");
    match &*place {
        "main thread" => panic!("{VALUE}"),
        "other thread" => drop(std::thread::spawn(|| panic!("{VALUE}")).join()),
        "task" => drop(runtime.block_on(async { tokio::spawn(async { panic!("{VALUE}") }).await })),
        "blocking task" => drop(runtime.block_on(async { tokio::task::spawn_blocking(|| panic!("{VALUE}")).await })),
        // A panic of the library's own making, which quotes the text.
        "slice" => drop(std::thread::spawn(|| "geheim é"[..8].len()).join()),
        "input" => sync(&runtime, Panicking { read: 0 }, output),
        "output" => {
            let output = Output::new(Box::new(PanickingOutput));
            panics::end_the_process(&output);
            sync(&runtime, std::io::stdin(), output);
        }
        _ => sync(&runtime, std::io::stdin(), output),
    }
    Some(ExitCode::SUCCESS)
}

fn sync(runtime: &Runtime, source: impl Read + Send + 'static, output: Output) {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).expect("a file").clone();
    let config = Config::from_file(Path::new(&after("--config"))).expect("a configuration");
    let catalog = ConfiguredCatalog::from_file(Path::new(&after("--catalog"))).expect("a catalog");
    let termination = Termination::catch(std::time::Duration::ZERO).expect("signals");
    drop(runtime.block_on(write::run(config, &catalog, source, output, termination)));
}

/// stdin, until it breaks.
struct Panicking {
    read: usize,
}

impl Read for Panicking {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = std::io::stdin().read(into)?;
        self.read += read;
        assert!(read > 0, "{VALUE} after {} bytes", self.read);
        Ok(read)
    }
}

/// stdout, until a STATE comes.
struct PanickingOutput;

impl Write for PanickingOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        assert!(!bytes.windows(7).any(|part| part == b"\"STATE\""), "{VALUE}");
        std::io::stdout().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().flush()
    }
}
