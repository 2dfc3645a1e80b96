//! Arrays of scalars: of JSON, an array whose elements the element's type takes in.
//!
//! A list is stored whole or not at all: an element that its type cannot hold makes the list NULL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, NullBufferBuilder};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::Field;

use super::{ColumnBuilder, ColumnReader, ColumnType, Outcome, Reason, Scalar, put_sized};
use crate::json::{Kind, Scanner, Token};
use crate::limits;

/// Collects lists.
pub struct ListBuilder {
    element: Scalar,
    /// Elements of all lists, and those of the lists that became NULL.
    elements: Box<ColumnBuilder>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl ListBuilder {
    pub(super) fn new(element: Scalar) -> Self {
        let elements = Box::new(ColumnBuilder::new(element.into()));
        Self { element, elements, offsets: vec![0], nulls: NullBufferBuilder::new(0) }
    }

    pub(super) fn append(&mut self, token: Token, line: &str) -> Outcome {
        let mut count = self.offsets.last().copied().unwrap_or_default();
        let outcome = match token.kind {
            Kind::Array => self.append_elements(token, line, &mut count),
            Kind::Missing | Kind::Null => Outcome::Stored,
            _ => Outcome::Nulled(Reason::SerializationError),
        };
        self.offsets.push(count);
        self.nulls.append(token.kind == Kind::Array && !matches!(outcome, Outcome::Nulled(_)));
        outcome
    }

    fn append_elements(&mut self, token: Token, line: &str, count: &mut i32) -> Outcome {
        /// What an element takes on the wire beside its own text.
        const OVERHEAD: usize = 20;
        if token.text(line).len() > limits::TEXT_BYTES / OVERHEAD {
            return Outcome::Nulled(Reason::FieldSizeLimitation);
        }
        let mut whole = Outcome::Stored;
        let mut scanner = Scanner::at(line, token);
        let mut first = true;
        if scanner.enter_array().is_err() {
            return Outcome::Nulled(Reason::SerializationError);
        }
        while let Ok(Some(element)) = scanner.next_element(first) {
            first = false;
            *count += 1;
            match self.elements.append(element, line) {
                Outcome::Stored => {}
                Outcome::Cleaned => whole = Outcome::Cleaned,
                nulled @ Outcome::Nulled(_) => return nulled,
            }
        }
        whole
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let full = std::mem::replace(self, Self::new(self.element));
        let Self { mut elements, offsets, mut nulls, .. } = full;
        list(OffsetBuffer::new(offsets.into()), elements.finish(), nulls.finish())
    }
}

/// A column of lists.
pub(super) fn list(offsets: OffsetBuffer<i32>, elements: ArrayRef, nulls: Option<NullBuffer>) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
    Arc::new(ListArray::new(field, offsets, elements, nulls))
}

/// Reads a column of lists.
pub struct ListReader<'a> {
    oid: u32,
    offsets: &'a [i32],
    elements: Box<ColumnReader<'a>>,
    nulls: Option<&'a NullBuffer>,
}

impl<'a> ListReader<'a> {
    pub(super) fn new(element: Scalar, array: &'a dyn Array) -> Option<Self> {
        let lists: &ListArray = array.as_any().downcast_ref()?;
        let elements = Box::new(ColumnReader::new(ColumnType::from(element), lists.values())?);
        Some(Self { oid: element.oid(), offsets: lists.value_offsets(), elements, nulls: lists.values().nulls() })
    }

    /// Number of dimensions, whether there are NULLs, type of the elements; of the one dimension its length and first
    /// index; the elements as fields.
    pub(super) fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let &[start, end] = self.offsets.get(row..row + 2).unwrap_or_default() else { return };
        let (start, length) = (start as usize, (end - start) as usize);
        put_sized(out, |out| {
            let has_nulls = self.nulls.is_some_and(|nulls| nulls.slice(start, length).null_count() > 0);
            out.extend_from_slice(&i32::from(length > 0).to_be_bytes());
            out.extend_from_slice(&i32::from(has_nulls).to_be_bytes());
            out.extend_from_slice(&self.oid.to_be_bytes());
            if length > 0 {
                out.extend_from_slice(&(end - i32::try_from(start).unwrap_or_default()).to_be_bytes());
                out.extend_from_slice(&1_i32.to_be_bytes());
                for element in start..start + length {
                    let tail = self.elements.encode(element, out);
                    out.extend_from_slice(tail);
                }
            }
        });
    }
}
