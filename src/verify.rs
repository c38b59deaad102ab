//! Step 4: what the service needs is really there. A history says what ran, the catalog says what exists.

use std::fmt;

use serde::Serialize;

use crate::engine::{Missing, Session};
use crate::error::Error;
use crate::settings::{Allow, Strictness, TableName};

/// How bad a finding is (contract: severity of a finding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing the service needs.
    Notice,
    /// It works, but slower or less safe.
    Warning,
    /// A query of the service would fail.
    Error,
}

/// The least severity that stops a start; `None` where nothing does.
fn threshold(strictness: Strictness) -> Option<Severity> {
    match strictness {
        Strictness::Error => Some(Severity::Error),
        Strictness::Warning => Some(Severity::Warning),
        Strictness::Notice => Some(Severity::Notice),
        Strictness::Report | Strictness::Off => None,
    }
}

/// What kind of difference it is (contract: results as JSON).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// Expected, and not there.
    Missing,
    /// There, and not as expected.
    Different,
    /// There, and expected not to be.
    Extra,
    /// Missing, but there is one that only its name tells apart; or only the name is another.
    Renamed,
    /// There, and the server itself does not vouch for it: a broken index, an unchecked constraint.
    Invalid,
}

impl Difference {
    /// Its name in results and in `verify_allow`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::Extra => "extra",
            Self::Renamed => "renamed",
            Self::Invalid => "invalid",
        }
    }
}

/// One difference between what the service needs and what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of difference.
    pub kind: Difference,
    /// The kind of thing and its qualified name: `table public.users`.
    pub object: String,
    /// What is expected, where there is more to say than the object.
    pub expected: Option<String>,
    /// What there is.
    pub actual: Option<String>,
    /// Where the expectation comes from; empty for what nobody expects.
    pub source: String,
    /// Why it differs, as far as the facts in hand tell.
    pub cause: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, source, .. } = self;
        match self.kind {
            Difference::Missing => write!(f, "{object} is missing (required by {source})")?,
            Difference::Extra if source.is_empty() => write!(f, "{object} is there, and nothing speaks of it")?,
            Difference::Extra => write!(f, "{object} should not be there (says {source})")?,
            Difference::Different => write!(f, "{object} differs (from {source})")?,
            Difference::Renamed => write!(f, "{object} has another name (in {source})")?,
            Difference::Invalid => write!(f, "{object} is not valid (required by {source})")?,
        }
        match (&self.expected, &self.actual) {
            (Some(expected), Some(actual)) => write!(f, ": expected {expected}, there is {actual}")?,
            (Some(expected), None) => write!(f, ": expected {expected}")?,
            (None, Some(actual)) => write!(f, ": there is {actual}")?,
            (None, None) => {}
        }
        if let Some(cause) = &self.cause {
            write!(f, "; {cause}")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "\n    next: {remedy}")?;
        }
        Ok(())
    }
}

/// The result of `verify` (contract: results as JSON).
#[derive(Debug, Serialize)]
pub struct Verified {
    /// No finding stops a start.
    pub ok: bool,
    /// All findings, by table.
    pub findings: Vec<Finding>,
    /// How many findings would stop a start.
    #[serde(skip)]
    pub stopping: usize,
    /// Where the database is, for people.
    #[serde(skip)]
    pub address: String,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Notice => "notice",
            };
            writeln!(f, "{severity:<8} {finding}")?;
        }
        let count = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        let (errors, warnings, notices) = (count(Severity::Error), count(Severity::Warning), count(Severity::Notice));
        let verdict = if self.ok { "what the service needs is there" } else { "what the service needs is not there" };
        writeln!(f, "{}: {verdict} ({errors} errors, {warnings} warnings, {notices} notices)", self.address)
    }
}

