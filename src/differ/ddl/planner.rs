//! From findings to statements: which objects are to be created, and which of them have to wait.
//!
//! What leans on something that is there under another name waits until that is mapped: the remedy decides what it
//! is called. A key waits for what it points to. Columns are called what the database calls them.

use std::collections::{BTreeSet, HashMap, HashSet};

use smol_str::{SmolStr, format_smolstr};

use crate::catalog::{Arity, Catalog, Column, Default, Enum, Extension, Index, Key, Name, Table, Type};
use crate::differ::ddl::render::Ddl;
use crate::differ::ddl::{DdlAction, DdlScript, DdlStatement, DdlStep, foreign_key};
use crate::differ::{self, NameKey, Names};
use crate::finding::{Difference, DifferenceKind, Severity};
use crate::sql::{Dialect, ObjectKind, ObjectRef};

/// The statements that create what these findings of [`differ::compare`] name as missing. `home` is the schema that
/// names without one belong to where the script will run; where nothing else is expected, it is left out.
#[must_use]
pub fn plan(findings: &[Difference], expected: &Catalog, actual: &Catalog, dialect: Dialect, home: &str) -> DdlScript {
    let is_gap = |finding: &&Difference| {
        let is_enum = finding.object.kind == ObjectKind::Enum;
        finding.kind == DifferenceKind::Missing || finding.kind == DifferenceKind::Different && is_enum
    };
    let findings: Vec<&Difference> = findings.iter().filter(is_gap).collect();
    if findings.is_empty() {
        return DdlScript::default();
    }
    let home = (expected.schemas == [home]).then_some(home);
    let mut plan = Plan::new(&findings, expected, actual, Ddl { dialect, home });
    for finding in &findings {
        plan.object(finding);
    }
    for finding in &findings {
        plan.keys_to_others(finding);
    }
    plan.warn_of_fresh_values();
    DdlScript { statements: plan.statements }
}

pub(crate) struct Plan<'a> {
    pub(crate) ddl: Ddl<'a>,
    pub(crate) names: Names,
    pub(crate) expected: HashMap<NameKey, &'a Table>,
    pub(crate) there: HashMap<NameKey, &'a Table>,
    /// Enums as expected, and as they are.
    enums: HashMap<NameKey, (Option<&'a Enum>, Option<&'a Enum>)>,
    extensions: &'a [Extension],
    /// Schemas that were looked at.
    pub(crate) schemas: HashSet<&'a str>,
    /// Columns that are missing, by table.
    pub(crate) lacking: HashMap<NameKey, Vec<&'a str>>,
    missing: HashSet<&'a ObjectRef>,
    /// Names of relations that are there: a schema has each but once.
    taken: HashSet<NameKey>,
    statements: Vec<DdlStatement>,
    /// What the script has created so far: tables, columns, sets of columns that are unique, values of enums.
    pub(crate) tables: HashSet<NameKey>,
    pub(crate) columns: HashSet<(NameKey, String)>,
    pub(crate) unique: HashSet<(NameKey, BTreeSet<String>)>,
    values: Vec<(NameKey, String)>,
    /// Values of enums that defaults use.
    used: Vec<(NameKey, String)>,
}

