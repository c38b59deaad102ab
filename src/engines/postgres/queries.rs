//! SQL texts of the catalog queries. Catalog tables are qualified: a migration, or a role's settings, may have put another
//! `pg_class` before them on the search path.

use crate::catalog::history_tables::{HISTORY_TABLES, HistoryTable};
use crate::engines::engine::ProbeRequest;
use crate::sql::reindex::ReindexTarget;
use crate::sql::unnamed_build::UnnamedBuild;
use crate::sql::{Dialect, ObjectKind, ObjectRef, Row, TableName};

const SQL: Dialect = Dialect::Postgres;

/// Settings by which a server words its answers, as it comes without configuration: the form of times, intervals, numbers, money and
/// bytes, how it quotes texts and which names. A message of several statements is a transaction, with which SET LOCAL ends;
/// the whole message has been parsed before, so that its own texts must not depend on `standard_conforming_strings`.
/// Of UTC's names, GMT is the one for which the server reads no file (pg_tzset, 0.13 ms).
macro_rules! worded {
    () => {
        "SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL timezone = 'GMT'; SET LOCAL intervalstyle = 'postgres'; \
         SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL quote_all_identifiers = off; \
         SET LOCAL standard_conforming_strings = on; SET LOCAL lc_monetary = 'C'; "
    };
}

/// For statements of doorstep's own, which read a history or a catalog.
pub(crate) const WORDED: &str = worded!();

/// The same, with the settings by which the server reads a statement of somebody else.
pub(crate) const PINNED: &str = concat!(
    worded!(),
    "SET LOCAL xmloption = 'content'; SET LOCAL array_nulls = on; SET LOCAL transform_null_equals = off; "
);

/// How many statements [`WORDED`] has.
pub(crate) fn pins() -> usize {
    WORDED.matches(';').count()
}

/// Schemas that are neither the server's nor an extension's.
pub(crate) const SCHEMAS: &str = "SELECT n.nspname FROM pg_catalog.pg_namespace n \
    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE E'pg\\\\_%' \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass \
    AND d.objid = n.oid AND d.deptype = 'e') ORDER BY 1";

/// Names as a value: `ARRAY['a', 'b']::text[]`.
pub(crate) fn array(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| SQL.literal(name)).collect();
    format!("ARRAY[{}]::text[]", names.join(", "))
}

/// Every subquery costs a fresh backend some hundred microseconds of catalog loading, so there are no joins,
/// and nothing about schemas where none is wanted. 1259 is `pg_class`.
pub(crate) fn probe(wanted: &ProbeRequest) -> String {
    let missing = match wanted.schemas.is_empty() {
        true => "NULL".to_owned(),
        false => format!(
            "(SELECT pg_catalog.json_agg(w) FROM pg_catalog.unnest({}) w \
             WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = w))",
            array(&wanted.schemas)
        ),
    };
    let home = wanted.history.as_deref().map_or("NULL".to_owned(), |table| {
        let table = TableName { schema: wanted.history_schema.clone(), name: table.to_owned() };
        let table = SQL.literal(&SQL.table(&table));
        format!("(pg_catalog.pg_identify_object(1259, pg_catalog.to_regclass({table}), 0)).schema")
    });
    // The history table is where an unqualified name leads: Prisma never qualifies it. The server quotes the schema's name where
    // an identifier needs that.
    format!(
        "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only'), \
         pg_catalog.current_setting('server_version'), pg_catalog.current_database(), current_user, \
         pg_catalog.current_schema(), {missing}, {home}, pg_catalog.version()"
    )
}

/// Which of these schemas exist, and whether each has a table of this name.
pub(crate) fn tables_by_schema(schemas: &[String], table: &str) -> String {
    let names: Vec<String> = schemas.iter().map(|name| SQL.literal(name)).collect();
    format!(
        "SELECT n.nspname, EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid \
         AND c.relname = {} AND c.relkind IN ('r', 'p')) FROM pg_catalog.pg_namespace n \
         WHERE n.nspname = ANY (ARRAY[{}]::name[])",
        SQL.literal(table),
        names.join(", ")
    )
}

/// The first schema of the search path that exists, of the row of [`probe`].
pub(crate) fn current_schema(row: &Row) -> Option<&str> {
    row.get(5)?.as_deref()
}

/// Columns of pg_stat_activity `a` for [`crate::engines::postgres::catalog::peer`]. What a role may not see is NULL, but for the query.
pub(crate) const PEER: &str = "a.pid, a.application_name, coalesce(pg_catalog.host(a.client_addr), 'local'), \
    pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), a.state, \
    (extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change) * 1000)::bigint, a.query";

