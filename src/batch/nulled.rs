//! How many values became NULL, by field, for whoever is told.

use std::collections::BTreeMap;

use crate::limits;

/// Counts by field, for all fields behind [`limits::NULLED_FIELDS`] under one name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Nulled(BTreeMap<String, u64>);

/// Stands for the fields that are not told apart.
const OTHERS: &str = "…";

impl Nulled {
    pub(super) fn one(&mut self, field: &str) {
        self.add(field, 1);
    }

    fn add(&mut self, field: &str, values: u64) {
        let field = if self.0.len() < limits::NULLED_FIELDS || self.0.contains_key(field) { field } else { OTHERS };
        match self.0.get_mut(field) {
            Some(count) => *count += values,
            None => drop(self.0.insert(field.to_owned(), values)),
        }
    }

    /// Adds the counts of other rows.
    pub fn append(&mut self, others: &Self) {
        others.0.iter().for_each(|(field, values)| self.add(field, *values));
    }

    /// How many values it is in all.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The fields with the most, and their counts.
    pub fn most(&self, fields: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<(&str, u64)> = self.0.iter().map(|(field, values)| (&**field, *values)).collect();
        all.sort_by_key(|(_, values)| std::cmp::Reverse(*values));
        all.truncate(fields);
        all
    }
}
