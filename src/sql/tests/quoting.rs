//! Names and texts inside quotes stay there.

use proptest::prelude::*;

use super::*;

/// A statement with every quoted name as `"?"` and every text literal as `'?'`, read as the server reads it.
pub(super) fn skeleton(statement: &str) -> String {
    let mut out = String::new();
    let mut rest = statement;
    while let Some(at) = rest.find(['"', '\'']) {
        let quote = if rest[at..].starts_with('"') { '"' } else { '\'' };
        out.push_str(&rest[..at]);
        let (inside, after) = quoted(&rest[at..], quote).unwrap_or_else(|| panic!("an open quote in {statement}"));
        if quote == '"' {
            out.push_str("\"?\"");
        } else {
            // Texts of ours are part of the statement; those of users are given as names here.
            out.push_str(if inside.len() > 40 { "'long'" } else { "'?'" });
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What stands in the quotes at the start of `text`, and what follows them.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut rest = text.strip_prefix(quote)?;
    loop {
        let end = rest.find(quote)?;
        inside.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(more) => {
                inside.push(quote);
                rest = more;
            }
            None => return Some((inside, rest)),
        }
    }
}

#[test]
fn identifiers_and_literals_double_their_quotes() {
    for (name, want) in [
        ("a", "\"a\""),
        ("", "\"\""),
        ("A b", "\"A b\""),
        ("a\"b", "\"a\"\"b\""),
        ("\"", "\"\"\"\""),
        ("a\0b", "\"ab\""),
    ] {
        assert_eq!(quote(name), want);
    }
    for (text, want) in
        [("a", "E'a'"), ("it's", "E'it''s'"), ("\\'", r"E'\\'''"), ("a\0b", "E'ab'"), ("a\nb\"", "E'a\nb\"'")]
    {
        assert_eq!(literal(text), want);
    }
    let table = TableName { schema: "a.b".into(), table: "c\"d".into() };
    assert_eq!(quote_table(&table), "\"a.b\".\"c\"\"d\"");
    assert_eq!(quote_list(["a", "b,c"]), "\"a\", \"b,c\"");
    assert_eq!(quote_list([]), "");
}

/// Texts with many quotes in them.
fn text() -> impl Strategy<Value = String> {
    let piece =
        prop::sample::select(vec!["\"", "'", "\\", "\0", "\n", ";", "--", "/*", "$1", "$$", ".", "a", "ä", "{", "%"]);
    prop_oneof![prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat()), any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn quoting_round_trips(text in text(), after in text()) {
        let whole = text.replace('\0', "");
        let tail = format!(" {after}");
        let name = format!("{}{tail}", quote(&text));
        prop_assert_eq!(quoted(&name, '"'), Some((whole.clone(), tail.as_str())));
        let literal = format!("{}{tail}", literal(&text));
        let (inside, after) = quoted(literal.strip_prefix('E').unwrap(), '\'').unwrap();
        // Backslashes are escaped, and nothing else by them.
        prop_assert_eq!(inside.split(r"\\").collect::<Vec<_>>().join(r"\"), whole);
        prop_assert!(!inside.replace(r"\\", "").contains('\\'));
        prop_assert_eq!(after, tail.as_str());
    }

    #[test]
    fn no_name_changes_a_statement(schema in text(), table in text(), key in text(), cursor in text(), other in text()) {
        let names = Names { table: TableName { schema, table }, key, cursor, deleted: "d".into(), other };
        let plain = statements::all(&Names::plain());
        for ((name, made), (_, plain)) in statements::all(&names).iter().zip(&plain) {
            prop_assert_eq!(skeleton(made).replace("'long'", "'?'"), skeleton(plain).replace("'long'", "'?'"), "{}", name);
        }
    }
}
