//! For CI servers: JUnit's XML. A suite per file of expectations, a case per table or other object; what would stop a
//! start is a failure, the rest is output of its case. A case that is well is there, too.

use std::collections::HashMap;

use crate::base::neutral;
use crate::catalog::Origin;
use crate::finding::{Finding, Source};
use crate::report::{TablePlace, Verified};

/// The suite of what no file expects.
const DATABASE: &str = "database";

/// The suite of what the Prisma schema expects without a line of its own.
const PRISMA_SCHEMA: &str = "the Prisma schema";

/// What is reported together: a table with all that belongs to it, or another object.
struct Case<'a> {
    suite: &'a str,
    name: String,
    place: Option<&'a Origin>,
    findings: Vec<&'a Finding>,
}

impl Case<'_> {
    fn fails(&self, verified: &Verified) -> bool {
        self.findings.iter().any(|finding| verified.stops(finding))
    }
}

/// Cases in the order in which they are met.
#[derive(Default)]
struct Cases<'a> {
    cases: Vec<Case<'a>>,
    places: HashMap<String, usize>,
}

impl<'a> Cases<'a> {
    fn case(&mut self, suite: &'a str, name: String, place: Option<&'a Origin>) -> &mut Case<'a> {
        let at = *self.places.entry(format!("{suite}\n{name}")).or_insert(self.cases.len());
        if at == self.cases.len() {
            self.cases.push(Case { suite, name, place, findings: Vec::new() });
        }
        &mut self.cases[at]
    }

    /// The suites, in the same order.
    fn suites(&self) -> Vec<&'a str> {
        let mut suites = Vec::new();
        for case in &self.cases {
            if !suites.contains(&case.suite) {
                suites.push(case.suite);
            }
        }
        suites
    }
}

/// The whole document.
#[must_use]
pub(crate) fn render(verified: &Verified) -> String {
    let known = verified.places();
    let mut cases = Cases::default();
    for TablePlace { table, origin, .. } in &verified.tables {
        let suite = origin.as_ref().map_or(DATABASE, |origin| &*origin.file);
        cases.case(suite, format!("table {table}"), origin.as_ref());
    }
    for finding in &verified.findings {
        let table = finding.difference.object.in_table();
        let place = table.as_ref().and_then(|table| known.get(table)).and_then(|place| place.origin.as_ref());
        let (suite, place) = match (place, &finding.difference.source) {
            (Some(place), _) | (None, Source::At(place)) => (&*place.file, Some(place)),
            (None, Source::Named(name)) => (name.as_str(), None),
            (None, Source::PrismaSchema) => (PRISMA_SCHEMA, None),
            (None, Source::Nobody) => (DATABASE, None),
        };
        let name = table.map_or_else(|| finding.difference.object.to_string(), |table| format!("table {table}"));
        cases.case(suite, name, place).findings.push(finding);
    }
    if cases.cases.is_empty() {
        cases.case(DATABASE, "nothing is expected of it".to_owned(), None);
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in cases.suites() {
        let of_suite = || cases.cases.iter().filter(|case| case.suite == suite);
        let (tests, failures) = (of_suite().count(), of_suite().filter(|case| case.fails(verified)).count());
        let name = escaped(suite);
        out += &format!("  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n");
        of_suite().for_each(|case| out += &test_case(case, verified));
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

fn test_case(case: &Case<'_>, verified: &Verified) -> String {
    let place = case.place.map(|origin| format!(" file=\"{}\" line=\"{}\"", escaped(&origin.file), origin.line));
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\"{}",
        escaped(case.suite),
        escaped(&case.name),
        place.unwrap_or_default()
    );
    if case.findings.is_empty() {
        return head + "/>\n";
    }
    let (stopping, rest): (Vec<&Finding>, Vec<&Finding>) =
        case.findings.iter().partition(|finding| verified.stops(finding));
    let mut out = head + ">\n";
    if let Some(first) = stopping.first() {
        // One failure per case is all that most readers show.
        let message = match stopping.len() {
            1 => format!("{} {}", first.difference.object, first.difference.predicate()),
            count => format!("{} {} (and {} more)", first.difference.object, first.difference.predicate(), count - 1),
        };
        let text = lines(&stopping);
        let kind = first.difference.kind.name();
        out +=
            &format!("      <failure type=\"{kind}\" message=\"{}\">{}</failure>\n", escaped(&message), escaped(&text));
    }
    if !rest.is_empty() {
        out += &format!("      <system-out>{}</system-out>\n", escaped(&lines(&rest)));
    }
    out + "    </testcase>\n"
}

fn lines(findings: &[&Finding]) -> String {
    let lines: Vec<String> =
        findings.iter().map(|finding| format!("{}: {finding}", finding.difference.severity)).collect();
    lines.join("\n")
}

/// As text or in quotes; characters that XML 1.0 has no way to write are left out.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let kept: String = text.chars().filter(|it| !it.is_control() || matches!(it, '\n' | '\t')).collect();
    for character in neutral::text(&kept).chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' | '\t' => out.push(character),
            '\u{FFFE}' | '\u{FFFF}' => {}
            character => out.push(character),
        }
    }
    out
}
