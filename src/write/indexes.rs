//! Indexes of ours: unique on the key, and on cursor and extraction time.
//!
//! Names begin as the reference's do (`idx_pk_`, `idx_cursor_`, `idx_extracted_at_`), and never collide: a name that
//! any relation of the schema has is passed over.

use std::collections::HashSet;

use super::introspect;
use super::{Context, Target};
use crate::error::Result;
use crate::limits::IDENTIFIER_BYTES;
use crate::load_strategy::Rows;
use crate::naming::{hash, with_suffix};
use crate::pg::{Session, ToSql, Type, value};
use crate::schema::{EXTRACTED_AT, ExistingIndex, ExistingTable, TableName};
use crate::sql::{Statement, ddl, introspect as sql};

/// What an index is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    Key,
    Cursor,
    ExtractedAt,
}

impl Role {
    const ALL: [Self; 3] = [Self::Key, Self::Cursor, Self::ExtractedAt];

    fn prefix(self) -> &'static str {
        match self {
            Self::Key => "idx_pk_",
            Self::Cursor => "idx_cursor_",
            Self::ExtractedAt => "idx_extracted_at_",
        }
    }

    /// Whether we, or the reference, made this index of `table` for this.
    fn made(self, table: &TableName, index: &ExistingIndex) -> bool {
        /// Hexadecimal digits at the end of the names of the reference's temporary tables, of which the server may
        /// have cut some; its indexes keep such a name after a swap.
        const HASH_DIGITS: usize = 16;
        let Some(rest) = index.name.strip_prefix(self.prefix()).filter(|_| !index.constraint) else { return false };
        let cut_by_the_server = with_suffix(&format!("{}{}", self.prefix(), table.table), "");
        rest.bytes().rev().take_while(u8::is_ascii_hexdigit).count() >= HASH_DIGITS
            || index.name == cut_by_the_server
            || names(table, self).contains(&index.name)
    }
}

/// What the merge can count on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyIndex {
    /// The table was empty: the index is built when the first load ends, or when a key comes back.
    NotYet,
    /// A unique index on the key.
    Unique {
        /// NULLs in a key are equal for it.
        nulls_equal: bool,
    },
    /// The server cannot give one, or rows are only added.
    None,
}

/// Whether an index of a table is ours; one of the user may begin like ours.
pub(super) fn is_ours(table: &TableName, index: &ExistingIndex) -> bool {
    Role::ALL.iter().any(|role| role.made(table, index))
}

/// The unique index that is there.
pub(super) fn existing_key_index(existing: &ExistingTable, key: &[&str]) -> Option<KeyIndex> {
    let key: HashSet<&str> = key.iter().copied().collect();
    existing
        .indexes
        .iter()
        .filter(|i| i.unique && i.columns.len() == key.len() && i.columns.iter().all(|c| key.contains(c.as_str())))
        .map(|i| i.nulls_not_distinct)
        .max()
        .map(|nulls_equal| KeyIndex::Unique { nulls_equal })
}

/// Makes the unique index on the key, in the caller's transaction. Where the server cannot, says so and goes without.
pub(super) async fn ensure_key(cx: &Context, session: &Session, target: &Target) -> Result<KeyIndex> {
    let Some(existing) = introspect::one(session, &target.table).await? else { return Ok(KeyIndex::None) };
    let key = target.schema.key_names();
    let nulls_equal = session.version() >= NULLS_NOT_DISTINCT;
    if let Some(found) = existing_key_index(&existing, &key) {
        return Ok(found);
    }
    if is_marked_not_unique(&existing, &key) {
        return Ok(KeyIndex::None);
    }
    drop_outdated(session, &existing, Role::Key, &[]).await?;
    let name = free_name(session, &target.table, Role::Key).await?;
    let doing = format!("creating the unique index on the key of table {}", target.table);
    if let Some(spread) = existing.spread.as_ref().filter(|spread| !spread.can_be_unique(&key)) {
        cx.output.info(&format!(
            "Table {} has no unique index on its primary key: {}. Rows are merged without one, which is slower.",
            target.table,
            if spread.foreign.is_empty() {
                "its rows are spread by more than the key"
            } else {
                "some of its partitions are foreign tables"
            },
        ));
        index_plainly(session, target, &name, &key, SPREAD, &doing).await?;
        return Ok(KeyIndex::None);
    }
    let unique = |nulls_equal| ddl::create_index(&name, &target.table, &key, true, nulls_equal);
    let mut outcome = session.try_execute(&unique(nulls_equal), &doing).await.map(|()| nulls_equal);
    if nulls_equal && outcome.as_ref().is_err_and(|e| e.sqlstate() == Some("23505")) {
        // Only the NULLs may be in the way.
        outcome = session.try_execute(&unique(false), &doing).await.map(|()| false);
    }
    match outcome {
        Ok(nulls_equal) => Ok(KeyIndex::Unique { nulls_equal }),
        Err(error) if matches!(error.sqlstate(), Some("23505" | "54000" | "0A000" | "42704")) => {
            let why = match error.sqlstate() {
                Some("23505") => "rows of the same key are there already",
                Some("54000") => "a key is too long for an index",
                _ => "the server cannot index these columns",
            };
            cx.output.warn(&format!(
                "Table {} has no unique index on its primary key: {why}. Rows are merged without one, which is slower.",
                target.table
            ));
            index_plainly(session, target, &name, &key, NOT_UNIQUE, &doing).await?;
            Ok(KeyIndex::None)
        }
        Err(error) => Err(error),
    }
}

