//! The fields of a model, and the attributes on their lines.
//!
//! Prisma: `resolve_model_attributes` and `visit_scalar_field_attributes` in `psl/parser-database/src/attributes.rs`, and
//! `psl/parser-database/src/types.rs` for what a type's name stands for.

use std::collections::HashSet;

use smol_str::SmolStr;

use crate::catalog::{Arity, Default};
use crate::schema_source::prisma::check::attributes::{Arguments, Level, Signature};
use crate::schema_source::prisma::check::relations::RelationTarget;
use crate::schema_source::prisma::check::{Checker, Declaration, Member, ModelDraft, repeated};
use crate::schema_source::prisma::schema::{self, FieldType, Id, IndexField, IndexKind, ModelIndex, Provider, Scalar};
use crate::schema_source::prisma::syntax::{Attribute, ExpressionKind, FieldSyntax, TypeName};
use crate::schema_source::prisma::types;

/// What a field's type makes of it.
enum ResolvedType {
    Column(FieldType),
    Relation(RelationTarget),
}

impl<'a> Checker<'a> {
    /// Adds a field to its model.
    pub(super) fn field(&mut self, field: &'a FieldSyntax, draft: &mut ModelDraft<'a>) {
        self.valid_name(&field.name);
        let Some(kind) = &field.kind else { return };
        let name = field.name.text.as_ref();
        if draft.members.contains_key(name) {
            let message = format!("`{}` has the field `{name}` twice; remove one", draft.model.name);
            return self.report(field.name.position, message);
        }
        let member = match self.resolve(kind) {
            None => Member::Unknown,
            Some(ResolvedType::Column(resolved)) => self.column(field, resolved, kind.arity, draft),
            Some(ResolvedType::Relation(target)) => {
                draft.relation_fields.push(self.relation_field(field, target, kind.arity));
                Member::Relation
            }
        };
        draft.members.insert(name, member);
    }

    /// What the type's name stands for: a scalar first, then a block of this name.
    fn resolve(&mut self, kind: &TypeName) -> Option<ResolvedType> {
        if let Some(text) = &kind.unsupported {
            return Some(ResolvedType::Column(FieldType::Unsupported(text.to_string())));
        }
        let name = kind.name.text.as_ref();
        if let Some(scalar) = Scalar::of(name) {
            return Some(ResolvedType::Column(FieldType::Scalar(scalar, None)));
        }
        match self.declarations.get(name) {
            Some(Declaration::Model(at)) => Some(ResolvedType::Relation(RelationTarget::Model(*at))),
            Some(Declaration::View) => Some(ResolvedType::Relation(RelationTarget::View)),
            Some(Declaration::Enum(at)) => Some(ResolvedType::Column(FieldType::Enum(*at))),
            // Reported where it is declared.
            Some(Declaration::Composite) => None,
            None => {
                let message = match name {
                    "Unsupported" => "`Unsupported` takes the type's name, as in `Unsupported(\"point\")`".to_owned(),
                    _ => format!("there is no type, enum or model `{name}`; check its spelling"),
                };
                self.report(kind.name.position, message);
                None
            }
        }
    }

    /// Adds a field that has a column.
    ///
    /// Prisma: lists of scalars need the connector's capability `ScalarLists`, which only PostgreSQL has of the three;
    /// an attribute is given once.
    fn column(&mut self, field: &'a FieldSyntax, kind: FieldType, arity: Arity, draft: &mut ModelDraft<'a>) -> Member {
        let (name, position) = (SmolStr::new(&field.name.text), field.name.position);
        let mut column = schema::Field { name, map: None, kind, arity, default: Default::None, position };
        if arity == Arity::List && self.provider != Provider::Postgres {
            let message = format!("{} has no lists of scalars; use Json, or a model of its own", self.provider.name());
            self.report(position, message);
        }
        // Native types first: which defaults are allowed does not depend on the order of attributes.
        let is_native = |attribute: &&Attribute| attribute.name.text.contains('.');
        for attribute in field.attributes.iter().filter(is_native) {
            self.native_type(attribute, &mut column.kind);
        }
        let (mut seen, is_only) = (HashSet::new(), field.attributes.len() == 1);
        for attribute in field.attributes.iter().filter(|attribute| !is_native(attribute)) {
            match is_only || seen.insert(attribute.name.text.as_ref()) {
                true => self.field_attribute(attribute, &mut column, draft),
                false => self.report(attribute.name.position, repeated(attribute, Level::Field)),
            }
        }
        let at = draft.model.fields.len();
        draft.model.fields.push(column);
        Member::Column(at)
    }

