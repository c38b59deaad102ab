//! What is declared and no migration creates, taken together: one migration closes the gap, so all of its findings have
//! the same remedy, word for word.

use crate::finding::remedy::{Labels, Write};
use crate::finding::{Difference, DifferenceKind};
use crate::sql::{ObjectKind, ObjectRef};
use crate::verify::diagnose::{Diagnoser, MigrationFacts, SchemaHistory, is_declared, renamed};

/// What one migration would have to create.
pub(crate) struct MissingObjects {
    /// What the schema file calls it: models, enums, `Model.field`.
    labels: Labels,
    slug: String,
}

/// How many indexes and keys are: their names are long, and stand above.
const FEW: usize = 3;

impl MissingObjects {
    pub(crate) fn of(findings: &[Difference], diagnoser: &Diagnoser<'_>) -> Self {
        let is_part = |finding: &&Difference| {
            finding.kind == DifferenceKind::Missing
                && is_declared(finding)
                && finding.object.kind != ObjectKind::Schema
                && matches!(
                    diagnoser.schema_history(&diagnoser.provenance.steps(&finding.object)),
                    SchemaHistory::Uncreated
                )
        };
        let (mut tables, mut enums, mut columns, mut others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for finding in findings.iter().filter(is_part) {
            let (object, owner) = (&finding.object, finding.object.owner());
            match object.kind {
                ObjectKind::Table => tables.push(diagnoser.model(&owner)),
                ObjectKind::Enum => enums.push(owner.name),
                ObjectKind::Column => {
                    columns.push((diagnoser.model(&owner), diagnoser.field(&owner, &object.name)));
                }
                _ => others.push(object.clone()),
            }
        }
        let slug = slug(&tables, &enums, &columns, &others);
        let columns = columns.into_iter().map(|(model, field)| format!("{model}.{field}"));
        let mut labels: Vec<String> = tables.into_iter().chain(enums).chain(columns).collect();
        if labels.is_empty() {
            labels = match others.len() {
                0..=FEW => others.iter().map(ToString::to_string).collect(),
                many => vec![format!("all {many} that are missing")],
            };
        }
        Self { labels: Labels::new(labels), slug }
    }

    /// The migration that creates them all, of which the object of this difference is one.
    pub(crate) fn remedy(&self, difference: &Difference, facts: &MigrationFacts) -> Write {
        if is_declared(difference) {
            return write(self.slug.clone(), facts, true, self.labels.clone());
        }
        let slug = renamed::slug(&format!("add {}", difference.object.qualified_name()));
        Write::OrCorrectName { slug, by_prisma: facts.by_prisma }
    }
}

/// A new migration of this name, for these things; what a schema file declares Prisma can write.
pub(crate) fn write(slug: String, facts: &MigrationFacts, is_declared: bool, what: Labels) -> Write {
    Write::New { slug, by_prisma: is_declared && facts.by_prisma, what }
}

/// A name for the migration: `add_sla_policy`, `add_sla_tables`, `add_resolution_to_alert_log`.
fn slug(tables: &[String], enums: &[String], columns: &[(String, String)], others: &[ObjectRef]) -> String {
    let subjects = |names: &[String], many: &str| match names {
        [one] => one.clone(),
        [one, other] if renamed::common_word(names).is_none() => format!("{one} and {other}"),
        names => match renamed::common_word(names) {
            Some(word) => format!("{word} {many}"),
            None => format!("{} and {} more {many}", names[0], names.len() - 1),
        },
    };
    renamed::slug(&match (tables, columns, enums, others) {
        ([_, ..], ..) => format!("add {}", subjects(tables, "tables")),
        (_, [(model, field)], ..) => format!("add {field} to {model}"),
        (_, [(model, _), rest @ ..], ..) => match rest.iter().all(|(other, _)| other == model) {
            true => format!("add {} fields to {model}", rest.len() + 1),
            false => "add missing fields".to_owned(),
        },
        (_, _, [_, ..], _) => format!("add {}", subjects(enums, "enums")),
        (_, _, _, [one]) => format!("add {}", one.qualified_name().rsplit('.').next().unwrap_or_default()),
        (_, _, _, [..]) => "add what is missing".to_owned(),
    })
}
