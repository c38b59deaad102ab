//! Keys and indexes: `@@id`, `@@unique`, `@@index`, `@@fulltext`.

use std::collections::HashSet;

use crate::catalog::Arity;
use crate::schema_source::prisma::check::attributes::Arguments;
use crate::schema_source::prisma::check::{Context, Draft, Problems, Slot, source, unknown, wrong};
use crate::schema_source::prisma::schema::{FieldType, Id, Index, IndexField, IndexKind, Provider, Scalar};
use crate::schema_source::prisma::syntax::{Attribute, Block, Value, ValueKind};

/// Reads a model's block attributes, once its fields are known.
pub(crate) fn read<'a>(block: &'a Block, draft: &mut Draft<'a>, context: &Context, problems: &mut Problems) {
    let mut seen = HashSet::new();
    for attribute in &block.attributes {
        let name = attribute.name.text.as_str();
        match name {
            // Read before.
            "map" | "schema" => {}
            "ignore" | "id" | "shardKey" if !seen.insert(name) => {
                wrong(problems, attribute.name.place, format!("@@{name} stands here twice"));
            }
            "ignore" | "shardKey" => {}
            "id" => id(attribute, draft, context, problems),
            "unique" => index(attribute, IndexKind::Unique, draft, context, problems),
            "index" => index(attribute, IndexKind::Normal, draft, context, problems),
            "fulltext" => {
                if context.provider == Provider::MySql {
                    index(attribute, IndexKind::Fulltext, draft, context, problems);
                } else {
                    let message = format!("{} has no @@fulltext in Prisma", context.provider.name());
                    wrong(problems, attribute.name.place, message);
                }
            }
            _ => unknown(attribute, "@@", "a model", problems),
        }
    }
    for (at, condition) in std::mem::take(&mut draft.conditions) {
        if !context.partial_indexes {
            wrong(problems, condition.place, source::needs("`where`", "partialIndexes"));
        }
        let predicate = predicate(condition, draft, problems);
        draft.model.indexes[at].predicate = predicate;
    }
    identified(draft, problems);
}

/// A row must be something that a client can ask for.
fn identified(draft: &Draft, problems: &mut Problems) {
    let model = &draft.model;
    // A field that was complained of may be the one.
    if draft.ignored || model.id.is_some() || draft.slots.values().any(|slot| *slot == Slot::Unknown) {
        return;
    }
    let required = |index: &&Index| {
        let mut fields = index.fields.iter();
        index.kind == IndexKind::Unique && fields.all(|field| model.fields[field.field].arity == Arity::Required)
    };
    if !model.indexes.iter().any(|index| required(&index)) {
        let message =
            format!("`{}` has neither a key nor a unique index of required fields; add @id or @unique", model.name);
        wrong(problems, model.place, message);
    }
}

fn id(attribute: &Attribute, draft: &mut Draft, context: &Context, problems: &mut Problems) {
    let arguments = Arguments::read(attribute, "@@", &["fields", "name", "map"], 1, problems);
    let fields = columns(&arguments, draft, context, &["length"], problems);
    let map = arguments.text("map", problems);
    for field in &fields {
        let field = &draft.model.fields[field.field];
        if field.arity != Arity::Required {
            let message = format!("`{}` is not required; each field of a primary key is", field.name);
            wrong(problems, attribute.name.place, message);
        }
    }
    if draft.model.id.is_some() {
        let message = format!("`{}` has a field with @id, too; a model has one primary key", draft.model.name);
        return wrong(problems, attribute.name.place, message);
    }
    let fields = fields.iter().map(|field| field.field).collect();
    draft.model.id = Some(Id { fields, map, place: attribute.name.place });
}

