//! Tests of the scanner and of the texts made from tokens.

mod scanner;
mod text;

use super::*;

/// The one value of `json`, with nothing behind it.
fn scan(json: &str) -> Result<Token, SyntaxError> {
    let mut scanner = Scanner::new(json);
    let token = scanner.value()?;
    scanner.finish()?;
    Ok(token)
}

fn token(json: &str) -> Token {
    scan(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}
