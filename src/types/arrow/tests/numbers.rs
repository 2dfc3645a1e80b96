//! Integers, floats and decimals.

use arrow::array::*;
use arrow::datatypes::{Float16Type, i256};

use super::*;
use ColumnType as T;

const DECIMAL: ColumnType = T::Decimal(DecimalSize::EXAMPLE);

fn decimal(precision: u16, scale: u16) -> ColumnType {
    T::Decimal(DecimalSize::new(precision, scale).expect("a size"))
}

#[test]
fn booleans() {
    let values = || BooleanArray::from(vec![Some(true), Some(false), None]);
    check(values(), T::Boolean, &[Json("true"), Json("false"), Null]);
    check(values(), T::Json, &[Json("true"), Json("false"), Null]);
    check(values(), T::String, &[Json("true"), Json("false"), Null]);
    check(values(), T::Integer, &[Wrong, Wrong, Null]);
    check(values(), T::Object, &[Wrong, Wrong, Null]);
    check_json(values(), &["true", "false", "null"]);
}

#[test]
fn small_integers_go_everywhere() {
    let all: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    let texts: Vec<Want> = all.iter().map(|value| Json(value.to_string().leak())).collect();
    let array: ArrayRef = Arc::new(Int8Array::from(all));
    let field = Field::new("f", DataType::Int8, true);
    for to in [T::SmallInt, T::Int, T::Integer, T::Number, DECIMAL, T::String, T::Json, T::Real, T::Double] {
        check_part(&array, &field, to, &texts);
    }
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let texts: Vec<Want> = all.iter().map(|value| Json(value.to_string().leak())).collect();
    let array: ArrayRef = Arc::new(UInt8Array::from(all));
    let field = Field::new("f", DataType::UInt8, true);
    for to in [T::SmallInt, T::Int, T::Integer, T::Number, DECIMAL, T::String, T::Json, T::Real, T::Double] {
        check_part(&array, &field, to, &texts);
    }
}

#[test]
fn integers_that_do_not_fit_are_null() {
    let values = Int64Array::from(vec![
        Some(0),
        Some(32_767),
        Some(32_768),
        Some(-32_768),
        Some(-32_769),
        Some(2_147_483_648),
        Some(-2_147_483_648),
        Some(i64::MAX),
        Some(i64::MIN),
        None,
    ]);
    let j = Json;
    let (a, b, c, d) = (j("32767"), j("32768"), j("-32768"), j("-32769"));
    let (max, min) = (j("9223372036854775807"), j("-9223372036854775808"));
    let (e, f) = (j("2147483648"), j("-2147483648"));
    check(
        values.clone(),
        T::SmallInt,
        &[j("0"), a, TooLarge, c, TooLarge, TooLarge, TooLarge, TooLarge, TooLarge, Null],
    );
    check(values.clone(), T::Int, &[j("0"), a, b, c, d, TooLarge, f, TooLarge, TooLarge, Null]);
    for to in [T::Integer, T::Number, decimal(19, 0), decimal(23, 4), T::String, T::Json] {
        check(values.clone(), to, &[j("0"), a, b, c, d, e, f, max, min, Null]);
    }
    check(values.clone(), decimal(8, 3), &[j("0"), a, b, c, d, TooLarge, TooLarge, TooLarge, TooLarge, Null]);
    check(values, T::Boolean, &[Wrong, Wrong, Wrong, Wrong, Wrong, Wrong, Wrong, Wrong, Wrong, Null]);

    let values = UInt64Array::from(vec![Some(0), Some(9_223_372_036_854_775_807), Some(u64::MAX), None]);
    let whole = [j("0"), max, j("18446744073709551615"), Null];
    check(values.clone(), T::Integer, &[j("0"), max, TooLarge, Null]);
    for to in [T::Number, decimal(20, 0), T::String, T::Json] {
        check(values.clone(), to, &whole);
    }
    check(values, decimal(19, 0), &[j("0"), max, TooLarge, Null]);
    check(UInt32Array::from(vec![u32::MAX]), T::Integer, &[j("4294967295")]);
    check(UInt32Array::from(vec![u32::MAX]), T::Int, &[TooLarge]);
    check(UInt16Array::from(vec![u16::MAX]), T::Int, &[j("65535")]);
    check(UInt16Array::from(vec![u16::MAX]), T::SmallInt, &[TooLarge]);
    check(Int16Array::from(vec![i16::MIN]), T::SmallInt, &[j("-32768")]);
    check(Int32Array::from(vec![i32::MIN]), T::Int, &[j("-2147483648")]);
}

