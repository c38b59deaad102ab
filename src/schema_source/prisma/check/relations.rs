//! Relations: which two fields belong together, and what the database has of it: a foreign key on the side that has
//! `fields`, or a join table where both sides are lists.
//!
//! Prisma: `psl/parser-database/src/relations.rs` pairs the fields; `relation_fields.rs` and `relations.rs` in validations
//! hold the rules. Rules about the referential actions and cycles of MongoDB and SQL Server do not concern the engines
//! here.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::base::sorting;
use crate::catalog::{Action, Arity};
use crate::schema_source::prisma::check::attributes::{Arguments, Level, Signature};
use crate::schema_source::prisma::check::{Checker, Member, ModelDraft, repeated};
use crate::schema_source::prisma::schema::{FieldType, IndexKind, Join, Model, Relation};
use crate::schema_source::prisma::syntax::FieldSyntax;
use crate::schema_source::prisma::{Position, names};

/// What a relation field points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RelationTarget {
    /// By its position among the models.
    Model(usize),
    /// Views have no keys that could be checked.
    View,
}

/// A relation field, and what its `@relation` says.
pub(crate) struct RelationField<'a> {
    name: &'a str,
    position: Position,
    target: RelationTarget,
    arity: Arity,
    /// `@relation("name")`
    relation: Option<String>,
    fields: Option<Vec<(&'a str, Position)>>,
    references: Option<Vec<(&'a str, Position)>>,
    on_delete: Option<Action>,
    on_update: Option<Action>,
    map: Option<String>,
    is_ignored: bool,
}

const ACTIONS: &[(&str, Action)] = &[
    ("Cascade", Action::Cascade),
    ("Restrict", Action::Restrict),
    ("NoAction", Action::NoAction),
    ("SetNull", Action::SetNull),
    ("SetDefault", Action::SetDefault),
];

/// A relation field with its model: one side of a relation.
#[derive(Clone, Copy)]
struct Side<'d, 'a> {
    /// The position of the model among all models.
    at: usize,
    draft: &'d ModelDraft<'a>,
    field: &'d RelationField<'a>,
}

/// Which relation a field belongs to: its two models, the lower position first, and the name in `@relation`.
type RelationKey = (usize, usize, Option<String>);

/// The fields of each primary key and unique index of a model.
type UniqueFields = HashSet<BTreeSet<usize>>;

impl<'a> Checker<'a> {
    /// Reads a relation field.
    ///
    /// Prisma: `visit_relation_field_attributes` in `psl/parser-database/src/attributes.rs`: a relation field takes
    /// `@relation` and `@ignore` only.
    pub(super) fn relation_field(
        &mut self,
        field: &'a FieldSyntax,
        target: RelationTarget,
        arity: Arity,
    ) -> RelationField<'a> {
        let mut relation = RelationField {
            name: &field.name.text,
            position: field.name.position,
            target,
            arity,
            relation: None,
            fields: None,
            references: None,
            on_delete: None,
            on_update: None,
            map: None,
            is_ignored: false,
        };
        let (mut seen, is_only) = (HashSet::new(), field.attributes.len() == 1);
        for attribute in &field.attributes {
            let name = attribute.name.text.as_ref();
            if !is_only && !seen.insert(name) {
                self.report(attribute.name.position, repeated(attribute, Level::Field));
                continue;
            }
            match name {
                "ignore" => relation.is_ignored = true,
                "relation" => {
                    let names = ["name", "fields", "references", "onDelete", "onUpdate", "map"];
                    let (signature, problems) = (Signature::first_positional(&names), &mut self.problems);
                    let arguments = Arguments::of_attribute(attribute, Level::Field, signature, problems);
                    relation.relation = arguments.text("name", problems);
                    relation.fields = arguments.fields("fields", problems);
                    relation.references = arguments.fields("references", problems);
                    relation.on_delete = arguments.one_of("onDelete", ACTIONS, problems);
                    relation.on_update = arguments.one_of("onUpdate", ACTIONS, problems);
                    relation.map = arguments.text("map", problems);
                }
                _ => {
                    let message = format!("@{name} is not for relations; `{}` has no column of its own", relation.name);
                    self.report(attribute.name.position, message);
                }
            }
        }
        relation
    }

    /// Puts foreign keys into their models; returns the join tables, in the order of the files.
    pub(super) fn relations(&mut self, drafts: &mut [ModelDraft<'a>]) -> Vec<Join> {
        let mut sides: BTreeMap<RelationKey, Vec<Side<'_, 'a>>> = BTreeMap::new();
        let mut found = Vec::new();
        let unique: Vec<OnceCell<UniqueFields>> = drafts.iter().map(|_| OnceCell::new()).collect();
        for (at, draft) in drafts.iter().enumerate() {
            for field in &draft.relation_fields {
                let side = Side { at, draft, field };
                if let RelationTarget::Model(target) = field.target {
                    let key = (at.min(target), at.max(target), field.relation.clone());
                    sides.entry(key).or_default().push(side);
                    self.ignored_target(side, &drafts[target]);
                }
                found.extend(self.foreign_key(side, drafts, &unique).map(|relation| (at, relation)));
            }
        }
        let joins = sides.into_iter().filter_map(|((.., name), sides)| self.join(name, &sides));
        let mut joins: Vec<Join> = joins.collect();
        sorting::sort_by_key(&mut joins, |join| join.position);
        for (model, relation) in found {
            drafts[model].model.relations.push(relation);
        }
        joins
    }

    /// Prisma: `relation_fields::ignored_related_model` in validations.
    fn ignored_target(&mut self, side: Side<'_, 'a>, target: &ModelDraft<'a>) {
        if target.is_ignored && !side.field.is_ignored && !side.draft.is_ignored {
            let message = format!("`{}` points to a model with @@ignore; add @ignore", side.field.name);
            self.report(side.field.position, message);
        }
    }

    /// The foreign key of a side that has `fields`; `None` for the other side, or after a problem.
    fn foreign_key(
        &mut self,
        side: Side<'_, 'a>,
        drafts: &[ModelDraft<'a>],
        unique: &[OnceCell<UniqueFields>],
    ) -> Option<Relation> {
        let (fields, references) = self.field_lists(side.field)?;
        let RelationTarget::Model(target) = side.field.target else { return None };
        let other = &drafts[target];
        let fields = self.columns_of(fields, side.draft)?;
        let references = self.columns_of(references, other)?;
        self.referencing_arity(side, &fields);
        // Prisma: `relations::references_unique_fields`: the columns of a key or unique index, in any order.
        let is_key = other.model.id.as_ref().is_some_and(|id| id.fields == references);
        let is_unique = || {
            let unique = unique[target].get_or_init(|| unique_fields(&other.model));
            unique.contains(&references.iter().copied().collect::<BTreeSet<_>>())
        };
        if !is_key && !is_unique() {
            let (name, model) = (side.field.name, &other.model.name);
            let message = format!("`{name}` points to fields of `{model}` that are not unique; add @unique there");
            self.report(side.field.position, message);
        }
        // Prisma: `relations::referencing_scalar_field_types`.
        for (at, reference) in fields.iter().zip(&references) {
            let (field, other) = (&side.draft.model.fields[*at], &other.model.fields[*reference]);
            if !has_same_type(&field.kind, &other.kind) {
                let message = format!("`{}` has another type than `{}`, to which it points", field.name, other.name);
                self.report(field.position, message);
            }
        }
        // Prisma's defaults: Restrict where a column of the key is required, since it cannot become NULL; else SetNull.
        let is_required = fields.iter().any(|at| side.draft.model.fields[*at].arity == Arity::Required);
        let on_delete = if is_required { Action::Restrict } else { Action::SetNull };
        Some(Relation {
            on_delete: side.field.on_delete.unwrap_or(on_delete),
            on_update: side.field.on_update.unwrap_or(Action::Cascade),
            fields,
            target,
            references,
            map: side.field.map.clone(),
            position: side.field.position,
        })
    }

    /// `fields` and `references`, where they are given and fit each other.
    ///
    /// Prisma: `one_to_many::fields_and_references_are_defined`, `relations::same_length_in_referencing_and_referenced`;
    /// a list has no columns, so that the other side must have them.
    #[expect(clippy::type_complexity, reason = "two lists of names, taken apart at once")]
    fn field_lists<'f>(
        &mut self,
        field: &'f RelationField<'a>,
    ) -> Option<(&'f [(&'a str, Position)], &'f [(&'a str, Position)])> {
        let message = match (&field.fields, &field.references) {
            (None, None) => return None,
            (Some(fields), Some(_)) if !fields.is_empty() && field.arity == Arity::List => {
                format!("`{}` is a list; `fields` and `references` stand on the other side", field.name)
            }
            (Some(fields), Some(references)) if !fields.is_empty() && fields.len() != references.len() => {
                format!("@relation of `{}` has different numbers of `fields` and `references`", field.name)
            }
            (Some(fields), Some(references)) if !fields.is_empty() => return Some((fields, references)),
            _ => format!("@relation of `{}` has both `fields` and `references`, or neither", field.name),
        };
        self.report(field.position, message);
        None
    }

    /// Prisma: `relations::field_arity`: a required relation cannot be held by an optional column.
    fn referencing_arity(&mut self, side: Side<'_, 'a>, fields: &[usize]) {
        let is_optional = |at: &usize| side.draft.model.fields[*at].arity == Arity::Optional;
        if side.field.arity == Arity::Required && fields.iter().any(is_optional) {
            let name = side.field.name;
            let message =
                format!("`{name}` is required, but a field that holds it is optional; add a `?`, or take it away");
            self.report(side.field.position, message);
        }
    }

    /// The columns of fields that are given by name. `None` if any of them has no column.
    fn columns_of(&mut self, fields: &[(&str, Position)], draft: &ModelDraft<'_>) -> Option<Vec<usize>> {
        let mut found = Vec::new();
        for (name, position) in fields {
            match draft.members.get(name) {
                Some(Member::Column(at)) => found.push(*at),
                // Reported with the field.
                Some(Member::Unknown) => {}
                Some(Member::Relation) => {
                    self.report(*position, format!("`{name}` is a relation itself; name the fields that hold it"));
                }
                None => self.report(*position, format!("`{}` has no field `{name}`", draft.model.name)),
            }
        }
        (found.len() == fields.len()).then_some(found)
    }

    /// Checks that a relation has two sides which fit each other; returns the join table if it is many-to-many.
    fn join(&mut self, name: Option<String>, sides: &[Side<'_, 'a>]) -> Option<Join> {
        let sides = self.two_sides(sides)?;
        let [first, second] = sides;
        let has_fields = sides.map(|side| side.field.fields.is_some());
        let is_list = sides.map(|side| side.field.arity == Arity::List);
        match (is_list, has_fields) {
            ([true, true], [false, false]) => self.join_table(name, sides),
            // Prisma: `one_to_one::fields_and_references_defined_on_one_side_only`.
            (_, [true, true]) => {
                let name = second.field.name;
                let message = format!("both sides of the relation `{name}` have `fields`; only one side may");
                self.report(second.field.position, message);
                None
            }
            // Prisma: `fields_and_references_are_defined` of one-to-one and one-to-many.
            (_, [false, false]) => {
                let field = if is_list[1] { first.field } else { second.field };
                let message = format!(
                    "neither side of `{}` says what holds it; add @relation(fields: […], references: […])",
                    field.name
                );
                self.report(field.position, message);
                None
            }
            _ => None,
        }
    }

    /// Prisma: `both_sides_are_defined` of one-to-one and one-to-many, and `relation_fields::ambiguity`: several relations
    /// of the same two models need names.
    fn two_sides<'d>(&mut self, sides: &[Side<'d, 'a>]) -> Option<[Side<'d, 'a>; 2]> {
        let &[first, second] = sides else {
            let Side { draft, field, .. } = sides.last()?;
            let (name, model) = (field.name, &draft.model.name);
            let message = match sides.len() {
                1 => format!("the relation `{name}` of `{model}` has no other side: a field in the model it points to"),
                _ => format!(
                    "`{name}` of `{model}` is one of several relations of these models; name each pair: @relation(\"…\")"
                ),
            };
            self.report(field.position, message);
            return None;
        };
        // One field in each of two models; or two fields in a model that points to itself.
        if RelationTarget::Model(second.at) != first.field.target {
            for side in [first, second] {
                let (name, model) = (side.field.name, &side.draft.model.name);
                self.report(side.field.position, format!("the relation `{name}` of `{model}` has no other side"));
            }
            return None;
        }
        Some([first, second])
    }

    /// The join table of an implicit many-to-many relation.
    ///
    /// Prisma: `ImplicitManyToManyRelationWalker` in `psl/parser-database/src/walkers/relation`: A is the model (or the
    /// field of one model) whose name comes first in the order of bytes, and the table is `_AToB`, or `_` with the
    /// relation's name. `implicit::validate_singular_id` in validations: each model has an `@id` of one field.
    fn join_table(&mut self, name: Option<String>, [first, second]: [Side<'_, 'a>; 2]) -> Option<Join> {
        let key = |side: &Side<'_, 'a>| (side.draft.model.name.clone(), side.field.name);
        let [a, b] = if key(&first) <= key(&second) { [first, second] } else { [second, first] };
        let name = name.unwrap_or_else(|| format!("{}To{}", a.draft.model.name, b.draft.model.name));
        let mut sides = [(0, 0); 2];
        for (found, side) in sides.iter_mut().zip([a, b]) {
            let model = &side.draft.model;
            match model.id.as_ref().map(|id| id.fields.as_slice()) {
                Some([field]) => *found = (side.at, *field),
                _ => {
                    let message = format!("a many-to-many relation needs an @id of one field in `{}`", model.name);
                    self.report(side.field.position, message);
                    return None;
                }
            }
        }
        Some(Join { table: names::join_table(self.provider, &name), sides, position: a.field.position })
    }
}

/// Whether a foreign key may connect the two. Native types are not compared: the database decides that.
fn has_same_type(one: &FieldType, other: &FieldType) -> bool {
    match (one, other) {
        (FieldType::Scalar(one, _), FieldType::Scalar(other, _)) => one == other,
        (FieldType::Enum(one), FieldType::Enum(other)) => one == other,
        (FieldType::Unsupported(_), FieldType::Unsupported(_)) => true,
        _ => false,
    }
}

fn unique_fields(model: &Model) -> UniqueFields {
    let key = model.id.iter().map(|id| id.fields.iter().copied().collect());
    let unique = model.indexes.iter().filter(|index| index.kind == IndexKind::Unique);
    key.chain(unique.map(|index| index.fields.iter().map(|field| field.field).collect())).collect()
}