/// Extensions that could be installed, with the schema and the requirements of their control files.
pub(crate) const EXTENSIONS: &str = "SELECT DISTINCT name, schema, pg_catalog.array_to_string(requires, E'\\n') \
     FROM pg_catalog.pg_available_extension_versions WHERE schema IS NOT NULL OR requires IS NOT NULL";

/// The value of a parameter, and where it was set.
pub(crate) fn setting(name: &str) -> String {
    let name = SQL.literal(name);
    format!("SELECT pg_catalog.current_setting(name), source FROM pg_catalog.pg_settings WHERE name = {name}")
}

/// The session that holds the advisory lock with this key. Its halves are listed as numbers without a sign (manual, `pg_locks`).
pub(crate) fn holder(key: i64) -> String {
    format!(
        "SELECT {PEER} FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.classid::bigint = ({key}::bigint >> 32) & 4294967295 AND l.objid::bigint = ({key}::bigint) & 4294967295 \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    )
}

/// The session that holds it for itself.
pub(crate) fn owner(key: i64) -> String {
    holder(key) + " AND l.mode = 'ExclusiveLock'"
}

/// Lock modes that DDL takes on relations, and a service's queries do not (manual 13.3.1).
pub(crate) const DDL_MODES: &str =
    "'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'";

/// Sessions of this database that may run a statement of a child process: a backend does not notice that its client has
/// ended before its statement has. Certain are those with a child's name. Of the others, those of the role that the
/// child logged in with, whose statement runs now and has written something or holds a lock that DDL takes.
pub(crate) fn child_sessions(pattern: &str) -> String {
    let named = format!("a.application_name OPERATOR(pg_catalog.~) {}", SQL.literal(pattern));
    format!(
        "SELECT {PEER}, a.xact_start::text, {named} FROM pg_catalog.pg_stat_activity a \
         WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() \
         AND a.backend_type = 'client backend' AND a.state <> 'idle' AND ({named} \
         OR (a.usename = session_user AND a.state IN ('active', 'fastpath function call') AND (a.backend_xid IS NOT NULL \
         OR EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.granted \
         AND l.locktype = 'relation' AND l.mode IN ({DDL_MODES}))))) ORDER BY a.xact_start NULLS LAST"
    )
}

/// The sessions that block the backend with this process id.
pub(crate) fn blockers(pid: u32) -> String {
    format!(
        "SELECT {PEER} FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid = ANY (pg_catalog.pg_blocking_pids({pid})) ORDER BY a.xact_start NULLS LAST"
    )
}

/// Another session that runs this text in this database, or may run it: a session that is writing, and whose statement
/// this role is not allowed to see. The server keeps the first kilobyte of a statement.
pub(crate) fn running_session(text: &str) -> String {
    let beginning: String = text.chars().take(200).collect();
    let beginning = SQL.literal(&beginning);
    format!(
        "SELECT {PEER} FROM pg_catalog.pg_stat_activity a WHERE coalesce(a.state, 'active') = 'active' \
         AND a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() \
         AND (pg_catalog.strpos(pg_catalog.lower(a.query), pg_catalog.lower({beginning})) > 0 OR (a.query = '<insufficient privilege>' AND EXISTS \
         (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.locktype = 'transactionid' AND l.granted)))"
    )
}

/// Of each object: its number in the list, the transaction that made its catalog row, whether that is
/// younger than the row of `since`, and whether it is valid. Objects that do not exist give no row.
///
/// A catalog row's `xmin` is the transaction that last wrote it (PostgreSQL manual 5.5): for an object that
/// has not been altered, the one that created it. A relation whose columns have another one was altered since
/// (GRANT rewrites the row of the table, not those of its columns); what is INVALID on purpose, the index of a
/// partitioned table, is valid here.
pub(crate) fn object_states(objects: &[ObjectRef], since: Option<&str>) -> String {
    let each = objects.iter().enumerate().map(|(index, object)| {
        // A relation's name is cut by the cast to regclass, any other is not.
        let (relation, name) = (SQL.literal(&object.relation(SQL)), SQL.literal(&SQL.clipped(&object.name)));
        match object.kind {
            ObjectKind::Type | ObjectKind::Enum => format!(
                "SELECT {index}, t.xmin, true, true FROM pg_catalog.pg_type t \
                 WHERE t.oid = pg_catalog.to_regtype({relation})"
            ),
            ObjectKind::Schema => {
                format!("SELECT {index}, n.xmin, true, true FROM pg_catalog.pg_namespace n WHERE n.nspname = {name}")
            }
            ObjectKind::Column => format!(
                "SELECT {index}, a.xmin, true, true FROM pg_catalog.pg_attribute a \
                 WHERE a.attrelid = pg_catalog.to_regclass({relation}) AND a.attname = {name} AND NOT a.attisdropped"
            ),
            ObjectKind::Constraint => format!(
                "SELECT {index}, o.xmin, true, true FROM pg_catalog.pg_constraint o \
                 WHERE o.conrelid = pg_catalog.to_regclass({relation}) AND o.conname = {name}"
            ),
            _ => format!(
                "SELECT {index}, c.xmin, coalesce(i.indisvalid, true) OR c.relkind = 'I', NOT EXISTS \
                 (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.xmin <> c.xmin) \
                 FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid \
                 WHERE c.oid = pg_catalog.to_regclass({relation})"
            ),
        }
    });
    let all = each.collect::<Vec<_>>().join(" UNION ALL ");
    let newer = since.map_or_else(
        || "NULL".to_owned(),
        |row| format!("pg_catalog.age(f.xmin) < (SELECT pg_catalog.age(xmin) FROM {row})"),
    );
    format!("SELECT f.index, f.xmin, {newer}, f.valid, f.untouched FROM ({all}) AS f (index, xmin, valid, untouched)")
}

/// For [`crate::engines::engine::Engine::invalid_twins`]. A session that builds or drops an index concurrently holds a lock
/// of the session on it from one transaction to the next, until it is done (ReindexRelationConcurrently and index_drop in
/// the server's source); every role sees locks. A row that was frozen keeps its `xmin`.
pub(crate) fn invalid_twins(target: &ReindexTarget, since: &str) -> String {
    let tree = |object: &ObjectRef| {
        let object = format!("pg_catalog.to_regclass({})", SQL.literal(&object.relation(SQL)));
        format!("SELECT {object}::oid UNION SELECT relid FROM pg_catalog.pg_partition_tree({object})")
    };
    let of_tables = |tables: &str| {
        format!(
            "SELECT i.indexrelid FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class t ON t.oid = coalesce((SELECT o.oid \
             FROM pg_catalog.pg_class o WHERE o.reltoastrelid = i.indrelid), i.indrelid) WHERE {tables}"
        )
    };
    let rebuilt = match target {
        ReindexTarget::Index(index) => tree(index),
        ReindexTarget::Table(table) => of_tables(&format!("t.oid IN ({})", tree(table))),
        ReindexTarget::Schema(name) => of_tables(&format!(
            "t.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = {})",
            SQL.literal(&SQL.clipped(name))
        )),
        ReindexTarget::Database => of_tables("true"),
    };
    format!(
        "SELECT {PEER}, n.nspname, x.relname, r.relname, pg_catalog.age(x.xmin) < s.age, NOT EXISTS (SELECT 1 \
         FROM pg_catalog.pg_attribute c WHERE c.attrelid = x.oid AND pg_catalog.age(c.xmin) >= s.age) \
         FROM (SELECT pg_catalog.age(xmin) AS age FROM {since}) s, pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace \
         JOIN pg_catalog.pg_index o ON o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid \
         AND o.indkey::text = i.indkey::text AND o.indclass::text = i.indclass::text \
         AND o.indoption::text = i.indoption::text AND o.indisunique = i.indisunique \
         JOIN pg_catalog.pg_class r ON r.oid = o.indexrelid \
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = (SELECT l.pid FROM pg_catalog.pg_locks l \
         WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid() AND l.mode IN ({DDL_MODES}) \
         AND l.relation = x.oid AND l.database = (SELECT oid FROM pg_catalog.pg_database \
         WHERE datname = pg_catalog.current_database()) LIMIT 1) \
         WHERE NOT i.indisvalid AND x.relkind = 'i' AND o.indexrelid IN ({rebuilt}) ORDER BY n.nspname, x.relname"
    )
}

/// All that the index `x` (a row of `pg_class`, with `i` in `pg_index`) is, apart from its name, its schema and its tablespace.
/// A column is named rather than numbered; the last property is new in PostgreSQL 15.
const DEFINITION: &str = "pg_catalog.json_build_array(i.indisunique, x.relam, i.indnkeyatts, i.indclass::text, \
    i.indcollation::text, i.indoption::text, (SELECT pg_catalog.json_agg(pg_catalog.pg_get_indexdef(i.indexrelid, k, false) \
    ORDER BY k) FROM pg_catalog.generate_series(1, i.indnatts) k), pg_catalog.pg_get_expr(i.indpred, i.indrelid), \
    x.reloptions, pg_catalog.jsonb_extract_path_text(pg_catalog.to_jsonb(i), 'indnullsnotdistinct'))::text";

/// For [`crate::engines::engine::Engine::table_indexes`]. A session that builds an index concurrently holds a lock of the
/// session on the table from one transaction to the next (DefineIndex in the server's source). VACUUM and ANALYZE take the
/// same lock; the text of the statement distinguishes them, as far as this role may see it.
pub(crate) fn table_indexes(table: &ObjectRef, since: &str) -> String {
    let table = SQL.literal(&table.relation(SQL));
    // The script may have taken a role that may not read the history.
    format!(
        "SET LOCAL role TO DEFAULT; \
         SELECT {PEER}, n.nspname, t.relname, x.relname, (SELECT pg_catalog.json_agg(c.attname ORDER BY c.attnum) \
         FROM pg_catalog.pg_attribute c WHERE c.attrelid = x.oid), i.indisvalid, made.is_newer, {DEFINITION} \
         FROM (SELECT pg_catalog.age(xmin) AS age FROM {since}) s, pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace \
         CROSS JOIN LATERAL (SELECT pg_catalog.age(x.xmin) < s.age AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute c \
         WHERE c.attrelid = x.oid AND pg_catalog.age(c.xmin) >= s.age) AS is_newer) made \
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = (SELECT l.pid FROM pg_catalog.pg_locks l \
         JOIN pg_catalog.pg_stat_activity b ON b.pid = l.pid WHERE l.locktype = 'relation' AND l.granted \
         AND l.pid <> pg_catalog.pg_backend_pid() AND l.mode = 'ShareUpdateExclusiveLock' AND l.relation = t.oid \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
         AND (pg_catalog.strpos(pg_catalog.upper(b.query), 'INDEX') > 0 OR b.query = '<insufficient privilege>') LIMIT 1) \
         WHERE t.oid = pg_catalog.to_regclass({table}) AND x.relkind = 'i' AND (made.is_newer OR NOT i.indisvalid) \
         ORDER BY x.relname"
    )
}

