//! How a table is made where a plain one would not do.

use super::TableName;

/// What its owner wants of a table that is made: text of SQL that is the owner's own, but for names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Shape {
    /// What follows PARTITION BY; begins with RANGE, LIST or HASH.
    pub partition_by: Option<String>,
    /// The bounds of its partitions; each begins with FOR VALUES.
    pub partitions: Vec<String>,
    /// The name of a tablespace.
    pub tablespace: Option<String>,
    /// What stands between the parentheses of WITH.
    pub storage_parameters: Option<String>,
    /// Statements to be run once the table is there.
    pub after_create: Vec<String>,
}

impl Shape {
    /// Where the table stands in the text of [`Shape::after_create`].
    pub const TABLE: &'static str = "{table}";
    /// Where its schema does.
    pub const SCHEMA: &'static str = "{schema}";

    /// How many partitions are made with the table.
    pub fn partitions(&self) -> impl Iterator<Item = Option<&str>> {
        // Rows that fit nowhere would be refused; only HASH has a place for every row.
        let default = self.partition_by.as_deref().filter(|by| !by.to_uppercase().starts_with("HASH"));
        self.partitions.iter().map(|bounds| Some(bounds.as_str())).chain(default.map(|_| None))
    }

    /// That the name can stand in any place of a statement that is not ours, quotes of whatever kind included.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn take(&self, table: &TableName) -> Result<(), String> {
        let ends_nothing = |c: char| !matches!(c, '\'' | '"' | '\\' | '$' | '*' | '/') && !c.is_control();
        if self.after_create.is_empty() || table.schema.chars().chain(table.table.chars()).all(ends_nothing) {
            return Ok(());
        }
        Err(format!(
            "the name of table {table} holds a character that could end a text in SQL, so it is put into no statement of \
             `after_create`: choose another schema, rename the stream, or leave `after_create` out"
        ))
    }
}
