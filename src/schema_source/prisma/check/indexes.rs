//! The block attributes of a model: `@@id`, `@@unique`, `@@index`, `@@fulltext`.
//!
//! Prisma: `resolve_model_attributes` in `psl/parser-database/src/attributes.rs`, and the rules of `indexes.rs` and
//! `models.rs` in validations.

use std::collections::HashSet;

use smol_str::SmolStr;

use crate::catalog::Arity;
use crate::schema_source::prisma::Position;
use crate::schema_source::prisma::check::attributes::{Arguments, Level, Signature, Title};
use crate::schema_source::prisma::check::{Checker, Member, ModelDraft, repeated};
use crate::schema_source::prisma::schema::{Id, IndexField, IndexKind, ModelIndex, Provider};
use crate::schema_source::prisma::syntax::{Attribute, Block, Expression, ExpressionKind};

impl<'a> Checker<'a> {
    /// Reads a model's block attributes, once its fields are known.
    ///
    /// Prisma: `@@id`, `@@ignore` and `@@shardKey` at most once.
    pub(super) fn block_attributes(&mut self, block: &'a Block, draft: &mut ModelDraft<'a>) {
        let mut seen = HashSet::new();
        for attribute in &block.attributes {
            let name = attribute.name.text.as_ref();
            match name {
                // Read with the head of the block.
                "map" | "schema" => {}
                "ignore" | "id" | "shardKey" if !seen.insert(name) => {
                    self.report(attribute.name.position, repeated(attribute, Level::Block));
                }
                "ignore" | "shardKey" => {}
                "id" => self.block_id(attribute, draft),
                "unique" => self.index(attribute, IndexKind::Unique, draft),
                "index" => self.index(attribute, IndexKind::Normal, draft),
                // Prisma: `indexes::fulltext_index_supported`: of the three, only MySQL has them.
                "fulltext" if self.provider == Provider::MySql => self.index(attribute, IndexKind::Fulltext, draft),
                "fulltext" => {
                    let message = format!("{} has no @@fulltext in Prisma", self.provider.name());
                    self.report(attribute.name.position, message);
                }
                _ => self.unknown_attribute(attribute, Level::Block, "a model"),
            }
        }
        self.index_conditions(draft);
        self.strict_unique_criteria(draft);
    }

    /// Prisma: `models::has_a_strict_unique_criteria` in validations: a client can only address a row by a primary key, or
    /// by a unique index of required fields. Models with `@@ignore` have no client.
    fn strict_unique_criteria(&mut self, draft: &ModelDraft<'_>) {
        let model = &draft.model;
        // A field that was reported may be the key.
        let is_unclear = draft.members.values().any(|member| *member == Member::Unknown);
        if draft.is_ignored || model.id.is_some() || is_unclear {
            return;
        }
        let is_strict = |index: &ModelIndex| {
            let mut fields = index.fields.iter();
            index.kind == IndexKind::Unique && fields.all(|field| model.fields[field.field].arity == Arity::Required)
        };
        if !model.indexes.iter().any(is_strict) {
            let message =
                format!("`{}` has neither a key nor a unique index of required fields; add @id or @unique", model.name);
            self.report(model.position, message);
        }
    }

    /// `@@id([a, b])`.
    ///
    /// Prisma: `model` in `psl/parser-database/src/attributes/id.rs`: all fields are required, and no field has `@id`.
    fn block_id(&mut self, attribute: &'a Attribute, draft: &mut ModelDraft<'a>) {
        let signature = Signature::first_positional(&["fields", "name", "map"]);
        let arguments = Arguments::of_attribute(attribute, Level::Block, signature, &mut self.problems);
        let fields = self.index_fields(&arguments, draft, &["length"]);
        let map = arguments.text("map", &mut self.problems);
        let position = attribute.name.position;
        for field in &fields {
            let field = &draft.model.fields[field.field];
            if field.arity != Arity::Required {
                self.report(position, format!("`{}` is not required; each field of a primary key is", field.name));
            }
        }
        if draft.model.id.is_some() {
            let message = format!("`{}` has a field with @id, too; a model has one primary key", draft.model.name);
            return self.report(position, message);
        }
        let lengths = fields.iter().map(|field| field.length).collect();
        let fields = fields.iter().map(|field| field.field).collect();
        draft.model.id = Some(Id { fields, lengths, map, position });
    }

