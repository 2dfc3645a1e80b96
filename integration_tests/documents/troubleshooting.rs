//! `docs/troubleshooting.md`: every error text of the sources, sorted by the topics of `docs/troubleshooting.topics`, which also
//! say what to do. `UPDATE=1` writes the page.
//!
//! An error text is a text of the sources that reads like one: several words, in lower case, in no invariant. It must be in a
//! topic, or be listed as no error.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use crate::source::read;

const PAGE: &str = "docs/troubleshooting.md";
const TOPICS: &str = "docs/troubleshooting.topics";

/// A text of the sources, as it is written there.
struct Text {
    /// Path below `src`.
    file: String,
    text: String,
}

/// A topic of the page, or what is no error.
#[derive(Default)]
struct Topic {
    /// Above this topic.
    part: Option<String>,
    title: String,
    advice: Vec<String>,
    texts: Vec<String>,
    files: Vec<String>,
    /// What it holds is not on the page.
    silent: bool,
}

fn topics() -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    let mut part = None;
    for line in read(TOPICS).lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(heading) = line.strip_prefix("++ ") {
            part = Some(heading.to_owned());
        } else if let Some(title) = line.strip_prefix("== ") {
            topics.push(Topic { part: part.take(), title: title.to_owned(), ..Topic::default() });
        } else if line.starts_with("-- ") {
            topics.push(Topic { silent: true, ..Topic::default() });
        } else {
            let topic = topics.last_mut().expect("a topic comes first");
            match line.split_once(' ') {
                Some(("text", text)) => topic.texts.push(text.to_owned()),
                Some(("file", file)) => topic.files.push(file.to_owned()),
                _ => topic.advice.push(line.to_owned()),
            }
        }
    }
    topics
}

/// The texts of a file's code, each with what stands before it. Comments, tests and characters are skipped.
fn texts_of(code: &str) -> Vec<(String, String)> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let bytes: Vec<char> = code.chars().collect();
    let mut found = Vec::new();
    let mut before = String::new();
    let mut at = 0;
    let ahead = |at: usize, text: &str| text.chars().enumerate().all(|(i, c)| bytes.get(at + i) == Some(&c));
    while at < bytes.len() {
        if ahead(at, "//") {
            while at < bytes.len() && bytes[at] != '\n' {
                at += 1;
            }
        } else if bytes[at] == '\'' {
            // A character, or a lifetime.
            let end = match (bytes.get(at + 1), bytes.get(at + 2)) {
                (Some('\\'), _) => (at + 3..bytes.len()).find(|&i| bytes[i] == '\''),
                (_, Some('\'')) => Some(at + 2),
                _ => None,
            };
            at = end.unwrap_or(at) + 1;
        } else if bytes[at] == '"' {
            let hashes = before.chars().rev().take_while(|&c| c == '#').count();
            let raw = before.trim_end_matches('#').ends_with('r') && (hashes > 0 || before.ends_with('r'));
            let close: String = format!("\"{}", "#".repeat(if raw { hashes } else { 0 }));
            let mut text = String::new();
            at += 1;
            while at < bytes.len() && !ahead(at, &close) {
                if !raw && bytes[at] == '\\' {
                    if bytes.get(at + 1) == Some(&'\n') {
                        at += 2;
                        while bytes[at] == ' ' {
                            at += 1;
                        }
                        continue;
                    }
                    text.push(bytes[at]);
                    at += 1;
                }
                text.push(bytes[at]);
                at += 1;
            }
            at += close.chars().count();
            found.push((std::mem::take(&mut before), text));
        } else {
            before.push(bytes[at]);
            at += 1;
        }
    }
    found
}

/// Every text of the sources that reads like an error.
fn errors() -> Vec<Text> {
    let mut errors: Vec<Text> = Vec::new();
    for file in crate::source::tree() {
        // Statements, and numbers with their reasons.
        if file.path.starts_with("sql/") || file.path == "limits.rs" {
            continue;
        }
        for (before, text) in texts_of(&read(&format!("src/{}", file.path))) {
            let words: Vec<&str> = text.split_whitespace().collect();
            let [first, _, _, ..] = &words[..] else { continue };
            // What is being done is said at the beginning of other texts; a message for the log is a sentence.
            let begins_like_one = !first.ends_with("ing") && !text.starts_with(|c: char| c.is_ascii_uppercase());
            let is_invariant = ["expect(", "reason =", "warn(&format!(", "info(&format!(", "say(&format!("]
                .iter()
                .any(|end| before.trim_end().ends_with(end));
            let known = |error: &Text| error.file == file.path && error.text == text;
            if begins_like_one && !is_invariant && !errors.iter().any(known) {
                errors.push(Text { file: file.path.clone(), text });
            }
        }
    }
    errors
}

/// Which topic each error is in, and what does not fit.
fn sorted<'a>(topics: &[Topic], errors: &'a [Text]) -> (Vec<Vec<&'a Text>>, Vec<String>) {
    let mut members: Vec<Vec<&Text>> = topics.iter().map(|_| Vec::new()).collect();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for error in errors {
        let by_text = topics.iter().enumerate().find_map(|(at, topic)| {
            let begins = topic.texts.iter().find(|text| error.text.starts_with(*text))?;
            used.insert(begins.clone());
            Some(at)
        });
        let by_file = || topics.iter().position(|topic| topic.files.contains(&error.file));
        match by_text.or_else(by_file) {
            Some(at) => members[at].push(error),
            None => wrong.push(format!("in no topic: {}: {}", error.file, error.text)),
        }
    }
    for topic in topics {
        wrong.extend(
            topic.texts.iter().filter(|text| !used.contains(*text)).map(|text| format!("no such error: {text}")),
        );
        let known = |file: &&String| Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file).exists();
        wrong.extend(topic.files.iter().filter(|file| !known(file)).map(|file| format!("no such file: {file}")));
    }
    (members, wrong)
}

