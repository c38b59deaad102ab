//! Step 4: compares the database with what the service needs. A history says what ran, the catalog says what exists.
//!
//! It asks the session, and leaves the rest to pure functions: the differ, the requirements, the use of indexes, and the
//! diagnosis. It writes nothing.

pub(crate) mod ahead;
pub(crate) mod compat;
pub(crate) mod desired;
pub(crate) mod diagnose;
pub(crate) mod forecast;
pub(crate) mod index_use;
pub(crate) mod requirements;
pub(crate) mod rights;

use std::borrow::Cow;
use std::collections::HashSet;

use crate::base::error::Error;
use crate::base::memory;
use crate::catalog::{Catalog, Name};
use crate::config::requirement_form::RowForm;
use crate::config::{Allow, Line, Mode, Strictness};
use crate::differ;
use crate::differ::ddl::{self, DdlScript};
use crate::engines::session::{Missing, Scope, Session};
use crate::finding::cause::OtherName;
use crate::finding::remedy::NameFix;
use crate::finding::{Cause, Difference, DifferenceKind, Finding, Remedy, Severity, Source};
use crate::formats::external::External;
use crate::migrate::history::History;
use crate::report::summary::summary;
use crate::sql::{Dialect, ObjectKind, ObjectRef, TableName};
use crate::verify::ahead::ReadAhead;
use crate::verify::desired::{DesiredState, is_hollow};
use crate::verify::diagnose::Facts;
use crate::verify::rights::{Rights, Service};

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

/// What a comparison goes by, besides the desired state.
pub(crate) struct Options<'a> {
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
    /// What others manage.
    pub external: &'a External,
    /// Whether to look for required rows and for what others manage: a database that only its migrations have filled may lack them.
    pub has_rows: bool,
    /// The folder and its history; `None` where migrations are not looked at.
    pub history: Option<&'a History>,
    /// What is done about migrations.
    pub mode: Mode,
    /// The least severity whose causes are looked for, which means to read every script.
    pub explained: Severity,
    /// It is one comparison of many in this run.
    pub is_one_of_many: bool,
}

/// What a database was found to lack, and what would close the gap.
#[derive(Debug, Default)]
pub(crate) struct DatabaseComparison {
    /// The findings, each with its part of the script.
    pub findings: Vec<Finding>,
    /// The SQL that creates all that is missing.
    pub script: DdlScript,
}

/// The catalog of these schemas, which may have been read ahead.
async fn read_catalog(session: &mut dyn Session, scope: &Scope<'_>, ahead: &mut ReadAhead) -> Result<Catalog, Error> {
    let read = match ahead.take_catalog(scope) {
        Some(read) => read,
        None => session.catalog(scope).await,
    };
    read.map_err(Error::statement("read the catalog"))
}

/// Compares the database with all that is expected of it: one round trip for the required tables, one each for queries
/// and rows, one for everything else that was not read ahead, and none where nothing is expected.
///
/// # Errors
/// [`Error::Statement`] when the catalog cannot be read. Findings are no error here.
pub(crate) async fn compare_database(
    session: &mut dyn Session,
    service: Option<Service>,
    desired: &DesiredState,
    mut ahead: ReadAhead,
    options: &Options<'_>,
) -> Result<DatabaseComparison, Error> {
    let Options { dialect, home, role, allow, has_rows, mode, .. } = *options;
    let DesiredState { tables, require, queries, .. } = desired;
    let mut script = DdlScript::default();
    let mut expected = desired.catalogs(home);
    // It would only show what is there besides, which nothing expects.
    expected.retain(|catalog| !is_hollow(catalog));
    let mut schemas = named_schemas(desired, &expected, home);
    let (rights, unknown) = rights_of(session, service, &schemas, options).await;
    let mut differences = missing_tables(session, tables, role, &mut ahead).await?;
    differences.extend(hidden_tables(tables, rights.as_ref(), &differences, home));
    let mut differences = without_allowed(differences.into_iter().chain(unknown).collect(), allow, home);
    let statements: Vec<&str> = queries.iter().map(|query| query.statement(dialect)).collect();
    let plans = session.explain(&statements).await.map_err(Error::statement("look at the plans of queries"))?;
    let mut actual = None;
    if needs_catalog(desired, &expected) {
        schemas.extend(index_use::schemas(queries, &plans).map(str::to_owned));
        let scope = Scope { schemas: &distinct(schemas), role };
        let mut read = read_catalog(session, &scope, &mut ahead).await?;
        if let Some(rights) = &rights {
            rights.note(&mut read);
        }
        for catalog in &expected {
            let mut found = without_allowed(differ::compare(catalog, &read, dialect), allow, home);
            found.retain(|difference| !is_of_another(difference, catalog, &expected, home));
            let (external, own): (Vec<Difference>, Vec<Difference>) =
                found.into_iter().partition(|difference| is_external(difference, options));
            script.extend(ddl::plan(&own, catalog, &read, dialect, home));
            let found = own.into_iter().chain(of_external(external, has_rows)).collect();
            let new = without_known_extras(found, &differences);
            differences.retain(|required| !repeats(required, &new, home));
            differences.extend(new);
        }
        let mut written = requirements::findings(require, &read, home, dialect);
        written.extend(index_use::findings(queries, &plans, &read, dialect));
        let mut written = without_allowed(written, allow, home);
        written.retain(|written| !repeats(written, &differences, home));
        differences.extend(written);
        actual = Some(read);
    }
    if has_rows {
        let missing = missing_rows(session, &require.rows, dialect).await?;
        differences.extend(without_allowed(missing, allow, home));
    }
    let role = grantee(rights.as_ref(), options);
    let facts = Facts { dialect, home, role, mode, expected: &expected, actual: actual.as_ref() };
    let history = || options.history.map(diagnose::evidence::migration_facts);
    let findings = diagnose::findings(differences, options.explained, &facts, &script, history);
    if !options.is_one_of_many {
        memory::keep(actual);
    }
    Ok(DatabaseComparison { findings, script })
}

