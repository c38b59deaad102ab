//! What a service expects against what a database holds. Pure: two catalogs in, findings out.
//!
//! The measure is whether a query of the service would fail. Where Prisma itself sees no difference, nothing above a
//! notice is found (but for what it never looks at: broken indexes and unchecked foreign keys); where Prisma reports a
//! difference that affects no query (names, extras), that is a notice.

pub(crate) mod column;
pub mod ddl;
pub(crate) mod foreign_key;
pub(crate) mod index;
pub(crate) mod mysql;
pub(crate) mod part;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::catalog::{
    Access, Arity, Catalog, CatalogSource, Column, Constraint, Default, Enum, Guarantee, Name, Origin, Table,
};
use crate::finding::{Difference, DifferenceKind, Remedy, Severity, Source};
use crate::sql::{Dialect, ObjectKind, ObjectRef};

pub(crate) use crate::differ::column::{counterparts, is_comparable, type_of};
pub(crate) use crate::differ::foreign_key::described as described_key;
pub(crate) use crate::differ::index::{bracketed, described, invalid};
pub(crate) use crate::differ::part::{expects, index_named, required_columns, required_enums, view_columns};

/// Everything in which `actual` falls short of `expected`, differs from it or goes beyond it; by table, in the
/// order of the desired, what no source expects at the end.
#[must_use]
pub fn compare(expected: &Catalog, actual: &Catalog, dialect: Dialect) -> Vec<Difference> {
    let expected = &*mysql::respelled(expected, actual);
    let names = Names(dialect);
    let compared = Compared { names, source: &expected.source };
    let mut findings = Vec::new();
    database(expected, actual, compared, &mut findings);
    enums(expected, actual, compared, &mut findings);

    let there: HashMap<FoldedName<'_>, &Table> =
        actual.tables.iter().map(|table| (names.folded(&table.name), table)).collect();
    let wanted: HashSet<FoldedName<'_>> = expected.tables.iter().map(|table| names.folded(&table.name)).collect();
    let mut spare = Spare::new(actual, &wanted, names);
    for table in &expected.tables {
        match there.get(&names.folded(&table.name)) {
            Some(found) => whole_table(table, found, compared, &mut findings),
            None => absent_table(table, actual, &mut spare, compared, &mut findings),
        }
    }
    index::broken(expected, actual, compared, &mut findings);
    let known: HashSet<FoldedName<'_>> =
        actual.views.iter().map(|view| names.folded(view)).chain(there.into_keys()).collect();
    for view in expected.views.iter().filter(|view| !known.contains(&names.folded(view))) {
        findings.push(compared.found(
            Severity::Notice,
            DifferenceKind::Missing,
            ObjectRef::of(ObjectKind::View, view),
            None,
        ));
    }
    for table in spare.rest().filter(|table| !table.of_extension) {
        findings.push(compared.found(
            Severity::Notice,
            DifferenceKind::Extra,
            ObjectRef::of(ObjectKind::Table, &table.name),
            None,
        ));
    }
    findings
}

/// A qualified name in the form in which the engine tells names apart.
pub(crate) type NameKey = (String, String);

/// The same, without a copy where the engine takes names as they are.
type FoldedName<'a> = (Cow<'a, str>, Cow<'a, str>);

/// How an engine tells names apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names(pub(crate) Dialect);

impl Names {
    pub(crate) fn key(self, name: &str) -> String {
        self.0.folded(name).into_owned()
    }

    pub(crate) fn key_of(self, name: &Name) -> NameKey {
        (self.key(&name.schema), self.key(&name.name))
    }

    fn folded(self, name: &Name) -> FoldedName<'_> {
        (self.0.folded(&name.schema), self.0.folded(&name.name))
    }

    /// The name as SQL has it.
    pub(crate) fn sql(self, name: &Name) -> String {
        format!("{}.{}", self.0.identifier(&name.schema), self.0.identifier(&name.name))
    }

    pub(crate) fn are_same(self, one: &str, other: &str) -> bool {
        self.0.is_same_name(one, other)
    }

    pub(crate) fn are_one(self, one: &Name, other: &Name) -> bool {
        self.are_same(&one.name, &other.name) && self.are_same(&one.schema, &other.schema)
    }

    /// Names that SQLite takes for one, and Prisma for two.
    fn are_spelled_apart(self, one: &str, other: &str) -> bool {
        self.0.rules().ignores_case && one != other
    }
}

/// What a comparison goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared<'a> {
    pub(crate) names: Names,
    /// Who expects what has no line of its own.
    pub(crate) source: &'a CatalogSource,
}