    /// `@@unique`, `@@index` or `@@fulltext`.
    fn index(&mut self, attribute: &'a Attribute, kind: IndexKind, draft: &mut ModelDraft<'a>) {
        let (names, of_fields): (&[&str], &[&str]) = match kind {
            IndexKind::Unique => (&["fields", "name", "map", "where"], &["sort", "length"]),
            // Operator classes: `indexes::opclasses_are_not_allowed_with_other_than_normal_indices`.
            IndexKind::Normal => (&["fields", "name", "map", "type", "where"], &["sort", "length", "ops"]),
            IndexKind::Fulltext => (&["fields", "name", "map"], &["sort", "length"]),
        };
        let signature = Signature::first_positional(names);
        let arguments = Arguments::of_attribute(attribute, Level::Block, signature, &mut self.problems);
        let fields = self.index_fields(&arguments, draft, of_fields);
        if fields.is_empty() && arguments.get("fields").is_none() {
            return;
        }
        let map = self.index_name(&arguments, kind);
        let method = self.index_method(&arguments, &fields, attribute.name.position);
        if let Some(condition) = arguments.get("where") {
            draft.conditions.push((draft.model.indexes.len(), condition));
        }
        let position = attribute.name.position;
        draft.model.indexes.push(ModelIndex { fields, kind, map, method, predicate: None, position });
    }

    /// The index's name in the database. `name` of `@@index` is what `map` was called before Prisma 3; `name` of
    /// `@@unique` is for the client only.
    fn index_name(&mut self, arguments: &Arguments<'_>, kind: IndexKind) -> Option<String> {
        let map = arguments.text("map", &mut self.problems);
        match arguments.get("name") {
            Some(name) if kind != IndexKind::Unique => match map {
                Some(_) => {
                    self.report(name.position, "`name` is the old word for `map`; leave `name` out");
                    map
                }
                None => arguments.text("name", &mut self.problems),
            },
            _ => map,
        }
    }

