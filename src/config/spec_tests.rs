//! Keeps the golden specification equal to the types and defaults, and within the rules of Airbyte's own linters.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor, value::Error as Refusal};
use serde_json::{Map, Value, json};

use super::{CLOUD, SELF_MANAGED, one_line, properties, specification};
use crate::config::raw::{RawConfig, RawSslMode, RawTableOptions, RawTunnel, SslWord, TunnelWord};
use crate::config::{CdcDeletion, Config, RejectedRows};

fn golden(cloud: bool) -> Value {
    serde_json::from_str(&specification(cloud)).expect("the golden file is JSON")
}

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn options<'a>(form: &'a Value, property: &str) -> &'a Vec<Value> {
    form[property]["oneOf"].as_array().expect("a one-of")
}

/// What a type asks its deserializer for: the names of a struct's fields or of an enum's words.
fn asked_by<T: Deserialize<'static>>() -> BTreeSet<&'static str> {
    struct Ask<'a>(&'a mut &'static [&'static str]);
    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = Refusal;
        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refusal> {
            Err(Refusal::custom("neither a struct nor an enum"))
        }
        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Refusal> {
            *self.0 = fields;
            Err(Refusal::custom("seen"))
        }
        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _: &'static str,
            words: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Refusal> {
            *self.0 = words;
            Err(Refusal::custom("seen"))
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map identifier ignored_any
        }
    }
    let mut seen: &'static [&'static str] = &[];
    assert!(T::deserialize(Ask(&mut seen)).is_err());
    seen.iter().copied().collect()
}

/// A value the schema allows; `name` marks it.
fn sample(name: &str, schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("string") if schema["enum"].is_array() => schema["enum"][0].clone(),
        Some("string") => format!("sample of {name}").replace(' ', "-").into(),
        Some("integer") => schema["maximum"].as_u64().map(|high| high - 1).into(),
        Some("boolean") => true.into(),
        Some("array") => json!([sample(name, &schema["items"])]),
        Some("object") if schema["oneOf"].is_null() => all_members(&schema["properties"]),
        Some("object") => all_members(&schema["oneOf"][0]["properties"]),
        other => panic!("{name}: unknown type {other:?}"),
    }
}

fn all_members(properties: &Value) -> Value {
    let members = properties.as_object().expect("properties");
    members.iter().map(|(name, schema)| (name.clone(), sample(name, schema))).collect::<Map<_, _>>().into()
}

/// One full configuration per option of each one-of.
fn full_samples() -> Vec<Value> {
    let form = properties().expect("the form");
    let mut samples = Vec::new();
    for property in ["ssl_mode", "tunnel_method"] {
        for option in options(&form, property) {
            let mut full = all_members(&form);
            full[property] = all_members(&option["properties"]);
            full["jdbc_url_params"] = "key=value".into();
            full["source_address"] = "127.0.0.1".into();
            full["table_options"][0]["partition_by"] = "RANGE (at)".into();
            full["table_options"][0]["partitions"] = json!(["FOR VALUES FROM (1) TO (2)"]);
            samples.push(full);
        }
    }
    samples
}

/// Paths and schemas of all properties that hold a value, those of one-ofs included.
fn leaves(form: &Value) -> Vec<(String, &Value)> {
    let mut leaves = Vec::new();
    for (name, schema) in form.as_object().expect("a form") {
        match schema["oneOf"].as_array() {
            None => leaves.push((name.clone(), schema)),
            Some(options) => {
                let members = options.iter().flat_map(|option| option["properties"].as_object().expect("members"));
                leaves.extend(members.map(|(member, schema)| (format!("{name}.{member}"), schema)));
            }
        }
    }
    leaves
}

#[test]
fn form_and_types_have_the_same_fields_and_words() {
    let form = properties().expect("the form");
    let members = |property| -> BTreeSet<&str> {
        options(&form, property).iter().flat_map(|option| names(&option["properties"])).collect()
    };
    let words = |property: &str, selector: &str| -> BTreeSet<&str> {
        let words = options(&form, property).iter().map(|option| &option["properties"][selector]["const"]);
        words.map(|word| word.as_str().expect("a word")).collect()
    };
    assert_eq!(names(&form), asked_by::<RawConfig>());
    assert_eq!(names(&form["table_options"]["items"]["properties"]), asked_by::<RawTableOptions>());
    assert_eq!(members("ssl_mode"), asked_by::<RawSslMode>());
    assert_eq!(members("tunnel_method"), asked_by::<RawTunnel>());
    assert_eq!(words("ssl_mode", "mode"), asked_by::<SslWord>());
    assert_eq!(words("tunnel_method", "tunnel_method"), asked_by::<TunnelWord>());
    for (property, asked) in
        [("cdc_deletion_mode", asked_by::<CdcDeletion>()), ("rejected_rows", asked_by::<RejectedRows>())]
    {
        let modes = form[property]["enum"].as_array().expect("words");
        assert_eq!(modes.iter().filter_map(Value::as_str).collect::<BTreeSet<_>>(), asked);
    }
}

