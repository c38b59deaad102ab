//! SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), which code scanning of GitHub and GitLab reads.

use serde_json::{Value, json};

use crate::finding::Severity;
use crate::report::annotation::{Annotated, Annotation};

/// The schema that the result names, as the standard asks for (3.13.3).
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The whole log: one run, its rules, and a result for each hazard.
#[must_use]
pub(crate) fn log(annotated: &Annotated) -> Value {
    let rules: Vec<Value> = annotated.rules.iter().map(|(name, about)| rule(name, about)).collect();
    let results: Vec<Value> = annotated.hazards.iter().map(|hazard| result(hazard, annotated)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "doorstep",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(name: &str, about: &str) -> Value {
    json!({ "id": name, "shortDescription": { "text": about } })
}

fn result(hazard: &Annotation, annotated: &Annotated) -> Value {
    let level = match hazard.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Notice => "note",
    };
    let index = annotated.rules.iter().position(|(name, _)| *name == hazard.rule);
    json!({
        "ruleId": hazard.rule,
        "ruleIndex": index,
        "level": level,
        "message": { "text": format!("{}\n\n{}", hazard.why, hazard.safe_way) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&hazard.file) },
            "region": { "startLine": hazard.line, "startColumn": hazard.column },
        }}],
    })
}

/// A path as a reference of RFC 3986, in which some characters stand as their bytes.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
