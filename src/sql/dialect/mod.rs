//! How each engine writes SQL: quoting, how it tells names apart, and what it is able to do.
//!
//! One file per dialect holds its [`Rules`]: data and small functions. The rest of the program asks [`Dialect`] a question
//! and never compares dialects, so a new one is a file here and an entry in [`Dialect::rules`]. How rows and plans are
//! read is the engine's (`engines/`), how missing objects are created is `differ/ddl`'s.

pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod upsert;

use crate::sql::TableName;
use crate::sql::dialect::upsert::Upsert;
use std::borrow::Cow;

/// The SQL of one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
    /// MySQL and MariaDB.
    Mysql,
}

/// How a text is cut into tokens and statements.
pub(crate) struct Lexing {
    /// A carriage return ends a `--` comment, too, not the line feed only.
    pub(crate) carriage_return_ends_line: bool,
    /// `/* /* */ */` is one comment.
    pub(crate) nested_comments: bool,
    /// Names may be quoted as `` `name` ``.
    pub(crate) backquotes: bool,
    /// Names may be quoted as `[name]`.
    pub(crate) brackets: bool,
    /// Strings may be written as `E'…'`, in which a backslash escapes.
    pub(crate) escape_strings: bool,
    /// Strings may be written as `$tag$…$tag$`.
    pub(crate) dollar_quotes: bool,
    /// A `--` begins a comment only before a blank, a control character or the end.
    pub(crate) dashes_need_blank: bool,
    /// `#` begins a comment of one line.
    pub(crate) hash_comments: bool,
    /// `/*! … */` and `/*M! … */` are code, with or without the number of a version.
    pub(crate) executable_comments: bool,
    /// The quotes between which a backslash escapes.
    pub(crate) backslash_escapes: &'static [char],
    /// `DELIMITER //` at the beginning of a line changes what ends a statement (the mysql client).
    pub(crate) delimiter_command: bool,
    /// Words after CREATE that may be followed by a body with semicolons of its own.
    pub(crate) with_bodies: &'static [&'static str],
    /// The words that begin such a body; END ends it.
    pub(crate) body_begins: &'static [&'static str],
    /// `IF`, `LOOP`, `REPEAT` and `WHILE` nest in a body, too, and may be one.
    pub(crate) flow_control: bool,
}

/// What a login is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accounts {
    /// There is none.
    None,
    /// A role of the whole server, with rights on databases and schemas (PostgreSQL).
    Roles,
    /// A user from a host, with rights on databases (MySQL).
    Hosts,
}

/// What distinguishes one dialect.
pub(crate) struct Rules {
    /// The product's name, for people.
    pub(crate) product: &'static str,
    /// How a text is cut into tokens and statements.
    pub(crate) lexing: Lexing,
    /// The product's name in Prisma's `migration_lock.toml`; the first one is written, all are read.
    pub(crate) providers: &'static [&'static str],
    /// The schema of unqualified names where nothing else names one.
    pub(crate) home: &'static str,
    /// Has schemas (namespaces) within a database.
    pub(crate) has_schemas: bool,
    /// Has enum types.
    pub(crate) has_enums: bool,
    /// Has types that are objects of a schema (CREATE TYPE).
    pub(crate) has_types: bool,
    /// Has extensions.
    pub(crate) has_extensions: bool,
    /// Has array types, written `text[]`.
    pub(crate) has_arrays: bool,
    /// A rollback undoes DDL. Without this each DDL statement commits by itself.
    pub(crate) has_transactional_ddl: bool,
    /// A script is sent as one message, and its statements are one transaction unless they control it themselves.
    pub(crate) sends_one_message: bool,
    /// Statements, by their first word, that do nothing (or fail) inside a transaction, so that a script with one of them
    /// runs statement by statement as it is.
    pub(crate) refuses_transaction: &'static [&'static str],
    /// Rejects values that do not have the column's type. Without this a type only says how values are read.
    pub(crate) enforces_types: bool,
    /// UNSIGNED, the values of an enum and the length of an index's prefix are part of a column's or index's declaration, a
    /// foreign key makes the index that it needs, and RESTRICT and NO ACTION are one (MySQL manual 13 and 15.1.20.5).
    pub(crate) declares_by_column: bool,
    /// A single-column INTEGER primary key numbers its rows by itself and ignores its default.
    pub(crate) numbers_integer_keys: bool,
    /// Names that differ only in the case of letters are the same name.
    pub(crate) ignores_case: bool,
    /// An index has its name within its table, and ALTER TABLE adds, drops and renames it.
    pub(crate) keeps_indexes_in_tables: bool,
    /// A name without quotes is folded to lower case, or compared like that; without this it keeps its case.
    pub(crate) folds_names: bool,
    /// What names are quoted with.
    pub(crate) quote: char,
    /// A text type that may be a primary key.
    pub(crate) key_type: &'static str,
    /// The type of a column that holds a moment.
    pub(crate) timestamp_type: &'static str,
    /// The server's clock, as a value for a column of `timestamp_type`.
    pub(crate) now: &'static str,
    /// A column that holds a moment, as text.
    pub(crate) time_as_text: fn(&str) -> String,
    /// A column of the type TIMESTAMP as text. MySQL shows it in the time zone of the session.
    pub(crate) timestamp_as_text: fn(&str) -> String,
    /// The type of `CAST(… AS …)` that turns a value into text.
    pub(crate) cast_to_text: &'static str,
    /// The catalog's name of a type that people write in one of several ways; `None` for an unknown type. Arguments: the
    /// words in lower case without arguments, and the text as it was written.
    pub(crate) type_name: for<'a> fn(&'a str, &str) -> Option<&'a str>,
    /// The form in which the engine compares names.
    pub(crate) folded: fn(&str) -> Cow<'_, str>,
    /// A text as a literal, with `'` doubled already.
    pub(crate) literal: fn(&str) -> String,
    /// A statement that inserts a row, or changes the one that has its key.
    pub(crate) upsert: fn(&Upsert<'_>) -> String,
    /// What a login is, for advice about rights.
    pub(crate) accounts: Accounts,
    /// A session's lock has a name, which is one of the whole server.
    pub(crate) locks_names: bool,
}

