//! Values of keys and cursors: few of each type, so that they meet again, in several spellings.

use fastrand::Rng;
use serde_json::json;

use crate::table::Kind;

/// Longer than an index entry can be, and random, so that compression does not help.
const TOO_LONG_CHARS: usize = 6_000;

/// A value, as it is sent and as it is stored.
#[derive(Clone, Debug)]
pub struct Value {
    /// Values that are equal for Postgres have the same class; in its order, greater ones have a greater class.
    pub class: u32,
    pub json: String,
    pub text: String,
}

/// Types of keys.
pub const KEY_KINDS: [Kind; 10] = [
    Kind::Integer,
    Kind::Number,
    Kind::String,
    Kind::Boolean,
    Kind::Date,
    Kind::Time,
    Kind::TimeTz,
    Kind::TimestampTz,
    Kind::Union,
    Kind::Object,
];

/// Types of cursors.
pub const CURSOR_KINDS: [Kind; 5] = [Kind::Integer, Kind::Number, Kind::String, Kind::Date, Kind::TimestampTz];

/// The values of a type that one column draws from.
pub fn pool(rng: &mut Rng, kind: Kind, too_long: bool) -> Vec<Value> {
    let listed: &[(u32, &str, &str)] = match kind {
        Kind::Integer => &[
            (0, "-9223372036854775808", "-9223372036854775808"),
            (1, "-1", "-1"),
            (2, "0", "0"),
            (2, "-0", "0"),
            (3, "\"7\"", "7"),
            (3, "7.0", "7"),
            (4, "70", "70"),
            (5, "9223372036854775807", "9223372036854775807"),
        ],
        Kind::Number => &[
            (0, "-1.5", "-1.5"),
            (0, "-15e-1", "-1.5"),
            (1, "0", "0"),
            (1, "-0.00", "0.00"),
            (2, "1.0", "1.0"),
            (2, "1.00", "1.00"),
            (2, "\"1\"", "1"),
            (3, "100", "100"),
            (3, "1e2", "100"),
            (3, "100.000000000000000000000", "100.000000000000000000000"),
            (4, "12345678901234567890123.5", "12345678901234567890123.5"),
        ],
        Kind::String => &[
            (0, "\"\"", ""),
            (1, "\"10\"", "10"),
            (2, "\"9\"", "9"),
            (3, "\"A\"", "A"),
            (3, "\"\\u0041\"", "A"),
            (4, "\"A \"", "A "),
            (5, "\"a\"", "a"),
            (30, "\"é\"", "é"),
        ],
        Kind::Boolean => &[(0, "false", "false"), (1, "true", "true")],
        Kind::Date => &[
            (0, "\"0044-03-15 BC\"", "0044-03-15 BC"),
            (1, "\"2024-02-29\"", "2024-02-29"),
            (1, "\"2024-02-29T23:59:59Z\"", "2024-02-29"),
            (2, "\"2024-03-01\"", "2024-03-01"),
            (3, "\"+12024-03-01\"", "12024-03-01"),
        ],
        Kind::Time => &[
            (0, "\"00:00:00\"", "00:00:00"),
            (1, "\"23:59:59.999999\"", "23:59:59.999999"),
            (1, "\"23:59:59.9999999\"", "23:59:59.999999"),
            (2, "\"24:00:00\"", "24:00:00"),
        ],
        // The same instant in two zones is two values.
        Kind::TimeTz => &[
            (0, "\"12:00:00Z\"", "12:00:00+00"),
            (0, "\"12:00\"", "12:00:00+00"),
            (1, "\"13:00:00+01\"", "13:00:00+01"),
            (2, "\"12:00:01Z\"", "12:00:01+00"),
        ],
        Kind::TimestampTz => &[
            (0, "\"2024-01-01T00:00:00Z\"", "2024-01-01 00:00:00+00"),
            (0, "\"2024-01-01T05:30:00+05:30\"", "2024-01-01 00:00:00+00"),
            (1, "\"2024-01-01T00:00:00.000001Z\"", "2024-01-01 00:00:00.000001+00"),
            (2, "\"2024-01-02\"", "2024-01-02 00:00:00+00"),
            (3, "\"9999-12-31T23:59:59Z\"", "9999-12-31 23:59:59+00"),
        ],
        Kind::Object => &[
            (0, "{}", "{}"),
            (1, "{\"a\":1,\"b\":2}", "{\"a\": 1, \"b\": 2}"),
            (1, "{\"b\":2.0, \"a\":1}", "{\"a\": 1, \"b\": 2.0}"),
            (2, "{\"a\":\"1\"}", "{\"a\": \"1\"}"),
        ],
        _ => &[
            (0, "1", "1"),
            (0, "1.00", "1.00"),
            (1, "\"1\"", "\"1\""),
            (2, "[1, 2]", "[1, 2]"),
            (2, "[1.0,2]", "[1.0, 2]"),
            (3, "{\"k\":[]}", "{\"k\": []}"),
            (4, "true", "true"),
        ],
    };
    let mut pool: Vec<Value> =
        listed.iter().map(|&(class, json, text)| Value { class, json: json.into(), text: text.into() }).collect();
    if too_long {
        for class in 20..22 {
            // In C order behind everything else.
            let start = if class == 20 { "zz" } else { "zzz" };
            let text: String = start.chars().chain((0..TOO_LONG_CHARS).map(|_| rng.char('a'..'y'))).collect();
            let quoted = json!(text).to_string();
            match kind {
                Kind::String => pool.push(Value { class, json: quoted, text }),
                Kind::Union => pool.push(Value { class, json: quoted.clone(), text: quoted }),
                Kind::Object => {
                    pool.push(Value {
                        class,
                        json: format!("{{\"k\":{quoted}}}"),
                        text: format!("{{\"k\": {quoted}}}"),
                    });
                }
                _ => {}
            }
        }
    }
    pool
}
