//! Liquibase's tables, and what it asks of a database.

use crate::sql::Dialect;

/// The usual name of the history, where names have no case.
pub(crate) const TABLE: &str = "databasechangelog";

/// What differs by dialect.
pub(crate) struct LiquibaseWords {
    /// Liquibase's names of the products that have the dialect; the last one is that of any other server.
    pub(crate) dbms: &'static [&'static str],
    /// The usual names of the history and of the lock.
    pub(crate) tables: [&'static str; 2],
    /// Names without quotes are folded to lower case, or compared without it.
    pub(crate) folds: bool,
    /// A catalog is what a schema is elsewhere: a database of the same server.
    pub(crate) has_catalogs: bool,
    /// The name of a change set, as an expression.
    pub(crate) name: &'static str,
    /// The columns of the history.
    pub(crate) columns: &'static str,
    /// The columns of the lock.
    pub(crate) lock_columns: &'static str,
    /// The server's clock, for a column without a zone.
    pub(crate) now: &'static str,
    /// What a SELECT without a table needs before WHERE.
    pub(crate) from_nowhere: &'static str,
    /// What follows an UPDATE, so that it returns a row where it has found one.
    pub(crate) returning: &'static str,
    /// Lists the sessions that may hold the lock: all but doorstep's.
    pub(crate) sessions: Option<&'static str>,
    /// Whether there is a table; arguments: literals of its name, and of its schema.
    pub(crate) table_exists: fn(&str, Option<&str>) -> String,
    /// The same of a view.
    pub(crate) view_exists: fn(&str, Option<&str>) -> String,
    /// The statement that inserts a row; arguments: the table, and pairs of a column and an expression.
    pub(crate) insert: fn(&str, &[(&str, String)]) -> String,
}

static POSTGRES: LiquibaseWords = LiquibaseWords {
    dbms: &["postgresql"],
    tables: [TABLE, "databasechangeloglock"],
    folds: true,
    has_catalogs: false,
    name: "filename || '::' || id || '::' || author",
    columns: "
    id VARCHAR(255) NOT NULL,
    author VARCHAR(255) NOT NULL,
    filename VARCHAR(255) NOT NULL,
    dateexecuted TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    orderexecuted INTEGER NOT NULL,
    exectype VARCHAR(10) NOT NULL,
    md5sum VARCHAR(35),
    description VARCHAR(255),
    comments VARCHAR(255),
    tag VARCHAR(255),
    liquibase VARCHAR(20),
    contexts VARCHAR(255),
    labels VARCHAR(255),
    deployment_id VARCHAR(10)",
    lock_columns: "
    id INTEGER NOT NULL PRIMARY KEY,
    locked BOOLEAN NOT NULL,
    lockgranted TIMESTAMP WITHOUT TIME ZONE,
    lockedby VARCHAR(255)",
    now: "LOCALTIMESTAMP",
    from_nowhere: "",
    returning: " RETURNING 1",
    sessions: Some(
        "SELECT pid::text || ' ' || coalesce(backend_start::text, '') FROM pg_catalog.pg_stat_activity \
         WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() \
         AND backend_type = 'client backend' AND application_name NOT LIKE 'doorstep%'",
    ),
    table_exists: |name, schema| in_catalog("tables", name, schema),
    view_exists: |name, schema| in_catalog("views", name, schema),
    // In the shape that the table has: an older Liquibase had fewer columns.
    insert: |table, values| {
        let pairs: Vec<String> = values.iter().map(|(column, value)| format!("'{column}', {value}")).collect();
        format!(
            "INSERT INTO {table} SELECT shape.* FROM pg_catalog.jsonb_populate_record(NULL::{table}, \
             pg_catalog.jsonb_build_object({})) AS shape",
            pairs.join(", ")
        )
    },
};

static SQLITE: LiquibaseWords = LiquibaseWords {
    dbms: &["sqlite"],
    tables: [TABLE, "databasechangeloglock"],
    folds: true,
    has_catalogs: false,
    name: "filename || '::' || id || '::' || author",
    columns: "
    ID TEXT NOT NULL,
    AUTHOR TEXT NOT NULL,
    FILENAME TEXT NOT NULL,
    DATEEXECUTED TEXT NOT NULL,
    ORDEREXECUTED INTEGER NOT NULL,
    EXECTYPE TEXT NOT NULL,
    MD5SUM TEXT,
    DESCRIPTION TEXT,
    COMMENTS TEXT,
    TAG TEXT,
    LIQUIBASE TEXT,
    CONTEXTS TEXT,
    LABELS TEXT,
    DEPLOYMENT_ID TEXT",
    lock_columns: "
    ID INTEGER NOT NULL PRIMARY KEY,
    LOCKED BOOLEAN NOT NULL,
    LOCKGRANTED TEXT,
    LOCKEDBY TEXT",
    now: "datetime('now')",
    from_nowhere: "",
    returning: " RETURNING 1",
    sessions: None,
    table_exists: |name, _| in_sqlite("table", name),
    view_exists: |name, _| in_sqlite("view", name),
    insert: plain_insert,
};

