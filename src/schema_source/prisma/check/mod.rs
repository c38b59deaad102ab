//! Blocks to a schema: names resolved, arguments understood. Whatever is wrong is noted, and the rest read on.

pub mod attributes;
pub mod defaults;
pub mod fields;
pub mod indexes;
pub mod relations;
pub mod source;
pub mod unique;

use std::collections::{HashMap, HashSet};

use crate::schema_source::prisma::check::attributes::Arguments;
use crate::schema_source::prisma::schema::{Enumeration, Model, Provider, Scalar, Schema, View};
use crate::schema_source::prisma::syntax::{Attribute, Block, Kind, Value, Word};
use crate::schema_source::prisma::{Place, Problem};

/// What a type's name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Model(usize),
    Enum(usize),
    View,
    Composite,
}

/// What all checks need to know.
pub(crate) struct Context<'a> {
    provider: Provider,
    /// The datasource's name: the prefix of native types.
    prefix: &'a str,
    schemas: &'a Listed<'a>,
    /// `partialIndexes`
    partial_indexes: bool,
    names: HashMap<&'a str, Named>,
    enums: Vec<Values<'a>>,
}

/// The schemas that the datasource lists.
type Listed<'a> = HashSet<&'a str>;

/// An enum, as defaults need it.
struct Values<'a> {
    name: &'a str,
    /// What the database calls each value.
    labels: HashMap<&'a str, &'a str>,
}

/// Problems so far.
type Problems = Vec<Problem>;

fn wrong(problems: &mut Problems, place: Place, message: impl Into<String>) {
    problems.push(Problem { place, message: message.into() });
}

/// The schema that the blocks describe.
pub(crate) fn check(blocks: &[Block], files: Vec<String>, problems: &mut Problems) -> Schema {
    let mut schema = Schema { files, ..Schema::default() };
    let features = source::features(blocks);
    let Some((prefix, source)) = source::find(blocks, &features, problems) else { return schema };
    let (provider, schemas) = (source.provider, source.schemas.clone());
    let schemas = schemas.iter().map(String::as_str).collect();
    schema.datasource = Some(source);

    let names = names(blocks, problems);
    for block in of(blocks, Kind::Type) {
        let message = format!("composite types exist in MongoDB only, not in {}", provider.name());
        wrong(problems, block.name.place, message);
    }
    if !features.has("views")
        && let Some(view) = of(blocks, Kind::View).next()
    {
        wrong(problems, view.name.place, source::needs("a view", "views"));
    }
    let read_enum = |block| enumeration(block, provider, &schemas, problems);
    schema.enums = of(blocks, Kind::Enum).map(read_enum).collect();
    for block in of(blocks, Kind::View) {
        let head = Head::read(block, &schemas, provider, problems);
        let (name, place) = (block.name.text.clone(), block.name.place);
        schema.views.push(View { view: head.mapped.unwrap_or_else(|| name.clone()), name, schema: head.schema, place });
    }

    let context = Context {
        provider,
        prefix: &prefix,
        schemas: &schemas,
        partial_indexes: features.has("partialIndexes"),
        names,
        enums: schema.enums.iter().map(values).collect(),
    };
    let mut drafts: Vec<_> = of(blocks, Kind::Model).map(|block| model(block, &context, problems)).collect();
    schema.joins = relations::resolve(&mut drafts, &context, problems);
    schema.models = drafts.into_iter().map(|draft| draft.model).collect();
    unique::check(&schema, provider, problems);
    schema
}

fn of(blocks: &[Block], kind: Kind) -> impl Iterator<Item = &Block> {
    blocks.iter().filter(move |block| block.kind == kind)
}

/// What each name of a block stands for.
fn names<'a>(blocks: &'a [Block], problems: &mut Problems) -> HashMap<&'a str, Named> {
    let mut names = HashMap::new();
    let (mut models, mut enums) = (0.., 0..);
    for block in blocks.iter().filter(|block| !block.kind.has_settings()) {
        let named = match block.kind {
            Kind::Model => Named::Model(models.next().unwrap_or_default()),
            Kind::Enum => Named::Enum(enums.next().unwrap_or_default()),
            Kind::View => Named::View,
            _ => Named::Composite,
        };
        usable(&block.name, problems);
        let name = block.name.text.as_str();
        if Scalar::of(name).is_some() {
            wrong(problems, block.name.place, format!("`{name}` is the name of a scalar type; choose another"));
        }
        if names.contains_key(name) {
            wrong(problems, block.name.place, format!("there are two blocks with the name `{name}`; rename one"));
        } else {
            names.insert(name, named);
        }
    }
    names
}

/// Complains of a name that the grammar allows and Prisma does not.
fn usable(name: &Word, problems: &mut Problems) {
    let text = &name.text;
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        let message = format!("the name `{text}` begins with a digit; begin it with a letter, and use @map or @@map");
        wrong(problems, name.place, message);
    } else if text.contains('-') {
        let message = format!("the name `{text}` contains a `-`; write `_`, and use @map or @@map");
        wrong(problems, name.place, message);
    }
}