/// Makes an index that finds the rows of a key, if the server can, with a comment that says why it is not unique.
async fn index_plainly(
    session: &Session,
    target: &Target,
    name: &str,
    key: &[&str],
    comment: &str,
    doing: &str,
) -> Result<()> {
    let plain = ddl::create_index(name, &target.table, key, false, false);
    if session.try_execute(&plain, doing).await.is_ok() {
        session.execute(&ddl::comment_index(&target.table.schema, name, comment), doing).await?;
    }
    Ok(())
}

/// From this version on a unique index can be told that NULLs are equal.
const NULLS_NOT_DISTINCT: u32 = 150_000;

/// Comment on an index that could not be unique, so that not every sync tries again.
const NOT_UNIQUE: &str = "Not unique: rows of the same key were there. Remove them and drop this index, and the next \
                          sync makes a unique one.";

/// As [`NOT_UNIQUE`], of a table that is spread over others.
const SPREAD: &str = "Not unique: the table is spread by other columns than these, or over other servers.";

fn is_marked_not_unique(existing: &ExistingTable, key: &[&str]) -> bool {
    let marked = |i: &&ExistingIndex| matches!(i.comment.as_deref(), Some(NOT_UNIQUE | SPREAD));
    existing.indexes.iter().filter(marked).any(|i| same(&i.columns, key))
}

/// The columns of the indexes beside the key's.
fn secondary(target: &Target) -> impl Iterator<Item = (Role, Option<&str>)> {
    let cursor = target.schema.cursor_name().filter(|_| target.strategy.rows == Rows::Merged);
    // The cursor of a stream that declares no fields is not known without a BATCH.
    let by_cursor = (!target.schema.is_open()).then_some((Role::Cursor, cursor));
    by_cursor.into_iter().chain([(Role::ExtractedAt, Some(EXTRACTED_AT))])
}

fn is_covered(existing: &ExistingTable, column: Option<&str>) -> bool {
    existing.indexes.iter().any(|i| i.columns.first().map(String::as_str) == column)
}