/// For [`crate::engines::engine::Engine::index_definition`]: only the server knows how it reads an expression. The temporary
/// table has the name of the other one, which an expression may mention.
pub(crate) fn index_definition(build: &UnnamedBuild, table: &ObjectRef) -> String {
    let name = format!("pg_temp.{}", SQL.identifier(&table.name));
    let unique = if build.is_unique { "UNIQUE " } else { "" };
    format!(
        "CREATE TEMPORARY TABLE {name} (LIKE {}) ON COMMIT DROP; CREATE {unique}INDEX ON {name} {}; \
         SELECT {DEFINITION} FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid \
         WHERE i.indrelid = pg_catalog.to_regclass({})",
        table.relation(SQL),
        build.rest,
        SQL.literal(&name)
    )
}

/// Ordinary tables in these schemas: relkind 'r' and the PostGIS names as Prisma's P3005 has them.
pub(crate) fn tables_in(schemas: &[String]) -> String {
    let schemas: Vec<String> = schemas.iter().map(|name| SQL.literal(name)).collect();
    format!(
        "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND n.nspname IN ({}) AND pg_catalog.lower(c.relname) NOT IN \
         ('spatial_ref_sys', 'geometry_columns', 'geography_columns', 'raster_columns', 'raster_overviews') \
         ORDER BY 1",
        schemas.join(", ")
    )
}

