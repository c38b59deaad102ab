//! Step 4: what the service needs is really there. A history says what ran, the catalog says what exists.

pub(crate) mod desired;
pub(crate) mod diagnose;
pub(crate) mod index_use;
pub(crate) mod requirements;

use std::collections::HashSet;

use crate::base::error::Error;
use crate::config::requirement_form::RowForm;
use crate::config::{Allow, Line, Mode, Strictness};
use crate::differ;
use crate::differ::ddl::{self, Gap};
use crate::engines::session::{Missing, Scope, Session};
use crate::finding::{DifferenceKind, Finding, Severity, Source};
use crate::migrate::history::History;
use crate::report::summary::summary;
use crate::sql::{Dialect, ObjectKind, ObjectRef, TableName};
use crate::verify::desired::DesiredState;
use crate::verify::diagnose::Facts;

/// The least severity that stops a start; `None` where nothing does.
#[must_use]
pub(crate) fn threshold(strictness: Strictness) -> Option<Severity> {
    match strictness {
        Strictness::Error => Some(Severity::Error),
        Strictness::Warning => Some(Severity::Warning),
        Strictness::Notice => Some(Severity::Notice),
        Strictness::Report | Strictness::Off => None,
    }
}

/// What is known besides the desired.
pub(crate) struct Context<'a> {
    /// How the engine tells names apart, and writes SQL.
    pub dialect: Dialect,
    /// The schema that an unqualified name belongs to.
    pub home: &'a str,
    /// The service's role, if it is not the session's.
    pub role: Option<&'a str>,
    /// The role that needs the rights, for GRANTs; empty where the engine has none.
    pub grantee: &'a str,
    /// Findings to pass over.
    pub allow: &'a [Allow],
    /// Whether rows that must be there can be: not in a database that only its migrations have filled.
    pub has_rows: bool,
    /// The folder and its history; `None` where migrations are not looked at.
    pub history: Option<&'a History>,
    /// What is done about migrations.
    pub mode: Mode,
    /// The least severity of which causes are asked for: finding them takes reading every script.
    pub explained: Severity,
}

/// What a database was found to lack, and what would close the gap.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The findings, each with its part of the gap.
    pub findings: Vec<Finding>,
    /// All of the gap.
    pub gap: Gap,
}

/// Holds the database against all that is expected of it: one round trip for the required tables, one each for queries
/// and rows, one for everything else, and none where nothing is expected.
///
/// # Errors
/// [`Error::Statement`] when the catalog cannot be read. Findings are no error here.
pub(crate) async fn hold(
    session: &mut dyn Session,
    desired: &DesiredState,
    context: &Context<'_>,
) -> Result<Held, Error> {
    let Context { dialect, home, role, allow, has_rows, .. } = *context;
    let DesiredState { tables, require, queries, .. } = desired;
    let mut gap = Gap::default();
    let mut findings = without_allowed(missing_tables(session, tables, role).await?, allow, home);
    let expected = desired.catalogs(home);
    let statements: Vec<&str> = queries.iter().map(|query| query.statement(dialect)).collect();
    let plans = session.explain(&statements).await.map_err(Error::statement("look at the plans of queries"))?;
    let mut actual = None;
    if !(expected.is_empty() && require.is_silent() && queries.is_empty()) {
        let mut schemas: Vec<String> = expected.iter().flat_map(|catalog| catalog.schemas.clone()).collect();
        schemas.push(home.to_owned());
        schemas.extend(require.schemas().map(str::to_owned));
        schemas.extend(index_use::schemas(queries, &plans).map(str::to_owned));
        schemas.sort_unstable();
        schemas.dedup();
        let scope = Scope { schemas: &schemas, role };
        let read = session.catalog(&scope).await.map_err(Error::statement("read the catalog"))?;
        for expected in &expected {
            let compared = without_allowed(differ::compare(expected, &read, dialect), allow, home);
            gap.extend(ddl::plan(&compared, expected, &read, dialect, home));
            let new = without_known_extras(compared, &findings);
            findings.retain(|required| !repeats(required, &new, home));
            findings.extend(new);
        }
        let mut written = requirements::findings(require, &read, home, dialect);
        written.extend(index_use::findings(queries, &plans, &read, dialect));
        let written = without_allowed(written, allow, home);
        let new: Vec<Finding> = written.into_iter().filter(|written| !repeats(written, &findings, home)).collect();
        findings.extend(new);
        actual = Some(read);
    }
    if has_rows {
        let missing = missing_rows(session, &require.rows, dialect).await?;
        findings.extend(without_allowed(missing, allow, home));
    }
    let facts = Facts {
        dialect,
        home,
        role: context.grantee,
        mode: context.mode,
        expected: &expected,
        actual: actual.as_ref(),
    };
    let mut findings = diagnose::explain(findings, context.explained, &facts, || {
        context.history.map(diagnose::evidence::migration_facts)
    });
    gap.attach(&mut findings);
    Ok(Held { findings, gap })
}

/// What two sources know nothing of is told once.
fn without_known_extras(findings: Vec<Finding>, known: &[Finding]) -> Vec<Finding> {
    let is_extra = |finding: &Finding| finding.kind == DifferenceKind::Extra;
    let known: HashSet<&ObjectRef> = known.iter().filter(|it| is_extra(it)).map(|it| &it.object).collect();
    findings.into_iter().filter(|it| !(is_extra(it) && known.contains(&it.object))).collect()
}