    /// `type: Gin`, in lower case.
    ///
    /// Prisma: `indexes::index_algorithm_is_supported`, `hash_index_must_not_use_sort_param`, and
    /// `spgist_indexed_column_count` of the PostgreSQL connector.
    fn index_method(&mut self, arguments: &Arguments<'_>, fields: &[IndexField], position: Position) -> Option<String> {
        let methods = match self.provider {
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
        let method = arguments.one_of("type", methods, &mut self.problems)?;
        if method == "spgist" && fields.len() > 1 {
            self.report(position, "an SpGist index has one field");
        }
        if method == "hash" && fields.iter().any(|field| field.descending) {
            self.report(position, "a Hash index has no order; leave `sort` out");
        }
        Some(method.to_owned())
    }

    /// The fields of a key or index, each with the arguments that are `allowed`: `[email(sort: Desc), id]`.
    ///
    /// Prisma: `indexes::has_fields`, and `resolve_field_array_with_args` in `psl/parser-database/src/attributes.rs`: each
    /// is a scalar field of this model, and is named once. `field_length_prefix_supported`: only MySQL takes `length`.
    fn index_fields(
        &mut self,
        arguments: &Arguments<'_>,
        draft: &ModelDraft<'_>,
        allowed: &[&'static str],
    ) -> Vec<IndexField> {
        let Some(list) = arguments.get("fields") else {
            arguments.report_missing("fields", &mut self.problems);
            return Vec::new();
        };
        let items = match &list.kind {
            ExpressionKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(list),
        };
        if items.is_empty() {
            self.report(list.position, "a key or an index has at least one field");
        }
        let is_mysql = self.provider == Provider::MySql;
        let allowed: Vec<_> = allowed.iter().copied().filter(|name| *name != "length" || is_mysql).collect();
        let mut found: Vec<IndexField> = Vec::with_capacity(items.len());
        for item in items {
            let (name, own) = match &item.kind {
                ExpressionKind::Constant(name) => (name, [].as_slice()),
                ExpressionKind::Call(name, own) => (name, own.as_slice()),
                _ => {
                    self.report(item.position, "a field's name is expected here, without quotes");
                    continue;
                }
            };
            let Some(field) = self.member_column(name, item.position, draft) else { continue };
            if found.iter().any(|other| other.field == field) {
                self.report(item.position, format!("the field `{name}` is given twice"));
                continue;
            }
            let (title, signature) = (Title("`", name, "`"), Signature::named(&allowed));
            let own = Arguments::of_call(title, item.position, own, signature, &mut self.problems);
            let class = own.get("ops").and_then(|value| self.operator_class(value));
            let (descending, length) = (self.is_descending(&own), self.prefix_length(&own));
            found.push(IndexField { field, descending, length, class: class.map(SmolStr::from) });
        }
        found
    }

    /// The column of the field with this name; reports a name that has none.
    pub(super) fn member_column(&mut self, name: &str, position: Position, draft: &ModelDraft<'_>) -> Option<usize> {
        match draft.members.get(name) {
            Some(Member::Column(at)) => return Some(*at),
            // Reported with the field.
            Some(Member::Unknown) => {}
            Some(Member::Relation) => {
                self.report(position, format!("`{name}` is a relation; name the fields that hold it instead"));
            }
            None => {
                let message = format!("`{}` has no field `{name}`; write its name in this schema", draft.model.name);
                self.report(position, message);
            }
        }
        None
    }

    /// `sort: Desc`.
    pub(super) fn is_descending(&mut self, arguments: &Arguments<'_>) -> bool {
        let sort = arguments.one_of("sort", &[("Asc", false), ("Desc", true)], &mut self.problems);
        sort.unwrap_or(false)
    }

    /// `length: 20`.
    pub(super) fn prefix_length(&mut self, arguments: &Arguments<'_>) -> Option<u32> {
        let value = arguments.get("length")?;
        match &value.kind {
            ExpressionKind::Number(number) if let Ok(length) = number.parse() => Some(length),
            _ => {
                self.report(value.position, "`length` is a whole number");
                None
            }
        }
    }

    /// `ops: InetOps`, `ops: raw("gin_trgm_ops")`: the operator class by its name in PostgreSQL.
    ///
    /// Prisma: `OperatorClass` in `psl/parser-database/src/types.rs`. Its constants are PostgreSQL's names in another
    /// spelling: `TimestampTzMinMaxMultiOps` is `timestamptz_minmax_multi_ops`.
    fn operator_class(&mut self, value: &Expression) -> Option<String> {
        match &value.kind {
            ExpressionKind::Call(name, arguments) if name == "raw" => {
                if let [argument] = arguments.as_slice()
                    && let ExpressionKind::Text(text) = &argument.value.kind
                {
                    return Some(text.to_string());
                }
            }
            ExpressionKind::Constant(name) if let Some(rest) = name.strip_suffix("Ops") => {
                let families = [
                    ("MinMaxMulti", "_minmax_multi_ops"),
                    ("MinMax", "_minmax_ops"),
                    ("Bloom", "_bloom_ops"),
                    ("Inclusion", "_inclusion_ops"),
                    ("Path", "_path_ops"),
                    ("", "_ops"),
                ];
                return families.into_iter().find_map(|(family, ending)| {
                    Some(format!("{}{ending}", rest.strip_suffix(family)?.to_lowercase()))
                });
            }
            _ => {}
        }
        self.report(value.position, "`ops` is an operator class such as InetOps, or raw(\"…\")");
        None
    }
}
