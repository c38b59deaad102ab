//! The declaration of a column: its type, its default, the constraints in it.

use crate::sql::ObjectRef;
use crate::sql::actions::read;
use crate::sql::cursor::Cursor;
use crate::sql::{Dialect, ObjectKind};

/// A column, as it is declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewColumn {
    /// Its new name, where it has another one (MySQL's CHANGE).
    pub(crate) new_name: Option<String>,
    /// Its type, as it is written.
    pub(crate) type_name: String,
    /// NOT NULL, or part of the primary key.
    pub(crate) not_null: bool,
    /// The expression after DEFAULT.
    pub(crate) default: Option<String>,
    /// How its values come about, where no default does.
    pub(crate) generated: Option<Generated>,
    /// UNIQUE or PRIMARY KEY: an index is built.
    pub(crate) indexed: bool,
    /// CHECK.
    pub(crate) checked: bool,
    /// The table that it refers to.
    pub(crate) references: Option<ObjectRef>,
    /// FIRST or AFTER (MySQL).
    pub(crate) placed: bool,
    /// `IF NOT EXISTS`.
    pub(crate) lenient: bool,
}

/// How the values of a column come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generated {
    /// GENERATED … AS IDENTITY, AUTO_INCREMENT.
    Numbered,
    /// Computed, and stored.
    Stored,
    /// Computed when it is read.
    Virtual,
    /// Computed, without a word about storing: virtual, or refused by servers before PostgreSQL 18.
    Unstated,
}

/// The words that end a type, and an expression after DEFAULT.
const PARTS: [&str; 22] = [
    "CONSTRAINT",
    "NOT",
    "NULL",
    "DEFAULT",
    "PRIMARY",
    "UNIQUE",
    "KEY",
    "REFERENCES",
    "CHECK",
    "GENERATED",
    "COLLATE",
    "AUTO_INCREMENT",
    "AUTOINCREMENT",
    "FIRST",
    "AFTER",
    "COMMENT",
    "ON",
    "AS",
    "STORAGE",
    "COMPRESSION",
    "USING",
    "INVISIBLE",
];

fn is_at_part(reader: &Cursor<'_>) -> bool {
    PARTS.iter().any(|word| reader.is_at(word))
}

/// The text of a type, up to the first word that is no part of it.
pub(crate) fn type_name(reader: &mut Cursor<'_>) -> String {
    let begin = reader.offset();
    while !reader.is_at_end_of_item() && !is_at_part(reader) {
        // `VARCHAR(9) CHARACTER SET utf8mb4`: CHARACTER is a type itself where VARYING or a length follows.
        let text = reader.since(begin);
        if reader.take_all(&["CHARACTER", "SET"]) || reader.take("CHARSET") {
            let text = text.to_owned();
            reader.take_mark("=");
            reader.skip();
            return text;
        }
        reader.skip();
    }
    reader.since(begin).to_owned()
}

/// The text of an expression: at least one token, up to the next part of the declaration.
fn expression(reader: &mut Cursor<'_>) -> String {
    let begin = reader.offset();
    if !reader.is_at_end_of_item() {
        reader.skip();
    }
    while !reader.is_at_end_of_item() && !is_at_part(reader) {
        reader.skip();
    }
    reader.since(begin).to_owned()
}

/// What follows the name of a column.
pub(crate) fn declared(reader: &mut Cursor<'_>) -> NewColumn {
    let mut column = NewColumn { type_name: type_name(reader), ..NewColumn::default() };
    while !reader.is_at_end_of_item() {
        if reader.take_all(&["NOT", "NULL"]) {
            column.not_null = true;
        } else if reader.take("DEFAULT") {
            column.default = Some(expression(reader));
        } else if reader.take_all(&["PRIMARY", "KEY"]) {
            (column.indexed, column.not_null) = (true, true);
        } else if reader.take("UNIQUE") || reader.take("KEY") {
            column.indexed = true;
        } else if reader.take("REFERENCES") {
            column.references = read(reader, ObjectKind::Table);
        } else if reader.take("CHECK") {
            column.checked = true;
            reader.skip();
        } else if reader.take("GENERATED") || reader.is_at("AS") {
            generated(reader, &mut column);
        } else if reader.take("AUTO_INCREMENT") || reader.take("AUTOINCREMENT") || reader.take("IDENTITY") {
            column.generated = Some(Generated::Numbered);
        } else if reader.take("FIRST") || reader.take("AFTER") {
            column.placed = true;
        } else if reader.take("COMMENT") || reader.take("CONSTRAINT") || reader.take("COLLATE") {
            reader.skip();
        } else if reader.take("ON") {
            // `ON DELETE SET NULL`, `ON UPDATE CURRENT_TIMESTAMP`: the words are none of the column's.
            reader.step();
            if !(reader.take_all(&["SET", "NULL"]) || reader.take_all(&["SET", "DEFAULT"])) {
                reader.skip();
            }
        } else {
            reader.skip();
        }
    }
    if is_serial(&column.type_name) && reader.dialect() == Dialect::Postgres {
        column.generated = Some(Generated::Numbered);
        column.not_null = true;
    }
    column
}

/// `ALWAYS AS IDENTITY`, `ALWAYS AS (a + b) STORED`, `AS (a + b)`.
fn generated(reader: &mut Cursor<'_>, column: &mut NewColumn) {
    let _ = reader.take("ALWAYS") || reader.take_all(&["BY", "DEFAULT"]);
    reader.take("AS");
    if reader.take("IDENTITY") {
        column.generated = Some(Generated::Numbered);
        column.not_null = true;
        return;
    }
    reader.skip();
    let is_stored = reader.take("STORED") || reader.take("PERSISTENT");
    column.generated = Some(match is_stored {
        true => Generated::Stored,
        false if reader.take("VIRTUAL") => Generated::Virtual,
        false => Generated::Unstated,
    });
}

/// A type that stands for an integer and a sequence (PostgreSQL manual, 8.1.4).
fn is_serial(type_name: &str) -> bool {
    let serial = ["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"];
    serial.iter().any(|name| type_name.eq_ignore_ascii_case(name))
}
