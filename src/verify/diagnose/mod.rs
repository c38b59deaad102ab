//! Why something is not as expected, and what to do about it: from the finding, the folder's scripts and their history,
//! and what else is in the catalog. Pure; the most telling fact comes first.

pub(crate) mod changed;
pub(crate) mod evidence;
pub(crate) mod provenance;
pub(crate) mod renamed;
pub(crate) mod uncreated;

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::verify::diagnose::uncreated::Gap;

use crate::catalog::{Access, Catalog, Name, Table};
use crate::config::Mode;
use crate::differ;
use crate::finding::{DifferenceKind, Finding, Severity, Source};
use crate::migrate::plan::State;
use crate::sql::script::{Change, SchemaOp};
use crate::sql::{Dialect, ObjectKind, ObjectRef};
use crate::verify::diagnose::provenance::{Provenance, Step};

/// All that causes are found in.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// How the engine tells names apart, and writes SQL.
    pub dialect: Dialect,
    /// The schema that an unqualified name belongs to.
    pub home: &'a str,
    /// The service's role; empty where the engine has none.
    pub role: &'a str,
    /// What is done about migrations.
    pub mode: Mode,
    /// What is expected.
    pub expected: &'a [Catalog],
    /// What is there; `None` where it was not read.
    pub actual: Option<&'a Catalog>,
}

/// A folder of migrations and its history, for [`explain`].
#[derive(Debug, Default)]
pub(crate) struct MigrationFacts {
    /// The folder, as the user would write its path.
    pub folder: String,
    /// The tool whose format it is.
    pub tool: &'static str,
    /// They are a program's code: what they create cannot be read.
    pub is_code: bool,
    /// How a migration is made there, where they are code.
    pub authoring: String,
    /// The migrations, in their order.
    pub migrations: Vec<MigrationFact>,
    /// What is applied, and not in the folder.
    pub ahead: Vec<String>,
}

/// A migration of the folder, and what became of it.
#[derive(Debug)]
pub(crate) struct MigrationFact {
    /// Its name.
    pub name: String,
    /// Its file, as the user would write its path.
    pub file: String,
    /// Its state.
    pub state: State,
    /// When it was done, or began, as RFC 3339 text.
    pub at: Option<String>,
    /// Recorded by a person as applied: nothing ran.
    pub by_hand: bool,
    /// What its script does.
    pub changes: Vec<Change>,
}

/// Gives every finding from this severity on its cause and its remedy, where it has none yet. `told` is asked only if
/// there is one; it gives `None` where migrations are not looked at.
#[must_use]
pub(crate) fn explain(
    mut findings: Vec<Finding>,
    least: Severity,
    facts: &Facts<'_>,
    told: impl FnOnce() -> Option<MigrationFacts>,
) -> Vec<Finding> {
    if findings.iter().all(|finding| finding.severity < least) {
        return findings;
    }
    let diagnoser = Diagnoser::new(facts, told());
    let gap = Gap::of(&findings, &diagnoser);
    for finding in findings.iter_mut().filter(|finding| finding.severity >= least) {
        let (cause, remedy) = diagnoser.explain(finding, &gap);
        finding.awaits = diagnoser.awaits(finding);
        finding.cause = finding.cause.take().or(cause);
        finding.remedy = match finding.kind {
            // A migration to come knows better than a line that says what must be gone.
            DifferenceKind::Extra => remedy.or(finding.remedy.take()),
            _ => finding.remedy.take().or(remedy),
        };
    }
    findings
}