/// What `@@map` and `@@schema` say.
struct Head {
    mapped: Option<String>,
    schema: Option<String>,
}

impl Head {
    fn read(block: &Block, schemas: &Listed<'_>, provider: Provider, problems: &mut Problems) -> Self {
        let mut head = Self { mapped: None, schema: None };
        let mut seen = HashSet::new();
        for attribute in &block.attributes {
            let name = attribute.name.text.as_str();
            let slot = match name {
                "map" => &mut head.mapped,
                "schema" => &mut head.schema,
                _ => continue,
            };
            if !seen.insert(name) {
                wrong(problems, attribute.name.place, format!("@@{name} stands here twice"));
            }
            let key = if name == "map" { "name" } else { "map" };
            let arguments = Arguments::read(attribute, "@@", &[key], 1, problems);
            *slot = arguments.text(key, problems);
            if slot.is_none() {
                arguments.lacks(key, problems);
            }
            if name == "schema"
                && let Some(schema) = &head.schema
                && !schemas.contains(schema.as_str())
            {
                let message = match schemas.is_empty() {
                    true => "@@schema needs `schemas = […]` in the datasource".to_owned(),
                    false => format!("the schema {schema:?} is not among the datasource's `schemas`; add it there"),
                };
                wrong(problems, attribute.name.place, message);
            }
        }
        if provider == Provider::Postgres && !schemas.is_empty() && !seen.contains("schema") {
            let message = format!(
                "`{}` says not which schema it is in; add @@schema(\"…\"), since the datasource has `schemas`",
                block.name.text
            );
            wrong(problems, block.name.place, message);
        }
        head
    }
}

fn enumeration(block: &Block, provider: Provider, schemas: &Listed<'_>, problems: &mut Problems) -> Enumeration {
    let head = Head::read(block, schemas, provider, problems);
    let name = block.name.text.clone();
    for attribute in &block.attributes {
        if !matches!(attribute.name.text.as_str(), "map" | "schema") {
            unknown(attribute, "@@", "an enum", problems);
        }
    }
    let mut seen = HashSet::new();
    let mut values = Vec::new();
    for field in &block.fields {
        let value = &field.name;
        usable(value, problems);
        let mut label = None;
        for attribute in &field.attributes {
            if attribute.name.text != "map" {
                unknown(attribute, "@", "an enum's value", problems);
                continue;
            }
            let arguments = Arguments::read(attribute, "@", &["name"], 1, problems);
            label = arguments.text("name", problems);
            if label.is_none() {
                arguments.lacks("name", problems);
            }
        }
        let label = label.unwrap_or_else(|| value.text.clone());
        if !seen.insert(value.text.as_str()) {
            let message = format!("the enum `{name}` has the value `{}` twice; remove one", value.text);
            wrong(problems, value.place, message);
        }
        values.push((value.text.clone(), label));
    }
    if values.is_empty() {
        wrong(problems, block.name.place, format!("the enum `{name}` has no values; give it one, or remove it"));
    }
    let type_name = head.mapped.unwrap_or_else(|| name.clone());
    Enumeration { name, type_name, schema: head.schema, values, place: block.name.place }
}

fn values(of: &Enumeration) -> Values<'_> {
    // Of a value that stands there twice, the first.
    let labels = of.values.iter().rev().map(|(value, label)| (value.as_str(), label.as_str())).collect();
    Values { name: &of.name, labels }
}

fn unknown(attribute: &Attribute, signs: &str, of: &str, problems: &mut Problems) {
    let message = format!("`{signs}{}` is no attribute of {of}; check its spelling", attribute.name.text);
    wrong(problems, attribute.name.place, message);
}

/// A model in the making.
pub(crate) struct Draft<'a> {
    model: Model,
    /// What its fields' names stand for.
    slots: HashMap<&'a str, Slot>,
    /// Its relation fields.
    links: Vec<relations::Link<'a>>,
    /// `where` of an index, by its place among the model's indexes.
    conditions: Vec<(usize, &'a Value)>,
    /// `@@ignore`
    ignored: bool,
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// A column, by its place among the model's fields.
    Column(usize),
    /// A relation.
    Relation,
    /// Something that was complained of.
    Unknown,
}

fn model<'a>(block: &'a Block, context: &Context, problems: &mut Problems) -> Draft<'a> {
    let head = Head::read(block, context.schemas, context.provider, problems);
    let name = block.name.text.clone();
    let mut draft = Draft {
        model: Model {
            table: head.mapped.unwrap_or_else(|| name.clone()),
            name,
            schema: head.schema,
            fields: Vec::new(),
            id: None,
            indexes: Vec::new(),
            relations: Vec::new(),
            place: block.name.place,
        },
        slots: HashMap::new(),
        links: Vec::new(),
        conditions: Vec::new(),
        ignored: block.attributes.iter().any(|attribute| attribute.name.text == "ignore"),
    };
    for field in &block.fields {
        fields::read(field, &mut draft, context, problems);
    }
    indexes::read(block, &mut draft, context, problems);
    draft
}
