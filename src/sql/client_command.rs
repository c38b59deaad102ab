//! Recognises what a client program reads for itself and no server knows: commands of psql (`\restrict`, which pg_dump
//! writes since August 2025, `\connect`, `\i`), the rows after `COPY … FROM stdin`, the dot commands of sqlite3, commands of the
//! mysql program.

use crate::sql::Dialect;
use crate::sql::script::{Script, Statement, TokenKind};

/// What only a client program understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientCommand<'a> {
    /// A command of psql, without its backslash.
    Meta(&'a str),
    /// `COPY … FROM stdin`.
    Copy,
    /// A command of sqlite3, without its dot.
    Dot(&'a str),
    /// A command of the mysql program, as it is written.
    Mysql(&'a str),
}

/// The first of them, and its byte offset in the script.
pub(crate) fn first(script: &Script) -> Option<(usize, ClientCommand<'_>)> {
    let (text, dialect) = (script.text(), script.dialect());
    // Hundreds of pending files are searched before the first one runs, and lexed one by one, while the server runs the one before.
    if dialect == Dialect::Postgres && !text.contains('\\') && !text.to_ascii_lowercase().contains("stdin") {
        return None;
    }
    let statements = script.statements();
    let of = |statement| match dialect {
        Dialect::Postgres => of_psql(statement),
        Dialect::Sqlite => of_sqlite3(statement),
        Dialect::Mysql => of_mysql(statement),
    };
    // Where a backslash may escape a quote, the lexer cannot tell what is inside one.
    let ambiguous = statements.iter().position(|it| it.has("STANDARD_CONFORMING_STRINGS") && it.has("OFF"));
    statements[..ambiguous.unwrap_or(statements.len())].iter().find_map(of)
}

fn of_psql<'a>(statement: &Statement<'a>) -> Option<(usize, ClientCommand<'a>)> {
    let is_copy = statement.starts(&["COPY"]) && statement.has_pair("FROM", "STDIN") && !is_query(statement);
    let copy = is_copy.then_some((statement.offset, ClientCommand::Copy));
    // A backslash is no character of any operator (manual 4.1.3), so outside quotes it is psql's.
    let meta = || word_after(statement, "\\").map(|(at, word)| (at, ClientCommand::Meta(word)));
    if statement.text.contains('\\') { copy.or_else(meta) } else { copy }
}

fn of_sqlite3<'a>(statement: &Statement<'a>) -> Option<(usize, ClientCommand<'a>)> {
    let (at, word) = word_after(statement, ".")?;
    (at == statement.offset).then_some((at, ClientCommand::Dot(word)))
}

/// `source file`, `\\. file`, `\\G` and others: a backslash is no operator, and `source` begins no statement.
fn of_mysql<'a>(statement: &Statement<'a>) -> Option<(usize, ClientCommand<'a>)> {
    let first = statement.tokens().find(|token| token.kind != TokenKind::Blank)?;
    if statement.starts(&["SOURCE"]) && first.text.eq_ignore_ascii_case("source") {
        return Some((statement.offset, ClientCommand::Mysql(first.text)));
    }
    let mut at = 0;
    for token in statement.tokens() {
        let rest = &statement.text[at..];
        // `\N` is NULL.
        if token.kind == TokenKind::Mark && token.text == "\\" && !rest.starts_with("\\N") {
            let end = rest.char_indices().nth(2).map_or(rest.len(), |(end, _)| end);
            return Some((statement.offset + at, ClientCommand::Mysql(&rest[..end])));
        }
        at += token.text.len();
    }
    None
}

/// `COPY (SELECT … FROM stdin) TO …`, where `stdin` is a table.
fn is_query(statement: &Statement<'_>) -> bool {
    statement.tokens().filter(|token| token.kind != TokenKind::Blank).nth(1).is_some_and(|token| token.text == "(")
}

/// The first such mark that begins a word after a blank or at the beginning, with its offset in the script.
fn word_after<'a>(statement: &Statement<'a>, mark: &str) -> Option<(usize, &'a str)> {
    let (mut at, mut after_blank, mut marked) = (statement.offset, true, None);
    for token in statement.tokens() {
        if let (Some(marked), TokenKind::Word) = (marked, &token.kind) {
            return Some((marked, token.text));
        }
        let begins = after_blank && token.kind == TokenKind::Mark && token.text == mark;
        marked = begins.then_some(at);
        after_blank = token.kind == TokenKind::Blank;
        at += token.text.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, dialect: Dialect) -> String {
        let script = Script::new(text.to_owned(), dialect);
        first(&script).map_or_else(String::new, |(at, command)| format!("{at} {command:?}"))
    }

    #[test]
    fn what_psql_reads_for_itself_is_found_in_its_place() {
        for (text, expected) in [
            ("-- dump\n\n\\restrict aB3\n\nSET x = 1;", "9 Meta(\"restrict\")"),
            ("SELECT 1;\n\\connect other\n", "10 Meta(\"connect\")"),
            ("SELECT 'x' \\gset\n", "11 Meta(\"gset\")"),
            ("SELECT 1;\nCOPY public.t (id, a) FROM stdin;\n1\tit's\n\\.\n", "10 Copy"),
            ("copy t from STDIN WITH (FORMAT csv);", "0 Copy"),
        ] {
            assert_eq!(found(text, Dialect::Postgres), expected, "{text}");
        }
    }

    #[test]
    fn backslashes_and_names_that_the_server_reads_are_left_alone() {
        for text in [
            "SELECT '\\restrict', E'\\n', $$ \\connect $$, \" \\i \"; -- \\restrict\n/* \\i x */",
            "COPY (SELECT a FROM stdin) TO PROGRAM 'cat';",
            "COPY t FROM '/tmp/stdin';",
            "SET standard_conforming_strings = off;\nSELECT 'a\\' \\b';",
            "CREATE TABLE a (b text DEFAULT '.x');",
        ] {
            assert_eq!(found(text, Dialect::Postgres), "", "{text}");
        }
    }

    #[test]
    fn commands_of_the_mysql_program_are_found() {
        for (text, expected) in [
            ("SELECT 1;\nsource /tmp/x.sql\n", "10 Mysql(\"source\")"),
            ("\\. /tmp/x.sql\n", "0 Mysql(\"\\\\.\")"),
            ("SELECT 1\\G\n", "8 Mysql(\"\\\\G\")"),
            ("SELECT '\\G', \"\\\\.\", `\\g`; # \\. x\nINSERT INTO source VALUES (\\N)", ""),
        ] {
            assert_eq!(found(text, Dialect::Mysql), expected, "{text}");
        }
    }

    #[test]
    fn dot_commands_of_sqlite3_are_found() {
        assert_eq!(found("CREATE TABLE a (b);\n.mode csv\n", Dialect::Sqlite), "20 Dot(\"mode\")");
        assert_eq!(found("SELECT main .a FROM main.a;", Dialect::Sqlite), "");
    }
}
