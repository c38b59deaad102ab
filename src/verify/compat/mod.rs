//! What pending migrations do to a release that still runs with the schema before them. Pure: the catalog of a scratch database
//! before them and after each of them, and their scripts, become a [`Compatibility`].
//!
//! What the running release needs is taken to be all that its schema has: which of it its statements use is not known here.
//! What no catalog shows, such as rows and functions, is listed as not judged ([`unjudged`]).

pub(crate) mod losses;
pub(crate) mod refusals;
pub(crate) mod statements;
pub(crate) mod types;
pub(crate) mod unjudged;

use crate::catalog::{Catalog, Name, Table};
use crate::config::Allow;
use crate::differ;
use crate::finding::effect::Effect;
use crate::finding::{Difference, DifferenceKind, Severity};
use crate::formats::migration::Migration;
use crate::report::compat::{Compatibility, Impact, Place, Stage, StagedMigration, Unjudged};
use crate::sql::script::{self, SchemaOp};
use crate::sql::{Dialect, ObjectKind, ObjectRef};
use crate::verify::diagnose::provenance::{Provenance, SchemaStep};

/// Why a file that runs again is not judged.
const CHANGED: &str =
    "the running release has it with another text, which is not kept; what that has made is not compared";

/// A change, and what it does to the running release.
pub(crate) type Affected = (Difference, Effect);

/// All that the verdict follows from. The catalogs have the names of the snapshot's home schema.
pub(crate) struct Trial<'a> {
    /// How the engine tells names apart.
    pub dialect: Dialect,
    /// The schema that an unqualified name belongs to.
    pub home: &'a str,
    /// The file of the running release's snapshot.
    pub snapshot: &'a str,
    /// Its catalog.
    pub promised: &'a Catalog,
    /// The migrations that it was made from.
    pub known: Vec<&'a Migration>,
    /// The catalog after these.
    pub base: &'a Catalog,
    /// Those of the pending migrations that the running release has with another text.
    pub changed: Vec<&'a Migration>,
    /// The pending migrations, each with the catalog after it.
    pub pending: Vec<(&'a Migration, &'a Catalog)>,
    /// Findings to pass over.
    pub allow: &'a [Allow],
    /// `unknown` counts as success, too.
    pub accepts_unknown: bool,
}

