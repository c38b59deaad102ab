//! Step 4: what the service needs is really there. A history says what ran, the catalog says what exists.

use std::fmt;

use crate::engine::{Missing, Session};
use crate::error::Error;
use crate::settings::{Allow, Strictness, TableName};

/// How bad a finding is (contract: severity of a finding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    if tables.is_empty() || strictness == Strictness::Off {
        return Ok(());
    }
    let missing = session.missing_tables(tables).await.map_err(Error::statement("look for the required tables"))?;
    let allowed = |finding: &Missing| {
        let name = finding.table.to_string();
        let qualified = finding.table.schema.is_none().then(|| format!("{home}.{name}"));
        let names = [Some(name), qualified];
        let accepted = |name: &String| allow.iter().any(|allow| allow.accepts("missing", "table", name));
        names.iter().flatten().any(accepted)
    };
    let (allowed, stopping): (Vec<_>, Vec<_>) = missing.iter().partition(|finding| allowed(finding));
    for finding in allowed {
        tracing::info!(
            phase = "verify",
            event = "allowed",
            "table {} is missing, as verify_allow accepts",
            finding.table
        );
    }
    let findings: Vec<Finding> = stopping.into_iter().map(|missing| finding(missing, explain)).collect();
    let stops = |finding: &Finding| threshold(strictness).is_some_and(|least| finding.severity >= least);
    let (stopping, reported): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(stops);
    for finding in reported {
        tracing::warn!(phase = "verify", event = "finding", "{finding}");
    }
    match stopping.is_empty() {
        true => Ok(()),
        false => Err(Error::Differences(stopping)),
    }
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
