//! The forms of the report.

use serde_json::Value;

use crate::support::snapshots::assert_snapshot;
use crate::support::{Doorstep, Project};

const SCRIPT: &str = "ALTER TABLE \"User\" ADD COLUMN x uuid NOT NULL DEFAULT gen_random_uuid(),\n  ALTER COLUMN email SET NOT NULL;\n\
                      CREATE INDEX \"User_x\" ON \"User\" (x);\nALTER TABLE \"User\" ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES other (id);\n\
                      ALTER TABLE \"User\" ADD y int NOT NULL, ALTER COLUMN email TYPE varchar(10);\nUPDATE \"User\" SET y = 1;\n\
                      DROP INDEX old; ALTER TABLE \"User\" RENAME COLUMN a TO b;\nTRUNCATE other;\n";

fn report(form: &str, code: i32) -> String {
    let project = Project::bare().file("prisma/migrations/1 ü/migration.sql", SCRIPT);
    let arguments = ["lint", "--dialect", "postgresql", "--format", form];
    Doorstep::new(&arguments).directory(&project.path("")).run().code(code).stdout
}

#[test]
fn text_and_markdown() {
    assert_snapshot!("lint/text", report("text", 3));
    assert_snapshot!("lint/markdown", report("markdown", 3));
}

#[test]
fn github_annotates_the_line() {
    let text = report("github", 3);
    let first =
        "::error file=prisma/migrations/1 ü/migration.sql,line=5,col=20,title=not-null-without-default column User.y::";
    assert!(text.starts_with(first), "{text}");
    assert!(text.contains("\n::notice file="), "{text}");
}

#[test]
fn junit_has_a_failure_for_what_fails_and_output_for_the_rest() {
    let text = report("junit", 3);
    assert!(text.contains("tests=\"10\" failures=\"3\""), "{text}");
    assert!(text.contains("<failure type=\"truncate\"") && text.contains("<system-out>warning: "), "{text}");
    assert_eq!(text.matches("<testcase").count(), text.matches("</testcase>").count());
}

#[test]
fn json_has_what_the_documents_promise() {
    let found: Value = serde_json::from_str(&report("json", 3)).unwrap();
    assert_eq!((&found["ok"], &found["files"]), (&Value::Bool(false), &Value::from(1)));
    for hazard in found["hazards"].as_array().unwrap() {
        for key in ["rule", "severity", "file", "line", "column", "object", "why", "safe_way"] {
            assert!(!hazard[key].is_null(), "{key}: {hazard}");
        }
    }
}

/// What the standard requires of each object (SARIF 2.1.0: 3.13, 3.14, 3.18, 3.19, 3.27, 3.28, 3.29, 3.30, 3.49).
#[test]
fn sarif_has_what_the_standard_requires() {
    let log: Value = serde_json::from_str(&report("sarif", 3)).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let [run] = log["runs"].as_array().unwrap().as_slice() else { panic!("{log}") };
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "doorstep");
    let rules = driver["rules"].as_array().unwrap();
    let names: std::collections::BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(names.len(), rules.len());
    assert!(rules.iter().all(|rule| rule["shortDescription"]["text"].is_string()));
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 10);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()), "{result}");
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "prisma/migrations/1%20%C3%BC/migration.sql");
        assert!(
            place["region"]["startLine"].as_u64().unwrap() > 0 && place["region"]["startColumn"].as_u64().unwrap() > 0
        );
    }
}

#[test]
fn nothing_found_is_said_in_every_form() {
    let project = Project::bare().file("a.sql", "SELECT 1;\n");
    for (form, expected) in [
        ("text", "1 file: 0 errors, 0 warnings, 0 notices"),
        ("github", "1 file: 0 errors, 0 warnings, 0 notices"),
        ("markdown", "### doorstep lint: 1 file: 0 errors, 0 warnings, 0 notices"),
    ] {
        let arguments = ["lint", "--dialect", "sqlite", "--format", form, "a.sql"];
        Doorstep::new(&arguments).directory(&project.path("")).run().code(0).stdout_is(expected);
    }
}
