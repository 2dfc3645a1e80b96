//! The streams of a round and the records that they send.

use fastrand::Rng;
use serde_json::json;

use super::model::{Model, Record, Stored};
use super::values::{CURSOR_KINDS, KEY_KINDS, Value, pool};
use crate::support::sql::quote_identifier;
use crate::table::{Kind, catalog};

const DELETED_AT: &str = "_ab_cdc_deleted_at";
/// Fields of keys, in another order than in the catalog.
const KEYS: [&str; 3] = ["key_c", "key_a", "key_b"];
const FIRST_EXTRACTION_MS: i64 = 1_700_000_000_000;

/// A stretch of input that ends with a state.
pub struct Part {
    /// Of each stream.
    pub records: Vec<Vec<Record>>,
    /// It is committed at once, because it is large.
    pub ballast: bool,
}

/// One stream with its table.
pub struct Stream {
    pub name: String,
    pub model: Model,
    pub generation: i64,
    /// Only rows of this generation shall stay.
    pub refresh: bool,
    keys: Vec<(Kind, Vec<Value>)>,
    cursor: Option<(Kind, Vec<Value>)>,
    /// The source reports deletions.
    cdc: bool,
    padding: usize,
    /// Sends little, so that keys come back in other commits rather than in the same.
    sparse: bool,
}

impl Stream {
    pub fn random(rng: &mut Rng, number: usize) -> Self {
        // Keys that are equal in several spellings always take part, also each of them alone.
        let always = [Kind::Number, Kind::Union].get(number).copied();
        let mut columns = || {
            let kind = always.unwrap_or_else(|| KEY_KINDS[rng.usize(..KEY_KINDS.len())]);
            let too_long = rng.u8(..8) == 0;
            let mut values = pool(rng, kind, too_long);
            rng.shuffle(&mut values);
            // Long values stay; of the others a few are enough.
            let mut kept = 0;
            values.retain(|value| {
                kept += 1;
                kept <= 5 || value.class >= 20
            });
            (kind, values)
        };
        let keys = [columns(), columns(), columns()];
        let keys = keys.into_iter().take(if always.is_some() { 1 } else { [1, 1, 2, 3][rng.usize(..4)] }).collect();
        let cursor = (rng.u8(..4) > 0).then(|| {
            let kind = CURSOR_KINDS[rng.usize(..CURSOR_KINDS.len())];
            let too_long = rng.u8(..8) == 0;
            (kind, pool(rng, kind, too_long))
        });
        Self {
            name: format!("stream_{number}"),
            model: Model::default(),
            generation: 0,
            refresh: false,
            keys,
            cursor,
            cdc: rng.bool(),
            padding: 0,
            sparse: always.is_some() || rng.bool(),
        }
    }

    /// Many keys, and rows of half a kilobyte.
    pub fn large(rng: &mut Rng) -> Self {
        let number = |class: u32| Value { class, json: class.to_string(), text: class.to_string() };
        Self {
            keys: vec![(Kind::Integer, (0..40_000).map(number).collect())],
            cursor: Some((Kind::Integer, (0..8).map(number).collect())),
            cdc: true,
            padding: 500,
            ..Self::random(rng, 0)
        }
    }

    /// The next sync. A refresh that was not finished goes on, unless it may be given up.
    pub fn begin_sync(&mut self, rng: &mut Rng, may_give_up: bool) {
        let unfinished = self.model.next.is_some();
        if self.generation > 0 && !may_give_up {
            return;
        }
        if unfinished && rng.bool() {
            return;
        }
        self.refresh = rng.u8(..3) == 0;
        if self.refresh || self.generation == 0 {
            self.generation += 1;
        }
    }

    pub fn configured(&self, sync: i64) -> serde_json::Value {
        let mut fields: Vec<(String, Kind)> =
            self.keys.iter().zip(KEYS).map(|((kind, _), name)| (name.to_owned(), *kind)).collect();
        fields.extend(self.cursor.iter().map(|(kind, _)| ("cursor".to_owned(), *kind)));
        if self.cdc {
            fields.push((DELETED_AT.to_owned(), Kind::TimestampTz));
        }
        fields.push(("payload".to_owned(), Kind::String));
        let settings = json!({
            "destination_sync_mode": "append_dedup",
            "primary_key": KEYS.iter().take(self.keys.len()).map(|name| json!([name])).collect::<Vec<_>>(),
            "cursor_field": if self.cursor.is_some() { json!(["cursor"]) } else { json!([]) },
            "generation_id": self.generation,
            "minimum_generation_id": if self.refresh { self.generation } else { 0 },
            "sync_id": sync,
        });
        catalog(&self.name, &fields, &settings)["streams"][0].clone()
    }

