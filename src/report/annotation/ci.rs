//! For what reads along in CI: GitHub's workflow commands, JUnit's XML, Markdown.

use std::fmt::Display;

use crate::base::neutral;
use crate::finding::Severity;
use crate::report::annotation::{Annotated, Annotation};
use crate::report::{github, junit, markdown};

/// Annotations of GitHub Actions, most severe first (GitHub shows ten of a kind), and the verdict as a line of the log.
#[must_use]
pub(crate) fn github(annotated: &Annotated) -> String {
    let of = |severity| annotated.hazards.iter().filter(move |hazard| hazard.severity == severity);
    let lines: String = Severity::ALL.into_iter().flat_map(of).map(command).collect();
    format!("{lines}{}\n", annotated.verdict())
}

fn command(hazard: &Annotation) -> String {
    let Annotation { severity, file, line, column, .. } = hazard;
    let title = format!("{} {}", hazard.rule, hazard.object.as_deref().unwrap_or_default());
    let place = [("file", file as &dyn Display), ("line", line), ("col", column)];
    github::annotation(*severity, &place, title.trim_end(), &format!("{}\n{}", hazard.why, hazard.safe_way))
}

/// JUnit's XML: a suite per file, a case per hazard; those that fail the command are failures.
#[must_use]
pub(crate) fn junit(annotated: &Annotated) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let mut files: Vec<&str> = annotated.hazards.iter().map(|hazard| hazard.file.as_str()).collect();
    files.dedup();
    if files.is_empty() {
        out += "  <testsuite name=\"lint\" tests=\"1\" failures=\"0\" errors=\"0\">\n    <testcase classname=\"lint\" name=\"no hazard\"/>\n  \
                </testsuite>\n";
    }
    for file in files {
        let hazards: Vec<&Annotation> = annotated.hazards.iter().filter(|hazard| hazard.file == file).collect();
        let fails = |hazard: &&&Annotation| hazard.severity >= annotated.least;
        let (name, failures) = (junit::escaped(file), hazards.iter().filter(fails).count());
        let tests = hazards.len();
        out += &format!("  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n");
        for hazard in hazards {
            out += &test_case(hazard, hazard.severity >= annotated.least);
        }
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

fn test_case(hazard: &Annotation, fails: bool) -> String {
    let (file, line) = (junit::escaped(&hazard.file), hazard.line);
    let name = junit::escaped(&format!("{} line {line}", hazard.rule));
    let why = junit::escaped(&hazard.why);
    let text = junit::escaped(&format!("{}: {}\n{}", hazard.severity, hazard.why, hazard.safe_way));
    let inner = match fails {
        true => format!("<failure type=\"{}\" message=\"{why}\">{text}</failure>", hazard.rule),
        false => format!("<system-out>{text}</system-out>"),
    };
    format!(
        "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\">\n      {inner}\n    </testcase>\n"
    )
}

/// A section for `$GITHUB_STEP_SUMMARY` or a comment.
#[must_use]
pub(crate) fn markdown(annotated: &Annotated) -> String {
    let mut out = format!("### doorstep lint: {}\n\n", markdown::text(&annotated.verdict()));
    if annotated.hazards.is_empty() {
        return out;
    }
    out += "| severity | place | rule | why |\n| --- | --- | --- | --- |\n";
    for hazard in &annotated.hazards {
        let place = markdown::code(&format!("{}:{}", hazard.file, hazard.line));
        let (rule, why) = (markdown::code(hazard.rule), markdown::text(&hazard.why));
        out += &format!("| {} | {place} | {rule} | {why} |\n", hazard.severity);
    }
    out.push('\n');
    for hazard in &annotated.hazards {
        let title = neutral::line(&format!("{}:{} {}", hazard.file, hazard.line, hazard.rule));
        let safe = neutral::text(&hazard.safe_way);
        let fence = markdown::fence(&safe);
        out += &markdown::details(&markdown::text(&title), &format!("{fence}sql\n{safe}\n{fence}\n\n"));
    }
    out
}
