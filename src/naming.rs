//! Stream and field names -> Postgres names: the reference's mangling, and names that never collide.
//!
//! Invariant: pure and deterministic. The result does not depend on the catalog's order.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::limits::IDENTIFIER_BYTES;

/// The Postgres name of a namespace, stream or field: accents dropped, white space and everything but ASCII letters,
/// digits and `_` replaced by `_`, never starting with a digit, at most 63 bytes. Case is kept.
pub fn postgres_name(original: &str) -> String {
    let mut name = String::with_capacity(original.len());
    let mut in_space = false;
    for c in original.nfkd().filter(|c| !is_combining_mark(*c)) {
        let space = c.is_whitespace();
        if !(space && in_space) {
            name.push(if c.is_ascii_alphanumeric() { c } else { '_' });
        }
        in_space = space;
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if name.is_empty() {
        name = format!("default_name_{}", hash(original));
    }
    cut(name)
}

/// Shortens a name of ASCII characters as the reference does: 54 characters, `_`, and the end of its Java hash code, which
/// may begin with a minus.
fn cut(name: String) -> String {
    if name.len() <= IDENTIFIER_BYTES {
        return name;
    }
    let code = name.bytes().fold(0_i32, |code, byte| code.wrapping_mul(31).wrapping_add(i32::from(byte))).to_string();
    let tail = code.get(code.len().saturating_sub(8)..).unwrap_or(&code);
    format!("{}_{tail}", name.get(..54).unwrap_or(&name))
}

/// Eight hexadecimal digits that stand for `text`.
pub fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let head = digest.first_chunk().map_or(0, |head| u32::from_be_bytes(*head));
    format!("{head:08x}")
}

/// Key of the advisory lock of a table's stream. It must never change: syncs of two versions have to meet at it.
pub fn lock_key(schema: &str, table: &str) -> i64 {
    let digest = Sha256::digest(format!("destination-postgres\0{schema}\0{table}").as_bytes());
    digest.first_chunk().map_or(0, |head| i64::from_be_bytes(*head))
}

/// `name` with `suffix`, the name cut so that both fit into an identifier.
pub fn with_suffix(name: &str, suffix: &str) -> String {
    let room = IDENTIFIER_BYTES.saturating_sub(suffix.len());
    format!("{}{suffix}", name.get(..name.floor_char_boundary(room)).unwrap_or_default())
}

/// Names that a user's column can never have: Postgres's system columns and the meta columns.
const RESERVED_COLUMNS: [&str; 11] = [
    "_airbyte_data",
    "_airbyte_extracted_at",
    "_airbyte_generation_id",
    "_airbyte_loaded_at",
    "_airbyte_meta",
    "_airbyte_raw_id",
    "cmax",
    "cmin",
    "ctid",
    "tableoid",
    "xmax",
];

fn is_reserved_column(name: &str) -> bool {
    RESERVED_COLUMNS.contains(&name) || name == "xmin"
}

/// Column names for `fields`, in their order. `known` holds the mapping of an existing table, which is kept; names in
/// `foreign` are columns of somebody else, which are left alone.
#[allow(clippy::implicit_hasher, reason = "one caller, which has the standard one")]
pub fn column_names(fields: &[&str], known: &HashMap<String, String>, foreign: &HashSet<&str>) -> Vec<String> {
    assign(fields, known, postgres_name, |name| is_reserved_column(name) || foreign.contains(name))
}

