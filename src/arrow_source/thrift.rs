//! As much of Thrift's compact protocol as tells what a Parquet file states of its own sizes, before a library believes it.

use super::fault::{Fault, Reading};

/// What a footer tells.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Footer {
    /// The deepest nesting of its schema, in levels.
    pub depth: usize,
    /// It names an algorithm of encryption.
    pub encrypted: bool,
}

/// Reads a page's header -> the bytes that the page states to have when uncompressed. Something may follow behind the header.
pub(super) fn page_bytes(bytes: &[u8]) -> Reading<u64> {
    const UNCOMPRESSED: i16 = 2;
    let mut compact = Compact { bytes };
    let mut uncompressed = None;
    let mut field = 0;
    while let Some((kind, known)) = compact.known_field(PAGE_HEADER, &mut field)? {
        if field == UNCOMPRESSED {
            uncompressed = Some(u64::try_from(compact.int()?).map_err(|_| Fault::corrupt())?);
        } else {
            compact.pass(kind, known)?;
        }
    }
    uncompressed.ok_or_else(Fault::corrupt)
}

/// Reads a footer.
pub(super) fn footer(bytes: &[u8]) -> Reading<Footer> {
    const SCHEMA: i16 = 2;
    const ENCRYPTION: i16 = 8;
    let mut compact = Compact { bytes };
    let mut footer = Footer::default();
    let mut field = 0;
    while let Some((kind, known)) = compact.known_field(FOOTER, &mut field)? {
        match field {
            SCHEMA => footer.depth = compact.depth_of_schema()?,
            field => {
                footer.encrypted |= field == ENCRYPTION;
                compact.pass(kind, known)?;
            }
        }
    }
    Ok(footer)
}

/// What a field is by its number. The library goes by that alone, so what is written there must be that.
#[derive(Clone, Copy)]
enum Known {
    Any,
    Bool,
    Byte,
    I32,
    Binary,
    List,
    /// A struct or a union with these fields, from the first number on.
    Struct(&'static [Known]),
}

const NOTHING: Known = Known::Struct(&[]);
const TIME: Known = Known::Struct(&[Known::Bool, Known::Struct(&[NOTHING; 3])]);
const LOGICAL_TYPE: &[Known] = &[
    NOTHING,
    NOTHING,
    NOTHING,
    NOTHING,
    Known::Struct(&[Known::I32; 2]),
    NOTHING,
    TIME,
    TIME,
    Known::Any,
    Known::Struct(&[Known::Byte, Known::Bool]),
    NOTHING,
    NOTHING,
    NOTHING,
    NOTHING,
    NOTHING,
    Known::Struct(&[Known::Byte]),
    Known::Struct(&[Known::Binary]),
    Known::Struct(&[Known::Binary, Known::I32]),
];
const SCHEMA_ELEMENT: &[Known] = &[
    Known::I32,
    Known::I32,
    Known::I32,
    Known::Binary,
    Known::I32,
    Known::I32,
    Known::I32,
    Known::I32,
    Known::I32,
    Known::Struct(LOGICAL_TYPE),
];
/// As far as the schema.
const FOOTER: &[Known] = &[Known::I32, Known::List];
const DATA_PAGE: &[Known] = &[Known::I32, Known::I32, Known::I32, Known::I32, NOTHING];
const DICTIONARY_PAGE: &[Known] = &[Known::I32, Known::I32, Known::Bool];
const DATA_PAGE_2: &[Known] =
    &[Known::I32, Known::I32, Known::I32, Known::I32, Known::I32, Known::I32, Known::Bool, NOTHING];
const PAGE_HEADER: &[Known] = &[
    Known::I32,
    Known::I32,
    Known::I32,
    Known::I32,
    Known::Struct(DATA_PAGE),
    NOTHING,
    Known::Struct(DICTIONARY_PAGE),
    Known::Struct(DATA_PAGE_2),
];

impl Known {
    fn is(self, kind: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Bool => matches!(kind, TRUE | FALSE),
            Self::Byte => kind == BYTE,
            Self::I32 => kind == I32,
            Self::Binary => kind == BINARY,
            Self::List => kind == LIST,
            Self::Struct(_) => kind == STRUCT,
        }
    }
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
        // Each element but the first is the child of one other.
        let mut unborn = count.saturating_sub(1);
        let mut open: Vec<u64> = Vec::new();
        let mut deepest = 0;
        for _ in 0..count {
            if kind != STRUCT {
                return Err(Fault::corrupt());
            }
            let mut children = 0;
            let mut field = 0;
            while let Some((kind, known)) = self.known_field(SCHEMA_ELEMENT, &mut field)? {
                if field == CHILDREN {
                    children = u64::try_from(self.int()?).map_err(|_| Fault::corrupt())?;
                } else {
                    self.pass(kind, known)?;
                }
            }
            unborn = unborn.checked_sub(children).ok_or_else(Fault::corrupt)?;
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
                deepest = deepest.max(open.len());
            }
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        Ok(deepest)
    }

    /// The next field of a struct of these: its kind, and what it is; none at the end. Their numbers rise.
    fn known_field(&mut self, fields: &[Known], field: &mut i16) -> Reading<Option<(u8, Known)>> {
        let before = *field;
        let Some(kind) = self.field(field)? else { return Ok(None) };
        let position = usize::try_from(*field).unwrap_or(0).checked_sub(1);
        let known = position.and_then(|position| fields.get(position)).copied().unwrap_or(Known::Any);
        if *field > before && known.is(kind) { Ok(Some((kind, known))) } else { Err(Fault::corrupt()) }
    }

    /// Passes over the value of a field.
    fn pass(&mut self, kind: u8, known: Known) -> Reading<()> {
        let Known::Struct(fields) = known else { return self.skip(kind, MOST_LEVELS) };
        let mut field = 0;
        while let Some((kind, known)) = self.known_field(fields, &mut field)? {
            self.pass(kind, known)?;
        }
        Ok(())
    }

    fn int(&mut self) -> Reading<i32> {
        i32::try_from(self.zigzag()?).map_err(|_| Fault::corrupt())
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

    /// In a container a boolean is a byte of its own, which the library does not pass over; Parquet has no such containers here.
    fn skip_element(&mut self, kind: u8, levels: u32) -> Reading<()> {
        if matches!(kind, TRUE | FALSE) { Err(Fault::corrupt()) } else { self.skip(kind, levels) }
    }
}