/// The kinds of errors as `src/error.rs` has them: name, meaning, failure type.
fn kinds() -> Vec<(String, String, String)> {
    let code = read("src/error.rs");
    let variants =
        code.split("pub enum ErrorKind {\n").nth(1).and_then(|rest| rest.split("\n}").next()).expect("the kinds");
    let types =
        code.split("match self {\n            Self::Batch").nth(1).and_then(|rest| rest.split("\n    }\n").next());
    let types = format!("Self::Batch{}", types.expect("the failure types"));
    let mut kinds = Vec::new();
    let mut meaning = String::new();
    for line in variants.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            meaning = [meaning.as_str(), text].join(" ").trim().to_owned();
        } else if let Some(name) = line.strip_suffix(',') {
            let arm = types.split("FailureType::").scan(String::new(), |before, part| {
                let found = std::mem::replace(before, part.to_owned());
                Some((found, part.to_owned()))
            });
            let arms: Vec<(String, String)> = arm.collect();
            let named = |text: &str| text.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
            let (_, treated) = arms.iter().find(|(before, _)| named(before)).expect(name);
            let treated = match treated.split(|c: char| !c.is_alphanumeric()).next() {
                Some("ConfigError") => "config_error",
                Some("TransientError") => "transient_error",
                Some("SystemError") => "system_error",
                other => panic!("{name}: {other:?}"),
            };
            kinds.push((name.to_owned(), std::mem::take(&mut meaning), treated.to_owned()));
        }
    }
    kinds
}

/// A text as a reader sees it: something else each time is `…`.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        shown.push_str(before);
        shown.push('…');
        rest = behind.split_once('}').map_or("", |(_, rest)| rest);
    }
    shown.push_str(rest);
    shown.replace("\\\"", "\"").replace("\\n", " ").trim().to_owned()
}

fn page(topics: &[Topic], members: &[Vec<&Text>]) -> String {
    let mut page = String::from(
        "# When something fails\n\n\
         <!-- made by `UPDATE=1 cargo test --test documents` of troubleshooting.topics and the sources -->\n\n\
         A failed operation ends with one TRACE ERROR (exit code 1), a failed `check` with CONNECTION_STATUS FAILED (exit code 0). Its \
         `message` says\nwhat is wrong and, where it is known, the statement or the setting that mends it. Search this page for a few words of it.\n\
         Names stand where this page has `…`. Errors hold no secrets and no values of rows.\n\n\
         `internal_message` begins with the kind of the error, `failure_type` says whose turn it is: with `config_error` yours, with\n\
         `transient_error` nobody's, since the next attempt can work, with `system_error` ours or the source's.\n\n\
         | kind | what it is | failure_type |\n|---|---|---|\n",
    );
    for (name, meaning, treated) in kinds() {
        writeln!(page, "| `{name}` | {meaning} | `{treated}` |").expect("memory takes it");
    }
    for (topic, errors) in topics.iter().zip(members).filter(|(topic, _)| !topic.silent) {
        if let Some(part) = &topic.part {
            write!(page, "\n## {part}\n").expect("memory takes it");
        }
        write!(page, "\n### {}\n\n{}\n\n", topic.title, topic.advice.join("\n")).expect("memory takes it");
        let mut said = BTreeSet::new();
        // Pieces of a few words would be found everywhere.
        let telling =
            |text: &String| text.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 1).count() > 2;
        for text in errors.iter().map(|error| shown(&error.text)).filter(telling) {
            if said.insert(text.clone()) {
                writeln!(page, "- {text}").expect("memory takes it");
            }
        }
    }
    page
}

#[test]
fn every_error_is_on_the_page() {
    let (topics, errors) = (topics(), errors());
    let (members, wrong) = sorted(&topics, &errors);
    assert!(wrong.is_empty(), "{TOPICS} and the sources differ:\n{}", wrong.join("\n"));
    for (topic, errors) in topics.iter().zip(&members).filter(|(topic, _)| !topic.silent) {
        assert!(!errors.is_empty() && !topic.advice.is_empty(), "{} has no errors or no advice", topic.title);
    }
    let made = page(&topics, &members);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &made).expect("a file that can be read");
    }
    assert!(made == fs::read_to_string(&path).unwrap_or_default(), "{PAGE} is not what UPDATE=1 makes");
}

/// What real servers and bastions provoke in other tests is explained by this page.
#[test]
fn failures_of_check_are_on_the_page() {
    let (topics, errors) = (topics(), errors());
    let (members, _) = sorted(&topics, &errors);
    let explained: Vec<&Text> =
        topics.iter().zip(&members).filter(|(topic, _)| !topic.silent).flat_map(|(_, m)| m.iter().copied()).collect();
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration_tests/access/check");
    let mut seen = 0;
    for entry in fs::read_dir(goldens).expect("a file that can be read") {
        let path = entry.expect("a file that can be read").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        for line in
            fs::read_to_string(&path).expect("a file that can be read").lines().filter(|line| line.contains("failed: "))
        {
            seen += 1;
            let found = explained.iter().any(|error| fits(&error.text, line));
            assert!(found, "{}: no topic explains: {line}", path.display());
        }
    }
    assert!(seen > 20, "{seen} failures");
}

/// A line holds all parts of a text, in order.
fn fits(text: &str, line: &str) -> bool {
    let shown = shown(text);
    let parts: Vec<&str> = shown.split('…').filter(|part| part.trim().len() > 3).collect();
    let mut rest = line;
    !parts.is_empty()
        && parts.iter().all(|part| match rest.split_once(part) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => false,
        })
}