impl Trial<'_> {
    /// The verdict, with its reasons.
    #[must_use]
    pub(crate) fn judge(&self) -> Compatibility {
        let (after, accepted) = self.affected_after_each();
        let (findings, unjudged) = (self.findings(&after), self.unjudged());
        let snapshot_differs = self.snapshot_differs();
        let migrations = self.staged(&findings, &unjudged);
        let worst = migrations.iter().map(|migration| migration.verdict).max().unwrap_or(Stage::Neutral);
        let verdict = if snapshot_differs.is_empty() { worst } else { worst.max(Stage::Unknown) };
        let last = self.pending.last().map_or(self.base, |(_, catalog)| catalog);
        Compatibility {
            ok: verdict <= Stage::Expand || (verdict == Stage::Unknown && self.accepts_unknown),
            verdict,
            snapshot: self.snapshot.to_owned(),
            migrations,
            findings,
            unjudged,
            accepted,
            snapshot_differs,
            old_release_starts: self.lacking(last, Severity::Error).is_empty(),
        }
    }

    /// What the snapshot has and a catalog has not, from this severity on.
    fn lacking(&self, catalog: &Catalog, least: Severity) -> Vec<Difference> {
        let mut found = differ::compare(self.promised, catalog, self.dialect);
        found.retain(|found| found.severity >= least && !super::is_allowed(found, self.allow, self.home));
        found
    }

    /// In what the migrations of the snapshot no longer make it.
    fn snapshot_differs(&self) -> Vec<String> {
        self.lacking(self.base, Severity::Warning).iter().map(ToString::to_string).collect()
    }

    /// What each pending migration changes, at the first one after which it is so.
    fn findings(&self, after: &[Vec<Affected>]) -> Vec<Impact> {
        let all = self.known.iter().copied().chain(self.pending.iter().map(|(migration, _)| *migration));
        let scripts = all.map(|migration| script::changes(&migration.script)).collect();
        let provenance = Provenance::of(scripts, self.home, self.dialect);
        let is_in = |affected: &Affected, at: usize| after[at].iter().any(|other| are_same(affected, other));
        let mut findings = Vec::new();
        for (at, (migration, _)) in self.pending.iter().enumerate() {
            let new = after[at].iter().filter(|affected| at == 0 || !is_in(affected, at - 1));
            let steps = |affected: &Affected| steps_of(&provenance, &affected.0, self.known.len() + at);
            let new: Vec<(&Affected, Vec<&SchemaStep>)> = new.map(|affected| (affected, steps(affected))).collect();
            let successors = successors(&new);
            for (affected, steps) in &new {
                let object = &affected.0.object;
                let Some(affected) = named(affected, steps.last().copied(), successors.contains(object)) else {
                    continue;
                };
                let line = steps.last().map(|step| step.line).or_else(|| only_line(migration));
                let until = (at + 1..after.len()).find(|later| !is_in(&affected, *later));
                let until = until.map(|later| self.pending[later].0.name.clone());
                findings.push(impact(affected, (migration, line), until));
            }
        }
        findings
    }

    /// What differs for the running release after each pending migration, and what of it `verify_allow` accepts.
    fn affected_after_each(&self) -> (Vec<Vec<Affected>>, Vec<String>) {
        let mut all_accepted = Vec::new();
        let after = self.pending.iter().map(|(_, catalog)| {
            let (accepted, affected): (Vec<Affected>, Vec<Affected>) =
                self.affected(catalog).into_iter().partition(|(difference, _)| self.is_accepted(difference));
            for (difference, effect) in accepted.iter().filter(|(_, effect)| effect.safe_way().is_some()) {
                let text = format!("{} {}", difference.object, effect.predicate());
                if !all_accepted.contains(&text) {
                    all_accepted.push(text);
                }
            }
            affected
        });
        (after.collect(), all_accepted)
    }

    /// Whether a pattern names the object. One for a kind of difference (`extra:*`) is meant for a database that was migrated, where
    /// a new unique index is no more than extra.
    fn is_accepted(&self, difference: &Difference) -> bool {
        let (thing, name) = (difference.object.kind, difference.object.qualified_name());
        self.allow.iter().any(|allow| allow.accepts_object(thing, &name))
    }

    fn affected(&self, catalog: &Catalog) -> Vec<Affected> {
        let mut affected = losses::losses(self.base, catalog, self.dialect);
        affected.extend(refusals::refusals(self.base, catalog, self.dialect));
        for (difference, effect) in &mut affected {
            difference.severity = effect.severity();
            if matches!(effect, Effect::Unfilled | Effect::MayBeFilled) {
                // The effect says as much.
                difference.actual = None;
            }
        }
        affected
    }

    fn unjudged(&self) -> Vec<Unjudged> {
        let pending: Vec<&Migration> = self.pending.iter().map(|(migration, _)| *migration).collect();
        let old = unjudged::Old::new(self.base, &self.known, &pending, self.home);
        let mut found = Vec::new();
        for (migration, _) in &self.pending {
            if self.changed.iter().any(|changed| changed.name == migration.name) {
                let (place, statement) = (place(migration, Some(1)), "all of the file".to_owned());
                found.push(Unjudged { place, statement, cause: CHANGED });
                continue;
            }
            for (line, statement, cause) in old.unjudged(&migration.script) {
                found.push(Unjudged { place: place(migration, Some(line)), statement, cause });
            }
        }
        found
    }

    /// What each pending migration is for the running release.
    fn staged(&self, findings: &[Impact], unjudged: &[Unjudged]) -> Vec<StagedMigration> {
        let mut before = self.base;
        let mut staged = Vec::new();
        for (migration, after) in &self.pending {
            let own = || findings.iter().filter(|finding| finding.place.migration == migration.name);
            let is_unjudged = unjudged.iter().any(|unjudged| unjudged.place.migration == migration.name);
            let verdict = if own().any(|finding| finding.severity > Severity::Notice) {
                Stage::Contract
            } else if is_unjudged || own().any(|finding| finding.effect.is_unknown()) {
                Stage::Unknown
            } else if own().next().is_some() || before != *after {
                Stage::Expand
            } else {
                Stage::Neutral
            };
            before = after;
            let file = migration.path.display().to_string();
            staged.push(StagedMigration { name: migration.name.clone(), file, verdict });
        }
        staged
    }
}

