//! The result of `verify`: findings, and what they mean for a start. Each form of it is a pure function to text: for
//! people ([`text`], [`markdown`]) and for what reads along in CI ([`github`], [`junit`]); JSON is the data itself. The result
//! of `compat` has a file of its own.

pub(crate) mod annotation;
pub(crate) mod compat;
pub(crate) mod github;
pub(crate) mod junit;
pub(crate) mod markdown;
pub(crate) mod outline;
pub(crate) mod summary;
pub(crate) mod text;

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use serde::Serialize;

use crate::base::neutral;
use crate::catalog::{Catalog, Name, Origin};
use crate::finding::{Difference, DifferenceKind, Finding, Severity, Source};
use crate::sql::ObjectKind;

/// Findings, and what they mean (contract: results as JSON).
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    /// No finding stops a start.
    pub ok: bool,
    /// All findings, by table.
    pub findings: Vec<Finding>,
    /// The least severity that stops a start; `None` where nothing does.
    #[serde(skip)]
    pub least: Option<Severity>,
    /// The tables that were looked for, found or not.
    #[serde(skip)]
    pub tables: Vec<TablePlace>,
    /// Where the database is, for people.
    #[serde(skip)]
    pub address: String,
}

/// Where a table is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TablePlace {
    /// The table.
    pub table: Name,
    /// What the Prisma schema calls it.
    pub model: Option<String>,
    /// File and line.
    pub origin: Option<Origin>,
}

impl TablePlace {
    /// Every table of what is expected.
    #[must_use]
    pub(crate) fn of(expected: &[Cow<'_, Catalog>]) -> Vec<Self> {
        let tables = expected.iter().flat_map(|catalog| &catalog.tables);
        let place = tables.map(|table| Self {
            table: table.name.clone(),
            model: table.model.clone(),
            origin: table.origin.clone(),
        });
        place.collect()
    }
}

impl Verified {
    /// What `findings` mean, where those of severity `least` stop a start.
    #[must_use]
    pub(crate) fn new(
        findings: Vec<Finding>,
        least: Option<Severity>,
        tables: Vec<TablePlace>,
        address: String,
    ) -> Self {
        let verified = Self { ok: true, findings, least, tables, address };
        Self { ok: verified.stopping() == 0, ..verified }
    }

    /// Whether this finding would stop a start.
    #[must_use]
    pub(crate) fn stops(&self, finding: &Finding) -> bool {
        self.least.is_some_and(|least| finding.difference.severity >= least)
    }

    /// How many findings would stop a start.
    #[must_use]
    pub(crate) fn stopping(&self) -> usize {
        self.findings.iter().filter(|finding| self.stops(finding)).count()
    }

    /// For the termination log: that, and why, a start would stop here.
    #[must_use]
    pub(crate) fn stopped(&self) -> String {
        let findings = counted(self.stopping(), "finding");
        format!("the database lacks what the service needs: {findings} would stop a start")
    }

    /// Where each table is expected.
    fn places(&self) -> HashMap<&Name, &TablePlace> {
        self.tables.iter().map(|place| (&place.table, place)).collect()
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.difference.severity == severity).count()
    }

    /// Counts and verdict: `verified (0 errors, 1 warning, 0 notices)`.
    #[must_use]
    pub(crate) fn verdict(&self) -> String {
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let verdict = match (self.ok, errors) {
            (false, 0) => "not verified at the severity that verify asks for",
            (false, _) => "not verified",
            (true, 0) => "verified",
            (true, _) => "not verified, and verify lets it start",
        };
        let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
        format!("{verdict} ({errors}, {warnings}, {})", counted(self.count(Severity::Notice), "notice"))
    }

    /// The statements that would close the gap, each once.
    #[must_use]
    pub(crate) fn sql(&self) -> Option<String> {
        let mut statements: Vec<&str> = Vec::new();
        for sql in self.findings.iter().filter_map(|finding| finding.sql.as_deref()) {
            if !statements.contains(&sql.trim()) {
                statements.push(sql.trim());
            }
        }
        (!statements.is_empty()).then(|| statements.join("\n"))
    }
}

/// `1 error`, `2 errors`.
fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// `@map("report_id")`, where a finding is about nothing but a name in a Prisma schema.
fn mapping(difference: &Difference) -> Option<String> {
    let Source::At(Origin { file, .. }) = &difference.source else { return None };
    let other = difference.other().filter(|_| difference.kind == DifferenceKind::Renamed)?;
    if !file.ends_with(".prisma") {
        return None;
    }
    match difference.object.kind {
        ObjectKind::Column => Some(format!("@map(\"{}\")", other.name)),
        // In another schema, no name will do.
        ObjectKind::Table if other.schema == difference.object.schema => Some(format!("@@map(\"{}\")", other.name)),
        _ => None,
    }
}

/// What is the matter, on one line; what it is about stands before it.
fn trouble(difference: &Difference) -> String {
    let predicate = difference.predicate();
    neutral::line(&match difference.text() {
        detail if detail.is_empty() => predicate.to_owned(),
        detail if difference.kind == DifferenceKind::Different && difference.object.kind != ObjectKind::Query => detail,
        detail => format!("{predicate}: {detail}"),
    })
}

/// Findings that have something in common, in the order in which each group begins.
pub(crate) fn grouped<'a, K: Eq + Hash>(
    findings: &[&'a Finding],
    key: &dyn Fn(&Finding) -> K,
) -> Vec<Vec<&'a Finding>> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings.iter().copied() {
        let place = *places.entry(key(finding)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

#[cfg(test)]
mod tests;
