//! The way from records to COPY: the bytes are read back as the server reads them, and each field is compared with
//! what serde_json says of its value.
//!
//! Each line of the input is one record. `=` and a JSON value: that value in every column. An object: the data of a
//! record of stream `typed`. `k`, `r`, `a` or `b` before the object: of stream `keyed`, `raw`, or `twin` in namespace a
//! or b. An empty line ends a window.

use std::collections::HashSet;

use destination_postgres::batch::{Layout, LayoutColumn, RawIds, Router, RouterStream, Rows};
use destination_postgres::copy::{CopyChunks, CopyColumns, Meta};
use destination_postgres::numeric::{NumberError, encode_number, integer_from_number, integer_from_text};
use destination_postgres::protocol::{Message, StreamName, parse_line};
use destination_postgres::types::ColumnType;
use destination_postgres::types::calendar::{self, TemporalError};
use serde_json::Value;
use serde_json::value::RawValue;

use super::copy::{check_payload, plain_json, read_copy};
use super::json::{compact, unescaped};
use super::members::Members;

const NOW_MS: i64 = 1_700_000_000_000;
/// `NOW_MS` in microseconds since 2000.
const NOW_MICROS: i64 = 753_315_200_000_000;

/// The first letter of a line, and the stream that it stands for.
const STREAMS: [(char, Option<&str>, &str); 5] = [
    ('{', None, "typed"),
    ('k', None, "keyed"),
    ('r', None, "raw"),
    ('a', Some("a"), "twin"),
    ('b', Some("b"), "twin"),
];
const KEYED: usize = 1;
const RAW: usize = 2;

/// Columns of the streams that are not raw; their names are the fields.
const COLUMNS: [(&str, ColumnType); 12] = [
    ("boolean", ColumnType::Boolean),
    ("integer", ColumnType::Integer),
    ("number", ColumnType::Number),
    ("string", ColumnType::String),
    ("date", ColumnType::Date),
    ("timetz", ColumnType::TimeTz),
    ("time", ColumnType::Time),
    ("timestamptz", ColumnType::TimestampTz),
    ("timestamp", ColumnType::Timestamp),
    ("object", ColumnType::Object),
    ("array", ColumnType::Array),
    ("json", ColumnType::Json),
];
/// The key of stream `keyed`: a number, a text and an instant.
const KEY: [usize; 3] = [2, 3, 7];
/// The column that marks a deletion there.
const DELETED_AT: usize = 8;
/// The column of stream `raw`.
const DATA: &str = "_airbyte_data";

