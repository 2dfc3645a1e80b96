//! The examples of the message against its JSON schema, by a validator that knows nothing of ours.

use libtest_mimic::{Failed, Trial};

use super::*;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("spec::examples_are_what_the_schema_says", examples_are_what_the_schema_says)]
}

const VALIDATE: &str = "
import json, pathlib, sys, jsonschema
spec = pathlib.Path(sys.argv[1])
schema = json.loads((spec / 'batch.json').read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for kind in ['valid', 'invalid']:
    for path in sorted((spec / 'examples/batch' / kind).glob('*.json')):
        print(kind, validator.is_valid(json.loads(path.read_text())), path.stem)
";

fn examples_are_what_the_schema_says() -> Result<(), Failed> {
    let spec = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("spec");
    let output = support::python::command().args(["-c", VALIDATE]).arg(spec).output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.lines().count(), 6 + 13);
    for line in text.lines() {
        assert!(line.starts_with("valid True") || line.starts_with("invalid False"), "{line}");
    }
    Ok(())
}
