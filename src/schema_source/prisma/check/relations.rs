//! Relations: which fields belong together, and what the database has of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::catalog::{Action, Arity};
use crate::schema_source::prisma::check::attributes::Arguments;
use crate::schema_source::prisma::check::{Context, Draft, Problems, Slot, wrong};
use crate::schema_source::prisma::schema::{FieldType, IndexKind, Join, Model, Relation};
use crate::schema_source::prisma::syntax::Field;
use crate::schema_source::prisma::{Place, names};

/// What a relation field points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Model(usize),
    View,
}

/// A relation field.
pub(crate) struct Link<'a> {
    name: &'a str,
    place: Place,
    target: Target,
    arity: Arity,
    /// `@relation("name")`
    relation: Option<String>,
    fields: Option<Vec<(&'a str, Place)>>,
    references: Option<Vec<(&'a str, Place)>>,
    on_delete: Option<Action>,
    on_update: Option<Action>,
    map: Option<String>,
    ignored: bool,
}

const ACTIONS: &[(&str, Action)] = &[
    ("Cascade", Action::Cascade),
    ("Restrict", Action::Restrict),
    ("NoAction", Action::NoAction),
    ("SetNull", Action::SetNull),
    ("SetDefault", Action::SetDefault),
];

/// Reads a relation field.
pub(crate) fn link<'a>(field: &'a Field, target: Target, arity: Arity, problems: &mut Problems) -> Link<'a> {
    let mut link = Link {
        name: &field.name.text,
        place: field.name.place,
        target,
        arity,
        relation: None,
        fields: None,
        references: None,
        on_delete: None,
        on_update: None,
        map: None,
        ignored: false,
    };
    let mut seen = HashSet::new();
    for attribute in &field.attributes {
        let name = attribute.name.text.as_str();
        if !seen.insert(name) {
            wrong(problems, attribute.name.place, format!("@{name} stands here twice"));
            continue;
        }
        match name {
            "ignore" => link.ignored = true,
            "relation" => {
                let names = ["name", "fields", "references", "onDelete", "onUpdate", "map"];
                let arguments = Arguments::read(attribute, "@", &names, 1, problems);
                link.relation = arguments.text("name", problems);
                link.fields = arguments.names("fields", problems);
                link.references = arguments.names("references", problems);
                link.on_delete = arguments.one_of("onDelete", ACTIONS, problems);
                link.on_update = arguments.one_of("onUpdate", ACTIONS, problems);
                link.map = arguments.text("map", problems);
            }
            _ => {
                let message = format!("@{name} is not for relations; `{}` has no column of its own", link.name);
                wrong(problems, attribute.name.place, message);
            }
        }
    }
    link
}

/// A relation field, by its model and its place among the model's relation fields.
type At = (usize, usize);

/// Puts the relations with columns into their models, and gives the join tables back.
pub(crate) fn resolve(drafts: &mut [Draft], context: &Context, problems: &mut Problems) -> Vec<Join> {
    let mut pairs: BTreeMap<(usize, usize, Option<String>), Vec<At>> = BTreeMap::new();
    let mut found = Vec::new();
    let keys: Vec<_> = drafts.iter().map(|draft| keys(&draft.model)).collect();
    for (model, draft) in drafts.iter().enumerate() {
        for (at, link) in draft.links.iter().enumerate() {
            if let Target::Model(target) = link.target {
                let key = (model.min(target), model.max(target), link.relation.clone());
                pairs.entry(key).or_default().push((model, at));
                let ignored = drafts[target].ignored && !link.ignored && !draft.ignored;
                if ignored {
                    let message = format!("`{}` points to a model with @@ignore; add @ignore", link.name);
                    wrong(problems, link.place, message);
                }
            }
            found.extend(columns(model, link, drafts, &keys, problems).map(|relation| (model, relation)));
        }
    }
    let mut joins = Vec::new();
    for ((.., relation), links) in pairs {
        joins.extend(pair(relation, &links, drafts, context, problems));
    }
    joins.sort_by_key(|join: &Join| join.place);
    for (model, relation) in found {
        drafts[model].model.relations.push(relation);
    }
    joins
}

/// The columns of a relation that has them on this side.
fn columns(model: usize, link: &Link, drafts: &[Draft], keys: &[Keys], problems: &mut Problems) -> Option<Relation> {
    let (fields, references) = match (&link.fields, &link.references) {
        (Some(fields), Some(references)) if !fields.is_empty() => (fields, references),
        (None, None) => return None,
        _ => {
            let message = format!("@relation of `{}` has both `fields` and `references`, or neither", link.name);
            wrong(problems, link.place, message);
            return None;
        }
    };
    if link.arity == Arity::List {
        let message = format!("`{}` is a list; `fields` and `references` stand on the other side", link.name);
        wrong(problems, link.place, message);
        return None;
    }
    if fields.len() != references.len() {
        let message = format!("@relation of `{}` has more `fields` than `references`, or less", link.name);
        wrong(problems, link.place, message);
        return None;
    }
    let Target::Model(target) = link.target else { return None };
    let fields = among(fields, &drafts[model], problems)?;
    let references = among(references, &drafts[target], problems)?;
    let own = |at: &usize| &drafts[model].model.fields[*at];
    let required = fields.iter().any(|at| own(at).arity == Arity::Required);
    if link.arity == Arity::Required && fields.iter().any(|at| own(at).arity == Arity::Optional) {
        let message =
            format!("`{}` is required, but a field that holds it is optional; add a `?`, or take it away", link.name);
        wrong(problems, link.place, message);
    }
    if !keys[target].contains(&references.iter().copied().collect::<BTreeSet<_>>()) {
        let other = &drafts[target].model.name;
        let message = format!("`{}` points to fields of `{other}` that are not unique; add @unique there", link.name);
        wrong(problems, link.place, message);
    }
    for (at, reference) in fields.iter().zip(&references) {
        let (field, other) = (own(at), &drafts[target].model.fields[*reference]);
        if !alike(&field.kind, &other.kind) {
            let message = format!("`{}` has another type than `{}`, to which it points", field.name, other.name);
            wrong(problems, field.place, message);
        }
    }
    Some(Relation {
        on_delete: link.on_delete.unwrap_or(if required { Action::Restrict } else { Action::SetNull }),
        on_update: link.on_update.unwrap_or(Action::Cascade),
        fields,
        target,
        references,
        map: link.map.clone(),
        place: link.place,
    })
}

