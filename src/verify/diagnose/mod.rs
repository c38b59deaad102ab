//! Why something is not as expected, and what to do about it: from the finding, the folder's scripts and their history,
//! and what else is in the catalog. Pure; the most telling fact comes first.

pub(crate) mod changed;
pub(crate) mod evidence;
pub(crate) mod provenance;
pub(crate) mod renamed;
pub(crate) mod uncreated;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::catalog::{Access, Catalog, Name, Table};
use crate::config::Mode;
use crate::differ;
use crate::differ::ddl::DdlScript;
use crate::finding::cause::{Act, Does, FolderState, NoMigration, Site, Then, Unfinished};
use crate::finding::remedy::{Applier, Grant, Run, SchemaFileFix, Write};
use crate::finding::{Cause, Diagnosis, Difference, DifferenceKind, Finding, Remedy, Severity, Source};
use crate::migrate::plan::State;
use crate::sql::script::{Change, SchemaOp};
use crate::sql::{Dialect, ObjectKind, ObjectRef};
use crate::verify::diagnose::provenance::{Provenance, SchemaStep};
use crate::verify::diagnose::uncreated::MissingObjects;

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
    pub expected: &'a [Cow<'a, Catalog>],
    /// What is there; `None` where it was not read.
    pub actual: Option<&'a Catalog>,
}

