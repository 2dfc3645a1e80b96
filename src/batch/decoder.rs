//! One record's `data` object -> one token a column.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::stream_batch::Layout;
use crate::json::{self, Kind, Scanner, SyntaxError, Token};
use crate::limits;

/// Marks a position of the record whose field is not declared.
const UNDECLARED: usize = usize::MAX;

/// Finds the declared fields of a stream's records.
pub struct RecordDecoder {
    columns: HashMap<Box<str>, usize, RandomState>,
    fields: Vec<Box<str>>,
    /// Each field's name as it mostly stands in a record, with quotes and colon; empty where it cannot stand so.
    members: Vec<Box<[u8]>>,
    /// The column of the n-th member in the record before: sources send their members in one order.
    order: Vec<usize>,
    tokens: Vec<Token>,
    raw: bool,
    /// In raw mode, the record as it will be stored.
    text: String,
    /// In raw mode, the members that `jsonb` cannot hold.
    left_out: Vec<String>,
}

impl RecordDecoder {
    /// A decoder for the fields of `layout`.
    pub fn new(layout: &Layout) -> Self {
        let fields: Vec<Box<str>> = layout.columns.iter().map(|c| c.field.as_str().into()).collect();
        Self {
            columns: fields.iter().cloned().zip(0..).collect(),
            order: Vec::new(),
            tokens: vec![Token::MISSING; fields.len()],
            members: fields.iter().map(|field| member(field)).collect(),
            fields,
            raw: layout.raw,
            text: String::new(),
            left_out: Vec::new(),
        }
    }

    /// Scans the object at which `scanner` stands. The last of two members of one name counts.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn scan(&mut self, scanner: &mut Scanner<'_>) -> Result<(), SyntaxError> {
        if self.raw {
            return self.scan_raw(scanner);
        }
        self.tokens.fill(Token::MISSING);
        scanner.enter_object()?;
        let mut position = 0;
        loop {
            let guess = self.order.get(position).copied().unwrap_or(UNDECLARED);
            let member = self.members.get(guess).filter(|member| !member.is_empty());
            let column = if member.is_some_and(|member| scanner.skip_key(position == 0, member)) {
                guess
            } else {
                let Some(key) = scanner.next_key(position == 0)? else { break };
                self.column(position, key, scanner.line())
            };
            let value = scanner.value()?;
            if let Some(token) = self.tokens.get_mut(column) {
                *token = value;
            }
            position += 1;
        }
        Ok(())
    }

    #[inline]
    fn column(&mut self, position: usize, key: Token, line: &str) -> usize {
        let raw = key.text(line);
        let guess = self.order.get(position).copied().unwrap_or(UNDECLARED);
        if !key.is_escaped() && self.fields.get(guess).is_some_and(|field| **field == *raw) {
            return guess;
        }
        let column =
            if key.is_escaped() { self.columns.get(unescaped_name(raw).as_str()) } else { self.columns.get(raw) };
        let column = column.copied().unwrap_or(UNDECLARED);
        if column != UNDECLARED {
            if self.order.len() <= position && position <= self.fields.len() * 2 {
                self.order.resize(position + 1, UNDECLARED);
            }
            if let Some(slot) = self.order.get_mut(position) {
                *slot = column;
            }
        }
        column
    }

    /// Raw mode keeps the whole record but its members that are null or that `jsonb` cannot hold.
    fn scan_raw(&mut self, scanner: &mut Scanner<'_>) -> Result<(), SyntaxError> {
        self.text.clear();
        self.left_out.clear();
        self.text.push('{');
        scanner.enter_object()?;
        let line = scanner.line();
        let mut size = 0;
        let mut first = true;
        while let Some(key) = scanner.next_key(first)? {
            first = false;
            let value = scanner.value()?;
            if value.kind == Kind::Null {
                continue;
            }
            // The members must fit together, and the record is one level around each.
            let bytes = json::member_size(key.text(line), value.text(line), line.len());
            if value.exceeds_jsonb() || value.is_deepest() || size + bytes > limits::JSONB_BYTES {
                let mut name = String::new();
                json::append_unescaped(key.text(line), &mut name);
                self.left_out.push(name);
                continue;
            }
            size += bytes;
            if self.text.len() > 1 {
                self.text.push(',');
            }
            let quote = if value.kind == Kind::String { "\"" } else { "" };
            for piece in ["\"", key.text(line), "\":", quote, value.text(line), quote] {
                self.text.push_str(piece);
            }
        }
        self.text.push('}');
        let mut own = Scanner::new(&self.text);
        if let Some(token) = self.tokens.first_mut() {
            *token = own.value()?;
        }
        Ok(())
    }

    /// In raw mode, the members of the last record that could not be stored.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Forgets the last record where it was large.
    pub fn shrink(&mut self) {
        if self.text.capacity() > limits::BATCH_BYTES {
            self.text = String::new();
        }
    }

    /// The tokens of the last record, one a column, and the text they point into.
    pub fn tokens<'a>(&'a self, line: &'a str) -> (&'a [Token], &'a str) {
        (&self.tokens, if self.raw { &self.text } else { line })
    }
}

/// A name with quotes and colon; nothing for one that has to be escaped.
fn member(name: &str) -> Box<[u8]> {
    let escaped = name.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\');
    if escaped { Box::default() } else { format!("\"{name}\":").into_bytes().into() }
}

/// A member's name with its NULs, which the catalog keeps as well.
fn unescaped_name(raw: &str) -> String {
    serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_else(|_| {
        let mut name = String::new();
        json::append_unescaped(raw, &mut name);
        name
    })
}
