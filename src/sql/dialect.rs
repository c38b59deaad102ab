//! How an engine writes SQL: quoting, folding of names, and what it is able to do.

use crate::sql::TableName;

/// How an engine quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl Dialect {
    /// The engine's name as Prisma's `migration_lock.toml` spells it.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Sqlite => "sqlite",
        }
    }

    /// The schema of unqualified names where nothing names another.
    #[must_use]
    pub fn home(self) -> &'static str {
        match self {
            Self::Postgres => "public",
            Self::Sqlite => "main",
        }
    }

    /// A name, quoted.
    #[must_use]
    pub fn identifier(self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// A name in the form in which the engine tells names apart: PostgreSQL cuts them at 63 bytes, also in queries;
    /// SQLite ignores the case of ASCII letters.
    #[must_use]
    pub fn folded(self, name: &str) -> String {
        match self {
            Self::Postgres => name[..name.floor_char_boundary(63)].to_owned(),
            Self::Sqlite => name.to_ascii_lowercase(),
        }
    }

    /// A qualified table name, quoted.
    #[must_use]
    pub fn table(self, table: &TableName) -> String {
        match &table.schema {
            Some(schema) => format!("{}.{}", self.identifier(schema), self.identifier(&table.name)),
            None => self.identifier(&table.name),
        }
    }

    /// A text, quoted. NUL, which no engine stores in a text, becomes U+FFFD.
    #[must_use]
    pub fn literal(self, text: &str) -> String {
        let quoted = text.replace('\0', "\u{fffd}").replace('\'', "''");
        match self {
            // As libpq's PQescapeLiteral: right whatever standard_conforming_strings says.
            Self::Postgres if quoted.contains('\\') => format!(" E'{}'", quoted.replace('\\', "\\\\")),
            _ => format!("'{quoted}'"),
        }
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
}
