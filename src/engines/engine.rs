//! The stateless part of an engine: the SQL texts of its catalog queries, and how their rows are read.
//!
//! Everything here is a pure function of its arguments, so an engine's reading is tested without a server. A query that
//! an engine cannot answer has a default: no schemas, no roles, no list of sessions. Nothing here connects, waits or
//! retries; [`super::session`] does the talking and [`super::queries`] combines both.

use crate::base::fault::{Class, Fault};
use crate::catalog::{Access, Catalog, Name};
use crate::engines::ahead::{Ahead, Answers};
use crate::engines::inspector::{Inspector, Silent};
use crate::engines::peer::Peer;
use crate::engines::query_plan::QueryPlan;
use crate::engines::session::LockKey;
use crate::engines::table_state::{TableHold, TableSize};
use crate::sql::reindex::ReindexTarget;
use crate::sql::sql_mode::Modes;
use crate::sql::unnamed_build::UnnamedBuild;
use crate::sql::{Dialect, ObjectRef, Row, TableName};

/// What an engine can be asked about a database.
///
/// Required is what every start needs. The other methods default to "the engine cannot tell".
pub trait Engine: Sync {
    /// How the engine writes SQL, and what it is able to do.
    fn dialect(&self) -> Dialect;

    /// What a person asks the server about itself.
    fn inspector(&self) -> &'static dyn Inspector {
        &Silent
    }

    /// Everything that decides whether there is work, in one round trip. Reading the rows fails with
    /// [`Class::ReadOnly`] when the server takes no writes.
    fn probe(&self, request: &ProbeRequest) -> Query<Probe>;

    /// The ordinary tables that decide whether a database is "empty": those in `schemas`, or all of them where the engine
    /// has no schemas.
    fn tables_in(&self, schemas: &[String]) -> Query<Vec<String>>;

    /// Tables outside these schemas that tell of an earlier migration: those that this role owns, and the histories of
    /// tools that make a schema for theirs. What an extension or a platform has made belongs to another role.
    fn tables_elsewhere(&self, _schemas: &[String]) -> Query<Vec<String>> {
        Query::known(Vec::new())
    }

    /// For each of `tables`: whether it exists and what `role` (by default the session's own) may do with it.
    fn find_tables(&self, tables: &[TableName], role: Option<&str>) -> Query<Vec<Found>>;

    /// Whether each of these tables can be used by the session's own role for certain; `None` where that is not cheap to tell.
    fn usable_tables(&self, _tables: &[TableName]) -> Option<Query<Vec<bool>>> {
        None
    }

    /// What of each object exists; `since` names a row (`table WHERE condition`) whose transaction tells old objects
    /// from new ones.
    fn object_states(&self, objects: &[ObjectRef], since: Option<&str>) -> Query<Vec<ObjectState>>;

    /// A value that differs wherever the catalog's rows about these names differ, in the session's own database: of tables with
    /// all their parts, views, routines, triggers, events, databases. `None` where the engine needs none, because it rolls DDL
    /// back.
    fn fingerprint(&self, _names: &[String]) -> Query<Option<String>> {
        Query::known(None)
    }

    /// The definition of a table or view of the session's own database, as [`Session::shows_definitions`] says; `None` where only
    /// this session sees it, or where the engine needs no definitions. One that does not exist is a fault with
    /// [`Condition::NoTable`](crate::base::fault::Condition::NoTable).
    ///
    /// [`Session::shows_definitions`]: crate::engines::session::Session::shows_definitions
    fn definition(&self, _name: &str) -> Query<Option<String>> {
        Query::known(None)
    }

    /// The INVALID indexes beside an index that a `REINDEX … CONCURRENTLY` of `target` rebuilds, with the same table and
    /// columns; `since` as for [`Engine::object_states`].
    fn invalid_twins(&self, _target: &ReindexTarget, _since: &str) -> Query<Vec<InvalidTwin>> {
        Query::known(Vec::new())
    }

    /// The indexes of a table that are INVALID or were made since; `since` as for [`Engine::object_states`].
    fn table_indexes(&self, _table: &ObjectRef, _since: &str) -> Query<Vec<TableIndex>> {
        Query::known(Vec::new())
    }

    /// What [`TableIndex::definition`] is of the index that this statement builds on `table`, with its schema. Builds it
    /// on an empty temporary table, which ends with the message.
    fn index_definition(&self, _build: &UnnamedBuild, _table: &ObjectRef) -> Query<Option<String>> {
        Query::known(None)
    }

    /// The scope's catalog as far as a service can depend on it, with no privilege beyond what every role has. Relations
    /// of other schemas are listed as views: candidates for what is missing.
    fn catalog(&self, scope: &Scope<'_>) -> CatalogQuery;

    /// Plans of each query, without full scans where the engine can avoid them; executes none of them. `None` where
    /// several cannot be asked at once.
    fn explain(&self, queries: &[&str]) -> Option<Batch<Vec<QueryPlan>>>;

    /// The boolean that each query returns, in a transaction that cannot write, and in which row security is an error
    /// instead of a filter. `None` where several cannot be asked at once.
    fn query_bools(&self, queries: &[&str]) -> Option<Batch<bool>>;

    /// Tables elsewhere, or in another case, that each of these names may have meant.
    fn similar_tables(&self, tables: &[TableName]) -> Query<Vec<Vec<TableName>>> {
        Query::known(vec![Vec::new(); tables.len()])
    }

    /// The schemas that belong neither to the engine nor to an extension.
    fn schemas(&self) -> Query<Vec<String>> {
        Query::known(vec![self.dialect().home().to_owned()])
    }

    /// Those of these schemas that exist, each with whether it has a table of this name.
    fn tables_by_schema(&self, _schemas: &[String], _table: &str) -> Query<Vec<(String, bool)>> {
        Query::known(Vec::new())
    }

    /// The statement that creates a schema; `None` for an engine without schemas.
    fn create_schema(&self, _name: &str) -> Option<String> {
        None
    }

    /// Statements before a query, in the same message, that make its answer independent of the settings of the role and
    /// the database. They end with the message.
    fn pinned(&self) -> &'static str {
        ""
    }

    /// The extensions that the server could install and that say where to, or which others they need.
    fn extensions(&self) -> Query<Vec<AvailableExtension>> {
        Query::known(Vec::new())
    }

    /// What the session has for a parameter of the server; `None` for an engine without such parameters.
    fn setting(&self, _name: &str) -> Query<Option<Setting>> {
        Query::known(None)
    }

    /// What the session's own account may read in these schemas; `None` for an engine that tells what a role may do by its name.
    fn own_rights(&self, _schemas: &[String]) -> Option<Query<OwnRights>> {
        None
    }

    /// The session's modes that decide how a script is cut into statements; `None` for an engine without such modes.
    fn sql_modes(&self) -> Query<Option<Modes>> {
        Query::known(None)
    }

    /// The session that holds the migration lock, for itself or shared.
    fn lock_holder(&self, _key: LockKey) -> Query<Option<Peer>> {
        Query::known(None)
    }

    /// The one that holds it for itself.
    fn lock_owner(&self, key: LockKey) -> Query<Option<Peer>> {
        self.lock_holder(key)
    }

    /// The sessions that may still run a statement of a child process whose client has ended: those that carry the name of
    /// one ([`OF_CHILDREN`](crate::base::application_name::OF_CHILDREN)), and those of this session's role
    /// that are writing.
    fn child_sessions(&self) -> Query<Vec<ChildSession>> {
        Query::known(Vec::new())
    }

    /// How large each of these tables is, or the table of an index of this name; `None` for what does not exist. Exact sizes may
    /// have to wait for a lock, for 100 ms at most.
    fn table_sizes(&self, tables: &[TableName], is_exact: bool) -> Query<Vec<Option<TableSize>>>;

    /// The locks that other sessions hold on these tables, the oldest transaction first; `None` where the engine does not tell.
    fn table_holds(&self, _tables: &[Name]) -> Query<Option<Vec<TableHold>>> {
        Query::known(None)
    }

    /// How many bytes the rows of all tables take, without indexes: what a dump reads. `None` where the engine does not tell.
    fn data_size(&self) -> Query<Option<u64>>;

    /// Another session whose current statement contains this text.
    fn running_session(&self, _text: &str) -> Query<Option<Peer>> {
        Query::known(None)
    }
}