impl Compared<'_> {
    fn source(self, origin: Option<&Origin>) -> Source {
        match (origin, self.source) {
            (Some(origin), _) => Source::At(origin.clone()),
            (None, CatalogSource::PrismaSchema) => Source::PrismaSchema,
            (None, CatalogSource::File(path)) => Source::Named(path.clone()),
            (None, CatalogSource::Live) => Source::Named("the database".to_owned()),
        }
    }

    /// How bad it is that the server does not guarantee an expected constraint. A Prisma schema cannot say NOT ENFORCED, so
    /// that the migration which says it has the last word.
    pub(crate) fn severity_of_lost(self, guarantee: Guarantee) -> Severity {
        match (guarantee.enforced, self.source) {
            (false, CatalogSource::PrismaSchema) => Severity::Notice,
            _ => Severity::Warning,
        }
    }

    pub(crate) fn found(
        self,
        severity: Severity,
        kind: DifferenceKind,
        object: ObjectRef,
        origin: Option<&Origin>,
    ) -> Difference {
        let source = match (origin, kind) {
            (None, DifferenceKind::Extra) => Source::Nobody,
            (origin, _) => self.source(origin),
        };
        Difference::new(severity, kind, object, source)
    }
}

/// `reportId`, `report_id`, `ReportID`: what people write for one another.
pub(crate) fn folded(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// The same for tables, which are often in the plural where a model is not: `SLAPolicy`, `sla_policies`.
fn singular(name: &str) -> String {
    let folded = folded(name);
    let cut = |end: &str, instead: &str| folded.strip_suffix(end).map(|stem| format!("{stem}{instead}"));
    let es = ["sses", "xes", "ches", "shes"].iter().any(|end| folded.ends_with(end)).then(|| cut("es", "")).flatten();
    let singular = cut("ies", "y").or(es).or_else(|| cut("s", "").filter(|stem| !stem.ends_with('s')));
    singular.unwrap_or(folded)
}

/// Tables that no source expects: a similar name makes one the counterpart of a missing table.
struct Spare<'a> {
    tables: Vec<&'a Table>,
    similar: HashMap<String, Vec<usize>>,
    taken: HashSet<usize>,
}

impl<'a> Spare<'a> {
    fn new(actual: &'a Catalog, wanted: &HashSet<FoldedName<'_>>, names: Names) -> Self {
        let is_spare = |table: &&Table| !wanted.contains(&names.folded(&table.name));
        let tables: Vec<&Table> = actual.tables.iter().filter(is_spare).collect();
        let mut similar: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, table) in tables.iter().enumerate() {
            similar.entry(singular(&table.name.name)).or_default().push(place);
        }
        Self { tables, similar, taken: HashSet::new() }
    }

    /// The most similar of them, which is then accounted for.
    fn take(&mut self, name: &Name) -> Option<&'a Name> {
        let places =
            self.similar.get(&singular(&name.name))?.iter().copied().filter(|place| !self.taken.contains(place));
        let distance = |place: &usize| {
            let other = &self.tables[*place].name;
            (other.name != name.name, folded(&other.name) != folded(&name.name), other.schema != name.schema)
        };
        let place = places.min_by_key(distance)?;
        self.taken.insert(place);
        Some(&self.tables[place].name)
    }

    fn rest(&self) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().enumerate().filter(|(place, _)| !self.taken.contains(place)).map(|(_, table)| *table)
    }
}

/// A table that is not there under its name: there may be a view of the name, or a similar name.
fn absent_table(
    table: &Table,
    actual: &Catalog,
    spare: &mut Spare<'_>,
    compared: Compared<'_>,
    findings: &mut Vec<Difference>,
) {
    let names = compared.names;
    let object = ObjectRef::of(ObjectKind::Table, &table.name);
    if actual.views.iter().any(|view| names.key_of(view) == names.key_of(&table.name)) {
        match actual.view_columns.iter().find(|view| names.key_of(&view.name) == names.key_of(&table.name)) {
            Some(view) => in_place_of_table(table, view, compared, findings),
            None => {
                let unknown =
                    compared.found(Severity::Notice, DifferenceKind::Uncompared, object, table.origin.as_ref());
                findings.push(unknown.between("a table", "a view"));
            }
        }
        return;
    }
    let error = |kind| compared.found(Severity::Error, kind, object.clone(), table.origin.as_ref());
    let similar = folded(&table.name.name);
    let elsewhere = || actual.views.iter().find(|view| folded(&view.name) == similar);
    findings.push(match spare.take(&table.name).or_else(elsewhere) {
        Some(other) => error(DifferenceKind::Renamed).instead(ObjectRef::of(ObjectKind::Table, other)),
        None => error(DifferenceKind::Missing),
    });
}

