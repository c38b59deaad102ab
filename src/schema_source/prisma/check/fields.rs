//! A model's fields.

use std::collections::HashSet;

use crate::catalog::{Arity, Default};
use crate::schema_source::prisma::check::attributes::Arguments;
use crate::schema_source::prisma::check::relations::{self, Target};
use crate::schema_source::prisma::check::{
    Context, Draft, Named, Problems, Slot, defaults, indexes, unknown, usable, wrong,
};
use crate::schema_source::prisma::schema::{self, FieldType, Id, Index, IndexField, IndexKind, Scalar};
use crate::schema_source::prisma::syntax::{Attribute, Field, TypeName, ValueKind};
use crate::schema_source::prisma::types;

/// Adds a field to its model.
pub(crate) fn read<'a>(field: &'a Field, draft: &mut Draft<'a>, context: &Context, problems: &mut Problems) {
    usable(&field.name, problems);
    let Some(kind) = &field.kind else { return };
    if draft.slots.contains_key(field.name.text.as_str()) {
        let message = format!("`{}` has the field `{}` twice; remove one", draft.model.name, field.name.text);
        return wrong(problems, field.name.place, message);
    }
    let slot = match resolve(kind, context, problems) {
        None => Slot::Unknown,
        Some(Resolved::Column(resolved)) => column(field, resolved, kind.arity, draft, context, problems),
        Some(Resolved::Relation(target)) => {
            draft.links.push(relations::link(field, target, kind.arity, problems));
            Slot::Relation
        }
    };
    draft.slots.insert(field.name.text.as_str(), slot);
}

enum Resolved {
    Column(FieldType),
    Relation(Target),
}

/// What the type's name stands for.
fn resolve(kind: &TypeName, context: &Context, problems: &mut Problems) -> Option<Resolved> {
    if let Some(text) = &kind.unsupported {
        return Some(Resolved::Column(FieldType::Unsupported(text.clone())));
    }
    let name = kind.name.text.as_str();
    if let Some(scalar) = Scalar::of(name) {
        return Some(Resolved::Column(FieldType::Scalar(scalar, None)));
    }
    match context.names.get(name) {
        Some(Named::Model(at)) => Some(Resolved::Relation(Target::Model(*at))),
        Some(Named::View) => Some(Resolved::Relation(Target::View)),
        Some(Named::Enum(at)) => Some(Resolved::Column(FieldType::Enum(*at))),
        // Complained of where it is declared.
        Some(Named::Composite) => None,
        None => {
            let message = match name {
                "Unsupported" => "`Unsupported` takes the type's name, as in `Unsupported(\"point\")`".to_owned(),
                _ => format!("there is no type, enum or model `{name}`; check its spelling"),
            };
            wrong(problems, kind.name.place, message);
            None
        }
    }
}

fn column<'a>(
    field: &'a Field,
    mut kind: FieldType,
    arity: Arity,
    draft: &mut Draft<'a>,
    context: &Context,
    problems: &mut Problems,
) -> Slot {
    let at = draft.model.fields.len();
    let (mut mapped, mut default) = (None, Default::None);
    if arity == Arity::List && context.provider != schema::Provider::Postgres {
        let message = format!("{} has no lists of scalars; use Json, or a model of its own", context.provider.name());
        wrong(problems, field.name.place, message);
    }
    // Native types first: what a default may be does not depend on the order of attributes.
    let (natives, others): (Vec<_>, Vec<_>) =
        field.attributes.iter().partition(|attribute| attribute.name.text.contains('.'));
    for attribute in natives {
        native(attribute, &mut kind, context, problems);
    }
    let mut seen = HashSet::new();
    for attribute in others {
        let name = attribute.name.text.as_str();
        if !seen.insert(name) {
            wrong(problems, attribute.name.place, format!("@{name} stands here twice"));
            continue;
        }
        match name {
            "id" => id(attribute, at, arity, draft, context, problems),
            "unique" => unique(attribute, at, draft, context, problems),
            "map" => {
                let arguments = Arguments::read(attribute, "@", &["name"], 1, problems);
                mapped = arguments.text("name", problems);
                if mapped.is_none() {
                    arguments.lacks("name", problems);
                }
            }
            "default" => default = defaults::read(attribute, &kind, arity, context, problems),
            "updatedAt" => {
                Arguments::read(attribute, "@", &[], 0, problems);
                if !matches!(kind, FieldType::Scalar(Scalar::DateTime, _)) || arity == Arity::List {
                    wrong(problems, attribute.name.place, "@updatedAt is for fields of the type DateTime");
                }
            }
            "relation" => {
                let message = format!("@relation is for fields whose type is a model; `{}` is none", field.name.text);
                wrong(problems, attribute.name.place, message);
            }
            "ignore" | "shardKey" => {}
            _ => unknown(attribute, "@", "a field", problems),
        }
    }
    draft.model.fields.push(schema::Field {
        name: field.name.text.clone(),
        column: mapped.unwrap_or_else(|| field.name.text.clone()),
        kind,
        arity,
        default,
        place: field.name.place,
    });
    Slot::Column(at)
}

