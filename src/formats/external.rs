//! What the project's migrations leave to others: `tables.external` and `enums.external` of prisma.config.ts.

use crate::sql::{ObjectKind, ObjectRef};

/// Objects that others manage. Prisma neither creates nor alters them, but the service may use them: they may be models.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct External {
    /// Tables, as `schema.table`; without a schema on an engine without schemas.
    pub tables: Vec<String>,
    /// Enums, likewise.
    pub enums: Vec<String>,
}

impl External {
    /// Whether the object is one of these, or a part of one. Names are compared exactly, as Prisma compares them.
    #[must_use]
    pub(crate) fn owns(&self, object: &ObjectRef, has_schemas: bool) -> bool {
        let listed = match object.kind {
            ObjectKind::Enum | ObjectKind::EnumValue => &self.enums,
            ObjectKind::Schema | ObjectKind::Extension | ObjectKind::Row | ObjectKind::Query => return false,
            _ => &self.tables,
        };
        let name = object.table.as_ref().unwrap_or(&object.name);
        let schema = object.schema.as_deref().filter(|_| has_schemas);
        let written = schema.map_or_else(|| name.clone(), |schema| format!("{schema}.{name}"));
        listed.contains(&written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_external_with_its_table_or_enum() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let external = External { tables: list(&["auth.users", "legacy"]), enums: list(&["auth.kind"]) };
        let in_auth = |kind, name: &str| ObjectRef::new(kind, Some("auth".to_owned()), name);
        let users = in_auth(ObjectKind::Table, "users");
        for (object, has_schemas, expected) in [
            (users.clone(), true, true),
            (users.part(ObjectKind::Column, "email"), true, true),
            (users.part(ObjectKind::Index, "legacy"), true, true),
            (users.foreign_key_over(vec!["team".to_owned()]), true, true),
            (in_auth(ObjectKind::Enum, "kind"), true, true),
            (in_auth(ObjectKind::Enum, "users"), true, false),
            (in_auth(ObjectKind::Table, "kind"), true, false),
            (in_auth(ObjectKind::Table, "Users"), true, false),
            (in_auth(ObjectKind::Table, "legacy"), true, false),
            (ObjectRef::new(ObjectKind::Table, Some("main".to_owned()), "legacy"), false, true),
            (ObjectRef::new(ObjectKind::Table, None, "users"), true, false),
            (ObjectRef::new(ObjectKind::Schema, None, "legacy"), true, false),
        ] {
            assert_eq!(external.owns(&object, has_schemas), expected, "{object} {has_schemas}");
        }
    }
}