impl<'a> Plan<'a> {
    fn new(findings: &[&'a Difference], expected: &'a Catalog, actual: &'a Catalog, ddl: Ddl<'a>) -> Self {
        let names = Names(ddl.dialect);
        let by_name = |tables: &'a [Table]| tables.iter().map(|table| (names.key_of(&table.name), table)).collect();
        let mut lacking: HashMap<NameKey, Vec<&str>> = HashMap::new();
        for finding in findings {
            if finding.object.kind == ObjectKind::Column {
                lacking.entry(names.key_of(&finding.object.owner())).or_default().push(&finding.object.name);
            }
        }
        let mut enums: HashMap<NameKey, (Option<&Enum>, Option<&Enum>)> = HashMap::new();
        expected.enums.iter().for_each(|of| enums.entry(names.key_of(&of.name)).or_default().0 = Some(of));
        actual.enums.iter().for_each(|of| enums.entry(names.key_of(&of.name)).or_default().1 = Some(of));
        let of_tables = actual.tables.iter().flat_map(|table| {
            let key = table.primary_key.iter().map(|key| key.name.as_str());
            // In MySQL the names of indexes are those of one table.
            let indexes = table.indexes.iter().map(|index| index.name.as_str()).chain(key);
            let indexes = indexes.filter(|_| ddl.dialect != Dialect::Mysql);
            let relations = indexes.chain([table.name.name.as_str()]);
            relations.map(|name| (names.key(&table.name.schema), names.key(name)))
        });
        Self {
            ddl,
            names,
            expected: by_name(&expected.tables),
            there: by_name(&actual.tables),
            enums,
            extensions: &expected.extensions,
            schemas: expected.schemas.iter().chain(&actual.schemas).map(String::as_str).collect(),
            lacking,
            missing: findings.iter().map(|finding| &finding.object).collect(),
            taken: of_tables.chain(actual.views.iter().map(|view| names.key_of(view))).collect(),
            statements: Vec::new(),
            tables: HashSet::new(),
            columns: HashSet::new(),
            unique: HashSet::new(),
            values: Vec::new(),
            used: Vec::new(),
        }
    }

    fn push(&mut self, step: DdlStep, object: &ObjectRef, action: DdlAction, note: String) {
        self.statements.push(DdlStatement { step, object: object.clone(), action, note });
    }

    pub(crate) fn run(&mut self, step: DdlStep, object: &ObjectRef, sql: String) {
        self.push(step, object, DdlAction::Run(sql), String::new());
    }

    pub(crate) fn wait(&mut self, step: DdlStep, object: &ObjectRef, note: String) {
        self.push(step, object, DdlAction::Wait, note);
    }

    /// What one finding asks for, but for foreign keys.
    fn object(&mut self, finding: &'a Difference) {
        let object = &finding.object;
        let (owner, name) = (object.owner(), &object.name);
        match object.kind {
            // Skip schemas that no expected object uses.
            ObjectKind::Schema if finding.severity > Severity::Notice && self.ddl.dialect == Dialect::Postgres => {
                let sql = format!("CREATE SCHEMA IF NOT EXISTS {};", self.ddl.quoted(name));
                self.run(DdlStep::CreateSchema, object, sql);
            }
            ObjectKind::Extension => {
                if let Some(extension) = self.extensions.iter().find(|extension| extension.name == *name) {
                    self.run(DdlStep::CreateExtension, object, self.ddl.create_extension(extension));
                }
            }
            ObjectKind::Enum => self.enumeration(object, &self.names.key_of(&owner)),
            ObjectKind::Table => {
                if let Some(table) = self.expected.get(&self.names.key_of(&owner)).copied() {
                    self.table(object, table);
                }
            }
            ObjectKind::Column => {
                let Some((table, there)) = self.pair(&owner) else { return };
                if let Some(column) = table.columns.iter().find(|column| column.name == *name) {
                    self.column(object, table, column);
                }
                // With the last of its columns comes what could not be there without them.
                let key = self.names.key_of(&table.name);
                if self.lacking.get(&key).and_then(|lacking| lacking.last()).is_some_and(|last| *last == name.as_str())
                {
                    self.with_columns(object, &key, table, there);
                }
            }
            ObjectKind::PrimaryKey => {
                if let Some((table, _)) = self.pair(&owner) {
                    self.primary_key(object, table);
                }
            }
            ObjectKind::Index | ObjectKind::Unique => {
                let Some((table, _)) = self.pair(&owner) else { return };
                if let Some(index) = table.indexes.iter().find(|index| index.name == *name) {
                    self.index(object, table, index);
                }
            }
            ObjectKind::Constraint => {
                let name = self.ddl.quoted(name);
                let note =
                    format!("{name} is known by name alone: take its statement from the migration that creates it.");
                self.wait(DdlStep::AlterTable, object, note);
            }
            _ => {}
        }
    }

    /// A table that is there, as expected and as it is.
    fn pair(&self, table: &Name) -> Option<(&'a Table, &'a Table)> {
        let key = self.names.key_of(table);
        Some((self.expected.get(&key).copied()?, self.there.get(&key).copied()?))
    }

    fn enumeration(&mut self, object: &ObjectRef, key: &NameKey) {
        let Some((Some(expected), there)) = self.enums.get(key).copied() else { return };
        let Some(there) = there else {
            return self.run(DdlStep::CreateEnum, object, self.ddl.create_enum(expected));
        };
        let lacking: Vec<&String> = expected.values.iter().filter(|value| !there.values.contains(value)).collect();
        if lacking.is_empty() {
            return;
        }
        let sql: Vec<String> = lacking.iter().map(|value| self.ddl.add_value(&expected.name, value)).collect();
        self.values.extend(lacking.iter().map(|value| (key.clone(), (*value).clone())));
        self.run(DdlStep::AlterEnum, object, sql.join("\n"));
    }

    /// A value that was added cannot be used before it is committed.
    fn warn_of_fresh_values(&mut self) {
        let is_used = |of: &NameKey| self.values.iter().any(|value| value.0 == *of && self.used.contains(value));
        for statement in self.statements.iter_mut().filter(|statement| statement.step == DdlStep::AlterEnum) {
            if statement.object.kind == ObjectKind::Enum && is_used(&self.names.key_of(&statement.object.owner())) {
                "A default below uses a new value, which has to be committed first:\n\
                 move this statement into a migration of its own, before this one."
                    .clone_into(&mut statement.note);
            }
        }
    }

    fn table(&mut self, object: &ObjectRef, table: &'a Table) {
        if let Some(note) = table.columns.iter().find_map(|column| self.lacks_type(column)) {
            return self.wait(DdlStep::CreateTable, object, format!("{} waits: {note}", self.ddl.name(&table.name)));
        }
        if let Some(note) = self.is_taken(&table.name.schema, &table.name.name) {
            return self.wait(DdlStep::CreateTable, object, note);
        }
        self.run(DdlStep::CreateTable, object, self.ddl.create_table(table));
        let key = self.names.key_of(&table.name);
        self.tables.insert(key.clone());
        for column in &table.columns {
            self.made(key.clone(), column);
        }
        if let Some(of_key) = &table.primary_key {
            self.unique.insert((key, of_key.columns.iter().map(|name| self.names.key(name)).collect()));
        }
        for index in &table.indexes {
            match self.ddl.dialect == Dialect::Mysql && !index.has_expression {
                // It stands in CREATE TABLE.
                true => self.made_unique(table, index),
                false => self.index(object, table, index),
            }
        }
    }

    /// Takes down that the script makes these columns unique.
    fn made_unique(&mut self, table: &Table, index: &Index) {
        if index.unique && index.predicate.is_none() {
            let keys = index.columns.iter().map(|column| self.names.key(&column.name)).collect();
            self.unique.insert((self.names.key_of(&table.name), keys));
        }
    }

    /// Takes down that the script makes this column.
    fn made(&mut self, table: NameKey, column: &Column) {
        if let Type::Enum(of) = &column.kind {
            let of = self.names.key_of(of);
            match &column.default {
                Default::Value(value) => self.used.push((of, value.clone())),
                Default::List(values) => self.used.extend(values.iter().map(|value| (of.clone(), value.clone()))),
                _ => {}
            }
        }
        self.columns.insert((table, self.names.key(&column.name)));
    }

    /// Why a column's type cannot be named: it is an enum that has another name there.
    fn lacks_type(&self, column: &Column) -> Option<String> {
        let Type::Enum(name) = &column.kind else { return None };
        let is_there = match self.enums.get(&self.names.key_of(name)) {
            Some((_, Some(_))) => true,
            Some((Some(of), None)) => self.missing.contains(&ObjectRef::of(ObjectKind::Enum, &of.name)),
            _ => !self.schemas.contains(name.schema.as_str()),
        };
        (!is_there).then(|| format!("there is no enum {}", self.ddl.name(name)))
    }

    /// Why nothing of this name can be created.
    fn is_taken(&self, schema: &str, name: &str) -> Option<String> {
        let is_taken = self.taken.contains(&(self.names.key(schema), self.names.key(name)));
        is_taken.then(|| format!("{} waits: something else has that name.", self.ddl.quoted(name)))
    }

    fn column(&mut self, object: &ObjectRef, table: &'a Table, column: &'a Column) {
        let (name, of) = (self.ddl.quoted(&column.name), self.ddl.name(&table.name));
        let mut note = self.lacks_type(column).map(|note| format!("{name} of {of} waits: {note}"));
        if note.is_none() && self.ddl.dialect == Dialect::Sqlite {
            note = refused_by_sqlite(table, column).map(|why| {
                format!("{name} of {of} cannot be added: {why}.\nMake the table anew with it, copy its rows, drop the old one.")
            });
        }
        if self.ddl.dialect == Dialect::Mysql && self.counts_without_key(table, column) {
            note = Some(format!(
                "{name} of {of} cannot be added: AUTO_INCREMENT has to be a key.\nAdd it and its index in one ALTER TABLE."
            ));
        }
        if let Some(note) = note {
            return self.wait(DdlStep::AlterTable, object, note);
        }
        let is_filled = !matches!(column.default, Default::None | Default::Any);
        let note = match (column.arity, is_filled) {
            (Arity::Required, false) => format!(
                "{name} is required and has no default: this fails if {of} has rows. Then in two steps: without\n\
                 NOT NULL now; filled and ALTER TABLE {of} ALTER COLUMN {name} SET NOT NULL after that."
            ),
            _ => String::new(),
        };
        let action = match self.ddl.dialect {
            Dialect::Mysql => {
                DdlAction::Alter { table: of, clause: format!("ADD COLUMN {}", self.ddl.column(column, "")) }
            }
            Dialect::Postgres => {
                DdlAction::Alter { table: of, clause: format!("ADD COLUMN     {}", self.ddl.column(column, "")) }
            }
            Dialect::Sqlite => {
                let inline = foreign_key::inline(table, column).map(|key| format!(" {}", self.ddl.references(key)));
                let column = self.ddl.column(column, "");
                DdlAction::Run(format!("ALTER TABLE {of} ADD COLUMN {column}{};", inline.unwrap_or_default()))
            }
        };
        self.push(DdlStep::AlterTable, object, action, note);
        self.made(self.names.key_of(&table.name), column);
    }

    /// A column that counts itself, without the primary key coming with it (MySQL, error 1075).
    fn counts_without_key(&self, table: &Table, column: &Column) -> bool {
        let begins_key = table.primary_key.as_ref().is_some_and(|key| key.columns.first() == Some(&column.name));
        let there = self.there.get(&self.names.key_of(&table.name));
        let comes_with_key = begins_key && there.is_some_and(|there| there.primary_key.is_none());
        column.default == Default::Sequence && !comes_with_key
    }

    /// Keys and indexes over columns that were missing; they have no finding of their own.
    fn with_columns(&mut self, object: &ObjectRef, key: &NameKey, table: &'a Table, there: &'a Table) {
        let lacking = self.lacking.get(key).cloned().unwrap_or_default();
        let is_lacking = |name: &SmolStr| lacking.contains(&name.as_str());
        if let Some(of_key) = table.primary_key.as_ref().filter(|key| key.columns.iter().any(is_lacking)) {
            match &there.primary_key {
                None => self.primary_key(object, table),
                Some(_) => {
                    let note = format!(
                        "The primary key of {} cannot become ({}): there is another one.",
                        self.ddl.name(&table.name),
                        of_key.columns.join(", ")
                    );
                    self.wait(DdlStep::AlterTable, object, note);
                }
            }
        }
        for index in &table.indexes {
            if index.columns.iter().map(|column| &column.name).chain(&index.include).any(is_lacking) {
                self.index(object, table, index);
            }
        }
    }

    /// Columns of an expected table as the database calls them, or will; `None` where one is not there.
    pub(crate) fn in_their_words(&self, table: &Table, columns: &[SmolStr]) -> Option<Vec<SmolStr>> {
        let key = self.names.key_of(&table.name);
        let there = self.there.get(&key).map(|there| differ::counterparts(table, there, self.ddl.dialect));
        let word = |name: &SmolStr| match there.as_ref().and_then(|there| there.get(name)) {
            Some(name) => Some(name.into()),
            None => self.columns.contains(&(key.clone(), self.names.key(name))).then(|| name.clone()),
        };
        columns.iter().map(word).collect()
    }

    fn primary_key(&mut self, object: &ObjectRef, table: &'a Table) {
        let Some(key) = &table.primary_key else { return };
        let Some(columns) = self.in_their_words(table, &key.columns) else { return };
        let of = self.ddl.name(&table.name);
        if self.ddl.dialect == Dialect::Sqlite {
            let note = format!(
                "The primary key ({}) cannot be added to {of}: make the table anew with it, copy its rows, drop the old one.",
                columns.join(", ")
            );
            return self.wait(DdlStep::AlterTable, object, note);
        }
        if let Some(note) = self.is_taken(&table.name.schema, &key.name) {
            return self.wait(DdlStep::AlterTable, object, note);
        }
        let clause = self.ddl.add_primary_key(&Key { columns: columns.clone(), ..key.clone() });
        self.push(DdlStep::AlterTable, object, DdlAction::Alter { table: of, clause }, String::new());
        self.unique.insert((self.names.key_of(&table.name), columns.iter().map(|name| self.names.key(name)).collect()));
    }

    fn index(&mut self, object: &ObjectRef, table: &'a Table, index: &'a Index) {
        let mut index = index.clone();
        // The name of an index that stands for UNIQUE in CREATE TABLE is SQLite's own.
        if index.name.starts_with("sqlite_autoindex_") {
            let columns: Vec<&str> = index.columns.iter().map(|column| column.name.as_str()).collect();
            index.name = format_smolstr!("{}_{}_key", table.name.name, columns.join("_"));
        }
        let name = self.ddl.quoted(&index.name);
        if index.has_expression {
            let note = format!("{name} holds an expression: take its statement from the migration that creates it.");
            return self.wait(DdlStep::CreateIndex, object, note);
        }
        let keys: Vec<SmolStr> = index.columns.iter().map(|column| column.name.clone()).collect();
        let words = self.in_their_words(table, &keys).zip(self.in_their_words(table, &index.include));
        // The column itself waits, and says so.
        let Some((keys, include)) = words else { return };
        if let Some(note) = self.is_taken(&table.name.schema, &index.name) {
            return self.wait(DdlStep::CreateIndex, object, note);
        }
        for (column, name) in index.columns.iter_mut().zip(&keys) {
            column.name.clone_from(name);
        }
        index.include = include;
        self.run(DdlStep::CreateIndex, object, self.ddl.create_index(&table.name, &index));
        self.made_unique(table, &index);
    }
}

/// Why SQLite does not add such a column to a table (<https://www.sqlite.org/lang_altertable.html>).
fn refused_by_sqlite(table: &Table, column: &Column) -> Option<&'static str> {
    let is_key = table.primary_key.as_ref().is_some_and(|key| key.columns.contains(&column.name));
    match (&column.default, column.arity) {
        _ if is_key => Some("it is part of the primary key"),
        (Default::Now | Default::Expression(_), _) => Some("its default is no constant"),
        (Default::None | Default::Any | Default::Sequence, Arity::Required) => {
            Some("it is required, and has no default")
        }
        _ => None,
    }
}
