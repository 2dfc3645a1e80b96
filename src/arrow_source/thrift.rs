//! As much of Thrift's compact protocol as tells what a Parquet file states of its own sizes, before a library believes it.

use super::fault::{Fault, Reading};

/// What a page's header states, in bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct PageSizes {
    pub uncompressed: u64,
}

/// What a footer tells.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Footer {
    /// The deepest nesting of its schema, in levels.
    pub depth: usize,
    /// It names an algorithm of encryption.
    pub encrypted: bool,
}

/// Reads the first fields of a page's header. The bytes may end anywhere behind them.
pub(super) fn page_sizes(bytes: &[u8]) -> Reading<PageSizes> {
    const UNCOMPRESSED: i16 = 2;
    let mut compact = Compact { bytes };
    let mut field = 0;
    while let Some(kind) = compact.field(&mut field)? {
        if field == UNCOMPRESSED {
            let uncompressed = u64::try_from(compact.zigzag()?).map_err(|_| Fault::corrupt())?;
            return Ok(PageSizes { uncompressed });
        }
        compact.skip(kind, MOST_LEVELS)?;
    }
    Err(Fault::corrupt())
}

/// Reads a footer.
pub(super) fn footer(bytes: &[u8]) -> Reading<Footer> {
    const SCHEMA: i16 = 2;
    const ENCRYPTION: i16 = 8;
    let mut compact = Compact { bytes };
    let mut footer = Footer::default();
    let mut field = 0;
    while let Some(kind) = compact.field(&mut field)? {
        match (field, kind) {
            (SCHEMA, LIST) => footer.depth = compact.depth_of_schema()?,
            (ENCRYPTION, _) => {
                footer.encrypted = true;
                compact.skip(kind, MOST_LEVELS)?;
            }
            _ => compact.skip(kind, MOST_LEVELS)?,
        }
    }
    Ok(footer)
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;
const I32: u8 = 5;

/// Nesting of Thrift's own containers; Parquet's have a few levels.
const MOST_LEVELS: u32 = 32;

struct Compact<'a> {
    bytes: &'a [u8],
}

impl Compact<'_> {
    /// The nesting of a schema, which is a list of elements, each with the number of its children, depth first.
    fn depth_of_schema(&mut self) -> Reading<usize> {
        const CHILDREN: i16 = 5;
        let (count, kind) = self.list()?;
        let mut open: Vec<i64> = Vec::new();
        let mut deepest = 0;
        for _ in 0..count {
            if kind != STRUCT {
                return Err(Fault::corrupt());
            }
            let mut children = 0;
            let mut field = 0;
            while let Some(kind) = self.field(&mut field)? {
                if (field, kind) == (CHILDREN, I32) {
                    children = self.zigzag()?;
                } else {
                    self.skip(kind, MOST_LEVELS)?;
                }
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
                deepest = deepest.max(open.len());
            }
            while open.last().is_some_and(|left| *left <= 0) {
                open.pop();
            }
        }
        Ok(deepest)
    }

    fn byte(&mut self) -> Reading<u8> {
        let (first, rest) = self.bytes.split_first().ok_or_else(Fault::corrupt)?;
        self.bytes = rest;
        Ok(*first)
    }

    fn step(&mut self, bytes: u64) -> Reading<()> {
        let bytes = usize::try_from(bytes).map_err(|_| Fault::corrupt())?;
        self.bytes = self.bytes.get(bytes..).ok_or_else(Fault::corrupt)?;
        Ok(())
    }

    fn varint(&mut self) -> Reading<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Fault::corrupt())
    }

    fn zigzag(&mut self) -> Reading<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The kind of the next field, or none at the end of the struct; `field` is its number.
    fn field(&mut self, field: &mut i16) -> Reading<Option<u8>> {
        let header = self.byte()?;
        if header == 0 {
            return Ok(None);
        }
        *field = match header >> 4 {
            0 => i16::try_from(self.zigzag()?).map_err(|_| Fault::corrupt())?,
            delta => field.checked_add(i16::from(delta)).ok_or_else(Fault::corrupt)?,
        };
        Ok(Some(header & 0x0F))
    }

    fn list(&mut self) -> Reading<(u64, u8)> {
        let header = self.byte()?;
        let count = if header >> 4 == 15 { self.varint()? } else { u64::from(header >> 4) };
        // Each takes a byte at least, so a long list is a short loop where it is a lie.
        if count > self.bytes.len() as u64 { Err(Fault::corrupt()) } else { Ok((count, header & 0x0F)) }
    }

    fn skip(&mut self, kind: u8, levels: u32) -> Reading<()> {
        let levels = levels.checked_sub(1).ok_or_else(Fault::corrupt)?;
        match kind {
            TRUE | FALSE => {}
            BYTE => self.step(1)?,
            4..=6 => drop(self.varint()?),
            DOUBLE => self.step(8)?,
            BINARY => {
                let length = self.varint()?;
                self.step(length)?;
            }
            LIST | SET => {
                let (count, kind) = self.list()?;
                for _ in 0..count {
                    self.skip_element(kind, levels)?;
                }
            }
            MAP => {
                let count = self.varint()?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                for _ in 0..count {
                    self.skip_element(kinds >> 4, levels)?;
                    self.skip_element(kinds & 0x0F, levels)?;
                }
            }
            STRUCT => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, levels)?;
                }
            }
            UUID => self.step(16)?,
            _ => return Err(Fault::corrupt()),
        }
        Ok(())
    }

    /// In a container a boolean is a byte of its own.
    fn skip_element(&mut self, kind: u8, levels: u32) -> Reading<()> {
        if matches!(kind, TRUE | FALSE) { self.step(1) } else { self.skip(kind, levels) }
    }
}