/// Looks for every required table, in one round trip, and names all that are missing at once; `explain`
/// gives cause and remedy for a name of which there is no trace in the database. `home` is the schema that
/// an unqualified name belongs to, for `verify_allow`.
///
/// # Errors
/// [`Error::Differences`] when a finding is neither allowed nor below the strictness.
pub async fn required_tables(
    session: &mut dyn Session,
    tables: &[TableName],
    allow: &[Allow],
    strictness: Strictness,
    home: &str,
    explain: &dyn Fn(&str) -> (String, String),
) -> Result<(), Error> {
    if strictness == Strictness::Off {
        return Ok(());
    }
    let findings = without_allowed(missing_tables(session, tables, explain).await?, allow, home);
    let (stopping, reported): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| stops(finding, strictness));
    for finding in reported {
        tracing::warn!(phase = "verify", event = "finding", "{finding}");
    }
    match stopping.is_empty() {
        true => Ok(()),
        false => Err(Error::Differences(stopping)),
    }
}

/// The required tables that are not there; no round trip where none is required.
///
/// # Errors
/// [`Error::Statement`] when the catalog cannot be read.
pub async fn missing_tables(
    session: &mut dyn Session,
    tables: &[TableName],
    explain: &dyn Fn(&str) -> (String, String),
) -> Result<Vec<Finding>, Error> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let missing = session.missing_tables(tables).await.map_err(Error::statement("look for the required tables"))?;
    Ok(missing.iter().map(|missing| finding(missing, explain)).collect())
}

/// Whether a finding stops a start.
#[must_use]
pub fn stops(finding: &Finding, strictness: Strictness) -> bool {
    threshold(strictness).is_some_and(|least| finding.severity >= least)
}

/// Passes over what `verify_allow` accepts, and says so.
#[must_use]
pub fn without_allowed(findings: Vec<Finding>, allow: &[Allow], home: &str) -> Vec<Finding> {
    let is_allowed = |finding: &Finding| {
        let (thing, name) = finding.object.split_once(' ').unwrap_or(("", &finding.object));
        let qualified = format!("{home}.{name}");
        let accepted = |name: &str| allow.iter().any(|allow| allow.accepts(finding.kind.name(), thing, name));
        accepted(name) || (!name.contains('.') && accepted(&qualified))
    };
    let (allowed, findings): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(is_allowed);
    for Finding { object, kind, .. } in allowed {
        tracing::info!(phase = "verify", event = "allowed", "{object} is {}, as verify_allow accepts", kind.name());
    }
    findings
}

/// A finding about a missing table, with its cause and remedy from the migrations.
#[must_use]
pub fn with_cause(finding: Finding, explain: &dyn Fn(&str) -> (String, String)) -> Finding {
    let table = finding.object.strip_prefix("table ").filter(|_| finding.kind == Difference::Missing);
    let Some((_, name)) = table.and_then(|table| table.split_once('.')) else { return finding };
    let (cause, remedy) = explain(name);
    Finding { cause: finding.cause.or(Some(cause)), remedy: finding.remedy.or(Some(remedy)), ..finding }
}

fn finding(missing: &Missing, explain: &dyn Fn(&str) -> (String, String)) -> Finding {
    let similar: Vec<String> = missing.similar.iter().map(TableName::to_string).collect();
    let is_elsewhere = missing.similar.iter().any(|table| table.name == missing.table.name);
    let (cause, remedy) = match (similar.is_empty(), is_elsewhere) {
        (true, _) => explain(&missing.table.name),
        (false, true) => (
            format!("it exists as {}", similar.join(", ")),
            "name its schema, or add that schema to the search path".to_owned(),
        ),
        (false, false) => (
            format!("there is {}, under another name or case", similar.join(", ")),
            "names are case-sensitive; correct the name, or map it (@@map)".to_owned(),
        ),
    };
    Finding {
        severity: Severity::Error,
        kind: Difference::Missing,
        object: format!("table {}", missing.table),
        expected: None,
        actual: None,
        source: "require_tables".to_owned(),
        cause: Some(cause),
        remedy: Some(remedy),
    }
}
