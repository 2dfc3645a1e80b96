//! Integers, floats and decimals.

use std::ops::Neg;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    i256,
};

use super::{Cast, Unfit, convert, keep};
use crate::types::{ColumnType, DecimalSize, Reason};

/// Digits of any value of 64 bits without sign.
const UINT64_DIGITS: u8 = 20;
/// Digits of the widest decimal of 128 bits.
const DECIMAL128_DIGITS: u8 = 38;

/// Numbers into columns of numbers; none for what is not a number, and for floats that need not fit.
pub(super) fn direct(array: &ArrayRef, to: ColumnType) -> Result<Option<Cast>, Unfit> {
    use ColumnType as T;
    Ok(match to {
        T::SmallInt => integers::<Int16Type>(array),
        T::Int => integers::<Int32Type>(array),
        T::Integer => integers::<Int64Type>(array),
        T::Real => match array.data_type() {
            DataType::Float16 => Some(convert::<Float16Type, Float32Type>(array, |value| Ok(value.to_f32()))),
            DataType::Float32 => Some(Cast::whole(Arc::clone(array))),
            _ => None,
        },
        T::Double => match array.data_type() {
            DataType::Float16 => Some(convert::<Float16Type, Float64Type>(array, |value| Ok(value.to_f64()))),
            DataType::Float32 => Some(convert::<Float32Type, Float64Type>(array, |value| Ok(value.into()))),
            DataType::Float64 => Some(Cast::whole(Arc::clone(array))),
            _ => None,
        },
        T::Number => match array.data_type() {
            DataType::Float16 => {
                Some(convert::<Float16Type, Float32Type>(array, |value| finite(value.is_finite(), value.to_f32())))
            }
            DataType::Float32 => Some(keep::<Float32Type>(array, |value| finite(value.is_finite(), ()))),
            DataType::Float64 => Some(keep::<Float64Type>(array, |value| finite(value.is_finite(), ()))),
            _ => numbers(array)?.map(Cast::whole),
        },
        T::Decimal(size) => numbers(array)?.map(|numbers| limited(&numbers, size)),
        _ => None,
    })
}

/// `numeric` is for numbers alone.
fn finite<T>(finite: bool, value: T) -> Result<T, Reason> {
    if finite { Ok(value) } else { Err(Reason::SerializationError) }
}

fn integers<O>(array: &ArrayRef) -> Option<Cast>
where
    O: ArrowPrimitiveType,
    O::Native: TryFrom<i128>,
{
    if *array.data_type() == O::DATA_TYPE {
        return Some(Cast::whole(Arc::clone(array)));
    }
    macro_rules! each {
        ($($variant:ident => $type:ty,)*) => {
            match array.data_type() {
                $(DataType::$variant => convert::<$type, O>(array, |value| {
                    i128::from(value).try_into().map_err(|_| Reason::FieldSizeLimitation)
                }),)*
                _ => return None,
            }
        };
    }
    Some(each! {
        Int8 => Int8Type,
        Int16 => Int16Type,
        Int32 => Int32Type,
        Int64 => Int64Type,
        UInt8 => UInt8Type,
        UInt16 => UInt16Type,
        UInt32 => UInt32Type,
        UInt64 => UInt64Type,
    })
}

/// Whole numbers and decimals in one of the forms of `Numbers`.
fn numbers(array: &ArrayRef) -> Result<Option<ArrayRef>, Unfit> {
    fn decimal<T: ArrowPrimitiveType>(array: &ArrayRef, scale: i8) -> Result<Option<ArrayRef>, Unfit>
    where
        T::Native: Into<i128>,
    {
        let values: Decimal128Array = array.as_primitive::<T>().unary(Into::into);
        Ok(Some(Arc::new(values.with_precision_and_scale(DECIMAL128_DIGITS, scale)?)))
    }
    match array.data_type() {
        DataType::Int64 | DataType::Decimal128(..) | DataType::Decimal256(..) => Ok(Some(Arc::clone(array))),
        DataType::UInt64 => {
            let values: Decimal128Array = array.as_primitive::<UInt64Type>().unary(i128::from);
            Ok(Some(Arc::new(values.with_precision_and_scale(UINT64_DIGITS, 0)?)))
        }
        DataType::Decimal32(_, scale) => decimal::<Decimal32Type>(array, *scale),
        DataType::Decimal64(_, scale) => decimal::<Decimal64Type>(array, *scale),
        _ => Ok(integers::<Int64Type>(array).map(|cast| cast.array)),
    }
}

/// Without the values that `size` has no place for: the server would refuse or round them.
fn limited(numbers: &ArrayRef, size: DecimalSize) -> Cast {
    let (integer_digits, scale) = (i32::from(size.integer_digits()), i32::from(size.scale()));
    match numbers.data_type() {
        DataType::Int64 => {
            let limit = power(integer_digits, |power| 10_i128.checked_pow(power));
            keep::<Int64Type>(numbers, |value| fits(i128::from(value), limit))
        }
        DataType::Decimal128(_, own) => {
            let own = i32::from(*own);
            let limit = power(integer_digits + own, |power| 10_i128.checked_pow(power));
            let unit = power(own - scale, |power| 10_i128.checked_pow(power));
            keep::<Decimal128Type>(numbers, |value| {
                if own > scale && unit.is_none_or(|unit| value % unit != 0) && value != 0 {
                    return Err(Reason::SerializationError);
                }
                fits(value, limit)
            })
        }
        DataType::Decimal256(_, own) => {
            let own = i32::from(*own);
            let ten = i256::from(10_i64);
            let limit = power(integer_digits + own, |power| ten.checked_pow(power));
            let unit = power(own - scale, |power| ten.checked_pow(power));
            keep::<Decimal256Type>(numbers, |value| {
                let whole = unit.is_some_and(|unit| value.checked_rem(unit) == Some(i256::ZERO));
                if own > scale && !whole && value != i256::ZERO {
                    return Err(Reason::SerializationError);
                }
                fits(value, limit)
            })
        }
        _ => Cast::whole(Arc::clone(numbers)),
    }
}

/// Ten to the power of `exponent`, at least one; none where that is more than any value.
fn power<T>(exponent: i32, pow: impl Fn(u32) -> Option<T>) -> Option<T> {
    pow(exponent.max(0).unsigned_abs())
}

/// Whether `value` lies between `-limit` and `limit`.
fn fits<T: PartialOrd + Neg<Output = T> + Copy>(value: T, limit: Option<T>) -> Result<(), Reason> {
    if limit.is_none_or(|limit| -limit < value && value < limit) { Ok(()) } else { Err(Reason::FieldSizeLimitation) }
}
