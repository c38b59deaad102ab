//! Blocks to a schema: resolves names, reads the arguments of attributes, and applies the rules that Prisma applies. A
//! problem is noted and the check goes on, so that one run reports all of them.
//!
//! Each rule names the place in [prisma-engines](https://github.com/prisma/prisma-engines) that it follows: attributes
//! are read in `psl/parser-database`, and `psl/psl-core/src/validate/validation_pipeline/validations.rs` lists the rules
//! ("validations" below). Rules that change no table, such as those about the client's names, are left out: the service's
//! build has run Prisma's own.

mod attributes;
mod clashes;
mod defaults;
mod enums;
mod fields;
mod indexes;
mod predicate;
mod relations;
mod source;

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use crate::base::name_map::NameMap;
use crate::schema_source::prisma::check::attributes::{Arguments, Level, Signature};
use crate::schema_source::prisma::check::enums::EnumLabels;
use crate::schema_source::prisma::check::source::Features;
use crate::schema_source::prisma::schema::{Model, Provider, Scalar, Schema, View};
use crate::schema_source::prisma::syntax::{Attribute, Block, BlockKind, Expression, Identifier};
use crate::schema_source::prisma::{Position, Problem};

/// Problems so far.
type Problems = Vec<Problem>;

fn report(problems: &mut Problems, position: Position, message: impl Into<String>) {
    problems.push(Problem { position, message: message.into() });
}

/// What the rules about models, enums and views need to know of the whole schema, and the problems found so far.
pub(crate) struct Checker<'a> {
    provider: Provider,
    /// The datasource's name: the prefix of native types.
    datasource: &'a str,
    /// The schemas that the datasource lists.
    schemas: HashSet<String>,
    features: Features,
    /// What each name in the position of a type stands for.
    declarations: NameMap<&'a str, Declaration>,
    enums: Vec<EnumLabels<'a>>,
    problems: Problems,
}

/// What a type's name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declaration {
    /// By its position in [`Schema::models`].
    Model(usize),
    /// By its position in [`Schema::enums`].
    Enum(usize),
    View,
    Composite,
}

/// The schema that the blocks describe.
pub(crate) fn check(blocks: &[Block], files: Vec<String>, problems: &mut Problems) -> Schema {
    let mut schema = Schema { files, ..Schema::default() };
    let features = Features::of(blocks);
    let Some((name, datasource)) = source::read(blocks, &features, problems) else { return schema };
    let mut checker = Checker {
        provider: datasource.provider,
        datasource: name,
        schemas: datasource.schemas.iter().cloned().collect(),
        features,
        declarations: NameMap::default(),
        enums: Vec::new(),
        problems: std::mem::take(problems),
    };
    schema.datasource = Some(datasource);
    checker.declare(blocks);
    checker.unsupported_blocks(blocks);
    for block in blocks_of(blocks, BlockKind::Enum) {
        let enumeration = checker.enumeration(block);
        checker.enums.push(EnumLabels::of(block, &enumeration));
        schema.enums.push(enumeration);
    }
    schema.views = blocks_of(blocks, BlockKind::View).map(|block| checker.view(block)).collect();
    let mut drafts: Vec<_> = blocks_of(blocks, BlockKind::Model).map(|block| checker.model(block)).collect();
    schema.joins = checker.relations(&mut drafts);
    schema.models = drafts.into_iter().map(|draft| draft.model).collect();
    *problems = checker.problems;
    clashes::check(&schema, problems);
    schema
}

fn blocks_of<'a>(blocks: &'a [Block<'a>], kind: BlockKind) -> impl Iterator<Item = &'a Block<'a>> {
    blocks.iter().filter(move |block| block.kind == kind)
}

impl<'a> Checker<'a> {
    fn report(&mut self, position: Position, message: impl Into<String>) {
        report(&mut self.problems, position, message);
    }

    /// Notes what each block's name stands for.
    ///
    /// Prisma: `psl/parser-database/src/names.rs`: names of models, enums, views and types share one namespace, and none
    /// may be that of a scalar type.
    fn declare(&mut self, blocks: &'a [Block]) {
        let (mut models, mut enums) = (0.., 0..);
        for block in blocks.iter().filter(|block| !block.kind.has_settings()) {
            let declaration = match block.kind {
                BlockKind::Model => Declaration::Model(models.next().unwrap_or_default()),
                BlockKind::Enum => Declaration::Enum(enums.next().unwrap_or_default()),
                BlockKind::View => Declaration::View,
                _ => Declaration::Composite,
            };
            self.valid_name(&block.name);
            let (name, position) = (block.name.text.as_ref(), block.name.position);
            if Scalar::of(name).is_some() {
                self.report(position, format!("`{name}` is the name of a scalar type; choose another"));
            }
            if self.declarations.contains_key(name) {
                self.report(position, format!("there are two blocks with the name `{name}`; rename one"));
            } else {
                self.declarations.insert(name, declaration);
            }
        }
    }

