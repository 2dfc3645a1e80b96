//! JSON without a tree: a strict scanner that yields tokens into the line, and the texts made from them.
//!
//! Owns: JSON grammar, string escapes, what Postgres's `jsonb` cannot hold.
//! Invariant: no I/O, no recursion (input decides the depth), nothing is allocated per token.

mod scanner;
#[cfg(test)]
mod tests;
mod text;

pub use scanner::{Kind, Scanner, SyntaxError, Token};
pub use text::{Cleaned, append_compact, append_unescaped, jsonb_size, member_size, write_quoted};
