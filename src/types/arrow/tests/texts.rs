//! Text and bytes.

use arrow::array::*;

use super::*;
use crate::types::Scalar;
use ColumnType as T;

/// One column in the three layouts of text.
fn texts(values: &[Option<&str>]) -> [ArrayRef; 3] {
    [
        Arc::new(StringArray::from(values.to_vec())),
        Arc::new(LargeStringArray::from(values.to_vec())),
        Arc::new(StringViewArray::from(values.to_vec())),
    ]
}

fn check_texts(values: &[Option<&str>], to: ColumnType, want: &[Want]) {
    for array in texts(values) {
        check_field(&array, &Field::new("f", array.data_type().clone(), true), to, want);
    }
}

#[test]
fn texts_are_kept() {
    let values =
        [Some(""), Some("a"), Some("ä𝄞 \"quoted\" \\ \n\u{1}"), None, Some("longer than what a view has inside")];
    let j = Json;
    let want =
        [j("\"\""), j("\"a\""), j(r#""ä𝄞 \"quoted\" \\ \n\u0001""#), Null, j("\"longer than what a view has inside\"")];
    check_texts(&values, T::String, &want);
    check_texts(&values, T::Json, &want);
}

#[test]
fn a_text_passes_without_a_copy() {
    let array: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("b")]));
    let cast = cast(&array, &Field::new("f", DataType::Utf8, true), T::String).expect("a cast");
    let data = |array: &ArrayRef| array.as_string::<i32>().value_data().as_ptr();
    assert_eq!(data(&cast.array), data(&array));
}

#[test]
fn a_large_view_passes_without_a_copy() {
    let large = "x".repeat(limits::LARGE_CHUNK_BYTES);
    let check = |rows: usize, shared: bool| {
        let values = vec![large.as_str(); rows];
        let texts = StringViewArray::from(values.clone());
        let bytes = BinaryViewArray::from(values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>());
        let of = |array: ArrayRef, to| {
            cast(&array, &Field::new("f", array.data_type().clone(), true), to).expect("a cast").array
        };
        let is_in = |data: &[u8], buffers: &[arrow::buffer::Buffer]| {
            buffers.iter().any(|buffer| buffer.as_slice().as_ptr_range().contains(&data.as_ptr()))
        };
        let text = of(Arc::new(texts.clone()), T::String);
        assert_eq!(is_in(text.as_string::<i32>().value_data(), texts.data_buffers()), shared);
        let data = of(Arc::new(bytes.clone()), T::Bytes);
        assert_eq!(is_in(data.as_binary::<i32>().value_data(), bytes.data_buffers()), shared);
        for row in 0..rows {
            assert!(
                text.as_string::<i32>().value(row) == large && data.as_binary::<i32>().value(row) == large.as_bytes()
            );
        }
    };
    check(1, true);
    check(2, false);
    for none in [StringViewArray::from(vec![None::<&str>]), StringViewArray::from(vec!["short"])] {
        let array: ArrayRef = Arc::new(none);
        let cast = cast(&array, &Field::new("f", DataType::Utf8View, true), T::String).expect("a cast");
        assert_eq!(cast.array.is_null(0), array.is_null(0));
        assert!(array.is_null(0) || cast.array.as_string::<i32>().value(0) == "short");
    }
}

#[test]
fn nul_characters_are_left_out() {
    let values = [Some("a\0b"), Some("\0"), None, Some("clean"), Some("\0\0x")];
    let want = [Cleaned("\"ab\""), Cleaned("\"\""), Null, Json("\"clean\""), Cleaned("\"x\"")];
    check_texts(&values, T::String, &want);
    check_texts(&values, T::Json, &want);
    // Outside the part of the buffer that is looked at, they do not matter.
    let array: ArrayRef = Arc::new(StringArray::from(vec!["\0", "b"]).slice(1, 1));
    let cast = cast(&array, &Field::new("f", DataType::Utf8, true), T::String).expect("a cast");
    assert_eq!(cast.outcomes, []);
}

#[test]
fn texts_are_read_as_what_is_declared() {
    let j = Json;
    check_texts(
        &[Some("42"), Some("+7"), Some("4.0"), Some(" 1"), None],
        T::Integer,
        &[j("42"), j("7"), Wrong, Wrong, Null],
    );
    check_texts(&[Some("40000")], T::SmallInt, &[TooLarge]);
    check_texts(&[Some("1.50"), Some("NaN"), Some("1e3")], T::Number, &[j("1.50"), Wrong, j("1e3")]);
    check_texts(&[Some("1.50"), Some("NaN"), Some("x")], T::Double, &[j("1.5"), j("\"NaN\""), Wrong]);
    check_texts(&[Some("true"), Some("f")], T::Boolean, &[Wrong, Wrong]);
    check_texts(&[Some("2024-01-15"), Some("x")], T::Date, &[j("\"2024-01-15\""), Wrong]);
    check_texts(&[Some("12:34"), Some("25:00")], T::Time, &[j("\"12:34\""), Wrong]);
    check_texts(&[Some("2024-01-15T12:00+02:00")], T::TimestampTz, &[j("\"2024-01-15T10:00Z\"")]);
    check_texts(&[Some("2024-01-15T12:00+02:00")], T::Timestamp, &[j("\"2024-01-15T12:00\"")]);
    check_texts(&[Some("P1D"), Some("1 day")], T::Interval, &[j("\"P1D\""), Wrong]);
    check_texts(&[Some("AP8="), Some("?")], T::Bytes, &[j("\"AP8=\""), Wrong]);
    let uuid = "0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5";
    check_texts(&[Some(uuid), Some("x")], T::Uuid, &[j("\"0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5\""), Wrong]);
    check_texts(&[Some("[1]")], T::List(Scalar::Integer), &[Wrong]);
}

