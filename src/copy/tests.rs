//! Our bytes against those that the server sent for the same values: `fixtures/NAME.sql` is its query, `NAME.copy` its answer,
//! `NAME.jsonl` the rows as JSON. `UPDATE=1 cargo test --test properties copy_goldens` asks a server anew.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, Int64Array, StringArray};
use arrow::datatypes::{Field, Schema};

use super::*;
use crate::json::Scanner;
use crate::schema::KeyFacts;
use crate::types::{ColumnBuilder, Outcome, Scalar};

/// 2023-11-14 22:13:20 UTC, counted from 2000.
const EXTRACTED_AT_US: i64 = 753_315_200_000_000;
const NULLED: &str = r#"[{"field": "a", "change": "NULLED", "reason": "DESTINATION_SERIALIZATION_ERROR"}]"#;

macro_rules! goldens {
    ($($name:ident: $types:expr,)*) => {$(
        #[test]
        fn $name() {
            let name = stringify!($name);
            let rows = include_str!(concat!("fixtures/", stringify!($name), ".jsonl"));
            let golden = include_bytes!(concat!("fixtures/", stringify!($name), ".copy"));
            compare(name, $types, rows, golden);
        }
    )*};
}

goldens! {
    boolean: &[ColumnType::Boolean],
    integer: &[ColumnType::Integer],
    number: &[ColumnType::Number],
    string: &[ColumnType::String],
    date: &[ColumnType::Date],
    timetz: &[ColumnType::TimeTz],
    time: &[ColumnType::Time],
    timestamptz: &[ColumnType::TimestampTz],
    timestamp: &[ColumnType::Timestamp],
    object: &[ColumnType::Object],
    array: &[ColumnType::Array],
    json: &[ColumnType::Json],
    small_int: &[ColumnType::SmallInt],
    int: &[ColumnType::Int],
    real: &[ColumnType::Real],
    double: &[ColumnType::Double],
    bytes: &[ColumnType::Bytes],
    uuid: &[ColumnType::Uuid],
    interval: &[ColumnType::Interval],
    list: &[ColumnType::List(Scalar::Integer)],
    list_of_text: &[ColumnType::List(Scalar::String)],
    all_types: ColumnType::ALL,
}

fn compare(name: &str, types: &[ColumnType], rows: &str, golden: &[u8]) {
    let meta = types.len() > 1;
    let rows = decode(types, rows);
    let encoded = encode(&rows, types, CopyColumns::of_load_table(meta, meta));
    let shared = encoded.iter().zip(golden).take_while(|(ours, theirs)| ours == theirs).count();
    assert!(
        encoded == golden,
        "{name}: {} bytes, the server sent {}; they differ from byte {shared}",
        encoded.len(),
        golden.len()
    );
}

/// Each line is an array with one value a column.
fn decode(types: &[ColumnType], rows: &str) -> Rows {
    let mut builders: Vec<ColumnBuilder> = types.iter().map(|&column_type| ColumnBuilder::new(column_type)).collect();
    let mut changes = Vec::new();
    for line in rows.lines() {
        let mut scanner = Scanner::new(line);
        scanner.enter_array().expect("an array");
        let mut nulled = false;
        for (position, builder) in builders.iter_mut().enumerate() {
            let token = scanner.next_element(position == 0).expect("JSON").expect("one value a column");
            nulled |= matches!(builder.append(token, line), Outcome::Nulled(_));
        }
        changes.push(nulled.then_some(NULLED));
    }
    let count = changes.len();
    // The number of the row in decimal digits, which an id takes for hexadecimal ones.
    let ids = (1..=count).map(|row| u128::from_str_radix(&row.to_string(), 16).expect("digits").to_be_bytes());
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(FixedSizeBinaryArray::try_from_iter(ids).expect("sixteen bytes each")),
        Arc::new(Int64Array::from(vec![EXTRACTED_AT_US; count])),
        Arc::new(StringArray::from(changes)),
    ];
    arrays.extend(builders.iter_mut().map(ColumnBuilder::finish));
    let fields: Vec<Field> = arrays.iter().map(|array| Field::new("", array.data_type().clone(), true)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns of one length");
    let (keys, shares) = (KeyFacts::default(), Vec::new());
    Rows { batches: vec![batch], shares, count: count as u64, size: 0, has_changes: true, keys }
}

