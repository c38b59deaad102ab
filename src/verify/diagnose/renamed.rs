//! Names: what the schema file calls a table, what is there under another name, and what a migration could be called.

use crate::catalog::{Column, Name, Table};
use crate::differ;
use crate::finding::{Finding, Severity};
use crate::sql::{ObjectKind, ObjectRef};
use crate::verify::diagnose::{Answer, Diagnoser, SchemaHistory, is_declared, key};

impl Diagnoser<'_> {
    pub(crate) fn declared(&self, table: &Name) -> Option<&Table> {
        self.expected.get(&key(self.facts.dialect, table)).copied()
    }

    /// What the schema file calls a table.
    pub(crate) fn model(&self, table: &Name) -> String {
        let model = self.declared(table).and_then(|table| table.model.clone());
        model.unwrap_or_else(|| table.name.clone())
    }

    /// What the schema file calls a column.
    pub(crate) fn field(&self, table: &Name, name: &str) -> String {
        let column = self.declared(table).and_then(|table| table.columns.iter().find(|column| column.name == name));
        column.and_then(|column| column.field.clone()).unwrap_or_else(|| name.to_owned())
    }

    /// What the schema file calls a column of the database, mapped to it or not yet.
    pub(crate) fn field_like(&self, table: &Name, column: &str) -> String {
        let is_it = |other: &&Column| differ::folded(&other.name) == differ::folded(column);
        let declared = self.declared(table).and_then(|table| table.columns.iter().find(is_it));
        let field = declared.map(|column| column.field.clone().unwrap_or_else(|| column.name.clone()));
        field.unwrap_or_else(|| column.to_owned())
    }

    /// There under another name, in another case, in another schema.
    pub(crate) fn renamed(&self, finding: &Finding) -> Answer {
        let Some(there) = &finding.instead else {
            let is_name_only = finding.severity == Severity::Notice;
            return (is_name_only.then(|| "only its name is another, which no query asks for".to_owned()), None);
        };
        let wanted = self.provenance.steps(&finding.object);
        let wanted = self.tale(&wanted);
        if let SchemaHistory::Ahead(step) = wanted {
            return self.to_come(step, "creates it");
        }
        let found = self.provenance.steps(there);
        let (object, owner) = (&finding.object, finding.object.owner());
        let (as_what, unmapped) = match (object.kind, there.kind) {
            (ObjectKind::Table | ObjectKind::Enum, ObjectKind::Table | ObjectKind::Enum) => {
                let (table, other) = (&owner, there.owner());
                match table.name == other.name {
                    true => (format!("in the schema {}", other.schema), "it is expected in another".to_owned()),
                    false => (format!("as {}", other.name), format!("nothing maps {} to that", self.model(table))),
                }
            }
            (ObjectKind::Column, ObjectKind::Column) => {
                let field = self.field(&owner, &object.name);
                (format!("as {}", there.name), format!("nothing maps {field} to that"))
            }
            _ => return (None, None),
        };
        let cause = match (self.tale(&found), wanted) {
            (SchemaHistory::Made(step), _) => {
                format!("{}, and {unmapped}", self.says(step, &format!("creates it {as_what}")))
            }
            (_, SchemaHistory::Made(step)) => {
                format!(
                    "{}; it was renamed or moved since, by hand",
                    self.says(step, "creates it under the expected name")
                )
            }
            _ => format!("it is there {as_what}, and {unmapped}"),
        };
        (Some(cause), self.mapping(finding, there))
    }

    /// What to write, and where.
    fn mapping(&self, finding: &Finding, there: &ObjectRef) -> Option<String> {
        let is_declared = is_declared(finding);
        let sql = |name: &str| self.facts.dialect.identifier(name);
        let qualified = |name: &Name| format!("{}.{}", sql(&name.schema), sql(&name.name));
        let (wanted, other) = (&finding.object.owner(), &there.owner());
        Some(match (finding.object.kind, there.kind) {
            (ObjectKind::Column, ObjectKind::Column) => {
                let (name, at, other) = (&finding.object.name, other, &there.name);
                let field = self.field(wanted, name);
                let instead = if field == *name { String::new() } else { format!(" (instead of \"{name}\")") };
                let rename = format!("ALTER TABLE {} RENAME COLUMN {} TO {}", qualified(at), sql(other), sql(name));
                match is_declared {
                    true => {
                        format!("map the field: {field} … @map(\"{other}\"){instead}; or rename the column: {rename}")
                    }
                    false => format!("correct the name to {other}, or rename the column: {rename}"),
                }
            }
            (ObjectKind::Table | ObjectKind::Enum, ObjectKind::Table | ObjectKind::Enum) => {
                let (alter, model, what) = match finding.object.kind {
                    ObjectKind::Enum => ("ALTER TYPE", format!("enum {}", wanted.name), "enum"),
                    _ => ("ALTER TABLE", format!("model {}", self.model(wanted)), "table"),
                };
                let mut sql_there = Vec::new();
                if other.schema != wanted.schema {
                    sql_there.push(format!("{alter} {} SET SCHEMA {}", qualified(other), sql(&wanted.schema)));
                }
                if other.name != wanted.name {
                    let now = Name { schema: wanted.schema.clone(), name: other.name.clone() };
                    sql_there.push(format!("{alter} {} RENAME TO {}", qualified(&now), sql(&wanted.name)));
                }
                let sql_there = sql_there.join("; ");
                let mut written = Vec::new();
                if other.name != wanted.name {
                    written.push(format!("@@map(\"{}\")", other.name));
                }
                if other.schema != wanted.schema {
                    written.push(format!("@@schema(\"{}\")", other.schema));
                }
                let written = written.join(" ");
                match (is_declared, other.name == wanted.name) {
                    (true, true) => format!(
                        "say where it is: ?schema={} in the URL, or {written} in {model}; or move it: {sql_there}",
                        other.schema
                    ),
                    (true, false) => format!("map it: {written} in {model}; or rename the {what}: {sql_there}"),
                    (false, _) => format!("correct the name to {other}, or: {sql_there}"),
                }
            }
            _ => return None,
        })
    }
}

