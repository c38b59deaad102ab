//! What the running release had and has no longer: the findings of the differ, read as changes.

use crate::catalog::{Action, Arity, Catalog, Column, Default, Extension, Table, mysql_types};
use crate::differ::{self, Names};
use crate::finding::effect::Effect;
use crate::finding::{Detail, Difference, DifferenceKind, Severity, Source};
use crate::sql::script::Aspect;
use crate::sql::{Dialect, ObjectKind, ObjectRef};
use crate::verify::compat::{Affected, relation, types};

/// All of it. Keys and unique indexes are not looked at here (`refusals`).
pub(crate) fn losses(old: &Catalog, new: &Catalog, dialect: Dialect) -> Vec<Affected> {
    let comparison = Comparison { old, new, dialect };
    let found = differ::compare(old, new, dialect).into_iter();
    let mut losses: Vec<Affected> =
        found.filter_map(|difference| comparison.effect(&difference).map(|effect| (difference, effect))).collect();
    losses.extend(comparison.extensions());
    losses.extend(comparison.views());
    losses
}

struct Comparison<'a> {
    old: &'a Catalog,
    new: &'a Catalog,
    dialect: Dialect,
}

impl<'a> Comparison<'a> {
    /// What a difference does; `None` for what does nothing, and for what is looked at elsewhere.
    fn effect(&self, difference: &Difference) -> Option<Effect> {
        use DifferenceKind::{Different, Extra, Missing, Renamed, Uncompared};
        let is_error = difference.severity == Severity::Error;
        match (difference.object.kind, difference.kind) {
            (ObjectKind::Table | ObjectKind::Enum | ObjectKind::Column, Missing) => Some(Effect::Gone),
            (ObjectKind::Table | ObjectKind::Enum | ObjectKind::Column, Renamed) => is_error.then_some(Effect::Renamed),
            (ObjectKind::Schema, Missing) => is_error.then_some(Effect::Gone),
            (ObjectKind::View, Missing) => {
                self.old.schemas.contains(&difference.object.owner().schema).then_some(Effect::Gone)
            }
            (ObjectKind::Table, Different | Uncompared) => Some(Effect::Viewed),
            (ObjectKind::Column, Different | Uncompared | Extra) => self.column(difference),
            (ObjectKind::Enum, Different) => self.values(difference),
            (ObjectKind::Index, Missing | Different) => Some(Effect::Slower),
            (ObjectKind::Index | ObjectKind::Unique | ObjectKind::PrimaryKey, Renamed) => Some(Effect::OtherName),
            (ObjectKind::Constraint, Missing) => Some(Effect::LessSafe),
            (ObjectKind::ForeignKey, Missing | Different | Renamed) => foreign_key(difference, self.dialect),
            _ => None,
        }
    }

