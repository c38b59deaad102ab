//! Where the statements of a change set end: at `;`, at a line `GO` or `/`, or at the delimiter that its header names.
//! doorstep sends SQL, so the other delimiters become semicolons, each at its place.

use crate::formats::liquibase::header::Header;
use crate::formats::liquibase::wrong;
use crate::formats::migration::Unreadable;
use crate::sql::Dialect;
use crate::sql::script::{Script, Statement, TokenKind, tokens};

/// The text with semicolons for delimiters; or the line (from 0) at which Liquibase would cut a statement in two, and why.
pub(crate) fn as_sql(text: String, header: Option<&Header>, dialect: Dialect) -> Result<String, (usize, Unreadable)> {
    let delimiter = header.and_then(|header| header.delimiter.as_deref());
    if header.is_some_and(|header| header.whole) {
        return Ok(text);
    }
    let text = match delimiter {
        Some(";") | None => with_lines_replaced(&text),
        Some(delimiter) => replaced(&text, delimiter, dialect)?,
    };
    match delimiter {
        Some(delimiter) if delimiter != ";" => Ok(text),
        _ => cut(&text, dialect).map_or(Ok(text), Err),
    }
}

/// Lines `GO` and `/` end a statement.
fn with_lines_replaced(text: &str) -> String {
    let line = |line: &str| {
        let bare = line.trim_end_matches(['\n', '\r']);
        match bare.eq_ignore_ascii_case("go") || bare == "/" {
            true => format!(";{}{}", &" "[..bare.len() - 1], &line[bare.len()..]),
            false => line.to_owned(),
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

/// A delimiter outside quotes and comments ends a statement.
fn replaced(text: &str, delimiter: &str, dialect: Dialect) -> Result<String, (usize, Unreadable)> {
    let (mut result, mut at, mut skipped) = (String::with_capacity(text.len()), 0, 0);
    for token in tokens(text, dialect) {
        let begin = at;
        at += token.text.len();
        if begin < skipped {
            continue;
        }
        let is_quoted = token.kind == TokenKind::Quoted || token.text.len() > 1 && token.kind == TokenKind::Blank;
        if is_quoted && token.text.starts_with('$') && token.text.contains(delimiter) {
            let line = text[..begin].matches('\n').count();
            return Err((line, wrong(format!("Liquibase would cut the body that begins here at {delimiter}"))));
        }
        match !is_quoted && text[begin..].starts_with(delimiter) {
            true => {
                skipped = begin + delimiter.len();
                result += &format!("{:<width$}", ";", width = delimiter.chars().count());
            }
            false => result += token.text,
        }
    }
    Ok(result)
}

/// A semicolon within a body, at which Liquibase cuts the statement: it knows no dollar quotes, and of bodies only those with
/// one BEGIN and one END.
fn cut(text: &str, dialect: Dialect) -> Option<(usize, Unreadable)> {
    let script = Script::new(text.to_owned(), dialect);
    let statement = script.statements().into_iter().filter(|it| !is_plain_body(it)).find(|statement| {
        statement.tokens().any(|token| match token.kind {
            TokenKind::Mark => token.text == ";",
            TokenKind::Quoted => token.text.starts_with('$') && token.text.contains(';'),
            _ => false,
        })
    })?;
    let line = text[..statement.offset].matches('\n').count();
    let why = "Liquibase would cut this statement at the first semicolon of its body, and fails";
    Some((line, Unreadable::new(why, "write splitStatements:false, or an endDelimiter, on its --changeset")))
}

/// A stored program without blocks within its own, which Liquibase 4.28 sends whole on MySQL.
fn is_plain_body(statement: &Statement<'_>) -> bool {
    let count = |word: &str| {
        statement.tokens().filter(|it| it.kind == TokenKind::Word && it.text.eq_ignore_ascii_case(word)).count()
    };
    statement.dialect().rules().lexing.delimiter_command && count("BEGIN") == 1 && count("END") == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(attributes: &str, text: &str) -> Result<String, usize> {
        let header = crate::formats::liquibase::header::read(&format!(" ann:1 {attributes}")).unwrap();
        as_sql(text.to_owned(), Some(&header), Dialect::Postgres).map_err(|(line, _)| line)
    }

    #[test]
    fn delimiters_become_semicolons_at_their_place() {
        for (attributes, text, expected) in [
            ("", "a\nGO\nb\n/\nc;\n", "a\n; \nb\n;\nc;\n"),
            ("", "a\r\ngo\r\nb", "a\r\n; \r\nb"),
            ("", "a\n GO \nb", "a\n GO \nb"),
            ("endDelimiter://", "a//\nb '//' -- //\n//", "a; \nb '//' -- //\n; "),
            ("endDelimiter:@", "a $$ ; $$@ b@", "a $$ ; $$; b;"),
            ("splitStatements:false", "a $$ ; $$;\nGO", "a $$ ; $$;\nGO"),
            ("", "a $$ b $$; 'c;d'; \"e;f\" -- g;h\n", "a $$ b $$; 'c;d'; \"e;f\" -- g;h\n"),
        ] {
            assert_eq!(sql(attributes, text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_liquibase_would_cut_is_refused() {
        for (attributes, text, line) in [
            ("", "a;\nCREATE FUNCTION f() AS $$\n b;\n$$;", 1),
            ("", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;", 0),
            ("endDelimiter:@", "a@\nDO $$ @ $$@", 1),
        ] {
            assert_eq!(sql(attributes, text), Err(line), "{text}");
        }
    }

    #[test]
    fn on_mysql_a_body_without_inner_blocks_is_one_statement() {
        let line = |text: &str| as_sql(text.to_owned(), None, Dialect::Mysql).err().map(|(line, _)| line);
        for fine in [
            "CREATE PROCEDURE p()\nBEGIN\n SELECT 1;\n SELECT 2;\nEND;\nCREATE TABLE a (i int);",
            "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.i = 1; SET NEW.i = 2; END;",
            "BEGIN NOT ATOMIC a; b; END; c;",
        ] {
            assert_eq!(line(fine), None, "{fine}");
        }
        for cut in [
            "a;\nCREATE PROCEDURE p() BEGIN IF 1 THEN a; END IF; b; END;",
            "a;\nCREATE PROCEDURE p() BEGIN BEGIN a; END; b; END;",
            "a;\nCREATE PROCEDURE p() IF 1 THEN a; ELSE b; END IF;",
        ] {
            assert_eq!(line(cut), Some(1), "{cut}");
        }
    }
}
