//! The sources of the library as text: code without comments, texts and tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One file of `src`.
pub struct File {
    /// Path below `src`, with `/`.
    pub path: String,
    /// Its code.
    pub code: String,
}

/// The text of a file of the package.
pub fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file of `src` but the tests and `lib.rs`, which only lists the modules.
pub fn tree() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { paths.push(path) }
        }
    }
    paths.sort();
    let relative = |path: &PathBuf| {
        let path = path.strip_prefix(&root).expect("below src").to_string_lossy().replace('\\', "/");
        (path.ends_with(".rs") && !path.contains("tests") && path != "lib.rs").then_some(path)
    };
    let file = |path: String| {
        let mut code = strip(&read(&format!("src/{path}")));
        if let Some(tests) = code.find("#[cfg(test)]\nmod tests {") {
            code.truncate(tests);
        }
        File { path, code }
    };
    paths.iter().filter_map(relative).map(file).collect()
}

impl File {
    /// The module of the root that it belongs to.
    pub fn module(&self) -> String {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned()
    }

    /// It is a module of the root itself, not a part of one.
    pub fn is_root(&self) -> bool {
        !self.path.contains('/') || (self.path.ends_with("/mod.rs") && self.path.matches('/').count() == 1)
    }

    /// Modules of the root that it names, as `crate::x` or in `crate::{x, y}`.
    pub fn used_modules(&self) -> BTreeSet<String> {
        let mut used = self.items_of("crate");
        // The program is a crate of its own.
        used.extend(self.items_of("destination_postgres"));
        used.iter().filter_map(|item| item.split("::").next()).map(str::to_owned).collect()
    }

    /// Full paths of what it names of a crate: `a::B` of `krate::a::{B}`.
    pub fn items_of(&self, krate: &str) -> BTreeSet<String> {
        let mut items = BTreeSet::new();
        for at in self.places_of(krate) {
            if let Some(path) = self.code[at + krate.len()..].strip_prefix("::") {
                paths(path, "", &mut items);
            }
        }
        items
    }

    /// Where a word stands in the code.
    pub fn places_of(&self, word: &str) -> Vec<usize> {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let whole = |at: &usize| {
            !part(self.code[..*at].chars().next_back()) && !part(self.code[at + word.len()..].chars().next())
        };
        self.code.match_indices(word).map(|(at, _)| at).filter(whole).collect()
    }
}

/// Adds the paths at the start of `text` below `prefix`; answers what follows them.
fn paths<'a>(text: &'a str, prefix: &str, items: &mut BTreeSet<String>) -> &'a str {
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = paths(rest.trim_start(), prefix, items).trim_start();
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    match rest.strip_prefix("::") {
        Some(more) if !more.starts_with('<') => paths(more, &path, items),
        _ => {
            if !name.is_empty() {
                items.insert(path);
            }
            rest
        }
    }
}

/// Code without comments and without what stands in texts.
pub fn strip(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if c == '"' {
            code.push_str("\"\"");
            text(rest)
        } else if let Some(hashes) =
            raw_text(rest).filter(|_| !code.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        {
            code.push_str("\"\"");
            let ending = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&ending).map_or(rest.len(), |end| start + end + ending.len())
        } else if c == '\'' {
            character(rest)
        } else {
            0
        };
        if skipped == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            rest = &rest[skipped..];
        }
    }
    code
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    loop {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            [] => return at,
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
}

fn text(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The number of `#` when a raw text starts here.
fn raw_text(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// The length of a character literal, or nothing for a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            rest[from..].find('\'').map_or(0, |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}