/// How the rows of a query become a `T`.
type Read<T> = Box<dyn FnOnce(Vec<Row>) -> Result<T, Fault>>;

/// A query, and how its rows are read.
pub struct Query<T> {
    /// The text: one message, which may hold several statements. `None` where the answer is known without asking.
    pub(crate) sql: Option<String>,
    /// A message that undoes what a refused one leaves in the session.
    pub(crate) cleanup: Option<String>,
    read: Read<T>,
}

impl<T: 'static> Query<T> {
    /// This text, whose rows `read` turns into an answer.
    pub(crate) fn new(sql: String, read: impl FnOnce(Vec<Row>) -> Result<T, Fault> + 'static) -> Self {
        Self { sql: Some(sql), cleanup: None, read: Box::new(read) }
    }

    /// An answer that needs no query.
    pub(crate) fn known(answer: T) -> Self {
        Self { sql: None, cleanup: None, read: Box::new(|_| Ok(answer)) }
    }

    /// The same question, whose answer is turned into another one.
    pub(crate) fn map<U: 'static>(self, turn: impl FnOnce(T) -> U + 'static) -> Query<U> {
        let read = self.read;
        Query { sql: self.sql, cleanup: self.cleanup, read: Box::new(|rows| read(rows).map(turn)) }
    }

    /// The answer that these rows give.
    pub(crate) fn read(self, rows: Vec<Row>) -> Result<T, Fault> {
        (self.read)(rows)
    }
}

