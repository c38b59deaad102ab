//! Liquibase's tables, and what it asks of a database.

use crate::sql::Dialect;

/// What differs by dialect.
pub(crate) struct LiquibaseWords {
    /// Liquibase's name of the product.
    pub(crate) dbms: &'static str,
    /// The columns of the history.
    pub(crate) columns: &'static str,
    /// The columns of the lock.
    pub(crate) lock_columns: &'static str,
    /// The server's clock, for a column without a zone.
    pub(crate) now: &'static str,
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
    dbms: "postgresql",
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
    dbms: "sqlite",
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
    sessions: None,
    table_exists: |name, _| in_sqlite("table", name),
    view_exists: |name, _| in_sqlite("view", name),
    insert: |table, values| {
        let columns: Vec<&str> = values.iter().map(|(column, _)| *column).collect();
        let expressions: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
        format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), expressions.join(", "))
    },
};

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
        Dialect::Sqlite | Dialect::Mysql => &SQLITE,
    }
}
