//! What verify will find after the pending migrations, as far as their scripts tell: for `plan`. Pure, and no proof: a script
//! may fail, and what it calls is not read. `replay` runs the folder.

use std::borrow::Cow;

use serde::Serialize;

use crate::catalog::{Catalog, Origin};
use crate::finding::cause::{Act, Does, Then, Unfinished};
use crate::finding::{Cause, DifferenceKind, Finding, Source};
use crate::sql::script::SchemaOp;
use crate::sql::{Dialect, ObjectKind, ObjectRef, TableName};
use crate::verify::diagnose::MigrationFacts;
use crate::verify::diagnose::provenance::{Provenance, SchemaStep};

/// What of today's findings will be left, and what will be new.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Forecast {
    /// Findings that a pending migration does away with.
    pub closed: Vec<Touched>,
    /// Findings that no pending migration is about.
    pub remaining: Vec<Finding>,
    /// What the service needs, what exists, and what a pending migration takes away.
    pub broken: Vec<Touched>,
    /// What a pending migration changes, so that only the comparison after it can tell.
    pub unclear: Vec<Touched>,
}

/// An object that the service needs, and the line of a pending migration that is about it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Touched {
    /// The object.
    pub object: ObjectRef,
    /// Who needs it.
    pub source: Source,
    /// The migration.
    pub migration: String,
    /// Its file, as the user would write its path.
    pub file: String,
    /// The line; `None` where it is not known.
    pub line: Option<usize>,
}

/// What is expected, and how its names are read.
pub(crate) struct Expected<'a> {
    /// The catalogs of the files.
    pub catalogs: &'a [Cow<'a, Catalog>],
    /// Tables that must exist.
    pub tables: &'a [(TableName, Source)],
    /// How the engine tells names apart.
    pub dialect: Dialect,
    /// The schema that an unqualified name belongs to.
    pub home: &'a str,
}

/// The forecast from today's findings, all with their causes, and from what the scripts of the folder do.
pub(crate) fn forecast(findings: Vec<Finding>, expected: &Expected<'_>, facts: &MigrationFacts) -> Forecast {
    let scripts = facts.migrations.iter().map(|migration| migration.changes.clone()).collect();
    let provenance = Provenance::of(scripts, expected.home, expected.dialect);
    let mut forecast = Forecast::default();
    let known: Vec<ObjectRef> = findings.iter().map(|finding| finding.difference.object.clone()).collect();
    for finding in findings {
        match fate(&finding) {
            Fate::Remains => forecast.remaining.push(finding),
            Fate::Ends(act) => forecast.closed.push(touched(&finding, act)),
            Fate::Open(act) => forecast.unclear.push(touched(&finding, act)),
        }
    }
    for (object, source) in needed(expected) {
        let steps = provenance.steps(&object);
        let pending = |step: &&SchemaStep| {
            facts.migrations.get(step.migration).is_some_and(|migration| migration.state.is_pending())
        };
        let last = steps.iter().rfind(|step| !matches!(step.op, SchemaOp::Sets(_))).copied().filter(pending);
        let sets = steps.iter().rfind(|step| matches!(step.op, SchemaOp::Sets(_))).copied().filter(pending);
        let (step, is_gone) = match (last, sets) {
            (Some(step), _) if !matches!(step.op, SchemaOp::Creates { .. }) => (step, true),
            (_, Some(step)) => (step, false),
            _ => continue,
        };
        // A table takes its columns along.
        let is_told = |it: &Touched| it.object.kind == ObjectKind::Table && it.object.in_table() == object.in_table();
        if known.contains(&object) || (is_gone && forecast.broken.iter().any(is_told)) {
            continue;
        }
        let migration = &facts.migrations[step.migration];
        let (name, file) = (migration.name.clone(), migration.file.clone());
        let touched = Touched { object, source, migration: name, file, line: Some(step.line) };
        if is_gone { forecast.broken.push(touched) } else { forecast.unclear.push(touched) }
    }
    forecast
}

