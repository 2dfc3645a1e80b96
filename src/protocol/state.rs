//! STATE messages: whose checkpoint it is, and the echo that acknowledges it.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::StreamName;

/// A checkpoint as it came, ready to be echoed with our counts.
#[derive(Debug)]
pub struct State {
    /// Which records it covers.
    pub scope: StateScope,
    /// The members of `state` in their order and spelling; the last of two members of one name counts.
    members: Vec<(String, Box<RawValue>)>,
}

/// Which records a checkpoint covers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StateScope {
    /// The records of one stream since its last checkpoint.
    Stream(StreamName),
    /// The records of every stream since the last such checkpoint (GLOBAL and LEGACY).
    Global,
}

/// Parses the `state` object of a STATE message.
pub(super) fn parse(text: &str) -> Result<State, String> {
    let members = Members::read(text).ok_or("its `state` cannot be read as an object")?;
    let kind = members.get("type").unwrap_or("null");
    let scope = match kind {
        "\"STREAM\"" => {
            let name = members
                .get("stream")
                .and_then(Members::read)
                .and_then(|stream| stream_name(stream.get("stream_descriptor")?))
                .ok_or("a STATE of type STREAM has no `stream.stream_descriptor`")?;
            StateScope::Stream(name)
        }
        "\"GLOBAL\"" | "\"LEGACY\"" | "null" => StateScope::Global,
        _ => return Err("the type of a STATE is not STREAM, GLOBAL or LEGACY".into()),
    };
    Ok(State { scope, members: members.0 })
}

impl State {
    /// The STATE message that acknowledges this checkpoint; `records` is how many records it covers that are stored.
    pub fn acknowledgement(&self, records: u64) -> String {
        let mut text = String::from(r#"{"type":"STATE","state":{"#);
        self.write_members(&mut text);
        text.push_str(&format!(r#""destinationStats":{{"recordCount":{records}.0}}}}}}"#));
        text
    }

    /// The checkpoint as it is acknowledged, but without our counts: a JSON object.
    pub fn text(&self) -> String {
        let mut text = String::from("{");
        self.write_members(&mut text);
        if text.ends_with(',') {
            text.pop();
        }
        text.push('}');
        text
    }

    /// Each member with a comma behind it.
    fn write_members(&self, text: &mut String) {
        for (name, value) in self.members.iter().filter(|(name, _)| name != "destinationStats") {
            crate::json::write_quoted(name, text);
            text.push(':');
            text.push_str(value.get());
            text.push(',');
        }
    }
}

/// The stream that a `stream_descriptor` names.
pub(super) fn stream_name(descriptor: &str) -> Option<StreamName> {
    let members = Members::read(descriptor)?;
    let name: String = serde_json::from_str(members.get("name")?).ok()?;
    let namespace: Option<String> =
        members.get("namespace").map_or(Some(None), |text| serde_json::from_str(text).ok())?;
    Some(StreamName::new(namespace.as_deref(), &name))
}

/// The members of an object, in order, unparsed. The last of two members of one name counts.
pub(super) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// The members of the object that `text` is, if it is one.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The text of the member `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| value.get())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    match members.iter_mut().find(|(name, _)| *name == key) {
                        Some(member) => member.1 = value,
                        None => members.push((key, value)),
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}
