//! What a statement does, action by action, as far as locks and work under them depend on it: which index is built and how,
//! which constraint is checked, what a new column is declared as. No I/O, and no judgement: that is `lint`'s.
//!
//! `changes` has what scripts make, for hints about the provenance of an object; this has how they do it. A statement that is
//! not understood is [`ActionKind::Unread`], never nothing.

pub(crate) mod alter_table;
pub(crate) mod column;
pub(crate) mod constraint;
pub(crate) mod create;
pub(crate) mod mysql;
pub(crate) mod rows;
pub(crate) mod upkeep;

use crate::sql::actions::column::NewColumn;
use crate::sql::actions::constraint::NewConstraint;
use crate::sql::cursor::Cursor;
use crate::sql::script::Statement;
use crate::sql::{ObjectKind, ObjectRef};

/// One thing that a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    /// Where in the statement's text it begins, in bytes.
    pub(crate) offset: usize,
    /// What it is done to; `None` where nothing of the database's tables is named.
    pub(crate) object: Option<ObjectRef>,
    /// What is done.
    pub(crate) kind: ActionKind,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ActionKind {
    /// A table is created.
    CreateTable(NewTable),
    /// An index is built; the object is the index, as a part of its table.
    CreateIndex(NewIndex),
    /// An object of the statement's kind is dropped; an index of MySQL is a part of its table.
    Drop {
        /// `CONCURRENTLY`, of an index.
        concurrently: bool,
        /// `CASCADE`: and what depends on it.
        cascade: bool,
    },
    /// A table, view, index, type or schema becomes this one: it gets another name, on MySQL perhaps in another schema.
    Rename(ObjectRef),
    /// It goes to this schema.
    Move(String),
    /// A column is added.
    AddColumn(NewColumn),
    /// A column is dropped.
    DropColumn,
    /// A column gets this name.
    RenameColumn(String),
    /// A column gets this type (PostgreSQL).
    SetType {
        /// As it is written, without COLLATE.
        type_name: String,
        /// COLLATE.
        collates: bool,
        /// The expression after USING.
        using: Option<String>,
    },
    /// A column is declared anew (MySQL's MODIFY and CHANGE).
    Redeclare(NewColumn),
    /// A column may no longer be NULL.
    SetNotNull,
    /// Another setting of a column.
    SetColumn(ColumnSetting),
    /// A constraint is added.
    AddConstraint(NewConstraint),
    /// A constraint's rows are checked.
    ValidateConstraint,
    /// A constraint is dropped.
    DropConstraint,
    /// A constraint gets this name.
    RenameConstraint(String),
    /// The definition of a constraint is changed.
    AlterConstraint,
    /// The object is attached to this table as a partition of it.
    AttachPartition(ObjectRef),
    /// The object is detached from this table.
    DetachPartition {
        /// The partitioned table.
        from: ObjectRef,
        /// `CONCURRENTLY`, or the `FINALIZE` of such a one.
        concurrently: bool,
    },
    /// A setting of a table.
    SetTable(TableSetting),
    /// Rows are written.
    Rows(RowChange),
    /// `TRUNCATE`.
    Truncate,
    /// `LOCK TABLE` in this mode, in upper case.
    LockTable(String),
    /// `REINDEX` of an index, a table, or more (then without an object).
    Reindex {
        /// `CONCURRENTLY`.
        concurrently: bool,
    },
    /// Upkeep of a table, or of all of them.
    Upkeep(Upkeep),
    /// Something that hangs on a table, and is no part of its rows.
    Attach(Attachment),
    /// A view is created or replaced.
    CreateView {
        /// It stores its rows.
        materialized: bool,
        /// `OR REPLACE`: there may be one.
        replace: bool,
    },
    /// A materialised view is filled again.
    RefreshView {
        /// `CONCURRENTLY`.
        concurrently: bool,
    },
    /// A type is created; `is_enum` tells whether its values are listed.
    CreateType {
        /// `AS ENUM`.
        is_enum: bool,
    },
    /// An enum gets this value.
    AddValue(String),
    /// A value of an enum gets this name.
    RenameValue(String),
    /// A setting of the session or the transaction; the name in lower case.
    Set {
        /// Its name.
        name: String,
        /// What it is set to.
        value: String,
        /// `SET LOCAL`: until the transaction ends.
        local: bool,
    },
    /// Code that runs: a DO block, CALL, a function in SELECT.
    Code,
    /// It touches no table: rights, functions, comments, transactions.
    Quiet,
    /// It is not understood.
    Unread,
}