/// Tables of this role outside these schemas, and the histories that tools keep in schemas of their own, these first.
pub(crate) fn tables_elsewhere(schemas: &[String]) -> String {
    let schemas: Vec<String> = schemas.iter().map(|name| SQL.literal(name)).collect();
    let history = |table: &HistoryTable| Some(format!("({}, {})", SQL.literal(table.schema?), SQL.literal(table.name)));
    let histories: Vec<String> = HISTORY_TABLES.iter().filter_map(history).collect();
    let is_history = format!("(n.nspname, c.relname) IN ({})", histories.join(", "));
    format!(
        "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ({}) AND n.nspname <> 'information_schema' \
         AND n.nspname NOT LIKE 'pg\\_%' AND (pg_catalog.pg_get_userbyid(c.relowner) = current_user OR {is_history}) \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
         AND d.objid = c.oid AND d.deptype = 'e') ORDER BY {is_history} DESC, 1 LIMIT 20",
        schemas.join(", ")
    )
}

/// Same name in another schema, other case, or snake_case against camelCase.
pub(crate) fn similar(tables: &[TableName]) -> String {
    let row = |(index, table): (usize, &TableName)| format!("({index}, {})", SQL.literal(&table.name));
    let rows: Vec<String> = tables.iter().enumerate().map(row).collect();
    format!(
        "SELECT w.i, n.nspname, c.relname FROM (VALUES {}) AS w(i, t) \
         JOIN pg_catalog.pg_class c ON c.relkind IN ('r', 'p', 'v', 'm', 'f') \
         AND pg_catalog.replace(pg_catalog.lower(c.relname), '_', '') = pg_catalog.replace(pg_catalog.lower(w.t), '_', '') \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE E'pg\\\\_%' \
         ORDER BY 1, 2, 3 LIMIT 100",
        rows.join(", ")
    )
}