fn index<'a>(
    attribute: &'a Attribute,
    kind: IndexKind,
    draft: &mut Draft<'a>,
    context: &Context,
    problems: &mut Problems,
) {
    let (names, of_fields): (&[&str], &[&str]) = match kind {
        IndexKind::Unique => (&["fields", "name", "map", "where"], &["sort", "length"]),
        IndexKind::Normal => (&["fields", "name", "map", "type", "where"], &["sort", "length", "ops"]),
        IndexKind::Fulltext => (&["fields", "name", "map"], &["sort", "length"]),
    };
    let arguments = Arguments::read(attribute, "@@", names, 1, problems);
    let fields = columns(&arguments, draft, context, of_fields, problems);
    if fields.is_empty() && arguments.get("fields").is_none() {
        return;
    }
    let mut map = arguments.text("map", problems);
    if kind != IndexKind::Unique
        && let Some(name) = arguments.get("name")
    {
        // What `map` was called before Prisma 3.
        match map {
            Some(_) => wrong(problems, name.place, "`name` is the old word for `map`; leave `name` out"),
            None => map = arguments.text("name", problems),
        }
    }
    let methods = match context.provider {
        Provider::Postgres => &[
            ("BTree", "btree"),
            ("Hash", "hash"),
            ("Gin", "gin"),
            ("Gist", "gist"),
            ("SpGist", "spgist"),
            ("Brin", "brin"),
        ][..],
        Provider::MySql => &[("BTree", "btree"), ("Hash", "hash")],
        Provider::Sqlite => &[("BTree", "btree")],
    };
    let method = arguments.one_of("type", methods, problems);
    if method == Some("spgist") && fields.len() > 1 {
        wrong(problems, attribute.name.place, "an SpGist index has one field");
    }
    if method == Some("hash") && fields.iter().any(|field| field.descending) {
        wrong(problems, attribute.name.place, "a Hash index has no order; leave `sort` out");
    }
    if let Some(condition) = arguments.get("where") {
        draft.conditions.push((draft.model.indexes.len(), condition));
    }
    let place = attribute.name.place;
    draft.model.indexes.push(Index { fields, kind, map, method: method.map(str::to_owned), predicate: None, place });
}