/// What becomes of a finding.
enum Fate<'a> {
    /// It stays.
    Remains,
    /// This does away with it.
    Ends(&'a Act),
    /// This changes it, for better or worse.
    Open(&'a Act),
}

fn fate(finding: &Finding) -> Fate<'_> {
    let mut cause = finding.diagnosis.cause.as_ref();
    while let Some(Cause::PerhapsNewer(inner, _)) = cause {
        cause = Some(inner.as_ref());
    }
    let Some(Cause::Step { act, then: Then::Unfinished(Unfinished::Pending | Unfinished::RolledBack(_)) }) = cause
    else {
        return Fate::Remains;
    };
    let creates =
        matches!(act.does, Does::Creates | Does::Adds | Does::AddsValue(_) | Does::Builds | Does::CreatesAsExpected);
    match finding.difference.kind {
        DifferenceKind::Missing if creates => Fate::Ends(act),
        DifferenceKind::Different if matches!(act.does, Does::AddsValue(_)) => Fate::Ends(act),
        DifferenceKind::Extra if act.does == Does::Drops => Fate::Ends(act),
        _ => Fate::Open(act),
    }
}

fn touched(finding: &Finding, act: &Act) -> Touched {
    let (object, source) = (finding.difference.object.clone(), finding.difference.source.clone());
    let site = act.site.clone();
    Touched { object, source, migration: site.migration, file: site.file, line: site.line }
}

