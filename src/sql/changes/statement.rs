//! One statement, taken apart: CREATE, ALTER and DROP of what findings are about. Anything else gives nothing.

use crate::sql::changes::{Aspect, Change, FoundChange, LineIndex, SchemaOp};
use crate::sql::cursor::{Cursor, bare};
use crate::sql::script::summary;
use crate::sql::table_parts::{self, PartChange, PartOp, renames};
use crate::sql::{ObjectKind, ObjectRef};

const CREATES: SchemaOp = SchemaOp::Creates { lenient: false };

impl FoundChange {
    pub(crate) fn statement(&mut self, text: &str, mut reader: Cursor<'_>, line: usize) {
        self.line = line;
        let mut lines = LineIndex { text, at: 0, line };
        if reader.take("CREATE") {
            self.create(&mut reader, &mut lines);
        } else if reader.take("ALTER") {
            self.alter(&mut reader, &mut lines);
        } else if reader.take("DROP") {
            self.drop(&mut reader);
        } else if reader.take("RENAME") {
            renames(&mut reader).tables.into_iter().for_each(|(old, new)| self.note_rename(old, new));
        }
    }

    fn keeps_indexes_in_tables(&self) -> bool {
        self.dialect.rules().keeps_indexes_in_tables
    }

    fn note(&mut self, op: SchemaOp, target: ObjectRef) {
        self.changes.push(Change { line: self.line, op, target, constraint: None, wording: None });
    }

    fn note_constraint(&mut self, target: ObjectRef, name: Option<String>) {
        self.note(CREATES, target);
        if let Some(change) = self.changes.last_mut() {
            change.constraint = name;
        }
    }

    fn note_wording(&mut self, op: SchemaOp, target: ObjectRef, wording: &str) {
        let wording = summary(wording, self.dialect);
        self.note(op, target);
        if let Some(change) = self.changes.last_mut() {
            change.wording = (!wording.is_empty()).then_some(wording);
        }
    }

    fn create(&mut self, reader: &mut Cursor<'_>, lines: &mut LineIndex<'_>) {
        let mut temporary = false;
        loop {
            temporary |= reader.take("TEMP") || reader.take("TEMPORARY");
            let of_tables = ["OR", "REPLACE", "UNLOGGED", "MATERIALIZED", "RECURSIVE", "FOREIGN", "VIRTUAL"];
            let of_indexes = ["UNIQUE", "FULLTEXT", "SPATIAL"];
            let mut words = of_tables.iter().chain(&of_indexes);
            if temporary {
                // It goes with its session.
                return;
            }
            if !words.any(|word| reader.take(word)) {
                break;
            }
        }
        let Some(kind) = kind(reader) else { return };
        reader.take("CONCURRENTLY");
        let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
        let creates = SchemaOp::Creates { lenient };
        match kind {
            ObjectKind::Schema => {
                reader.take("AUTHORIZATION");
                self.note_each(reader.name(), kind, &creates);
            }
            ObjectKind::Index => {
                let Some(name) = reader.name().filter(|name| !name.eq_ignore_ascii_case("ON")) else { return };
                if reader.take("USING") {
                    reader.skip();
                }
                reader.take("ON");
                reader.take("ONLY");
                let Some(table) = read(reader, ObjectKind::Table) else { return };
                self.note(creates, table.part(ObjectKind::Index, bare(&name)));
            }
            ObjectKind::Table => {
                let Some(table) = read(reader, kind) else { return };
                self.note(creates.clone(), table.clone());
                if reader.take_mark("(") {
                    self.body(reader, lines, &table, &creates);
                }
            }
            ObjectKind::Type => {
                let Some(of) = read(reader, kind) else { return };
                self.note(CREATES, of.clone());
                if reader.take_all(&["AS", "ENUM"]) && reader.take_mark("(") {
                    loop {
                        self.line = lines.to(reader.offset());
                        let value = reader.literal();
                        value.into_iter().for_each(|value| self.note(CREATES, of.part(ObjectKind::EnumValue, value)));
                        if !reader.skip_to_next_item() {
                            return;
                        }
                    }
                }
            }
            _ => self.note_each(reader.name(), kind, &creates),
        }
    }

    fn note_each(&mut self, name: Option<String>, kind: ObjectKind, op: &SchemaOp) {
        name.iter().for_each(|name| self.note(op.clone(), ObjectRef::written(kind, name)));
    }