/// `Add SLAPolicy` as `add_sla_policy`: lower case, and an underscore between words.
pub(crate) fn slug(text: &str) -> String {
    words(text).join("_")
}

/// The word that all of the names begin with, if there are several of them.
pub(crate) fn common_word(names: &[String]) -> Option<String> {
    let firsts: Vec<String> = names.iter().filter_map(|name| words(name).into_iter().next()).collect();
    let first = firsts.first().filter(|_| names.len() > 1 && firsts.len() == names.len())?;
    firsts.iter().all(|other| other == first).then(|| first.clone())
}

/// `SLAPolicy`, `slaPolicy`, `sla_policy`: the words sla and policy.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let next_is_lower = characters.peek().is_some_and(char::is_ascii_lowercase);
        let begins = character.is_ascii_uppercase() && (!before.is_ascii_uppercase() || next_is_lower);
        if (begins || !character.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if character.is_ascii_alphanumeric() {
            word.push(character.to_ascii_lowercase());
        }
        before = character;
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_called_after_what_it_adds() {
        for (text, expected) in [
            ("add SLAPolicy", "add_sla_policy"),
            ("add slaPolicyV2 to \"my table\"", "add_sla_policy_v2_to_my_table"),
            ("add user_id", "add_user_id"),
            ("add ÄÖ x", "add_x"),
        ] {
            assert_eq!(slug(text), expected);
        }
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(common_word(&names(&["SLAPolicy", "SLAMetric"])).as_deref(), Some("sla"));
        assert_eq!(common_word(&names(&["SLAPolicy", "User"])), None);
        assert_eq!(common_word(&names(&["User"])), None);
    }
}
