//! `[require]` of doorstep.toml: objects that must exist, and objects that must not. It works with and without a schema
//! file, and covers what no schema file can: rows, checks, and objects that must not come back.
//!
//! A required object that is missing is an error, also an index or a foreign key, because it was required by name. An object
//! that differs has the severity that `differ` gives it. Pure: requirements and a catalog in, differences out.

pub(crate) mod index;

use crate::base::fault::{Class, Fault};
use crate::base::neutral;
use crate::catalog::{Access, Arity, Catalog, Column, Default, Enum, Name, Origin, Table, Type, spelling};
use crate::config::{Line, Require};
use crate::differ::{self, Names};
use crate::finding::cause::{OtherName, Refusal};
use crate::finding::remedy::{NameFix, RequirementFix};
use crate::finding::{Cause, Difference, DifferenceKind, Remedy, Severity, Source};
use crate::sql::{Dialect, ObjectKind, ObjectRef, TableName};

pub(crate) use crate::config::requirement_form::object;
pub(crate) use crate::config::requirement_form::{ColumnForm, EnumForm, RowForm};

/// In what the catalog falls short of the requirements; what names no schema belongs to `home`. Tables and rows are
/// looked at elsewhere: they are not a matter of the catalog alone.
#[must_use]
pub(crate) fn findings(require: &Require, catalog: &Catalog, home: &str, dialect: Dialect) -> Vec<Difference> {
    let look = Look { catalog, home, names: Names(dialect) };
    let mut findings = Vec::new();
    for Line { what, origin } in &require.columns {
        look.column(what, origin, &mut findings);
    }
    look.hidden_tables(require, &mut findings);
    findings.extend(require.indexes.iter().filter_map(|Line { what, origin }| look.index(what, origin)));
    for Line { what, origin } in &require.enums {
        look.enumeration(what, origin, &mut findings);
    }
    let is_there = |name: &String| catalog.extensions.iter().any(|extension| extension.name == *name);
    for Line { what, origin } in require.extensions.iter().filter(|line| !is_there(&line.what)) {
        let object = ObjectRef::new(ObjectKind::Extension, None, what.clone());
        let sql = format!("CREATE EXTENSION {}", dialect.identifier(what));
        findings
            .push(Difference::at(Severity::Error, DifferenceKind::Missing, object, origin).remedied(Remedy::Sql(sql)));
    }
    findings.extend(require.constraints.iter().filter_map(|Line { what, origin }| look.constraint(what, origin)));
    findings.extend(require.absent.iter().filter_map(|Line { what, origin }| look.absent(what, origin)));
    findings
}

/// What to ask for a row: one query, whose answer is a truth value.
#[must_use]
pub(crate) fn row_query(row: &RowForm, dialect: Dialect) -> String {
    let table = dialect.table(&row.table);
    let condition = row.condition.as_ref().map_or(String::new(), |condition| format!(" WHERE {condition}\n"));
    format!("SELECT EXISTS (SELECT 1 FROM {table}{condition})")
}

/// What became of the question for a row.
#[must_use]
pub(crate) fn row_finding(Line { what, origin }: &Line<RowForm>, answer: &Result<bool, Fault>) -> Option<Difference> {
    let error =
        |kind| Difference::at(Severity::Error, kind, ObjectRef::new(ObjectKind::Row, None, what.text.clone()), origin);
    Some(match answer {
        Ok(true) => return None,
        Ok(false) => error(DifferenceKind::Missing).remedied(Remedy::Requirement(RequirementFix::Insert)),
        Err(fault) => unanswered(fault, None, &error),
    })
}

/// A question that the server did not answer: the role may not ask it, it takes too long, or it makes no sense. `at` is
/// the line and column of the query that the server points at.
pub(crate) fn unanswered(
    fault: &Fault,
    at: Option<(usize, usize)>,
    error: &dyn Fn(DifferenceKind) -> Difference,
) -> Difference {
    let said = neutral::first_line(&fault.to_string());
    let (kind, refusal, fix) = match fault.class {
        Class::RowSecurity => (DifferenceKind::Hidden, Refusal::RowSecurity, RequirementFix::BypassRowSecurity),
        Class::Privilege => (DifferenceKind::Hidden, Refusal::Other, RequirementFix::GrantSelect),
        Class::Cancelled => (DifferenceKind::Hidden, Refusal::Timeout, RequirementFix::Locks),
        _ => (DifferenceKind::Missing, Refusal::Other, RequirementFix::CorrectOrCreate),
    };
    error(kind).caused(Cause::Refused { refusal, said, at }).remedied(Remedy::Requirement(fix))
}

/// A catalog to look things up in.
struct Look<'a> {
    catalog: &'a Catalog,
    home: &'a str,
    names: Names,
}