    fn columns(&self, object: &ObjectRef) -> (Option<&'a Column>, Option<&'a Column>) {
        let names = Names(self.dialect);
        let of = |catalog: &'a Catalog| {
            let table = relation(catalog, &object.owner(), names)?;
            table.columns.iter().find(|column| names.are_same(&column.name, &object.name))
        };
        (of(self.old), of(self.new))
    }

    fn column(&self, difference: &Difference) -> Option<Effect> {
        let (Some(old), Some(new)) = self.columns(&difference.object) else {
            return match (difference.kind, difference.severity) {
                (DifferenceKind::Extra, Severity::Error) => Some(Effect::Unfilled),
                (DifferenceKind::Uncompared, _) => Some(Effect::MayBeFilled),
                _ => None,
            };
        };
        match &difference.detail {
            Detail::Aspect(Aspect::Type) => self.type_effect(old, new, difference.severity),
            Detail::Aspect(Aspect::Null) if new.arity == Arity::Required => Some(Effect::NotNull),
            Detail::Aspect(Aspect::Null) => Some(Effect::Nullable),
            Detail::Aspect(Aspect::Default) => match (&old.default, &new.default, new.arity, difference.kind) {
                (Default::None, ..) => None,
                (_, Default::None, Arity::Required, DifferenceKind::Uncompared) => Some(Effect::MayBeFilled),
                (_, Default::None, Arity::Required, _) => Some(Effect::DefaultGone),
                (_, Default::None, ..) => Some(Effect::DefaultLost),
                _ => Some(Effect::OtherDefault),
            },
            _ => None,
        }
    }

    fn type_effect(&self, old: &Column, new: &Column, severity: Severity) -> Option<Effect> {
        match severity {
            Severity::Error
                if mysql_types::enum_values(&old.kind).is_some() && mysql_types::enum_values(&new.kind).is_some() =>
            {
                Some(Effect::ValueGone)
            }
            Severity::Error => Some(Effect::Retyped),
            Severity::Warning => types::effect(&old.kind, &new.kind),
            Severity::Notice => mysql_types::enum_values(&new.kind).map(|_| Effect::MoreValues),
        }
    }

    fn values(&self, difference: &Difference) -> Option<Effect> {
        if difference.severity == Severity::Error {
            return Some(Effect::ValueGone);
        }
        let count = |catalog: &Catalog| {
            let is_it = |of: &&crate::catalog::Enum| of.name == difference.object.owner();
            catalog.enums.iter().find(is_it).map_or(0, |of| of.values.len())
        };
        (count(self.new) > count(self.old)).then_some(Effect::MoreValues)
    }

    /// Extensions that are gone, or moved; a new version is none of its objects' business.
    fn extensions(&self) -> Vec<Affected> {
        let loss = |extension: &Extension| {
            let object = ObjectRef::new(ObjectKind::Extension, None, extension.name.clone());
            let found = |kind| Difference::new(Severity::Warning, kind, object.clone(), Source::Nobody);
            match self.new.extensions.iter().find(|other| other.name == extension.name) {
                None => Some(found(DifferenceKind::Missing)),
                Some(other) if other.schema != extension.schema => {
                    let schema = |extension: &Extension| extension.schema.clone().unwrap_or_default();
                    Some(found(DifferenceKind::Different).between(schema(extension), schema(other)))
                }
                Some(_) => None,
            }
        };
        self.old.extensions.iter().filter_map(loss).map(|difference| (difference, Effect::ExtensionGone)).collect()
    }

    /// Columns of views, which the differ does not compare with each other.
    fn views(&self) -> Vec<Affected> {
        let names = Names(self.dialect);
        let compared = |old: &Table| match relation(self.new, &old.name, names) {
            Some(new) => differ::view_columns(old, new, names),
            None => Vec::new(),
        };
        let found = self.old.view_columns.iter().flat_map(compared);
        found.filter_map(|difference| self.effect(&difference).map(|effect| (difference, effect))).collect()
    }
}

/// What follows from a foreign key that is gone or other than it was. Where it leads now is looked at elsewhere.
fn foreign_key(difference: &Difference, dialect: Dialect) -> Option<Effect> {
    let Detail::ForeignKey { expected: old, actual } = &difference.detail else {
        return (difference.kind == DifferenceKind::Renamed).then_some(Effect::OtherName);
    };
    let goes_on = matches!(old.on_delete, Action::Cascade | Action::SetNull | Action::SetDefault);
    match actual {
        Some(new) if (&new.target, &new.target_columns) == (&old.target, &old.target_columns) => {
            let refuses = |action| match action {
                Action::Restrict => Action::NoAction,
                action => action,
            };
            let is_alike = (refuses(old.on_delete), refuses(old.on_update))
                == (refuses(new.on_delete), refuses(new.on_update))
                || dialect.rules().declares_by_column && differ::mysql::act_alike(old, new);
            (!is_alike).then_some(Effect::ActionChanged)
        }
        _ if goes_on => Some(Effect::CascadeGone),
        _ => Some(Effect::LessSafe),
    }
}
