//! The constraint that ALTER TABLE adds, and those in the body of CREATE TABLE.

use crate::sql::actions::read;
use crate::sql::cursor::{Cursor, bare};
use crate::sql::{ObjectKind, ObjectRef};

/// A constraint, as it is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewConstraint {
    /// What it is.
    pub(crate) kind: ConstraintKind,
    /// Its name, if it is given one.
    pub(crate) name: Option<String>,
    /// `NOT VALID`: rows that are there are not checked.
    pub(crate) not_valid: bool,
    /// `USING INDEX`: an index that is there becomes the constraint's.
    pub(crate) using_index: bool,
    /// The table that it refers to.
    pub(crate) references: Option<ObjectRef>,
    /// What stands between the parentheses of a check; the column of a NOT NULL.
    pub(crate) text: String,
}

/// What a constraint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConstraintKind {
    PrimaryKey,
    Unique,
    ForeignKey,
    Check,
    Exclude,
    /// `CONSTRAINT c NOT NULL a`, which PostgreSQL 18 has as a constraint of the table.
    NotNull,
    /// A constraint of a kind that is not known.
    Other,
}

/// The constraint of a table that is next, if one is, up to the end of the item.
pub(crate) fn constraint(reader: &mut Cursor<'_>) -> Option<NewConstraint> {
    // MySQL lets the name be missing: `ADD CONSTRAINT FOREIGN KEY (a) …`.
    let is_key = |reader: &Cursor<'_>| ["UNIQUE", "PRIMARY", "FOREIGN", "CHECK"].iter().any(|key| reader.is_at(key));
    let named = reader.take("CONSTRAINT");
    let name = if named && !is_key(reader) { reader.name().map(|name| bare(&name)) } else { None };
    let kind = match () {
        () if reader.take_all(&["PRIMARY", "KEY"]) => ConstraintKind::PrimaryKey,
        () if reader.take("UNIQUE") => ConstraintKind::Unique,
        () if reader.take_all(&["FOREIGN", "KEY"]) => ConstraintKind::ForeignKey,
        () if reader.take("CHECK") => ConstraintKind::Check,
        () if reader.take("EXCLUDE") => ConstraintKind::Exclude,
        () if reader.take_all(&["NOT", "NULL"]) => ConstraintKind::NotNull,
        () if named => ConstraintKind::Other,
        () => return None,
    };
    let mut added =
        NewConstraint { kind, name, not_valid: false, using_index: false, references: None, text: String::new() };
    let begin = reader.offset();
    if !reader.is_at_end_of_item() && !reader.is_at("USING") {
        reader.skip();
        added.text = reader.since(begin).to_owned();
    }
    while !reader.is_at_end_of_item() {
        if reader.take("REFERENCES") {
            added.references = read(reader, ObjectKind::Table);
        } else if reader.take_all(&["NOT", "VALID"]) {
            added.not_valid = true;
        } else if reader.take_all(&["USING", "INDEX"]) {
            // `USING INDEX TABLESPACE s` is no index.
            added.using_index = !reader.is_at("TABLESPACE");
            reader.skip();
        } else {
            reader.skip();
        }
    }
    Some(added)
}