/// The query for a catalog, and what folds its rows.
pub struct CatalogQuery {
    /// The text.
    pub(crate) sql: String,
    /// Takes the rows in their order.
    pub(crate) reader: Box<dyn CatalogReader>,
}

/// Folds the rows of a [`CatalogQuery`] as they arrive.
pub(crate) trait CatalogReader {
    /// Takes one row of the message's statement of this number; `None` where it does not have the form that the statement
    /// produces.
    fn row(&mut self, statement: usize, row: &[Option<&str>]) -> Option<()>;

    /// After the last row of a message: the next one, whose rows are taken too, where these rows left something open.
    fn next_message(&mut self) -> Option<String> {
        None
    }

    /// The catalog, after the last row.
    fn finish(self: Box<Self>) -> Catalog;
}

/// How the rows of several queries become one answer each.
type ReadAll<T> = Box<dyn FnOnce(Vec<Row>) -> Vec<Result<T, Fault>>>;

/// Several queries of one kind in one message. If one of them is refused, each is asked again by itself.
pub struct Batch<T> {
    /// The text.
    pub(crate) sql: String,
    /// A message that undoes what a refused one leaves in the session.
    pub(crate) cleanup: Option<String>,
    /// In a message for one query: how many characters precede the query, for the position of an error.
    pub(crate) offset: Option<usize>,
    /// One answer per query, in their order.
    pub(crate) read: ReadAll<T>,
}

/// What a start needs to find, for `Engine::probe`.
#[derive(Debug, Clone, Default)]
pub struct ProbeRequest {
    /// Schemas that should exist.
    pub schemas: Vec<String>,
    /// Name of the history table to locate.
    pub history: Option<String>,
    /// The only schema in which it counts; otherwise it is looked for along the search path.
    pub history_schema: Option<String>,
    /// What else to ask in the message of the probe.
    pub ahead: Ahead,
    /// The caller only reads: a server that takes no writes is no fault.
    pub only_reads: bool,
}

/// Which part of a database to read, for `Engine::catalog`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// Schemas; an engine without schemas reads everything.
    pub schemas: &'a [String],
    /// The role whose privileges count; `None` for the session's own.
    pub role: Option<&'a str>,
}

/// What a probe found.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// Product and version, for the log.
    pub server: String,
    /// Requested schemas that do not exist.
    pub missing_schemas: Vec<String>,
    /// Where the history table is; `None` when it is nowhere on the search path.
    pub history: Option<TableName>,
    /// Where an unqualified `CREATE TABLE` would create; `None` when no schema of the search path exists.
    pub current_schema: Option<String>,
    /// The database's name, for GRANTs.
    pub database: String,
    /// The session's role, for GRANTs.
    pub role: String,
    /// What was answered ahead.
    pub ahead: Answers,
}