    /// Prisma: `composite_types_support` in validations: only MongoDB has composite types; and `views` is a preview
    /// feature.
    fn unsupported_blocks(&mut self, blocks: &[Block]) {
        for block in blocks_of(blocks, BlockKind::Type) {
            let message = format!("composite types exist in MongoDB only, not in {}", self.provider.name());
            self.report(block.name.position, message);
        }
        if !self.features.has("views")
            && let Some(view) = blocks_of(blocks, BlockKind::View).next()
        {
            self.report(view.name.position, source::needs_feature("a view", "views"));
        }
    }

    /// Prisma: `validate_identifier` in `psl/parser-database/src/names.rs`. The grammar accepts a digit at the beginning and
    /// a `-`; this rule does not.
    fn valid_name(&mut self, name: &Identifier) {
        let text = &name.text;
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let message =
                format!("the name `{text}` begins with a digit; begin it with a letter, and use @map or @@map");
            self.report(name.position, message);
        } else if text.contains('-') {
            let message = format!("the name `{text}` contains a `-`; write `_`, and use @map or @@map");
            self.report(name.position, message);
        }
    }

    /// Reads `@@map` and `@@schema` of a model, enum or view.
    ///
    /// Prisma: each at most once; `models::schema_attribute` and `enums::schema_attribute` in validations: the schema is
    /// one of the datasource's, and is required where the datasource lists any.
    fn block_mapping(&mut self, block: &'a Block) -> BlockMapping {
        let mut mapping = BlockMapping { name: None, schema: None };
        let mut seen = HashSet::new();
        for attribute in &block.attributes {
            let name = attribute.name.text.as_ref();
            let (slot, key) = match name {
                "map" => (&mut mapping.name, "name"),
                "schema" => (&mut mapping.schema, "map"),
                _ => continue,
            };
            if !seen.insert(name) {
                report(&mut self.problems, attribute.name.position, repeated(attribute, Level::Block));
            }
            let names = [key];
            let signature = Signature::first_positional(&names);
            let arguments = Arguments::of_attribute(attribute, Level::Block, signature, &mut self.problems);
            *slot = arguments.required_text(key, &mut self.problems);
            if name == "schema"
                && let Some(schema) = &mapping.schema
                && !self.schemas.contains(schema)
            {
                let message = match self.schemas.is_empty() {
                    true => "@@schema needs `schemas = […]` in the datasource".to_owned(),
                    false => format!("the schema {schema:?} is not among the datasource's `schemas`; add it there"),
                };
                self.report(attribute.name.position, message);
            }
        }
        if self.provider == Provider::Postgres && !self.schemas.is_empty() && !seen.contains("schema") {
            let message = format!(
                "`{}` does not say which schema it is in; add @@schema(\"…\"), since the datasource has `schemas`",
                block.name.text
            );
            self.report(block.name.position, message);
        }
        mapping
    }

    fn view(&mut self, block: &'a Block) -> View {
        let mapping = self.block_mapping(block);
        let (name, position) = (block.name.text.to_string(), block.name.position);
        View { view: mapping.name.unwrap_or_else(|| name.clone()), name, schema: mapping.schema, position }
    }

    /// Reads a model: its fields, then its block attributes, which refer to the fields. Relations are read once all
    /// models are known.
    fn model(&mut self, block: &'a Block) -> ModelDraft<'a> {
        let mapping = self.block_mapping(block);
        let name = block.name.text.to_string();
        let mut draft = ModelDraft {
            model: Model {
                table: mapping.name.unwrap_or_else(|| name.clone()),
                name,
                schema: mapping.schema,
                fields: Vec::with_capacity(block.fields.len()),
                id: None,
                indexes: Vec::new(),
                relations: Vec::new(),
                position: block.name.position,
            },
            members: NameMap::with_capacity_and_hasher(block.fields.len(), BuildHasherDefault::default()),
            relation_fields: Vec::new(),
            conditions: Vec::new(),
            is_ignored: block.attributes.iter().any(|attribute| attribute.name.text == "ignore"),
        };
        for field in &block.fields {
            self.field(field, &mut draft);
        }
        self.block_attributes(block, &mut draft);
        draft
    }

    fn unknown_attribute(&mut self, attribute: &Attribute, level: Level, of: &str) {
        let message = format!("`{}{}` is no attribute of {of}; check its spelling", level.sign(), attribute.name.text);
        self.report(attribute.name.position, message);
    }
}

/// The message for an attribute that is there twice.
fn repeated(attribute: &Attribute, level: Level) -> String {
    format!("{}{} is given twice", level.sign(), attribute.name.text)
}

/// What `@@map` and `@@schema` say.
struct BlockMapping {
    /// The name in the database.
    name: Option<String>,
    schema: Option<String>,
}

/// A model whose relations are not resolved yet.
pub(crate) struct ModelDraft<'a> {
    model: Model,
    /// What each field's name stands for.
    members: NameMap<&'a str, Member>,
    relation_fields: Vec<relations::RelationField<'a>>,
    /// `where` of an index, by the position of the index among the model's indexes.
    conditions: Vec<(usize, &'a Expression<'a>)>,
    /// The model has `@@ignore`: Prisma's client does not use it.
    is_ignored: bool,
}

/// What a field of a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    /// A column, by its position in [`Model::fields`].
    Column(usize),
    /// A relation, which has no column of its own.
    Relation,
    /// A field whose type was reported: later rules that need it are silent.
    Unknown,
}