/// Whether one may point to the other: native types are the database's affair.
fn alike(one: &FieldType, other: &FieldType) -> bool {
    match (one, other) {
        (FieldType::Scalar(one, _), FieldType::Scalar(other, _)) => one == other,
        (FieldType::Enum(one), FieldType::Enum(other)) => one == other,
        (FieldType::Unsupported(_), FieldType::Unsupported(_)) => true,
        _ => false,
    }
}

/// The fields of each key and each unique index of a model.
type Keys = HashSet<BTreeSet<usize>>;

fn keys(model: &Model) -> Keys {
    let key = model.id.iter().map(|id| id.fields.iter().copied().collect());
    let unique = model.indexes.iter().filter(|index| index.kind == IndexKind::Unique);
    key.chain(unique.map(|index| index.fields.iter().map(|field| field.field).collect())).collect()
}

fn among(fields: &[(&str, Place)], draft: &Draft, problems: &mut Problems) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    for (name, place) in fields {
        match draft.slots.get(name) {
            Some(Slot::Column(at)) => found.push(*at),
            Some(Slot::Unknown) => {}
            Some(Slot::Relation) => {
                let message = format!("`{name}` is a relation itself; name the fields that hold it");
                wrong(problems, *place, message);
            }
            None => wrong(problems, *place, format!("`{}` has no field `{name}`", draft.model.name)),
        }
    }
    (found.len() == fields.len()).then_some(found)
}

/// Looks at the fields of one relation, which should be two; gives the join table that they imply.
fn pair(
    relation: Option<String>,
    links: &[At],
    drafts: &[Draft],
    context: &Context,
    problems: &mut Problems,
) -> Option<Join> {
    let link = |at: &At| &drafts[at.0].links[at.1];
    let &[first, second] = links else {
        let last = links.last()?;
        let (link, model) = (link(last), &drafts[last.0].model.name);
        let message = match links.len() {
            1 => format!(
                "the relation `{}` of `{model}` lacks its other side: a field in the model it points to",
                link.name
            ),
            _ => format!(
                "`{}` of `{model}` is one of several relations of these models; name each pair: @relation(\"…\")",
                link.name
            ),
        };
        wrong(problems, link.place, message);
        return None;
    };
    // Two models, each with one side; or one model with both.
    if Target::Model(second.0) != link(&first).target {
        for at in [first, second] {
            let message =
                format!("the relation `{}` of `{}` lacks its other side", link(&at).name, drafts[at.0].model.name);
            wrong(problems, link(&at).place, message);
        }
        return None;
    }
    let lists = [first, second].map(|at| link(&at).arity == Arity::List);
    let held = [first, second].map(|at| link(&at).fields.is_some());
    match (lists, held) {
        ([true, true], [false, false]) => {}
        (_, [true, true]) => {
            let message = format!("both sides of the relation `{}` have `fields`; one side has", link(&second).name);
            wrong(problems, link(&second).place, message);
            return None;
        }
        ([false, false] | [true, false] | [false, true], [false, false]) => {
            let at = if lists[1] { first } else { second };
            let message = format!(
                "neither side of `{}` says what holds it; add @relation(fields: […], references: […])",
                link(&at).name
            );
            wrong(problems, link(&at).place, message);
            return None;
        }
        _ => return None,
    }
    // A is the model, or the field of the same model, whose name comes first in the order of bytes.
    let key = |at: &At| (&drafts[at.0].model.name, link(at).name);
    let (a, b) = if key(&first) <= key(&second) { (first, second) } else { (second, first) };
    let names = [a, b].map(|at| drafts[at.0].model.name.as_str());
    let relation = relation.unwrap_or_else(|| format!("{}To{}", names[0], names[1]));
    let mut sides = [(0, 0); 2];
    for (side, at) in sides.iter_mut().zip([a, b]) {
        let model = &drafts[at.0].model;
        match model.id.as_ref().map(|id| id.fields.as_slice()) {
            Some([field]) => *side = (at.0, *field),
            _ => {
                let message = format!("a many-to-many relation needs an @id of one field in `{}`", model.name);
                wrong(problems, link(&at).place, message);
                return None;
            }
        }
    }
    Some(Join { table: names::join_table(context.provider, &relation), sides, place: link(&a).place })
}