/// A session that may run a statement of a child process, for [`Engine::child_sessions`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildSession {
    /// The session.
    pub peer: Peer,
    /// When its transaction began, as the server writes it. A later one is no statement of an earlier child.
    pub began: String,
    /// It has the name of a child process.
    pub is_named: bool,
}

/// An extension that the server could install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailableExtension {
    /// Its name.
    pub name: String,
    /// The schema of its control file, which it creates where that is missing.
    pub schema: Option<String>,
    /// The extensions that it needs.
    pub requires: Vec<String>,
}

/// A parameter of the server, as a session has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its value, as the server shows it.
    pub value: String,
    /// It came with the connection (the URL's options), which goes before what is set for the role.
    pub of_connection: bool,
}

impl Setting {
    /// A limit of 0 is none.
    #[must_use]
    pub(crate) fn is_off(&self) -> bool {
        self.value == "0"
    }
}

/// What exists of an object that a script creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectState {
    /// Nothing.
    Absent,
    /// It existed before the moment in question.
    Older,
    /// One transaction created it after that moment, and nothing has altered it since; the transaction's number.
    Newer(String),
    /// It exists; the engine does not tell since when.
    Present,
    /// An index whose build was interrupted.
    Invalid,
}

/// An INVALID index, and another one of the same table and columns, for [`Engine::invalid_twins`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTwin {
    /// The INVALID one.
    pub index: ObjectRef,
    /// The name of the other one.
    pub original: String,
    /// Its row in `pg_class` was written after the moment in question.
    pub is_newer: bool,
    /// So were the rows of its columns: it was made then.
    pub is_made_since: bool,
    /// Another session that holds it: it builds it or drops it.
    pub holder: Option<Peer>,
}

/// An index that is INVALID or new, for [`Engine::table_indexes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableIndex {
    /// The index, with its table.
    pub index: ObjectRef,
    /// Its columns, as it names them.
    pub columns: Vec<String>,
    /// Queries may use it.
    pub is_valid: bool,
    /// It was made after the moment in question.
    pub is_newer: bool,
    /// All that it is, apart from its name and place, in the engine's words.
    pub definition: String,
    /// Another session that may be building or dropping it.
    pub holder: Option<Peer>,
}

/// Whether a table exists for a role, for [`Engine::find_tables`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It exists, and the role can use it.
    Usable,
    /// It exists under this name, and the role may do no more than this with it.
    Hidden(Name, Access),
    /// It does not exist.
    Absent,
}

/// What an account sees of some schemas, for [`Engine::own_rights`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnRights {
    /// The account, as the server calls it.
    pub account: String,
    /// The tables and views that it has a right on, each with how many of its columns it may read.
    pub readable: Vec<(Name, usize)>,
}

/// A required table that the service cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// As required, with the schema it was looked for in, where that is certain.
    pub table: TableName,
    /// Tables of the same name elsewhere, or in another case.
    pub similar: Vec<TableName>,
    /// It exists, and this is all that the role may do with it.
    pub hidden: Option<(Name, Access)>,
}

/// The first value of each row, where there is one.
pub(crate) fn first_column(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

/// Reads rows of a number, a schema and a name for [`Engine::similar_tables`]: the tables that each of so many names may have meant.
pub(crate) fn tables_by_number(rows: Vec<Row>, count: usize) -> Vec<Vec<TableName>> {
    let mut tables = vec![Vec::new(); count];
    for row in rows {
        let [Some(index), schema, Some(name)] = row.as_slice() else { continue };
        if let Some(place) = index.parse().ok().and_then(|index: usize| tables.get_mut(index)) {
            place.push(TableName { schema: schema.clone(), name: name.clone() });
        }
    }
    tables
}

/// A row that does not have the form that the query asked for.
pub(crate) fn unexpected_row() -> Fault {
    Fault::new(Class::Statement, "the catalog returned a row of an unexpected form")
}
