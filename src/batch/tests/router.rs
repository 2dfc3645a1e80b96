//! A record finds its stream, whatever the order of its members.

use super::*;

fn two_namespaces() -> Router {
    router(&[
        (Some("n"), "s", texts(&["a", "b"])),
        (Some("m"), "s", texts(&["b"])),
        (None, "s", texts(&["c"])),
        (None, "t", texts(&["a"])),
    ])
}

#[test]
fn members_may_come_in_any_order() {
    let members = [r#""stream":"s""#, r#""namespace":"n""#, r#""data":{"a":"x","b":"y"}"#, r#""emitted_at":1"#];
    let mut orders = Vec::new();
    for a in 0..4 {
        for b in (0..4).filter(|b| *b != a) {
            for c in (0..4).filter(|c| ![a, b].contains(c)) {
                orders.push([a, b, c, 6 - a - b - c]);
            }
        }
    }
    assert_eq!(orders.len(), 24);
    for order in orders {
        let body = order.map(|i: usize| members[i]).join(",");
        for line in [
            format!(r#"{{"type":"RECORD","record":{{{body}}}}}"#),
            format!(r#"{{"record":{{{body}}},"type":"RECORD"}}"#),
        ] {
            // One candidate by name, and several.
            let mut one = router(&[(None, "t", texts(&["a"])), (Some("n"), "s", texts(&["a", "b"]))]);
            assert_eq!(feed(&mut one, &line).expect(&line).0, 1);
            assert_eq!(taken(&mut one), [(1, vec!["x|y".to_owned()])], "{line}");
            let mut many = two_namespaces();
            assert_eq!(feed(&mut many, &line).expect(&line).0, 0);
            assert_eq!(taken(&mut many), [(0, vec!["x|y".to_owned()])], "{line}");
        }
    }
}

#[test]
fn one_name_in_several_namespaces_is_told_apart() {
    let mut router = two_namespaces();
    let lines = [
        r#"{"type":"RECORD","record":{"stream":"s","data":{"a":"1","b":"2","c":"3"}}}"#,
        r#"{"type":"RECORD","record":{"stream":"s","data":{"a":"4","b":"5","c":"6"},"namespace":"m"}}"#,
        r#"{"type":"RECORD","record":{"namespace":"n","stream":"s","data":{"a":"7","b":"8","c":"9"}}}"#,
        r#"{"type":"RECORD","record":{"namespace":"","stream":"s","data":{"c":"0"}}}"#,
        r#"{"type":"RECORD","record":{"namespace":null,"stream":"t","data":{"a":"t"}}}"#,
    ];
    let numbers: Vec<usize> = lines.iter().map(|line| feed(&mut router, line).expect(line).0).collect();
    assert_eq!(numbers, [2, 1, 0, 2, 3]);
    assert_eq!(
        taken(&mut router),
        [
            (2, vec!["3".to_owned(), "0".to_owned()]),
            (1, vec!["5".to_owned()]),
            (0, vec!["7|8".to_owned()]),
            (3, vec!["t".to_owned()]),
        ],
        "in the order of their first rows"
    );
    assert!(router.take().is_empty());
}

#[test]
fn a_stream_named_again_after_its_data_counts() {
    let mut router = two_namespaces();
    let line = r#"{"type":"RECORD","record":{"stream":"t","data":{"a":"x","c":"y"},"stream":"s"}}"#;
    assert_eq!(feed(&mut router, line).expect(line).0, 2);
    let line = r#"{"type":"RECORD","record":{"stream":"s","data":{"a":"old"},"stream":"t","data":{"a":"new"}}}"#;
    assert_eq!(feed(&mut router, line).expect(line).0, 3);
    let line =
        r#"{"type":"RECORD","record":{"stream":"t","data":{"a":"late"}},"record":{"data":{"c":"z"},"stream":"s"}}"#;
    assert_eq!(feed(&mut router, line).expect(line).0, 2);
    assert_eq!(taken(&mut router), [(2, vec!["y".to_owned(), "z".to_owned()]), (3, vec!["new".to_owned()])]);
}

#[test]
fn streams_that_are_not_in_the_catalog_are_refused_by_name() {
    let mut router = router(&[(Some("n"), "s", texts(&["a"]))]);
    let cases = [
        (r#""stream":"t","namespace":"n""#, "n.t"),
        (r#""stream":"s""#, "s"),
        (r#""stream":"s","namespace":"m""#, "m.s"),
        (r#""stream":"S","namespace":"n""#, "n.S"),
    ];
    for (members, name) in cases {
        let line = format!(r#"{{"type":"RECORD","record":{{{members},"data":{{"a":"secret"}}}}}}"#);
        let reason = feed(&mut router, &line).expect_err(&line);
        assert_eq!(reason, format!("it is a record of stream {name}, which is not in the configured catalog"));
    }
    assert!(router.take().is_empty(), "no row was added");
    assert_eq!((router.find(Some("n"), "s"), router.find(None, "s")), (Some(0), None));
}

#[test]
fn a_broken_line_adds_nothing_and_disturbs_nothing() {
    let mut router = single(texts(&["a", "b"]));
    put(&mut router, r#"{"a":"1","b":"2"}"#);
    let broken = [
        r#"{"type":"RECORD","record":{"stream":"s","data":{"a":"3","b":x}}}"#,
        r#"{"type":"RECORD","record":{"stream":"s","data":{"a":"3"}}"#,
        r#"{"type":"RECORD","record":{"data":{"a":"3",},"stream":"s"}}"#,
        r#"{"type":"RECORD","record":{"stream":"s","data":{"a":"3"},"data":null}}"#,
    ];
    for line in broken {
        assert!(feed(&mut router, line).is_err(), "{line}");
    }
    put(&mut router, r#"{"b":"4"}"#);
    assert_eq!(shown(&rows(&mut router)), ["1|2", "-|4"]);
}

#[test]
fn data_of_other_messages_are_no_rows() {
    let mut router = single(texts(&["a"]));
    let line = r#"{"record":{"stream":"s","data":{"a":"1"}},"type":"LOG"}"#;
    assert!(matches!(parse_line(line, &mut router), Ok(Message::Ignored)));
    assert!(router.take().is_empty());
}
