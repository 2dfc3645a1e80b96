//! Nested values as documents.

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Fields, Int32Type};

use super::*;
use crate::types::Scalar;
use ColumnType as T;

fn record(members: Vec<(&str, ArrayRef)>) -> StructArray {
    let fields =
        members.into_iter().map(|(name, array)| (Arc::new(Field::new(name, array.data_type().clone(), true)), array));
    StructArray::from(fields.collect::<Vec<_>>())
}

/// One map a pair of offsets.
fn map(keys: ArrayRef, values: ArrayRef, offsets: Vec<i32>) -> MapArray {
    let fields = Fields::from(vec![
        Field::new("key", keys.data_type().clone(), false),
        Field::new("value", values.data_type().clone(), true),
    ]);
    let entries = StructArray::new(fields.clone(), vec![keys, values], None);
    let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
    MapArray::new(field, OffsetBuffer::new(offsets.into()), entries, None, false)
}

#[test]
fn structs_are_objects() {
    let inner = record(vec![("b\"", Arc::new(BinaryArray::from(vec![Some(b"\0".as_slice()), None])))]);
    let array = record(vec![
        ("n", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("f", Arc::new(Float64Array::from(vec![f64::NAN, -0.5]))),
        ("d", Arc::new(Decimal128Array::from(vec![150, -1]).with_precision_and_scale(5, 2).expect("a size"))),
        ("t", Arc::new(TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("UTC"))),
        ("s", Arc::new(inner)),
    ]);
    let first = r#"{"n":1,"f":"NaN","d":1.50,"t":"1970-01-01T00:00:00Z","s":{"b\"":"AA=="}}"#;
    let second = r#"{"n":null,"f":-0.5,"d":-0.01,"t":"1970-01-01T00:00:00.000001Z","s":{"b\"":null}}"#;
    for to in [T::Object, T::Json, T::String] {
        check(array.clone(), to, &[Json(first), Json(second)]);
    }
    for to in [T::Array, T::Integer, T::Boolean, T::Date, T::Bytes, T::List(Scalar::Integer)] {
        check(array.clone(), to, &[Wrong, Wrong]);
    }
    check(StructArray::new_empty_fields(2, Some(vec![true, false].into())), T::Object, &[Json("{}"), Null]);
}

#[test]
fn what_postgres_cannot_hold_is_left_out_of_documents() {
    let array = record(vec![("a\0", Arc::new(Int8Array::from(vec![1])))]);
    check(array, T::Object, &[Cleaned(r#"{"a":1}"#)]);
    let array = record(vec![("a", Arc::new(StringArray::from(vec!["x\0\"", "x"])))]);
    check(array, T::Object, &[Cleaned(r#"{"a":"x\""}"#), Json(r#"{"a":"x"}"#)]);
    let array = record(vec![("a", Arc::new(Time64MicrosecondArray::from(vec![-1, 1])))]);
    check(array, T::Object, &[Wrong, Json(r#"{"a":"00:00:00.000001"}"#)]);
}

#[test]
fn lists_of_every_layout_are_arrays() {
    let lists = || {
        ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
            Some(vec![Some(-3), Some(4)]),
        ])
    };
    let element = Arc::new(Field::new_list_field(DataType::Int32, true));
    let want = [Json("[1,null]"), Null, Json("[]"), Json("[-3,4]")];
    for layout in [
        DataType::LargeList(Arc::clone(&element)),
        DataType::ListView(Arc::clone(&element)),
        DataType::LargeListView(Arc::clone(&element)),
    ] {
        let array = compute::cast(&lists(), &layout).expect("a layout");
        check_field(&array, &Field::new("f", layout, true), T::Array, &want);
    }
    check(lists(), T::Array, &want);
    check(lists(), T::Json, &want);
    check(lists(), T::String, &want);
    check(lists(), T::Object, &[Wrong, Null, Wrong, Wrong]);
    let fixed = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), None], 2);
    check(fixed, T::Array, &[Json("[1,null]"), Null]);
    let empty =
        FixedSizeListArray::try_new_with_length(element, 0, new_empty_array(&DataType::Int32), None, 2).expect("lists");
    check(empty, T::Array, &[Json("[]"), Json("[]")]);
    let of_lists = ListArray::new(
        Arc::new(Field::new_list_field(lists().data_type().clone(), true)),
        OffsetBuffer::new(vec![0, 2, 4].into()),
        Arc::new(lists()),
        None,
    );
    check(of_lists, T::Array, &[Json("[[1,null],null]"), Json("[[],[-3,4]]")]);
}

#[test]
fn maps_with_keys_of_text_are_objects_and_others_are_pairs() {
    let values = || -> ArrayRef { Arc::new(Int8Array::from(vec![Some(1), None, Some(3)])) };
    let keys = ["a\"", "b", ""];
    let object = [Json(r#"{"a\"":1,"b":null}"#), Json("{}"), Json(r#"{"":3}"#)];
    let offsets = vec![0, 2, 2, 3];
    let texts: [ArrayRef; 4] = [
        Arc::new(StringArray::from(keys.to_vec())),
        Arc::new(LargeStringArray::from(keys.to_vec())),
        Arc::new(StringViewArray::from(keys.to_vec())),
        Arc::new(keys.into_iter().collect::<DictionaryArray<Int32Type>>()),
    ];
    for keys in texts {
        check(map(keys, values(), offsets.clone()), T::Object, &object);
    }
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let pairs = [Json("[[1,1],[2,null]]"), Json("[]"), Json("[[3,3]]")];
    check(map(Arc::clone(&numbers), values(), offsets.clone()), T::Array, &pairs);
    check(map(Arc::clone(&numbers), values(), offsets.clone()), T::Json, &pairs);
    check(map(numbers, values(), offsets), T::Object, &[Wrong; 3]);
}

#[test]
fn documents_in_documents_are_part_of_them() {
    let texts: ArrayRef =
        Arc::new(StringArray::from(vec![Some(r#"[1, {"x": 1.0}]"#), Some("no"), Some(r#"1,"b":2"#), None]));
    let field = Field::new("a", DataType::Utf8, true)
        .with_metadata(HashMap::from([(EXTENSION.to_owned(), "arrow.json".to_owned())]));
    let array: ArrayRef = Arc::new(StructArray::new(vec![field].into(), vec![texts], None));
    let field = Field::new("f", array.data_type().clone(), true);
    // A text that is no JSON cannot add members.
    let want = [Json(r#"{"a":[1, {"x": 1.0}]}"#), Wrong, Wrong, Json(r#"{"a":null}"#)];
    check_field(&array, &field, T::Object, &want);
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let texts = vec![deep(limits::JSON_DEPTH - 1), deep(limits::JSON_DEPTH), "[1e999999]".into(), "\"\\u0000\"".into()];
    let texts: ArrayRef = Arc::new(StringArray::from(texts));
    let DataType::Struct(fields) = field.data_type() else { unreachable!() };
    let array: ArrayRef = Arc::new(StructArray::new(fields.clone(), vec![texts], None));
    let stored: &'static str = format!("{{\"a\":{}}}", deep(limits::JSON_DEPTH - 1)).leak();
    check_field(&array, &field, T::Object, &[Json(stored), TooLarge, TooLarge, Cleaned(r#"{"a":""}"#)]);
}

/// A map of these pairs in each row.
fn pairs(rows: &[&[(&str, i32)]]) -> MapArray {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in rows {
        for (key, value) in *row {
            builder.keys().append_value(key);
            builder.values().append_value(*value);
        }
        builder.append(true).expect("as many keys as values");
    }
    builder.finish()
}

#[test]
fn of_a_key_that_comes_again_the_last_one_is_kept_with_an_entry() {
    let many: Vec<(String, i32)> = (0..40).map(|n| (format!("k{}", n % 39), n)).collect();
    let many: Vec<(&str, i32)> = many.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let members: Vec<String> =
        (1..40).map(|n| if n == 39 { "\"k0\":39".to_owned() } else { format!("\"k{n}\":{n}") }).collect();
    let all: &'static str = format!("{{{}}}", members.join(",")).leak();
    let maps = || pairs(&[&[("a", 1), ("b", 2)], &[("a", 1), ("b", 2), ("a", 3)], &[("x", 1), ("x\0", 2)], &[], &many]);
    let want = [Json(r#"{"a":1,"b":2}"#), Cleaned(r#"{"b":2,"a":3}"#), Cleaned(r#"{"x":2}"#), Json("{}"), Cleaned(all)];
    for to in [T::Object, T::Json, T::String] {
        check(maps(), to, &want);
    }
    // Keys that are no text are pairs in a list, as often as they come.
    let mut builder = MapBuilder::new(None, Int32Builder::new(), Int32Builder::new());
    for value in [1, 2] {
        builder.keys().append_value(7);
        builder.values().append_value(value);
    }
    builder.append(true).expect("as many keys as values");
    check(builder.finish(), T::Array, &[Json("[[7,1],[7,2]]")]);
}

#[test]
fn of_members_of_one_name_the_last_one_is_kept_with_an_entry() {
    let number = |name: &str, n: i32| {
        let array: ArrayRef = Arc::new(Int32Array::from(vec![n, n]));
        (Arc::new(Field::new(name, DataType::Int32, true)), array)
    };
    let nulls = Some(arrow::buffer::NullBuffer::from(vec![true, false]));
    let (fields, arrays): (Vec<_>, Vec<_>) =
        [number("a", 1), number("b", 2), number("a", 3), number("b\0", 4)].into_iter().unzip();
    let array = StructArray::new(fields.into(), arrays, nulls);
    for to in [T::Object, T::Json, T::String] {
        check(array.clone(), to, &[Cleaned(r#"{"a":3,"b":4}"#), Null]);
    }
}

#[test]
fn a_value_that_no_field_takes_is_not_written_to_its_end() {
    // A list of 1,000 structs, each with a name of a megabyte.
    let name = "x".repeat(1_000_000);
    let members = StructArray::from(vec![(
        Arc::new(Field::new(name, DataType::Boolean, true)),
        Arc::new(BooleanArray::from(vec![true; 1_000])) as ArrayRef,
    )]);
    let field = Arc::new(Field::new_list_field(members.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([1_000]);
    let list = ListArray::new(field, offsets, Arc::new(members), None);
    let write = render::writer(&list, &Field::new("f", list.data_type().clone(), true)).expect("a writer");
    let mut sink = sink::Sink::default();
    write(0, &mut sink);
    assert_eq!(sink.failure(), Some(Reason::FieldSizeLimitation));
    assert!(sink.text().len() < limits::JSONB_BYTES + 2_000_000, "{}", sink.text().len());
}