    /// What the stream sends in one part, often nothing.
    pub fn records(&self, rng: &mut Rng) -> Vec<Record> {
        let count = if self.sparse { [0, 0, 1, 1, 2] } else { [0, 1, 2, 8, 20] }[rng.usize(..5)];
        (0..count).map(|_| self.record(rng)).collect()
    }

    pub fn record(&self, rng: &mut Rng) -> Record {
        let mut draw =
            |(_, values): &(Kind, Vec<Value>)| (rng.u8(..8) > 0).then(|| values[rng.usize(..values.len())].clone());
        let key = self.keys.iter().map(&mut draw).collect();
        let cursor = self.cursor.as_ref().and_then(draw);
        Record {
            key,
            cursor,
            extracted_ms: FIRST_EXTRACTION_MS + rng.i64(0..3),
            deleted: self.cdc && rng.u8(..4) == 0,
            payload: format!("{:016x}{}", rng.u64(..), "-".repeat(self.padding)),
        }
    }

    pub fn line(&self, record: &Record) -> String {
        let mut members = vec![format!(r#""payload":"{}""#, record.payload)];
        for (name, value) in KEYS.iter().zip(&record.key).chain(self.cursor.iter().map(|_| (&"cursor", &record.cursor)))
        {
            // A NULL may be said or left out.
            match value {
                Some(value) => members.push(format!(r#""{name}":{}"#, value.json)),
                None if record.extracted_ms % 2 == 0 => members.push(format!(r#""{name}":null"#)),
                None => {}
            }
        }
        if record.deleted {
            members.push(format!(r#""{DELETED_AT}":"2024-01-01T00:00:00Z""#));
        }
        format!(
            "{{\"type\":\"RECORD\",\"record\":{{\"stream\":\"{}\",\"emitted_at\":{},\"data\":{{{}}}}}}}\n",
            self.name,
            record.extracted_ms,
            members.join(",")
        )
    }

    /// The columns in which [`Stream::row`] has its values.
    pub fn columns(&self) -> String {
        let keys = KEYS.iter().take(self.keys.len());
        let user: String = keys
            .chain(self.cursor.iter().map(|_| &"cursor"))
            .chain(self.cdc.then_some(&DELETED_AT))
            .map(|name| format!("{}::text, ", quote_identifier(name)))
            .collect();
        format!(
            "payload, {user}(extract(epoch FROM _airbyte_extracted_at) * 1000)::bigint::text, _airbyte_generation_id::text"
        )
    }

    pub fn row(&self, row: &Stored) -> Vec<Option<String>> {
        let text = |value: &Option<Value>| value.as_ref().map(|value| value.text.clone());
        let record = &row.record;
        let mut values = vec![Some(record.payload.clone())];
        values.extend(record.key.iter().map(text));
        values.extend(self.cursor.iter().map(|_| text(&record.cursor)));
        if self.cdc {
            values.push(record.deleted.then(|| "2024-01-01 00:00:00+00".to_owned()));
        }
        values.extend([Some(record.extracted_ms.to_string()), Some(row.generation.to_string())]);
        values
    }

    pub fn describe(&self, hard: bool) -> String {
        let keys: Vec<Kind> = self.keys.iter().map(|(kind, _)| *kind).collect();
        let cursor = self.cursor.as_ref().map(|(kind, _)| *kind);
        format!(
            "key {keys:?}, cursor {cursor:?}, deletions {}, generation {}, refresh {}",
            if !self.cdc {
                "none"
            } else if hard {
                "hard"
            } else {
                "soft"
            },
            self.generation,
            self.refresh
        )
    }
}

/// A record for a person.
pub fn told(record: &Record) -> String {
    let text = |value: &Option<Value>| value.as_ref().map(|value| value.json.clone());
    let values: Vec<_> = record.key.iter().chain([&record.cursor]).map(text).collect();
    let deleted = if record.deleted { " deleted" } else { "" };
    format!("{} extracted {}{deleted} payload {:.16}", shortened(&values), record.extracted_ms, record.payload)
}

/// Values for a person.
pub fn shortened(values: &[Option<String>]) -> String {
    let short =
        |value: &Option<String>| value.as_ref().map_or("NULL".to_owned(), |text| text.chars().take(30).collect());
    values.iter().map(short).collect::<Vec<_>>().join(" | ")
}
