//! The secrets of a run, and every way in which its output could show them.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde_json::Value;

/// Shorter secrets are found in any text, in bytes.
const SHORTEST: usize = 6;

/// Shorter lines of a key may be its common beginning or its end, in bytes.
const SHORTEST_LINE: usize = 16;

/// What a run must not show.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Where it comes from, and the text.
    texts: BTreeSet<(String, String)>,
    /// Values that everybody may see: a password can be the same as the user's name.
    public: BTreeSet<String>,
}

impl Secrets {
    /// Adds what the specification marks as secret; the rest is public. A configuration that is no JSON has none.
    pub fn add_config(&mut self, config: &[u8]) {
        let Ok(config) = serde_json::from_slice::<Value>(config) else { return };
        let spec: Value =
            serde_json::from_str(include_str!("../../spec/spec.json")).expect("the specification is JSON");
        let mut marked = BTreeSet::new();
        marked_paths(&spec["connectionSpecification"], "", &mut marked);
        self.add(&config, "", &marked);
    }

    /// Adds the key in the file that a variable names, and the value of a variable that is named like a secret.
    pub fn add_variable(&mut self, name: &str, value: &str) {
        if let Ok(key) = fs::read_to_string(value) {
            self.add_text(name, &key);
        } else if ["PASSWORD", "PASSPHRASE", "SECRET"].iter().any(|word| name.contains(word)) {
            self.add_text(name, value);
        }
    }

    /// A sentence for each secret and spelling that is found. STATE messages are the source's: what it put there comes
    /// back as it was.
    pub fn leaks(&self, stdout: &[String], stderr: &str) -> Vec<String> {
        let is_state = |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|message| message["type"] == "STATE");
        let mut found = Vec::new();
        for (name, text) in &self.texts {
            if self.public.contains(text) || text.len() < SHORTEST {
                continue;
            }
            let hit =
                spellings(text).into_iter().filter(|(_, form)| form.len() >= SHORTEST).find_map(|(spelling, form)| {
                    let mut lines = stdout.iter().map(String::as_str).chain([stderr]);
                    let line = lines.find(|line| line.contains(&form) && !is_state(line))?;
                    Some(format!("{name}, {spelling}: {line}"))
                });
            found.extend(hit);
        }
        found
    }

    fn add(&mut self, value: &Value, path: &str, marked: &BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| self.add(value, &format!("{path}/{name}"), marked));
            }
            Value::Array(items) => items.iter().for_each(|item| self.add(item, path, marked)),
            Value::String(text) if marked.contains(path) => self.add_text(path, text),
            // Not marked, but it can hold passwords.
            Value::String(text) if path == "/jdbc_url_params" => {
                for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
                    if name.to_lowercase().contains("password") {
                        self.add_text(path, value);
                    }
                }
            }
            Value::String(text) => drop(self.public.insert(text.clone())),
            _ => {}
        }
    }

    fn add_text(&mut self, name: &str, text: &str) {
        let lines: Vec<&str> = text.split(['\n', '\r']).flat_map(|line| line.split("\\n")).map(str::trim).collect();
        if lines.iter().filter(|line| !line.is_empty()).count() > 1 {
            let keys = lines.into_iter().filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
            self.texts.extend(keys.map(|line| (format!("a line of {name}"), line.to_owned())));
        }
        self.texts.insert((name.to_owned(), text.to_owned()));
    }
}

/// Paths of the members with `airbyte_secret`, whatever option of a `oneOf` they are in.
fn marked_paths(schema: &Value, path: &str, marked: &mut BTreeSet<String>) {
    if schema["airbyte_secret"] == true {
        marked.insert(path.to_owned());
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        marked_paths(member, &format!("{path}/{name}"), marked);
    }
    schema["oneOf"].as_array().into_iter().flatten().for_each(|option| marked_paths(option, path, marked));
}

/// The ways in which a secret can be written, each with its name.
pub fn spellings(text: &str) -> Vec<(&'static str, String)> {
    let unquoted = |text: String| text[1..text.len() - 1].to_owned();
    let json = unquoted(Value::from(text).to_string());
    let ascii = json.chars().map(|c| if c.is_ascii() { c.to_string() } else { utf16_escapes(c) }).collect();
    let reserved = |byte: u8| !(byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let percent: String = text
        .bytes()
        .map(|byte| if reserved(byte) { format!("%{byte:02X}") } else { char::from(byte).to_string() })
        .collect();
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        ("as it is", text.to_owned()),
        ("as JSON", json),
        ("as JSON in ASCII", ascii),
        ("as Debug prints it", unquoted(format!("{text:?}"))),
        ("percent-encoded", percent.clone()),
        ("percent-encoded, small", lower_escapes(&percent)),
        ("as in a form", percent.replace("%20", "+")),
        ("as hexadecimal", hex.to_uppercase()),
        ("as hexadecimal, small", hex),
    ];
    // A text inside of another one can begin at any of three places in base64; its first and last digit mix with the rest.
    for before in 0..3 {
        let encoded = BASE64_STANDARD_NO_PAD.encode([&vec![0; before], text.as_bytes()].concat());
        let begin = [0, 2, 3][before];
        let end = encoded.len() - usize::from(!(before + text.len()).is_multiple_of(3));
        let inner = encoded.get(begin..end).unwrap_or_default().to_owned();
        forms.push(("in base64 for URLs", inner.replace('+', "-").replace('/', "_")));
        forms.push(("in base64", inner));
    }
    forms
}

fn utf16_escapes(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn lower_escapes(percent: &str) -> String {
    let mut parts = percent.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text}%{}{}", part[..2].to_lowercase(), &part[2..]))
}
