//! `jsonb`: objects, arrays and everything the schema leaves open. Numbers inside keep all their digits.

use std::fmt::Write;

use arrow::array::{Array, StringArray, StringBuilder};

use super::{ColumnKind, Outcome, Reason, put_length};
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
                put_length(array.value(row).len() + 1, out);
                out.push(JSONB_VERSION);
            }

            fn tail<'a>(values: &Self::Reader<'a>, row: usize) -> &'a [u8] {
                values.value(row).as_bytes()
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
    if token.kind != Kind::String {
        return append(token, raw, out);
    }
    if token.is_dirty() {
        return append(token, &format!("\"{raw}\""), out);
    }
    // Piece by piece, for it may be large.
    for piece in ["\"", raw, "\""] {
        out.write_str(piece).expect("writing to memory does not fail");
    }
    out.append_value("");
    Outcome::Stored
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
