//! What is said of the keys of a window.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use super::*;
use crate::batch::keys::KeyReader;
use crate::limits;
use crate::schema::KeyFacts;
use crate::types::{DecimalSize, Scalar};

/// A stream whose first columns, of `types`, are its key, with two more columns.
fn keyed(types: &[ColumnType], first_load: bool) -> Layout {
    let names = ["k0", "k1", "k2"];
    let mut columns: Vec<(&str, ColumnType)> = names.into_iter().zip(types.iter().copied()).collect();
    columns.extend([("x", ColumnType::String), ("deleted", ColumnType::TimestampTz)]);
    Layout { key: (0..types.len()).collect(), deleted_at: Some(types.len() + 1), first_load, ..layout(&columns) }
}

/// The facts of one window of records.
fn facts(router: &mut Router, records: &[&str]) -> KeyFacts {
    for record in records {
        put(router, record);
    }
    rows(router).keys
}

/// Whether two keys of one type count as equal.
fn equal(column_type: ColumnType, a: &str, b: &str) -> bool {
    let mut router = single(keyed(&[column_type], true));
    facts(&mut router, &[&format!(r#"{{"k0":{a}}}"#), &format!(r#"{{"k0":{b}}}"#)]).duplicates
}

const NOTHING: KeyFacts = KeyFacts { duplicates: false, nulls: false, seen_before: false, deletions: false };

#[test]
fn a_first_load_remembers_its_keys_from_window_to_window() {
    let mut router = single(keyed(&[ColumnType::Integer], true));
    assert_eq!(facts(&mut router, &[r#"{"k0":1}"#, r#"{"k0":2}"#]), NOTHING);
    assert_eq!(facts(&mut router, &[r#"{"k0":3}"#]), NOTHING);
    assert_eq!(facts(&mut router, &[r#"{"k0":4}"#, r#"{"k0":4}"#]), KeyFacts { duplicates: true, ..NOTHING });
    let seen = KeyFacts { seen_before: true, ..NOTHING };
    assert_eq!(facts(&mut router, &[r#"{"k0":5}"#, r#"{"k0":1}"#]), seen);
    // What has been forgotten may have been seen.
    assert_eq!(facts(&mut router, &[r#"{"k0":6}"#]), seen);
    assert_eq!(facts(&mut router, &[r#"{"k0":7}"#, r#"{"k0":7}"#]), KeyFacts { duplicates: true, ..seen });
}

#[test]
fn a_table_with_rows_may_hold_every_key() {
    let mut router = single(keyed(&[ColumnType::Integer], false));
    let seen = KeyFacts { seen_before: true, ..NOTHING };
    assert_eq!(facts(&mut router, &[r#"{"k0":1}"#]), seen);
    assert_eq!(facts(&mut router, &[r#"{"k0":1}"#]), seen, "the window before is no duplicate");
    assert_eq!(facts(&mut router, &[r#"{"k0":1}"#, r#"{"k0":1}"#]), KeyFacts { duplicates: true, ..seen });
}

#[test]
fn streams_without_a_key_have_no_facts() {
    let mut router = single(keyed(&[], true));
    let twice = r#"{"x":"1","deleted":"2024-01-01T00:00:00Z"}"#;
    assert_eq!(facts(&mut router, &[twice, twice, "{}"]), NOTHING);
}

#[test]
fn nulls_in_a_key_are_equal_and_told() {
    let nulls = KeyFacts { nulls: true, ..NOTHING };
    let two = [ColumnType::Integer, ColumnType::String];
    for record in [r#"{"k0":1}"#, r#"{"k0":null,"k1":"a"}"#, r#"{"k0":"no number","k1":"a"}"#, "{}"] {
        assert_eq!(facts(&mut single(keyed(&two, true)), &[record]), nulls, "{record}");
        let twice = facts(&mut single(keyed(&two, true)), &[record, record]);
        assert_eq!(twice, KeyFacts { duplicates: true, ..nulls }, "{record}");
    }
    let whole = facts(&mut single(keyed(&two, true)), &[r#"{"k0":1,"k1":"a","x":null}"#]);
    assert_eq!(whole, NOTHING, "other columns do not matter");
    // NULL is neither zero nor an empty text.
    assert!(!equal(ColumnType::Integer, "null", "0") && !equal(ColumnType::String, "null", "\"\""));
}

#[test]
fn deletions_are_told() {
    let mut router = single(keyed(&[ColumnType::Integer], true));
    let deleted = r#"{"k0":2,"deleted":"2024-01-01T00:00:00Z"}"#;
    assert_eq!(facts(&mut router, &[r#"{"k0":1}"#, deleted]), KeyFacts { deletions: true, ..NOTHING });
    assert_eq!(facts(&mut router, &[r#"{"k0":3,"deleted":null}"#]), NOTHING);
    let mut kept = single(Layout { deleted_at: None, ..keyed(&[ColumnType::Integer], true) });
    assert_eq!(facts(&mut kept, &[deleted]), NOTHING);
}

#[test]
fn keys_of_several_columns_are_compared_column_by_column() {
    let types = [ColumnType::String, ColumnType::String];
    let distinct =
        [r#"{"k0":"a","k1":"bc"}"#, r#"{"k0":"ab","k1":"c"}"#, r#"{"k0":"bc","k1":"a"}"#, r#"{"k0":"abc","k1":""}"#];
    assert_eq!(facts(&mut single(keyed(&types, true)), &distinct), NOTHING);
    let again = [distinct[0], distinct[1], r#"{"k1":"bc","k0":"a"}"#];
    assert!(facts(&mut single(keyed(&types, true)), &again).duplicates);
    // The key's columns need not be the first.
    let mut router = single(Layout { key: vec![1], ..keyed(&types, true) });
    assert!(facts(&mut router, &[r#"{"k0":"1","k1":"same"}"#, r#"{"k0":"2","k1":"same"}"#]).duplicates);
}

#[test]
fn what_postgres_holds_equal_is_equal() {
    use ColumnType as T;
    let cases = [
        (T::Integer, "1", "1.0"),
        (T::Integer, "1000", "1e3"),
        (T::Integer, "7", "\"+7\""),
        (T::Number, "1.0", "1.00"),
        (T::Number, "1", "1.000000000000000000000000"),
        (T::Number, "100", "1E+2"),
        (T::Number, "0", "-0.0"),
        (T::Number, "\"0.5\"", "5e-1"),
        (T::Number, "123456789012345678901234567890.50", "123456789012345678901234567890.5"),
        (T::String, "\"A\"", r#""\u0041""#),
        (T::String, "\"a\"", r#""a\u0000""#),
        (T::String, "1.50", "\"1.50\""),
        (T::Boolean, "true", "true"),
        (T::Date, "\"2024-01-15\"", "\"2024-01-15T10:00:00Z\""),
        (T::Time, "\"10:00:00\"", "\"10:00\""),
        (T::TimeTz, "\"10:00:00Z\"", "\"10:00:00+00:00\""),
        (T::Timestamp, "\"2024-01-15\"", "\"2024-01-15T00:00:00+02:00\""),
        (T::TimestampTz, "\"2024-01-15T00:00:00Z\"", "\"2024-01-15T02:00:00+02:00\""),
        (T::SmallInt, "7", "7.0"),
        (T::Int, "-7", "\"-7\""),
        (T::Real, "0.0", "-0.0"),
        (T::Real, "\"NaN\"", "\"NaN\""),
        (T::Double, "0.0", "-0.0"),
        (T::Double, "0.1", "1e-1"),
        (T::Decimal(DecimalSize::EXAMPLE), "1.5", "1.5000"),
        (T::Bytes, "\"AP8=\"", r#""AP8\u003d""#),
        (T::Uuid, "\"0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5\"", "\"0189F7E50C4C7C7AA2D5F0E1D2C3B4A5\""),
        (T::Interval, "\"P1M\"", "\"P30D\""),
        (T::Interval, "\"P1D\"", "\"PT24H\""),
        (T::Interval, "\"P1M-30DT1S\"", "\"PT1S\""),
        (T::Interval, "\"P-1M\"", "\"PT-720H\""),
        (T::Interval, "\"P2147483647M2147483647D\"", "\"P2147483646M2147483647DT720H\""),
    ];
    for (column_type, a, b) in cases {
        assert!(equal(column_type, a, b), "{column_type:?} {a} {b}");
    }
}

#[test]
fn what_differs_is_told_apart() {
    use ColumnType as T;
    let cases = [
        (T::Integer, "1", "2"),
        (T::Number, "1", "-1"),
        (T::Number, "1", "10000"),
        (T::Number, "1.5", "1.05"),
        (T::Number, "123456789012345678901234567890.5", "123456789012345678901234567890.51"),
        (T::String, "\"a\"", "\"A\""),
        (T::String, "\"a\"", "\"a \""),
        (T::Boolean, "true", "false"),
        (T::Date, "\"2024-01-15\"", "\"2024-01-16\""),
        (T::Time, "\"10:00:00\"", "\"10:00:00.000001\""),
        // Postgres too orders times with different offsets.
        (T::TimeTz, "\"10:00:00Z\"", "\"12:00:00+02:00\""),
        (T::Timestamp, "\"2024-01-15T00:00:00Z\"", "\"2024-01-15T02:00:00+02:00\""),
        (T::TimestampTz, "\"2024-01-15T00:00:00Z\"", "\"2024-01-15T00:00:00+02:00\""),
        (T::SmallInt, "7", "-7"),
        (T::Int, "7", "70000"),
        (T::Real, "0.1", "0.10000001"),
        (T::Real, "\"NaN\"", "\"Infinity\""),
        (T::Double, "0.1", "0.10000000000000002"),
        (T::Double, "\"Infinity\"", "\"-Infinity\""),
        (T::Decimal(DecimalSize::EXAMPLE), "1.5", "1.5001"),
        (T::Bytes, "\"AP8=\"", "\"AP4=\""),
        (T::Bytes, "\"\"", "\"AA==\""),
        (T::Uuid, "\"0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5\"", "\"0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a6\""),
        (T::Interval, "\"P1M\"", "\"P31D\""),
        (T::Interval, "\"PT-1S\"", "\"PT1S\""),
    ];
    for (column_type, a, b) in cases {
        assert!(!equal(column_type, a, b), "{column_type:?} {a} {b}");
    }
}

#[test]
fn keys_that_are_not_ours_to_compare_may_always_be_equal() {
    let list = ColumnType::List(Scalar::Integer);
    for column_type in [ColumnType::Json, ColumnType::Object, ColumnType::Array, list] {
        let mut router = single(keyed(&[ColumnType::Integer, column_type], true));
        let doubt = KeyFacts { duplicates: true, seen_before: true, ..NOTHING };
        let array = [ColumnType::Array, list].contains(&column_type);
        let record = if array { r#"{"k0":1,"k1":[]}"# } else { r#"{"k0":1,"k1":{}}"# };
        assert_eq!(facts(&mut router, &[record]), doubt, "{column_type:?}");
        assert_eq!(facts(&mut router, &[r#"{"k0":2}"#]), KeyFacts { nulls: true, ..doubt }, "{column_type:?}");
    }
}

/// A key is the same in whatever form its column comes.
#[test]
fn numbers_of_every_form_are_compared() {
    use arrow::array::{Decimal128Array, Decimal256Array, StringArray};
    use arrow::datatypes::i256;
    let wide = Decimal256Array::from(vec![i256::from(1_500)]).with_precision_and_scale(70, 3).expect("a size");
    let short = Decimal128Array::from(vec![15]).with_precision_and_scale(5, 1).expect("a size");
    let text = |literal| -> ArrayRef { Arc::new(StringArray::from(vec![literal])) };
    let equal: [ArrayRef; 3] = [Arc::new(wide), Arc::new(short), text("1.50")];
    let whole: [ArrayRef; 2] = [Arc::new(Int64Array::from(vec![3])), text("3.0")];
    for column_type in [ColumnType::Number, ColumnType::Decimal(DecimalSize::EXAMPLE)] {
        let mut reader = KeyReader::new(&keyed(&[column_type], true));
        reader.read(&equal[..1], &mut FirstLoad::new());
        reader.read(&whole[..1], &mut FirstLoad::new());
        assert_eq!(reader.take(), NOTHING);
        for again in [&equal[..1], &equal[1..2], &equal[2..], &whole[..1], &whole[1..]] {
            reader.read(again, &mut FirstLoad::new());
            assert!(reader.take().seen_before);
            reader = KeyReader::new(&keyed(&[column_type], true));
            reader.read(&equal[..1], &mut FirstLoad::new());
            reader.read(&whole[..1], &mut FirstLoad::new());
            reader.take();
        }
    }
}

#[test]
fn duplicates_are_found_across_the_batches_of_a_window() {
    let mut router = single(keyed(&[ColumnType::Integer], true));
    for i in 0..=limits::BATCH_ROWS {
        put(&mut router, &format!(r#"{{"k0":{i}}}"#));
    }
    put(&mut router, r#"{"k0":0}"#);
    let rows = rows(&mut router);
    assert_eq!((rows.batches.len(), rows.keys), (2, KeyFacts { duplicates: true, ..NOTHING }));
}

#[test]
fn rows_are_picked_with_those_of_their_key() {
    let mut router = single(keyed(&[ColumnType::Integer], false));
    for i in 0..=limits::BATCH_ROWS {
        put(&mut router, &format!(r#"{{"k0":{}}}"#, i % limits::BATCH_ROWS));
    }
    let rows = rows(&mut router);
    let hashes = rows.key_hashes(&[(0, ColumnType::Integer)]).expect("keys that can be compared");
    assert_eq!(hashes.len() as u64, rows.count);
    assert_eq!((hashes[0] == hashes[limits::BATCH_ROWS], hashes[0] == hashes[1]), (true, false));
    let picked = rows.pick(&[1, limits::BATCH_ROWS as u64]);
    let keys = |batch: &arrow::array::RecordBatch| batch.column(3).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!((picked.count, picked.batches.iter().flat_map(keys).collect()), (2, vec![1, 0]));
    assert_eq!(rows.key_hashes(&[(0, ColumnType::Json)]), None);
}

#[test]
fn too_many_keys_are_forgotten() {
    let layout = keyed(&[ColumnType::Integer], true);
    let column = |keys: std::ops::Range<i64>| -> Vec<ArrayRef> { vec![Arc::new(Int64Array::from_iter_values(keys))] };
    let limit = i64::try_from(limits::FIRST_LOAD_KEYS).expect("a small number");
    let mut first_load = FirstLoad::new();
    let mut one = KeyReader::new(&layout);
    one.read(&column(0..limit), &mut first_load);
    assert_eq!(one.take(), NOTHING, "the limit itself is kept");
    // The limit is one for all streams.
    let mut other = KeyReader::new(&layout);
    other.read(&column(0..1), &mut first_load);
    assert_eq!(other.take(), KeyFacts { seen_before: true, ..NOTHING });
    one.read(&column(limit..limit + 1), &mut first_load);
    assert_eq!(one.take(), KeyFacts { seen_before: true, ..NOTHING });
}
