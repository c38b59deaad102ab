//! The actions of MySQL's and MariaDB's ALTER TABLE, one by one: there an index is a part of its table, and INDEX and KEY are no
//! names of columns.

use crate::sql::cursor::{Cursor, bare};
use crate::sql::{ObjectKind, ObjectRef};

/// What an action does to a part of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PartOp {
    /// Adds it; `lenient` passes over one that exists.
    Adds {
        /// IF NOT EXISTS.
        lenient: bool,
    },
    /// Drops it.
    Drops,
    /// Gives it this name.
    Renames(String),
}

/// An action on a part that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartChange {
    pub(crate) op: PartOp,
    pub(crate) kind: ObjectKind,
    pub(crate) name: String,
}

/// Reads the action that is next, up to its names; none where it has no name, or is about no part.
pub(crate) fn action(reader: &mut Cursor<'_>) -> Vec<PartChange> {
    if reader.take("ADD") {
        return added(reader);
    }
    let one = |op, kind, name: Option<String>| name.map(|name| PartChange { op, kind, name: bare(&name) });
    if reader.take("DROP") {
        let kind = match () {
            () if reader.take("PRIMARY") || reader.take("PARTITION") || reader.take("SYSTEM") => return Vec::new(),
            () if reader.take("INDEX") || reader.take("KEY") => ObjectKind::Index,
            () if reader.take("CONSTRAINT") || reader.take("CHECK") || reader.take_all(&["FOREIGN", "KEY"]) => {
                ObjectKind::Constraint
            }
            () => {
                reader.take("COLUMN");
                ObjectKind::Column
            }
        };
        reader.take_all(&["IF", "EXISTS"]);
        return one(PartOp::Drops, kind, reader.name()).into_iter().collect();
    }
    if reader.take("CHANGE") {
        reader.take("COLUMN");
        reader.take_all(&["IF", "EXISTS"]);
        let (Some(old), Some(new)) = (reader.name(), reader.name()) else { return Vec::new() };
        let is_other = bare(&old) != bare(&new);
        let renamed = one(PartOp::Renames(bare(&new)), ObjectKind::Column, Some(old));
        return renamed.filter(|_| is_other).into_iter().collect();
    }
    let kind = match () {
        () if reader.take_all(&["RENAME", "COLUMN"]) => ObjectKind::Column,
        () if reader.take_all(&["RENAME", "INDEX"]) || reader.take_all(&["RENAME", "KEY"]) => ObjectKind::Index,
        () => return Vec::new(),
    };
    reader.take_all(&["IF", "EXISTS"]);
    let (old, _, new) = (reader.name(), reader.take("TO"), reader.name());
    let renamed = new.and_then(|new| one(PartOp::Renames(bare(&new)), kind, old));
    renamed.into_iter().collect()
}

/// What follows ADD.
fn added(reader: &mut Cursor<'_>) -> Vec<PartChange> {
    let named = reader.take("CONSTRAINT");
    let is_key =
        |reader: &mut Cursor<'_>| ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"].iter().any(|key| reader.is_at(key));
    let constraint = if named && !is_key(reader) { reader.name() } else { None };
    let is_unnamed = ["PRIMARY", "FOREIGN", "CHECK", "PARTITION", "PERIOD", "SYSTEM"].iter().any(|it| reader.take(it));
    let is_index = !is_unnamed && {
        let is_special = ["UNIQUE", "FULLTEXT", "SPATIAL"].iter().any(|word| reader.take(word));
        reader.take("INDEX") || reader.take("KEY") || is_special
    };
    let mut lenient = false;
    let mut one = |reader: &mut Cursor<'_>, kind| {
        lenient |= reader.take_all(&["IF", "NOT", "EXISTS"]);
        let name = reader.name()?;
        Some(PartChange { op: PartOp::Adds { lenient }, kind, name: bare(&name) })
    };
    if is_index {
        // A name after the kind of key goes before that of the constraint; without a name the server makes one.
        let own = if reader.is_at("USING") || reader.is_at("(") { None } else { one(reader, ObjectKind::Index) };
        let of_constraint = constraint.map(|name| PartChange {
            op: PartOp::Adds { lenient: false },
            kind: ObjectKind::Index,
            name: bare(&name),
        });
        return own.or(of_constraint).into_iter().collect();
    }
    if is_unnamed || named {
        let part = |name: String| PartChange {
            op: PartOp::Adds { lenient: false },
            kind: ObjectKind::Constraint,
            name: bare(&name),
        };
        return constraint.map(part).into_iter().collect();
    }
    reader.take("COLUMN");
    if !reader.take_mark("(") {
        return one(reader, ObjectKind::Column).into_iter().collect();
    }
    let mut columns = Vec::new();
    loop {
        columns.extend(one(reader, ObjectKind::Column));
        if !reader.skip_to_next_item() {
            break;
        }
    }
    reader.take_mark(")");
    columns
}

/// The actions of ALTER TABLE, where an index is a part of its table.
pub(crate) fn actions(reader: &mut Cursor<'_>, mut take: impl FnMut(PartChange)) {
    loop {
        action(reader).into_iter().for_each(&mut take);
        if !reader.skip_past_comma() {
            return;
        }
    }
}

/// What `RENAME TABLE` names.
#[derive(Debug, Default)]
pub(crate) struct Renames {
    /// `IF EXISTS`: a table that is not there is passed over.
    pub(crate) lenient: bool,
    /// Each table, and what it is afterwards.
    pub(crate) tables: Vec<(ObjectRef, ObjectRef)>,
}