/// Names for items that share one space: an item in `known` keeps its name; among the others an exact name (one that
/// needs no mangling) wins, and every loser of a clash gets a suffix made from the hash of its original.
fn assign(
    originals: &[&str],
    known: &HashMap<String, String>,
    mangle: impl Fn(&str) -> String,
    reserved: impl Fn(&str) -> bool,
) -> Vec<String> {
    // The column of a field that is gone keeps its name for that field.
    let mut taken: HashSet<String> = known.values().cloned().collect();
    let mut names: HashMap<&str, String> =
        originals.iter().filter_map(|original| Some((*original, known.get(*original)?.clone()))).collect();
    let mut wanted: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for original in originals.iter().filter(|o| !names.contains_key(**o)) {
        wanted.entry(mangle(original)).or_default().push(original);
    }
    // Names that are free and wanted once, or exact, are given first: a suffix must not take them away.
    let mut losers = Vec::new();
    for (name, group) in &wanted {
        let free = !taken.contains(name) && !reserved(name);
        let winner = group.iter().find(|o| **o == name).or(if group.len() == 1 { group.first() } else { None });
        match winner {
            Some(winner) if free => {
                taken.insert(name.clone());
                names.insert(winner, name.clone());
                losers.extend(group.iter().filter(|o| o != &winner).map(|o| (name, *o)));
            }
            _ => losers.extend(group.iter().map(|o| (name, *o))),
        }
    }
    losers.sort_unstable();
    for (name, original) in losers {
        let mut candidate = with_suffix(name, &format!("_{}", hash(original)));
        let mut round = 1;
        while reserved(&candidate) || !taken.insert(candidate.clone()) {
            round += 1;
            candidate = with_suffix(name, &format!("_{}", hash(&format!("{original}#{round}"))));
        }
        names.insert(original, candidate);
    }
    originals.iter().map(|o| names.remove(*o).unwrap_or_else(|| mangle(o))).collect()
}

/// One stream's place before clashes are settled.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TableRequest {
    /// Schema, as it will be in Postgres.
    pub schema: String,
    /// Stream name as in the catalog.
    pub stream: String,
    /// Namespace as in the catalog, which tells two streams of one name and schema apart.
    pub namespace: String,
}

/// Table names for streams, in their order; unique within each schema. The stream whose namespace and name need no
/// mangling keeps the plain name.
pub fn table_names(requests: &[TableRequest], mangle: impl Fn(&TableRequest) -> String) -> Vec<String> {
    let mut by_schema: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, request) in requests.iter().enumerate() {
        by_schema.entry(&request.schema).or_default().push(i);
    }
    let mut names = vec![String::new(); requests.len()];
    for members in by_schema.values() {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for &i in members {
            groups.entry(mangle(&requests[i])).or_default().push(i);
        }
        let mut taken: HashSet<String> = groups.keys().cloned().collect();
        for (name, mut group) in groups {
            group.sort_by_key(|&i| &requests[i]);
            let exact = |i: &usize| {
                requests[*i].stream == name
                    && (requests[*i].namespace.is_empty() || requests[*i].namespace == requests[*i].schema)
            };
            let keeper =
                group.iter().copied().find(exact).or(if group.len() == 1 { group.first().copied() } else { None });
            if keeper.is_none() {
                taken.remove(&name);
            }
            for i in group {
                if keeper == Some(i) {
                    names[i].clone_from(&name);
                    continue;
                }
                let request = &requests[i];
                let mut round = 0;
                loop {
                    let original = format!("{}&{}#{round}", request.namespace, request.stream);
                    let candidate = with_suffix(&name, &format!("_{}", hash(&original)));
                    if taken.insert(candidate.clone()) {
                        names[i] = candidate;
                        break;
                    }
                    round += 1;
                }
            }
        }
    }
    names
}

/// Name of the table that holds the next generation of `table` until it is published.
pub fn next_generation_table(schema: &str, table: &str) -> String {
    let suffix = format!("_{}", hash(&format!("{schema}.{table}")));
    with_suffix(&format!("_airbyte_next_{table}"), &suffix)
}

/// Schema of raw tables: the configured one or `airbyte_internal`, in lower case.
pub fn raw_schema(configured: Option<&str>) -> String {
    postgres_name(&configured.unwrap_or("airbyte_internal").to_lowercase())
}

/// Table of a stream in raw mode: `<namespace>_raw__stream_<name>`, lower case, with one more underscore than the
/// longest run in either name.
pub fn raw_table(namespace: &str, stream: &str) -> String {
    let joined = format!("{namespace}{stream}");
    let longest = joined.split(|c| c != '_').map(str::len).max().unwrap_or(0);
    let separator = "_".repeat((longest + 1).max(2));
    postgres_name(&format!("{namespace}_raw{separator}stream_{stream}").to_lowercase())
}

#[cfg(test)]
#[path = "naming_tests.rs"]
mod tests;
