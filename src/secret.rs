//! A string that never reaches an output.
//!
//! Invariant: no `Display`, and `Debug` prints `***`; the text leaves only through [`Secret::expose`]. A server can send
//! back what it was given, so every text that goes out passes a [`Redactor`] as well.

use std::cmp::Reverse;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde::Deserialize;

/// A password, key or passphrase of the configuration.
#[derive(Clone, Default, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one call that must have it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Replaces secrets by `***`, also where they are written as JSON, in a URL, in hexadecimal or in base64.
#[derive(Debug, Default)]
pub struct Redactor {
    /// The longest first: of a secret that holds another one nothing may be left.
    forms: Vec<Secret>,
}

impl Redactor {
    /// A shorter secret cannot be told from other text, in bytes.
    const SHORTEST: usize = 3;

    /// Nor can a shorter piece of base64, in bytes.
    const SHORTEST_PIECE: usize = 8;

    /// Knows all spellings of these secrets.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| secret.len() >= Self::SHORTEST);
        let mut forms: Vec<String> = secrets.flat_map(spellings).collect();
        forms.sort_unstable_by(|a, b| Reverse(a.len()).cmp(&Reverse(b.len())).then_with(|| a.cmp(b)));
        forms.dedup();
        Self { forms: forms.into_iter().map(Secret).collect() }
    }

    /// `text` without the secrets.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in &self.forms {
            if text.contains(form.expose()) {
                text = text.replace(form.expose(), "***");
            }
        }
        text
    }
}

fn spellings(secret: &str) -> impl Iterator<Item = String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned();
    let debug = format!("{secret:?}");
    let debug = debug.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned();
    let percent = percent(secret, |byte| format!("%{byte:02X}"));
    let lower = self::percent(secret, |byte| format!("%{byte:02x}"));
    let form = percent.replace("%20", "+");
    let hexadecimal = secret.bytes().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let encoded = [base64(secret.as_bytes())].into_iter().chain(inside_base64(secret));
    let encoded = encoded.flat_map(|text| [text.replace('+', "-").replace('/', "_"), text]);
    let ascii = in_ascii(&json);
    [secret.to_owned(), json, ascii, debug, percent, lower, form, hexadecimal.to_uppercase(), hexadecimal]
        .into_iter()
        .chain(encoded)
}

/// JSON text with every character that is not ASCII escaped.
fn in_ascii(json: &str) -> String {
    let one = |c: char| match c {
        _ if c.is_ascii() => c.to_string(),
        _ => c.encode_utf16(&mut [0; 2]).iter().fold(String::new(), |text, unit| text + &format!("\\u{unit:04x}")),
    };
    json.chars().map(one).collect()
}

/// What base64 makes of the secret inside of a longer text: its first and last digit mix with the rest of that text.
fn inside_base64(secret: &str) -> impl Iterator<Item = String> {
    [(0, 0), (1, 2), (2, 3)].into_iter().filter_map(|(before, mixed)| {
        let encoded = base64(&[vec![0; before], secret.as_bytes().to_vec()].concat());
        let end = encoded.len() - usize::from(!(before + secret.len()).is_multiple_of(3));
        let piece = encoded.get(mixed..end)?;
        (piece.len() >= Redactor::SHORTEST_PIECE).then(|| piece.to_owned())
    })
}

/// Everything but RFC 3986's unreserved characters encoded.
fn percent(text: &str, encode: impl Fn(u8) -> String) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => encode(byte),
    };
    text.bytes().map(one).collect()
}

/// Without padding, which may be left out.
fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found() {
        let secret = "p\"w\\d é/?+ &";
        let redactor = Redactor::new([secret]);
        for text in [
            "p\"w\\d é/?+ &",
            r#"p\"w\\d é/?+ &"#,
            "p%22w%5Cd%20%C3%A9%2F%3F%2B%20%26",
            "p%22w%5cd%20%c3%a9%2f%3f%2b%20%26",
            "p%22w%5Cd+%C3%A9%2F%3F%2B+%26",
            r#"p\"w\\d \u00e9/?+ &"#,
            "7022775c6420c3a92f3f2b2026",
            "7022775C6420C3A92F3F2B2026",
            "cCJ3XGQgw6kvPysgJg==",
            "cCJ3XGQgw6kvPysgJg",
        ] {
            let clean = redactor.redact(&format!("before {text} after"));
            assert_eq!(clean.replace("==", ""), "before *** after", "{text}");
        }
        assert_eq!(Redactor::new(["???>>>"]).redact("Pz8_Pj4- Pz8/Pj4+"), "*** ***");
        for before in ["", "x", "xy", "xyz"] {
            let inside = base64(format!("{before}{secret}{before}z").as_bytes());
            let clean = redactor.redact(&inside);
            assert!(clean.contains("***") && clean.len() < 3 + 2 * before.len() + 8, "{inside}: {clean}");
        }
        assert_eq!(redactor.redact("nothing in here"), "nothing in here");
        assert!(!format!("{redactor:?}").contains("p\""));
    }

    #[test]
    fn base64_has_no_padding() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"]);
    }
}
