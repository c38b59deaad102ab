//! PostgreSQL's SQL.

use crate::sql::dialect::{Accounts, Lexing, Rules, upsert};

/// Length at which the server cuts a name, in bytes (NAMEDATALEN - 1).
const NAME_BYTES: usize = 63;

pub(crate) static RULES: Rules = Rules {
    product: "PostgreSQL",
    lexing: Lexing {
        carriage_return_ends_line: true,
        nested_comments: true,
        backquotes: false,
        brackets: false,
        escape_strings: true,
        dollar_quotes: true,
        dashes_need_blank: false,
        hash_comments: false,
        executable_comments: false,
        backslash_escapes: &[],
        delimiter_command: false,
        with_bodies: &["FUNCTION", "PROCEDURE"],
        body_begins: &["BEGIN", "ATOMIC"],
        flow_control: false,
    },
    providers: &["postgresql", "postgres"],
    home: "public",
    has_schemas: true,
    has_enums: true,
    has_types: true,
    has_extensions: true,
    has_arrays: true,
    has_transactional_ddl: true,
    sends_one_message: true,
    // The server's refusals depend on more than the first word: see Statement::refuses_transaction.
    refuses_transaction: &[],
    enforces_types: true,
    declares_by_column: false,
    numbers_integer_keys: false,
    ignores_case: false,
    keeps_indexes_in_tables: false,
    folds_names: true,
    quote: '"',
    key_type: "text",
    timestamp_type: "timestamptz",
    now: "pg_catalog.clock_timestamp()",
    time_as_text: |column| format!("{column}::text"),
    timestamp_as_text: |column| format!("{column}::text"),
    cast_to_text: "text",
    type_name,
    folded: |name| name[..name.floor_char_boundary(NAME_BYTES)].into(),
    literal,
    upsert: upsert::on_conflict,
    accounts: Accounts::Roles,
    locks_names: false,
};

/// As libpq's PQescapeLiteral: correct with `standard_conforming_strings` on and off.
fn literal(quoted: &str) -> String {
    match quoted.contains('\\') {
        true => format!(" E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

/// The name in `pg_type` (PostgreSQL manual, table 8.1); `None` for a type that is none of the well-known ones.
fn type_name<'a>(name: &'a str, text: &str) -> Option<&'a str> {
    Some(match name {
        _ if text == "\"char\"" => "char",
        "smallint" | "int2" | "smallserial" | "serial2" => "int2",
        "integer" | "int" | "int4" | "serial" | "serial4" => "int4",
        "bigint" | "int8" | "bigserial" | "serial8" => "int8",
        "real" | "float4" => "float4",
        "double precision" | "float8" | "float" => "float8",
        "numeric" | "decimal" => "numeric",
        "boolean" | "bool" => "bool",
        "character varying" | "varchar" => "varchar",
        "character" | "char" | "bpchar" => "bpchar",
        "bit varying" | "varbit" => "varbit",
        "timestamp" | "timestamp without time zone" => "timestamp",
        "timestamptz" | "timestamp with time zone" => "timestamptz",
        "time" | "time without time zone" => "time",
        "timetz" | "time with time zone" => "timetz",
        "text" | "citext" | "uuid" | "xml" | "inet" | "bit" | "oid" | "money" | "date" | "json" | "jsonb" | "bytea" => {
            name
        }
        _ => return None,
    })
}