/// A table, as it is created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewTable {
    /// `IF NOT EXISTS`.
    pub(crate) lenient: bool,
    /// It goes with its session.
    pub(crate) temporary: bool,
    /// Its columns.
    pub(crate) columns: Vec<(String, NewColumn)>,
    /// The constraints of the table; those of a column stand with it.
    pub(crate) constraints: Vec<NewConstraint>,
    /// The table that it is a partition of.
    pub(crate) partition_of: Option<ObjectRef>,
    /// `PARTITION BY`.
    pub(crate) partitioned: bool,
    /// `AS SELECT …`.
    pub(crate) from_query: bool,
    /// It names tables that it is made like, or inherits from.
    pub(crate) names_others: bool,
}

/// An index, as it is created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewIndex {
    /// Values are unique.
    pub(crate) unique: bool,
    /// `CONCURRENTLY`.
    pub(crate) concurrently: bool,
    /// `IF NOT EXISTS`.
    pub(crate) lenient: bool,
    /// `ON ONLY`: of a partitioned table, without those of its partitions.
    pub(crate) only: bool,
    /// `FULLTEXT` or `SPATIAL` (MySQL).
    pub(crate) special: bool,
}

/// What else is set of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnSetting {
    /// It may be NULL.
    DropNotNull,
    /// Its default, or none.
    Default,
    /// `ADD GENERATED … AS IDENTITY`, `DROP IDENTITY`, `SET GENERATED`: it writes no row.
    Identity,
    /// `SET EXPRESSION`: the values of a stored column are computed anew (PostgreSQL 17).
    Expression,
    /// `DROP EXPRESSION`.
    DropExpression,
    /// `SET STATISTICS`, `SET (n_distinct = …)`.
    Statistics,
    /// `SET STORAGE`, `SET COMPRESSION`: for rows that are written from now on.
    Storage,
    /// Not understood.
    Unread,
}

/// What is set of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableSetting {
    /// `SET (fillfactor = …)`, `RESET (…)`.
    Parameters,
    /// `CLUSTER ON`, `SET WITHOUT CLUSTER`.
    ClusterOn,
    /// Its owner, row security, replica identity, rules, inheritance, type: no row is read.
    Catalog,
    /// Triggers are switched.
    Triggers,
    /// `SET LOGGED`, `SET UNLOGGED`, `SET TABLESPACE`, `SET ACCESS METHOD`: all rows are written anew.
    Rewrites,
    /// MySQL: an option that is only noted: comment, statistics, the next number.
    Noted,
    /// MySQL: an option for which the table is built anew while others write (ENGINE, ROW_FORMAT, FORCE).
    Rebuilds,
    /// MySQL: `CONVERT TO CHARACTER SET`, for which the table is copied.
    Copies,
    /// Not understood.
    Unread,
}

/// Rows that a statement writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowChange {
    /// How.
    pub(crate) verb: RowVerb,
    /// Which rows.
    pub(crate) extent: Extent,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowVerb {
    /// INSERT, REPLACE, COPY … FROM, MERGE.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
}

/// Which rows of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of them: no condition.
    All,
    /// Those that a query or a condition gives; how many, only the database can tell.
    Condition,
    /// Those in which these columns have values that the statement lists: `id = 3`, `code IN ('a', 'b')`.
    Equal(Vec<String>),
    /// Those that the statement lists: VALUES; or a number of them: LIMIT.
    Listed,
}

/// Upkeep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upkeep {
    /// VACUUM without FULL, ANALYZE.
    Light,
    /// VACUUM FULL, CLUSTER, OPTIMIZE TABLE: the table is written anew.
    Rewrites,
}

/// What hangs on a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// CREATE TRIGGER.
    Trigger,
    /// CREATE POLICY, CREATE RULE; DROP and ALTER of these and of triggers.
    Rule,
    /// COMMENT, CREATE STATISTICS.
    Note,
}

impl NewTable {
    /// The tables that its foreign keys refer to.
    pub(crate) fn references(&self) -> impl Iterator<Item = &ObjectRef> {
        let of_columns = self.columns.iter().filter_map(|(_, column)| column.references.as_ref());
        of_columns.chain(self.constraints.iter().filter_map(|constraint| constraint.references.as_ref()))
    }
}

impl Action {
    /// An action that begins with its statement.
    pub(crate) fn on(object: Option<ObjectRef>, kind: ActionKind) -> Self {
        Self { offset: 0, object, kind }
    }
}

