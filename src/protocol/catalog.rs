//! The configured catalog, checked once: inside the connector every stream can be loaded as it stands.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::StreamName;
use crate::error::{Error, ErrorKind, Result};

/// What the orchestrator asks to be written.
#[derive(Debug)]
pub struct ConfiguredCatalog {
    /// The streams in the catalog's order, none twice.
    pub streams: Vec<ConfiguredStream>,
}

/// One stream of the catalog.
#[derive(Clone, Debug)]
pub struct ConfiguredStream {
    /// Name and namespace as the records spell them.
    pub name: StreamName,
    /// Top-level properties of the JSON schema, in the catalog's order. None at all: the columns are those of the first
    /// BATCH.
    pub properties: Vec<(String, Value)>,
    /// How records meet the rows that are there.
    pub mode: DestinationSyncMode,
    /// Names of the key fields (the first element of each path); at least one for `append_dedup`.
    pub primary_key: Vec<String>,
    /// The field that tells the newer of two rows of one key.
    pub cursor: Option<String>,
    /// The generation ids, or none in the dialect without refresh support.
    pub generation: Option<Generation>,
    /// `sync_id`, 0 when absent.
    pub sync_id: i64,
}

/// `generation_id` and `minimum_generation_id` of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Generation {
    /// Generation of the rows of this sync.
    pub id: i64,
    /// Rows of older generations disappear; 0 keeps everything.
    pub minimum: i64,
}

/// `destination_sync_mode`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum DestinationSyncMode {
    /// Rows are added.
    Append,
    /// Rows replace the row of the same key.
    AppendDedup,
    /// The rows of this sync replace the table.
    Overwrite,
    /// The replacing form of `append_dedup`; not in the protocol, but seen on the wire.
    OverwriteDedup,
}

impl ConfiguredCatalog {
    /// Reads and checks a catalog file.
    ///
    /// # Errors
    /// [`ErrorKind::Catalog`] for an unreadable file and for every reason of [`ConfiguredCatalog::parse`].
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Error::new(ErrorKind::Catalog, format!("cannot read the catalog file {}", path.display())).with_source(e)
        })?;
        Self::parse(&text)
    }

    /// Checks a catalog.
    ///
    /// # Errors
    /// [`ErrorKind::Catalog`] when it is not JSON, holds no stream or a stream twice, names a key or cursor that the
    /// schema does not have, or asks for `append_dedup` without a key.
    pub fn parse(text: &str) -> Result<Self> {
        let raw: RawCatalog = serde_json::from_str(text)
            .map_err(|e| Error::new(ErrorKind::Catalog, format!("the configured catalog is not valid: {e}")))?;
        if raw.streams.is_empty() {
            return Err(Error::new(ErrorKind::Catalog, "the configured catalog must have at least one stream"));
        }
        let mut seen = HashSet::new();
        let mut streams = Vec::with_capacity(raw.streams.len());
        for stream in raw.streams {
            let stream = stream.check()?;
            if !seen.insert(stream.name.clone()) {
                return Err(Error::new(
                    ErrorKind::Catalog,
                    format!("the configured catalog has stream {} twice", stream.name),
                )
                .with_stream(&stream.name));
            }
            streams.push(stream);
        }
        Ok(Self { streams })
    }
}

#[derive(Deserialize)]
struct RawCatalog {
    streams: Vec<RawConfiguredStream>,
}

#[derive(Deserialize)]
struct RawConfiguredStream {
    stream: RawStream,
    destination_sync_mode: DestinationSyncMode,
    #[serde(default)]
    cursor_field: Option<Vec<String>>,
    #[serde(default)]
    primary_key: Option<Vec<Vec<String>>>,
    #[serde(default)]
    generation_id: Option<i64>,
    #[serde(default)]
    minimum_generation_id: Option<i64>,
    #[serde(default)]
    sync_id: Option<i64>,
}

