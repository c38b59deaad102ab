//! Names: what the schema file calls a table, what is there under another name, and what a migration could be called.

use crate::catalog::{Column, Name, Table};
use crate::differ;
use crate::finding::cause::{Does, OtherName, Site, Then};
use crate::finding::remedy::NameFix;
use crate::finding::{Cause, Diagnosis, Difference, Remedy, Severity};
use crate::sql::{ObjectKind, ObjectRef};
use crate::verify::diagnose::{Diagnoser, SchemaHistory, is_declared, key};

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
        column.and_then(|column| column.field.as_deref()).unwrap_or(name).to_owned()
    }

    /// What the schema file calls a column of the database, mapped to it or not yet.
    pub(crate) fn field_like(&self, table: &Name, column: &str) -> String {
        let is_it = |other: &&Column| differ::folded(&other.name) == differ::folded(column);
        let declared = self.declared(table).and_then(|table| table.columns.iter().find(is_it));
        declared.map_or(column, |column| column.field.as_deref().unwrap_or(&column.name)).to_owned()
    }

    /// There under another name, in another case, in another schema.
    pub(crate) fn renamed(&self, difference: &Difference) -> Diagnosis {
        if difference.severity == Severity::Notice {
            return Diagnosis { cause: Some(Cause::Names(OtherName::Unused)), remedy: None };
        }
        let Some(there) = difference.other() else { return Diagnosis::default() };
        let wanted = self.provenance.steps(&difference.object);
        let wanted = self.schema_history(&wanted);
        if let SchemaHistory::Ahead(step) = wanted {
            return self.to_come(step, Does::Creates);
        }
        let found = self.provenance.steps(there);
        let cause = match (self.schema_history(&found), wanted) {
            (SchemaHistory::Made(step), _) => Cause::Names(self.other_name(difference, there, Some(self.site(step)))),
            (_, SchemaHistory::Made(step)) => self.cause(step, Does::CreatesAsExpected, Then::RenamedByHand),
            _ => Cause::Names(self.other_name(difference, there, None)),
        };
        Diagnosis::new(cause, Remedy::Name(self.mapping(difference, there)))
    }

    fn other_name(&self, difference: &Difference, there: &ObjectRef, by: Option<Site>) -> OtherName {
        let (object, owner) = (&difference.object, difference.object.owner());
        let is_field = object.kind == ObjectKind::Column;
        if !is_field && object.name == there.name {
            return OtherName::Schema { schema: there.owner().schema, by };
        }
        let label = if is_field { self.field(&owner, &object.name) } else { self.model(&owner) };
        OtherName::Unmapped { name: there.name.clone(), label, is_field: is_field && is_declared(difference), by }
    }

    /// What to write, and where.
    fn mapping(&self, difference: &Difference, there: &ObjectRef) -> NameFix {
        let (declared, object) = (is_declared(difference), &difference.object);
        let (wanted, other) = (object.owner(), there.owner());
        let sql = |name: &str| self.facts.dialect.identifier(name);
        let qualified = |name: &Name| format!("{}.{}", sql(&name.schema), sql(&name.name));
        if object.kind == ObjectKind::Column {
            let field = self.field(&wanted, &object.name);
            let instead = (field != object.name).then(|| object.name.clone());
            let (from, to) = (sql(&there.name), sql(&object.name));
            let sql = format!("ALTER TABLE {} RENAME COLUMN {from} TO {to}", qualified(&other));
            let column = there.name.clone();
            return match declared {
                true => NameFix::MapField { field, column, instead, sql },
                false => NameFix::Column { column, sql },
            };
        }
        let (alter, label, what) = match object.kind {
            ObjectKind::Enum => ("ALTER TYPE", format!("enum {}", wanted.name), "enum"),
            _ => ("ALTER TABLE", format!("model {}", self.model(&wanted)), "table"),
        };
        let schema = (other.schema != wanted.schema).then(|| other.schema.clone());
        let name = (other.name != wanted.name).then(|| other.name.clone());
        let moves =
            schema.as_ref().map(|_| format!("{alter} {} SET SCHEMA {}", qualified(&other), sql(&wanted.schema)));
        let renames = name.as_ref().map(|name| {
            let now = Name { schema: wanted.schema.clone(), name: name.clone() };
            format!("{alter} {} RENAME TO {}", qualified(&now), sql(&wanted.name))
        });
        let sql = moves.into_iter().chain(renames).collect::<Vec<_>>().join("; ");
        match declared {
            true => NameFix::MapWhole { label, what, name, schema, sql },
            false => NameFix::Whole { name: other, sql },
        }
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