/// Everything that a statement does; at least one action.
#[must_use]
pub(crate) fn actions(statement: &Statement<'_>) -> Vec<Action> {
    let mut reader = Cursor::of(statement);
    let found = if reader.take("CREATE") {
        create::created(&mut reader)
    } else if reader.take("ALTER") {
        altered(&mut reader)
    } else if reader.take("DROP") {
        create::dropped(&mut reader)
    } else if reader.take("RENAME") {
        let renamed = crate::sql::table_parts::renames(&mut reader).tables;
        renamed.into_iter().map(|(old, new)| Action::on(Some(old), ActionKind::Rename(new))).collect()
    } else {
        rows::changed(&mut reader).unwrap_or_else(|| vec![upkeep::action(statement, &mut reader)])
    };
    if found.is_empty() { vec![Action::on(None, ActionKind::Unread)] } else { found }
}

/// The whole of this kind whose name is next.
pub(crate) fn read(reader: &mut Cursor<'_>, kind: ObjectKind) -> Option<ObjectRef> {
    reader.name().map(|name| ObjectRef::written(kind, &name))
}

/// What follows ALTER.
fn altered(reader: &mut Cursor<'_>) -> Vec<Action> {
    let _ = reader.take("MATERIALIZED") || reader.take("FOREIGN") || reader.take("IGNORE") || reader.take("ONLINE");
    if reader.take("TABLE") {
        return alter_table::altered(reader);
    }
    let kinds = [
        ("INDEX", ObjectKind::Index),
        ("VIEW", ObjectKind::View),
        ("TYPE", ObjectKind::Type),
        ("DOMAIN", ObjectKind::Type),
        ("SCHEMA", ObjectKind::Schema),
        ("SEQUENCE", ObjectKind::Sequence),
    ];
    let Some((word, kind)) = kinds.into_iter().find(|(word, _)| reader.take(word)) else {
        return vec![other_altered(reader)];
    };
    reader.take_all(&["IF", "EXISTS"]);
    let Some(object) = read(reader, kind) else { return Vec::new() };
    let of = |kind| vec![Action::on(Some(object.clone()), kind)];
    if reader.take_all(&["RENAME", "TO"]) {
        let new = reader.name().map(|name| object.renamed(&name, reader.dialect()));
        return new.map(|new| of(ActionKind::Rename(new))).unwrap_or_default();
    }
    if reader.take_all(&["SET", "SCHEMA"]) {
        return reader.name().map(|name| of(ActionKind::Move(crate::sql::cursor::bare(&name)))).unwrap_or_default();
    }
    match kind {
        ObjectKind::Type if reader.take_all(&["ADD", "VALUE"]) => {
            reader.take_all(&["IF", "NOT", "EXISTS"]);
            reader.literal().map(|value| of(ActionKind::AddValue(value))).unwrap_or_default()
        }
        ObjectKind::Type if reader.take_all(&["RENAME", "VALUE"]) => {
            reader.literal().map(|value| of(ActionKind::RenameValue(value))).unwrap_or_default()
        }
        // Adding or validating a constraint of a domain reads all tables that use it.
        ObjectKind::Type if word == "TYPE" => of(ActionKind::Unread),
        ObjectKind::Type if reader.take("ADD") || reader.take("VALIDATE") || reader.take_all(&["SET", "NOT"]) => {
            of(ActionKind::Unread)
        }
        ObjectKind::Type | ObjectKind::Schema | ObjectKind::Sequence => of(ActionKind::Quiet),
        _ => of(ActionKind::Unread),
    }
}

/// ALTER of what is no relation: `ALTER FUNCTION f …`.
fn other_altered(reader: &mut Cursor<'_>) -> Action {
    let on_tables = ["POLICY", "TRIGGER", "RULE"];
    if on_tables.iter().any(|word| reader.take(word)) {
        return create::on_table(reader, Attachment::Rule);
    }
    let quiet = [
        "FUNCTION",
        "PROCEDURE",
        "ROUTINE",
        "AGGREGATE",
        "ROLE",
        "USER",
        "DATABASE",
        "DEFAULT",
        "EXTENSION",
        "PUBLICATION",
        "SUBSCRIPTION",
        "LANGUAGE",
        "OPERATOR",
        "COLLATION",
        "EVENT",
        "SERVER",
        "SYSTEM",
        "STATISTICS",
    ];
    let is_quiet = quiet.iter().any(|word| reader.take(word));
    Action::on(None, if is_quiet { ActionKind::Quiet } else { ActionKind::Unread })
}

#[cfg(test)]
mod tests;