/// `@db.VarChar(30)`
fn native(attribute: &Attribute, kind: &mut FieldType, context: &Context, problems: &mut Problems) {
    let place = attribute.name.place;
    let Some((prefix, name)) = attribute.name.text.split_once('.') else { return };
    if prefix != context.prefix {
        let message = format!("native types begin with the datasource's name here: @{}.{name}", context.prefix);
        return wrong(problems, place, message);
    }
    let FieldType::Scalar(scalar, found) = kind else {
        return wrong(problems, place, "only a field of a scalar type has a native type");
    };
    if found.is_some() {
        return wrong(problems, place, "a field has one native type");
    }
    let mut arguments = Vec::new();
    for argument in &attribute.arguments {
        match &argument.value.kind {
            ValueKind::Number(number) if let Ok(number) = number.parse() => {
                arguments.push(number);
            }
            _ => return wrong(problems, argument.value.place, format!("`{name}` takes whole numbers")),
        }
    }
    match types::check(context.provider, *scalar, name, &arguments) {
        Ok(()) => *found = Some((name.to_owned(), arguments)),
        Err(message) => wrong(problems, place, message),
    }
}

fn id(attribute: &Attribute, at: usize, arity: Arity, draft: &mut Draft, context: &Context, problems: &mut Problems) {
    let arguments = Arguments::read(
        attribute,
        "@",
        if context.provider == schema::Provider::MySql { &["map", "length"] } else { &["map"] },
        0,
        problems,
    );
    let map = arguments.text("map", problems);
    if arity != Arity::Required {
        wrong(problems, attribute.name.place, "a field with @id is required; it is neither optional nor a list");
    }
    if draft.model.id.is_some() {
        let message =
            format!("`{}` has two primary keys; for a key of several fields write @@id([…])", draft.model.name);
        return wrong(problems, attribute.name.place, message);
    }
    draft.model.id = Some(Id { fields: vec![at], map, place: attribute.name.place });
}

fn unique<'a>(attribute: &'a Attribute, at: usize, draft: &mut Draft<'a>, context: &Context, problems: &mut Problems) {
    let names: &[&str] = match context.provider {
        schema::Provider::MySql => &["map", "length", "sort", "where"],
        _ => &["map", "sort", "where"],
    };
    let arguments = Arguments::read(attribute, "@", names, 0, problems);
    let descending = indexes::descending(&arguments, problems);
    draft.model.indexes.push(Index {
        fields: vec![IndexField { field: at, descending, class: None }],
        kind: IndexKind::Unique,
        map: arguments.text("map", problems),
        method: None,
        predicate: None,
        place: attribute.name.place,
    });
    if let Some(condition) = arguments.get("where") {
        let index = draft.model.indexes.len() - 1;
        draft.conditions.push((index, condition));
    }
}
