//! Arrays of scalars.

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Float64Type, Int32Type};

use super::*;
use crate::types::Scalar;
use ColumnType as T;

/// The same lists in the layouts of Arrow.
fn layouts(lists: ListArray) -> Vec<ArrayRef> {
    let element = Arc::new(Field::new_list_field(lists.values().data_type().clone(), true));
    let mut all: Vec<ArrayRef> = [
        DataType::LargeList(Arc::clone(&element)),
        DataType::ListView(Arc::clone(&element)),
        DataType::LargeListView(element),
    ]
    .iter()
    .map(|layout| compute::cast(&lists, layout).expect("a layout"))
    .collect();
    all.push(Arc::new(lists));
    all
}

fn check_lists(lists: ListArray, to: ColumnType, want: &[Want]) {
    for array in layouts(lists) {
        check_field(&array, &Field::new("f", array.data_type().clone(), true), to, want);
    }
}

#[test]
fn lists_of_numbers() {
    let lists = || {
        ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
            Some(vec![Some(70_000), Some(4)]),
            Some(vec![None]),
        ])
    };
    let j = Json;
    let want = [j("[1,null]"), Null, j("[]"), j("[70000,4]"), j("[null]")];
    for element in [Scalar::Int, Scalar::Integer, Scalar::Number, Scalar::String, Scalar::Double] {
        check_lists(lists(), T::List(element), &want);
    }
    check_lists(lists(), T::List(Scalar::SmallInt), &[j("[1,null]"), Null, j("[]"), TooLarge, j("[null]")]);
    check_lists(lists(), T::List(Scalar::Boolean), &[Wrong, Null, j("[]"), Wrong, j("[null]")]);
}

#[test]
fn fixed_size_lists() {
    let lists = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
        vec![Some(vec![Some(1), None]), None, Some(vec![Some(2), Some(3)])],
        2,
    );
    check(lists, T::List(Scalar::Int), &[Json("[1,null]"), Null, Json("[2,3]")]);
}

#[test]
fn one_element_that_does_not_fit_makes_the_list_null() {
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(vec![
        Some(vec![Some(f64::NAN), Some(1e300), Some(0.5)]),
        Some(vec![Some(0.5)]),
        Some(vec![Some(1e300)]),
    ]);
    check_lists(lists.clone(), T::List(Scalar::Number), &[Wrong, Json("[0.5]"), Json("[1e300]")]);
    check_lists(lists.clone(), T::List(Scalar::Decimal(DecimalSize::EXAMPLE)), &[Wrong, Json("[0.5]"), TooLarge]);
    check_lists(lists, T::List(Scalar::Double), &[Json("[\"NaN\",1e300,0.5]"), Json("[0.5]"), Json("[1e300]")]);
    let mut texts = ListBuilder::new(StringBuilder::new());
    texts.append_value([Some("a\0"), Some("b")]);
    texts.append_value([Some("c")]);
    check_lists(texts.finish(), T::List(Scalar::String), &[Cleaned("[\"a\",\"b\"]"), Json("[\"c\"]")]);
}

#[test]
fn what_hides_below_a_null_list_changes_nothing() {
    let values: ArrayRef = Arc::new(Int32Array::from(vec![70_000, 1, 70_000]));
    let nulls = Some(vec![false, true, false].into());
    let field = Arc::new(Field::new_list_field(DataType::Int32, true));
    let lists = ListArray::new(field, OffsetBuffer::new(vec![0, 1, 2, 3].into()), values, nulls);
    check(lists, T::List(Scalar::SmallInt), &[Null, Json("[1]"), Null]);
}

#[test]
fn a_list_that_is_too_long_is_null() {
    // 52 bytes an element on the wire at most.
    let long = limits::TEXT_BYTES / 52 + 1;
    let values: ArrayRef = Arc::new(Int8Array::from(vec![0; long + 1]));
    let offsets = OffsetBuffer::new(vec![0, 1, i32::try_from(long + 1).expect("few")].into());
    let lists = ListArray::new(Arc::new(Field::new_list_field(DataType::Int8, true)), offsets, values, None);
    let array: ArrayRef = Arc::new(lists);
    let field = Field::new("f", array.data_type().clone(), true);
    check_part(&array, &field, T::List(Scalar::SmallInt), &[Json("[0]"), TooLarge]);
}