/// The fields of a key or index, with their own arguments.
fn columns(
    arguments: &Arguments,
    draft: &Draft,
    context: &Context,
    allowed: &[&'static str],
    problems: &mut Problems,
) -> Vec<IndexField> {
    let Some(list) = arguments.get("fields") else {
        arguments.lacks("fields", problems);
        return Vec::new();
    };
    let items = match &list.kind {
        ValueKind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(list),
    };
    if items.is_empty() {
        wrong(problems, list.place, "a key or an index has at least one field");
    }
    // Only MySQL counts characters of a column.
    let allowed: Vec<_> =
        allowed.iter().copied().filter(|name| *name != "length" || context.provider == Provider::MySql).collect();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for item in items {
        let (name, own) = match &item.kind {
            ValueKind::Constant(name) => (name, [].as_slice()),
            ValueKind::Call(name, own) => (name, own.as_slice()),
            _ => {
                wrong(problems, item.place, "a field's name is expected here, without quotes");
                continue;
            }
        };
        let Some(field) = column(name, item, draft, problems) else { continue };
        if !seen.insert(field) {
            wrong(problems, item.place, format!("the field `{name}` stands here twice"));
            continue;
        }
        let own = Arguments::of(format!("`{name}`"), item.place, own, &allowed, 0, problems);
        let class = own.get("ops").and_then(|value| class(value, problems));
        found.push(IndexField { field, descending: descending(&own, problems), class });
    }
    found
}

/// The column that a field's name stands for.
fn column(name: &str, item: &Value, draft: &Draft, problems: &mut Problems) -> Option<usize> {
    match draft.slots.get(name) {
        Some(Slot::Column(at)) => return Some(*at),
        Some(Slot::Unknown) => {}
        Some(Slot::Relation) => {
            wrong(problems, item.place, format!("`{name}` is a relation; name the fields that hold it instead"));
        }
        None => {
            let message = format!("`{}` has no field `{name}`; write its name in this schema", draft.model.name);
            wrong(problems, item.place, message);
        }
    }
    None
}

/// `sort: Desc`
pub(crate) fn descending(arguments: &Arguments, problems: &mut Problems) -> bool {
    arguments.one_of("sort", &[("Asc", false), ("Desc", true)], problems).unwrap_or(false)
}

/// `ops: InetOps`, `ops: raw("gin_trgm_ops")`: the operator class by its name in PostgreSQL.
fn class(value: &Value, problems: &mut Problems) -> Option<String> {
    match &value.kind {
        ValueKind::Call(name, arguments) if name == "raw" => {
            if let [argument] = arguments.as_slice()
                && let ValueKind::Text(text) = &argument.value.kind
            {
                return Some(text.clone());
            }
        }
        // `TimestampTzMinMaxMultiOps` is `timestamptz_minmax_multi_ops`.
        ValueKind::Constant(name) if let Some(rest) = name.strip_suffix("Ops") => {
            let families = [
                ("MinMaxMulti", "_minmax_multi_ops"),
                ("MinMax", "_minmax_ops"),
                ("Bloom", "_bloom_ops"),
                ("Inclusion", "_inclusion_ops"),
                ("Path", "_path_ops"),
                ("", "_ops"),
            ];
            return families
                .into_iter()
                .find_map(|(family, ending)| Some(format!("{}{ending}", rest.strip_suffix(family)?.to_lowercase())));
        }
        _ => {}
    }
    wrong(problems, value.place, "`ops` is an operator class such as InetOps, or raw(\"…\")");
    None
}

/// `where: raw("…")` or `where: { field: value }`, as SQL.
fn predicate(value: &Value, draft: &Draft, problems: &mut Problems) -> Option<String> {
    match &value.kind {
        ValueKind::Call(name, arguments) if name == "raw" => {
            if let [argument] = arguments.as_slice()
                && let ValueKind::Text(text) = &argument.value.kind
                && !text.trim().is_empty()
            {
                return Some(text.clone());
            }
        }
        ValueKind::Object(entries) if !entries.is_empty() => {
            let mut parts = Vec::new();
            for (name, value) in entries {
                let field =
                    column(&name.text, &Value { place: name.place, kind: value.kind.clone() }, draft, problems)?;
                match condition(field, value, draft) {
                    Some(part) => parts.push(part),
                    None => {
                        let message = "a condition is `field: value`, `field: null` or `field: { not: value }`, with a \
                                       value of the field's type";
                        wrong(problems, value.place, message);
                    }
                }
            }
            return Some(format!("({})", parts.join(" AND ")));
        }
        _ => {}
    }
    wrong(problems, value.place, "`where` is raw(\"…\") or { field: value }");
    None
}

fn condition(field: usize, value: &Value, draft: &Draft) -> Option<String> {
    let field = &draft.model.fields[field];
    let column = format!("\"{}\"", field.column.replace('"', "\"\""));
    let (negated, value) = match &value.kind {
        ValueKind::Object(entries) => match entries.as_slice() {
            [(name, value)] if name.text == "not" => (true, value),
            _ => return None,
        },
        _ => (false, value),
    };
    let scalar = match &field.kind {
        FieldType::Scalar(scalar, _) => Some(*scalar),
        _ => None,
    };
    let is_numeric = matches!(scalar, Some(Scalar::Int | Scalar::BigInt | Scalar::Float | Scalar::Decimal));
    let literal = match &value.kind {
        ValueKind::Constant(text) if text == "null" => {
            return Some(format!("{column} IS {}NULL", if negated { "NOT " } else { "" }));
        }
        ValueKind::Constant(text) if scalar == Some(Scalar::Boolean) && (text == "true" || text == "false") => {
            text.clone()
        }
        ValueKind::Number(text) if is_numeric => text.clone(),
        ValueKind::Text(text) if !is_numeric && scalar != Some(Scalar::Boolean) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        _ => return None,
    };
    Some(format!("{column} {} {literal}", if negated { "!=" } else { "=" }))
}
