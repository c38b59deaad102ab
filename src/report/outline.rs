//! The order in which people read findings: what is missing as a whole, then table by table, then the rest of the
//! database; and what is the same for many said once.

use std::collections::HashSet;

use crate::base::neutral;
use crate::catalog::Name;
use crate::finding::{Diagnosis, Finding, Severity};
use crate::report::summary::{Reason, reason};
use crate::report::{TablePlace, Verified, grouped, mapping, trouble};
use crate::sql::ObjectKind;

/// Findings with one title.
pub(crate) struct Section<'a> {
    /// What they are about: a table, or `tables`, or `database`.
    pub(crate) title: String,
    /// Where that is expected: model, file and line.
    pub(crate) place: Option<String>,
    /// The findings, most severe first.
    pub(crate) blocks: Vec<FindingBlock<'a>>,
}

/// Findings of one severity with the same cause and remedy.
pub(crate) struct FindingBlock<'a> {
    /// At least one.
    pub(crate) rows: Vec<FindingRow<'a>>,
    /// Why, said of all of them.
    pub(crate) cause: Option<String>,
    /// What to do about all of them.
    pub(crate) remedy: Option<String>,
}

/// One finding in its section.
pub(crate) struct FindingRow<'a> {
    /// The finding.
    pub(crate) finding: &'a Finding,
    /// Its name, as short as the section's title allows.
    pub(crate) name: String,
    /// What is the matter.
    pub(crate) trouble: String,
}

/// The findings of at least this severity.
pub(crate) fn sections<'a>(verified: &'a Verified, least: Severity) -> Vec<Section<'a>> {
    let (mut whole, mut parts, mut database) = (Vec::new(), Vec::new(), Vec::new());
    for finding in verified.findings.iter().filter(|finding| finding.difference.severity >= least) {
        match (finding.difference.object.kind, finding.difference.object.in_table()) {
            (ObjectKind::Table | ObjectKind::View, _) => whole.push(finding),
            (_, Some(_)) => parts.push(finding),
            (_, None) => database.push(finding),
        }
    }
    // An enum that is missing for the reason for which tables are belongs to them.
    let reasons: HashSet<(Severity, Diagnosis)> = whole.iter().map(|finding| alike(finding)).collect();
    let (with_tables, database): (Vec<_>, Vec<_>) = database
        .into_iter()
        .partition(|finding| finding.diagnosis.cause.is_some() && reasons.contains(&alike(finding)));
    whole.extend(with_tables);

    let known = verified.places();
    let by_table = grouped(&parts, &|finding| {
        finding.difference.object.in_table().as_ref().map(Name::to_string).unwrap_or_default()
    });
    let by_table = worst_first(by_table).into_iter().map(|findings| Section {
        title: findings[0].difference.object.in_table().as_ref().map(Name::to_string).unwrap_or_default(),
        place: findings[0].difference.object.in_table().and_then(|table| described(known.get(&table)?)),
        blocks: blocks(&findings, true),
    });
    let section = |title: &str, findings: &[&'a Finding]| {
        let blocks = blocks(findings, false);
        (!blocks.is_empty()).then(|| Section { title: title.to_owned(), place: None, blocks })
    };
    let (whole, database) = (section("tables", &whole), section("database", &database));
    whole.into_iter().chain(by_table).chain(database).collect()
}

/// What findings share that are said together.
fn alike(finding: &Finding) -> (Severity, Diagnosis) {
    (finding.difference.severity, finding.diagnosis.of_several())
}

/// Groups that hold an error, then those that hold a warning at the worst, then the rest; each as they came.
fn worst_first(mut groups: Vec<Vec<&Finding>>) -> Vec<Vec<&Finding>> {
    let mut sorted = Vec::new();
    for severity in Severity::ALL {
        let holds = |group: &mut Vec<&Finding>| group.iter().any(|finding| finding.difference.severity == severity);
        sorted.extend(groups.extract_if(.., holds));
    }
    sorted
}

/// `model User, prisma/schema.prisma:5`
fn described(place: &TablePlace) -> Option<String> {
    let origin = place.origin.as_ref().map(|origin| format!("{}:{}", origin.file, origin.line));
    let model = place.model.as_ref().map(|model| format!("model {model}"));
    let parts: Vec<String> = model.into_iter().chain(origin).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn blocks<'a>(findings: &[&'a Finding], in_table: bool) -> Vec<FindingBlock<'a>> {
    let groups = worst_first(grouped(findings, &alike));
    let block = |group: Vec<&'a Finding>| {
        let Reason { cause, remedy } = reason(&group);
        FindingBlock { cause, remedy, rows: group.into_iter().map(|finding| row(finding, in_table)).collect() }
    };
    groups.into_iter().map(block).collect()
}

/// A renamed object is shown with both names, and with the attribute that maps one to the other.
fn row(finding: &Finding, in_table: bool) -> FindingRow<'_> {
    let object = &finding.difference.object;
    let name = match object.kind {
        ObjectKind::ForeignKey if in_table => object.columns.join(", "),
        _ if in_table => object.name.clone(),
        _ => object.qualified_name(),
    };
    match (finding.difference.other_name(), mapping(&finding.difference)) {
        (Some(other), Some(mapping)) => {
            FindingRow {
                finding, name: neutral::line(&format!("{name} → {other}")), trouble: neutral::line(&mapping)
            }
        }
        _ => FindingRow { finding, name: neutral::line(&name), trouble: trouble(&finding.difference) },
    }
}