/// A view or foreign table where a table is expected. Queries can name it, and perhaps write to it; its columns matter, and
/// their types. It has no keys, and does not say whether a column may be NULL.
fn in_place_of_table(expected: &Table, view: &Table, compared: Compared<'_>, findings: &mut Vec<Difference>) {
    let object = || ObjectRef::of(ObjectKind::Table, &expected.name);
    let differs = compared.found(Severity::Notice, DifferenceKind::Different, object(), expected.origin.as_ref());
    findings.push(differs.between("a table", "a view or foreign table"));
    column::compare(&as_view(expected), &as_view(view), compared, findings);
    findings.extend(hidden(view.access, object(), compared.source(expected.origin.as_ref())));
}

/// The table with what is known of a view: its columns and their types.
fn as_view(table: &Table) -> Table {
    let plain = |column: &Column| Column {
        arity: if column.arity == Arity::List { Arity::List } else { Arity::Optional },
        default: Default::None,
        ..column.clone()
    };
    Table { columns: table.columns.iter().map(plain).collect(), ..table.clone() }
}

fn whole_table(expected: &Table, actual: &Table, compared: Compared<'_>, findings: &mut Vec<Difference>) {
    let names = compared.names;
    if names.are_spelled_apart(&expected.name.name, &actual.name.name) {
        let object = ObjectRef::of(ObjectKind::Table, &expected.name);
        let spelled = compared.found(Severity::Notice, DifferenceKind::Renamed, object, expected.origin.as_ref());
        findings.push(spelled.instead(ObjectRef::of(ObjectKind::Table, &actual.name)));
    }
    let columns = column::compare(expected, actual, compared, findings);
    index::primary_key(expected, actual, &columns, compared, findings);
    index::indexes(expected, actual, &columns, compared, findings);
    foreign_key::foreign_keys(expected, actual, &columns, compared, findings);
    constraints(expected, actual, compared, findings);
    if actual.access != Access::Granted {
        let source = compared.source(expected.origin.as_ref());
        findings.extend(hidden(actual.access, ObjectRef::of(ObjectKind::Table, &expected.name), source));
    }
}

/// Checks and exclusions, which are known by name only. One that is NOT VALID is reported even if no source expects it; one
/// that is NOT ENFORCED was declared so.
fn constraints(expected: &Table, actual: &Table, compared: Compared<'_>, findings: &mut Vec<Difference>) {
    let names = compared.names;
    for Constraint { name, .. } in &expected.constraints {
        if !actual.constraints.iter().any(|other| names.are_same(&other.name, name)) {
            let object = ObjectRef::part_of(&expected.name, ObjectKind::Constraint, name.as_str());
            findings.push(compared.found(Severity::Warning, DifferenceKind::Missing, object, expected.origin.as_ref()));
        }
    }
    for Constraint { name, guarantee, .. } in actual.constraints.iter().filter(|constraint| !constraint.guarantee.valid)
    {
        let wanted = expected.constraints.iter().find(|other| other.name == *name).map(|other| other.guarantee);
        if wanted.is_some_and(|wanted| !wanted.valid) || (wanted.is_none() && !guarantee.enforced) {
            continue;
        }
        let object = ObjectRef::part_of(&expected.name, ObjectKind::Constraint, name.as_str());
        let severity = compared.severity_of_lost(*guarantee);
        let finding = compared.found(severity, DifferenceKind::Invalid, object, expected.origin.as_ref());
        findings.extend(without_guarantee(finding, *guarantee, actual, name, names));
    }
}

/// The finding, if the server does not guarantee the constraint: why, and the statement that changes it.
pub(crate) fn without_guarantee(
    finding: Difference,
    guarantee: Guarantee,
    table: &Table,
    name: &str,
    names: Names,
) -> Option<Difference> {
    let alter = |what: &str| {
        let name = names.0.identifier(name);
        Remedy::Sql(format!("ALTER TABLE {} {what} CONSTRAINT {name}", names.sql(&table.name)))
    };
    match guarantee {
        Guarantee { valid: true, .. } => None,
        Guarantee { enforced: true, .. } => {
            Some(finding.but("NOT VALID: rows from before are unchecked").remedied(alter("VALIDATE")))
        }
        Guarantee { enforced: false, .. } => {
            let finding = finding.but("NOT ENFORCED: the server checks no row");
            // PostgreSQL 18 cannot alter a check (its manual, ALTER TABLE).
            let is_foreign_key = table.foreign_keys.iter().any(|key| key.name == name);
            Some(match (is_foreign_key, alter("ALTER")) {
                (true, Remedy::Sql(sql)) => finding.remedied(Remedy::Sql(format!("{sql} ENFORCED"))),
                _ => finding,
            })
        }
    }
}