    /// Reads one attribute of a column. The column is not among the model's fields yet; its position there is their
    /// number.
    fn field_attribute(&mut self, attribute: &'a Attribute, column: &mut schema::Field, draft: &mut ModelDraft<'a>) {
        let position = attribute.name.position;
        match attribute.name.text.as_ref() {
            "id" => self.field_id(attribute, column.arity, draft),
            "unique" => self.field_unique(attribute, draft),
            "map" => {
                let signature = Signature::first_positional(&["name"]);
                let arguments = Arguments::of_attribute(attribute, Level::Field, signature, &mut self.problems);
                if let Some(name) = arguments.required_text("name", &mut self.problems) {
                    column.map = Some(name.into());
                }
            }
            "default" => column.default = self.default(attribute, &column.kind, column.arity),
            // The client sets it; the database has nothing of it.
            "updatedAt" => {
                Arguments::of_attribute(attribute, Level::Field, Signature::named(&[]), &mut self.problems);
                if !matches!(column.kind, FieldType::Scalar(Scalar::DateTime, _)) || column.arity == Arity::List {
                    self.report(position, "@updatedAt is for fields of the type DateTime");
                }
            }
            "relation" => {
                let message = format!("@relation is for fields whose type is a model; `{}` is none", column.name);
                self.report(position, message);
            }
            // For the client only, and for PlanetScale's shards.
            "ignore" | "shardKey" => {}
            _ => self.unknown_attribute(attribute, Level::Field, "a field"),
        }
    }

    /// `@db.VarChar(30)`.
    ///
    /// Prisma: `psl/parser-database/src/attributes/native_types.rs` (the prefix is the datasource's name, the arguments
    /// are numbers) and `fields::validate_native_type_arguments` in validations.
    fn native_type(&mut self, attribute: &Attribute, kind: &mut FieldType) {
        let position = attribute.name.position;
        let Some((prefix, name)) = attribute.name.text.split_once('.') else { return };
        if prefix != self.datasource {
            let message = format!("native types begin with the datasource's name here: @{}.{name}", self.datasource);
            return self.report(position, message);
        }
        let FieldType::Scalar(scalar, found) = kind else {
            return self.report(position, "only a field of a scalar type has a native type");
        };
        if found.is_some() {
            return self.report(position, "a field has one native type");
        }
        let mut arguments = Vec::new();
        for argument in &attribute.arguments {
            match &argument.value.kind {
                ExpressionKind::Number(number) if let Ok(number) = number.parse() => arguments.push(number),
                _ => return self.report(argument.value.position, format!("`{name}` takes whole numbers")),
            }
        }
        match types::check(self.provider, *scalar, name, &arguments) {
            Ok(()) => *found = Some((name.to_owned(), arguments)),
            Err(message) => self.report(position, message),
        }
    }

    /// `@id`.
    ///
    /// Prisma: `field` and `validate_id_field_arities` in `psl/parser-database/src/attributes/id.rs`: one primary key per
    /// model, of required fields. `length` is an argument for MySQL only.
    fn field_id(&mut self, attribute: &'a Attribute, arity: Arity, draft: &mut ModelDraft<'a>) {
        let names: &[&str] = if self.provider == Provider::MySql { &["map", "length"] } else { &["map"] };
        let arguments = Arguments::of_attribute(attribute, Level::Field, Signature::named(names), &mut self.problems);
        let map = arguments.text("map", &mut self.problems);
        let position = attribute.name.position;
        if arity != Arity::Required {
            self.report(position, "a field with @id is required; it is neither optional nor a list");
        }
        if draft.model.id.is_some() {
            let message =
                format!("`{}` has two primary keys; for a key of several fields write @@id([…])", draft.model.name);
            return self.report(position, message);
        }
        let lengths = vec![self.prefix_length(&arguments)];
        draft.model.id = Some(Id { fields: vec![draft.model.fields.len()], lengths, map, position });
    }

    /// `@unique`.
    ///
    /// Prisma: `visit_field_unique` in `psl/parser-database/src/attributes.rs`.
    fn field_unique(&mut self, attribute: &'a Attribute, draft: &mut ModelDraft<'a>) {
        let names: &[&str] = match self.provider {
            Provider::MySql => &["map", "length", "sort", "where"],
            _ => &["map", "sort", "where"],
        };
        let arguments = Arguments::of_attribute(attribute, Level::Field, Signature::named(names), &mut self.problems);
        if let Some(condition) = arguments.get("where") {
            draft.conditions.push((draft.model.indexes.len(), condition));
        }
        let (descending, length) = (self.is_descending(&arguments), self.prefix_length(&arguments));
        draft.model.indexes.push(ModelIndex {
            fields: vec![IndexField { field: draft.model.fields.len(), descending, length, class: None }],
            kind: IndexKind::Unique,
            map: arguments.text("map", &mut self.problems),
            method: None,
            predicate: None,
            position: attribute.name.position,
        });
    }
}
