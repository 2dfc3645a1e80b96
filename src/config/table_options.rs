//! `table_options`: how the tables of some streams are to be made.

use super::raw::RawTableOptions;
use super::{Result, nonblank, optional, refuse, required, without_nul};
use crate::schema::Shape;

/// How the table of a stream is to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TableOptions {
    /// The stream's name.
    pub stream: String,
    /// Its namespace; none means any.
    pub namespace: Option<String>,
    /// What is wanted.
    pub shape: Shape,
}

pub(super) fn from_raw(given: Vec<RawTableOptions>) -> Result<Vec<TableOptions>> {
    let mut all: Vec<TableOptions> = Vec::with_capacity(given.len());
    for (at, raw) in given.into_iter().enumerate() {
        let path = format!("table_options[{at}]");
        let one = one(&path, raw)?;
        if all.iter().any(|other| (&other.stream, &other.namespace) == (&one.stream, &one.namespace)) {
            return Err(refuse(&path, "is about the same stream as another entry; put both into one"));
        }
        all.push(one);
    }
    Ok(all)
}

fn one(path: &str, raw: RawTableOptions) -> Result<TableOptions> {
    let texts = |name: &str, given: Option<Vec<String>>| -> Result<Vec<String>> {
        let given = given.unwrap_or_default().into_iter().enumerate();
        let filled = given.filter(|(_, text)| !text.trim().is_empty());
        filled.map(|(at, text)| without_nul(&format!("{path}.{name}[{at}]"), text.trim().to_owned())).collect()
    };
    let text = |name: &str, given| nonblank(given).map(|text| without_nul(&format!("{path}.{name}"), text)).transpose();
    let shape = Shape {
        partition_by: text("partition_by", raw.partition_by)?,
        partitions: texts("partitions", raw.partitions)?,
        tablespace: optional(&format!("{path}.tablespace"), raw.tablespace)?,
        storage_parameters: text("storage_parameters", raw.storage_parameters)?,
        after_create: texts("after_create", raw.after_create)?,
    };
    let begins = |text: &str, words: &[&str]| {
        let text: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).map(str::to_uppercase).collect();
        words.iter().any(|word| text.starts_with(&word.split(' ').map(str::to_owned).collect::<Vec<_>>()))
    };
    if shape.partition_by.as_ref().is_some_and(|by| !begins(by, &["RANGE", "LIST", "HASH"])) {
        let what = "must begin with RANGE, LIST or HASH, as in `RANGE (created_at)`";
        return Err(refuse(&format!("{path}.partition_by"), what));
    }
    if let Some(at) = shape.partitions.iter().position(|bounds| !begins(bounds, &["FOR VALUES"])) {
        let what = "must begin with FOR VALUES; the DEFAULT partition of RANGE and LIST is always made";
        return Err(refuse(&format!("{path}.partitions[{at}]"), what));
    }
    if shape.partition_by.is_none() && !shape.partitions.is_empty() {
        return Err(refuse(&format!("{path}.partitions"), "needs `partition_by`"));
    }
    if shape.partition_by.is_some() && shape.partitions().next().is_none() && shape.after_create.is_empty() {
        return Err(refuse(&format!("{path}.partitions"), "is missing: HASH has no DEFAULT partition"));
    }
    if shape == Shape::default() {
        let what = "wants nothing; give `partition_by`, `tablespace`, `storage_parameters` or `after_create`";
        return Err(refuse(path, what));
    }
    Ok(TableOptions {
        stream: required(&format!("{path}.stream"), raw.stream, "name a stream or remove the entry")?,
        namespace: optional(&format!("{path}.namespace"), raw.namespace)?,
        shape,
    })
}
