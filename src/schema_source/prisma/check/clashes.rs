//! Names in the database that must differ, after `@map` and after generated names are cut to the engine's limit.
//!
//! Prisma: `database_name_clashes` of models and enums in validations, `map.rs` in `psl/parser-database/src/attributes` for
//! columns; `constraint_namespace.rs` in validations for keys and indexes, and `has_valid_mapped_name` for their length.

use std::collections::{HashMap, HashSet};

use crate::base::name_map::NameSet;
use crate::schema_source::prisma::check::{Problems, report};
use crate::schema_source::prisma::schema::{Enumeration, Model, Provider, Schema};
use crate::schema_source::prisma::{Position, lower, names};

/// Reports tables, enums, columns, keys and indexes that share a name.
pub(crate) fn check(schema: &Schema, problems: &mut Problems) {
    let Some(datasource) = &schema.datasource else { return };
    let provider = datasource.provider;
    enums(&schema.enums, problems);
    tables(&schema.models, problems);
    let mut in_schemas = NameSet::default();
    for model in &schema.models {
        columns(model, problems);
        let mut names = ConstraintNames { provider, in_schemas: &mut in_schemas, in_model: NameSet::default(), model };
        if let Some(id) = &model.id {
            names.take(Namespace::Schema, lower::key_name(provider, model, id), id.position, problems);
        }
        for index in &model.indexes {
            names.take(Namespace::Schema, lower::index_name(provider, model, index), index.position, problems);
        }
        if datasource.foreign_keys {
            for relation in &model.relations {
                let name = lower::foreign_key_name(provider, model, relation);
                names.take(Namespace::Model, name, relation.position, problems);
            }
        }
    }
}

fn enums(enums: &[Enumeration], problems: &mut Problems) {
    let mut seen = HashSet::new();
    for of in enums {
        if !seen.insert((of.schema.as_deref(), of.type_name.as_str())) {
            let message =
                format!("there are two enums with the name {:?} in the database; map one to another", of.type_name);
            report(problems, of.position, message);
        }
    }
}

fn tables(models: &[Model], problems: &mut Problems) {
    let mut seen = HashMap::new();
    for model in models {
        let name = (model.schema.as_deref(), model.table.as_str());
        if let Some(other) = seen.insert(name, model.name.as_str()) {
            let message =
                format!("`{}` has the same table as `{other}`: {:?}; map one to another", model.name, model.table);
            report(problems, model.position, message);
        }
    }
}

fn columns(model: &Model, problems: &mut Problems) {
    // The names of fields differ from each other.
    if model.fields.iter().all(|field| field.map.is_none()) {
        return;
    }
    let mut seen = HashMap::new();
    for field in &model.fields {
        if let Some(other) = seen.insert(field.column(), field.name.as_str()) {
            let message = format!("`{}` has the same column as `{other}`: {:?}", field.name, field.column());
            report(problems, field.position, message);
        }
    }
}

/// Within what a name must be unique.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Namespace {
    /// Keys and indexes: PostgreSQL keeps both in one namespace per schema, SQLite its indexes in one per database. MySQL
    /// has one per table.
    Schema,
    /// Foreign keys: only within the table.
    Model,
}

/// The names of keys and indexes that are taken.
struct ConstraintNames<'s, 'm> {
    provider: Provider,
    /// Those of all models, with their schema.
    in_schemas: &'s mut NameSet<(&'m str, String)>,
    in_model: NameSet<String>,
    model: &'m Model,
}

impl ConstraintNames<'_, '_> {
    /// Takes a name; an empty one stands for a constraint without a name.
    fn take(&mut self, scope: Namespace, name: String, position: Position, problems: &mut Problems) {
        if name.is_empty() {
            return;
        }
        let limit = names::limit(self.provider);
        if name.len() > limit {
            report(problems, position, format!("the name {name:?} is longer than {limit} bytes"));
        }
        let is_shared = scope == Namespace::Schema && self.provider != Provider::MySql;
        let schema = self.model.schema.as_deref().unwrap_or_default();
        let is_taken = is_shared && !self.in_schemas.insert((schema, name.clone()));
        if is_taken || self.in_model.contains(&name) {
            let message = format!("there are two keys or indexes with the name {name:?}; set another with `map`");
            report(problems, position, message);
        }
        self.in_model.insert(name);
    }
}
