//! What is JSON: the scanner says so of exactly the texts of which `serde_json` says so. Needs no server.

use destination_postgres::json::{Kind, Scanner, append_compact};
use fastrand::Rng;
use serde::de::IgnoredAny;

use crate::support::postgres::TestDatabase;

const TEXTS: usize = 3_000;
const SEEDS: [&str; 10] = [
    r#"{"type":"RECORD","record":{"stream":"users","emitted_at":1700000000000,"data":{"id":1,"name":"A\u00e9\n"}}}"#,
    r#"[1,-0,0.5,1e5,1E+5,-1.25e-7,[],{},[[[]]],true,false,null,""]"#,
    r#"{"a":{"b":[{"c":"\"\\\/\b\f\n\r\t\u0041\ud83d\ude00"}]},"a":2}"#,
    " \t\r\n{ \"k\" : [ 1 , 2 ] } \n",
    "\"plain text that is longer than eight bytes\"",
    "\"\\ud800\"",
    "-0.0e-0",
    "[\"\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}é😀\"]",
    "null",
    "{\"x\":[[[[[[[[1]]]]]]]]}",
];
const PIECES: [&str; 30] = [
    "{", "}", "[", "]", ",", ":", "\"", "\\", "/", "\\u", "\\ud8", "0", "1", "-", "+", ".", "e", "E", " ", "\t",
    "\u{b}", "\0", "\u{1f}", "true", "nul", "\u{a0}", "é", "\u{feff}", "00", "NaN",
];

/// Mutates valid texts and asks both.
pub fn round(_: &TestDatabase, rng: &mut Rng) -> Result<(), String> {
    for _ in 0..TEXTS {
        let mut text = SEEDS[rng.usize(..SEEDS.len())].to_owned();
        for _ in 0..rng.usize(..4) {
            mutate(rng, &mut text);
        }
        let ours = scan(&text);
        let theirs = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        if ours.is_some() != theirs {
            return Err(format!("{text:?}: the scanner says {:?}, serde_json says {theirs}", ours.is_some()));
        }
        if let Some(value) = ours {
            compacted(&text, value)?;
        }
    }
    Ok(())
}

/// The kind of the only value in the text.
fn scan(text: &str) -> Option<Kind> {
    let mut scanner = Scanner::new(text);
    let token = scanner.value().ok()?;
    scanner.finish().ok()?;
    Some(token.kind)
}

/// A valid text stays one, and keeps its meaning, without blanks.
fn compacted(text: &str, kind: Kind) -> Result<(), String> {
    let mut compact = String::new();
    let cleaned = append_compact(text, &mut compact);
    if scan(&compact) != Some(kind) {
        return Err(format!("{text:?} became {compact:?}"));
    }
    // A tree holds no lone surrogate and no number beyond a double.
    let tree = serde_json::from_str::<serde_json::Value>(text);
    match (tree, serde_json::from_str::<serde_json::Value>(&compact)) {
        (Ok(before), Ok(after)) if before != after && !cleaned.changed => {
            Err(format!("{text:?} became {compact:?}, which means something else"))
        }
        (Ok(_), Err(error)) => Err(format!("{text:?} became {compact:?}: {error}")),
        _ => Ok(()),
    }
}

fn mutate(rng: &mut Rng, text: &mut String) {
    let mut boundary = || {
        let at = rng.usize(..=text.len());
        (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0)
    };
    let (one, other) = (boundary(), boundary());
    let (from, to) = (one.min(other), one.max(other));
    match rng.u8(..6) {
        0 | 1 => text.insert_str(from, PIECES[rng.usize(..PIECES.len())]),
        2 => text.truncate(from),
        3 => {
            let end = (from + 1..=text.len()).find(|&at| text.is_char_boundary(at));
            if let Some(end) = end {
                text.replace_range(from..end, PIECES[rng.usize(..PIECES.len())]);
            }
        }
        4 if to - from < 12 => text.replace_range(from..to, ""),
        _ => {
            let copy: String = text[from..to].chars().take(20).collect();
            text.insert_str(to, &copy);
        }
    }
}
