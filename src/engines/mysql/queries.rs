//! The catalog's questions as SQL. Every question about tables is limited to named databases: MariaDB opens each table that
//! an unlimited one covers.

use crate::base::log::seconds;
use crate::engines::engine::ProbeRequest;
use crate::engines::mysql::{SQL, lock};
use crate::engines::peer::Peer;
use crate::engines::session::LockKey;
use crate::sql::{ObjectKind, ObjectRef, Row, TableName, script};

/// A session, for [`peer`], from `information_schema.processlist` as `p`. Those of other users are visible with PROCESS only.
pub(crate) const PEER: &str = "p.id, p.user, p.host, p.command, p.state, p.time, p.info";

/// What decides whether there is work. A comment that only MariaDB, or only MySQL 8, reads asks for a variable that the other
/// does not have (MariaDB: `/*M!`; it passes over versions from 50700 to 99999 in `/*!`).
pub(crate) fn probe(request: &ProbeRequest) -> String {
    let history = SQL.literal(request.history.as_deref().unwrap_or_default());
    let missing = |schema: &String| {
        format!("(SELECT COUNT(*) FROM information_schema.schemata WHERE {})", same("schema_name", schema))
    };
    let missing: String = request.schemas.iter().map(|schema| format!(", {}", missing(schema))).collect();
    format!(
        "SELECT CONNECTION_ID(), VERSION(), @@version_comment, DATABASE(), SUBSTRING_INDEX(CURRENT_USER(), '@', 1), \
         @@global.read_only, @@innodb_read_only, 0 /*!80000 + @@global.super_read_only */, @@skip_networking, \
         0 /*M!100000 + @@wsrep_on */, @@character_set_client, (SELECT MAX(table_name) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = {history}){missing}"
    )
}

/// The condition that a column is this name of a database or a table: with the case of letters, or without where the server
/// keeps or compares them without (`lower_case_table_names`).
pub(crate) fn same(column: &str, name: &str) -> String {
    let name = SQL.literal(name);
    format!(
        "({column} = {name} AND (@@lower_case_table_names <> 0 OR CAST({column} AS BINARY) = CAST({name} AS BINARY)))"
    )
}

/// The database of a name, as an expression.
fn database(schema: Option<&str>) -> String {
    schema.map_or_else(|| "DATABASE()".to_owned(), |schema| SQL.literal(schema))
}

/// Puts a session in order after a script: one row, of the condition and the values of the settings.
pub(crate) fn settle(database: &str, holding: &str, values: &str) -> String {
    format!(
        "UNLOCK TABLES; SET @@SESSION.timestamp = DEFAULT; USE {}; SELECT {holding}, {values}",
        SQL.identifier(database)
    )
}

/// The session that holds a lock. Without PROCESS only its number is known.
pub(crate) fn lock_holder(key: LockKey) -> String {
    let name = lock::name(key);
    format!(
        "SELECT h.id, p.user, p.host, p.command, p.state, p.time, p.info FROM (SELECT IS_USED_LOCK({name}) AS id) AS h \
         LEFT JOIN information_schema.processlist p ON p.id = h.id WHERE h.id IS NOT NULL"
    )
}

/// A row of [`PEER`].
pub(crate) fn peer(row: &Row) -> Peer {
    let value = |index: usize| row.get(index).cloned().flatten();
    let state = [value(3), value(4)].into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    let lasting = |text: String| Some(seconds(std::time::Duration::from_secs(text.parse().ok()?)));
    Peer {
        pid: value(0).unwrap_or_default(),
        application: value(1).unwrap_or_default(),
        client: value(2).unwrap_or_default(),
        since: None,
        state: (!state.is_empty()).then(|| state.join(", ")),
        lasting: value(5).and_then(lasting),
        query: value(6).map(|query| script::summary(&query, SQL)),
    }
}

/// Another session of this database that runs this text. The server shows the whole statement.
pub(crate) fn running_session(text: &str) -> String {
    let beginning: String = text.trim().chars().take(200).collect();
    format!(
        "SELECT {PEER} FROM information_schema.processlist p WHERE p.id <> CONNECTION_ID() AND p.command <> 'Sleep' \
         AND p.db = DATABASE() AND LOCATE({}, p.info) > 0 ORDER BY p.time DESC",
        SQL.literal(&beginning)
    )
}

/// Sessions of this role and database whose statement runs now and may write: the server runs it on when its client has
/// ended. The last column tells one statement of a session from its next one: by its number on MariaDB, by its text on MySQL.
pub(crate) const CHILD_SESSIONS: &str = "SELECT p.id, p.user, p.host, p.command, p.state, p.time, p.info, \
     CONCAT(/*M!100000 p.query_id, ' ', */ SHA2(IFNULL(p.info, ''), 256)) FROM information_schema.processlist p \
     WHERE p.id <> CONNECTION_ID() AND p.command NOT IN ('Sleep', 'Daemon', 'Binlog Dump') AND p.db = DATABASE() \
     AND p.user = SUBSTRING_INDEX(USER(), '@', 1) AND NOT IFNULL(p.info, '') REGEXP '^[(]*(SELECT|SHOW|DESC|EXPLAIN)' ORDER BY p.time DESC";