/// `RENAME TABLE a TO b, c.x TO d.x`, of MariaDB also `IF EXISTS`, `a WAIT 5 TO b` and `a NOWAIT TO b`.
pub(crate) fn renames(reader: &mut Cursor<'_>) -> Renames {
    let mut renames = Renames::default();
    if !(reader.take("TABLE") || reader.take("TABLES")) {
        return renames;
    }
    renames.lenient = reader.take_all(&["IF", "EXISTS"]);
    loop {
        let old = reader.name().map(|name| ObjectRef::written(ObjectKind::Table, &name));
        if reader.take("WAIT") {
            reader.step();
        } else {
            reader.take("NOWAIT");
        }
        let new = if reader.take("TO") { reader.name() } else { None };
        let dialect = reader.dialect();
        renames.tables.extend(old.zip(new).map(|(old, new)| (old.clone(), old.renamed(&new, dialect))));
        if !reader.skip_past_comma() {
            return renames;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::objects::{created, removed};
    use crate::sql::script::statements;

    #[test]
    fn every_action_is_read_with_its_kind() {
        for (text, expected) in [
            ("ADD COLUMN IF NOT EXISTS `A b` INT", "+? column A b"),
            ("ADD a INT AFTER b", "+ column a"),
            ("ADD COLUMN (a INT, `key` DECIMAL(3, 2))", "+ column a, + column key"),
            ("ADD INDEX i USING BTREE (a)", "+ index i"),
            ("ADD KEY Ix (a)", "+ index Ix"),
            ("ADD INDEX (a)", ""),
            ("ADD UNIQUE `u` (a)", "+ index u"),
            ("ADD UNIQUE INDEX u (a)", "+ index u"),
            ("ADD UNIQUE (a)", ""),
            ("ADD FULLTEXT KEY f (a)", "+ index f"),
            ("ADD CONSTRAINT c UNIQUE (a)", "+ index c"),
            ("ADD CONSTRAINT c UNIQUE KEY u (a)", "+ index u"),
            ("ADD CONSTRAINT `fk` FOREIGN KEY (a) REFERENCES t (a)", "+ constraint fk"),
            ("ADD CONSTRAINT FOREIGN KEY (a) REFERENCES t (a)", ""),
            ("ADD CONSTRAINT c CHECK (a > 0)", "+ constraint c"),
            ("ADD PRIMARY KEY (a)", ""),
            ("ADD PARTITION (PARTITION p VALUES IN (1))", ""),
            ("DROP COLUMN a", "- column a"),
            ("DROP INDEX i", "- index i"),
            ("DROP KEY IF EXISTS i", "- index i"),
            ("DROP FOREIGN KEY fk", "- constraint fk"),
            ("DROP CONSTRAINT c", "- constraint c"),
            ("DROP PRIMARY KEY", ""),
            ("CHANGE a B INT", "a to B column"),
            ("CHANGE COLUMN a a BIGINT", ""),
            ("RENAME COLUMN a TO b", "a to b column"),
            ("RENAME INDEX a TO b", "a to b index"),
            ("RENAME TO b", ""),
            ("MODIFY a BIGINT", ""),
            ("ENGINE = InnoDB", ""),
        ] {
            let tell = |PartChange { op, kind, name }: PartChange| match op {
                PartOp::Adds { lenient: false } => format!("+ {} {name}", kind.word()),
                PartOp::Adds { lenient: true } => format!("+? {} {name}", kind.word()),
                PartOp::Drops => format!("- {} {name}", kind.word()),
                PartOp::Renames(new) => format!("{name} to {new} {}", kind.word()),
            };
            let found = action(&mut Cursor::new(text, Dialect::Mysql)).into_iter().map(tell).collect::<Vec<_>>();
            assert_eq!(found.join(", "), expected, "{text}");
        }
    }

    #[test]
    fn names_of_mysql_keep_their_case_and_indexes_belong_to_tables() {
        let all = |script| {
            let statements = statements(script, Dialect::Mysql);
            let (made, gone) = (created(&statements), removed(&statements));
            let made = made.iter().map(|(object, _)| format!("+{object}"));
            made.chain(gone.iter().map(|object| format!("-{object}"))).collect::<Vec<_>>().join(", ")
        };
        for (script, expected) in [
            ("CREATE TABLE Users (Id INT, KEY k (Id)); CREATE TABLE `a b` LIKE Users", "+table Users, +table \"a b\""),
            ("ALTER TABLE T ADD INDEX I (a), ADD b INT, ADD UNIQUE KEY u (b)", "+index I, +column T.b, +index u"),
            ("CREATE INDEX I USING BTREE ON T (a)", "+index I"),
            ("DROP INDEX I ON T", "-index I"),
            ("RENAME TABLE a TO B, c TO d", "+table B, +table d, -table a, -table c"),
            ("RENAME TABLE a NOWAIT TO b, c.d WAIT 5 TO e", "+table b, +table e, -table a, -table c.d"),
            ("RENAME TABLE IF EXISTS a TO b", "-table a"),
            (
                "ALTER TABLE a.t RENAME TO b.u; ALTER TABLE a.v RENAME TO w",
                "+table b.u, +table w, -table a.t, -table a.v",
            ),
            ("ALTER TABLE t CHANGE a b INT, DROP KEY k", "+column t.b, -column t.a, -index k"),
            ("CREATE TABLE t (a INT); RENAME TABLE t TO u", "+table u, -table t"),
        ] {
            assert_eq!(all(script), expected, "{script}");
        }
    }
}