fn are_same((one, of): &Affected, (other, of_other): &Affected) -> bool {
    let is_renaming = |of: &Effect| matches!(of, Effect::Gone | Effect::Renamed | Effect::Refuses | Effect::OtherName);
    let is_same_effect = of == of_other || (is_renaming(of) && is_renaming(of_other));
    is_same_effect && one.kind == other.kind && one.object == other.object
}

fn place(migration: &Migration, line: Option<usize>) -> Place {
    Place { migration: migration.name.clone(), file: migration.path.display().to_string(), line }
}

fn impact(
    (difference, effect): Affected,
    (migration, line): (&Migration, Option<usize>),
    until: Option<String>,
) -> Impact {
    let Difference { kind, object, expected, actual, .. } = difference;
    let accept = format!("{}:{}", object.kind.word(), object.qualified_name());
    let remedy = effect
        .safe_way()
        .map(|way| format!("{way}; or, if the running release is ready for it, accept it: --verify-allow '{accept}'"));
    Impact {
        severity: effect.severity(),
        kind,
        object,
        effect,
        expected,
        actual,
        place: place(migration, line),
        until,
        cause: effect.why(),
        remedy,
    }
}

/// The columns and constraints that have come of others by a change of their name.
fn successors(new: &[(&Affected, Vec<&SchemaStep>)]) -> Vec<ObjectRef> {
    let successor = |((difference, effect), steps): &(&Affected, Vec<&SchemaStep>)| match &steps.last()?.op {
        SchemaOp::Renames(name) if matches!(effect, Effect::Gone | Effect::LessSafe) => {
            Some(ObjectRef { name: name.clone(), ..difference.object.clone() })
        }
        _ => None,
    };
    new.iter().filter_map(successor).collect()
}

/// The change with what the script says of names; `None` where another finding says it already.
fn named(affected: &Affected, step: Option<&SchemaStep>, is_successor: bool) -> Option<Affected> {
    let (difference, effect) = affected.clone();
    let new_name = match step.map(|step| &step.op) {
        Some(SchemaOp::Renames(name)) => Some(name.clone()),
        Some(SchemaOp::Moves(schema)) => {
            let moved = ObjectRef { schema: schema.clone(), ..difference.object.clone() };
            Some(moved.qualified_name())
        }
        _ => None,
    };
    match (effect, new_name) {
        (Effect::Gone, Some(name)) => Some((difference.but(name), Effect::Renamed)),
        (Effect::LessSafe, Some(_)) if difference.object.kind == ObjectKind::Constraint => None,
        (Effect::Unfilled | Effect::MayBeFilled, _) if is_successor => None,
        (Effect::Refuses, _) if is_successor => Some((difference, Effect::OtherName)),
        _ => Some((difference, effect)),
    }
}

/// The steps of the script number `at` on the object of a difference, else on the table or enum that it belongs to.
fn steps_of<'a>(provenance: &'a Provenance, difference: &Difference, at: usize) -> Vec<&'a SchemaStep> {
    let object = &difference.object;
    let own = |object: &ObjectRef| -> Vec<&SchemaStep> {
        provenance.steps(object).into_iter().filter(|step| step.migration == at).collect()
    };
    let whole = |kind| ObjectRef::of(kind, &object.owner());
    let mut candidates = vec![object.clone()];
    if object.kind == ObjectKind::View {
        candidates.push(ObjectRef { kind: ObjectKind::Table, ..object.clone() });
    }
    if difference.kind == DifferenceKind::Extra && object.kind == ObjectKind::PrimaryKey {
        candidates.push(ObjectRef::part_of(&object.owner(), ObjectKind::Index, ""));
    }
    candidates.extend([whole(ObjectKind::Table), whole(ObjectKind::View), whole(ObjectKind::Enum)]);
    candidates.iter().map(own).find(|steps| !steps.is_empty()).unwrap_or_default()
}

/// The line of a script's only statement.
fn only_line(migration: &Migration) -> Option<usize> {
    match migration.script.statements().as_slice() {
        [statement] => Some(migration.script.line_at(statement.offset)),
        _ => None,
    }
}

/// The table or view of this name.
pub(crate) fn relation<'a>(catalog: &'a Catalog, name: &Name, names: differ::Names) -> Option<&'a Table> {
    catalog.tables.iter().chain(&catalog.view_columns).find(|table| names.are_one(&table.name, name))
}