#[derive(Deserialize)]
struct RawStream {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    json_schema: Option<JsonSchema>,
}

/// The part of a stream's JSON schema that matters; anything but an object has no properties.
struct JsonSchema {
    properties: Vec<(String, Value)>,
}

impl RawConfiguredStream {
    fn check(self) -> Result<ConfiguredStream> {
        let name = StreamName::new(self.stream.namespace.as_deref(), &self.stream.name);
        let refuse = |message: String| Err(Error::new(ErrorKind::Catalog, message).with_stream(&name));
        let properties = self.stream.json_schema.map(|s| s.properties).unwrap_or_default();
        let open = properties.is_empty();
        let declared = |field: &String| properties.iter().any(|(name, _)| name == field);
        let dedup = matches!(
            self.destination_sync_mode,
            DestinationSyncMode::AppendDedup | DestinationSyncMode::OverwriteDedup
        );
        let mut primary_key = Vec::new();
        for path in self.primary_key.unwrap_or_default() {
            let field = path.into_iter().next().unwrap_or_default();
            if !primary_key.contains(&field) {
                primary_key.push(field);
            }
        }
        let cursor = self.cursor_field.unwrap_or_default().into_iter().next();
        if dedup {
            if primary_key.is_empty() {
                return refuse(format!(
                    "stream {name} asks for append_dedup but has no primary key: choose one, or another sync mode"
                ));
            }
            // Where nothing is declared, the first BATCH has to bring what is missing.
            if let Some(missing) = primary_key.iter().find(|field| !open && !declared(field)) {
                return refuse(format!("the primary key field \"{missing}\" of stream {name} is not in its schema"));
            }
            if let Some(missing) = cursor.as_ref().filter(|field| !open && !declared(field)) {
                return refuse(format!("the cursor field \"{missing}\" of stream {name} is not in its schema"));
            }
        } else {
            primary_key.retain(declared);
        }
        let generation = match (self.generation_id, self.minimum_generation_id) {
            (None, None) => None,
            (id, minimum) => Some(Generation { id: id.unwrap_or(0), minimum: minimum.unwrap_or(0) }),
        };
        Ok(ConfiguredStream {
            properties,
            mode: self.destination_sync_mode,
            primary_key,
            cursor: cursor.filter(|_| dedup),
            generation,
            sync_id: self.sync_id.unwrap_or(0),
            name,
        })
    }
}

impl<'de> Deserialize<'de> for JsonSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(SchemaVisitor)
    }
}

struct SchemaVisitor;

impl<'de> Visitor<'de> for SchemaVisitor {
    type Value = JsonSchema;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON schema")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<JsonSchema, A::Error> {
        let mut properties = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == "properties" {
                properties = map.next_value::<Option<Properties>>()?.map(|p| p.0).unwrap_or_default();
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(JsonSchema { properties })
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<JsonSchema, E> {
        Ok(JsonSchema { properties: Vec::new() })
    }

    fn visit_unit<E>(self) -> std::result::Result<JsonSchema, E> {
        Ok(JsonSchema { properties: Vec::new() })
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<JsonSchema, E> {
        Ok(JsonSchema { properties: Vec::new() })
    }
}

/// `properties` in the order of the text, which a map of `serde_json` would lose. The last of two members counts.
struct Properties(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct PropertiesVisitor;
        impl<'de> Visitor<'de> for PropertiesVisitor {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of property schemas")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Properties, A::Error> {
                let mut list: Vec<(String, Value)> = Vec::new();
                let mut at = std::collections::HashMap::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if let Some(&i) = at.get(&key) {
                        let slot: &mut (String, Value) = &mut list[i];
                        slot.1 = value;
                    } else {
                        at.insert(key.clone(), list.len());
                        list.push((key, value));
                    }
                }
                Ok(Properties(list))
            }
        }
        deserializer.deserialize_map(PropertiesVisitor)
    }
}
