use std::sync::Mutex;

use super::super::report::Event;
use super::*;

fn config(more: &str) -> Config {
    let text = format!(r#"{{"host":"db","database":"d","username":"u","schema":"public","password":"s3cret"{more}}}"#);
    Config::parse(&text).expect("configuration")
}

fn warnings() -> (Report, Arc<Mutex<Vec<String>>>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&said);
    let report = Report::new(move |event| match event {
        Event::Warning(text) => kept.lock().expect("lock").push(text.to_owned()),
        other => panic!("{other:?}"),
    });
    (report, said)
}

#[test]
fn parameters_of_the_url() {
    let (report, said) = warnings();
    let (plain, patience) = settings(&config(""), &report);
    assert_eq!((plain.get_application_name(), patience), (Some(APPLICATION_NAME), limits::CONNECT_TIMEOUT));
    assert_eq!((plain.get_user(), plain.get_dbname(), plain.get_options()), (Some("u"), Some("d"), None));
    assert!(said.lock().expect("lock").is_empty());
    let more = r#","jdbc_url_params":"ApplicationName=my%20app&connectTimeout=3&options=-c%20x&x%0Ay=s3cret""#;
    let (given, patience) = settings(&config(more), &report);
    assert_eq!((given.get_application_name(), patience), (Some("my app"), Duration::from_secs(3)));
    assert_eq!(given.get_options(), None);
    let said = said.lock().expect("lock");
    assert_eq!(said.len(), 1);
    assert!(said[0].ends_with("`options`, `x y`") && !said[0].contains("s3cret"), "{said:?}");
}

#[test]
fn channel_binding_by_parameter() {
    use tokio_postgres::config::ChannelBinding as Binding;
    let (report, said) = warnings();
    for (value, wanted) in [
        ("prefer", Binding::Prefer),
        ("Require", Binding::Require),
        ("disable", Binding::Disable),
        ("", Binding::Prefer),
    ] {
        let more = format!(r#","jdbc_url_params":"channelBinding={value}""#);
        assert_eq!(settings(&config(&more), &report).0.get_channel_binding(), wanted, "{value}");
    }
    assert!(said.lock().expect("lock").is_empty());
}

#[test]
fn time_limits_have_a_limit() {
    let (report, said) = warnings();
    for (value, seconds) in [("0", 600), ("7", 7), ("99999999999", 600), ("soon", 20), ("-1", 20)] {
        let more = format!(r#","jdbc_url_params":"connectTimeout={value}""#);
        assert_eq!(settings(&config(&more), &report).1, Duration::from_secs(seconds), "{value}");
    }
    assert_eq!(said.lock().expect("lock").len(), 2);
}

#[test]
fn which_failures_lead_to_a_second_attempt() {
    let failed = |stage| Failed { error: Error::new(ErrorKind::Permission, "no"), stage };
    for (stage, prefer, allow) in [
        (Stage::Tls, true, false),
        (Stage::Refused { encrypted: true }, true, true),
        (Stage::Refused { encrypted: false }, false, true),
        (Stage::Other, false, false),
    ] {
        assert_eq!(failed(stage).worth_another(Policy::IfOffered), prefer, "{stage:?}");
        assert_eq!(failed(stage).worth_another(Policy::Never), allow, "{stage:?}");
        assert!(!failed(stage).worth_another(Policy::Always));
    }
}