/// A folder of migrations and its history, for the explanation of a finding.
#[derive(Debug, Default)]
pub(crate) struct MigrationFacts {
    /// The folder, as the user would write its path.
    pub folder: String,
    /// The tool whose format it is.
    pub tool: &'static str,
    /// Prisma writes migrations for the folder from the schema file.
    pub by_prisma: bool,
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

/// Makes findings of the differences. From this severity on each gets a diagnosis; `history` is asked only if there is
/// one of these, and gives `None` where migrations are not looked at.
#[must_use]
pub(crate) fn findings(
    differences: Vec<Difference>,
    least: Severity,
    facts: &Facts<'_>,
    script: &DdlScript,
    history: impl FnOnce() -> Option<MigrationFacts>,
) -> Vec<Finding> {
    let is_asked = |difference: &Difference| difference.severity >= least;
    let diagnoser = differences.iter().any(is_asked).then(|| Diagnoser::new(facts, history()));
    let missing = diagnoser.as_ref().map(|diagnoser| MissingObjects::of(&differences, diagnoser));
    let sql = script.by_object();
    let finding = |difference: Difference| {
        let asked = diagnoser.as_ref().zip(missing.as_ref()).filter(|_| is_asked(&difference));
        let (diagnosis, is_awaited) = match asked {
            Some((diagnoser, missing)) => {
                (diagnoser.diagnosis(&difference, missing), diagnoser.is_awaited(&difference))
            }
            None => (difference.known.clone(), false),
        };
        // What a pending migration creates is not to be created twice.
        let sql = sql.get(&difference.object).filter(|_| !is_awaited).cloned();
        Finding { difference, diagnosis, sql }
    };
    differences.into_iter().map(finding).collect()
}

/// Whether migrations create or drop an object, and whether they ran.
enum SchemaHistory<'a> {
    /// Migrations are not looked at.
    Unseen,
    /// No script creates it.
    Uncreated,
    /// One that has not run, or not to its end, creates it.
    Ahead(&'a SchemaStep),
    /// One that is applied creates it, and none after it takes it away.
    Made(&'a SchemaStep),
    /// One that is applied takes it away, and none after it creates it again.
    Gone { made: Option<&'a SchemaStep>, gone: &'a SchemaStep },
}

/// Unexpected columns of expected tables, by folded name.
type Strays<'a> = HashMap<String, Vec<(&'a Name, &'a str)>>;

/// The facts, in the order in which they are asked for.
pub(crate) struct Diagnoser<'a> {
    facts: &'a Facts<'a>,
    migrations: Option<MigrationFacts>,
    provenance: Provenance,
    expected: HashMap<(String, String), &'a Table>,
    actual: HashMap<(String, String), &'a Table>,
    /// Of each migration, how much of what it creates for good is there, and of how much.
    presence: Vec<(usize, usize)>,
    strays: OnceCell<Strays<'a>>,
}

impl<'a> Diagnoser<'a> {
    fn new(facts: &'a Facts<'a>, mut migrations: Option<MigrationFacts>) -> Self {
        let all = migrations.iter_mut().flat_map(|facts| &mut facts.migrations);
        let scripts: Vec<Vec<Change>> = all.map(|migration| std::mem::take(&mut migration.changes)).collect();
        let presence = vec![(0, 0); scripts.len()];
        let provenance = Provenance::of(scripts, facts.home, facts.dialect);
        let by_name =
            |catalog: &'a Catalog| catalog.tables.iter().map(|table| (key(facts.dialect, &table.name), table));
        let expected = facts.expected.iter().flat_map(|catalog| by_name(catalog)).collect();
        let actual = facts.actual.into_iter().flat_map(by_name).collect();
        let mut diagnoser = Self { facts, migrations, provenance, expected, actual, presence, strays: OnceCell::new() };
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

    /// The diagnosis of a difference: what its source knows, completed by what the migrations tell.
    fn diagnosis(&self, difference: &Difference, missing: &MissingObjects) -> Diagnosis {
        let found = self.look_into(difference, missing);
        let known = difference.known.clone();
        let remedy = match difference.kind {
            // A migration to come knows better than a line that says what must be gone.
            DifferenceKind::Extra => found.remedy.or(known.remedy),
            _ => known.remedy.or(found.remedy),
        };
        Diagnosis { cause: known.cause.or(found.cause), remedy }
    }

    fn look_into(&self, difference: &Difference, missing: &MissingObjects) -> Diagnosis {
        match (difference.kind, difference.object.kind) {
            (_, ObjectKind::Row | ObjectKind::Query) => Diagnosis::default(),
            (DifferenceKind::Hidden, ObjectKind::Table) => self.hidden(&difference.object.owner()),
            (DifferenceKind::Hidden, _) => Diagnosis::default(),
            // A view in the place of a table.
            (DifferenceKind::Uncompared, ObjectKind::Table) => self.different(difference),
            (DifferenceKind::Uncompared, _) => Diagnosis::default(),
            (DifferenceKind::Missing, _) => self.missing(difference, missing),
            (DifferenceKind::Renamed, _) => self.renamed(difference),
            (DifferenceKind::Invalid, _) => self.invalid(&difference.object),
            (DifferenceKind::Extra, _) => self.extra(difference),
            (DifferenceKind::Different, ObjectKind::Enum) => self.values(difference),
            (DifferenceKind::Different, _) => self.different(difference),
        }
    }

    fn migration(&self, step: &SchemaStep) -> Option<&MigrationFact> {
        self.migrations.as_ref()?.migrations.get(step.migration)
    }

    fn is_done(&self, step: &SchemaStep) -> bool {
        let state = self.migration(step).map(|migration| migration.state);
        matches!(state, Some(State::Applied | State::Edited | State::Missing))
    }

    fn name(&self, step: &SchemaStep) -> String {
        self.migration(step).map(|migration| migration.name.clone()).unwrap_or_default()
    }

    fn site(&self, step: &SchemaStep) -> Site {
        let file = self.migration(step).map(|migration| migration.file.clone()).unwrap_or_default();
        Site { migration: self.name(step), file, line: Some(step.line) }
    }

    fn act(&self, step: &SchemaStep, does: Does) -> Act {
        Act { site: self.site(step), does }
    }

    fn cause(&self, step: &SchemaStep, does: Does, then: Then) -> Cause {
        Cause::Step { act: self.act(step, does), then }
    }

    fn schema_history<'s>(&self, steps: &[&'s SchemaStep]) -> SchemaHistory<'s> {
        if self.migrations.is_none() {
            return SchemaHistory::Unseen;
        }
        let creates = |step: &&&SchemaStep| matches!(step.op, SchemaOp::Creates { .. });
        let done: Vec<&&SchemaStep> =
            steps.iter().filter(|step| self.is_done(step) && !matches!(step.op, SchemaOp::Sets(_))).collect();
        let to_come = steps.iter().filter(|step| !self.is_done(step)).find(creates);
        match (done.last(), to_come) {
            (Some(last), _) if creates(last) => SchemaHistory::Made(last),
            (_, Some(to_come)) => SchemaHistory::Ahead(to_come),
            (Some(gone), None) => SchemaHistory::Gone { made: done.iter().rev().copied().find(creates).copied(), gone },
            (None, None) => SchemaHistory::Uncreated,
        }
    }

    fn missing(&self, difference: &Difference, missing: &MissingObjects) -> Diagnosis {
        let steps = self.provenance.steps(&difference.object);
        match self.schema_history(&steps) {
            SchemaHistory::Unseen => self.unseen(difference),
            SchemaHistory::Uncreated => self.uncreated(difference, missing),
            SchemaHistory::Ahead(step) => self.to_come(step, Does::Creates),
            SchemaHistory::Made(step) => self.lost(step, &difference.object),
            SchemaHistory::Gone { made, gone } => {
                let does = match &gone.op {
                    SchemaOp::Renames(name) => Does::Renames(Some(name.clone())),
                    SchemaOp::Moves(schema) => Does::Moves(schema.clone()),
                    _ => Does::Drops,
                };
                let declared = is_declared(difference);
                let source = (!declared).then(|| difference.source.to_string());
                let then = Then::SourceIsOlder { made: made.map(|step| self.name(step)), source };
                let remedy = Remedy::SchemaFile(SchemaFileFix::Update { declared });
                Diagnosis::new(self.cause(gone, does, then), remedy)
            }
        }
    }

    fn unseen(&self, difference: &Difference) -> Diagnosis {
        let is_off = self.facts.mode == Mode::Off;
        let run = Run::Creator { names_folder: !is_off, has_sql: is_declared(difference) };
        Diagnosis::new(Cause::NoFolder { is_off }, Remedy::Run(run))
    }

    /// By no migration.
    fn uncreated(&self, difference: &Difference, missing: &MissingObjects) -> Diagnosis {
        let Some(facts) = &self.migrations else { return Diagnosis::default() };
        let folder = facts.folder.clone();
        if difference.object.kind == ObjectKind::Schema {
            let name = &difference.object.name;
            let remedy = Run::CreateSchema(name.clone(), self.facts.dialect.identifier(name));
            return Diagnosis::new(Cause::NoMigration(NoMigration::CreatesSchema(folder)), Remedy::Run(remedy));
        }
        let is_pending = |migration: &&MigrationFact| !matches!(migration.state, State::Applied | State::Edited);
        let mut pending = facts.migrations.iter().filter(is_pending);
        let state = match (facts.migrations.len(), pending.next()) {
            (0, _) => FolderState::Empty,
            (all, None) => FolderState::Applied(all),
            (_, Some(first)) => FolderState::Pending { first: first.name.clone(), more: pending.count() },
        };
        if facts.is_code {
            let has_pending = matches!(state, FolderState::Pending { .. });
            let cause = Cause::NoMigration(NoMigration::IsCode { tool: facts.tool, state });
            let authoring = facts.authoring.clone();
            return Diagnosis::new(cause, Remedy::Write(Write::Code { authoring, has_pending }));
        }
        let namesake = self.namesake(&difference.object).map(|other| {
            let adds = match self.schema_history(&self.provenance.steps(&other)) {
                SchemaHistory::Made(step) => Some(self.act(step, Does::Adds)),
                _ => None,
            };
            Box::new((other, adds))
        });
        let cause = Cause::NoMigration(NoMigration::Creates { folder, state, namesake });
        Diagnosis::new(cause, Remedy::Write(missing.remedy(difference, facts)))
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

    /// How far a migration is that has not run to its end, and what makes it run.
    fn unfinished(&self, migration: &MigrationFact) -> (Unfinished, Run) {
        let by = match self.facts.mode {
            Mode::Apply => Applier::Doorstep,
            Mode::Await => Applier::Awaited,
            Mode::Off => Applier::Other,
        };
        let at = migration.at.clone();
        match migration.state {
            State::Failed => (Unfinished::Failed(at), Run::Repair(migration.name.clone())),
            State::RolledBack => (Unfinished::RolledBack(at), Run::Apply { by, again: true }),
            State::Running => (Unfinished::Running(at), Run::Wait),
            _ => (Unfinished::Pending, Run::Apply { by, again: false }),
        }
    }

    /// By one that has not run to its end.
    fn to_come(&self, step: &SchemaStep, does: Does) -> Diagnosis {
        let Some(migration) = self.migration(step) else { return Diagnosis::default() };
        let (state, run) = self.unfinished(migration);
        Diagnosis::new(self.cause(step, does, Then::Unfinished(state)), Remedy::Run(run))
    }

    /// By one that is applied.
    fn lost(&self, step: &SchemaStep, object: &ObjectRef) -> Diagnosis {
        let (Some(facts), Some(migration)) = (&self.migrations, self.migration(step)) else {
            return Diagnosis::default();
        };
        let (there, all) = self.presence.get(step.migration).copied().unwrap_or_default();
        let passed_over = step.op == SchemaOp::Creates { lenient: true } && object.kind != ObjectKind::Table;
        let at = migration.at.clone();
        let (then, remedy) = if migration.state == State::Edited {
            (Then::Edited(at), Remedy::Write(Write::EditedPart))
        } else if migration.by_hand {
            let remedy = match there {
                0 => Remedy::Run(Run::ByHand(migration.file.clone())),
                _ => Remedy::Write(Write::MissingPart),
            };
            (Then::ByHand(at), remedy)
        } else if !facts.ahead.is_empty() {
            (Then::MayBeUndone(at, facts.ahead.clone()), start_newer(facts))
        } else if passed_over {
            (Then::PassedOver(at), Remedy::Write(Write::Addition))
        } else if there > 0 {
            (Then::RestIsHere(at), Remedy::Write(Write::AgainOrRestore))
        } else if all > 1 {
            (Then::NothingIsHere(at), Remedy::Run(Run::RestoreAll))
        } else {
            (Then::Lost(at), Remedy::Write(Write::RestoreOrCreate))
        };
        Diagnosis::new(self.cause(step, Does::Creates, then), remedy)
    }

    /// There, and not for the service's role: what is to be granted.
    fn hidden(&self, name: &Name) -> Diagnosis {
        let Some(table) = self.table(name).filter(|table| table.access != Access::Granted) else {
            return Diagnosis::default();
        };
        let (access, quoted) = (table.access, |name: &str| self.facts.dialect.identifier(name));
        let schema = quoted(&table.name.schema);
        let grant = Grant {
            access,
            table: format!("{schema}.{}", quoted(&table.name.name)),
            schema,
            role: self.facts.dialect.account(self.facts.role),
        };
        Diagnosis::new(Cause::Access { access, role: self.facts.role.to_owned() }, Remedy::Grant(grant))
    }
}

/// Expected by a Prisma schema.
fn is_declared(difference: &Difference) -> bool {
    match &difference.source {
        Source::At(origin) => origin.file.ends_with(".prisma"),
        Source::Named(_) => false,
        Source::Nobody | Source::PrismaSchema => true,
    }
}

fn key(dialect: Dialect, name: &Name) -> (String, String) {
    (dialect.folded(&name.schema).into_owned(), dialect.folded(&name.name).into_owned())
}

fn start_newer(facts: &MigrationFacts) -> Remedy {
    Remedy::Run(Run::NewerImage(facts.ahead.last().cloned().unwrap_or_default()))
}

#[cfg(test)]
mod tests;