/// The first byte says whether the order of arrival travels, the rest are lines.
pub fn run(input: &[u8]) {
    let Some((&choice, input)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(input) else { return };
    let streams = STREAMS.iter().enumerate();
    let streams =
        streams.map(|(i, (_, namespace, name))| RouterStream::new(StreamName::new(*namespace, name), layout(i)));
    let mut router = Router::new(streams.collect(), RawIds::seeded(7));
    let mut windows = Windows { arrival: choice % 2 == 1, expected: STREAMS.map(|_| Vec::new()), keys: HashSet::new() };
    for line in text.lines() {
        let Some(first) = line.chars().next() else {
            windows.check(&mut router);
            continue;
        };
        let rest = &line[first.len_utf8()..];
        let everywhere = || COLUMNS.map(|(field, _)| format!("\"{field}\":{rest}")).join(",");
        let (stream, data) = match STREAMS.iter().position(|(mark, ..)| *mark == first) {
            Some(0) => (0, line.to_owned()),
            Some(stream) => (stream, rest.to_owned()),
            None if first == '=' => (0, format!("{{{}}}", everywhere())),
            None => continue,
        };
        if take_in(&mut router, stream, &data) {
            windows.expected[stream].push(Row::expected(stream, &data));
        }
    }
    windows.check(&mut router);
}

fn layout(stream: usize) -> Layout {
    let column = |(field, column_type): (&str, ColumnType)| LayoutColumn { field: field.to_owned(), column_type };
    let keyed = stream == KEYED;
    Layout {
        columns: if stream == RAW { vec![column((DATA, ColumnType::Json))] } else { COLUMNS.map(column).into() },
        raw: stream == RAW,
        key: if keyed { KEY.into() } else { Vec::new() },
        deleted_at: keyed.then_some(DELETED_AT),
        first_load: keyed,
    }
}

/// Hands a record to the router; false when its data are no object.
fn take_in(router: &mut Router, stream: usize, data: &str) -> bool {
    let (_, namespace, name) = STREAMS[stream];
    let namespace = namespace.map_or(String::new(), |namespace| format!(",\"namespace\":\"{namespace}\""));
    // The stream's name comes first or last: with it, the data are read while the line is scanned.
    let line = if data.len().is_multiple_of(2) {
        format!(r#"{{"type":"RECORD","record":{{"stream":"{name}"{namespace},"data":{data}}}}}"#)
    } else {
        format!(r#"{{"record":{{"data":{data}{namespace},"stream":"{name}"}},"type":"RECORD"}}"#)
    };
    let is_object = serde_json::from_str::<&RawValue>(data).is_ok_and(|data| data.get().starts_with('{'));
    match parse_line(&line, router) {
        Ok(Message::Record(record)) if is_object => {
            let (number, bytes) = router.append(&record, &line, NOW_MS).expect("a record of the catalog");
            assert!(number == stream && bytes > 0);
        }
        // Data that close their own object can make the line say anything.
        other => assert!(!is_object, "{line:?} became {other:?}"),
    }
    is_object
}

/// What a row must be: a field a column, and the change entries (field, change, reason).
#[derive(Debug, Default)]
struct Row {
    fields: Vec<Option<Vec<u8>>>,
    changes: Vec<(String, &'static str, &'static str)>,
}

const TOO_LARGE: &str = "DESTINATION_FIELD_SIZE_LIMITATION";
const NOT_OF_TYPE: &str = "DESTINATION_SERIALIZATION_ERROR";

/// A field's payload, whether it was cleaned, or why there is none.
type Made = Result<(Vec<u8>, bool), &'static str>;

impl Row {
    /// None when a name holds what no Rust string can.
    fn expected(stream: usize, data: &str) -> Option<Self> {
        let members = Members::read(data)?;
        let mut row = Self::default();
        if stream == RAW {
            let mut kept = Vec::new();
            for (name, value) in members.0.iter().filter(|(_, value)| *value != "null") {
                // The record is one level more.
                if compact(&format!("[{value}]")).exceeds_jsonb {
                    row.changes.push((name.replace('\0', ""), "NULLED", TOO_LARGE));
                } else {
                    kept.push(format!("{}:{value}", serde_json::to_string(name).unwrap()));
                }
            }
            row.add(DATA, json(&format!("{{{}}}", kept.join(","))));
        } else {
            for (field, column_type) in COLUMNS {
                match members.get(field).unwrap_or("null") {
                    "null" => row.fields.push(None),
                    value => row.add(field, payload(column_type, value)),
                }
            }
        }
        Some(row)
    }

    fn add(&mut self, field: &str, made: Made) {
        match made {
            Ok((_, false)) => {}
            Ok((_, true)) => self.changes.push((field.to_owned(), "TRUNCATED", NOT_OF_TYPE)),
            Err(reason) => self.changes.push((field.to_owned(), "NULLED", reason)),
        }
        self.fields.push(made.ok().map(|(payload, _)| payload));
    }
}

/// What a JSON value that is not null becomes.
fn payload(column_type: ColumnType, value: &str) -> Made {
    let string = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(unescaped);
    let is_number = value.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let temporal = |error| if error == TemporalError::OutOfRange { TOO_LARGE } else { NOT_OF_TYPE };
    let numeric = |error| if error == NumberError::OutOfRange { TOO_LARGE } else { NOT_OF_TYPE };
    let text = string.as_ref().map(|(text, _)| text.as_str());
    let clean = |bytes: &[u8]| (bytes.to_vec(), false);
    match column_type {
        ColumnType::Boolean => match value {
            "true" | "false" => Ok((vec![u8::from(value == "true")], false)),
            _ => Err(NOT_OF_TYPE),
        },
        ColumnType::Integer if is_number => {
            integer_from_number(value).map(|v| clean(&v.to_be_bytes())).map_err(numeric)
        }
        ColumnType::Integer => {
            integer_from_text(text.ok_or(NOT_OF_TYPE)?).map(|v| clean(&v.to_be_bytes())).map_err(numeric)
        }
        ColumnType::Number => {
            let mut payload = Vec::new();
            encode_number(if is_number { value } else { text.ok_or(NOT_OF_TYPE)? }, &mut payload).map_err(numeric)?;
            Ok((payload, false))
        }
        ColumnType::String => Ok(match string {
            Some((text, dirty)) => (text.into_bytes(), dirty),
            None => {
                let made = compact(value);
                (made.text.into_bytes(), made.dirty)
            }
        }),
        ColumnType::Object if !value.starts_with('{') => Err(NOT_OF_TYPE),
        ColumnType::Array if !value.starts_with('[') => Err(NOT_OF_TYPE),
        ColumnType::Object | ColumnType::Array | ColumnType::Json => json(value),
        _ => {
            let text = text.ok_or(NOT_OF_TYPE)?;
            let bytes = match column_type {
                ColumnType::Date => calendar::parse_date(text).map(|v| v.to_be_bytes().to_vec()),
                ColumnType::Time => calendar::parse_time(text).map(|v| v.to_be_bytes().to_vec()),
                ColumnType::TimeTz => calendar::parse_time_tz(text)
                    .map(|(micros, west)| [&micros.to_be_bytes()[..], &west.to_be_bytes()[..]].concat()),
                ColumnType::Timestamp => calendar::parse_timestamp(text).map(|v| v.to_be_bytes().to_vec()),
                _ => calendar::parse_timestamp_tz(text).map(|v| v.to_be_bytes().to_vec()),
            };
            bytes.map(|bytes| (bytes, false)).map_err(temporal)
        }
    }
}

/// Binary `jsonb`: a version and the text, which is compared without its blanks.
fn json(value: &str) -> Made {
    let made = compact(value);
    if made.exceeds_jsonb { Err(TOO_LARGE) } else { Ok((format!("\x01{}", made.text).into_bytes(), made.dirty)) }
}

/// Rows that wait, and the keys of the windows before.
struct Windows {
    arrival: bool,
    /// None for a row of which only that it is there is known.
    expected: [Vec<Option<Row>>; STREAMS.len()],
    keys: HashSet<Vec<Vec<u8>>>,
}

impl Windows {
    /// Takes all rows of the router and compares them.
    fn check(&mut self, router: &mut Router) {
        for (stream, rows) in router.take() {
            let expected = std::mem::take(&mut self.expected[stream]);
            assert_eq!(rows.count, expected.len() as u64);
            let types: Vec<ColumnType> =
                if stream == RAW { vec![ColumnType::Json] } else { COLUMNS.map(|(_, column_type)| column_type).into() };
            // As the loader asks for it.
            let columns = CopyColumns::of_load_table(rows.has_changes, self.arrival);
            let sent = read_copy(&CopyChunks::new(&rows, &types, columns).collect::<Vec<_>>().concat());
            assert_eq!(sent.len(), expected.len());
            let mut found = Vec::new();
            for (at, mut fields) in sent.into_iter().enumerate() {
                check_ours(&mut fields, at, columns);
                let changes = if columns.meta == Meta::Changes { fields.remove(0) } else { None };
                compare(&fields, changes.as_deref(), &types, expected[at].as_ref());
                found.push(fields);
            }
            if stream == KEYED {
                self.check_keys(&rows, &found);
            }
        }
        assert!(self.expected.iter().all(Vec::is_empty), "rows that were not taken");
    }

    fn check_keys(&mut self, rows: &Rows, found: &[Vec<Option<Vec<u8>>>]) {
        let facts = rows.keys;
        let missing = |column: usize| found.iter().any(|fields| fields[column].is_none());
        assert_eq!(facts.nulls, KEY.iter().any(|&column| missing(column)));
        assert_eq!(facts.deletions, found.iter().any(|fields| fields[DELETED_AT].is_some()));
        let keys: Vec<Vec<Vec<u8>>> =
            found.iter().filter_map(|fields| KEY.map(|column| key(column, fields)).into_iter().collect()).collect();
        let distinct: HashSet<Vec<Vec<u8>>> = keys.iter().cloned().collect();
        assert!(facts.duplicates || distinct.len() == keys.len(), "two rows of one key");
        assert!(facts.seen_before || self.keys.is_disjoint(&distinct), "a key that came before");
        self.keys.extend(distinct);
    }
}

/// What Postgres compares: a number without the decimals that it shows.
fn key(column: usize, fields: &[Option<Vec<u8>>]) -> Option<Vec<u8>> {
    let payload = fields[column].clone()?;
    Some(if COLUMNS[column].1 == ColumnType::Number { [&payload[..6], &payload[8..]].concat() } else { payload })
}

/// Checks and removes the raw id, the time of extraction and the position.
fn check_ours(fields: &mut Vec<Option<Vec<u8>>>, at: usize, columns: CopyColumns) {
    let id = fields.remove(0).expect("an id");
    let id = std::str::from_utf8(&id).expect("an id in letters");
    let version = id.as_bytes().get(14);
    assert!(id.len() == 36 && version == Some(&b'7') && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]), "{id}");
    assert_eq!(fields.remove(0), Some(NOW_MICROS.to_be_bytes().to_vec()));
    if columns.arrival {
        let position = fields.remove(usize::from(columns.meta == Meta::Changes));
        assert_eq!(position, Some((at as i64).to_be_bytes().to_vec()));
    }
}

fn compare(fields: &[Option<Vec<u8>>], changes: Option<&[u8]>, types: &[ColumnType], expected: Option<&Row>) {
    assert_eq!(fields.len(), types.len());
    let mut plain = Vec::new();
    for (field, column_type) in fields.iter().zip(types) {
        plain.push(field.as_deref().map(|payload| {
            check_payload(*column_type, payload);
            match column_type {
                ColumnType::Object | ColumnType::Array | ColumnType::Json => plain_json(payload),
                _ => payload.to_vec(),
            }
        }));
    }
    let changes = changes.map_or(Value::Array(Vec::new()), |payload| {
        serde_json::from_slice(&plain_json(payload)[1..]).expect("change entries")
    });
    let Some(expected) = expected else { return };
    assert_eq!(plain, expected.fields);
    let entry = |(field, change, reason): &(String, &str, &str)| serde_json::json!({"field": field, "change": change, "reason": reason});
    assert_eq!(changes, expected.changes.iter().map(entry).collect::<Value>());
}
