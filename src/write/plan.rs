//! Catalog + configuration -> which table each stream goes to, before anything is changed.

use std::collections::{HashMap, HashSet};

use arrow::datatypes::Schema;

use crate::config::{CdcDeletion, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::load_strategy::{LoadStrategy, Rows};
use crate::naming::{self, TableRequest};
use crate::protocol::{ConfiguredCatalog, ConfiguredStream};
use crate::schema::{
    CDC_DELETED_AT, Column, DATA, ExistingTable, META_COLUMNS, META_OF_BATCHES, TableName, TableSchema,
};
use crate::types::{self, ColumnType, airbyte};

/// One stream, its strategy and its tables' names.
#[derive(Clone, Debug)]
pub(super) struct StreamPlan {
    pub stream: ConfiguredStream,
    /// Fields and their columns' types; none where the first BATCH decides.
    pub fields: Vec<(String, ColumnType)>,
    pub strategy: LoadStrategy,
    /// Where published rows are.
    pub table: TableName,
    /// Where the next generation grows until it is published.
    pub next: TableName,
}

/// Plans every stream. `default_schema` is the configured schema as it will be in Postgres.
pub(super) fn plan(config: &Config, catalog: &ConfiguredCatalog, default_schema: &str) -> Result<Vec<StreamPlan>> {
    let requests: Vec<TableRequest> = catalog
        .streams
        .iter()
        .map(|stream| {
            let namespace = stream.name.namespace.as_deref();
            TableRequest {
                schema: if config.raw_tables_only {
                    naming::raw_schema(config.raw_data_schema.as_deref())
                } else {
                    namespace.map_or_else(|| default_schema.to_owned(), naming::postgres_name)
                },
                stream: stream.name.name.clone(),
                namespace: namespace.unwrap_or_default().to_owned(),
            }
        })
        .collect();
    let names = naming::table_names(&requests, |request| {
        if config.raw_tables_only {
            let namespace = if request.namespace.is_empty() { &config.schema } else { &request.namespace };
            naming::raw_table(namespace, &request.stream)
        } else {
            naming::postgres_name(&request.stream)
        }
    });
    let mut plans = Vec::with_capacity(names.len());
    for ((stream, request), name) in catalog.streams.iter().zip(requests).zip(names) {
        let mut strategy = LoadStrategy::choose(stream)?;
        if config.raw_tables_only {
            strategy.rows = Rows::Added;
        }
        let next = naming::next_generation_table(&request.schema, &name);
        let declared = stream.properties.iter();
        plans.push(StreamPlan {
            fields: declared.map(|(field, schema)| (field.clone(), airbyte::column_type(schema))).collect(),
            stream: stream.clone(),
            strategy,
            table: TableName { schema: request.schema.clone(), table: name },
            next: TableName { schema: request.schema, table: next },
        });
    }
    Ok(plans)
}

impl StreamPlan {
    /// The table that the stream needs; columns of `existing` keep their mapping.
    ///
    /// # Errors
    /// [`ErrorKind::Catalog`] for more columns than a table can have.
    pub(super) fn schema(&self, config: &Config, existing: Option<&ExistingTable>) -> Result<TableSchema> {
        if config.raw_tables_only {
            return Ok(self.raw_schema());
        }
        if self.fields.len() + META_COLUMNS.len() > limits::TABLE_COLUMNS {
            return Err(Error::new(
                ErrorKind::Catalog,
                format!(
                    "stream {} has {} fields; with the meta columns that is more than the {} columns of a Postgres \
                     table: deselect fields",
                    self.stream.name,
                    self.fields.len(),
                    limits::TABLE_COLUMNS
                ),
            ));
        }
        let fields: Vec<&str> = self.fields.iter().map(|(field, _)| field.as_str()).collect();
        let known = existing.map(ExistingTable::field_columns).unwrap_or_default();
        // A table that we made records its columns; any other column there is somebody else's.
        let foreign: HashSet<&str> = match existing {
            Some(existing) if !known.is_empty() => existing
                .columns
                .iter()
                .map(|c| c.name.as_str())
                .filter(|name| !known.values().any(|ours| ours == name))
                .collect(),
            _ => HashSet::new(),
        };
        let names = naming::column_names(&fields, &known, &foreign);
        let columns: Vec<Column> = self
            .fields
            .iter()
            .zip(names)
            .map(|((field, column_type), name)| Column { field: field.clone(), name, column_type: *column_type })
            .collect();
        let position: HashMap<&str, usize> = fields.iter().copied().zip(0..).collect();
        let merged = self.strategy.rows == Rows::Merged;
        let key = if merged {
            self.stream.primary_key.iter().filter_map(|field| position.get(field.as_str()).copied()).collect()
        } else {
            Vec::new()
        };
        Ok(TableSchema {
            table: self.table.clone(),
            cursor: self.stream.cursor.as_deref().filter(|_| merged).and_then(|f| position.get(f).copied()),
            deleted_at: (merged && config.cdc_deletion == CdcDeletion::Hard)
                .then(|| position.get(CDC_DELETED_AT).copied())
                .flatten(),
            columns,
            raw: false,
            key,
        })
    }

    /// The plan of a stream that declares no fields, now that its first BATCH in `file` has brought some.
    ///
    /// # Errors
    /// [`ErrorKind::Batch`] naming the column when one cannot become a column, or when the key or the cursor is missing.
    pub(super) fn with_columns_of(&self, file: &str, columns: &Schema) -> Result<Self> {
        let refuse = |text: String| Error::new(ErrorKind::Batch, format!("{file}: {text}"));
        let mut fields = Vec::with_capacity(columns.fields().len());
        for field in columns.fields().iter().filter(|field| !META_OF_BATCHES.contains(&field.name().as_str())) {
            let column_type = types::arrow::column_type(field)
                .map_err(|unfit| refuse(format!("column \"{}\": {unfit}", field.name())))?;
            fields.push((field.name().clone(), column_type));
        }
        if fields.is_empty() {
            return Err(refuse("it has no columns".into()));
        }
        if self.strategy.rows == Rows::Merged {
            let missing = |wanted: &&String| !fields.iter().any(|(field, _)| field == *wanted);
            if let Some(key) = self.stream.primary_key.iter().find(missing) {
                return Err(refuse(format!("it has no column \"{key}\", which is in the primary key of its stream")));
            }
            if let Some(cursor) = self.stream.cursor.iter().find(missing) {
                return Err(refuse(format!("it has no column \"{cursor}\", which is the cursor of its stream")));
            }
        }
        Ok(Self { fields, ..self.clone() })
    }

    fn raw_schema(&self) -> TableSchema {
        TableSchema {
            table: self.table.clone(),
            columns: vec![Column { field: DATA.into(), name: DATA.into(), column_type: ColumnType::Json }],
            raw: true,
            key: Vec::new(),
            cursor: None,
            deleted_at: None,
        }
    }
}