/// Whom a missing right is granted to: the service's account, where its session told it.
fn grantee<'a>(rights: Option<&'a Rights>, options: &Options<'a>) -> &'a str {
    rights.map(|rights| rights.account.as_str()).filter(|account| !account.is_empty()).unwrap_or(options.grantee)
}

/// The schemas that are read for a comparison, apart from those of queries' plans; none where no catalog is needed.
pub(crate) fn schemas_of(desired: &DesiredState, home: &str) -> Vec<String> {
    let mut expected = desired.catalogs(home);
    expected.retain(|catalog| !is_hollow(catalog));
    match needs_catalog(desired, &expected) {
        true => distinct(named_schemas(desired, &expected, home)),
        false => Vec::new(),
    }
}

/// Whether something is expected beyond tables by their names, and rows.
fn needs_catalog(desired: &DesiredState, expected: &[Cow<'_, Catalog>]) -> bool {
    !(expected.is_empty() && desired.require.is_silent() && desired.queries.is_empty())
}

/// The schemas that something is expected in.
fn named_schemas(desired: &DesiredState, expected: &[Cow<'_, Catalog>], home: &str) -> Vec<String> {
    let of_sources = expected.iter().flat_map(|catalog| catalog.schemas.clone());
    let of_tables = desired.tables.iter().filter_map(|(table, _)| table.schema.clone());
    let required = desired.require.schemas().map(str::to_owned);
    distinct(of_sources.chain(of_tables).chain(required).chain([home.to_owned()]).collect())
}

/// In order, each name once.
fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

/// What the service's account may do, or that this is unknown; neither where its session was not asked for.
async fn rights_of(
    session: &mut dyn Session,
    service: Option<Service>,
    schemas: &[String],
    options: &Options<'_>,
) -> (Option<Rights>, Option<Difference>) {
    let Some(service) = service else { return (None, None) };
    match rights::read(session, service, schemas).await {
        Ok(rights) => (Some(rights), None),
        Err(fault) => (None, Some(rights::unknown(options.grantee, &fault, options.home))),
    }
}

/// The required tables that the service's account may not use, without those that are missing.
fn hidden_tables(
    tables: &[(TableName, Source)],
    rights: Option<&Rights>,
    missing: &[Difference],
    home: &str,
) -> Vec<Difference> {
    let hidden = |(table, source): &(TableName, Source)| {
        let schema = table.schema.clone().unwrap_or_else(|| home.to_owned());
        let name = Name { schema, name: table.name.clone() };
        let object = ObjectRef::of(ObjectKind::Table, &name);
        let is_missing = missing.iter().any(|it| it.object.within(home) == object);
        if is_missing { None } else { differ::hidden(rights?.access(&name), object, source.clone()) }
    };
    tables.iter().filter_map(hidden).collect()
}

/// Whether a source finds something extra that is none of its business: another source expects it, or it is in a schema
/// that only another source names.
fn is_of_another(difference: &Difference, source: &Catalog, catalogs: &[Cow<'_, Catalog>], home: &str) -> bool {
    let object = &difference.object;
    let is_foreign = |schema: &String| schema != home && !source.schemas.contains(schema);
    // An extra column that must be filled is an error, even if another source expects it.
    difference.kind == DifferenceKind::Extra
        && difference.severity == Severity::Notice
        && (object.schema.as_ref().is_some_and(is_foreign)
            || catalogs.iter().any(|catalog| differ::expects(catalog, object)))
}

/// Whether a difference concerns what others manage.
fn is_external(difference: &Difference, options: &Options<'_>) -> bool {
    options.external.owns(&difference.object.within(options.home), options.dialect.rules().has_schemas)
}

/// Of the differences in what others manage, those that fail a query of the service. Where only migrations have filled the
/// database, there are none: Prisma's migrations neither create nor change such objects.
fn of_external(external: Vec<Difference>, has_rows: bool) -> impl Iterator<Item = Difference> {
    let fails = move |difference: &Difference| has_rows && difference.severity == Severity::Error;
    external.into_iter().filter(fails).map(|difference| match difference.kind {
        DifferenceKind::Missing | DifferenceKind::Different => {
            difference.caused(Cause::External).remedied(Remedy::External)
        }
        _ => difference,
    })
}

/// Reports once what two sources do not expect.
fn without_known_extras(findings: Vec<Difference>, known: &[Difference]) -> Vec<Difference> {
    let is_extra = |finding: &Difference| finding.kind == DifferenceKind::Extra;
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
        reported.into_iter().partition(|finding| finding.difference.severity == Severity::Notice);
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
            "besides, differences that affect no query of the service: {} (doorstep verify --notices)",
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
    ahead: &mut ReadAhead,
) -> Result<Vec<Difference>, Error> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<TableName> = tables.iter().map(|(name, _)| name.clone()).collect();
    let missing = match ahead.take_tables(&names, role) {
        Some(found) => session.missing_among(&names, found).await,
        None => session.missing_tables(&names, role).await,
    };
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
) -> Result<Vec<Difference>, Error> {
    let queries: Vec<String> = rows.iter().map(|line| requirements::row_query(&line.what, dialect)).collect();
    let answers = session.query_bools(&queries).await.map_err(Error::statement("look for the required rows"))?;
    Ok(rows.iter().zip(&answers).filter_map(|(row, answer)| requirements::row_finding(row, answer)).collect())
}

/// Whether a finding stops a start.
#[must_use]
pub(crate) fn stops(finding: &Finding, strictness: Strictness) -> bool {
    threshold(strictness).is_some_and(|least| finding.difference.severity >= least)
}

/// True if one of the findings tells this already, and as badly: something that two places expect, or a part of a table
/// that is missing as a whole.
fn repeats(finding: &Difference, findings: &[Difference], home: &str) -> bool {
    let table = |finding: &Difference| {
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

/// Whether `verify_allow` accepts a difference.
fn is_allowed(finding: &Difference, allow: &[Allow], home: &str) -> bool {
    let (thing, name) = (finding.object.kind, finding.object.qualified_name());
    let accepted = |name: &str| allow.iter().any(|allow| allow.accepts(finding.kind, thing, name));
    accepted(&name) || (!name.contains('.') && accepted(&format!("{home}.{name}")))
}

/// Leaves out what `verify_allow` accepts, and logs each such difference.
fn without_allowed(findings: Vec<Difference>, allow: &[Allow], home: &str) -> Vec<Difference> {
    let is_allowed = |finding: &Difference| is_allowed(finding, allow, home);
    let (allowed, findings): (Vec<Difference>, Vec<Difference>) = findings.into_iter().partition(is_allowed);
    for Difference { object, kind, .. } in allowed {
        tracing::info!(phase = "verify", event = "allowed", "{object} is {}, as verify_allow accepts", kind.name());
    }
    findings
}

/// A required table that is not there. What is like it explains it best.
fn finding(missing: &Missing, source: Source) -> Difference {
    let TableName { schema, name } = missing.table.clone();
    let object = ObjectRef::new(ObjectKind::Table, schema, name);
    let finding = Difference::new(Severity::Error, DifferenceKind::Missing, object, source);
    let similar = missing.similar.clone();
    let likely = similar.iter().find(|table| table.name == missing.table.name).or(similar.first()).cloned();
    match likely {
        None => finding,
        Some(table) if table.name == missing.table.name => finding
            .caused(Cause::Names(OtherName::Elsewhere(similar)))
            .remedied(Remedy::Name(NameFix::RequireElsewhere(table))),
        Some(table) => finding
            .caused(Cause::Names(OtherName::Similar(similar)))
            .remedied(Remedy::Name(NameFix::RequireOther(table))),
    }
}