#[test]
fn every_property_parses_and_refuses_another_type() {
    for full in full_samples() {
        Config::parse(&full.to_string()).unwrap_or_else(|e| panic!("{e}: {full}"));
        for (name, _) in full.as_object().expect("an object") {
            let mut broken = full.clone();
            broken[name] = json!([[7]]);
            let message = Config::parse(&broken.to_string()).expect_err(name).message().to_owned();
            assert!(message.starts_with(&format!("configuration: `{name}")), "{message}");
        }
        for one_of in ["ssl_mode", "tunnel_method"] {
            for (name, _) in full[one_of].as_object().expect("an object") {
                let mut broken = full.clone();
                broken[one_of][name] = json!([[7]]);
                let message = Config::parse(&broken.to_string()).expect_err(name).message().to_owned();
                assert!(message.starts_with(&format!("configuration: `{one_of}.{name}` must be")), "{message}");
            }
        }
    }
}

#[test]
fn bounds_are_inclusive() {
    for (path, schema) in leaves(&properties().expect("the form")) {
        let Some((low, high)) = schema["minimum"].as_i64().zip(schema["maximum"].as_i64()) else { continue };
        if path.contains("port") {
            continue;
        }
        for (value, fits) in [(low - 1, false), (low, true), (high, true), (high + 1, false)] {
            let config = json!({"host": "h", "database": "d", "username": "u", path.as_str(): value});
            assert_eq!(Config::parse(&config.to_string()).is_ok(), fits, "{path} = {value}");
        }
    }
}