impl Look<'_> {
    fn name(&self, name: &TableName) -> Name {
        let schema = name.schema.clone().unwrap_or_else(|| self.home.to_owned());
        Name { schema, name: name.name.clone() }
    }

    fn table(&self, name: &Name) -> Option<&Table> {
        self.catalog.tables.iter().find(|table| self.names.are_one(&table.name, name))
    }

    fn is_view(&self, name: &Name) -> bool {
        self.catalog.views.iter().any(|view| self.names.are_one(view, name))
    }

    fn column(&self, form: &ColumnForm, origin: &Origin, findings: &mut Vec<Difference>) {
        let name = self.name(&form.table);
        let Some(table) = self.table(&name) else {
            let object = ObjectRef::part_of(&name, ObjectKind::Column, &form.name);
            findings.push(self.without_table(object, &name, origin));
            return;
        };
        let there = table.columns.iter().find(|column| self.names.are_same(&column.name, &form.name));
        let wanted = self.expected(form, there, origin);
        let is_foreign = matches!(wanted.kind, Type::Other(_)) && form.kind.is_some();
        let kind_text = differ::type_of(&wanted);
        let expected = Table { name, columns: vec![wanted], ..Table::default() };
        for mut finding in differ::required_columns(&expected, table, self.names) {
            // A type that Prisma does not know is one to it; not to somebody who names it.
            if is_foreign && finding.expected.as_ref() == Some(&kind_text) {
                finding.severity = Severity::Error;
            }
            findings.push(finding);
        }
    }

    /// The column as required. What is not said of it is as it is there.
    fn expected(&self, form: &ColumnForm, there: Option<&Column>, origin: &Origin) -> Column {
        let (mut kind, is_list) = match (&form.kind, there) {
            (Some(text), _) => spelling::read(text, self.names.0),
            (None, Some(there)) => (there.kind.clone(), there.arity == Arity::List),
            (None, None) => (Type::Other(String::new()), false),
        };
        match (&mut kind, there.map(|there| &there.kind)) {
            // `varchar` is one of any length.
            (Type::Native(name, arguments), Some(Type::Native(other, there)))
                if name == other && arguments.is_empty() =>
            {
                arguments.clone_from(there);
            }
            (Type::Other(text), _) => {
                let named = object(text).map(|name| self.name(&name));
                let of_name = |name: Name| self.catalog.enums.iter().find(|e| self.names.are_one(&e.name, &name));
                if let Some(e) = named.and_then(of_name) {
                    kind = Type::Enum(e.name.clone());
                }
            }
            _ => {}
        }
        let arity = match (is_list, form.nullable, there) {
            (true, ..) => Arity::List,
            (false, Some(true), _) => Arity::Optional,
            (false, Some(false), _) => Arity::Required,
            (false, None, Some(there)) if there.arity != Arity::List => there.arity,
            (false, None, _) => Arity::Optional,
        };
        Column {
            name: form.name.as_str().into(),
            field: None,
            kind,
            arity,
            default: Default::Any,
            origin: Some(origin.clone()),
        }
    }

    /// What cannot be there, as its table is not.
    fn without_table(&self, object: ObjectRef, table: &Name, origin: &Origin) -> Difference {
        if self.is_view(table) {
            let finding = Difference::at(Severity::Warning, DifferenceKind::Different, object, origin);
            let remedy = Remedy::Requirement(RequirementFix::AskView(table.clone()));
            return finding
                .between("a column of a table", format!("{table}, a view, which is not looked into"))
                .remedied(remedy);
        }
        let similar = |other: &&Name| differ::folded(&other.name) == differ::folded(&table.name);
        let known = self.catalog.tables.iter().map(|table| &table.name).chain(&self.catalog.views);
        let missing =
            Difference::at(Severity::Error, DifferenceKind::Missing, object, origin).but(format!("no table {table}"));
        match known.into_iter().find(similar) {
            Some(other) => {
                missing.caused(Cause::Names(OtherName::Case(other.clone()))).remedied(Remedy::Name(NameFix::Case))
            }
            None => missing,
        }
    }

    /// The tables of required columns that the service may not read, each once. Required tables are checked elsewhere.
    fn hidden_tables(&self, require: &Require, findings: &mut Vec<Difference>) {
        let mut seen: Vec<Name> = require.tables.iter().map(|line| self.name(&line.what)).collect();
        for Line { what, origin } in &require.columns {
            let name = self.name(&what.table);
            let Some(table) = self.table(&name).filter(|table| table.access != Access::Granted) else { continue };
            if !seen.contains(&name) {
                let (object, source) = (ObjectRef::of(ObjectKind::Table, &name), Source::At(origin.clone()));
                findings.extend(differ::hidden(table.access, object, source));
                seen.push(name);
            }
        }
    }

    fn enumeration(&self, form: &EnumForm, origin: &Origin, findings: &mut Vec<Difference>) {
        let name = self.name(&form.name);
        let there = self.catalog.enums.iter().find(|e| self.names.are_one(&e.name, &name));
        // Extra values are allowed.
        let values = match there {
            Some(there) if form.values.iter().all(|value| there.values.contains(value)) => there.values.clone(),
            _ => form.values.clone(),
        };
        let expected =
            Catalog { enums: vec![Enum { name, values, origin: Some(origin.clone()) }], ..Catalog::default() };
        findings.extend(differ::required_enums(&expected, self.catalog, self.names));
    }

    /// What is there although a requirement says that it must be gone.
    fn absent(&self, what: &ObjectRef, origin: &Origin) -> Option<Difference> {
        let owner = what.within(self.home).owner();
        let (object, statement) = match what.kind {
            ObjectKind::Table => {
                let kind = match (self.table(&owner), self.is_view(&owner)) {
                    (Some(_), _) => "TABLE",
                    (None, true) => "VIEW",
                    (None, false) => return None,
                };
                (ObjectRef::of(ObjectKind::Table, &owner), format!("DROP {kind} {}", self.names.sql(&owner)))
            }
            ObjectKind::Column => {
                let table = self.table(&owner)?;
                let column = table.columns.iter().find(|column| self.names.are_same(&column.name, &what.name))?;
                let object = ObjectRef::part_of(&table.name, ObjectKind::Column, &column.name);
                (object, self.alter(&table.name, "DROP COLUMN", &column.name))
            }
            ObjectKind::Index => {
                let (table, index) = self.index_named(&owner)?;
                let object = ObjectRef::index(&table.name, &index.name, index.unique);
                let statement = match self.names.0.rules().declares_by_column {
                    // MySQL's indexes are their table's.
                    true => {
                        let index = self.names.0.identifier(&index.name);
                        format!("DROP INDEX {index} ON {}", self.names.sql(&table.name))
                    }
                    false => format!("DROP INDEX {}", self.names.sql(&owner)),
                };
                (object, statement)
            }
            ObjectKind::Constraint => {
                let table = what.table.as_ref().map(|_| owner);
                let (table, name, _) = self.constraint_named(table.as_ref(), &what.name)?;
                let object = ObjectRef::part_of(&table.name, ObjectKind::Constraint, name);
                (object, self.alter(&table.name, "DROP CONSTRAINT", name))
            }
            _ => {
                let is_there = self.catalog.enums.iter().any(|e| e.name == owner);
                let statement = format!("DROP TYPE {}", self.names.sql(&owner));
                is_there.then(|| (ObjectRef::of(ObjectKind::Enum, &owner), statement))?
            }
        };
        let remedy = Remedy::Requirement(RequirementFix::Drop(statement));
        Some(Difference::at(Severity::Error, DifferenceKind::Extra, object, origin).remedied(remedy))
    }

    fn alter(&self, table: &Name, what: &str, name: &str) -> String {
        format!("ALTER TABLE {} {what} {}", self.names.sql(table), self.names.0.identifier(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn require(columns: &str) -> Require {
        let line = |what: &str| Line { what: what.parse().unwrap(), origin: Origin::default() };
        Require { columns: vec![line(columns)], ..Require::default() }
    }

    #[test]
    fn schemas_that_are_named_are_looked_at() {
        let mut require = require("a.users.email");
        let line = |what: &str| Line { what: what.parse().unwrap(), origin: Origin::default() };
        require.absent = vec![line("table b.old"), line("constraint c.t.k"), line("index i")];
        assert_eq!(require.schemas().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(!require.is_silent() && Require::default().is_silent());
    }

    #[test]
    fn what_is_not_said_of_a_column_is_as_it_is_there() {
        let column = Column {
            name: "email".into(),
            field: None,
            kind: Type::Other("vector".to_owned()),
            arity: Arity::Required,
            default: Default::Now,
            origin: None,
        };
        let name = Name { schema: "public".to_owned(), name: "users".to_owned() };
        let table = Table { name, columns: vec![column], ..Table::default() };
        let catalog = Catalog { tables: vec![table], ..Catalog::default() };
        let told = |form: &str| {
            let found = findings(&require(form), &catalog, "public", Dialect::Postgres);
            found.iter().map(|finding| (finding.severity, finding.kind)).collect::<Vec<_>>()
        };
        assert_eq!(told("users.email"), []);
        assert_eq!(told("users.email vector not null"), []);
        // Somebody who names a type means it, whether Prisma knows it or not.
        assert_eq!(told("users.email tsvector"), [(Severity::Error, DifferenceKind::Different)]);
        assert_eq!(told("users.email null"), [(Severity::Error, DifferenceKind::Different)]);
        assert_eq!(told("users.Email"), [(Severity::Error, DifferenceKind::Renamed)]);
    }

    #[test]
    fn a_row_is_asked_for_in_one_query() {
        let suits = |condition: &str| {
            let what = format!("t where {condition}").parse().unwrap();
            let rows = vec![Line { what, origin: Origin::default() }];
            Require { rows, ..Require::default() }.suits(Dialect::Postgres).is_ok()
        };
        assert!(suits("a = ';'") && suits("a -- the one") && suits("(a or b)"));
        for wrong in ["a;", "a; b", "-- nothing", "(a", "a /*", "'a"] {
            assert!(!suits(wrong), "{wrong}");
        }
        let row: RowForm = "shop.plans where code = 'free' -- the one".parse().unwrap();
        let expected = "SELECT EXISTS (SELECT 1 FROM \"shop\".\"plans\" WHERE code = 'free' -- the one\n)";
        assert_eq!(row_query(&row, Dialect::Postgres), expected);
    }
}