/// Questions for the sessions that block the connection with this number, from the certain to the likely: who has the rows
/// that it waits for; where it waits for a table's metadata, which other sessions have a transaction open, oldest first.
pub(crate) fn blockers(id: &str, database: &str) -> [String; 2] {
    let rows = format!(
        "SELECT {PEER} FROM sys.innodb_lock_waits w JOIN information_schema.processlist p ON p.id = w.blocking_pid \
         WHERE w.waiting_pid = {id} LIMIT 5"
    );
    let metadata = format!(
        "SELECT {PEER} FROM information_schema.processlist p JOIN information_schema.innodb_trx t \
         ON t.trx_mysql_thread_id = p.id WHERE p.id <> {id} AND p.db = {} AND EXISTS (SELECT 1 \
         FROM information_schema.processlist me WHERE me.id = {id} AND me.state LIKE 'Waiting for%metadata lock%') \
         ORDER BY t.trx_started LIMIT 5",
        SQL.literal(database)
    );
    [rows, metadata]
}

/// The ordinary tables of these databases, or of the session's own.
pub(crate) fn tables_in(schemas: &[String]) -> String {
    let schemas: Vec<String> = schemas.iter().map(|schema| SQL.literal(schema)).collect();
    let within = if schemas.is_empty() { "DATABASE()".to_owned() } else { schemas.join(", ") };
    format!(
        "SELECT IF(table_schema = DATABASE(), table_name, CONCAT(table_schema, '.', table_name)) \
         FROM information_schema.tables WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') \
         AND table_schema IN ({within}) ORDER BY 1"
    )
}

/// The account, and each table of these databases that it has a right on, with how many columns it may read. The server shows to an
/// account only what its rights and its roles allow, column by column (MySQL manual 28.3.8).
pub(crate) fn own_rights(schemas: &[String]) -> String {
    let of = |schema: &String| {
        format!(
            " UNION ALL SELECT table_schema, table_name, SUM(FIND_IN_SET('select', privileges) > 0) \
             FROM information_schema.columns WHERE table_schema = {} GROUP BY table_schema, table_name",
            SQL.literal(schema)
        )
    };
    format!("SELECT CURRENT_USER(), NULL, 0{}", schemas.iter().map(of).collect::<String>())
}

/// Of each table that exists: its number, its name, and whether the server keeps the case of letters. One that the role has no
/// right on does not show. The name has the case of letters that it has there: to compare it is up to the caller, because [`same`]
/// costs the server a third of what the question costs.
pub(crate) fn find_tables(tables: &[TableName]) -> String {
    let each = tables.iter().enumerate().map(|(index, table)| {
        format!(
            "SELECT {index}, table_name, @@lower_case_table_names FROM information_schema.tables WHERE table_schema = {} \
             AND table_name = {}",
            database(table.schema.as_deref()),
            SQL.literal(&table.name)
        )
    });
    each.collect::<Vec<_>>().join(" UNION ALL ")
}

/// Of each table that exists: its number, database, name, rows, and bytes with its indexes.
pub(crate) fn table_sizes(tables: &[TableName]) -> String {
    let each = tables.iter().enumerate().map(|(index, table)| {
        format!(
            "SELECT {index}, table_schema, table_name, table_rows, data_length + index_length \
             FROM information_schema.tables WHERE table_schema = {} AND {}",
            database(table.schema.as_deref()),
            same("table_name", &table.name)
        )
    });
    each.collect::<Vec<_>>().join(" UNION ALL ")
}

/// What the rows of the session's database take, without secondary indexes.
pub(crate) const DATA_SIZE: &str = "SELECT CAST(COALESCE(SUM(data_length), 0) AS UNSIGNED) FROM information_schema.tables WHERE table_schema = DATABASE()";

/// Other case, or snake_case against camelCase; of a name with its database, the same name in the session's own, too. The other
/// databases of the server belong to other services.
pub(crate) fn similar(tables: &[TableName]) -> String {
    let each = tables.iter().enumerate().map(|(index, table)| {
        format!(
            "SELECT {index}, table_schema, table_name FROM information_schema.tables WHERE table_schema IN (DATABASE(), {}) \
             AND REPLACE(LOWER(table_name), '_', '') = REPLACE(LOWER({}), '_', '')",
            database(table.schema.as_deref()),
            SQL.literal(&table.name)
        )
    });
    each.collect::<Vec<_>>().join(" UNION ALL ") + " ORDER BY 1, 2, 3 LIMIT 100"
}

/// The numbers of those objects that exist.
pub(crate) fn object_states(objects: &[ObjectRef]) -> String {
    let each = objects.iter().enumerate().map(|(index, object)| {
        let schema = database(object.schema.as_deref());
        let table = object.table.as_deref().unwrap_or_default();
        let name = SQL.literal(&object.name);
        let (view, column, condition) = match object.kind {
            ObjectKind::Schema => {
                return format!(
                    "SELECT {index} FROM information_schema.schemata WHERE {}",
                    same("schema_name", &object.name)
                );
            }
            ObjectKind::Column => {
                ("columns", "table_schema", format!("{} AND column_name = {name}", same("table_name", table)))
            }
            ObjectKind::Index => {
                ("statistics", "table_schema", format!("{} AND index_name = {name}", same("table_name", table)))
            }
            ObjectKind::Constraint => (
                "table_constraints",
                "constraint_schema",
                format!("{} AND constraint_name = {name}", same("table_name", table)),
            ),
            _ => ("tables", "table_schema", same("table_name", &object.name)),
        };
        format!("SELECT {index} FROM information_schema.{view} WHERE {column} = {schema} AND {condition}")
    });
    each.collect::<Vec<_>>().join(" UNION ")
}

/// The session's own database: the others of the server belong to other services.
pub(crate) fn schemas() -> String {
    "SELECT DATABASE()".to_owned()
}

/// Creates a database as Prisma does: the server's own character set may be latin1.
pub(crate) fn create_database(name: &str) -> String {
    format!("CREATE DATABASE {} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", SQL.identifier(name))
}
