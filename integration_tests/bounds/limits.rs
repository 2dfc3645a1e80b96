//! Each limit, at it and beyond it.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::bed::{Bed, failed};
use crate::support::connector::Outcome;
use crate::support::workload::{self, Stream};

/// `limits::LINE_BYTES`.
const LINE: usize = 256 << 20;
/// `limits::JSONB_BYTES`.
const JSONB: usize = 268_435_455;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("limits::a_line_as_long_as_may_be", a_line_as_long_as_may_be),
        Trial::test("limits::a_line_one_byte_longer", a_line_one_byte_longer),
        Trial::test("limits::a_line_of_more_than_1_gib", a_line_of_more_than_1_gib),
        Trial::test("limits::a_document_at_what_jsonb_holds_and_beyond", documents),
        Trial::test("limits::a_row_wider_than_a_page", a_row_wider_than_a_page),
        Trial::test("limits::an_envelope_a_million_levels_deep", a_deep_envelope),
        Trial::test("limits::two_hundred_thousand_fields_nobody_declared", undeclared_fields),
    ]
}

fn catalog(properties: Value) -> Value {
    let stream = Stream { name: "rows", properties, mode: "append", key: &[], generation: 1, minimum: 0 };
    workload::catalog(&[stream])
}

/// A record of `rows` with this `id` whose line has so many bytes, its end not counted.
fn line(id: u32, bytes: usize) -> String {
    let record = workload::record("rows", &json!({"id": id, "text": "@"}));
    let text = bytes - (record.trim_end().len() - 1);
    record.replace('@', &"x".repeat(text))
}

fn between(middle: &str) -> String {
    workload::append_input("rows", 0..1, 10) + middle + &workload::append_input("rows", 2..3, 10)
}

fn a_line_as_long_as_may_be() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let line = line(1, LINE);
    assert_eq!(line.len(), LINE + 1);
    let outcome = bed.append().run(between(&line).as_bytes());
    workload::succeeded(&outcome, 2)?;
    assert_eq!(bed.rows(), 3);
    assert_eq!(bed.value("SELECT length(text) > 268435000 FROM airbyte.rows WHERE id = 1"), "t");
    Ok(())
}

/// What came before it is stored and acknowledged; the error says where and which limit.
fn refused_as_too_long(bed: &Bed, outcome: &Outcome) -> Result<(), Failed> {
    failed(outcome, "system_error", &["line 3 of the input cannot be used: it is longer than 256 MiB"])?;
    assert_eq!(outcome.messages_of("STATE").len(), 1);
    assert_eq!(bed.rows(), 1);
    Ok(())
}

fn a_line_one_byte_longer() -> Result<(), Failed> {
    let bed = Bed::new()?;
    refused_as_too_long(&bed, &bed.append().run(between(&line(1, LINE + 1)).as_bytes()))
}

/// It is not waited for to its end.
fn a_line_of_more_than_1_gib() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let running = bed.append().start();
    running.feed(workload::append_input("rows", 0..1, 10).as_bytes());
    running.feed(line(1, 100).split('x').next().unwrap_or_default().as_bytes());
    let part = vec![b'x'; 64 << 20];
    (0..17).for_each(|_| running.feed(&part));
    let outcome = running.wait(crate::bed::SOON * 2)?;
    refused_as_too_long(&bed, &outcome)
}

/// An array whose numbers make the most of what `jsonb` may need, and one more of them.
fn documents() -> Result<(), Failed> {
    /// A digit, a comma, and what `limits::JSONB_BYTES` counts for an element.
    const ELEMENT: usize = 18;
    let bed = Bed::new()?;
    let catalog = catalog(json!({"id": {"type": "integer"}, "doc": {"type": "array"}}));
    // The first one has a bracket instead of a comma, and a bracket is at the end.
    let most = (JSONB - 1) / ELEMENT;
    let array = |elements| format!("[{}]", vec!["1"; elements].join(","));
    let record = |id: usize, elements| {
        workload::record("rows", &json!({"id": id, "doc": "@"})).replace("\"@\"", &array(elements))
    };
    let input = record(1, most) + &record(2, most + 1) + &workload::state("rows", 1);
    let outcome = bed.write(&catalog).run(input.as_bytes());
    workload::succeeded(&outcome, 1)?;
    let lengths =
        bed.sql.rows("SELECT jsonb_array_length(doc), _airbyte_meta -> 'changes' FROM airbyte.rows ORDER BY id")?;
    let change = r#"[{"field": "doc", "change": "NULLED", "reason": "DESTINATION_FIELD_SIZE_LIMITATION"}]"#;
    let row =
        |length: Option<usize>, changes: &str| vec![length.map(|length| length.to_string()), Some(changes.into())];
    assert_eq!(lengths, [row(Some(most), "[]"), row(None, change)]);
    Ok(())
}

/// 1,500 short texts fit as long as they are empty, or few; more than a page cannot be stored by any Postgres.
fn a_row_wider_than_a_page() -> Result<(), Failed> {
    const COLUMNS: usize = 1500;
    let bed = Bed::new()?;
    let names: Vec<String> = (0..COLUMNS).map(|number| format!("c{number}")).collect();
    let properties: Value = names.iter().map(|name| (name.clone(), json!({"type": "string"}))).collect();
    let catalog = catalog(properties);
    let record = |filled: usize| {
        let data: Value = names.iter().take(filled).map(|name| (name.clone(), json!("x".repeat(40)))).collect();
        workload::record("rows", &data)
    };
    let outcome = bed.write(&catalog).run((record(150) + &workload::state("rows", 1)).as_bytes());
    workload::succeeded(&outcome, 1)?;
    assert_eq!(bed.rows(), 1);
    let outcome = bed.write(&catalog).run((record(COLUMNS) + &workload::state("rows", 2)).as_bytes());
    failed(&outcome, "config_error", &["rows", "8160", "deselect fields"])?;
    assert!(outcome.messages_of("STATE").is_empty());
    assert_eq!(bed.rows(), 1);
    Ok(())
}

/// A member that nobody reads may be as deep as it likes; a state is refused.
fn a_deep_envelope() -> Result<(), Failed> {
    const DEEP: usize = 1_000_000;
    let bed = Bed::new()?;
    let deep = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
    let record =
        workload::append_input("rows", 0..1, 10).replacen("\"stream\":", &format!("\"x\":{deep},\"stream\":"), 1);
    workload::succeeded(&bed.append().run(record.as_bytes()), 1)?;
    let value = workload::append_input("rows", 1..2, 10).replacen("\"xxxxxxxxxx\"", &deep, 1);
    workload::succeeded(&bed.append().run(value.as_bytes()), 1)?;
    assert_eq!(bed.rows(), 2);
    let broken = format!("{{\"type\":\"RECORD\",\"record\":{}\n", "[".repeat(DEEP));
    failed(&bed.append().run(broken.as_bytes()), "system_error", &["line 1", "not valid JSON"])?;
    Ok(())
}

fn undeclared_fields() -> Result<(), Failed> {
    let bed = Bed::new()?;
    let members: String = (0..200_000).map(|number| format!("\"field {number}\":{number},")).collect();
    let input = workload::append_input("rows", 0..1, 10).replace("\"data\":{", &format!("\"data\":{{{members}"));
    workload::succeeded(&bed.append().run(input.as_bytes()), 1)?;
    assert_eq!(bed.value("SELECT id = 0 AND length(text) = 10 FROM airbyte.rows"), "t");
    Ok(())
}
