//! For GitHub Actions: workflow commands, which the runner turns into annotations of the lines they name.

use std::fmt::Display;

use crate::base::neutral;
use crate::catalog::Origin;
use crate::finding::{Finding, Severity, Source};
use crate::report::Verified;

/// One command per finding, most severe first (GitHub shows ten of a kind), and the verdict as a line of the log.
#[must_use]
pub(crate) fn render(verified: &Verified) -> String {
    let places = verified.places();
    // An extra part of a table is annotated where the table is expected.
    let place = |finding: &Finding| match &finding.difference.source {
        Source::At(origin) => Some(origin.clone()),
        Source::Nobody => places.get(&finding.difference.object.in_table()?)?.origin.clone(),
        Source::Named(_) | Source::PrismaSchema => None,
    };
    let of = |severity| verified.findings.iter().filter(move |finding| finding.difference.severity == severity);
    let lines: String =
        Severity::ALL.into_iter().flat_map(of).map(|finding| command(finding, place(finding))).collect();
    format!("{lines}{}: {}\n", neutral::line(&verified.address), verified.verdict())
}

fn command(finding: &Finding, place: Option<Origin>) -> String {
    let difference = &finding.difference;
    let place = place.as_ref().map(|Origin { file, line }| [("file", file as &dyn Display), ("line", line)]);
    let title = format!("{} {}", difference.object, difference.predicate());
    annotation(difference.severity, place.as_ref().map_or(&[], |place| place), &title, &finding.to_string())
}

/// A command that annotates a place: `file`, `line`, `col`.
pub(super) fn annotation(severity: Severity, place: &[(&str, &dyn Display)], title: &str, text: &str) -> String {
    let property = |(name, value): &(&str, &dyn Display)| format!("{name}={},", property(&value.to_string()));
    let place: String = place.iter().map(property).collect();
    format!("::{severity} {place}title={}::{}\n", self::property(title), data(text))
}

/// The text of a command (actions/toolkit, `escapeData`).
fn data(text: &str) -> String {
    let encoded = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    neutral::text(&encoded).into_owned()
}

/// A property of a command (actions/toolkit, `escapeProperty`).
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
