//! For GitHub Actions: workflow commands, which the running_session turns into annotations of the lines they name.

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
    let command = match finding.difference.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Notice => "notice",
    };
    let place = place.map(|Origin { file, line }| format!("file={},line={line},", property(&file)));
    let place = place.unwrap_or_default();
    let title = property(&format!("{} {}", finding.difference.object, finding.difference.predicate()));
    format!("::{command} {place}title={title}::{}\n", data(&finding.to_string()))
}

/// The text of a command (actions/toolkit, `escapeData`).
pub(super) fn data(text: &str) -> String {
    let encoded = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    neutral::text(&encoded).into_owned()
}

/// A property of a command (actions/toolkit, `escapeProperty`).
pub(super) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