#[test]
fn every_half_is_the_same_real() {
    let every = |to: ColumnType| {
        let bits: Vec<_> = (0..=u16::MAX).map(<Float16Type as ArrowPrimitiveType>::Native::from_bits).collect();
        let array: ArrayRef = Arc::new(PrimitiveArray::<Float16Type>::from_iter_values(bits.iter().copied()));
        let cast = cast(&array, &Field::new("f", DataType::Float16, true), to).expect("a cast");
        assert_eq!(cast.outcomes, [], "{to:?}");
        (bits, cast.array)
    };
    let (bits, array) = every(T::Real);
    for (half, real) in bits.iter().zip(array.as_primitive::<arrow::datatypes::Float32Type>().values()) {
        assert_eq!(half.to_f32().to_bits(), real.to_bits());
    }
    let (bits, array) = every(T::Double);
    for (half, double) in bits.iter().zip(array.as_primitive::<arrow::datatypes::Float64Type>().values()) {
        assert_eq!(half.to_f64().to_bits(), double.to_bits());
    }
    // As JSON each is a number that reads as the same half.
    let (bits, array) = every(T::Json);
    for (half, json) in bits.iter().zip(array.as_string::<i32>()) {
        let json = json.expect("a value");
        if half.is_nan() {
            assert_eq!(json, "\"NaN\"");
        } else if half.is_infinite() {
            assert_eq!(json, if *half > Default::default() { "\"Infinity\"" } else { "\"-Infinity\"" });
        } else {
            assert_eq!(json.parse::<f32>().expect("a number").to_bits(), half.to_f32().to_bits());
        }
    }
}

#[test]
fn floats_keep_their_shortest_number() {
    let values = || {
        Float64Array::from(vec![
            Some(0.0),
            Some(-0.0),
            Some(0.1),
            Some(1e300),
            Some(5e-324),
            Some(-123_456_789.125),
            Some(1e16),
            Some(f64::NAN),
            Some(f64::INFINITY),
            Some(f64::NEG_INFINITY),
            None,
        ])
    };
    let j = Json;
    let finite = [j("0.0"), j("-0.0"), j("0.1"), j("1e300"), j("5e-324"), j("-123456789.125"), j("1e16")];
    let with = |rest: [Want; 3]| [finite.as_slice(), &rest, &[Null]].concat();
    check(values(), T::Double, &with([j("\"NaN\""), j("\"Infinity\""), j("\"-Infinity\"")]));
    check(values(), T::Json, &with([j("\"NaN\""), j("\"Infinity\""), j("\"-Infinity\"")]));
    check(values(), T::String, &with([j("\"NaN\""), j("\"Infinity\""), j("\"-Infinity\"")]));
    check(values(), T::Number, &with([Wrong, Wrong, Wrong]));
    let integers = [j("0"), j("0"), Wrong, TooLarge, Wrong, Wrong, j("10000000000000000"), Wrong, Wrong, Wrong, Null];
    check(values(), T::Integer, &integers);
    let decimals =
        [j("0.0"), j("0.0"), j("0.1"), TooLarge, Wrong, j("-123456789.125"), TooLarge, Wrong, Wrong, Wrong, Null];
    check(values(), DECIMAL, &decimals);
    check(values(), T::Boolean, &[[Wrong; 10].as_slice(), &[Null]].concat());

    let values = || Float32Array::from(vec![0.1, 1e38, f32::NAN, f32::INFINITY]);
    check(values(), T::Real, &[j("0.1"), j("1e38"), j("\"NaN\""), j("\"Infinity\"")]);
    check(values(), T::Number, &[j("0.1"), j("1e38"), Wrong, Wrong]);
    check(values(), T::Json, &[j("0.1"), j("1e38"), j("\"NaN\""), j("\"Infinity\"")]);
    check(Float32Array::from(vec![0.1, 0.5]), T::Double, &[j("0.10000000149011612"), j("0.5")]);
    check(Float64Array::from(vec![0.5, 1e39, 0.123_456_789_012]), T::Real, &[j("0.5"), TooLarge, Wrong]);
}

