//! What types have in common whose Arrow values are numbers of fixed size, sent as they are.

/// A type by its name, its OID, its Arrow builder and array, and how a token becomes a value of it.
macro_rules! fixed_kind {
    ($name:ident, $typname:literal, $oid:literal, $builder:ty, $array:ty, $value:expr) => {
        pub struct $name;

        impl $crate::types::ColumnKind for $name {
            const SQL: &'static str = concat!("pg_catalog.", $typname);
            const TYPNAME: &'static str = $typname;
            const OID: u32 = $oid;
            type Parameter = ();
            type Builder = $builder;
            type Reader<'a> = &'a $array;

            fn builder() -> Self::Builder {
                <$builder>::with_capacity(0)
            }

            fn append_null(out: &mut Self::Builder) {
                out.append_null();
            }

            fn decode(
                (): (),
                token: $crate::json::Token,
                line: &str,
                out: &mut Self::Builder,
            ) -> $crate::types::Outcome {
                match $value(token, line) {
                    Ok(value) => {
                        out.append_value(value);
                        $crate::types::Outcome::Stored
                    }
                    Err(reason) => $crate::types::Outcome::Nulled(reason),
                }
            }

            fn reader(array: &dyn arrow::array::Array) -> Option<Self::Reader<'_>> {
                array.as_any().downcast_ref()
            }

            fn encode(array: &Self::Reader<'_>, row: usize, out: &mut Vec<u8>) {
                $crate::types::put_fixed(array.value(row).to_be_bytes(), out);
            }
        }
    };
}

pub(super) use fixed_kind;