/// Without the role's right PROCESS the sessions of other roles do not show, and any of them may hold the lock: then a row is
/// always there.
static MYSQL: LiquibaseWords = LiquibaseWords {
    dbms: &["mariadb", "mysql"],
    tables: ["DATABASECHANGELOG", "DATABASECHANGELOGLOCK"],
    folds: false,
    has_catalogs: true,
    name: "CONCAT(filename, '::', id, '::', author)",
    columns: "
    ID VARCHAR(255) NOT NULL,
    AUTHOR VARCHAR(255) NOT NULL,
    FILENAME VARCHAR(255) NOT NULL,
    DATEEXECUTED datetime NOT NULL,
    ORDEREXECUTED INT NOT NULL,
    EXECTYPE VARCHAR(10) NOT NULL,
    MD5SUM VARCHAR(35) NULL,
    DESCRIPTION VARCHAR(255) NULL,
    COMMENTS VARCHAR(255) NULL,
    TAG VARCHAR(255) NULL,
    LIQUIBASE VARCHAR(20) NULL,
    CONTEXTS VARCHAR(255) NULL,
    LABELS VARCHAR(255) NULL,
    DEPLOYMENT_ID VARCHAR(10) NULL",
    lock_columns: "
    ID INT NOT NULL,
    LOCKED TINYINT(1) NOT NULL,
    LOCKGRANTED datetime NULL,
    LOCKEDBY VARCHAR(255) NULL,
    CONSTRAINT PK_DATABASECHANGELOGLOCK PRIMARY KEY (ID)",
    now: "NOW()",
    from_nowhere: " FROM DUAL",
    returning: "; SELECT 1 FROM DUAL WHERE ROW_COUNT() > 0",
    sessions: Some(
        "SELECT CAST(p.id AS char) FROM information_schema.processlist p WHERE p.id <> CONNECTION_ID() \
         AND (p.db = DATABASE() OR p.db IS NULL) AND p.command NOT IN ('Daemon', 'Binlog Dump') \
         UNION ALL SELECT 'sessions of other roles' FROM DUAL WHERE NOT EXISTS (SELECT 1 \
         FROM information_schema.user_privileges WHERE privilege_type = 'PROCESS' \
         AND grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), ''''))",
    ),
    table_exists: |name, schema| in_database("tables", "table_type = 'BASE TABLE' AND ", name, schema),
    view_exists: |name, schema| in_database("views", "", name, schema),
    insert: plain_insert,
};

/// An INSERT of these columns.
fn plain_insert(table: &str, values: &[(&str, String)]) -> String {
    let columns: Vec<&str> = values.iter().map(|(column, _)| *column).collect();
    let expressions: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), expressions.join(", "))
}

/// The same question to MySQL and MariaDB, with a further condition.
fn in_database(view: &str, condition: &str, name: &str, schema: Option<&str>) -> String {
    let schema = schema.unwrap_or("DATABASE()");
    format!(
        "SELECT CAST(COUNT(*) AS char) FROM information_schema.{view} \
         WHERE {condition}LOWER(table_name) = {name} AND table_schema = {schema}"
    )
}

/// Liquibase's name of a server: product and version, as doorstep shows them.
pub(crate) fn product(dialect: Dialect, server: &str) -> &'static str {
    let known = words(dialect).dbms;
    let is_it = |name: &&&str| server.to_ascii_lowercase().starts_with(**name);
    known.iter().find(is_it).or(known.last()).copied().unwrap_or_default()
}

/// Liquibase looks in the schema that it is given, or in the current one.
fn in_catalog(view: &str, name: &str, schema: Option<&str>) -> String {
    let schema = schema.unwrap_or("pg_catalog.current_schema()");
    format!(
        "SELECT pg_catalog.count(*)::text FROM information_schema.{view} \
         WHERE pg_catalog.lower(table_name) = {name} AND table_schema = {schema}"
    )
}

fn in_sqlite(kind: &str, name: &str) -> String {
    format!("SELECT count(*) FROM sqlite_master WHERE type = '{kind}' AND lower(name) = {name}")
}

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static LiquibaseWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