/// A table that is there, and not for the service's role.
pub(crate) fn hidden(access: Access, object: ObjectRef, source: Source) -> Option<Difference> {
    let (severity, there) = match access {
        Access::Granted => return None,
        Access::NoSchema => (Severity::Error, "a schema that the role may not use"),
        Access::Nothing => (Severity::Error, "a table on which the role has no right"),
        Access::WriteOnly => (Severity::Warning, "a table that the role may write to, and not read"),
        Access::SomeColumns => (Severity::Warning, "a table of which the role may not read every column"),
        Access::NoRows => (Severity::Warning, "row security, and no policy that shows the role a row"),
    };
    Some(Difference::new(severity, DifferenceKind::Hidden, object, source).but(there))
}

fn database(expected: &Catalog, actual: &Catalog, compared: Compared<'_>, findings: &mut Vec<Difference>) {
    let names = compared.names;
    for schema in expected.schemas.iter().filter(|schema| !actual.schemas.contains(schema)) {
        let is_used = expected.tables.iter().map(|table| &table.name).chain(expected.enums.iter().map(|e| &e.name));
        let is_used = is_used.into_iter().any(|name| names.are_same(&name.schema, schema));
        let severity = if is_used { Severity::Error } else { Severity::Notice };
        findings.push(compared.found(
            severity,
            DifferenceKind::Missing,
            ObjectRef::new(ObjectKind::Schema, None, schema.clone()),
            None,
        ));
    }
    for extension in &expected.extensions {
        let finding = |severity, kind| {
            compared.found(severity, kind, ObjectRef::new(ObjectKind::Extension, None, extension.name.clone()), None)
        };
        let Some(other) = actual.extensions.iter().find(|other| other.name == extension.name) else {
            // What the service needs of it, a type or a function, is looked at for itself.
            findings.push(finding(Severity::Warning, DifferenceKind::Missing));
            continue;
        };
        for (what, wanted, there) in
            [("schema", &extension.schema, &other.schema), ("version", &extension.version, &other.version)]
        {
            if let (Some(wanted), Some(there)) = (wanted, there)
                && wanted != there
            {
                let differs = finding(Severity::Notice, DifferenceKind::Different);
                findings.push(differs.between(format!("{what} {wanted}"), format!("{what} {there}")));
            }
        }
    }
}

fn enums(expected: &Catalog, actual: &Catalog, compared: Compared<'_>, findings: &mut Vec<Difference>) {
    let names = compared.names;
    let there: HashMap<FoldedName<'_>, &Enum> = actual.enums.iter().map(|e| (names.folded(&e.name), e)).collect();
    let wanted: HashSet<FoldedName<'_>> = expected.enums.iter().map(|e| names.folded(&e.name)).collect();
    let is_spare = |e: &&Enum| !wanted.contains(&names.folded(&e.name));
    let mut spare: Vec<&Enum> = actual.enums.iter().filter(is_spare).collect();
    for e in &expected.enums {
        let object = ObjectRef::of(ObjectKind::Enum, &e.name);
        let error = |kind| compared.found(Severity::Error, kind, object.clone(), e.origin.as_ref());
        let Some(other) = there.get(&names.folded(&e.name)) else {
            let similar = |other: &&Enum| folded(&other.name.name) == folded(&e.name.name);
            match spare.iter().position(similar) {
                Some(place) => {
                    let other = spare.remove(place);
                    findings.push(error(DifferenceKind::Renamed).instead(ObjectRef::of(ObjectKind::Enum, &other.name)));
                }
                None => findings.push(error(DifferenceKind::Missing)),
            }
            continue;
        };
        let lacking: Vec<&String> = e.values.iter().filter(|value| !other.values.contains(value)).collect();
        // Extra values and a different order cannot break a query.
        let severity = if lacking.is_empty() { Severity::Notice } else { Severity::Error };
        if e.values != other.values {
            let differs = compared.found(severity, DifferenceKind::Different, object.clone(), e.origin.as_ref());
            findings.push(differs.between(list(&e.values), list(&other.values)));
        }
    }
    let extra = |e: &Enum| {
        compared.found(Severity::Notice, DifferenceKind::Extra, ObjectRef::of(ObjectKind::Enum, &e.name), None)
    };
    findings.extend(spare.into_iter().map(extra));
}

fn list(values: &[String]) -> String {
    if values.is_empty() { "no value".to_owned() } else { values.join(", ") }
}

#[cfg(test)]
mod tests;
