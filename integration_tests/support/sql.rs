//! A blocking SQL session for tests.

use std::path::Path;

use futures_util::{SinkExt, TryStreamExt};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// The database's answer to one statement: column names and rows of text, `None` being NULL.
#[derive(Debug, Default)]
pub struct Answer {
    /// Column names in order.
    pub columns: Vec<String>,
    /// Rows in the order the server sent them.
    pub rows: Vec<Vec<Option<String>>>,
}

/// One session; statements run one after the other, and block.
pub struct Sql {
    runtime: Runtime,
    client: Client,
}

impl Sql {
    /// Opens a session as the superuser, through the server's socket.
    ///
    /// # Errors
    /// The server's refusal, as text.
    pub fn superuser(socket_directory: &Path, port: u16, database: &str) -> Result<Self, String> {
        let mut config = Config::new();
        config.host_path(socket_directory).port(port).user("postgres").dbname(database);
        Self::connect(&config)
    }

    /// Opens any session.
    ///
    /// # Errors
    /// The server's refusal, as text.
    pub fn connect(config: &Config) -> Result<Self, String> {
        // The connection's task runs inside `block_on`, so one thread is enough and none outlives the session.
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        let client = runtime
            .block_on(async {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            })
            .map_err(|e: tokio_postgres::Error| explain(&e))?;
        Ok(Self { runtime, client })
    }

    /// Runs a script of any number of statements.
    ///
    /// # Errors
    /// The server's error, as text.
    pub fn run(&self, script: &str) -> Result<(), String> {
        self.runtime.block_on(self.client.batch_execute(script)).map_err(|e| explain(&e))
    }

    /// Runs a script and returns the answer of each statement that has columns.
    ///
    /// # Errors
    /// The server's error, as text.
    pub fn answers(&self, script: &str) -> Result<Vec<Answer>, String> {
        let messages = self.runtime.block_on(self.client.simple_query(script)).map_err(|e| explain(&e))?;
        let mut answers: Vec<Answer> = Vec::new();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => answers
                    .push(Answer { columns: columns.iter().map(|c| c.name().to_owned()).collect(), rows: Vec::new() }),
                SimpleQueryMessage::Row(row) => {
                    let values = (0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect();
                    answers.last_mut().expect("a row follows its description").rows.push(values);
                }
                _ => {}
            }
        }
        Ok(answers)
    }

    /// Runs one query and returns its rows.
    ///
    /// # Errors
    /// The server's error, as text.
    pub fn rows(&self, query: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        Ok(self.answers(query)?.into_iter().next().unwrap_or_default().rows)
    }

    /// Runs a `COPY … TO STDOUT` and returns what the server sent.
    ///
    /// # Errors
    /// The server's error, as text.
    pub fn copy_out(&self, statement: &str) -> Result<Vec<u8>, String> {
        let copy = async {
            let stream = self.client.copy_out(statement).await?;
            stream
                .try_fold(Vec::new(), async |mut all, part| {
                    all.extend_from_slice(&part);
                    Ok(all)
                })
                .await
        };
        self.runtime.block_on(copy).map_err(|e| explain(&e))
    }

    /// Runs a `COPY … FROM STDIN` with such input and answers how many rows it took.
    ///
    /// # Errors
    /// The server's error, as text.
    pub fn copy_in(&self, statement: &str, input: Vec<u8>) -> Result<u64, String> {
        let copy = async {
            let mut sink = std::pin::pin!(self.client.copy_in::<_, bytes::Bytes>(statement).await?);
            sink.send(input.into()).await?;
            sink.finish().await
        };
        self.runtime.block_on(copy).map_err(|e| explain(&e))
    }

    /// Runs one query and returns its only value, empty for NULL and for no row.
    ///
    /// # Errors
    /// The server's error, as text.
    pub fn value(&self, query: &str) -> Result<String, String> {
        Ok(self.rows(query)?.into_iter().flatten().next().flatten().unwrap_or_default())
    }
}

/// `name` as a quoted SQL identifier.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as an SQL string literal, whatever `standard_conforming_strings` says.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// The server's own words: the client library's error alone says only "db error".
fn explain(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => {
            let detail = db.detail().map(|d| format!(" ({d})")).unwrap_or_default();
            format!("{} {}{detail}", db.code().code(), db.message())
        }
        None => format!("{error:?}"),
    }
}
