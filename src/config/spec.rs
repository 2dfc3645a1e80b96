//! The specification: the form this destination asks its users to fill in, and what it can do.
//!
//! Owns: the two golden texts. Invariant: they are what `spec` prints and what [`super::form`] checks against, and the
//! tests keep them equal to the types of [`super::raw`] and to the defaults of [`super::Config`].

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

const SELF_MANAGED: &str = include_str!("../../spec/spec.json");
const CLOUD: &str = include_str!("../../spec/spec_cloud.json");

/// The `spec` member of the SPEC message as one line of JSON, members in the order of the golden file.
/// `cloud` asks for the variant of the hosted edition, which does not show the `ssl` switch and has it on.
pub fn specification(cloud: bool) -> String {
    one_line(if cloud { CLOUD } else { SELF_MANAGED })
}

/// The properties of the form. Both variants accept the same configurations.
pub(super) fn properties() -> Result<Value> {
    let parsed = serde_json::from_str::<Value>(SELF_MANAGED);
    let mut spec = parsed.map_err(|e| Error::new(ErrorKind::Internal, "broken specification").with_source(e))?;
    Ok(spec["connectionSpecification"]["properties"].take())
}

/// `json` without the white space between its tokens.
fn one_line(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let kept = json.chars().filter(|&c| {
        let keep = in_string || !c.is_ascii_whitespace();
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
        keep
    });
    kept.collect()
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