/// What the scripts and their history tell about something's being there.
enum SchemaHistory<'a> {
    /// Migrations are not looked at.
    Unseen,
    /// No script creates it.
    Uncreated,
    /// One that has not run, or not to its end, creates it.
    Ahead(&'a Step),
    /// One that is applied creates it, and none after it takes it away.
    Made(&'a Step),
    /// One that is applied takes it away, and none after it creates it again.
    Gone { made: Option<&'a Step>, gone: &'a Step },
}

/// Cause and remedy.
type Answer = (Option<String>, Option<String>);

/// Columns that nobody expects in tables that somebody expects, by what their names have in common.
type Strays<'a> = HashMap<String, Vec<(&'a Name, &'a str)>>;

/// The facts, in the order in which they are asked for.
pub(crate) struct Diagnoser<'a> {
    facts: &'a Facts<'a>,
    told: Option<MigrationFacts>,
    provenance: Provenance,
    expected: HashMap<(String, String), &'a Table>,
    actual: HashMap<(String, String), &'a Table>,
    /// Of each migration, how much of what it creates for good is there, and of how much.
    presence: Vec<(usize, usize)>,
    strays: OnceCell<Strays<'a>>,
}

impl<'a> Diagnoser<'a> {
    fn new(facts: &'a Facts<'a>, mut told: Option<MigrationFacts>) -> Self {
        let migrations = told.iter_mut().flat_map(|told| &mut told.migrations);
        let scripts: Vec<Vec<Change>> = migrations.map(|migration| std::mem::take(&mut migration.changes)).collect();
        let presence = vec![(0, 0); scripts.len()];
        let provenance = Provenance::of(scripts, facts.home, facts.dialect);
        let by_name = |catalogs: &'a [Catalog]| {
            let tables = catalogs.iter().flat_map(|catalog| &catalog.tables);
            tables.map(|table| (key(facts.dialect, &table.name), table)).collect()
        };
        let (expected, actual) =
            (by_name(facts.expected), by_name(facts.actual.map(std::slice::from_ref).unwrap_or_default()));
        let mut diagnoser = Self { facts, told, provenance, expected, actual, presence, strays: OnceCell::new() };
        diagnoser.presence = diagnoser.count();
        diagnoser
    }

    /// See `presence`.
    fn count(&self) -> Vec<(usize, usize)> {
        let mut presence = self.presence.clone();
        let Some(actual) = self.facts.actual else { return presence };
        for (step, object) in self.provenance.lasting() {
            let owner = object.owner();
            let is_there = match object.kind {
                ObjectKind::Column => {
                    let is_it = |other: &str| self.facts.dialect.folded(other) == object.name;
                    self.table(&owner).is_some_and(|table| table.columns.iter().any(|column| is_it(&column.name)))
                }
                ObjectKind::Enum => actual.enums.iter().any(|known| known.name == owner),
                _ => self.table(&owner).is_some(),
            };
            // Other schemas are not looked at.
            let is_read = actual.schemas.contains(&owner.schema);
            if let (true, Some((there, all))) = (is_read, presence.get_mut(step.migration)) {
                *there += usize::from(is_there);
                *all += 1;
            }
        }
        presence
    }

    fn table(&self, name: &Name) -> Option<&'a Table> {
        self.actual.get(&key(self.facts.dialect, name)).copied()
    }

    fn explain(&self, finding: &Finding, gap: &Gap) -> Answer {
        match (finding.kind, finding.object.kind) {
            (_, ObjectKind::Row | ObjectKind::Query) => (None, None),
            (DifferenceKind::Hidden, ObjectKind::Table) => self.hidden(&finding.object.owner()),
            (DifferenceKind::Hidden, _) => (None, None),
            (DifferenceKind::Missing, _) => self.missing(finding, gap),
            (DifferenceKind::Renamed, _) => self.renamed(finding),
            (DifferenceKind::Invalid, _) => (self.invalid(&finding.object), None),
            (DifferenceKind::Extra, _) => self.extra(finding),
            (DifferenceKind::Different, ObjectKind::Enum) => self.values(&finding.object.owner(), finding),
            (DifferenceKind::Different, _) => self.different(finding),
        }
    }

    fn migration(&self, step: &Step) -> Option<&MigrationFact> {
        self.told.as_ref()?.migrations.get(step.migration)
    }

    fn is_done(&self, step: &Step) -> bool {
        let state = self.migration(step).map(|migration| migration.state);
        matches!(state, Some(State::Applied | State::Edited | State::Missing))
    }

    fn name(&self, step: &Step) -> &str {
        self.migration(step).map(|migration| migration.name.as_str()).unwrap_or_default()
    }

    /// `1_init creates it (prisma/migrations/1_init/migration.sql:3)`.
    fn says(&self, step: &Step, what: &str) -> String {
        let file = self.migration(step).map(|migration| migration.file.as_str()).unwrap_or_default();
        format!("{} {what} ({file}:{})", self.name(step), step.line)
    }

    fn tale<'s>(&self, steps: &[&'s Step]) -> SchemaHistory<'s> {
        if self.told.is_none() {
            return SchemaHistory::Unseen;
        }
        let creates = |step: &&&Step| matches!(step.op, SchemaOp::Creates { .. });
        let done: Vec<&&Step> =
            steps.iter().filter(|step| self.is_done(step) && !matches!(step.op, SchemaOp::Sets(_))).collect();
        let to_come = steps.iter().filter(|step| !self.is_done(step)).find(creates);
        match (done.last(), to_come) {
            (Some(last), _) if creates(last) => SchemaHistory::Made(last),
            (_, Some(to_come)) => SchemaHistory::Ahead(to_come),
            (Some(gone), None) => SchemaHistory::Gone { made: done.iter().rev().copied().find(creates).copied(), gone },
            (None, None) => SchemaHistory::Uncreated,
        }
    }

    fn missing(&self, finding: &Finding, gap: &Gap) -> Answer {
        let object = &finding.object;
        let steps = self.provenance.steps(object);
        match self.tale(&steps) {
            SchemaHistory::Unseen => self.unseen(finding),
            SchemaHistory::Uncreated => self.uncreated(finding, gap),
            SchemaHistory::Ahead(step) => self.to_come(step, "creates it"),
            SchemaHistory::Made(step) => self.lost(step, object),
            SchemaHistory::Gone { made, gone } => {
                let does = match &gone.op {
                    SchemaOp::Renames(name) => format!("renames it to {name}"),
                    SchemaOp::Moves(schema) => format!("moves it to the schema {schema}"),
                    _ => "drops it".to_owned(),
                };
                let made = made.map_or(String::new(), |step| format!("{} creates it, and ", self.name(step)));
                let older =
                    if is_declared(finding) { "the schema file".to_owned() } else { finding.source.to_string() };
                let cause = format!("{made}{}: {older} is older than the folder", self.says(gone, &does));
                let remedy = match is_declared(finding) {
                    true => {
                        "bring the schema file up to date (npx prisma db pull), or create it again in a new migration"
                    }
                    false => "correct what requires it, or create it again in a new migration",
                };
                (Some(cause), Some(remedy.to_owned()))
            }
        }
    }

    fn unseen(&self, finding: &Finding) -> Answer {
        let sql = if is_declared(finding) { "; doorstep diff --script prints the SQL that creates it" } else { "" };
        match self.facts.mode {
            Mode::Off => (
                Some("no migrations are looked at (migrate = off)".to_owned()),
                Some(format!("let what creates it run first{sql}")),
            ),
            Mode::Apply | Mode::Await => (
                Some("no migrations are looked at: there is no folder of them".to_owned()),
                Some(format!("name the folder (--migrations), or let what creates it run first{sql}")),
            ),
        }
    }

    /// By no migration.
    fn uncreated(&self, finding: &Finding, gap: &Gap) -> Answer {
        let Some(told) = &self.told else { return (None, None) };
        if finding.object.kind == ObjectKind::Schema {
            let name = &finding.object.name;
            let cause = format!("no migration in {} creates it: doorstep does, before it migrates", told.folder);
            let sql = self.facts.dialect.identifier(name);
            return (Some(cause), Some(format!("doorstep migrate --schemas {name}, or CREATE SCHEMA {sql}")));
        }
        let is_pending = |migration: &&MigrationFact| !matches!(migration.state, State::Applied | State::Edited);
        let pending: Vec<_> = told.migrations.iter().filter(is_pending).map(|migration| &*migration.name).collect();
        let history = match (told.migrations.len(), pending.len()) {
            (0, _) => "it is empty".to_owned(),
            (1, 0) => "no pending migrations: its only one is applied".to_owned(),
            (all, 0) => format!("no pending migrations: all {all} are applied"),
            (_, _) => "nor do the pending ones".to_owned(),
        };
        if told.is_code {
            let (tool, authoring) = (told.tool, &told.authoring);
            let unread = format!("{tool} applies the migrations, which are code: what they create is not read");
            return match &*pending {
                [] => (Some(format!("{unread} ({history})")), Some(format!("if none of them creates it: {authoring}"))),
                [first, more @ ..] => {
                    let others = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
                    let remedy =
                        format!("apply what is pending: doorstep migrate; if that does not create it: {authoring}");
                    (Some(format!("pending: {first}{others}; {unread}")), Some(remedy))
                }
            };
        }
        let mut cause = format!("no migration in {} creates it ({history})", told.folder);
        if let Some(other) = self.namesake(&finding.object) {
            let steps = self.provenance.steps(&other);
            let adds = match self.tale(&steps) {
                SchemaHistory::Made(step) => format!(", where {}", self.says(step, "adds it")),
                _ => String::new(),
            };
            cause += &format!("; there is {other}{adds}");
        }
        (Some(cause), Some(gap.remedy(finding, told)))
    }

    /// The one other table that has a column like this, without anybody expecting it there.
    fn namesake(&self, object: &ObjectRef) -> Option<ObjectRef> {
        if object.kind != ObjectKind::Column {
            return None;
        }
        let strays = self.strays.get_or_init(|| self.find_strays());
        let [(table, column)] = strays.get(&differ::folded(&object.name))?.as_slice() else { return None };
        Some(ObjectRef::part_of(table, ObjectKind::Column, *column))
    }

    fn find_strays(&self) -> Strays<'a> {
        let mut strays = Strays::new();
        for table in self.facts.actual.map(|actual| actual.tables.iter()).into_iter().flatten() {
            let Some(expected) = self.expected.get(&key(self.facts.dialect, &table.name)) else { continue };
            let wanted: HashSet<String> = expected.columns.iter().map(|column| differ::folded(&column.name)).collect();
            for column in &table.columns {
                let folded = differ::folded(&column.name);
                if !wanted.contains(&folded) {
                    strays.entry(folded).or_default().push((&table.name, &column.name));
                }
            }
        }
        strays
    }

    /// By one that has not run to its end.
    fn to_come(&self, step: &Step, does: &str) -> Answer {
        let Some(migration) = self.migration(step) else { return (None, None) };
        let (name, at) = (&migration.name, at(migration));
        let apply = match self.facts.mode {
            Mode::Apply => "doorstep migrate applies it".to_owned(),
            Mode::Await => "let whoever migrates apply it (here, migrate = await): doorstep migrate".to_owned(),
            Mode::Off => {
                "let whoever migrates apply it (here, migrate = off): doorstep migrate --migrate apply".to_owned()
            }
        };
        let (state, remedy) = match migration.state {
            State::Failed => (
                format!("failed (begun{at})"),
                format!(
                    "doorstep status shows why; repair the file, then doorstep resolve --rolled-back {name}, and start again"
                ),
            ),
            State::RolledBack => (format!("was rolled back{at}"), format!("{apply} again")),
            State::Running => (format!("is running (since{at})"), "wait until it is done".to_owned()),
            _ => ("is pending".to_owned(), apply),
        };
        (Some(format!("{}, and {state}", self.says(step, does))), Some(remedy))
    }

    /// By one that is applied.
    fn lost(&self, step: &Step, object: &ObjectRef) -> Answer {
        let (Some(told), Some(migration)) = (&self.told, self.migration(step)) else { return (None, None) };
        let (creates, at) = (self.says(step, "creates it"), at(migration));
        let recorded = format!("{creates} and is recorded as applied{at}");
        let (there, all) = self.presence.get(step.migration).copied().unwrap_or_default();
        let passed_over = step.op == SchemaOp::Creates { lenient: true } && object.kind != ObjectKind::Table;
        let (cause, remedy) = if migration.state == State::Edited {
            (
                format!("{creates}, but was edited after it was applied{at}: what was added to it never ran here"),
                "put what was added into a new migration, and the file back to what ran".to_owned(),
            )
        } else if migration.by_hand {
            let remedy = match there {
                0 => format!(
                    "run its file once by hand ({}), or put what is missing into a new migration",
                    migration.file
                ),
                _ => "put what is missing into a new migration".to_owned(),
            };
            (format!("{creates}, but was recorded as applied by hand{at}: nothing of it ran"), remedy)
        } else if !told.ahead.is_empty() {
            (format!("{recorded}; {}, which may have taken it away", ahead(told)), start_newer(told))
        } else if passed_over {
            (
                format!(
                    "{creates} only if its table is new (IF NOT EXISTS), and is applied{at}: an older one was passed over"
                ),
                "add it in a new migration".to_owned(),
            )
        } else if there > 0 {
            (
                format!("{recorded}; the rest of it is here, so this was dropped or renamed since"),
                "create it again in a new migration, or restore it from a backup".to_owned(),
            )
        } else if all > 1 {
            (
                format!(
                    "{recorded}; nothing of it is here: an old data directory, or a history restored without its tables"
                ),
                "restore the tables together with the history, or start with an empty database".to_owned(),
            )
        } else {
            (
                format!("{recorded}; it was lost since, or never ran here (an old data directory, a partial restore)"),
                "restore it, or create it in a new migration".to_owned(),
            )
        };
        (Some(cause), Some(remedy))
    }

    /// There, and not for the service's role: what is to be granted.
    fn hidden(&self, name: &Name) -> Answer {
        let Some(table) = self.table(name) else { return (None, None) };
        let dialect = self.facts.dialect;
        let (role, who) = (dialect.identifier(self.facts.role), format!("the role {}", self.facts.role));
        let schema = dialect.identifier(&table.name.schema);
        let table_name = format!("{schema}.{}", dialect.identifier(&table.name.name));
        let (cause, remedy) = match table.access {
            Access::Granted => return (None, None),
            Access::NoSchema => (
                format!("{who} has no USAGE on the schema"),
                format!(
                    "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
                ),
            ),
            Access::Nothing => (
                format!("nothing on it is granted to {who}"),
                format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table_name} TO {role}"),
            ),
            Access::WriteOnly => (
                format!("SELECT is not granted to {who}"),
                format!("GRANT SELECT ON {table_name} TO {role}, if the service reads it"),
            ),
            Access::SomeColumns => (
                format!("SELECT is granted to {who} on some of its columns only"),
                format!(
                    "GRANT SELECT ON {table_name} TO {role}, if the service reads them all, as Prisma's client does"
                ),
            ),
            Access::NoRows => (
                format!("row security is on, and no policy speaks of {who}"),
                format!("CREATE POLICY … ON {table_name} TO {role} USING (…), or ALTER ROLE {role} BYPASSRLS"),
            ),
        };
        (Some(cause), Some(remedy))
    }
}

/// Expected by a Prisma schema.
fn is_declared(finding: &Finding) -> bool {
    match &finding.source {
        Source::At(origin) => origin.file.ends_with(".prisma"),
        Source::Named(name) => name == "the schema",
        Source::Nobody => true,
    }
}

fn key(dialect: Dialect, name: &Name) -> (String, String) {
    (dialect.folded(&name.schema), dialect.folded(&name.name))
}

fn at(migration: &MigrationFact) -> String {
    migration.at.as_ref().map_or(String::new(), |at| format!(" at {at}"))
}

fn ahead(told: &MigrationFacts) -> String {
    format!("the database is ahead of this image (applied, but not in the folder: {})", told.ahead.join(", "))
}

fn start_newer(told: &MigrationFacts) -> String {
    format!("start the image that has {}", told.ahead.last().map(String::as_str).unwrap_or_default())
}

#[cfg(test)]
mod tests;
