//! Columns that refer to values: dictionaries, runs, unions, and nothing at all.

use arrow::array::*;
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{Int8Type, UInt16Type, UInt64Type, UnionFields};

use super::*;
use crate::types::Scalar;
use ColumnType as T;

#[test]
fn dictionaries_of_text_with_null_keys_and_null_values() {
    let values: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("b\0")]));
    let array = |keys: Vec<Option<i8>>| DictionaryArray::<Int8Type>::new(keys.into(), Arc::clone(&values));
    let keys = || array(vec![Some(2), Some(1), None, Some(0), Some(0)]);
    let want = [Cleaned("\"b\""), Null, Null, Json("\"a\""), Json("\"a\"")];
    check(keys(), T::String, &want);
    check(keys(), T::Json, &want);
    check(keys(), T::Integer, &[Wrong, Null, Null, Wrong, Wrong]);
    // A value that no row has changes nothing.
    check(array(vec![Some(0), Some(1)]), T::String, &[Json("\"a\""), Null]);
    check(
        DictionaryArray::<Int8Type>::new(vec![None, None].into(), new_empty_array(&DataType::Utf8)),
        T::String,
        &[Null, Null],
    );
}

#[test]
fn dictionaries_of_numbers_and_of_dictionaries() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![70_000, 7]));
    let numbers = DictionaryArray::<UInt64Type>::new(vec![Some(1), None, Some(0)].into(), values);
    check(numbers.clone(), T::SmallInt, &[Json("7"), Null, TooLarge]);
    check(numbers.clone(), T::Number, &[Json("7"), Null, Json("70000")]);
    let inner: ArrayRef = Arc::new(numbers);
    let outer = DictionaryArray::<UInt16Type>::new(vec![Some(2), Some(1), Some(0), None].into(), inner);
    check(outer.clone(), T::Integer, &[Json("70000"), Null, Json("7"), Null]);
    check(outer, T::Json, &[Json("70000"), Null, Json("7"), Null]);
}

#[test]
fn dictionaries_of_nested_values() {
    let lists = ListArray::from_iter_primitive::<Int8Type, _, _>(vec![Some(vec![Some(1), None]), None]);
    let array = DictionaryArray::<Int8Type>::new(vec![Some(0), Some(1), None, Some(0)].into(), Arc::new(lists));
    check(array.clone(), T::Array, &[Json("[1,null]"), Null, Null, Json("[1,null]")]);
    check(array.clone(), T::Object, &[Wrong, Null, Null, Wrong]);
    check(array, T::List(Scalar::SmallInt), &[Json("[1,null]"), Null, Null, Json("[1,null]")]);
}

#[test]
fn runs() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("b")]));
    let lists: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Int8Type, _, _>(vec![Some(vec![Some(1)]), None, Some(vec![])]));
    let text = [Json("\"a\""), Json("\"a\""), Null, Json("\"b\""), Json("\"b\"")];
    let list = [Json("[1]"), Json("[1]"), Null, Json("[]"), Json("[]")];
    let ends = || (Int16Array::from(vec![2, 3, 5]), Int32Array::from(vec![2, 3, 5]), Int64Array::from(vec![2, 3, 5]));
    for (values, to, want) in [(&texts, T::String, text), (&texts, T::Json, text), (&lists, T::Array, list)] {
        let (short, int, long) = ends();
        check(RunArray::try_new(&short, values).expect("runs"), to, &want);
        check(RunArray::try_new(&int, values).expect("runs"), to, &want);
        check(RunArray::try_new(&long, values).expect("runs"), to, &want);
    }
    let uuids: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter([[0; 16]].into_iter()).expect("16 bytes"));
    let runs: ArrayRef = Arc::new(RunArray::try_new(&Int32Array::from(vec![2]), &uuids).expect("runs"));
    let nil = Json("\"00000000-0000-0000-0000-000000000000\"");
    check_field(&runs, &extended(&runs, "arrow.uuid"), T::Uuid, &[nil, nil]);
    check_field(&runs, &extended(&runs, "arrow.uuid"), T::String, &[nil, nil]);
}

/// The children and types of three rows: a number, a text, nothing.
fn union_parts() -> (UnionFields, ScalarBuffer<i8>, Vec<ArrayRef>) {
    let fields = vec![Field::new("n", DataType::Int8, true), Field::new("t", DataType::Utf8, true)];
    (UnionFields::try_new(vec![7, 2], fields).expect("fields"), vec![7, 2, 2].into(), Vec::new())
}

#[test]
fn unions() {
    let (fields, types, mut children) = union_parts();
    children.push(Arc::new(Int8Array::from(vec![Some(1), None, None])));
    children.push(Arc::new(StringArray::from(vec![None, Some("x\0"), None])));
    let sparse = UnionArray::try_new(fields, types, None, children).expect("a union");
    let (fields, types, mut children) = union_parts();
    children.push(Arc::new(Int8Array::from(vec![1])));
    children.push(Arc::new(StringArray::from(vec![None, Some("x\0")])));
    let dense = UnionArray::try_new(fields, types, Some(vec![0, 1, 0].into()), children).expect("a union");
    for union in [sparse, dense] {
        check(union.clone(), T::Json, &[Json("1"), Cleaned("\"x\""), Null]);
        check(union.clone(), T::String, &[Json("1"), Cleaned("\"x\""), Null]);
        check(union.clone(), T::Integer, &[Json("1"), Wrong, Null]);
        check(union, T::Object, &[Wrong, Wrong, Null]);
    }
}

#[test]
fn nothing_is_null_everywhere() {
    for &to in ColumnType::ALL {
        check(NullArray::new(2), to, &[Null, Null]);
    }
    check_json(NullArray::new(1), &["null"]);
    let column = StructArray::from(vec![(
        Arc::new(Field::new("n", DataType::Null, true)),
        Arc::new(NullArray::new(1)) as ArrayRef,
    )]);
    check(column, T::Object, &[Json(r#"{"n":null}"#)]);
}

#[test]
fn no_array_has_a_value_where_it_has_none() {
    let types = [
        DataType::Boolean,
        DataType::Int8,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float64,
        DataType::Decimal32(5, 2),
        DataType::Decimal256(50, 2),
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::FixedSizeBinary(16),
        DataType::Date32,
        DataType::Date64,
        DataType::Time32(arrow::datatypes::TimeUnit::Second),
        DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some("+01:00".into())),
        DataType::Duration(arrow::datatypes::TimeUnit::Second),
        DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano),
        DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        DataType::ListView(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        DataType::FixedSizeList(Arc::new(Field::new_list_field(DataType::Utf8, true)), 2),
        DataType::Struct(vec![Field::new("a", DataType::Utf8, true)].into()),
        DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
    ];
    for data_type in types {
        let array = new_null_array(&data_type, 2);
        for &to in ColumnType::ALL {
            check_field(&array, &Field::new("f", data_type.clone(), true), to, &[Null, Null]);
        }
    }
}

#[test]
fn a_run_of_two_billion_elements_is_looked_up_where_it_is_read() {
    let runs = RunArray::try_new(&Int32Array::from(vec![3, i32::MAX]), &Int8Array::from(vec![1, 2])).expect("runs");
    let field = Arc::new(Field::new_list_field(runs.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::new(vec![2, 4, 4, 5].into());
    check_json(ListArray::new(field, offsets, Arc::new(runs), None), &["[1,2]", "[]", "[2]"]);
}
