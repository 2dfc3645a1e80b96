//! `metadata.yaml`: its fields, whether they are true, and the version in all its places.

use std::collections::BTreeMap;

use crate::source::read;

/// Members of `data` in the published schema of connector metadata, version 0, with what each holds.
const FIELDS: &[(&str, &str)] = &[
    ("ab_internal", "object"),
    ("allowedHosts", "hosts"),
    ("connectorBuildOptions", "object"),
    ("connectorIPCOptions", "object"),
    ("connectorSubtype", "api database datalake file custom message_queue unknown vectorstore"),
    ("connectorTestSuitesOptions", "object"),
    ("connectorType", "destination source"),
    ("definitionId", "uuid"),
    ("dockerImageTag", "text"),
    ("dockerRepository", "text"),
    ("documentationUrl", "url"),
    ("erdUrl", "url"),
    ("externalDocumentationUrls", "object"),
    ("githubIssueLabel", "text"),
    ("icon", "text"),
    ("license", "text"),
    ("maxSecondsBetweenMessages", "text"),
    ("name", "text"),
    ("normalizationConfig", "object"),
    ("protocolVersion", "text"),
    ("registryOverrides", "overrides"),
    ("releaseDate", "text"),
    ("releaseStage", "alpha beta generally_available custom"),
    ("releases", "object"),
    ("remoteRegistries", "object"),
    ("resourceRequirements", "resources"),
    ("suggestedStreams", "object"),
    ("supportLevel", "certified community archived"),
    ("supportsDataActivation", "true false"),
    ("supportsDbt", "true false"),
    ("supportsFileTransfer", "true false"),
    ("supportsNormalization", "true false"),
    ("supportsRefreshes", "true false"),
    ("tags", "list"),
];

/// Those of them that must be there.
const REQUIRED: &[&str] = &[
    "connectorSubtype",
    "connectorType",
    "definitionId",
    "dockerImageTag",
    "dockerRepository",
    "documentationUrl",
    "githubIssueLabel",
    "license",
    "name",
    "releaseStage",
];

const RESOURCES: &[&str] = &[
    "cpu_limit",
    "cpu_request",
    "ephemeral_storage_limit",
    "ephemeral_storage_request",
    "memory_limit",
    "memory_request",
];

const JOBS: &[&str] =
    &["check_connection", "connection_updater", "discover_schema", "get_spec", "replicate", "reset_connection", "sync"];

/// The values of a plain YAML file by their paths: mappings by name, entries of lists by number.
fn yaml(text: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    // The path down to the current line, each step with its column.
    let mut path: Vec<(usize, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let mut column = line.len() - line.trim_start().len();
        let mut rest = line.trim();
        if let Some(entry) = rest.strip_prefix("- ") {
            path.retain(|(at, _)| *at <= column);
            let previous = path.last().filter(|(at, _)| *at == column).and_then(|(_, name)| name.parse::<u32>().ok());
            let number = previous.map_or(0, |number| number + 1);
            path.retain(|(at, name)| *at < column || name.parse::<u32>().is_err());
            path.push((column, number.to_string()));
            column += 2;
            rest = entry;
            // An entry that is one text.
            if !rest.contains(": ") {
                values.insert(join(&path), rest.to_owned());
                continue;
            }
        }
        path.retain(|(at, _)| *at < column);
        let (name, value) = rest.split_once(':').unwrap_or_else(|| panic!("no colon: {line}"));
        path.push((column, name.to_owned()));
        if !value.trim().is_empty() {
            values.insert(join(&path), value.trim().trim_matches('"').to_owned());
        }
    }
    values
}

fn join(path: &[(usize, String)]) -> String {
    path.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join("/")
}

fn metadata() -> BTreeMap<String, String> {
    yaml(&read("metadata.yaml"))
}

/// What is wrong with a value of this kind at this path below its field.
fn fault(kind: &str, below: &[&str], value: &str) -> Option<String> {
    let right = match (kind, below) {
        ("object", [_, ..]) => true,
        ("text", []) => !value.is_empty(),
        ("url", []) => value.starts_with("https://"),
        ("uuid", []) => {
            let groups: Vec<usize> = value.split('-').map(str::len).collect();
            groups == [8, 4, 4, 4, 12] && value.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
        }
        ("hosts", ["hosts", _]) | ("list", [_]) => true,
        ("overrides", ["cloud" | "oss", "enabled"]) => ["true", "false"].contains(&value),
        ("resources", ["default", name] | ["jobSpecific", _, "resourceRequirements", name]) => RESOURCES.contains(name),
        ("resources", ["jobSpecific", _, "jobType"]) => JOBS.contains(&value),
        (words, []) => words.split(' ').any(|word| word == value),
        _ => false,
    };
    (!right).then(|| format!("is {value}, which is no {kind}"))
}

#[test]
fn the_metadata_has_the_fields_of_the_published_schema() {
    let fields: BTreeMap<&str, &str> = FIELDS.iter().copied().collect();
    let values = metadata();
    assert_eq!(values["metadataSpecVersion"], "1.0");
    for name in REQUIRED {
        assert!(values.contains_key(&format!("data/{name}")), "{name} is missing");
    }
    for (path, value) in &values {
        let steps: Vec<&str> = path.split('/').collect();
        let wrong = match &steps[..] {
            ["metadataSpecVersion"] => None,
            ["data", field, below @ ..] => {
                let kind = fields.get(field).unwrap_or_else(|| panic!("{path}: there is no such field"));
                fault(kind, below, value)
            }
            _ => Some("is not below `data`".to_owned()),
        };
        assert_eq!(wrong, None, "{path}");
    }
}

/// Each claim of the metadata is true.
#[test]
fn the_metadata_says_what_is() {
    let values = metadata();
    let is = |path: &str| values.get(path).map(String::as_str);
    assert_eq!(is("data/supportsRefreshes"), Some("true"));
    // Records come on stdin: nothing else may be announced.
    assert!(!values.keys().any(|path| path.starts_with("data/connectorIPCOptions")));
    let limit = is("data/resourceRequirements/jobSpecific/0/resourceRequirements/memory_limit");
    assert_eq!(limit, Some("1Gi"), "three times the longest line and what else is in memory");
    assert_eq!(is("data/documentationUrl"), spec_url().as_deref());
    // A major version above 1 has its breaking change explained.
    let version = is("data/dockerImageTag").expect("a version");
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).expect("a number");
    let explained = values.contains_key(&format!("data/releases/breakingChanges/{major}.0.0/message"));
    assert!(major < 2 || explained, "version {version} breaks something and nobody says what");
}

fn spec_url() -> Option<String> {
    let spec = read("spec/spec.json");
    Some(spec.split("\"documentationUrl\": \"").nth(1)?.split('"').next()?.to_owned())
}

#[test]
fn one_version_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(metadata()["data/dockerImageTag"], version);
    assert!(read("Dockerfile").contains(&format!("ARG VERSION={version}\n")), "the Dockerfile has another version");
    assert!(read("CHANGELOG.md").contains(&format!("\n## {version}")), "the changelog does not know the version");
    assert_eq!(metadata()["data/license"], env!("CARGO_PKG_LICENSE"));
    let image = read("Dockerfile");
    let rust = env!("CARGO_PKG_RUST_VERSION");
    assert!(
        image.contains(&format!("rust:{rust}-slim-bookworm")),
        "the image is built by another Rust than Cargo.toml says"
    );
}