fn encode(rows: &Rows, types: &[ColumnType], columns: CopyColumns) -> Vec<u8> {
    CopyChunks::new(rows, types, columns).flat_map(|chunk| chunk.to_vec()).collect()
}

/// Values around the size of a chunk, in a row that is much larger: every byte in its place, in chunks of bounded size.
#[test]
fn large_fields_are_cut_into_chunks() {
    let sizes =
        [0, 1, 1000, limits::COPY_CHUNK_BYTES - 1, limits::COPY_CHUNK_BYTES, limits::COPY_CHUNK_BYTES + 1, 3 << 20];
    let types: Vec<ColumnType> =
        sizes.iter().enumerate().map(|(i, _)| if i % 2 == 0 { ColumnType::String } else { ColumnType::Json }).collect();
    let texts: Vec<String> = sizes.iter().map(|&size| format!("\"{}\"", "x".repeat(size))).collect();
    let lines = format!("[{}]\n", texts.join(",")).repeat(20);
    let rows = decode(&types, &lines);
    let with = CopyColumns::of_load_table(true, true);
    let chunks: Vec<Bytes> = CopyChunks::new(&rows, &types, with).collect();
    let (_, all_but_last) = chunks.split_last().expect("chunks");
    assert!(all_but_last.iter().all(|chunk| chunk.len() >= limits::COPY_CHUNK_BYTES));
    assert!(chunks.iter().all(|chunk| chunk.len() <= 2 * limits::COPY_CHUNK_BYTES + 64));

    let bytes = chunks.concat();
    let mut rest = bytes.strip_prefix(HEADER).expect("the header");
    let mut take = |count: usize| {
        let (taken, later) = rest.split_at(count);
        rest = later;
        taken.to_vec()
    };
    for row in 0..20_i64 {
        assert_eq!(take(2), i16::try_from(types.len() + 4).expect("few").to_be_bytes());
        take(4 + 36 + 4 + 8);
        assert_eq!(take(4), (-1_i32).to_be_bytes());
        assert_eq!(take(12), [&8_i32.to_be_bytes()[..], &row.to_be_bytes()].concat());
        for (text, column_type) in texts.iter().zip(&types) {
            let json = *column_type == ColumnType::Json;
            let wanted = if json { format!("\u{1}{text}") } else { text.trim_matches('"').to_owned() };
            assert_eq!(take(4), i32::try_from(wanted.len()).expect("short").to_be_bytes());
            assert!(take(wanted.len()) == wanted.as_bytes());
        }
    }
    assert_eq!(rest, TRAILER);
}

/// A row as its table has it: id, extraction time, meta object, generation, value.
#[test]
fn whole_rows_bring_their_meta_object_and_generation() {
    let types = [ColumnType::Integer];
    let rows = decode(&types, "[1]\n[\"no integer\"]\n");
    let with = CopyColumns { meta: Meta::Whole { sync_id: 42, generation: -7 }, arrival: false };
    let field = |bytes: &[u8]| [&(bytes.len() as i32).to_be_bytes()[..], bytes].concat();
    let row = |id: &str, meta: &str, value: &[u8]| {
        [
            &5_i16.to_be_bytes()[..],
            &field(format!("00000000-0000-0000-0000-0000000000{id}").as_bytes()),
            &field(&EXTRACTED_AT_US.to_be_bytes()),
            &field(format!("\u{1}{meta}").as_bytes()),
            &field(&(-7_i64).to_be_bytes()),
            value,
        ]
        .concat()
    };
    let first = row("01", r#"{"changes": [], "sync_id": 42}"#, &field(&1_i64.to_be_bytes()));
    let second = row("02", &format!(r#"{{"changes": {NULLED}, "sync_id": 42}}"#), &(-1_i32).to_be_bytes());
    assert_eq!(encode(&rows, &types, with), [&HEADER[..], &first, &second, &TRAILER].concat());
}
