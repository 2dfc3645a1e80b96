//! Checkpoints: whose they are, and the echo that acknowledges them.

use super::*;

const STATS: &str = r#""destinationStats":{"recordCount":12.0}"#;

fn scope(body: &str) -> StateScope {
    state(&format!(r#"{{"type":"STATE","state":{body}}}"#)).scope
}

/// The echo of a `state` object for 12 records.
fn echo(body: &str) -> String {
    state(&format!(r#"{{"state":{body},"type":"STATE","x":1}}"#)).acknowledgement(12)
}

#[test]
fn scopes_follow_the_type() {
    let stream = |namespace| StateScope::Stream(name(namespace, "s"));
    let cases = [
        (r#"{"type":"STREAM","stream":{"stream_descriptor":{"name":"s","namespace":"n"}}}"#, stream(Some("n"))),
        (
            r#"{"stream":{"stream_state":{},"stream_descriptor":{"namespace":"","name":"\u0073"}},"type":"STREAM"}"#,
            stream(None),
        ),
        (r#"{"type":"STREAM","stream":{"stream_descriptor":{"name":"s","namespace":null,"x":1}}}"#, stream(None)),
        (r#"{"type":"GLOBAL","global":{"shared_state":{},"stream_states":[]}}"#, StateScope::Global),
        (r#"{"type":"GLOBAL","global_":{"stream_states":[]},"stream":null}"#, StateScope::Global),
        (r#"{"type":"GLOBAL","stream":{"stream_descriptor":{"name":"s"}}}"#, StateScope::Global),
        (r#"{"type":"LEGACY","data":{"cursor":1}}"#, StateScope::Global),
        (r#"{"type":null,"data":{"cursor":1}}"#, StateScope::Global),
        (r#"{"data":{"cursor":1}}"#, StateScope::Global),
        (r#"{"type":null,"type":"STREAM","stream":null,"stream":{"stream_descriptor":{"name":"s"}}}"#, stream(None)),
        (
            r#"{"type":"STREAM","stream":{"stream_descriptor":{"name":"x"},"stream_descriptor":{"name":"y","name":"s"}}}"#,
            stream(None),
        ),
    ];
    for (body, want) in cases {
        assert_eq!(scope(body), want, "{body}");
    }
}

#[test]
fn the_echo_keeps_every_member_and_its_spelling() {
    let members = [
        r#""type":"STREAM","stream":{"stream_descriptor":{"name":"s","namespace":null},"stream_state":{"n":1.50,"e":1E+5,"big":123456789012345678901234567890,"z":-0.0}}"#,
        r#""type":"GLOBAL","global":{"shared_state":{"lsn": 1e2},"stream_states":[]},"id":9007199254740993"#,
        r#""type":"GLOBAL","global_":{"stream_states":[{"x":null}]},"partition_id":"p1","unknown":[ 1, 2 ]"#,
        r#""type":"LEGACY","data":{"text":"\u00e4\u0000\ud834 \/"}"#,
        r#""data":{"a":1,"a":2},"sourceStats":{"recordCount":3.0,"rejectedRecordCount":0}"#,
        r#""type":null,"stream":null,"global":null,"data":{}"#,
    ];
    for members in members {
        let want = format!(r#"{{"type":"STATE","state":{{{members},{STATS}}}}}"#);
        assert_eq!(echo(&format!("{{{members}}}")), want);
    }
}

#[test]
fn counts_of_ours_replace_those_that_came() {
    let body = r#"{"destinationStats":{"recordCount":99.0},"data":{},"destinationStats":null,"id":4}"#;
    assert_eq!(echo(body), format!(r#"{{"type":"STATE","state":{{"data":{{}},"id":4,{STATS}}}}}"#));
    assert_eq!(echo("{}"), format!(r#"{{"type":"STATE","state":{{{STATS}}}}}"#));
    let large = state(r#"{"type":"STATE","state":{"data":{}}}"#).acknowledgement(u64::MAX);
    assert!(large.ends_with(r#""destinationStats":{"recordCount":18446744073709551615.0}}}"#), "{large}");
}

#[test]
fn the_last_of_two_members_is_echoed_once() {
    assert_eq!(
        echo(r#"{"id":1,"data":{"old":1},"id":2,"data":{"new":1}}"#),
        format!(r#"{{"type":"STATE","state":{{"id":2,"data":{{"new":1}},{STATS}}}}}"#)
    );
}

#[test]
fn member_names_are_echoed_as_json_too() {
    let echoed = echo(r#"{"a\"b\\":1,"\u00e4\n":2,"data":{}}"#);
    assert_eq!(echoed, format!(r#"{{"type":"STATE","state":{{"a\"b\\":1,"ä\n":2,"data":{{}},{STATS}}}}}"#));
    serde_json::from_str::<serde_json::Value>(&echoed).expect("JSON");
}

#[test]
fn the_last_state_of_a_line_counts() {
    let line = r#"{"state":{"type":"STREAM"},"type":"STATE","state":{"data":{"b":1}}}"#;
    assert_eq!(state(line).acknowledgement(12), format!(r#"{{"type":"STATE","state":{{"data":{{"b":1}},{STATS}}}}}"#));
}
