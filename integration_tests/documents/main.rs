//! What is written beside the code is true: the metadata for registries, the page of errors, the links of the documents.

#![allow(clippy::pedantic, clippy::string_slice, reason = "tests may be blunt: a panic is a failure")]

mod links;
mod metadata;
#[path = "../source/mod.rs"]
#[allow(dead_code, reason = "the rules of the tree use the rest")]
mod source;
mod troubleshooting;
