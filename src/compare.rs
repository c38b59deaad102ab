//! What a service expects against what a database holds. Pure: two catalogs in, findings out.
//!
//! The measure is whether a query of the service would fail. Where Prisma itself sees no difference, nothing above a
//! notice is found (but for what it never looks at: broken indexes and unchecked foreign keys); where Prisma reports a
//! difference that no query can feel (names, extras), that is a notice.

mod column;
mod index;
mod relation;

use std::collections::{HashMap, HashSet};

use crate::catalog::{Catalog, Enum, Name, Origin, Table};
use crate::engine::Dialect;
use crate::verify::{Difference, Finding, Severity};

/// Everything in which `actual` falls short of `expected`, differs from it or goes beyond it; by table, in the
/// order of the expectation, what nobody expects at the end.
#[must_use]
pub fn compare(expected: &Catalog, actual: &Catalog, dialect: Dialect) -> Vec<Finding> {
    let names = Names(dialect);
    let mut findings = Vec::new();
    database(expected, actual, names, &mut findings);
    enums(expected, actual, names, &mut findings);

    let there: HashMap<Key, &Table> = actual.tables.iter().map(|table| (names.key_of(&table.name), table)).collect();
    let wanted: HashSet<Key> = expected.tables.iter().map(|table| names.key_of(&table.name)).collect();
    let mut spare = Spare::new(actual, &wanted, names);
    for table in &expected.tables {
        match there.get(&names.key_of(&table.name)) {
            Some(found) => whole_table(table, found, names, &mut findings),
            None => findings.push(missing_table(table, actual, &mut spare, names)),
        }
    }
    let known: HashSet<Key> = actual.views.iter().map(|view| names.key_of(view)).chain(there.into_keys()).collect();
    for view in expected.views.iter().filter(|view| !known.contains(&names.key_of(view))) {
        findings.push(found(Severity::Notice, Difference::Missing, format!("view {}", show(view)), None));
    }
    for table in spare.rest() {
        findings.push(found(Severity::Notice, Difference::Extra, format!("table {}", show(&table.name)), None));
    }
    findings
}

/// A qualified name in the form in which the engine tells names apart.
type Key = (String, String);

/// How an engine tells names apart.
#[derive(Debug, Clone, Copy)]
struct Names(Dialect);

impl Names {
    /// PostgreSQL cuts names at 63 bytes, also in queries; SQLite ignores the case of ASCII letters.
    fn key(self, name: &str) -> String {
        match self.0 {
            Dialect::Postgres => name[..name.floor_char_boundary(63)].to_owned(),
            Dialect::Sqlite => name.to_ascii_lowercase(),
        }
    }

    fn key_of(self, name: &Name) -> Key {
        (self.key(&name.schema), self.key(&name.name))
    }

    fn are_same(self, one: &str, other: &str) -> bool {
        self.key(one) == self.key(other)
    }
}

/// `reportId`, `report_id`, `ReportID`: what people write for one another.
fn folded(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// Tables that nobody expects, to be found under a similar name or left over.
struct Spare<'a> {
    tables: Vec<&'a Table>,
    similar: HashMap<String, Vec<usize>>,
    taken: HashSet<usize>,
}

impl<'a> Spare<'a> {
    fn new(actual: &'a Catalog, wanted: &HashSet<Key>, names: Names) -> Self {
        let is_spare = |table: &&Table| !wanted.contains(&names.key_of(&table.name));
        let tables: Vec<&Table> = actual.tables.iter().filter(is_spare).collect();
        let mut similar: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, table) in tables.iter().enumerate() {
            similar.entry(folded(&table.name.name)).or_default().push(place);
        }
        Self { tables, similar, taken: HashSet::new() }
    }

    /// The most similar of them, which is then accounted for.
    fn take(&mut self, name: &Name) -> Option<&'a Name> {
        let places = self.similar.get(&folded(&name.name))?.iter().copied().filter(|place| !self.taken.contains(place));
        let distance = |place: &usize| {
            let other = &self.tables[*place].name;
            (other.name != name.name, other.schema != name.schema)
        };
        let place = places.min_by_key(distance)?;
        self.taken.insert(place);
        Some(&self.tables[place].name)
    }

    fn rest(&self) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().enumerate().filter(|(place, _)| !self.taken.contains(place)).map(|(_, table)| *table)
    }
}