#[test]
fn defaults_are_those_of_the_code() {
    let form = properties().expect("the form");
    let minimal = Config::parse(r#"{"host": "h", "database": "d", "username": "u"}"#).expect("minimal");
    let deletion = match minimal.cdc_deletion {
        CdcDeletion::Hard => "Hard delete",
        CdcDeletion::Soft => "Soft delete",
    };
    let rejected = match minimal.rejected_rows {
        RejectedRows::Fail => "fail",
        RejectedRows::SetAside => "set_aside",
    };
    let in_code = json!({
        "rejected_rows": rejected,
        "schema": minimal.schema,
        "cdc_deletion_mode": deletion,
        "drop_removed_columns": minimal.drop_removed_columns,
        "load_receipts": minimal.load_receipts,
        "commit_interval_seconds": minimal.commit_interval_seconds,
        "max_connections": minimal.max_connections,
        "retry_timeout_seconds": minimal.retry_timeout_seconds,
    });
    let in_form = form
        .as_object()
        .expect("a form")
        .iter()
        .filter_map(|(name, schema)| schema.get("default").map(|default| (name.clone(), default.clone())));
    assert_eq!(Value::Object(in_form.collect()), in_code);
    let tunnel = json!({"tunnel_method": "SSH_KEY_AUTH", "tunnel_host": "b", "tunnel_user": "u"});
    let through = json!({"host": "h", "database": "d", "username": "u", "tunnel_method": tunnel});
    let crate::config::Tunnel::Key { port, .. } = Config::parse(&through.to_string()).expect("a tunnel").tunnel else {
        panic!("no key tunnel");
    };
    assert_eq!(options(&form, "tunnel_method")[1]["properties"]["tunnel_port"]["default"], port);
    assert_eq!(options(&form, "tunnel_method")[2]["properties"]["tunnel_port"]["default"], port);
}

#[test]
fn marked_secrets_are_the_secrets_of_the_code() {
    let form = properties().expect("the form");
    let marked: BTreeSet<String> = leaves(&form)
        .into_iter()
        .filter(|(_, schema)| schema["airbyte_secret"] == true)
        .map(|(path, _)| format!("sample-of-{}", path.rsplit('.').next().expect("a name")))
        .collect();
    let mut kept = BTreeSet::new();
    for full in full_samples() {
        let config = Config::parse(&full.to_string()).expect("a configuration");
        let debug = format!("{config:?}");
        for secret in config.secrets() {
            assert!(!debug.contains(secret), "{debug}");
            kept.insert(secret.trim().to_owned());
        }
    }
    assert_eq!(kept, marked);
}

#[test]
fn cloud_differs_in_ssl_only() {
    let mut ours = golden(false);
    let ssl = ours["connectionSpecification"]["properties"]["ssl"].as_object_mut().expect("ssl");
    ssl.remove("group");
    ssl.insert("default".into(), true.into());
    ssl.insert("airbyte_hidden".into(), true.into());
    assert_eq!(ours, golden(true));
}

#[test]
fn printed_spec_is_one_line_in_the_files_order() {
    for (cloud, file) in [(false, SELF_MANAGED), (true, CLOUD)] {
        let line = specification(cloud);
        assert!(!line.contains('\n') && line.starts_with(r#"{"documentationUrl":"#), "{line}");
        assert_eq!(serde_json::from_str::<Value>(file).expect("JSON"), golden(cloud));
        let places = ["\"host\":", "\"database\":", "\"tunnel_method\":", "\"max_connections\":"].map(|n| line.find(n));
        assert!(places.is_sorted() && places[0].is_some(), "{places:?}");
    }
    assert_eq!(one_line("{ \"a \\\\\" : [ 1,\n\t\" \\\" b\" ] }"), r#"{"a \\":[1," \" b"]}"#);
}

#[test]
fn head_is_the_contract() {
    let mut head = golden(false);
    head["connectionSpecification"]["properties"] = Value::Null;
    let want = json!({
        "documentationUrl": "https://docs.airbyte.com/integrations/destinations/postgres",
        "connectionSpecification": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "Postgres Destination Specification",
            "type": "object",
            "additionalProperties": true,
            "properties": null,
            "required": ["host", "port", "database", "schema", "username"],
            "groups": [
                {"id": "connection", "title": "Connection"},
                {"id": "sync_behavior", "title": "Sync Behavior"},
                {"id": "advanced", "title": "Advanced"}
            ]
        },
        "supportsIncremental": true,
        "supportsNormalization": false,
        "supportsDBT": false,
        "supported_destination_sync_modes": ["overwrite", "append", "append_dedup"]
    });
    assert_eq!(head, want);
}

/// The rules that Airbyte's acceptance tests apply to a specification.
#[test]
fn airbyte_lints() {
    let form = properties().expect("the form");
    let required = ["host", "port", "database", "schema", "username"];
    assert_orders_are_distinct("", &form, true);
    for (name, schema) in form.as_object().expect("a form") {
        assert!(["connection", "sync_behavior", "advanced"].iter().any(|group| schema["group"] == *group), "{name}");
        assert!(schema.get("always_show").is_none() || !required.contains(&name.as_str()), "{name}");
        let items = &schema["items"];
        assert!(schema["type"] != "array" || items["type"] == "string" || items["type"] == "object", "{name}");
        if let Some(members) = items["properties"].as_object() {
            assert_orders_are_distinct(name, &items["properties"], true);
            let told = |member: &Value| member["title"].is_string() && member["description"].is_string();
            assert!(members.values().all(|member| told(member) && member.get("group").is_none()), "{name}");
        }
        let Some(options) = schema["oneOf"].as_array() else { continue };
        assert!(schema["type"] == "object" && schema.get("default").is_none(), "{name}");
        let mut titles = BTreeSet::new();
        let mut words = BTreeSet::new();
        for option in options {
            assert_orders_are_distinct(name, &option["properties"], false);
            assert!(option["type"] == "object" && option["additionalProperties"] == true, "{name}");
            assert!(titles.insert(option["title"].as_str().expect("a title")), "{name}: title twice");
            let members = option["properties"].as_object().expect("members");
            let constants: Vec<_> = members.iter().filter(|(_, member)| member.get("const").is_some()).collect();
            let [(selector, constant)] = constants[..] else { panic!("{name}: not one constant") };
            assert!(words.insert(constant["const"].as_str().expect("a word")), "{name}: word twice");
            assert!(constant["enum"] == json!([constant["const"]]) && constant["default"] == constant["const"]);
            let needed = option["required"].as_array().expect("required");
            assert!(needed.iter().any(|member| *member == selector.as_str()), "{name}");
            assert!(needed.iter().all(|member| members.contains_key(member.as_str().expect("a name"))), "{name}");
            assert!(members.values().all(|member| member.get("group").is_none()), "{name}: a group within an option");
        }
    }
    for (path, schema) in leaves(&form) {
        let name = path.rsplit('.').next().expect("a name");
        let guarded = ["password", "passphrase", "certificate", "client_key", "ssh_key"];
        let secret = guarded.iter().any(|word| name.contains(word));
        assert_eq!(schema["airbyte_secret"] == true, secret, "{path}");
        if schema.get("const").is_none() {
            assert!(schema["title"].is_string() && schema["description"].is_string(), "{path}");
        }
    }
}

fn assert_orders_are_distinct(name: &str, properties: &Value, all: bool) {
    let members = properties.as_object().expect("members");
    let orders: Vec<u64> = members.values().filter_map(|member| member["order"].as_u64()).collect();
    assert_eq!(orders.iter().collect::<BTreeSet<_>>().len(), orders.len(), "{name}: an order twice");
    assert!(!all || orders.len() == members.len(), "{name}: an order is missing");
}
