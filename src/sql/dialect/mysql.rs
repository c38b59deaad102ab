//! The SQL of MySQL and MariaDB.

use crate::sql::dialect::{Accounts, Lexing, Rules, upsert};

/// The rules of a session without `ANSI_QUOTES` and `NO_BACKSLASH_ESCAPES`.
const LEXING: Lexing = Lexing {
    carriage_return_ends_line: false,
    nested_comments: false,
    backquotes: true,
    brackets: false,
    escape_strings: false,
    dollar_quotes: false,
    dashes_need_blank: true,
    hash_comments: true,
    executable_comments: true,
    backslash_escapes: &['\'', '"'],
    delimiter_command: true,
    with_bodies: &["FUNCTION", "PROCEDURE", "TRIGGER", "EVENT"],
    body_begins: &["BEGIN"],
    flow_control: true,
};

/// What `sql_mode` changes about how a text is cut (MySQL manual 7.1.11): under `ANSI_QUOTES` a text in double quotes is a name, in
/// which no backslash escapes; under `NO_BACKSLASH_ESCAPES` none escapes anywhere.
pub(crate) fn lexing(ansi_quotes: bool, no_backslash_escapes: bool) -> &'static Lexing {
    static ANSI_QUOTES: Lexing = Lexing { backslash_escapes: &['\''], ..LEXING };
    static NO_BACKSLASH_ESCAPES: Lexing = Lexing { backslash_escapes: &[], ..LEXING };
    match (ansi_quotes, no_backslash_escapes) {
        (_, true) => &NO_BACKSLASH_ESCAPES,
        (true, false) => &ANSI_QUOTES,
        (false, false) => &RULES.lexing,
    }
}

pub(crate) static RULES: Rules = Rules {
    product: "MySQL",
    lexing: LEXING,
    // Prisma writes mysql for MariaDB, too, and refuses every other name (P3019).
    providers: &["mysql"],
    home: "",
    // A schema is a database of the same server.
    has_schemas: true,
    // An enum is the type of one column.
    has_enums: false,
    has_types: false,
    has_extensions: false,
    has_arrays: false,
    has_transactional_ddl: false,
    sends_one_message: false,
    refuses_transaction: &[],
    enforces_types: true,
    declares_by_column: true,
    numbers_integer_keys: false,
    ignores_case: false,
    keeps_indexes_in_tables: true,
    folds_names: false,
    quote: '`',
    // Names of files differ by every byte. A key has at most 3072 bytes.
    key_type: "varchar(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    timestamp_type: "datetime(6)",
    now: "UTC_TIMESTAMP(6)",
    time_as_text,
    timestamp_as_text: |column| time_as_text(&format!("CONVERT_TZ({column}, @@session.time_zone, '+00:00')")),
    cast_to_text: "char",
    type_name,
    // Tables are compared by the file system's rule on some servers (lower_case_table_names), columns without case.
    folded: |name| name.into(),
    literal,
    upsert: upsert::on_duplicate_key,
    accounts: Accounts::Hosts,
    locks_names: true,
};

/// RFC 3339, of a moment in UTC.
fn time_as_text(moment: &str) -> String {
    format!("DATE_FORMAT({moment}, '%Y-%m-%dT%H:%i:%s.%fZ')")
}

/// A backslash is an escape or none, as `NO_BACKSLASH_ESCAPES` says; hexadecimal digits mean the same in both.
fn literal(quoted: &str) -> String {
    if !quoted.contains('\\') {
        return format!("'{quoted}'");
    }
    let bytes = quoted.replace("''", "'");
    let digits = bytes.bytes().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    format!("_utf8mb4 X'{digits}'")
}

/// The name in `information_schema.columns.data_type` (MySQL manual 13, data types).
fn type_name<'a>(name: &'a str, _text: &str) -> Option<&'a str> {
    Some(match name {
        "integer unsigned" | "int unsigned" => "int unsigned",
        "tinyint unsigned" | "smallint unsigned" | "mediumint unsigned" | "bigint unsigned" | "float unsigned"
        | "double unsigned" | "decimal unsigned" => name,
        "integer" | "int" | "int4" => "int",
        "int1" | "tinyint" | "bool" | "boolean" => "tinyint",
        "int2" | "smallint" => "smallint",
        "int3" | "middleint" | "mediumint" => "mediumint",
        "int8" | "bigint" => "bigint",
        "dec" | "numeric" | "fixed" | "decimal" => "decimal",
        "real" | "double precision" | "float8" | "double" => "double",
        "float4" | "float" => "float",
        "character varying" | "varchar" => "varchar",
        "character" | "char" => "char",
        "bit" | "year" | "date" | "time" | "datetime" | "timestamp" | "binary" | "varbinary" | "tinyblob" | "blob"
        | "mediumblob" | "longblob" | "tinytext" | "text" | "mediumtext" | "longtext" | "json" | "enum" | "set" => name,
        _ => return None,
    })
}
