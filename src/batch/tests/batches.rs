//! Rows with their meta columns, and batches of bounded size.

use std::collections::HashSet;

use super::*;
use crate::limits;

#[test]
fn changes_of_the_source_come_first() {
    let mut router = single(layout(&[("n", ColumnType::Integer), ("big", ColumnType::Integer)]));
    let source = r#"{"field":"x","change":"NULLED","reason":"SOURCE_RETRIEVAL_ERROR"}"#;
    let n = r#"{"field":"n","change":"NULLED","reason":"DESTINATION_SERIALIZATION_ERROR"}"#;
    let big = r#"{"field":"big","change":"NULLED","reason":"DESTINATION_FIELD_SIZE_LIMITATION"}"#;
    let long = "9".repeat(30);
    let cases = [
        (format!(r#"{{"stream":"s","data":{{"n":1}},"meta":{{"changes":[{source}]}}}}"#), Some(format!("[{source}]"))),
        (
            format!(r#"{{"meta":{{"changes":[{source}, {source}]}},"stream":"s","data":{{"big":{long},"n":"x"}}}}"#),
            Some(format!("[{source}, {source},{n},{big}]")),
        ),
        (r#"{"stream":"s","data":{"n":"x"}}"#.to_owned(), Some(format!("[{n}]"))),
        (r#"{"stream":"s","meta":{"changes":[]},"data":{"n":null}}"#.to_owned(), None),
    ];
    for (record, want) in cases {
        feed(&mut router, &format!(r#"{{"type":"RECORD","record":{record}}}"#)).expect(&record);
        let rows = rows(&mut router);
        assert_eq!((rows.has_changes, changes(&rows)), (want.is_some(), vec![want]), "{record}");
    }
}

#[test]
fn names_in_changes_are_json_that_jsonb_accepts() {
    let mut router = single(layout(&[("q\"\\\n\0t", ColumnType::Integer)]));
    put(&mut router, r#"{"q\"\\\n\u0000t":"x"}"#);
    put(&mut router, r#"{}"#);
    let rows = rows(&mut router);
    assert!(rows.has_changes);
    let [Some(entry), None] = &changes(&rows)[..] else { panic!("{rows:?}") };
    let entry: serde_json::Value = serde_json::from_str(entry).expect("JSON");
    assert_eq!(entry[0]["field"], "q\"\\\nt");
}

#[test]
fn rows_carry_an_id_and_their_time() {
    let mut router = single(texts(&["a"]));
    router.set_time(0x0123_4567_89ab);
    let times =
        ["1000", "0", "-1", "9223372036854776", "9223372036854775807", "-9223372036854775808", "1.7e12", "null"];
    for time in times {
        feed(&mut router, &format!(r#"{{"type":"RECORD","record":{{"stream":"s","emitted_at":{time},"data":{{}}}}}}"#))
            .expect(time);
    }
    let rows = rows(&mut router);
    let batch = rows.batches.first().expect("a batch");
    let names: Vec<&str> = batch.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_changes", "a"]);
    let extracted = batch.column(1).as_primitive::<Int64Type>().values().to_vec();
    let now = (NOW_MS - 946_684_800_000) * 1_000;
    assert_eq!(
        extracted,
        [
            -946_684_799_000_000,
            -946_684_800_000_000,
            -946_684_800_001_000,
            9_222_425_352_054_776_000,
            // The last and the first instant of timestamptz.
            9_223_371_331_199_999_999,
            -211_813_488_000_000_000,
            now,
            now,
        ]
    );
    let ids = batch.column(0).as_fixed_size_binary();
    let distinct: HashSet<&[u8]> = (0..times.len()).map(|row| ids.value(row)).collect();
    assert_eq!(distinct.len(), times.len());
    for id in distinct {
        let id = uuid::Uuid::from_slice(id).expect("16 bytes");
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        assert!(id.simple().to_string().starts_with("0123456789ab"), "{id}");
    }
}

#[test]
fn ids_of_one_seed_repeat_and_others_do_not() {
    let id = |seed| RawIds::seeded(seed).make();
    assert_eq!(id(1), id(1));
    assert_ne!(id(1), id(2));
    assert_ne!(RawIds::new().make(), RawIds::default().make());
}

#[test]
fn a_batch_is_frozen_at_its_rows() {
    let mut router = single(layout(&[("a", ColumnType::Integer)]));
    let count = 2 * limits::BATCH_ROWS + 1;
    for i in 0..count {
        put(&mut router, &format!(r#"{{"a":{i}}}"#));
    }
    let rows = rows(&mut router);
    let sizes: Vec<usize> = rows.batches.iter().map(arrow::array::RecordBatch::num_rows).collect();
    assert_eq!(sizes, [limits::BATCH_ROWS, limits::BATCH_ROWS, 1]);
    assert_eq!(rows.count, count as u64);
    assert!(shown(&rows).iter().enumerate().all(|(i, text)| *text == i.to_string()), "order of arrival");
    assert!(!rows.has_changes);
    put(&mut router, r#"{"a":"x"}"#);
    let next = self::rows(&mut router);
    assert_eq!((next.count, next.has_changes, next.batches.len()), (1, true, 1), "nothing is left of the rows taken");
}

#[test]
fn a_batch_is_frozen_at_its_bytes() {
    let mut router = single(texts(&["a"]));
    let quarter = "x".repeat(limits::BATCH_BYTES / 4);
    for _ in 0..9 {
        put(&mut router, &format!(r#"{{"a":"{quarter}","undeclared":"{quarter}"}}"#));
    }
    let sizes: Vec<usize> = rows(&mut router).batches.iter().map(arrow::array::RecordBatch::num_rows).collect();
    assert_eq!(sizes, [4, 4, 1]);
    put(&mut router, &format!(r#"{{"a":"{}"}}"#, "y".repeat(2 * limits::BATCH_BYTES)));
    put(&mut router, "{}");
    let sizes: Vec<usize> = rows(&mut router).batches.iter().map(arrow::array::RecordBatch::num_rows).collect();
    assert_eq!(sizes, [1, 1], "a row beyond the bound is a batch of its own");
}

#[test]
fn the_bytes_of_a_row_are_those_of_its_values() {
    let mut router = single(texts(&["a", "b"]));
    let mut bytes = |data: &str| {
        let line = format!(r#"{{"type":"RECORD","record":{{"stream":"s","data":{data}}}}}"#);
        feed(&mut router, &line).expect(data).1
    };
    let empty = bytes("{}");
    assert!(empty > 16 + 8);
    assert_eq!(bytes(r#"{"a":"12345"}"#), empty + 5);
    assert_eq!(bytes(r#"{"a":"12345","b":{"c":1},"undeclared":"1234567890"}"#), empty + 5 + 7);
    assert!(bytes(r#"{"a":"\u0000"}"#) > empty + 6, "the change entry counts as well");
}

#[test]
fn parts_are_the_rows_at_their_places() {
    let mut router = single(Layout { key: vec![0], first_load: true, ..texts(&["a"]) });
    let quarter = "x".repeat(limits::BATCH_BYTES / 4);
    for number in 0..9 {
        put(&mut router, &format!(r#"{{"a":"{number}{quarter}"}}"#));
    }
    let rows = rows(&mut router);
    assert!(rows.batches.len() > 2);
    let numbers = |rows: &Rows| shown(rows).iter().map(|text| text[..1].to_owned()).collect::<String>();
    for start in 0..=9 {
        for end in start..=9 {
            let part = rows.part(start..end);
            let want: String = (start..end).map(|number| number.to_string()).collect();
            assert_eq!((numbers(&part), part.count), (want, end - start));
            assert!(part.size <= rows.size && !part.keys.seen_before, "no key comes twice");
        }
    }
    let mut picked = rows.part(2..3);
    picked.append(rows.part(7..8));
    assert_eq!((numbers(&picked), picked.count), ("27".to_owned(), 2));
    assert_eq!(rows.raw_id(7), picked.raw_id(1));
    assert_ne!(rows.raw_id(7), rows.raw_id(2));
    assert_eq!(rows.raw_id(9), None);
    put(&mut router, r#"{"a":"again"}"#);
    put(&mut router, r#"{"a":"again"}"#);
    let part = self::rows(&mut router).part(0..1);
    assert!(part.keys.seen_before, "the other one may be in another part");
}

#[test]
fn values_that_become_null_are_counted_by_field() {
    let mut router = single(layout(&[("n", ColumnType::Integer), ("m", ColumnType::Integer)]));
    for data in [r#"{"n":"x","m":1}"#, r#"{"n":"x","m":"x"}"#, r#"{"n":null}"#] {
        put(&mut router, data);
    }
    let column = std::sync::Arc::new(arrow::array::StringArray::from(vec!["x", "1", "y"])) as arrow::array::ArrayRef;
    let batch = arrow::array::RecordBatch::try_from_iter([("n", column)]).expect("a batch");
    router.append_batch(0, &batch, NOW_MS).expect("it fits");
    let nulled = router.take_nulled(0);
    assert_eq!((nulled.total(), nulled.most(9)), (5, vec![("n", 4), ("m", 1)]));
    assert_eq!(nulled.most(1), [("n", 4)]);
    assert_eq!(router.take_nulled(0), Nulled::default());
}

#[test]
fn members_left_out_of_raw_records_are_counted_but_not_all_by_name() {
    let mut router = single(raw());
    let deep = format!("{}1{}", "[".repeat(limits::JSON_DEPTH), "]".repeat(limits::JSON_DEPTH));
    for n in 0..limits::NULLED_FIELDS + 5 {
        put(&mut router, &format!(r#"{{"f{n}":{deep}}}"#));
    }
    let nulled = router.take_nulled(0);
    assert_eq!(nulled.total(), limits::NULLED_FIELDS as u64 + 5);
    assert_eq!(nulled.most(1), [("…", 5)]);
}
