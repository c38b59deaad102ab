//! What is there, and not as it is expected: in another form, or not expected at all.

use crate::catalog::{Enum, ForeignKey, Name};
use crate::differ;
use crate::finding::{Finding, Severity, Source};
use crate::sql::script::SchemaOp;
use crate::sql::{ObjectKind, ObjectRef};
use crate::verify::diagnose::provenance::Step;
use crate::verify::diagnose::{
    Answer, Diagnoser, SchemaHistory, ahead, is_declared, key, renamed, start_newer, uncreated,
};

impl Diagnoser<'_> {
    pub(crate) fn invalid(&self, object: &ObjectRef) -> Option<String> {
        let steps = self.provenance.steps(object);
        let (SchemaHistory::Made(step) | SchemaHistory::Ahead(step)) = self.tale(&steps) else { return None };
        Some(match object.kind {
            ObjectKind::Index | ObjectKind::Unique => self.says(step, "builds it"),
            _ => format!("{}, and nothing has validated it since", self.says(step, "adds it")),
        })
    }

    /// There, and not expected.
    pub(crate) fn extra(&self, finding: &Finding) -> Answer {
        let steps = self.provenance.steps(&finding.object);
        let Some(told) = &self.told else { return (None, None) };
        if finding.source != Source::Nobody {
            return self.unwanted(&steps);
        }
        let in_the_way = finding.severity == Severity::Error;
        let default = if in_the_way { ", give it a default" } else { "" };
        let keep = format!("take it into the schema file (npx prisma db pull){default}, or drop it in a new migration");
        let removes = |step: &&&Step| {
            !self.is_done(step) && matches!(step.op, SchemaOp::Drops | SchemaOp::Renames(_) | SchemaOp::Moves(_))
        };
        if let Some(step) = steps.iter().find(removes) {
            let does = match step.op {
                SchemaOp::Renames(_) => "gives it another name",
                SchemaOp::Moves(_) => "moves it",
                _ => "drops it",
            };
            return self.to_come(step, does);
        }
        match self.tale(&steps) {
            SchemaHistory::Made(step) => (
                Some(format!("{}: the schema file is older than the folder", self.says(step, "creates it"))),
                Some(keep),
            ),
            SchemaHistory::Ahead(step) => {
                let (cause, _) = self.to_come(step, "creates it");
                (cause.map(|cause| format!("{cause}: what it left, or made by hand")), None)
            }
            SchemaHistory::Gone { gone, .. } => {
                let does = if gone.op == SchemaOp::Drops { "drops it" } else { "gives it another name" };
                let by_hand = self.migration(gone).is_some_and(|migration| migration.by_hand);
                let cause = match by_hand {
                    true => {
                        format!("{}, but was recorded as applied by hand: nothing of it ran", self.says(gone, does))
                    }
                    false => format!("{}, and is applied: it was made again since", self.says(gone, does)),
                };
                (Some(cause), Some("drop it by hand or in a new migration, if nobody needs it".to_owned()))
            }
            SchemaHistory::Uncreated if !told.ahead.is_empty() => (Some(ahead(told)), Some(start_newer(told))),
            SchemaHistory::Uncreated | SchemaHistory::Unseen => {
                let cause = format!("no migration in {} creates it: made by hand, or by another tool", told.folder);
                let remedy = if in_the_way {
                    keep
                } else {
                    "leave it, or take it into the schema file (npx prisma db pull)".to_owned()
                };
                (Some(cause), Some(remedy))
            }
        }
    }

    /// There, and required not to be.
    fn unwanted(&self, steps: &[&Step]) -> Answer {
        let to_come = steps.iter().rev().find(|step| !self.is_done(step));
        if let Some(step) = to_come.filter(|step| step.op == SchemaOp::Drops) {
            return self.to_come(step, "drops it");
        }
        let cause = match self.tale(steps) {
            SchemaHistory::Made(step) => Some(format!("{}, and no migration drops it", self.says(step, "creates it"))),
            _ => self.told.as_ref().map(|told| format!("no migration in {} drops it", told.folder)),
        };
        (cause, None)
    }

    /// There, in another form: who gave it that.
    pub(crate) fn different(&self, finding: &Finding) -> Answer {
        if let Some(answer) = self.elsewhere(finding) {
            return answer;
        }
        let Some(told) = &self.told else { return (None, None) };
        let forms = |step: &&&Step| match (&step.op, finding.aspect) {
            (SchemaOp::Sets(aspect), Some(of)) => *aspect == of,
            (SchemaOp::Creates { .. }, _) => true,
            _ => false,
        };
        // In the place of a table there is a view.
        let steps = match finding.object.kind {
            ObjectKind::Table => self.provenance.steps(&ObjectRef { kind: ObjectKind::View, ..finding.object.clone() }),
            _ => self.provenance.steps(&finding.object),
        };
        let (done, to_come): (Vec<&&Step>, Vec<&&Step>) =
            steps.iter().filter(forms).partition(|step| self.is_done(step));
        if let Some(step) = to_come.first() {
            return self.to_come(step, "changes it");
        }
        let cause = match done.last() {
            Some(step) => {
                let what = step.wording.as_ref().map_or("creates it".to_owned(), |wording| format!("says {wording}"));
                self.says(step, &what)
            }
            None => format!("no migration in {} makes it so", told.folder),
        };
        if !told.ahead.is_empty() {
            return (Some(format!("{cause}; {}, which may be why", ahead(told))), Some(start_newer(told)));
        }
        let remedy = match is_declared(finding) {
            true => "align it in a new migration, or take it into the schema file as it is (npx prisma db pull)",
            false => "align it in a new migration, or correct what requires it",
        };
        (Some(cause), Some(remedy.to_owned()))
    }

    /// A foreign key that leads to other columns than the schema file says.
    fn elsewhere(&self, finding: &Finding) -> Option<Answer> {
        let (table, columns) = (&finding.object.owner(), &finding.object.columns);
        if finding.object.kind != ObjectKind::ForeignKey {
            return None;
        }
        let wanted = self.declared(table)?.foreign_keys.iter().find(|key| key.columns == *columns)?;
        let is_it = |key: &&ForeignKey| finding.actual.as_deref() == Some(differ::described_foreign_key(key).as_str());
        let there = self.table(table)?.foreign_keys.iter().find(is_it)?;
        if (&wanted.target, &wanted.target_columns) == (&there.target, &there.target_columns) {
            return None;
        }
        let target = format!("{} ({})", there.target, there.target_columns.join(", "));
        let fields: Vec<String> =
            there.target_columns.iter().map(|column| self.field_like(&there.target, column)).collect();
        let model = self.model(&there.target);
        let correct = match wanted.target == there.target {
            true => format!("references: [{}]", fields.join(", ")),
            false => format!("to {model}, references: [{}]", fields.join(", ")),
        };
        Some((
            Some(format!("the key leads to {target}, and the relation as it is written joins other rows")),
            Some(format!("correct the relation ({correct}), or the key in a new migration")),
        ))
    }

    /// Whether a migration to come is about it.
    pub(crate) fn awaits(&self, finding: &Finding) -> bool {
        let mut steps = self.provenance.steps(&finding.object);
        if let Some((lacking, _)) = self.unlike_values(finding) {
            let name = &finding.object.owner();
            steps.extend(lacking.iter().flat_map(|value| self.provenance.of_value(name, value)));
        }
        steps.iter().any(|step| !self.is_done(step))
    }

    /// The values that an enum lacks, and those that nobody expects; `None` where it is not there at all.
    pub(crate) fn unlike_values(&self, finding: &Finding) -> Option<(Vec<&String>, Vec<&String>)> {
        if finding.object.kind != ObjectKind::Enum {
            return None;
        }
        let name = key(self.facts.dialect, &finding.object.owner());
        let is_it = |other: &&Enum| key(self.facts.dialect, &other.name) == name;
        let expected = self.facts.expected.iter().flat_map(|catalog| &catalog.enums).find(is_it)?;
        let actual = self.facts.actual?.enums.iter().find(is_it)?;
        let lacking = expected.values.iter().filter(|value| !actual.values.contains(value)).collect();
        let spare = actual.values.iter().filter(|value| !expected.values.contains(value)).collect();
        Some((lacking, spare))
    }

    /// An enum that lacks values, or has more.
    pub(crate) fn values(&self, name: &Name, finding: &Finding) -> Answer {
        let Some((lacking, spare)) = self.unlike_values(finding) else { return (None, None) };
        let similar = |value: &String| spare.iter().find(|other| differ::folded(other) == differ::folded(value));
        let pairs: Vec<String> =
            lacking.iter().filter_map(|value| Some(format!("{value} @map(\"{}\")", similar(value)?))).collect();
        if !pairs.is_empty() {
            let cause = "its values are there under another name or case";
            let remedy = format!("map the values: {}; or rename them (ALTER TYPE … RENAME VALUE)", pairs.join(", "));
            return (Some(cause.to_owned()), Some(remedy));
        }
        let Some(told) = &self.told else { return self.unseen(finding) };
        let Some(first) = lacking.first().or(spare.first()) else { return (None, None) };
        let steps = self.provenance.of_value(name, first);
        match (self.tale(&steps), lacking.is_empty()) {
            (SchemaHistory::Ahead(step), false) => self.to_come(step, &format!("adds {first}")),
            (SchemaHistory::Made(step), false) => self.lost(step, &finding.object),
            (SchemaHistory::Made(step), true) => (
                Some(format!(
                    "{}: the schema file is older than the folder",
                    self.says(step, &format!("adds {first}"))
                )),
                Some("take it into the schema file (npx prisma db pull)".to_owned()),
            ),
            (SchemaHistory::Gone { gone, .. }, false) => {
                let does = format!("takes {first} away");
                (
                    Some(format!("{}: the schema file is older than the folder", self.says(gone, &does))),
                    Some("take it out of the schema file, or add it again in a new migration".to_owned()),
                )
            }
            (_, is_extra) => {
                let of = if is_extra { &spare } else { &lacking };
                let values: Vec<&str> = of.iter().map(|value| value.as_str()).collect();
                let slug = renamed::slug(&format!("add {} to {}", values.first().unwrap_or(&""), name.name));
                let remedy = match is_extra {
                    true => "leave it, or take it into the schema file (npx prisma db pull)".to_owned(),
                    false => uncreated::write(&slug, told, is_declared(finding), "it"),
                };
                (Some(format!("no migration in {} adds {}", told.folder, values.join(", "))), Some(remedy))
            }
        }
    }
}
