//! Rows as objects.

use arrow::array::*;
use arrow::datatypes::Schema;

use super::*;

fn batch(columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("a batch")
}

fn texts(objects: &Objects) -> Vec<&str> {
    objects.array.as_string::<i32>().iter().map(|text| text.expect("an object")).collect()
}

#[test]
fn members_that_are_null_are_left_out() {
    let json = HashMap::from([(EXTENSION.to_owned(), "arrow.json".to_owned())]);
    let batch = batch(vec![
        (Field::new("n", DataType::Int64, true), Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
        (Field::new("s\"", DataType::Utf8, true), Arc::new(StringArray::from(vec![Some("a"), None, Some("b\0")]))),
        (
            Field::new("j", DataType::Utf8, true).with_metadata(json),
            Arc::new(StringArray::from(vec![Some(r#"{"x": "\u0000"}"#), Some("null"), Some("no")])),
        ),
    ]);
    let objects = json_objects(&batch).expect("objects");
    let want = [r#"{"n":1,"s\"":"a","j":{"x":""}}"#, "{}", r#"{"n":3,"s\"":"b"}"#];
    assert_eq!(texts(&objects), want);
    assert_eq!(objects.outcomes, [(0, Outcome::Cleaned), (2, Outcome::Cleaned)]);
    assert_eq!(objects.left_out, [(2, "j".to_owned(), Reason::SerializationError)]);
}

#[test]
fn members_that_jsonb_cannot_hold_are_left_out() {
    let json = HashMap::from([(EXTENSION.to_owned(), "arrow.json".to_owned())]);
    let deep = format!("{}{}", "[".repeat(limits::JSON_DEPTH), "]".repeat(limits::JSON_DEPTH));
    let just = format!("{}{}", "[".repeat(limits::JSON_DEPTH - 1), "]".repeat(limits::JSON_DEPTH - 1));
    let values = StringArray::from(vec![deep.as_str(), just.as_str(), "1e999999"]);
    let batch = batch(vec![
        (Field::new("j\0", DataType::Utf8, true).with_metadata(json), Arc::new(values)),
        (Field::new("n", DataType::Int8, true), Arc::new(Int8Array::from(vec![1, 2, 3]))),
    ]);
    let objects = json_objects(&batch).expect("objects");
    assert_eq!(texts(&objects), [r#"{"n":1}"#.to_owned(), format!(r#"{{"j":{just},"n":2}}"#), r#"{"n":3}"#.to_owned()]);
    let too_large = |row| (row, "j".to_owned(), Reason::FieldSizeLimitation);
    assert_eq!(objects.left_out, [too_large(0), too_large(2)]);
    assert_eq!(objects.outcomes, [(1, Outcome::Cleaned)]);
}

#[test]
fn of_names_that_become_equal_the_last_one_counts() {
    let n = |values: [Option<i32>; 2]| -> ArrayRef { Arc::new(Int32Array::from(values.to_vec())) };
    let field = |name: &str| Field::new(name, DataType::Int32, true);
    let batch = batch(vec![
        (field("a"), n([Some(1), None])),
        (field("b"), n([Some(2), Some(3)])),
        (field("a\0"), n([Some(4), Some(5)])),
        (field("\0a"), n([None, Some(6)])),
    ]);
    let objects = json_objects(&batch).expect("objects");
    // In the first row the last one is NULL, and so left out.
    assert_eq!(texts(&objects), [r#"{"b":2}"#, r#"{"b":3,"a":6}"#]);
    let lost = |row| (row, "a".to_owned(), Reason::SerializationError);
    assert_eq!(objects.left_out, [lost(0), lost(0), lost(1)]);
    assert_eq!(objects.outcomes, [(1, Outcome::Cleaned)]);
}

#[test]
fn the_column_that_is_unfit_is_named() {
    let nested = (0..=limits::ARROW_DEPTH)
        .fold(DataType::Int8, |inner, _| DataType::List(Arc::new(Field::new_list_field(inner, true))));
    let array = new_null_array(&nested, 1);
    let unfit = json_objects(&batch(vec![(Field::new("deep", nested, true), array)])).expect_err("too deep");
    assert_eq!(unfit.to_string(), "column \"deep\": its type is nested deeper than 50 levels");
}
