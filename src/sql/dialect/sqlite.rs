//! SQLite's SQL.

use crate::sql::dialect::{Lexing, Rules, upsert};

pub(crate) static RULES: Rules = Rules {
    product: "SQLite",
    lexing: Lexing {
        carriage_return_ends_line: false,
        nested_comments: false,
        backquotes: true,
        brackets: true,
        escape_strings: false,
        dollar_quotes: false,
        dashes_need_blank: false,
        hash_comments: false,
        executable_comments: false,
        backslash_escapes: false,
        delimiter_command: false,
        with_bodies: &["TRIGGER"],
        body_begins: &["BEGIN"],
        flow_control: false,
    },
    providers: &["sqlite"],
    home: "main",
    has_schemas: false,
    has_enums: false,
    has_extensions: false,
    has_arrays: false,
    has_transactional_ddl: true,
    sends_one_message: false,
    // Pragmas have no effect in a transaction, and Prisma's own scripts turn foreign keys off with one.
    refuses_transaction: &["PRAGMA", "VACUUM", "ATTACH", "DETACH"],
    enforces_types: false,
    declares_by_column: false,
    numbers_integer_keys: true,
    ignores_case: true,
    folds_names: true,
    quote: '"',
    key_type: "text",
    timestamp_type: "text",
    now: "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    time_as_text: str::to_owned,
    // Any word is a type.
    type_name: |name, _| Some(name),
    folded: |name| name.to_ascii_lowercase().into(),
    literal: |quoted| format!("'{quoted}'"),
    upsert: upsert::on_conflict,
    locks_names: false,
};
