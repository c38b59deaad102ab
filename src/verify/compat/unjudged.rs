//! The statements of which no catalog shows what they do to the running release: they change its rows, its functions, its rights.
//! One that concerns only what the migrations themselves have added is none of them.

use std::collections::HashSet;

use crate::catalog::{Catalog, Name, Table};
use crate::formats::migration::Migration;
use crate::sql::cursor::bare;
use crate::sql::script::{self, SchemaOp, Script};
use crate::sql::{ObjectKind, ObjectRef};
use crate::verify::compat::statements::{Scope, routine, scope};

/// What the running release knows.
pub(crate) struct Old<'a> {
    catalog: &'a Catalog,
    /// The functions and procedures that its migrations create, by their bare names.
    routines: HashSet<String>,
    /// The tables that pending migrations create, by their bare names.
    new_tables: HashSet<String>,
    home: &'a str,
}

impl<'a> Old<'a> {
    /// The catalog after the known migrations, and what these and the pending ones create.
    pub(crate) fn new(catalog: &'a Catalog, known: &[&Migration], pending: &[&Migration], home: &'a str) -> Self {
        let mut routines = HashSet::new();
        for migration in known {
            routines.extend(migration.script.statements().iter().filter_map(routine).map(|name| bare(&name)));
        }
        let changes = pending.iter().flat_map(|migration| script::changes(&migration.script));
        let tables = changes.filter(|change| change.target.kind == ObjectKind::Table);
        let new_tables = tables.filter_map(|change| match change.op {
            SchemaOp::Creates { .. } => Some(change.target.name),
            SchemaOp::Renames(name) => Some(name),
            _ => None,
        });
        Self { catalog, routines, new_tables: new_tables.collect(), home }
    }

    /// The statements of a script that cannot be judged: line, text, why.
    pub(crate) fn unjudged(&self, script: &Script) -> Vec<(usize, String, &'static str)> {
        let statements = script.statements();
        let judged = statements.iter().filter_map(|statement| {
            let why = self.why(&scope(statement))?;
            Some((script.line_at(statement.offset), script::summary_of(std::slice::from_ref(statement)), why))
        });
        judged.collect()
    }

    fn why(&self, scope: &Scope) -> Option<&'static str> {
        match scope {
            Scope::Catalog => None,
            Scope::Rows(name, columns) => {
                let table = self.table(name)?;
                let is_new = |column: &String| !table.columns.iter().any(|known| known.name.eq_ignore_ascii_case(&bare(column)));
                let only_new = columns.as_ref().is_some_and(|columns| columns.iter().all(is_new));
                (!only_new).then_some("it changes or removes rows that the running release may read")
            }
            Scope::Routine(name) => self
                .routines
                .contains(&bare(name))
                .then_some("it replaces a function that the running release may call; its body is not compared"),
            Scope::View(name) => self
                .is_view(name)
                .then_some("it replaces a view that the running release may read; only its columns are compared"),
            Scope::Table(name) => self.table(name).map(|_| {
                "it changes what happens when the running release reads or writes the table: triggers, rules, row security, \
                 partitions, checks without a name"
            }),
            Scope::Type(name) => {
                let is_enum = self.catalog.enums.iter().any(|of| of.name.name == bare(name));
                (!is_enum).then_some("it drops a type that statements of the running release may name")
            }
            Scope::Tables(names) => {
                let is_shown = |name: &String| self.table(name).is_some() || self.new_tables.contains(&bare(name));
                (!names.iter().all(is_shown)).then_some("it drops a table that no catalog shows, such as a partition with its rows")
            }
            Scope::Rights => Some("it changes rights, and may take some from the running release"),
            Scope::Code => Some("it runs code, and what that does is not read"),
            Scope::Unknown => Some("no catalog shows what it does to the running release"),
        }
    }

    /// A table of the running release.
    fn table(&self, name: &str) -> Option<&'a Table> {
        let name = self.name(name);
        self.catalog.tables.iter().find(|table| is_same(&table.name, &name))
    }

    fn is_view(&self, name: &str) -> bool {
        let name = self.name(name);
        self.catalog.views.iter().any(|view| is_same(view, &name))
    }

    fn name(&self, written: &str) -> Name {
        ObjectRef::written(ObjectKind::Table, written).within(self.home).owner()
    }
}

/// More names are taken for the same than the engine does, so that nothing is passed over.
fn is_same(one: &Name, other: &Name) -> bool {
    one.schema.eq_ignore_ascii_case(&other.schema) && one.name.eq_ignore_ascii_case(&other.name)
}