/// Every number of a small domain, in all of the four widths, against its text.
#[test]
fn decimals_are_their_text() {
    for scale in -6..=9_i8 {
        let values: Vec<i32> =
            (-105..=105).chain([999, 1_000, -1_001, 99_999, 100_000, 999_999_999, -999_999_999]).collect();
        let text = |value: i32| {
            let digits = value.unsigned_abs().to_string();
            let sign = if value < 0 { "-" } else { "" };
            let places = usize::from(scale.unsigned_abs());
            if scale <= 0 {
                let zeros = if value == 0 { 0 } else { places };
                return format!("{sign}{digits}{}", "0".repeat(zeros));
            }
            let digits = format!("{}{digits}", "0".repeat((places + 1).saturating_sub(digits.len())));
            let (whole, fraction) = digits.split_at(digits.len() - places);
            format!("{sign}{whole}.{fraction}")
        };
        let texts: Vec<Want> = values.iter().map(|value| Json(text(*value).leak())).collect();
        let wide = |v: &i32| i128::from(*v);
        let arrays: [ArrayRef; 4] = [
            Arc::new(Decimal32Array::from(values.clone()).with_precision_and_scale(9, scale).expect("a size")),
            Arc::new(
                Decimal64Array::from_iter_values(values.iter().map(|v| i64::from(*v)))
                    .with_precision_and_scale(18, scale)
                    .expect("a size"),
            ),
            Arc::new(
                Decimal128Array::from_iter_values(values.iter().map(wide))
                    .with_precision_and_scale(38, scale)
                    .expect("a size"),
            ),
            Arc::new(
                Decimal256Array::from_iter_values(values.iter().map(|v| i256::from_i128(wide(v))))
                    .with_precision_and_scale(76, scale)
                    .expect("a size"),
            ),
        ];
        for array in arrays {
            let field = Field::new("f", array.data_type().clone(), true);
            for to in [T::Number, T::String, T::Json, column_type(&field).expect("a type")] {
                check_part(&array, &field, to, &texts);
            }
        }
    }
}

#[test]
fn decimals_keep_every_digit() {
    let huge = i256::from_string(&"9".repeat(76)).expect("digits");
    let wide = || {
        let values = vec![Some(huge), Some(-huge), Some(i256::ONE), Some(i256::MIN), Some(i256::MAX), None];
        Decimal256Array::from(values)
    };
    let nines: &'static str = "9".repeat(76).leak();
    let minus: &'static str = format!("-{nines}").leak();
    // Beyond what its precision says.
    let max: &'static str = i256::MAX.to_string().leak();
    let min: &'static str = i256::MIN.to_string().leak();
    let whole = [Json(nines), Json(minus), Json("1"), Json(min), Json(max), Null];
    let array = wide().with_precision_and_scale(76, 0).expect("a size");
    for to in [T::Number, T::Json, T::String, decimal(78, 0)] {
        check(array.clone(), to, &whole);
    }
    check(array.clone(), decimal(76, 0), &[Json(nines), Json(minus), Json("1"), TooLarge, TooLarge, Null]);
    check(array, T::Integer, &[TooLarge, TooLarge, Json("1"), TooLarge, TooLarge, Null]);

    let values = [0, 1, -1, i128::MAX, i128::MIN, 10_i128.pow(38) - 1, 10_000, 123_456_789_012_345_678];
    for scale in [-128, -5, 0, 1, 2, 3, 4, 37, 38] {
        let array = Decimal128Array::from_iter_values(values).with_precision_and_scale(38, scale).expect("a size");
        let texts: Vec<Want> = values
            .iter()
            .map(|value| {
                Json(if *value == 0 { "0".to_owned() } else { format!("{value}e{}", -i32::from(scale)) }.leak())
            })
            .collect();
        let cast =
            cast(&(Arc::new(array) as ArrayRef), &Field::new("f", DataType::Decimal128(38, scale), true), T::Number)
                .expect("a cast");
        for (field, want) in fields(&cast.array, T::Number).iter().zip(&texts) {
            let Json(text) = want else { unreachable!() };
            let mut expected = json_field(T::Number, text);
            if *text == "0" && scale > 0 {
                // The scale of a column is shown by its zeros too.
                expected[11] = scale.unsigned_abs();
            }
            assert_eq!(*field, expected, "{text}");
        }
    }
}

#[test]
fn decimals_that_would_be_rounded_are_null() {
    let array = |scale| {
        let values = vec![Some(0), Some(12_345), Some(-12_300), Some(1_000_000), None];
        Decimal128Array::from(values).with_precision_and_scale(10, scale).expect("a size")
    };
    check(array(2), decimal(6, 2), &[Json("0.00"), Json("123.45"), Json("-123.00"), TooLarge, Null]);
    check(array(2), decimal(6, 1), &[Json("0.00"), Wrong, Json("-123.00"), Json("10000.00"), Null]);
    check(array(2), decimal(3, 0), &[Json("0.00"), Wrong, Json("-123.00"), TooLarge, Null]);
    check(array(2), decimal(8, 4), &[Json("0.00"), Json("123.45"), Json("-123.00"), TooLarge, Null]);
    check(array(-2), decimal(7, 0), &[Json("0"), Json("1234500"), Json("-1230000"), TooLarge, Null]);
    check(array(-2), decimal(2, 0), &[Json("0"), TooLarge, TooLarge, TooLarge, Null]);
    check(array(2), T::Integer, &[Json("0"), Wrong, Json("-123"), Json("10000"), Null]);
    check(array(2), T::Double, &[Json("0"), Json("123.45"), Json("-123"), Json("10000"), Null]);
    check(Decimal32Array::from(vec![5]).with_precision_and_scale(2, 1).expect("a size"), decimal(1, 0), &[Wrong]);
}
