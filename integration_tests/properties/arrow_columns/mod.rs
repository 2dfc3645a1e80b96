//! Columns of every type of Arrow, cast and copied into a real server, against what the server itself makes of the SQL that
//! says the same values.

mod columns;
mod containers;

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use fastrand::Rng;

use destination_postgres::batch::Rows;
use destination_postgres::copy::{CopyChunks, CopyColumns};
use destination_postgres::schema::KeyFacts;
use destination_postgres::types::arrow::{Cast, cast};
use destination_postgres::types::{ColumnType, Outcome, Reason};

use crate::support::postgres::TestDatabase;
use crate::support::sql::{Sql, quote_literal};
use crate::table::session;

/// Rows of each column.
const ROWS: usize = 40;
/// Mismatches told.
const TOLD: usize = 5;

/// A column on its way, and what each row must become.
#[derive(Clone, Debug)]
pub struct Column {
    array: ArrayRef,
    field: Field,
    to: ColumnType,
    rows: Vec<Row>,
}

/// What must become of one value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// An expression of SQL; none for NULL.
    sql: Option<String>,
    /// Its JSON.
    json: String,
    outcome: Outcome,
}

impl Row {
    fn stored(sql: impl Into<String>, json: impl Into<String>) -> Self {
        Self { sql: Some(sql.into()), json: json.into(), outcome: Outcome::Stored }
    }

    fn null() -> Self {
        Self { sql: None, json: "null".into(), outcome: Outcome::Stored }
    }

    fn nulled(reason: Reason) -> Self {
        Self { outcome: Outcome::Nulled(reason), ..Self::null() }
    }

    /// The value as a document: what is too large for its column is not for that, what is no value is none.
    fn document(&self) -> Self {
        let outcome = match self.outcome {
            Outcome::Nulled(Reason::SerializationError) => return self.clone(),
            Outcome::Nulled(Reason::FieldSizeLimitation) => Outcome::Stored,
            other => other,
        };
        let sql = (self.json != "null").then(|| quote_literal(&self.json));
        Self { sql, outcome, ..self.clone() }
    }
}

/// Loads columns of every type, alone and within one another.
pub fn round(database: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    let sql = session(database)?;
    sql.run("SET IntervalStyle = 'iso_8601'")?;
    let plain = columns::all(rng);
    let mut all = Vec::new();
    for column in &plain {
        all.push(containers::document(column));
        all.push(containers::text(column));
        all.push(containers::arrays(rng, column));
        all.push(containers::map(rng, column));
    }
    for column in plain.iter().chain(&columns::declared(rng)) {
        all.push(containers::sliced(rng, column));
        all.push(containers::dictionary(rng, column));
        all.push(containers::runs(rng, column));
        all.extend(containers::lists(rng, column));
    }
    all.extend((0..10).map(|_| containers::structs(rng, &plain)));
    // A table has room for so many columns.
    for columns in all.chunks(150) {
        check(&sql, columns)?;
    }
    Ok(())
}

fn check(sql: &Sql, columns: &[Column]) -> Result<(), String> {
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(FixedSizeBinaryArray::try_from_iter((0..ROWS).map(|row| (row as u128).to_be_bytes())).expect("ids")),
        Arc::new(Int64Array::from(vec![0; ROWS])),
        Arc::new(StringArray::from(vec![None::<&str>; ROWS])),
    ];
    let mut told = Vec::new();
    for column in columns {
        let Cast { array, outcomes } =
            cast(&column.array, &column.field, column.to).map_err(|unfit| format!("{unfit}: {:?}", column.field))?;
        let expected: Vec<(usize, Outcome)> = (0..)
            .zip(&column.rows)
            .filter(|(_, row)| row.outcome != Outcome::Stored)
            .map(|(number, row)| (number, row.outcome))
            .collect();
        if outcomes != expected {
            told.push(format!("{}: {outcomes:?}, expected {expected:?}\n{:?}", told_type(column), column.array));
        }
        arrays.push(array);
    }
    let fields: Vec<Field> = arrays.iter().map(|array| Field::new("", array.data_type().clone(), true)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|e| e.to_string())?;
    let (keys, shares) = (KeyFacts::default(), Vec::new());
    let rows = Rows { batches: vec![batch], shares, count: 0, size: 0, has_changes: false, keys };
    let types: Vec<ColumnType> = columns.iter().map(|column| column.to).collect();
    let chunks = CopyChunks::new(&rows, &types, CopyColumns::of_load_table(false, false));
    let input: Vec<u8> = chunks.flatten().collect();

    let definitions: String = (0..).zip(&types).map(|(n, to)| format!(", c{n} {}", to.sql())).collect();
    sql.run(&format!("DROP TABLE IF EXISTS pg_temp.t; CREATE TEMP TABLE t (id text, at timestamptz{definitions})"))?;
    sql.copy_in("COPY pg_temp.t FROM STDIN (FORMAT binary)", input)?;
    // The table's own idea of its columns is the one that is compared in a second run.
    let typmods = sql.rows(
        "SELECT t.typname, a.atttypmod FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         WHERE a.attrelid = 'pg_temp.t'::regclass AND a.attnum > 2 ORDER BY a.attnum",
    )?;
    for (to, found) in types.iter().zip(typmods) {
        let expected = [Some(to.typname().into_owned()), Some(to.typmod().to_string())];
        if found != expected {
            told.push(format!("{to:?}: the server says {found:?}"));
        }
    }
    let shown: Vec<String> = (0..columns.len()).map(|n| format!("c{n}::text")).collect();
    let stored = sql.rows(&format!("SELECT {} FROM pg_temp.t ORDER BY id", shown.join(", ")))?;
    let expected: Vec<String> = (0..ROWS)
        .map(|row| {
            let cells = columns.iter().map(|column| match &column.rows[row].sql {
                Some(sql) => format!("({sql})::{}::text", column.to.sql()),
                None => "NULL".into(),
            });
            format!("({row}, {})", cells.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let expected = sql.rows(&format!("VALUES {} ORDER BY 1", expected.join(", ")))?;
    for (number, (stored, expected)) in stored.iter().zip(&expected).enumerate() {
        for (column, (stored, expected)) in columns.iter().zip(stored.iter().zip(&expected[1..])) {
            if stored != expected {
                told.push(format!(
                    "{}, row {number}:\n    stored   {stored:?}\n    expected {expected:?} from {:?}",
                    told_type(column),
                    column.rows[number]
                ));
            }
        }
    }
    if stored.len() != ROWS {
        told.push(format!("{} rows", stored.len()));
    }
    if told.is_empty() {
        return Ok(());
    }
    let count = told.len();
    told.truncate(TOLD);
    Err(format!("{count} differences:\n{}", told.join("\n")))
}

fn told_type(column: &Column) -> String {
    format!("{} {:?} into {:?}", column.field.data_type(), column.field.metadata(), column.to)
}
