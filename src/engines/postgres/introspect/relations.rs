//! Schemas and relations by their oids, as `pg_namespace` and `pg_class` have them. Names of all schemas are kept, because what is
//! elsewhere may be what somebody looks for.

use std::collections::HashSet;

use smol_str::SmolStr;

use crate::catalog::Name;
use crate::engines::postgres::introspect::oids::OidMap;
use crate::engines::postgres::introspect::owner::Owned;
use crate::engines::values::Values;

/// The schemas and relations of a database.
#[derive(Debug, Default)]
pub(super) struct Relations {
    schemas: OidMap<u32, Schema>,
    relations: OidMap<u32, Relation>,
    /// The lists of rights of relations that are read, where somebody was granted one.
    rights: OidMap<u32, String>,
}

#[derive(Debug)]
struct Schema {
    name: String,
    /// It is one of those that are read.
    is_read: bool,
    owner: u32,
    rights: Option<String>,
}

/// A relation: table, view, index and so on.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) schema: u32,
    pub(super) name: SmolStr,
    /// `relkind`.
    pub(super) kind: char,
    /// Its access method.
    pub(super) method: u32,
    owner: u32,
    /// Row security applies to its owner too.
    pub(super) forces_row_security: bool,
    pub(super) has_rules: bool,
    /// How many columns it has, or had.
    pub(super) columns: u16,
    is_partition: bool,
}

impl Relation {
    /// View, materialised view or foreign table: queries can use them like tables.
    pub(super) fn is_view(&self) -> bool {
        matches!(self.kind, 'v' | 'm' | 'f')
    }

    fn is_readable(&self) -> bool {
        self.is_view() || matches!(self.kind, 'r' | 'p')
    }
}

impl Relations {
    /// A row of `pg_namespace`.
    pub(super) fn schema(&mut self, row: Values<'_>, scope: &HashSet<String>) -> Option<()> {
        let name = row.owned(1)?;
        let is_read = scope.contains(&name);
        let schema = Schema { name, is_read, owner: row.oid(2)?, rights: row.owned(3) };
        self.schemas.insert(row.oid(0)?, schema);
        Some(())
    }

    /// A row of `pg_class`.
    pub(super) fn relation(&mut self, row: Values<'_>) -> Option<()> {
        let (oid, schema) = (row.oid(0)?, row.oid(2)?);
        let is_read = self.name_in_scope(schema).is_some();
        let kind = row.text(3)?.chars().next()?;
        // Of other schemas only tables and views are looked for.
        if matches!(kind, 'S' | 'c' | 't') || (matches!(kind, 'i' | 'I') && !is_read) {
            return Some(());
        }
        let relation = Relation {
            schema,
            name: row.name(1)?,
            kind,
            method: row.oid(4)?,
            owner: row.oid(5)?,
            forces_row_security: row.is_true(7),
            is_partition: row.is_true(8),
            has_rules: row.is_true(9),
            columns: row.number(10)?,
        };
        self.relations.insert(oid, relation);
        if is_read && let Some(rights) = row.owned(6) {
            self.rights.insert(oid, rights);
        }
        Some(())
    }

    /// A relation.
    pub(super) fn get(&self, oid: u32) -> Option<&Relation> {
        self.relations.get(&oid)
    }

    /// Who owns it, and its list of rights.
    pub(super) fn rights(&self, oid: u32) -> Option<Owned<'_>> {
        let owner = self.relations.get(&oid)?.owner;
        Some(Owned { owner, rights: self.rights.get(&oid).map(String::as_str) })
    }

    /// Its qualified name.
    pub(super) fn name(&self, oid: u32) -> Option<Name> {
        let relation = self.relations.get(&oid)?;
        Some(Name { schema: self.schema_name(relation.schema)?.to_owned(), name: relation.name.as_str().to_owned() })
    }

    /// The name of a schema.
    pub(super) fn schema_name(&self, oid: u32) -> Option<&str> {
        self.schemas.get(&oid).map(|schema| schema.name.as_str())
    }

    /// The same, of a schema that is read.
    pub(super) fn name_in_scope(&self, oid: u32) -> Option<&str> {
        self.schemas.get(&oid).filter(|schema| schema.is_read).map(|schema| schema.name.as_str())
    }

    /// Who owns a schema, and its list of rights.
    pub(super) fn schema_rights(&self, oid: u32) -> Option<Owned<'_>> {
        self.schemas.get(&oid).map(|schema| Owned { owner: schema.owner, rights: schema.rights.as_deref() })
    }

    /// The schemas of the scope that exist, by name.
    pub(super) fn schemas_of_scope(&self) -> Vec<String> {
        let read = self.schemas.values().filter(|schema| schema.is_read);
        let mut names: Vec<String> = read.map(|schema| schema.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// The tables and views of the scope by name, and the names of at most `most` of other schemas.
    pub(super) fn take_readable(&self, most: usize) -> (Vec<(u32, Name, Relation)>, Vec<Name>) {
        let (mut inside, mut elsewhere) = (Vec::new(), Vec::new());
        for (oid, relation) in self.relations.iter().filter(|(_, relation)| relation.is_readable()) {
            let Some(name) = self.name(*oid) else { continue };
            if self.name_in_scope(relation.schema).is_none() {
                let is_of_server = name.schema == "information_schema" || name.schema.starts_with("pg_");
                if !is_of_server {
                    elsewhere.push(name);
                }
            } else if !relation.is_partition {
                inside.push((*oid, name, relation.clone()));
            }
        }
        inside.sort_unstable_by(|(_, one, _), (_, other, _)| one.cmp(other));
        elsewhere.sort_unstable();
        elsewhere.truncate(most);
        (inside, elsewhere)
    }
}