fn missing_table(table: &Table, actual: &Catalog, spare: &mut Spare<'_>, names: Names) -> Finding {
    let object = format!("table {}", show(&table.name));
    let error = |kind| found(Severity::Error, kind, object.clone(), table.origin.as_ref());
    if actual.views.iter().any(|view| names.key_of(view) == names.key_of(&table.name)) {
        // Queries can name it, and perhaps write to it.
        let finding = found(Severity::Warning, Difference::Different, object, table.origin.as_ref());
        return finding.between("a table", "a view or foreign table");
    }
    let similar = folded(&table.name.name);
    let elsewhere = || actual.views.iter().find(|view| folded(&view.name) == similar);
    match spare.take(&table.name).or_else(elsewhere) {
        Some(other) => {
            let remedy = match other.name == table.name.name {
                true => "names of tables belong to a schema: correct it (@@schema, ?schema=), or move the table",
                false => "names are case-sensitive: map the model to it (@@map), or rename it",
            };
            error(Difference::Renamed).but(format!("table {}", show(other))).remedied(remedy.to_owned())
        }
        None => error(Difference::Missing),
    }
}

fn whole_table(expected: &Table, actual: &Table, names: Names, findings: &mut Vec<Finding>) {
    let columns = column::compare(expected, actual, names, findings);
    index::primary_key(expected, actual, &columns, names, findings);
    index::indexes(expected, actual, &columns, names, findings);
    relation::foreign_keys(expected, actual, &columns, names, findings);
}

fn database(expected: &Catalog, actual: &Catalog, names: Names, findings: &mut Vec<Finding>) {
    for schema in expected.schemas.iter().filter(|schema| !actual.schemas.contains(schema)) {
        let is_used = expected.tables.iter().map(|table| &table.name).chain(expected.enums.iter().map(|e| &e.name));
        let is_used = is_used.into_iter().any(|name| names.are_same(&name.schema, schema));
        let severity = if is_used { Severity::Error } else { Severity::Notice };
        findings.push(found(severity, Difference::Missing, format!("schema {schema}"), None));
    }
    for extension in expected.extensions.iter().filter(|extension| !actual.extensions.contains(extension)) {
        // What the service needs of it, a type or a function, is looked at for itself.
        findings.push(found(Severity::Warning, Difference::Missing, format!("extension {extension}"), None));
    }
}

fn enums(expected: &Catalog, actual: &Catalog, names: Names, findings: &mut Vec<Finding>) {
    let there: HashMap<Key, &Enum> = actual.enums.iter().map(|e| (names.key_of(&e.name), e)).collect();
    let wanted: HashSet<Key> = expected.enums.iter().map(|e| names.key_of(&e.name)).collect();
    let is_spare = |e: &&Enum| !wanted.contains(&names.key_of(&e.name));
    let mut spare: Vec<&Enum> = actual.enums.iter().filter(is_spare).collect();
    for e in &expected.enums {
        let object = format!("enum {}", show(&e.name));
        let error = |kind| found(Severity::Error, kind, object.clone(), e.origin.as_ref());
        let Some(other) = there.get(&names.key_of(&e.name)) else {
            let similar = |other: &&Enum| folded(&other.name.name) == folded(&e.name.name);
            match spare.iter().position(similar) {
                Some(place) => {
                    let other = spare.remove(place);
                    findings.push(error(Difference::Renamed).but(format!("enum {}", show(&other.name))));
                }
                None => findings.push(error(Difference::Missing)),
            }
            continue;
        };
        let lacking: Vec<&String> = e.values.iter().filter(|value| !other.values.contains(value)).collect();
        // A value that the service does not know is none that it asks for; of their order no query knows.
        let severity = if lacking.is_empty() { Severity::Notice } else { Severity::Error };
        if e.values != other.values {
            let differs = found(severity, Difference::Different, object.clone(), e.origin.as_ref());
            findings.push(differs.between(list(&e.values), list(&other.values)));
        }
    }
    let extra = |e: &Enum| found(Severity::Notice, Difference::Extra, format!("enum {}", show(&e.name)), None);
    findings.extend(spare.into_iter().map(extra));
}

fn list(values: &[String]) -> String {
    if values.is_empty() { "no value".to_owned() } else { values.join(", ") }
}

fn show(name: &Name) -> String {
    format!("{}.{}", name.schema, name.name)
}

fn found(severity: Severity, kind: Difference, object: String, origin: Option<&Origin>) -> Finding {
    let source = match (origin, kind) {
        (Some(origin), _) => format!("{}:{}", origin.file, origin.line),
        (None, Difference::Extra) => String::new(),
        (None, _) => "the schema".to_owned(),
    };
    Finding { severity, kind, object, expected: None, actual: None, source, cause: None, remedy: None }
}

impl Finding {
    fn between(mut self, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.actual = Some(actual.into());
        self
    }

    fn but(mut self, actual: impl Into<String>) -> Self {
        self.actual = Some(actual.into());
        self
    }

    fn remedied(mut self, remedy: String) -> Self {
        self.remedy = Some(remedy);
        self
    }
}

#[cfg(test)]
mod tests;
