//! Type changes in place, made by a server: what the guard lets through is afterwards the same value in another type.

use std::collections::BTreeMap;

use destination_postgres::sql::{Conversion, conversion};
use destination_postgres::types::{ColumnType, DecimalSize, Scalar};

use crate::support::postgres::TestServer;
use crate::support::sql::Sql;
use crate::table::session;

/// Values of each old type, some at the edge of a narrower one.
const OLD: [(&str, &[&str]); 14] = [
    ("int2", &["0", "-1", "9999", "10000", "32767", "-32768"]),
    ("int4", &["0", "-1", "32767", "32768", "-32768", "-32769", "16777216", "16777217", "2147483647", "-2147483648"]),
    (
        "int8",
        &[
            "0",
            "-32769",
            "2147483647",
            "2147483648",
            "-2147483648",
            "-2147483649",
            "9007199254740992",
            "9007199254740993",
            "-9007199254740993",
            "9999999999999999",
            "10000000000000000",
            "9223372036854775807",
            "-9223372036854775808",
        ],
    ),
    (
        "numeric",
        &["0", "0.00", "1.5", "-32768", "32768", "0.00001", "99.95", "99.9", "9999999999999999.9999", "1e30", "NaN"],
    ),
    ("float4", &["0", "-0", "0.1", "1.5", "16777216", "1e38", "NaN", "Infinity"]),
    ("float8", &["0", "0.1", "1e300", "NaN", "-Infinity", "42"]),
    (
        "text",
        &[
            "0",
            "007",
            "-0",
            "1.5",
            "99.95",
            "1e2",
            "40000",
            "99999999999999999999",
            "x",
            "",
            "0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5",
        ],
    ),
    ("jsonb", &["0", "1.50", "\"1.5\"", "40000", "[]", "\"0189F7E5-0c4c-7c7a-a2d5-f0e1d2c3b4a5\"", "true"]),
    ("uuid", &["0189f7e5-0c4c-7c7a-a2d5-f0e1d2c3b4a5"]),
    ("bytea", &["\\x00ff"]),
    ("interval", &["1 month 2 days 00:00:03.5"]),
    ("int2[]", &["{}", "{1,NULL,-32768}"]),
    ("float4[]", &["{0.5,NaN}"]),
    ("numeric[]", &["{0.5,1.55}"]),
];

/// Tries each way that there is, value by value.
pub fn check() -> Result<(), String> {
    let database = TestServer::shared().database()?;
    let sql = session(&database)?;
    let decimal = |precision, scale| ColumnType::Decimal(DecimalSize::new(precision, scale).expect("a size"));
    let new = [
        ColumnType::SmallInt,
        ColumnType::Int,
        ColumnType::Integer,
        ColumnType::Number,
        ColumnType::Real,
        ColumnType::Double,
        decimal(4, 0),
        decimal(20, 4),
        decimal(3, 1),
        decimal(2, 2),
        ColumnType::Bytes,
        ColumnType::Uuid,
        ColumnType::Interval,
        ColumnType::String,
        ColumnType::Json,
        ColumnType::List(Scalar::SmallInt),
        ColumnType::List(Scalar::Int),
        ColumnType::List(Scalar::Double),
        ColumnType::List(Scalar::Number),
        ColumnType::List(Scalar::Decimal(DecimalSize::EXAMPLE)),
    ];
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for (old, values) in OLD {
        for to in new {
            let typname = old.strip_suffix("[]").map_or(old.to_owned(), |element| format!("_{element}"));
            let Some(Conversion { using, guard }) = conversion("c", &typname, to) else { continue };
            for value in values {
                if one(&sql, old, value, to, &using, guard.as_deref())
                    .map_err(|e| format!("{old} {value} to {to:?}: {e}"))?
                {
                    *made.entry(to.sql().into_owned()).or_default() += 1;
                }
            }
        }
    }
    // Each type is one that something becomes.
    match new
        .iter()
        .find(|to| !made.contains_key(&*to.sql()) && **to != ColumnType::List(Scalar::Decimal(DecimalSize::EXAMPLE)))
    {
        Some(to) => Err(format!("nothing becomes {to:?}")),
        None => Ok(()),
    }
}

/// Whether the value may be converted; then it must stay the same.
fn one(sql: &Sql, old: &str, value: &str, to: ColumnType, using: &str, guard: Option<&str>) -> Result<bool, String> {
    sql.run(&format!(
        "DROP TABLE IF EXISTS pg_temp.t; CREATE TEMP TABLE t (c {old}, was {old}); INSERT INTO t (c) VALUES ('{value}'); UPDATE t SET was = c"
    ))?;
    if let Some(guard) = guard
        && sql.value(&format!("SELECT ({guard}) IS TRUE FROM pg_temp.t"))? != "t"
    {
        return Ok(false);
    }
    let changed = sql.run(&format!("ALTER TABLE pg_temp.t ALTER COLUMN c TYPE {} USING {using}", to.sql()));
    match changed {
        // What the pattern of a text does not see, the server refuses.
        Err(error) if error.starts_with("22") => return Ok(false),
        other => other?,
    }
    let same = match to {
        ColumnType::String if old == "jsonb" => "c = was #>> '{}'",
        ColumnType::String => "c = was::text",
        ColumnType::Json => "c = to_jsonb(was)",
        // To text and back, a number is the number that it was.
        ColumnType::Uuid if old == "jsonb" => "c::text = lower(was #>> '{}')",
        ColumnType::Uuid => "c::text = was::text",
        _ if old == "jsonb" => "c::text::numeric = (was #>> '{}')::numeric",
        _ if old == "text" => "c::text::numeric = was::numeric",
        ColumnType::Number if old == "float4" => "c::text::float4 = was",
        ColumnType::Number if old == "float8" => "c::text::float8 = was",
        ColumnType::List(_) => "c::text::numeric[] = was::text::numeric[]",
        _ => "c = was",
    };
    if sql.value(&format!("SELECT {same} FROM pg_temp.t"))? == "t" {
        return Ok(true);
    }
    Err(format!("became {}", sql.value("SELECT c::text FROM pg_temp.t")?))
}
