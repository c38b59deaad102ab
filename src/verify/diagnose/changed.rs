//! What is there, and not as it is expected: in another form, or not expected at all.

use crate::catalog::Enum;
use crate::differ;
use crate::finding::cause::{Does, NoMigration, OtherName, Then};
use crate::finding::remedy::{Labels, NameFix, SchemaFileFix, Write};
use crate::finding::{Cause, Detail, Diagnosis, Difference, Remedy, Severity, Source};
use crate::sql::script::SchemaOp;
use crate::sql::{ObjectKind, ObjectRef};
use crate::verify::diagnose::provenance::SchemaStep;
use crate::verify::diagnose::{Diagnoser, SchemaHistory, is_declared, key, renamed, start_newer, uncreated};

impl Diagnoser<'_> {
    pub(crate) fn invalid(&self, object: &ObjectRef) -> Diagnosis {
        let steps = self.provenance.steps(object);
        let (SchemaHistory::Made(step) | SchemaHistory::Ahead(step)) = self.schema_history(&steps) else {
            return Diagnosis::default();
        };
        let cause = match object.kind {
            ObjectKind::Index | ObjectKind::Unique => self.cause(step, Does::Builds, Then::Nothing),
            _ => self.cause(step, Does::Adds, Then::NotValidated),
        };
        Diagnosis { cause: Some(cause), remedy: None }
    }

    /// There, and not expected.
    pub(crate) fn extra(&self, difference: &Difference) -> Diagnosis {
        let steps = self.provenance.steps(&difference.object);
        let Some(facts) = &self.migrations else { return Diagnosis::default() };
        if difference.source != Source::Nobody {
            return self.unwanted(&steps);
        }
        let needs_default = difference.severity == Severity::Error;
        let take_in = || Remedy::SchemaFile(SchemaFileFix::TakeInOrDrop { needs_default });
        let removal = |step: &&SchemaStep| match step.op {
            SchemaOp::Drops => Some(Does::Drops),
            SchemaOp::Renames(_) => Some(Does::Renames(None)),
            SchemaOp::Moves(_) => Some(Does::Moves(None)),
            _ => None,
        };
        let to_come = steps.iter().filter(|step| !self.is_done(step));
        if let Some((step, does)) = to_come.filter_map(|step| Some((step, removal(step)?))).next() {
            return self.to_come(step, does);
        }
        match self.schema_history(&steps) {
            SchemaHistory::Made(step) => {
                let then = Then::SourceIsOlder { made: None, source: None };
                Diagnosis::new(self.cause(step, Does::Creates, then), take_in())
            }
            SchemaHistory::Ahead(step) => {
                let state = self.migration(step).map(|migration| self.unfinished(migration).0);
                let cause = state.map(|state| self.cause(step, Does::Creates, Then::UnfinishedButThere(state)));
                Diagnosis { cause, remedy: None }
            }
            SchemaHistory::Gone { gone, .. } => {
                let does = if gone.op == SchemaOp::Drops { Does::Drops } else { Does::Renames(None) };
                let by_hand = self.migration(gone).is_some_and(|migration| migration.by_hand);
                let then = if by_hand { Then::ByHand(None) } else { Then::MadeAgain };
                Diagnosis::new(self.cause(gone, does, then), Remedy::SchemaFile(SchemaFileFix::Drop))
            }
            SchemaHistory::Uncreated if !facts.ahead.is_empty() => {
                Diagnosis::new(Cause::Newer(facts.ahead.clone()), start_newer(facts))
            }
            SchemaHistory::Uncreated | SchemaHistory::Unseen => {
                let cause = Cause::NoMigration(NoMigration::CreatesExtra(facts.folder.clone()));
                let leave = Remedy::SchemaFile(SchemaFileFix::LeaveOrTakeIn);
                Diagnosis::new(cause, if needs_default { take_in() } else { leave })
            }
        }
    }

    /// There, and required not to be.
    fn unwanted(&self, steps: &[&SchemaStep]) -> Diagnosis {
        let to_come = steps.iter().rev().find(|step| !self.is_done(step));
        if let Some(step) = to_come.filter(|step| step.op == SchemaOp::Drops) {
            return self.to_come(step, Does::Drops);
        }
        let cause = match self.schema_history(steps) {
            SchemaHistory::Made(step) => Some(self.cause(step, Does::Creates, Then::NotDropped)),
            _ => self.migrations.as_ref().map(|facts| Cause::NoMigration(NoMigration::Drops(facts.folder.clone()))),
        };
        Diagnosis { cause, remedy: None }
    }

    /// There, in another form: who gave it that.
    pub(crate) fn different(&self, difference: &Difference) -> Diagnosis {
        if let Some(diagnosis) = self.elsewhere(difference) {
            return diagnosis;
        }
        let Some(facts) = &self.migrations else { return Diagnosis::default() };
        let forms = |step: &&&SchemaStep| match (&step.op, &difference.detail) {
            (SchemaOp::Sets(aspect), Detail::Aspect(of)) => aspect == of,
            (SchemaOp::Creates { .. }, _) => true,
            _ => false,
        };
        // In the place of a table there is a view.
        let steps = match difference.object.kind {
            ObjectKind::Table => {
                self.provenance.steps(&ObjectRef { kind: ObjectKind::View, ..difference.object.clone() })
            }
            _ => self.provenance.steps(&difference.object),
        };
        let (done, to_come): (Vec<&&SchemaStep>, Vec<&&SchemaStep>) =
            steps.iter().filter(forms).partition(|step| self.is_done(step));
        if let Some(step) = to_come.first() {
            return self.to_come(step, Does::Changes);
        }
        let cause = match done.last() {
            Some(step) => {
                let does = step.wording.as_ref().map_or(Does::Creates, |wording| Does::Says(wording.clone()));
                self.cause(step, does, Then::Nothing)
            }
            None => Cause::NoMigration(NoMigration::MakesSo(facts.folder.clone())),
        };
        if !facts.ahead.is_empty() {
            return Diagnosis::new(Cause::PerhapsNewer(Box::new(cause), facts.ahead.clone()), start_newer(facts));
        }
        Diagnosis::new(cause, Remedy::Write(Write::Alignment { declared: is_declared(difference) }))
    }

    /// A foreign key that leads to other columns than the schema file says.
    fn elsewhere(&self, difference: &Difference) -> Option<Diagnosis> {
        let Detail::ForeignKey { expected, actual: Some(there) } = &difference.detail else { return None };
        self.declared(&difference.object.owner())?;
        if (&expected.target, &expected.target_columns) == (&there.target, &there.target_columns) {
            return None;
        }
        let columns = there.target_columns.iter();
        let fields: Vec<String> = columns.map(|column| self.field_like(&there.target, column)).collect();
        let model = (expected.target != there.target).then(|| self.model(&there.target));
        let cause = OtherName::Target(there.target.clone(), there.target_columns.clone());
        Some(Diagnosis::new(Cause::Names(cause), Remedy::SchemaFile(SchemaFileFix::Relation(model, fields))))
    }

    /// Whether a migration to come is about it.
    pub(crate) fn is_awaited(&self, difference: &Difference) -> bool {
        let mut steps = self.provenance.steps(&difference.object);
        if let Some((lacking, _)) = self.unlike_values(difference) {
            let name = &difference.object.owner();
            steps.extend(lacking.iter().flat_map(|value| self.provenance.of_value(name, value)));
        }
        steps.iter().any(|step| !self.is_done(step))
    }

    /// The values that an enum lacks, and those that no source expects; `None` where it is not there at all.
    pub(crate) fn unlike_values(&self, difference: &Difference) -> Option<(Vec<&String>, Vec<&String>)> {
        if difference.object.kind != ObjectKind::Enum {
            return None;
        }
        let name = key(self.facts.dialect, &difference.object.owner());
        let is_it = |other: &&Enum| key(self.facts.dialect, &other.name) == name;
        let expected = self.facts.expected.iter().flat_map(|catalog| &catalog.enums).find(is_it)?;
        let actual = self.facts.actual?.enums.iter().find(is_it)?;
        let lacking = expected.values.iter().filter(|value| !actual.values.contains(value)).collect();
        let spare = actual.values.iter().filter(|value| !expected.values.contains(value)).collect();
        Some((lacking, spare))
    }

    /// An enum that lacks values, or has more.
    pub(crate) fn values(&self, difference: &Difference) -> Diagnosis {
        let Some((lacking, spare)) = self.unlike_values(difference) else { return Diagnosis::default() };
        let similar = |value: &String| spare.iter().find(|other| differ::folded(other) == differ::folded(value));
        let pair = |value: &&String| Some(((*value).clone(), (*similar(value)?).clone()));
        let pairs: Vec<(String, String)> = lacking.iter().filter_map(pair).collect();
        if !pairs.is_empty() {
            return Diagnosis::new(Cause::Names(OtherName::Values), Remedy::Name(NameFix::MapValues(pairs)));
        }
        let Some(facts) = &self.migrations else { return self.unseen(difference) };
        let Some(first) = lacking.first().or(spare.first()) else { return Diagnosis::default() };
        let (name, value) = (difference.object.owner(), (*first).clone());
        let steps = self.provenance.of_value(&name, &value);
        let older = || Then::SourceIsOlder { made: None, source: None };
        match (self.schema_history(&steps), lacking.is_empty()) {
            (SchemaHistory::Ahead(step), false) => self.to_come(step, Does::AddsValue(value)),
            (SchemaHistory::Made(step), false) => self.lost(step, &difference.object),
            (SchemaHistory::Made(step), true) => {
                let cause = self.cause(step, Does::AddsValue(value), older());
                Diagnosis::new(cause, Remedy::SchemaFile(SchemaFileFix::TakeIn))
            }
            (SchemaHistory::Gone { gone, .. }, false) => {
                let cause = self.cause(gone, Does::RemovesValue(value), older());
                Diagnosis::new(cause, Remedy::SchemaFile(SchemaFileFix::RemoveValue))
            }
            (_, is_extra) => {
                let of = if is_extra { &spare } else { &lacking };
                let values = of.iter().map(|value| (*value).clone()).collect();
                let slug = renamed::slug(&format!("add {value} to {}", name.name));
                let remedy = match is_extra {
                    true => Remedy::SchemaFile(SchemaFileFix::LeaveOrTakeIn),
                    false => Remedy::Write(uncreated::write(slug, facts, is_declared(difference), Labels::default())),
                };
                Diagnosis::new(Cause::NoMigration(NoMigration::Adds(facts.folder.clone(), values)), remedy)
            }
        }
    }
}