#[test]
fn a_declared_object_or_array_takes_the_text_of_one() {
    let values =
        [Some(r#"{"a": 1.50}"#), Some("[1, 2]"), Some("\"x\""), Some("x"), Some(""), Some("null"), Some("{}{}"), None];
    let j = Json;
    check_texts(&values, T::Object, &[j(r#"{"a": 1.50}"#), Wrong, Wrong, Wrong, Wrong, Null, Wrong, Null]);
    check_texts(&values, T::Array, &[Wrong, j("[1, 2]"), Wrong, Wrong, Wrong, Null, Wrong, Null]);
    check_texts(&[Some(r#"{"a\u0000":"\ud800"}"#)], T::Object, &[Cleaned("{\"a\":\"\u{fffd}\"}")]);
    check_texts(&[Some(r#"{"a":1e999999}"#)], T::Object, &[TooLarge]);
}

#[test]
fn texts_that_say_that_they_are_json_are_json() {
    let values =
        [Some(r#"{"a": 1.50}"#), Some("[1]"), Some("\"x\""), Some("1e5"), Some("null"), Some("x"), Some("1 2"), None];
    let j = Json;
    for array in texts(&values) {
        let field = extended(&array, "arrow.json");
        let whole = [j(r#"{"a": 1.50}"#), j("[1]"), j("\"x\""), j("1e5"), Null, Wrong, Wrong, Null];
        check_field(&array, &field, T::Json, &whole);
        // A column of text has the text of the JSON as it came.
        let as_text = cast(&array, &field, T::String).expect("a cast");
        let read: Vec<_> = as_text.array.as_string::<i32>().iter().collect();
        assert_eq!(read, values);
        check_field(&array, &field, T::Object, &[j(r#"{"a": 1.50}"#), Wrong, Wrong, Wrong, Null, Wrong, Wrong, Null]);
        check_field(&array, &field, T::Integer, &[Wrong, Wrong, Wrong, j("100000"), Null, Wrong, Wrong, Null]);
    }
}

#[test]
fn bytes_of_every_layout() {
    let values: Vec<Option<&[u8]>> =
        vec![Some(b""), Some(b"\0\xff"), None, Some(b"longer than what a view has inside")];
    let arrays: [ArrayRef; 3] = [
        Arc::new(BinaryArray::from(values.clone())),
        Arc::new(LargeBinaryArray::from(values.clone())),
        Arc::new(BinaryViewArray::from(values)),
    ];
    let base64 = "\"bG9uZ2VyIHRoYW4gd2hhdCBhIHZpZXcgaGFzIGluc2lkZQ==\"";
    let want = [Json("\"\""), Json("\"AP8=\""), Null, Json(base64)];
    for array in arrays {
        let field = Field::new("f", array.data_type().clone(), true);
        for to in [T::Bytes, T::String, T::Json] {
            check_field(&array, &field, to, &want);
        }
        check_field(&array, &field, T::Integer, &[Wrong, Wrong, Null, Wrong]);
    }
    let fixed =
        FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([0, 255]), None].into_iter(), 2).expect("two bytes");
    for to in [T::Bytes, T::String, T::Json] {
        check(fixed.clone(), to, &[Json("\"AP8=\""), Null]);
    }
}

#[test]
fn uuids() {
    let bytes = 0x0189_f7e5_0c4c_7c7a_a2d5_f0e1_d2c3_b4a5_u128.to_be_bytes();
    let values = [Some(bytes), None, Some([255; 16])];
    let array: ArrayRef =
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), 16).expect("16 bytes"));
    let field = extended(&array, "arrow.uuid");
    let texts =
        [Json("\"0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5\""), Null, Json("\"ffffffff-ffff-ffff-ffff-ffffffffffff\"")];
    for to in [T::Uuid, T::String, T::Json] {
        check_field(&array, &field, to, &texts);
    }
    let base64 = [Json("\"AYn35QxMfHqi1fDh0sO0pQ==\""), Null, Json("\"/////////////////////w==\"")];
    check_field(&array, &field, T::Bytes, &base64);
    let plain = Field::new("f", DataType::FixedSizeBinary(16), true);
    check_field(&array, &plain, T::Uuid, &texts);
    check_field(&array, &plain, T::Json, &base64);
}