impl Dialect {
    /// Every dialect.
    pub(crate) const ALL: &[Self] = &[Self::Postgres, Self::Sqlite, Self::Mysql];

    /// The rules of this dialect.
    #[must_use]
    pub(crate) fn rules(self) -> &'static Rules {
        match self {
            Self::Postgres => &postgres::RULES,
            Self::Sqlite => &sqlite::RULES,
            Self::Mysql => &mysql::RULES,
        }
    }

    /// The product's name, for people.
    #[must_use]
    pub(crate) fn product(self) -> &'static str {
        self.rules().product
    }

    /// The engine's name as Prisma's `migration_lock.toml` spells it.
    #[must_use]
    pub fn provider(self) -> &'static str {
        self.rules().providers[0]
    }

    /// The schema of unqualified names where nothing else names one.
    #[must_use]
    pub fn home(self) -> &'static str {
        self.rules().home
    }

    /// A name, quoted.
    #[must_use]
    pub fn identifier(self, name: &str) -> String {
        let quote = self.rules().quote;
        let mut quoted = String::with_capacity(name.len() + 2);
        quoted.push(quote);
        for (index, part) in name.split(quote).enumerate() {
            if index > 0 {
                quoted.extend([quote, quote]);
            }
            quoted.push_str(part);
        }
        quoted.push(quote);
        quoted
    }

    /// The name of an account or a role, quoted for GRANT; an account of MySQL is `user@host`.
    #[must_use]
    pub(crate) fn account(self, name: &str) -> String {
        match name.rsplit_once('@').filter(|_| self.rules().accounts == Accounts::Hosts) {
            Some((user, host)) => format!("{}@{}", self.identifier(user), self.identifier(host)),
            None => self.identifier(name),
        }
    }

    /// A name in the form in which the engine compares names, also in queries.
    #[must_use]
    pub fn folded(self, name: &str) -> Cow<'_, str> {
        (self.rules().folded)(name)
    }

    /// The name as the engine keeps it: PostgreSQL cuts it.
    #[must_use]
    pub(crate) fn clipped(self, name: &str) -> String {
        if self.rules().ignores_case { name.to_owned() } else { self.folded(name).into_owned() }
    }

    /// Whether the engine takes the two for the same name.
    #[must_use]
    pub(crate) fn is_same_name(self, one: &str, other: &str) -> bool {
        one == other || self.folded(one) == self.folded(other)
    }

    /// A qualified table name, quoted.
    #[must_use]
    pub fn table(self, table: &TableName) -> String {
        match &table.schema {
            Some(schema) => format!("{}.{}", self.identifier(schema), self.identifier(&table.name)),
            None => self.identifier(&table.name),
        }
    }

    /// A column that holds a moment, as text.
    #[must_use]
    pub(crate) fn time_as_text(self, column: &str) -> String {
        (self.rules().time_as_text)(column)
    }

    /// A column of the type TIMESTAMP, as text.
    #[must_use]
    pub(crate) fn timestamp_as_text(self, column: &str) -> String {
        (self.rules().timestamp_as_text)(column)
    }

    /// A value of any type, as text.
    #[must_use]
    pub(crate) fn as_text(self, value: &str) -> String {
        format!("CAST({value} AS {})", self.rules().cast_to_text)
    }

    /// A text, quoted. NUL, which no engine stores in a text, becomes U+FFFD.
    #[must_use]
    pub fn literal(self, text: &str) -> String {
        if !text.contains('\0') && !text.contains('\'') {
            return (self.rules().literal)(text);
        }
        (self.rules().literal)(&text.replace('\0', "\u{fffd}").replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_quotes() {
        assert_eq!(Dialect::Postgres.literal("it's"), "'it''s'");
        assert_eq!(Dialect::Postgres.literal("a\\'b"), " E'a\\\\''b'");
        assert_eq!(Dialect::Sqlite.literal("a\\'b"), "'a\\''b'");
        assert_eq!(Dialect::Sqlite.identifier("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn names_are_compared_as_the_engine_compares_them() {
        let long = "n".repeat(63);
        assert!(Dialect::Postgres.is_same_name(&format!("{long}a"), &format!("{long}b")));
        assert!(!Dialect::Postgres.is_same_name("a", "A"));
        assert!(Dialect::Sqlite.is_same_name("aé", "Aé") && !Dialect::Sqlite.is_same_name("é", "É"));
    }
}