/// The tables, columns, enums and values that are expected, with who expects them.
fn needed(expected: &Expected<'_>) -> Vec<(ObjectRef, Source)> {
    let source = |origin: Option<&Origin>| origin.cloned().map_or(Source::Nobody, Source::At);
    let mut needed: Vec<(ObjectRef, Source)> = Vec::new();
    for table in expected.catalogs.iter().flat_map(|catalog| &catalog.tables) {
        needed.push((ObjectRef::of(ObjectKind::Table, &table.name), source(table.origin.as_ref())));
        let column = |name: &str| ObjectRef::part_of(&table.name, ObjectKind::Column, name);
        needed.extend(table.columns.iter().map(|it| (column(&it.name), source(it.origin.as_ref()))));
    }
    for of in expected.catalogs.iter().flat_map(|catalog| &catalog.enums) {
        needed.push((ObjectRef::of(ObjectKind::Enum, &of.name), source(of.origin.as_ref())));
    }
    for (table, source) in expected.tables {
        let schema = table.schema.clone().unwrap_or_else(|| expected.home.to_owned());
        let object = ObjectRef::new(ObjectKind::Table, Some(schema), table.name.as_str());
        if !needed.iter().any(|(known, _)| *known == object) {
            needed.push((object, source.clone()));
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Arity, Column, Default as ColumnDefault, Name, Table, Type};
    use crate::config::Mode;
    use crate::differ::compare;
    use crate::differ::ddl::DdlScript;
    use crate::finding::Severity;
    use crate::migrate::plan::State;
    use crate::sql::script::{self, Script};
    use crate::verify::diagnose::MigrationFact;
    use crate::verify::diagnose::{self, Facts};

    fn facts(scripts: &[(State, &str)]) -> MigrationFacts {
        let fact = |(number, (state, text)): (usize, &(State, &str))| MigrationFact {
            name: format!("{}", number + 1),
            file: format!("{}.sql", number + 1),
            state: *state,
            at: None,
            by_hand: false,
            changes: script::changes(&Script::new((*text).to_owned(), Dialect::Postgres)),
        };
        let migrations = scripts.iter().enumerate().map(fact).collect();
        MigrationFacts { folder: "m".to_owned(), migrations, ..MigrationFacts::default() }
    }

    fn catalog(tables: &[(&str, &[&str])]) -> Catalog {
        let column = |name: &&str| Column {
            name: (*name).into(),
            field: None,
            kind: Type::Native("text".into(), Vec::new()),
            arity: Arity::Required,
            default: ColumnDefault::None,
            origin: None,
        };
        let table = |(name, columns): &(&str, &[&str])| Table {
            name: Name { schema: "public".to_owned(), name: (*name).to_owned() },
            columns: columns.iter().map(column).collect(),
            ..Table::default()
        };
        let tables = tables.iter().map(table).collect();
        Catalog { schemas: vec!["public".to_owned()], tables, ..Catalog::default() }
    }

    /// What is expected, what there is, and the scripts: what will be closed, left, broken, unclear.
    fn told(expected: &Catalog, actual: &Catalog, scripts: &[(State, &str)]) -> [Vec<String>; 4] {
        let catalogs = [Cow::Borrowed(expected)];
        let (dialect, home) = (Dialect::Postgres, "public");
        let known = Facts { dialect, home, role: "r", mode: Mode::Apply, expected: &catalogs, actual: Some(actual) };
        let differences = compare(expected, actual, dialect);
        let script = DdlScript::default();
        let findings = diagnose::findings(differences, Severity::Notice, &known, &script, || Some(facts(scripts)));
        let forecast =
            forecast(findings, &Expected { catalogs: &catalogs, tables: &[], dialect, home }, &facts(scripts));
        let lines = |touched: &[Touched]| {
            let line = |it: &Touched| format!("{} {}:{}", it.object, it.file, it.line.unwrap_or_default());
            touched.iter().map(line).collect()
        };
        let remaining = forecast.remaining.iter().map(|finding| finding.difference.object.to_string()).collect();
        [lines(&forecast.closed), remaining, lines(&forecast.broken), lines(&forecast.unclear)]
    }

    #[test]
    fn a_finding_ends_with_the_migration_that_creates_what_is_missing() {
        use State::{Applied, Pending};
        let expected = catalog(&[("a", &["x", "y"]), ("b", &["x"]), ("c", &["x"])]);
        let actual = catalog(&[("a", &["x"])]);
        let scripts = [
            (Applied, "CREATE TABLE a (x text NOT NULL);"),
            (Pending, "ALTER TABLE a ADD COLUMN y text NOT NULL;\nCREATE TABLE b (x text NOT NULL);"),
        ];
        let [closed, remaining, broken, unclear] = told(&expected, &actual, &scripts);
        assert_eq!(closed, ["column public.a.y 2.sql:1", "table public.b 2.sql:2"]);
        assert_eq!(remaining, ["table public.c"]);
        assert_eq!((broken, unclear), (Vec::<String>::new(), Vec::new()));
    }

    #[test]
    fn what_a_pending_migration_takes_away_is_broken_unless_a_later_line_makes_it_again() {
        use State::{Applied, Pending};
        let expected = catalog(&[("a", &["x", "y", "z"]), ("b", &["x"]), ("c", &["x"]), ("d", &["x"]), ("e", &["x"])]);
        let applied = "CREATE TABLE a (x text, y text, z text); CREATE TABLE b (x text); CREATE TABLE c (x text); \
                       CREATE TABLE d (x text); CREATE TABLE e (x text)";
        let pending = "ALTER TABLE a DROP COLUMN y, DROP z;\nALTER TABLE b RENAME TO bb;\nDROP TABLE c;\n\
                       CREATE TABLE c (x text);\nALTER TABLE d ALTER COLUMN x TYPE int;\nDROP TABLE e;";
        let [closed, remaining, broken, unclear] =
            told(&expected, &expected.clone(), &[(Applied, applied), (Pending, pending)]);
        assert_eq!((closed, remaining), (Vec::<String>::new(), Vec::new()));
        assert_eq!(
            broken,
            [
                "column public.a.y 2.sql:1",
                "column public.a.z 2.sql:1",
                "table public.b 2.sql:2",
                "table public.e 2.sql:6"
            ]
        );
        assert_eq!(unclear, ["column public.d.x 2.sql:5"]);
    }
}
