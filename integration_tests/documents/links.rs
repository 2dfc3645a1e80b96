//! The links of the documents.

use std::fs;
use std::path::Path;

use crate::source::read;

/// Files and headings that the documents link to.
#[test]
fn no_link_leads_nowhere() {
    let mut documents = vec!["README.md".to_owned(), "ARCHITECTURE.md".to_owned()];
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).expect("docs/");
    documents.extend(docs.map(|entry| format!("docs/{}", entry.expect("a file").file_name().to_string_lossy())));
    let mut wrong = Vec::new();
    for document in documents.iter().filter(|name| name.ends_with(".md")) {
        let text = read(document);
        let here = Path::new(document).parent().expect("a directory");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(char::is_whitespace) {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { Path::new(document).to_owned() } else { here.join(file) };
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&target);
            let known = path.exists()
                && (heading.is_empty()
                    || anchors(&fs::read_to_string(path).expect("a text")).contains(&heading.to_owned()));
            if !known {
                wrong.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The anchors of the headings of a document.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.to_lowercase();
            kept.chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}
