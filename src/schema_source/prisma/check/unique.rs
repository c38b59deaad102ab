//! Names in the database that must differ, after all mapping and cutting.

use std::collections::{HashMap, HashSet};

use crate::schema_source::prisma::check::{Problems, wrong};
use crate::schema_source::prisma::schema::{Provider, Schema};
use crate::schema_source::prisma::{Place, lower, names};

/// Complains of tables, columns, keys and indexes that share a name.
pub(crate) fn check(schema: &Schema, provider: Provider, problems: &mut Problems) {
    let mut types = HashSet::new();
    for of in &schema.enums {
        if !types.insert((of.schema.as_deref(), of.type_name.as_str())) {
            let message =
                format!("there are two enums with the name {:?} in the database; map one to another", of.type_name);
            wrong(problems, of.place, message);
        }
    }
    let mut tables = HashMap::new();
    // PostgreSQL has keys and indexes in one namespace per schema; SQLite has indexes in one.
    let mut names = HashSet::new();
    for model in &schema.models {
        let within = model.schema.as_deref().unwrap_or_default();
        if let Some(other) = tables.insert((within, model.table.as_str()), model.name.as_str()) {
            let message =
                format!("`{}` has the same table as `{other}`: {:?}; map one to another", model.name, model.table);
            wrong(problems, model.place, message);
        }
        let mut columns = HashMap::new();
        for field in &model.fields {
            if let Some(other) = columns.insert(field.column.as_str(), field.name.as_str()) {
                let message = format!("`{}` has the same column as `{other}`: {:?}", field.name, field.column);
                wrong(problems, field.place, message);
            }
        }
        let mut own = HashSet::new();
        let mut taken = |shared: bool, name: String, place: Place, problems: &mut Problems| {
            if name.is_empty() {
                return;
            }
            if name.len() > names::limit(provider) {
                let message = format!("the name {name:?} is longer than {} bytes", names::limit(provider));
                wrong(problems, place, message);
            }
            let known = shared && !names.insert((within, name.clone()));
            if !own.insert(name.clone()) || known {
                let message = format!("there are two keys or indexes with the name {name:?}; set another with `map`");
                wrong(problems, place, message);
            }
        };
        let shared = provider != Provider::MySql;
        if let Some(id) = &model.id {
            taken(shared, lower::key_name(provider, model, id), id.place, problems);
        }
        for index in &model.indexes {
            taken(shared, lower::index_name(provider, model, index), index.place, problems);
        }
        if schema.datasource.as_ref().is_some_and(|source| source.foreign_keys) {
            for relation in &model.relations {
                taken(false, lower::foreign_key_name(provider, model, relation), relation.place, problems);
            }
        }
    }
}
