//! What a dedup table must hold, in memory and in the plainest words.

use std::collections::HashMap;

use super::values::Value;

/// A key: the class of each of its values, of which those that are equal for Postgres have the same; none for NULL.
pub type Key = Vec<Option<u32>>;

/// The rows of a table.
pub type Table = HashMap<Key, Stored>;

/// One record as the source sends it.
#[derive(Clone, Debug)]
pub struct Record {
    pub key: Vec<Option<Value>>,
    pub cursor: Option<Value>,
    pub extracted_ms: i64,
    pub deleted: bool,
    /// No other record has it.
    pub payload: String,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Stored {
    pub record: Record,
    pub generation: i64,
}

/// One stream's tables.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// What users see, once it exists.
    pub visible: Option<Table>,
    /// An unfinished refresh and its generation.
    pub next: Option<(i64, Table)>,
    generation: i64,
    /// Rows go to `next`.
    to_next: bool,
}

impl Model {
    /// A sync begins: `refresh` asks that only rows of this generation stay.
    pub fn start(&mut self, generation: i64, refresh: bool) {
        self.generation = generation;
        self.to_next = false;
        if !refresh {
            // An interrupted refresh was acknowledged: its rows count.
            if let Some((_, rows)) = self.next.take() {
                let visible = self.visible.get_or_insert_default();
                for (key, row) in rows {
                    merge(visible, key, row, false);
                }
            }
            self.visible.get_or_insert_default();
            return;
        }
        self.next = self.next.take().filter(|(unfinished, _)| *unfinished == generation);
        let holds = |table: &Table| table.values().all(|row| row.generation >= generation);
        // An empty table holds nothing that would have to stay visible.
        if self.next.is_none() && self.visible.as_ref().is_none_or(holds) {
            self.visible.get_or_insert_default();
            return;
        }
        self.next.get_or_insert_with(|| (generation, Table::new()));
        self.to_next = true;
    }

    /// The records of one commit. Of each key the newest takes part, and deletes its row when it is a hard deletion.
    pub fn commit(&mut self, records: &[Record], hard: bool) {
        let generation = self.generation;
        let table = match &mut self.next {
            Some((_, rows)) if self.to_next => rows,
            _ => self.visible.get_or_insert_default(),
        };
        let mut newest: Table = HashMap::new();
        for record in records {
            let key = record.key.iter().map(|value| value.as_ref().map(|value| value.class)).collect();
            merge(&mut newest, key, Stored { record: record.clone(), generation }, false);
        }
        for (key, row) in newest {
            merge(table, key, row, hard);
        }
    }

    /// The sync ends; a refresh is published when its stream is complete.
    pub fn finish(&mut self, complete: bool) {
        if self.to_next && complete {
            self.visible = self.next.take().map(|(_, rows)| rows);
        }
    }
}

/// Greater cursor, then later extraction, then later arrival; a NULL cursor is older than any.
fn merge(table: &mut Table, key: Key, row: Stored, hard: bool) {
    let age = |row: &Stored| (row.record.cursor.as_ref().map(|cursor| cursor.class), row.record.extracted_ms);
    if table.get(&key).is_some_and(|old| age(&row) < age(old)) {
        return;
    }
    if hard && row.record.deleted {
        table.remove(&key);
    } else {
        table.insert(key, row);
    }
}
