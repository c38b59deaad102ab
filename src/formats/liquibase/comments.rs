//! What Liquibase and a server of MySQL take for a comment is not the same. Liquibase takes comments out before it sends a
//! statement, unless the change set has `stripComments:false`; doorstep sends them, so that each line stays at its place. What
//! follows was found out by running Liquibase 4.28 on MariaDB.

use crate::formats::liquibase::changelog;
use crate::formats::liquibase::header::Header;
use crate::formats::migration::Unreadable;
use crate::sql::Dialect;
use crate::sql::script::{Token, TokenKind, tokens};

/// The text of a change set as the server reads it: what Liquibase takes for a comment is one there, too. Or the line (from 0)
/// at which both read something else, and why.
pub(crate) fn for_server(text: &str, header: Option<&Header>, dialect: Dialect) -> Result<String, (usize, Unreadable)> {
    if !dialect.rules().lexing.dashes_need_blank {
        return Ok(text.to_owned());
    }
    let usual = Header::default();
    let Header { with_comments, whole, delimiter, .. } = header.unwrap_or(&usual);
    let text = if *with_comments { own_lines(text) } else { with_blanks(text, dialect) };
    let delimiter = delimiter.as_deref().unwrap_or(";");
    let mut at = 0;
    for token in tokens(&text, dialect) {
        let fails = |why, next| Err((text[..at].matches('\n').count(), Unreadable::new(why, next)));
        if !with_comments
            && token.kind == TokenKind::Blank
            && ["/*!", "/*M!"].iter().any(|it| token.text.starts_with(it))
        {
            return fails(
                "Liquibase takes this for a comment and leaves it out, and the server would run it",
                "write stripComments:false on its --changeset, or the statement without /*! */",
            );
        }
        if !whole && token.kind == TokenKind::Blank && token.text.starts_with('#') && token.text.contains(delimiter) {
            return fails(
                "Liquibase would cut the statement within this comment: it knows no comments that begin with #",
                "write it with -- and a blank",
            );
        }
        at += token.text.len();
    }
    Ok(text)
}

/// Liquibase's own lines become comments: `--rollback` is none on MySQL, `-- rollback` is one.
fn own_lines(text: &str) -> String {
    let line = |line: &str| match line.trim_start().strip_prefix("--") {
        Some(rest) if changelog::is_own(line) && begins_code(rest) => {
            format!("{}-- {rest}", &line[..line.len() - line.trim_start().len()])
        }
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

/// Every `--` outside quotes and comments begins a comment.
fn with_blanks(text: &str, dialect: Dialect) -> String {
    let (mut result, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = dashes(rest, dialect) {
        let end = rest[at..].find('\n').map_or(rest.len(), |end| at + end);
        result += &rest[..at];
        result += "-- ";
        result += &rest[at + 2..end];
        // What follows the comment is outside all quotes.
        rest = &rest[end..];
    }
    result + rest
}

/// Where two dashes stand that begin no comment on the server.
fn dashes(text: &str, dialect: Dialect) -> Option<usize> {
    let is_dash = |token: &Token<'_>| token.kind == TokenKind::Mark && token.text == "-";
    let (mut at, mut was_dash) = (0, false);
    for token in tokens(text, dialect) {
        if was_dash && is_dash(&token) {
            return Some(at - 1);
        }
        was_dash = is_dash(&token);
        at += token.text.len();
    }
    None
}

/// Whether what follows two dashes makes them no comment on MySQL.
fn begins_code(rest: &str) -> bool {
    rest.chars().next().is_some_and(|next| next != ' ' && !next.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(attributes: &str, text: &str) -> Result<String, usize> {
        let header = crate::formats::liquibase::header::read(&format!(" ann:1 {attributes}")).unwrap();
        for_server(text, Some(&header), Dialect::Mysql).map_err(|(line, _)| line)
    }

    #[test]
    fn comments_of_liquibase_are_comments_on_mysql() {
        for (attributes, given, expected) in [
            ("", "--changeset a:1\n--it's one\na; --b\n", "-- changeset a:1\n-- it's one\na; -- b\n"),
            ("", "a 1--1\n, '--x' -- y\n--", "a 1-- 1\n, '--x' -- y\n--"),
            ("", "/* --x */ `--y` \"--z\" - -1", "/* --x */ `--y` \"--z\" - -1"),
            ("stripComments:false", "--changeset a:1\n--rollback b\n1--1\n", "-- changeset a:1\n-- rollback b\n1--1\n"),
            ("stripComments:false", "/*!50000 a */", "/*!50000 a */"),
            ("", "a /*+ hint */ '/*! x */' # it's\n", "a /*+ hint */ '/*! x */' # it's\n"),
            ("splitStatements:false", "a # b; c\n", "a # b; c\n"),
            ("endDelimiter:@", "a # b; c\n", "a # b; c\n"),
        ] {
            assert_eq!(text(attributes, given).as_deref(), Ok(expected), "{given}");
        }
        assert_eq!(for_server("--x", None, Dialect::Postgres).unwrap(), "--x");
    }

    #[test]
    fn what_liquibase_would_lose_or_cut_is_refused_at_its_line() {
        for (attributes, given, line) in [
            ("", "a;\n/*!50000 b */;", 1),
            ("", "/*M! a */", 0),
            ("", "a;\n\nb # c; d\n", 2),
            ("endDelimiter:@", "b # c@ d\n", 0),
        ] {
            assert_eq!(text(attributes, given), Err(line), "{given}");
        }
    }
}