/// Lets the start go on, or not. What does not stop it is said in the log, in a few lines; of notices, only how many there
/// are.
///
/// # Errors
/// [`Error::Differences`] with the findings that stop it.
pub(crate) fn judge(findings: Vec<Finding>, strictness: Strictness) -> Result<(), Error> {
    let (stopping, reported): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| stops(finding, strictness));
    let (notices, reported): (Vec<Finding>, Vec<Finding>) =
        reported.into_iter().partition(|finding| finding.severity == Severity::Notice);
    let told = summary(&reported);
    for line in told.lines {
        tracing::warn!(phase = "verify", event = "finding", "{line}");
    }
    if told.more > 0 {
        tracing::warn!(phase = "verify", event = "findings", "and {} more: doorstep verify names them all", told.more);
    }
    if !notices.is_empty() {
        tracing::info!(
            phase = "verify",
            event = "notices",
            "besides, what no query of the service can feel: {} (doorstep verify --notices)",
            notices.len()
        );
    }
    match stopping.is_empty() {
        true => Ok(()),
        false => Err(Error::Differences(summary(&stopping).to_string())),
    }
}

/// The required tables that are not there, or not for the service's role; no round trip where none is required.
async fn missing_tables(
    session: &mut dyn Session,
    tables: &[(TableName, Source)],
    role: Option<&str>,
) -> Result<Vec<Finding>, Error> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<TableName> = tables.iter().map(|(name, _)| name.clone()).collect();
    let missing = session.missing_tables(&names, role).await;
    let missing = missing.map_err(Error::statement("look for the required tables"))?;
    let of_each = |missing: &Missing| {
        let source = tables.iter().find(|(name, _)| *name == missing.table).map(|(_, source)| source.clone());
        let source = source.unwrap_or_else(|| Source::Named("require_tables".to_owned()));
        match &missing.hidden {
            Some((name, access)) => differ::hidden(*access, ObjectRef::of(ObjectKind::Table, name), source),
            None => Some(finding(missing, source)),
        }
    };
    Ok(missing.iter().filter_map(of_each).collect())
}

/// The required rows that are not there, or cannot be looked for; no round trip where none is required.
async fn missing_rows(
    session: &mut dyn Session,
    rows: &[Line<RowForm>],
    dialect: Dialect,
) -> Result<Vec<Finding>, Error> {
    let queries: Vec<String> = rows.iter().map(|line| requirements::row_query(&line.what, dialect)).collect();
    let answers = session.query_bools(&queries).await.map_err(Error::statement("look for the required rows"))?;
    Ok(rows.iter().zip(&answers).filter_map(|(row, answer)| requirements::row_finding(row, answer)).collect())
}

/// Whether a finding stops a start.
#[must_use]
pub(crate) fn stops(finding: &Finding, strictness: Strictness) -> bool {
    threshold(strictness).is_some_and(|least| finding.severity >= least)
}

/// True if one of the findings tells this already, and as badly: something that two places expect, or a part of a table
/// that is missing as a whole.
fn repeats(finding: &Finding, findings: &[Finding], home: &str) -> bool {
    let table = |finding: &Finding| {
        let is_table = finding.object.kind == ObjectKind::Table;
        is_table.then(|| finding.object.within(home).owner())
    };
    let (whole, part) = (table(finding), finding.object.in_table());
    findings.iter().any(|other| {
        let is_same = match (&whole, table(other)) {
            (Some(one), Some(other)) => *one == other,
            _ => finding.object == other.object,
        };
        let is_whole = other.kind == DifferenceKind::Missing && part.is_some() && part == table(other);
        other.severity >= finding.severity && (is_same && other.kind == finding.kind || whole.is_none() && is_whole)
    })
}

/// Passes over what `verify_allow` accepts, and says so.
fn without_allowed(findings: Vec<Finding>, allow: &[Allow], home: &str) -> Vec<Finding> {
    let is_allowed = |finding: &Finding| {
        let (thing, name) = (finding.object.kind, finding.object.qualified_name());
        let accepted = |name: &str| allow.iter().any(|allow| allow.accepts(finding.kind, thing, name));
        accepted(&name) || (!name.contains('.') && accepted(&format!("{home}.{name}")))
    };
    let (allowed, findings): (Vec<Finding>, Vec<Finding>) = findings.into_iter().partition(is_allowed);
    for Finding { object, kind, .. } in allowed {
        tracing::info!(phase = "verify", event = "allowed", "{object} is {}, as verify_allow accepts", kind.name());
    }
    findings
}

/// A required table that is not there. What is like it explains it best.
fn finding(missing: &Missing, source: Source) -> Finding {
    let TableName { schema, name } = missing.table.clone();
    let object = ObjectRef::new(ObjectKind::Table, schema, name);
    let finding = Finding::new(Severity::Error, DifferenceKind::Missing, object, source);
    let similar: Vec<String> = missing.similar.iter().map(TableName::to_string).collect();
    let likely = missing.similar.iter().find(|table| table.name == missing.table.name).or(missing.similar.first());
    match likely {
        None => finding,
        Some(table) if table.name == missing.table.name => finding
            .caused(format!("it exists as {}", similar.join(", ")))
            .remedied(format!("require {table}, or add its schema to the search path")),
        Some(table) => finding
            .caused(format!("there is {}, under another name or case", similar.join(", ")))
            .remedied(format!("require {table} (names are case-sensitive), or rename it")),
    }
}