/// Makes the indexes on cursor and extraction time, in the caller's transaction.
pub(super) async fn ensure_secondary(session: &Session, target: &Target) -> Result<()> {
    let Some(existing) = introspect::one(session, &target.table).await? else { return Ok(()) };
    for (role, column) in secondary(target) {
        let columns: Vec<&str> = column.into_iter().collect();
        let covered = is_covered(&existing, column);
        drop_outdated(session, &existing, role, &columns).await?;
        if covered || columns.is_empty() {
            continue;
        }
        let name = free_name(session, &target.table, role).await?;
        let doing = format!("creating an index on table {}", target.table);
        let statement = ddl::create_index(&name, &target.table, &columns, false, false);
        match session.try_execute(&statement, &doing).await {
            Err(error) if !matches!(error.sqlstate(), Some("54000" | "42704")) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The indexes that a load will have made at its end, as far as names are free.
pub(super) fn missing(server_version: u32, target: &Target, existing: Option<&ExistingTable>) -> Vec<Statement> {
    let merged = target.strategy.rows == Rows::Merged;
    let key = if merged && target.key_index == KeyIndex::NotYet { target.schema.key_names() } else { Vec::new() };
    let cursor = target.schema.cursor_name().filter(|_| merged).into_iter().collect();
    let covered = |columns: &[&str]| {
        let first = columns.first().copied();
        existing.is_some_and(|table| table.indexes.iter().any(|i| i.columns.first().map(String::as_str) == first))
    };
    [(Role::Key, key), (Role::Cursor, cursor), (Role::ExtractedAt, vec![EXTRACTED_AT])]
        .into_iter()
        .filter(|(role, columns)| !columns.is_empty() && (*role == Role::Key || !covered(columns)))
        .filter_map(|(role, columns)| {
            let name = names(&target.table, role).into_iter().next()?;
            let spread = existing.and_then(|table| table.spread.as_ref());
            let unique = role == Role::Key && spread.is_none_or(|spread| spread.can_be_unique(&columns));
            Some(ddl::create_index(&name, &target.table, &columns, unique, unique && server_version >= 150_000))
        })
        .collect()
}

/// Drops the index on a key that the stream no longer has: a unique one would refuse its rows.
pub(super) async fn drop_outdated_key(session: &Session, target: &Target) -> Result<()> {
    let Some(existing) = introspect::one(session, &target.table).await? else { return Ok(()) };
    drop_outdated(session, &existing, Role::Key, &target.schema.key_names()).await
}

/// Whether there is an index of ours on another key than this one.
pub(super) fn has_outdated_key(existing: &ExistingTable, key: &[&str]) -> bool {
    outdated(existing, Role::Key, key).next().is_some()
}

/// What a table lacks at the end of a load.
pub(super) struct ToBuild<'a> {
    pub wanted: Vec<Wanted<'a>>,
    /// What holds once they are there.
    pub key_index: KeyIndex,
}

/// An index that is to be made.
pub(super) struct Wanted<'a> {
    table: &'a TableName,
    role: Role,
    columns: Vec<&'a str>,
    nulls_equal: bool,
}

/// The indexes to make; none where others are to be dropped as well, or an earlier sync could not make it.
pub(super) fn to_build<'a>(session: &Session, target: &'a Target, existing: &ExistingTable) -> Option<ToBuild<'a>> {
    let mut wanted = Vec::new();
    let nulls_equal = session.version() >= NULLS_NOT_DISTINCT;
    let mut key_index = target.key_index;
    let columns = target.schema.key_names();
    if !columns.is_empty() && key_index == KeyIndex::NotYet {
        let found = existing_key_index(existing, &columns);
        key_index = found.unwrap_or(KeyIndex::Unique { nulls_equal });
        if found.is_none() {
            let is_possible = existing.spread.as_ref().is_none_or(|spread| spread.can_be_unique(&columns));
            if has_outdated_key(existing, &columns) || is_marked_not_unique(existing, &columns) || !is_possible {
                return None;
            }
            wanted.push(Wanted { table: &target.table, role: Role::Key, columns, nulls_equal });
        }
    }
    for (role, column) in secondary(target) {
        let columns: Vec<&str> = column.into_iter().collect();
        if outdated(existing, role, &columns).next().is_some() {
            return None;
        }
        if !is_covered(existing, column) && !columns.is_empty() {
            wanted.push(Wanted { table: &target.table, role, columns, nulls_equal });
        }
    }
    Some(ToBuild { wanted, key_index })
}

