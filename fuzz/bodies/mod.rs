//! What each fuzz target does with an input. A body panics when the library is wrong, and only then.
//!
//! The fuzz targets use this as a crate, the test `corpora` as a module; so it uses nothing but the library's public
//! interface and crates that both have.

#![allow(clippy::pedantic, clippy::string_slice, clippy::unwrap_used, reason = "a panic is the answer")]

pub mod arrow_rows;
pub mod batch;
pub mod config;
pub mod copy;
pub mod json;
pub mod keys;
pub mod members;
pub mod messages;
pub mod names;
pub mod numbers;
pub mod records;
pub mod times;

/// A target's name and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 9] = [
    ("batch", batch::run),
    ("config", config::run),
    ("json", json::run),
    ("keys", keys::run),
    ("messages", messages::run),
    ("names", names::run),
    ("numbers", numbers::run),
    ("records", records::run),
    ("times", times::run),
];