    /// What stands between the parentheses of CREATE TABLE.
    fn body(&mut self, reader: &mut Cursor<'_>, lines: &mut LineIndex<'_>, table: &ObjectRef, creates: &SchemaOp) {
        loop {
            self.line = lines.to(reader.offset());
            if !self.constraint(reader, table) && !reader.take("LIKE") {
                self.column(reader, table, creates);
            }
            if !reader.skip_to_next_item() {
                return;
            }
        }
    }

    /// A constraint of a table, if one is next.
    fn constraint(&mut self, reader: &mut Cursor<'_>, table: &ObjectRef) -> bool {
        let in_tables = self.keeps_indexes_in_tables();
        let is_key =
            |reader: &Cursor<'_>| ["UNIQUE", "PRIMARY", "FOREIGN", "CHECK"].iter().any(|key| reader.is_at(key));
        let has_name = reader.take("CONSTRAINT") && !(in_tables && is_key(reader));
        let name = has_name.then(|| reader.name()).flatten().map(|name| bare(&name));
        if in_tables && name.is_none() && ["INDEX", "KEY", "FULLTEXT", "SPATIAL"].iter().any(|word| reader.take(word)) {
            let name = index_name(reader);
            name.into_iter().for_each(|name| self.note(CREATES, table.part(ObjectKind::Index, name)));
        } else if reader.take_all(&["PRIMARY", "KEY"]) {
            self.note_constraint(
                table.part(ObjectKind::PrimaryKey, ""),
                name.or_else(|| Some(format!("{}_pkey", table.name))),
            );
        } else if reader.take("UNIQUE") {
            let own_name = if in_tables { index_name(reader) } else { None };
            let uses_index = reader.take_all(&["USING", "INDEX"]);
            reader.take_all(&["NULLS", "NOT", "DISTINCT"]);
            let columns = if uses_index { Vec::new() } else { names(reader) };
            let given = own_name.or(name);
            // MySQL names such an index after its first column.
            let made = || match in_tables {
                true => columns.first().cloned().unwrap_or_default(),
                false => format!("{}_{}_key", table.name, columns.join("_")),
            };
            let name = given.unwrap_or_else(made);
            self.note_constraint(table.part(ObjectKind::Index, name.clone()), Some(name));
        } else if reader.take_all(&["FOREIGN", "KEY"]) {
            if !reader.is_at("(") {
                reader.name();
            }
            let columns = names(reader);
            let name = name.unwrap_or_else(|| format!("{}_{}_fkey", table.name, columns.join("_")));
            self.note_constraint(table.foreign_key_over(columns), Some(name));
        } else if reader.take("CHECK") || reader.take("EXCLUDE") || name.is_some() {
            name.into_iter().for_each(|name| self.note(CREATES, table.part(ObjectKind::Constraint, name)));
        } else {
            return false;
        }
        true
    }

    /// A column's definition, with the constraints in it.
    fn column(&mut self, reader: &mut Cursor<'_>, table: &ObjectRef, creates: &SchemaOp) {
        let Some(column) = reader.name().map(|name| bare(&name)) else { return };
        let (place, begin) = (self.changes.len(), reader.offset());
        let mut name = None;
        while !reader.is_at_end_of_item() {
            if reader.take("CONSTRAINT") {
                name = reader.name().map(|name| bare(&name));
            } else if reader.take_all(&["PRIMARY", "KEY"]) {
                let name = name.take().unwrap_or_else(|| format!("{}_pkey", table.name));
                self.note_constraint(table.part(ObjectKind::PrimaryKey, ""), Some(name));
            } else if reader.take("UNIQUE") {
                let name = name.take().unwrap_or_else(|| format!("{}_{column}_key", table.name));
                self.note_constraint(table.part(ObjectKind::Index, name.clone()), Some(name));
            } else if reader.take("REFERENCES") {
                let name = name.take().unwrap_or_else(|| format!("{}_{column}_fkey", table.name));
                self.note_constraint(table.foreign_key_over(vec![column.clone()]), Some(name));
            } else if reader.take("CHECK") {
                let check = name.take().map(|name| table.part(ObjectKind::Constraint, name));
                check.into_iter().for_each(|check| self.note(CREATES, check));
            } else {
                reader.skip();
            }
        }
        self.note_wording(creates.clone(), table.part(ObjectKind::Column, column), reader.since(begin));
        // The column comes before what is made of it.
        self.changes[place..].rotate_right(1);
    }

