//! The schemas and extensions that a script creates, also in the code of its DO blocks and in the texts that such code
//! executes: what a start must not create before them.

use crate::sql::Dialect;
use crate::sql::cursor::{Cursor, bare};
use crate::sql::script::{Script, Token, TokenKind, tokens};

/// How deep code in texts in code is read.
const DEPTH: usize = 3;

/// What a script creates beside relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// `CREATE SCHEMA`, which fails where the schema exists.
    Schema(String),
    /// `CREATE EXTENSION`.
    Extension {
        /// Its name.
        name: String,
        /// The schema that the statement names (`SCHEMA s`): it must exist before.
        schema: Option<String>,
    },
}

/// All of them, in their order. What code assembles from pieces is not seen.
#[must_use]
pub fn creations(script: &Script) -> Vec<Creation> {
    let mut found = Vec::new();
    for statement in script.statements() {
        match statement.starts(&["DO"]) {
            true => in_code(statement.text, script.dialect(), DEPTH, &mut found),
            false => found.extend(creation(&mut Cursor::of(&statement))),
        }
    }
    found
}

/// Reads each `CREATE …` of the code, and the texts in it.
fn in_code(code: &str, dialect: Dialect, depth: usize, found: &mut Vec<Creation>) {
    let mut at = 0;
    for token in tokens(code, dialect) {
        if token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case("CREATE") {
            found.extend(creation(&mut Cursor::new(statement_at(code, at), dialect)));
        } else if let Some(inner) = text_of(&token).filter(|_| depth > 0) {
            in_code(&inner, dialect, depth - 1, found);
        }
        at += token.text.len();
    }
}

/// What begins here, up to the end of the statement: a name is never longer.
fn statement_at(code: &str, at: usize) -> &str {
    let rest = &code[at..];
    rest.find(';').map_or(rest, |end| &rest[..end])
}

/// What stands between the quotes of a text.
fn text_of(token: &Token<'_>) -> Option<String> {
    if token.is_open || token.kind != TokenKind::Quoted {
        return None;
    }
    let text = token.text;
    if let Some(rest) = text.strip_prefix('$') {
        let tag = rest.find('$')? + 2;
        return Some(text.get(tag..text.len().checked_sub(tag)?)?.to_owned());
    }
    let open = text.find('\'').filter(|at| *at <= 2)?;
    Some(text[open + 1..].strip_suffix('\'')?.replace("''", "'"))
}

fn creation(reader: &mut Cursor<'_>) -> Option<Creation> {
    if reader.take_all(&["CREATE", "SCHEMA"]) {
        if reader.take_all(&["IF", "NOT", "EXISTS"]) {
            return None;
        }
        let name = reader.name().filter(|name| !name.eq_ignore_ascii_case("AUTHORIZATION"))?;
        return Some(Creation::Schema(bare(&name)));
    }
    if !reader.take_all(&["CREATE", "EXTENSION"]) {
        return None;
    }
    reader.take_all(&["IF", "NOT", "EXISTS"]);
    let name = bare(&reader.name()?);
    let mut schema = None;
    loop {
        if reader.take("SCHEMA") {
            schema = reader.name().map(|name| bare(&name));
        } else if reader.step().is_none() {
            return Some(Creation::Extension { name, schema });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(script: &str) -> Vec<String> {
        let tell = |creation| match creation {
            Creation::Schema(name) => format!("schema {name}"),
            Creation::Extension { name, schema: None } => name,
            Creation::Extension { name, schema: Some(schema) } => format!("{name} in {schema}"),
        };
        creations(&Script::new(script.to_owned(), Dialect::Postgres)).into_iter().map(tell).collect()
    }

    #[test]
    fn extensions_and_schemas_are_found_also_in_code_and_in_texts_of_code() {
        assert_eq!(
            all(
                "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA Ext VERSION '1'; create extension pg_cron cascade"
            ),
            ["uuid-ossp in ext", "pg_cron"]
        );
        assert_eq!(all("CREATE SCHEMA a; CREATE SCHEMA IF NOT EXISTS b; CREATE SCHEMA AUTHORIZATION c"), ["schema a"]);
        assert_eq!(
            all(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM x) THEN CREATE EXTENSION a SCHEMA b; END IF; CREATE SCHEMA c; END $$"
            ),
            ["a in b", "schema c"]
        );
        assert_eq!(
            all(
                "DO $do$ BEGIN EXECUTE 'CREATE EXTENSION it''s'; EXECUTE $x$CREATE SCHEMA s$x$; EXECUTE E'create extension e'; END $do$"
            ),
            ["it", "schema s", "e"]
        );
        // A function's body runs later, if at all.
        assert_eq!(
            all("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'CREATE SCHEMA z'; SELECT 'CREATE SCHEMA y'"),
            [""; 0]
        );
        for cut in ["CREATE EXTENSION", "DO $$ CREATE EXTENSION", "CREATE SCHEMA", "DO 'CREATE", "DO $$ EXECUTE E'$$"] {
            assert_eq!(all(cut), [""; 0], "{cut}");
        }
    }
}
