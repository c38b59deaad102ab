//! What is declared and no migration creates, taken together: one migration closes the gap, so all of its findings have
//! the same remedy, word for word.

use crate::finding::{DifferenceKind, Finding};
use crate::sql::{ObjectKind, ObjectRef};
use crate::verify::diagnose::{Diagnoser, MigrationFacts, SchemaHistory, is_declared, renamed};

/// What one migration would have to create.
pub(crate) struct Gap {
    /// What the schema file calls it: models, enums, `Model.field`.
    labels: Vec<String>,
    slug: String,
}

/// How many of them are named.
const NAMED: usize = 8;

/// How many indexes and keys are: their names are long, and stand above.
const FEW: usize = 3;

impl Gap {
    pub(crate) fn of(findings: &[Finding], diagnoser: &Diagnoser<'_>) -> Self {
        let is_part = |finding: &&Finding| {
            finding.kind == DifferenceKind::Missing
                && is_declared(finding)
                && finding.object.kind != ObjectKind::Schema
                && matches!(diagnoser.tale(&diagnoser.provenance.steps(&finding.object)), SchemaHistory::Uncreated)
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
        Self { labels, slug }
    }

    /// What closes the gap, of which the finding is a part.
    pub(crate) fn remedy(&self, finding: &Finding, told: &MigrationFacts) -> String {
        if is_declared(finding) {
            return write(&self.slug, told, true, &listed(&self.labels));
        }
        let slug = renamed::slug(&format!("add {}", finding.object.qualified_name()));
        let tool = if told.tool == "prisma" {
            format!(" (npx prisma migrate dev --create-only --name {slug})")
        } else {
            String::new()
        };
        format!("write the migration{tool}, or correct the name")
    }
}

/// How the migration of this name is written, for these things; what a schema file declares Prisma can write.
pub(crate) fn write(slug: &str, told: &MigrationFacts, is_declared: bool, what: &str) -> String {
    match is_declared && told.tool == "prisma" {
        true => format!(
            "npx prisma migrate dev --name {slug} writes the migration for {what}; doorstep diff --script prints its SQL"
        ),
        false => format!("write the migration {slug} for {what}; doorstep diff --script prints its SQL"),
    }
}

/// `A, B and C`.
fn listed(labels: &[String]) -> String {
    match labels {
        [] => "it".to_owned(),
        [one] => one.clone(),
        [first @ .., last] if labels.len() <= NAMED => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", labels[..NAMED].join(", "), labels.len() - NAMED),
    }
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