    fn alter(&mut self, reader: &mut Cursor<'_>, lines: &mut LineIndex<'_>) {
        let _ = reader.take("MATERIALIZED") || reader.take("FOREIGN");
        let Some(kind) = kind(reader) else { return };
        reader.take_all(&["IF", "EXISTS"]);
        reader.take("ONLY");
        let Some(whole) = read(reader, kind) else { return };
        if reader.take_all(&["RENAME", "TO"]) {
            return self.renamed(reader, whole);
        }
        if reader.take_all(&["SET", "SCHEMA"]) {
            return self.note_name(reader, whole, |schema| SchemaOp::Moves(Some(schema)));
        }
        match kind {
            ObjectKind::Table if self.keeps_indexes_in_tables() => loop {
                self.line = lines.to(reader.offset());
                self.part_action(reader, &whole);
                if !reader.skip_to_next_item() {
                    return;
                }
            },
            ObjectKind::Table if reader.take_all(&["RENAME", "CONSTRAINT"]) => {
                self.rename_part(reader, &whole, ObjectKind::Constraint)
            }
            ObjectKind::Table if reader.take("RENAME") => {
                reader.take("COLUMN");
                self.rename_part(reader, &whole, ObjectKind::Column);
            }
            ObjectKind::Table => loop {
                self.line = lines.to(reader.offset());
                self.action(reader, &whole);
                if !reader.skip_to_next_item() {
                    return;
                }
            },
            ObjectKind::Type if reader.take_all(&["ADD", "VALUE"]) => {
                let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
                let value = reader.literal().map(|value| whole.part(ObjectKind::EnumValue, value));
                value.into_iter().for_each(|value| self.note(SchemaOp::Creates { lenient }, value));
            }
            ObjectKind::Type if reader.take_all(&["RENAME", "VALUE"]) => {
                let Some(old) = reader.literal() else { return };
                reader.take("TO");
                let new = reader.literal();
                new.into_iter()
                    .for_each(|new| self.note(SchemaOp::Renames(new), whole.part(ObjectKind::EnumValue, old.as_str())));
            }
            _ => {}
        }
    }

    fn note_name(&mut self, reader: &mut Cursor<'_>, whole: ObjectRef, op: fn(String) -> SchemaOp) {
        if let Some(name) = reader.name() {
            self.note(op(bare(&name)), whole);
        }
    }

    /// The whole gets the name that is next.
    fn renamed(&mut self, reader: &mut Cursor<'_>, whole: ObjectRef) {
        if let Some(new) = reader.name() {
            let new = whole.renamed(&new, self.dialect);
            self.note_rename(whole, new);
        }
    }

    /// A rename, and the move to another schema that it may be as well.
    fn note_rename(&mut self, old: ObjectRef, new: ObjectRef) {
        let moved = ObjectRef { name: new.name.clone(), ..old.clone() };
        let is_moved = old.schema != new.schema;
        if !is_moved || old.name != new.name {
            self.note(SchemaOp::Renames(new.name), old);
        }
        if is_moved {
            self.note(SchemaOp::Moves(new.schema), moved);
        }
    }

    fn rename_part(&mut self, reader: &mut Cursor<'_>, table: &ObjectRef, part: ObjectKind) {
        let Some(old) = reader.name() else { return };
        reader.take("TO");
        self.note_name(reader, table.part(part, bare(&old)), SchemaOp::Renames);
    }

    /// One of the actions of ALTER TABLE, where an index is a part of its table.
    fn part_action(&mut self, reader: &mut Cursor<'_>, table: &ObjectRef) {
        if reader.is_at("ADD") {
            return self.action(reader, table);
        }
        if reader.take("MODIFY") {
            reader.take("COLUMN");
            reader.take_all(&["IF", "EXISTS"]);
            let Some(column) = reader.name().map(|name| bare(&name)) else { return };
            let begin = reader.offset();
            while !reader.is_at_end_of_item() {
                reader.skip();
            }
            let column = table.part(ObjectKind::Column, column);
            return self.note_wording(SchemaOp::Sets(Aspect::Type), column, reader.since(begin));
        }
        if reader.is_at("RENAME") {
            let mut after = table_parts::action(reader).into_iter();
            if after.len() == 0 {
                let _ = reader.take("RENAME") && (reader.take("TO") || reader.take("AS"));
                return self.renamed(reader, table.clone());
            }
            return after.by_ref().for_each(|change| self.note_part(table, change));
        }
        table_parts::action(reader).into_iter().for_each(|change| self.note_part(table, change));
    }

