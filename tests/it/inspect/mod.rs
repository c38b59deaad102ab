//! Commands that ask a live server about itself, and write nothing.

mod advise;
mod doctor;
mod doctor_mysql;
mod doctor_sqlite;

use crate::support::{Output, Project};

/// `doctor` as JSON, with its exit code checked.
#[track_caller]
fn doctor(project: &Project, url: &str, more: &[&str], code: i32) -> serde_json::Value {
    let output = project.doorstep(url, &[&["doctor", "--format", "json"], more].concat()).run();
    parsed(&output.code(code))
}

#[track_caller]
fn parsed(output: &Output) -> serde_json::Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{}\n{}", output.stdout, output.stderr))
}

/// The line of a part.
#[track_caller]
fn line<'a>(report: &'a serde_json::Value, stage: &str) -> &'a serde_json::Value {
    let lines = report["lines"].as_array().unwrap();
    lines.iter().find(|line| line["stage"] == stage).unwrap_or_else(|| panic!("no line {stage}: {report:#}"))
}

/// State and text of a part.
#[track_caller]
fn is(report: &serde_json::Value, stage: &str, state: &str, text: &str) {
    let line = line(report, stage);
    let message = line["message"].as_str().unwrap();
    assert!(line["state"] == state && message.contains(text), "{stage} is not {state}, `{text}`: {report:#}");
}

/// All parts with their states: `settings ok, names ok`.
fn states(report: &serde_json::Value) -> String {
    let state =
        |line: &serde_json::Value| format!("{} {}", line["stage"].as_str().unwrap(), line["state"].as_str().unwrap());
    report["lines"].as_array().unwrap().iter().map(state).collect::<Vec<_>>().join(", ")
}