/// The statements that make indexes, under names that are free.
pub(super) async fn create_all(session: &Session, wanted: &[&Wanted<'_>]) -> Result<Vec<Statement>> {
    let mut schemas: Vec<&str> = wanted.iter().map(|index| index.table.schema.as_str()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    let mut statements = Vec::with_capacity(wanted.len());
    for schema in schemas {
        let of_schema: Vec<_> = wanted.iter().filter(|index| index.table.schema == schema).collect();
        let candidates: Vec<Vec<String>> = of_schema.iter().map(|index| names(index.table, index.role)).collect();
        let mut taken = taken_names(session, schema, &candidates.concat()).await?;
        for (index, candidates) in of_schema.iter().zip(&candidates) {
            let name = free_of(candidates, &taken);
            let unique = index.role == Role::Key;
            statements.push(ddl::create_index(&name, index.table, &index.columns, unique, index.nulls_equal));
            taken.insert(name);
        }
    }
    Ok(statements)
}

/// Drops an index on which a too long value was refused: the one on the cursor, and when there is none (any more) the
/// one on the key; or the one that the server has `named`. Answers its name and whether it was the key's, or nothing when neither is there.
pub(super) async fn give_one_up(
    session: &Session,
    target: &Target,
    named: Option<&str>,
) -> Result<Option<(String, bool)>> {
    let Some(existing) = introspect::one(session, &target.table).await? else { return Ok(None) };
    let meant = |index: &&ExistingIndex| named.is_none_or(|name| name == index.name);
    let of = |role: Role| existing.indexes.iter().filter(meant).find(|i| role.made(&existing.table, i));
    let found = of(Role::Cursor).map(|i| (i, false)).or_else(|| of(Role::Key).map(|i| (i, true)));
    let Some((index, is_key)) = found else { return Ok(None) };
    session.execute(&ddl::drop_index(&target.table.schema, &index.name), "dropping an index").await?;
    Ok(Some((index.name.clone(), is_key)))
}

/// Drops the indexes of ours on a table's key and cursor.
pub(super) async fn drop_all(session: &Session, target: &Target) -> Result<()> {
    while give_one_up(session, target, None).await?.is_some() {}
    Ok(())
}

/// Gives the indexes of a table the names that they would get if they were made now.
pub(super) async fn rename_all(session: &Session, table: &TableName, indexes: &[ExistingIndex]) -> Result<()> {
    for role in Role::ALL {
        let ours = indexes.iter().filter(|i| !i.constraint && i.name.starts_with(role.prefix()));
        for index in ours {
            let name = free_name(session, table, role).await?;
            session.execute(&ddl::rename_index(&table.schema, &index.name, &name), "renaming an index").await?;
        }
    }
    Ok(())
}

/// Whether an index is on exactly these columns, in any order.
pub(super) fn same(columns: &[String], key: &[&str]) -> bool {
    columns.len() == key.len() && columns.iter().all(|c| key.contains(&c.as_str()))
}

fn outdated<'a>(
    existing: &'a ExistingTable,
    role: Role,
    columns: &'a [&str],
) -> impl Iterator<Item = &'a ExistingIndex> {
    existing.indexes.iter().filter(move |i| role.made(&existing.table, i) && !same(&i.columns, columns))
}

async fn drop_outdated(session: &Session, existing: &ExistingTable, role: Role, columns: &[&str]) -> Result<()> {
    for index in outdated(existing, role, columns) {
        session.execute(&ddl::drop_index(&existing.table.schema, &index.name), "dropping an outdated index").await?;
    }
    Ok(())
}

/// The plain name, where it fits, and its hashed variants.
fn names(table: &TableName, role: Role) -> Vec<String> {
    let plain = format!("{}{}", role.prefix(), table.table);
    let hashed = |round: u32| with_suffix(&plain, &format!("_{}", hash(&format!("{table}{}{round}", role.prefix()))));
    let mut names: Vec<String> = (0..8).map(hashed).collect();
    if plain.len() <= IDENTIFIER_BYTES {
        names.insert(0, plain);
    }
    names
}

/// The first of the plain name and its hashed variants that no relation of the schema has.
async fn free_name(session: &Session, table: &TableName, role: Role) -> Result<String> {
    let candidates = names(table, role);
    let taken = taken_names(session, &table.schema, &candidates).await?;
    Ok(free_of(&candidates, &taken))
}

fn free_of(candidates: &[String], taken: &HashSet<String>) -> String {
    candidates.iter().find(|name| !taken.contains(*name)).or(candidates.last()).cloned().unwrap_or_default()
}

/// Those of the names that a relation of the schema has.
pub(super) async fn taken_names(session: &Session, schema: &str, names: &[String]) -> Result<HashSet<String>> {
    let names = [(&schema as &(dyn ToSql + Sync), Type::TEXT), (&names, Type::TEXT_ARRAY)];
    let rows = session.query(sql::taken_names(), &names, "choosing an index name").await?;
    rows.iter().map(|row| value(row, "name")).collect()
}
