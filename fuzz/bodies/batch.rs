//! BATCH: the message, the files that it names, and the rows in them.
//!
//! The first byte of an input says what the rest is: the object `batch` of a message, an Arrow stream, an Arrow file or Parquet.
//! The second says what the stream declares (see `arrow_rows`). In a message, `$ROOT` is the directory whose files may be opened;
//! it holds a file `rows`, a directory `more`, and the link `out`, which leads to a file elsewhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use arrow::datatypes::Schema;
use arrow::ipc::writer::StreamWriter;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use destination_postgres::arrow_source::{Inline, Roots, Source};
use destination_postgres::error::ErrorKind;
use destination_postgres::protocol::{BatchFormat, BatchRows, DataReader, Message, parse_line};
use tempfile::TempDir;

use super::arrow_rows;
use super::json::unescaped;
use super::members::Members;

/// What the first byte of an input stands for; otherwise it is a message.
const FORMATS: [BatchFormat; 3] = [BatchFormat::ArrowStream, BatchFormat::ArrowFile, BatchFormat::Parquet];

/// See above.
pub fn run(input: &[u8]) {
    let [choice, declared, rest @ ..] = input else { return };
    let directory = TempDir::new().expect("a directory");
    match FORMATS.get(usize::from(choice % 4)) {
        None => message(rest, *declared, directory.path()),
        Some(format) => {
            let rows = file(&directory, rest, *format, *declared);
            if *format == BatchFormat::ArrowStream && !rest.is_empty() {
                let inline = Source::inline(Inline::decode(&STANDARD.encode(rest)))
                    .map(|source| arrow_rows::load(source, *declared));
                assert_eq!(rows.is_ok(), inline.is_ok(), "a file and the data of a message differ");
                assert_eq!(rows.ok(), inline.ok(), "a file and the data of a message differ");
            }
        }
    }
}

/// Loads a file of these bytes.
fn file(directory: &TempDir, bytes: &[u8], format: BatchFormat, declared: u8) -> Result<usize, ()> {
    let path = directory.path().join("rows");
    fs::write(&path, bytes).expect("a file");
    let roots = Roots::new([directory.path().to_owned()]);
    match Source::file(&format!("file://{}", path.display()), format, &roots) {
        Ok(source) => Ok(arrow_rows::load(source, declared)),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Batch, "{error}");
            assert!(error.message().starts_with(&format!("file {}: ", path.display())), "{error}");
            Err(())
        }
    }
}

struct Nobody;

impl DataReader for Nobody {
    fn read_data(
        &mut self,
        _: Option<&str>,
        scanner: &mut destination_postgres::json::Scanner<'_>,
    ) -> Result<(), destination_postgres::json::SyntaxError> {
        scanner.value().map(drop)
    }
}

fn message(text: &[u8], declared: u8, directory: &Path) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let text = text.replace("$ROOT", &directory.join("in").display().to_string());
    if Members::read(&text).is_none() {
        return;
    }
    let line = format!(r#"{{"type":"BATCH","batch":{text}}}"#);
    let parsed = parse_line(&line, &mut Nobody);
    if let Ok(Message::Batch(batch)) = &parsed {
        match &batch.rows {
            BatchRows::Files(format, urls) => open(*format, urls, directory),
            BatchRows::Inline(data) => match Source::inline(Inline::decode(data)) {
                Ok(source) => drop(arrow_rows::load(source, declared)),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Batch, "{error}"),
            },
        }
    }
    check_batch(Some(text.trim()), parsed);
}

/// Opens what the URLs name: that can only be files below the root.
fn open(format: BatchFormat, urls: &[String], directory: &Path) {
    let (inside, outside) = (directory.join("in"), directory.join("out"));
    fs::create_dir_all(inside.join("more")).expect("a directory");
    let mut stream = Vec::new();
    let mut writer = StreamWriter::try_new(&mut stream, &Schema::empty()).expect("a writer");
    writer.finish().expect("an end");
    for path in [inside.join("rows"), inside.join("more/rows"), outside.clone()] {
        fs::write(path, &stream).expect("a file");
    }
    symlink(&outside, inside.join("out")).expect("a link");
    let inside = fs::canonicalize(inside).expect("a directory");
    for url in urls.iter().take(8) {
        match Source::file(url, format, &Roots::new([inside.clone()])) {
            Ok(source) => {
                let path = PathBuf::from(source.name().strip_prefix("file ").expect("a file"));
                let real = fs::canonicalize(&path).expect("the file");
                assert!(real.starts_with(&inside) && path.starts_with(&inside), "{url} opens {}", real.display());
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Batch, "{error}");
                let plain = format!("file://{}", inside.join("rows").display());
                assert!(format != BatchFormat::ArrowStream || *url != plain, "{error}");
            }
        }
    }
}

/// What the object `batch` says, or must be refused for.
pub fn check_batch(batch: Option<&str>, parsed: Result<Message<'_>, String>) {
    let Some(batch) = batch.filter(|batch| batch.starts_with('{')) else {
        return assert_eq!(parsed.unwrap_err(), "a BATCH message has no `batch` object");
    };
    // Of names that come twice the last counts, but that is for the library's own tests.
    let Some(members) = Members::read(batch).filter(Members::are_plain) else { return };
    let given = |name: &str| members.get(name).filter(|value| *value != "null");
    let Some(stream) = members.get("stream").and_then(text) else {
        return assert_eq!(parsed.unwrap_err(), "the batch has no `stream`");
    };
    let format = match given("encoding") {
        None => Some(None),
        Some(encoding) => match Members::read(encoding) {
            Some(encoding) if !encoding.are_plain() => return,
            Some(encoding) => match encoding.get("format").filter(|format| *format != "null") {
                None => Some(None),
                Some(name) => FORMATS.iter().find(|format| text(name).as_deref() == Some(format.as_str())).map(Some),
            },
            None => None,
        },
    };
    let urls =
        |manifest: &str| serde_json::from_str::<Vec<String>>(manifest).ok().filter(|_| manifest.starts_with('['));
    let wanted = match (format, given("manifest"), given("data")) {
        (Some(Some(format)), Some(manifest), None) => urls(manifest).map(|urls| (Some(*format), urls)),
        (Some(None | Some(BatchFormat::ArrowStream)), None, Some(data)) => text(data).map(|data| (None, vec![data])),
        _ => None,
    };
    match (wanted, parsed) {
        (Some(wanted), Ok(Message::Batch(found))) => {
            assert_eq!(found.stream, stream);
            let namespace = members.get("namespace").and_then(text).filter(|namespace| !namespace.is_empty());
            assert_eq!(found.namespace.as_deref(), namespace.as_deref());
            let rows = match found.rows {
                BatchRows::Files(format, urls) => (Some(format), urls),
                BatchRows::Inline(data) => (None, vec![data.into_owned()]),
            };
            assert_eq!(rows, wanted);
        }
        (None, Err(sentence)) => {
            assert!(
                sentence.starts_with(&format!("the batch of stream {stream} has ")) || sentence.contains("encoding")
            );
        }
        (wanted, parsed) => panic!("{wanted:?} became {parsed:?}"),
    }
}

/// The characters of a JSON string.
fn text(json: &str) -> Option<String> {
    Some(unescaped(json.strip_prefix('"')?.strip_suffix('"')?).0)
}
