//! The column for each type of Arrow.

use arrow::datatypes::{Fields, IntervalUnit, TimeUnit, UnionFields, UnionMode};

use super::*;
use ColumnType as T;
use DataType as D;

fn of(data_type: DataType) -> ColumnType {
    column_type(&Field::new("f", data_type, true)).expect("a type")
}

fn decimal(precision: u16, scale: u16) -> ColumnType {
    T::Decimal(DecimalSize::new(precision, scale).expect("a size"))
}

fn element(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new_list_field(data_type, true))
}

#[test]
fn scalars() {
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let mut cases = vec![
        (D::Boolean, T::Boolean),
        (D::Int8, T::SmallInt),
        (D::Int16, T::SmallInt),
        (D::Int32, T::Int),
        (D::Int64, T::Integer),
        (D::UInt8, T::SmallInt),
        (D::UInt16, T::Int),
        (D::UInt32, T::Integer),
        (D::UInt64, decimal(20, 0)),
        (D::Float16, T::Real),
        (D::Float32, T::Real),
        (D::Float64, T::Double),
        (D::Utf8, T::String),
        (D::LargeUtf8, T::String),
        (D::Utf8View, T::String),
        (D::Binary, T::Bytes),
        (D::LargeBinary, T::Bytes),
        (D::BinaryView, T::Bytes),
        (D::FixedSizeBinary(16), T::Bytes),
        (D::FixedSizeBinary(0), T::Bytes),
        (D::Date32, T::Date),
        (D::Date64, T::Date),
        (D::Time32(TimeUnit::Second), T::Time),
        (D::Time32(TimeUnit::Millisecond), T::Time),
        (D::Time64(TimeUnit::Microsecond), T::Time),
        (D::Time64(TimeUnit::Nanosecond), T::Time),
        (D::Interval(IntervalUnit::YearMonth), T::Interval),
        (D::Interval(IntervalUnit::DayTime), T::Interval),
        (D::Interval(IntervalUnit::MonthDayNano), T::Interval),
        (D::Null, T::Json),
    ];
    for unit in units {
        cases.push((D::Timestamp(unit, None), T::Timestamp));
        cases.push((D::Timestamp(unit, Some("Europe/Berlin".into())), T::TimestampTz));
        cases.push((D::Duration(unit), T::Interval));
    }
    for (data_type, want) in cases {
        assert_eq!(of(data_type.clone()), want, "{data_type}");
        let keys = Box::new(D::Int8);
        assert_eq!(of(D::Dictionary(keys, Box::new(data_type.clone()))), want, "a dictionary of {data_type}");
        let ends = Arc::new(Field::new("run_ends", D::Int32, false));
        let runs = D::RunEndEncoded(ends, Arc::new(Field::new("values", data_type.clone(), true)));
        assert_eq!(of(runs), want, "runs of {data_type}");
        let list = Scalar::of(want).filter(|_| want != T::Json).map_or(T::Array, T::List);
        let element = element(data_type.clone());
        for lists in [
            D::List(Arc::clone(&element)),
            D::LargeList(Arc::clone(&element)),
            D::ListView(Arc::clone(&element)),
            D::LargeListView(Arc::clone(&element)),
            D::FixedSizeList(element, 3),
        ] {
            assert_eq!(of(lists.clone()), list, "{lists}");
        }
    }
}

#[test]
fn decimals_of_every_size_and_scale() {
    for precision in 1..=76_u8 {
        for scale in i8::MIN..=76 {
            let (p, s) = (u16::from(precision), u16::from(scale.unsigned_abs()));
            let want = if scale < 0 { decimal(p + s, 0) } else { decimal(p.max(s), s) };
            assert_eq!(of(D::Decimal256(precision, scale)), want, "{precision} {scale}");
        }
    }
    assert_eq!(of(D::Decimal32(9, 2)), decimal(9, 2));
    assert_eq!(of(D::Decimal64(18, 0)), decimal(18, 0));
    assert_eq!(of(D::Decimal128(38, 38)), decimal(38, 38));
    assert_eq!(of(D::Decimal128(5, -2)), decimal(7, 0));
}

#[test]
fn nested() {
    let pair = |key| {
        let fields = Fields::from(vec![Field::new("k", key, false), Field::new("v", D::Int8, true)]);
        D::Map(Arc::new(Field::new("entries", D::Struct(fields), false)), false)
    };
    let texts = D::Dictionary(Box::new(D::Int8), Box::new(D::Utf8));
    let structs = D::Struct(Fields::from(vec![Field::new("a", D::Int8, true)]));
    let union = UnionFields::try_new(vec![3], vec![Field::new("a", D::Int8, true)]).expect("fields");
    let cases = [
        (pair(D::Utf8), T::Object),
        (pair(D::Utf8View), T::Object),
        (pair(texts), T::Object),
        (pair(D::Int8), T::Array),
        (D::List(element(structs.clone())), T::Array),
        (D::List(element(D::List(element(D::Int8)))), T::Array),
        (D::Struct(Fields::empty()), T::Object),
        (structs, T::Object),
        (D::Union(union.clone(), UnionMode::Sparse), T::Json),
        (D::Union(union, UnionMode::Dense), T::Json),
    ];
    for (data_type, want) in cases {
        assert_eq!(of(data_type.clone()), want, "{data_type}");
    }
}

#[test]
fn extension_types_count_where_their_storage_is_theirs() {
    let of = |data_type: DataType, name: &str| {
        let metadata = HashMap::from([(EXTENSION.to_owned(), name.to_owned())]);
        column_type(&Field::new("f", data_type, true).with_metadata(metadata)).expect("a type")
    };
    assert_eq!(of(D::FixedSizeBinary(16), "arrow.uuid"), T::Uuid);
    assert_eq!(of(D::FixedSizeBinary(15), "arrow.uuid"), T::Bytes);
    assert_eq!(of(D::Utf8, "arrow.uuid"), T::String);
    for text in [D::Utf8, D::LargeUtf8, D::Utf8View] {
        assert_eq!(of(text.clone(), "arrow.json"), T::Json);
        assert_eq!(of(D::Dictionary(Box::new(D::Int8), Box::new(text)), "arrow.json"), T::Json);
    }
    assert_eq!(of(D::Binary, "arrow.json"), T::Bytes);
    assert_eq!(of(D::Utf8, "somebody.text"), T::String);
    let uuids = Field::new_list_field(D::FixedSizeBinary(16), true)
        .with_metadata(HashMap::from([(EXTENSION.to_owned(), "arrow.uuid".to_owned())]));
    assert_eq!(of(D::List(Arc::new(uuids)), "none"), T::List(Scalar::Uuid));
}

#[test]
fn endless_types_are_refused() {
    let nested = |levels: usize| (0..levels).fold(D::Int8, |inner, _| D::List(element(inner)));
    assert_eq!(of(nested(limits::ARROW_DEPTH)), T::Array);
    let field = Field::new("f", nested(limits::ARROW_DEPTH + 1), true);
    let unfit = column_type(&field).expect_err("too deep");
    assert_eq!(unfit.to_string(), "its type is nested deeper than 50 levels");
    let array = arrow::array::new_null_array(field.data_type(), 1);
    assert_eq!(cast(&array, &field, T::Array).map(|_| ()), Err(unfit));
}