    fn note_part(&mut self, table: &ObjectRef, PartChange { op, kind, name }: PartChange) {
        let op = match op {
            PartOp::Adds { lenient } => SchemaOp::Creates { lenient },
            PartOp::Drops => SchemaOp::Drops,
            PartOp::Renames(new) => SchemaOp::Renames(new),
        };
        self.note(op, table.part(kind, name));
    }

    /// One of the actions of ALTER TABLE.
    fn action(&mut self, reader: &mut Cursor<'_>, table: &ObjectRef) {
        if reader.take("ADD") {
            if !self.constraint(reader, table) {
                reader.take("COLUMN");
                let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
                self.column(reader, table, &SchemaOp::Creates { lenient });
            }
        } else if reader.take("DROP") {
            let part = if reader.take("CONSTRAINT") { ObjectKind::Constraint } else { ObjectKind::Column };
            reader.take("COLUMN");
            reader.take_all(&["IF", "EXISTS"]);
            let dropped = reader.name().map(|name| table.part(part, bare(&name)));
            dropped.into_iter().for_each(|dropped| self.note(SchemaOp::Drops, dropped));
        } else if reader.take("ALTER") && !reader.take("CONSTRAINT") {
            reader.take("COLUMN");
            let Some(column) = reader.name().map(|name| bare(&name)) else { return };
            let begin = reader.offset();
            let _ = reader.take("SET") || reader.take("DROP");
            reader.take("DATA");
            let aspects = [("TYPE", Aspect::Type), ("NOT", Aspect::Null), ("DEFAULT", Aspect::Default)];
            let aspect = aspects.into_iter().find(|(word, _)| reader.take(word)).map(|(_, aspect)| aspect);
            while !reader.is_at_end_of_item() {
                reader.skip();
            }
            let column = table.part(ObjectKind::Column, column);
            aspect
                .into_iter()
                .for_each(|of| self.note_wording(SchemaOp::Sets(of), column.clone(), reader.since(begin)));
        }
    }

    fn drop(&mut self, reader: &mut Cursor<'_>) {
        let _ = reader.take("MATERIALIZED") || reader.take("FOREIGN");
        let Some(kind) = kind(reader) else { return };
        reader.take("CONCURRENTLY");
        reader.take_all(&["IF", "EXISTS"]);
        if kind == ObjectKind::Index && self.keeps_indexes_in_tables() {
            let (index, _, table) = (reader.name(), reader.take("ON"), read(reader, ObjectKind::Table));
            let dropped = table.zip(index).map(|(table, index)| table.part(kind, bare(&index)));
            return dropped.into_iter().for_each(|dropped| self.note(SchemaOp::Drops, dropped));
        }
        loop {
            self.note_each(reader.name(), kind, &SchemaOp::Drops);
            if !reader.skip_to_next_item() {
                return;
            }
        }
    }
}

/// The whole of this kind whose name is next.
fn read(reader: &mut Cursor<'_>, kind: ObjectKind) -> Option<ObjectRef> {
    reader.name().map(|name| ObjectRef::written(kind, &name))
}

fn kind(reader: &mut Cursor<'_>) -> Option<ObjectKind> {
    let kinds = [
        ("TABLE", ObjectKind::Table),
        ("INDEX", ObjectKind::Index),
        ("TYPE", ObjectKind::Type),
        ("DOMAIN", ObjectKind::Type),
        ("VIEW", ObjectKind::View),
        ("SCHEMA", ObjectKind::Schema),
        ("EXTENSION", ObjectKind::Extension),
    ];
    kinds.into_iter().find(|(word, _)| reader.take(word)).map(|(_, kind)| kind)
}

/// The name of an index after UNIQUE, FULLTEXT, INDEX or KEY, if it has one.
fn index_name(reader: &mut Cursor<'_>) -> Option<String> {
    let _ = reader.take("INDEX") || reader.take("KEY");
    reader.take_all(&["IF", "NOT", "EXISTS"]);
    let has_name = !reader.is_at("(") && !reader.is_at("USING");
    has_name.then(|| reader.name()).flatten().map(|name| bare(&name))
}

/// The names in parentheses, if they are next: `(a, "b" DESC)`.
fn names(reader: &mut Cursor<'_>) -> Vec<String> {
    let mut names = Vec::new();
    if reader.take_mark("(") {
        loop {
            names.extend(reader.name().map(|name| bare(&name)));
            if !reader.skip_to_next_item() {
                break;
            }
        }
        reader.take_mark(")");
    }
    names
}
