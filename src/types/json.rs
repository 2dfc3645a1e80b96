//! `jsonb`: objects, arrays and everything the schema leaves open. Numbers inside keep all their digits.

use arrow::array::{Array, StringArray, StringBuilder};

use super::{ColumnKind, Outcome, Reason, put_sized};
use crate::json::{self, Kind, Token};
use crate::limits;

/// First byte of `jsonb` on the wire.
const JSONB_VERSION: u8 = 1;

macro_rules! json_kind {
    ($name:ident, $accepts:expr) => {
        pub struct $name;

        impl ColumnKind for $name {
            const SQL: &'static str = "pg_catalog.jsonb";
            const TYPNAME: &'static str = "jsonb";
            const OID: u32 = 3802;
            type Parameter = ();
            type Builder = StringBuilder;
            type Reader<'a> = &'a StringArray;

            fn builder() -> Self::Builder {
                StringBuilder::with_capacity(0, 0)
            }

            fn append_null(out: &mut Self::Builder) {
                out.append_null();
            }

            fn decode((): (), token: Token, line: &str, out: &mut Self::Builder) -> Outcome {
                if $accepts.is_none_or(|kind| kind == token.kind) {
                    decode(token, line, out)
                } else {
                    Outcome::Nulled(Reason::SerializationError)
                }
            }

            fn reader(array: &dyn Array) -> Option<Self::Reader<'_>> {
                array.as_any().downcast_ref()
            }

            fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
                put_sized(out, |out| {
                    out.push(JSONB_VERSION);
                    out.extend_from_slice(array.value(row).as_bytes());
                });
            }
        }
    };
}

json_kind!(Object, Some(Kind::Object));
json_kind!(JsonArray, Some(Kind::Array));
json_kind!(Any, None::<Kind>);

fn decode(token: Token, line: &str, out: &mut StringBuilder) -> Outcome {
    let raw = token.text(line);
    if token.exceeds_jsonb() || json::jsonb_size(raw) > limits::JSONB_BYTES {
        return Outcome::Nulled(Reason::FieldSizeLimitation);
    }
    if token.kind == Kind::String {
        let mut quoted = String::with_capacity(raw.len() + 2);
        quoted.push('"');
        quoted.push_str(raw);
        quoted.push('"');
        return append(token, &quoted, out);
    }
    append(token, raw, out)
}

fn append(token: Token, json: &str, out: &mut StringBuilder) -> Outcome {
    if token.is_dirty() {
        json::append_compact(json, out);
        out.append_value("");
        return Outcome::Cleaned;
    }
    out.append_value(json);
    Outcome::Stored
}
