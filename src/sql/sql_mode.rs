//! What the `sql_mode` of MySQL and MariaDB changes about how a script is cut into statements: `ANSI_QUOTES`,
//! `NO_BACKSLASH_ESCAPES`, and MariaDB's `ORACLE`, which has another grammar for stored programs. A script that another mode
//! than the usual one would cut differently is not run: it would have to be read again with every format's marks.

use std::collections::HashMap;

use crate::sql::Dialect;
use crate::sql::dialect::mysql;
use crate::sql::lex::lex_by;
use crate::sql::script::{Script, Statement, Token, TokenKind};

/// The modes that matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Modes {
    ansi_quotes: bool,
    no_backslash_escapes: bool,
    oracle: bool,
}

/// What a script's statements depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dependence {
    /// Where, in bytes of the script.
    pub(crate) offset: usize,
    /// The mode, by its name.
    pub(crate) mode: &'static str,
    /// The file sets `sql_mode`, maybe to this mode; otherwise the session has it.
    pub(crate) is_of_file: bool,
}

/// Modes that are short for several, `ANSI_QUOTES` among them (MySQL manual 7.1.11; MariaDB, "SQL_MODE").
const WITH_ANSI_QUOTES: [&str; 7] = ["ANSI_QUOTES", "ANSI", "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL"];

/// The other modes.
const OTHERS: [&str; 29] = [
    "ALLOW_INVALID_DATES",
    "EMPTY_STRING_IS_NULL",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "HIGH_NOT_PRECEDENCE",
    "IGNORE_BAD_TABLE_OPTIONS",
    "IGNORE_SPACE",
    "MYSQL323",
    "MYSQL40",
    "NO_AUTO_CREATE_USER",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_BACKSLASH_ESCAPES",
    "NO_DIR_IN_CREATE",
    "NO_ENGINE_SUBSTITUTION",
    "NO_FIELD_OPTIONS",
    "NO_KEY_OPTIONS",
    "NO_TABLE_OPTIONS",
    "NO_UNSIGNED_SUBTRACTION",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "ONLY_FULL_GROUP_BY",
    "PAD_CHAR_TO_FULL_LENGTH",
    "PIPES_AS_CONCAT",
    "REAL_AS_FLOAT",
    "SIMULTANEOUS_ASSIGNMENT",
    "STRICT_ALL_TABLES",
    "STRICT_TRANS_TABLES",
    "TIME_ROUND_FRACTIONAL",
    "TIME_TRUNCATE_FRACTIONAL",
    "TRADITIONAL",
];

/// Functions whose value has no other modes than their arguments.
const FUNCTIONS: [&str; 9] = ["CONCAT", "CONCAT_WS", "REPLACE", "TRIM", "IF", "IFNULL", "NULLIF", "COALESCE", "UPPER"];

impl Modes {
    const ALL: Self = Self { ansi_quotes: true, no_backslash_escapes: true, oracle: true };

    /// Of the value of `@@sql_mode`, or of one that a script gives it. An unknown word is none of them: the server refuses it.
    pub(crate) fn of(sql_mode: &str) -> Self {
        let mut modes = Self::default();
        for name in sql_mode.split(',').map(|name| name.trim().to_ascii_uppercase()) {
            modes.ansi_quotes |= WITH_ANSI_QUOTES.contains(&name.as_str());
            modes.no_backslash_escapes |= name == "NO_BACKSLASH_ESCAPES";
            modes.oracle |= name == "ORACLE";
        }
        modes
    }

    fn and(self, other: Self) -> Self {
        Self {
            ansi_quotes: self.ansi_quotes || other.ansi_quotes,
            no_backslash_escapes: self.no_backslash_escapes || other.no_backslash_escapes,
            oracle: self.oracle || other.oracle,
        }
    }
}

/// Where the script's statements would be others in a session with these modes, or with those that the script may set
/// itself; `None` where they are the same.
pub(crate) fn dependence(script: &Script, session: Modes) -> Option<Dependence> {
    let statements = script.statements();
    let set = set_by(&statements);
    let possible = session.and(set.unwrap_or_default());
    if possible == Modes::default() {
        return None;
    }
    let is_of_file = set.is_some();
    if possible.oracle
        && let Some(program) = statements.iter().find(|statement| is_program(statement))
    {
        return Some(Dependence { offset: program.offset, mode: "ORACLE", is_of_file });
    }
    // Between two statements that set the mode it is one of these; where all cut alike it does not matter which.
    let mut cuts = vec![(possible.ansi_quotes, possible.no_backslash_escapes)];
    if is_of_file {
        cuts.extend([(possible.ansi_quotes, false), (false, possible.no_backslash_escapes)]);
    }
    let usual = lex_by(script.text(), Dialect::Mysql, mysql::lexing(false, false));
    let differing = |(ansi_quotes, no_backslash_escapes): (bool, bool)| {
        let other = lex_by(script.text(), Dialect::Mysql, mysql::lexing(ansi_quotes, no_backslash_escapes));
        let mode = if no_backslash_escapes { "NO_BACKSLASH_ESCAPES" } else { "ANSI_QUOTES" };
        usual.first_difference(&other).map(|offset| Dependence { offset, mode, is_of_file })
    };
    cuts.into_iter().find_map(differing)
}

/// A stored program, or a block of one: in Oracle mode it is written in another grammar, and BEGIN begins no transaction.
fn is_program(statement: &Statement<'_>) -> bool {
    let kinds = ["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"];
    let others = ["TABLE", "INDEX", "VIEW", "DATABASE", "SCHEMA", "USER", "ROLE", "SEQUENCE", "SERVER"];
    let words = || {
        statement.tokens().filter(|token| token.kind == TokenKind::Word).map(|token| token.text.to_ascii_uppercase())
    };
    let makes = statement.starts(&["CREATE"]) || statement.starts(&["ALTER"]);
    let kind = words().find(|word| kinds.contains(&word.as_str()) || others.contains(&word.as_str()));
    let is_block = statement.starts(&["BEGIN"]) || statement.starts(&["DECLARE"]) || statement.text.starts_with("<<");
    is_block || (makes && kind.is_some_and(|kind| kinds.contains(&kind.as_str())))
}

/// The modes that the statements may set; `None` where they do not set `sql_mode`.
fn set_by(statements: &[Statement<'_>]) -> Option<Modes> {
    let mentions = |statement: &&Statement<'_>| statement.text.to_ascii_lowercase().contains("sql_mode");
    let sets = |statement: &&Statement<'_>| {
        ["SET", "PREPARE", "EXECUTE"].iter().any(|verb| statement.starts(&[verb])) && mentions(statement)
    };
    if !statements.iter().any(|statement| sets(&statement)) {
        return None;
    }
    let mut variables: HashMap<String, Modes> = HashMap::new();
    let mut modes = Modes::default();
    for statement in statements {
        let tokens: Vec<Token<'_>> = statement.tokens().filter(|token| token.kind != TokenKind::Blank).collect();
        if !statement.starts(&["SET"]) {
            let prepares = statement.starts(&["PREPARE"]) || statement.starts(&["EXECUTE"]);
            modes = if prepares && mentions(&statement) { Modes::ALL } else { modes };
            // `SELECT … INTO @v`, `@v := …`.
            let assigned = tokens.windows(2).filter(|pair| pair[0].text == "@" && pair[1].text != "@");
            variables.extend(assigned.map(|pair| (pair[1].text.to_ascii_lowercase(), Modes::ALL)));
            continue;
        }
        for (target, value) in assignments(&tokens) {
            let value = value_modes(value, &variables);
            match target {
                Target::SqlMode => modes = modes.and(value),
                Target::Variable(name) => {
                    let known = variables.entry(name).or_default();
                    *known = known.and(value);
                }
                Target::Other => {}
            }
        }
    }
    Some(modes)
}

/// What an assignment of SET changes.
enum Target {
    SqlMode,
    Variable(String),
    Other,
}

/// The assignments of `SET a = …, b = …` (MariaDB also: `SET STATEMENT a = … FOR …`), each with the tokens of its value.
fn assignments<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<(Target, &'t [Token<'a>])> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0_usize, 1);
    for at in 1..=tokens.len() {
        let text = tokens.get(at).map_or(",", |token| token.text);
        match text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let ends = at == tokens.len() || (depth == 0 && (text == "," || text.eq_ignore_ascii_case("FOR")));
        if !ends {
            continue;
        }
        let item = &tokens[start.min(at)..at];
        if let Some(equals) = item.iter().position(|token| token.text == "=") {
            let target = &item[..equals];
            let target = target.split_last().filter(|(last, _)| last.text == ":").map_or(target, |(_, rest)| rest);
            let name = target.last().map_or_else(String::new, |token| token.text.to_ascii_lowercase());
            let is_variable = target.len() == 2 && target[0].text == "@";
            let target = match () {
                () if name.trim_matches('`') == "sql_mode" && !is_variable => Target::SqlMode,
                () if is_variable => Target::Variable(name),
                () => Target::Other,
            };
            found.push((target, &item[equals + 1..]));
        }
        start = at + 1;
    }
    found
}

/// The modes that an expression may have as its value: all where it is more than names, texts, variables and functions of them.
fn value_modes(value: &[Token<'_>], variables: &HashMap<String, Modes>) -> Modes {
    let (mut modes, mut at) = (Modes::default(), 0);
    while let Some(token) = value.get(at) {
        let next = value.get(at + 1).map_or("", |token| token.text);
        at += 1;
        let found = match token.kind {
            TokenKind::Quoted => named(token.text.trim_matches(['\'', '"', '`'])),
            TokenKind::Word if next == "(" => {
                FUNCTIONS.contains(&token.text.to_ascii_uppercase().as_str()).then(Modes::default)
            }
            TokenKind::Word if token.text.eq_ignore_ascii_case("DEFAULT") => Some(Modes::default()),
            TokenKind::Word => named(token.text),
            TokenKind::Mark if token.text == "@" && next == "@" => {
                let rest = value.get(at + 1..).unwrap_or_default();
                let length = rest.iter().take_while(|part| part.kind == TokenKind::Word || part.text == ".").count();
                let name = length.checked_sub(1).map_or("", |last| rest[last].text);
                at += 1 + length;
                name.eq_ignore_ascii_case("sql_mode").then(Modes::default)
            }
            TokenKind::Mark if token.text == "@" => {
                at += 1;
                variables.get(&next.to_ascii_lowercase()).copied()
            }
            TokenKind::Mark => ["(", ")", ","].contains(&token.text).then(Modes::default),
            TokenKind::Blank => Some(Modes::default()),
        };
        modes = modes.and(found.unwrap_or(Modes::ALL));
    }
    modes
}

/// Of a list of names; `None` where a part of it is no whole name, and may become one.
fn named(list: &str) -> Option<Modes> {
    let is_known = |name: &str| {
        let name = name.trim().to_ascii_uppercase();
        name.is_empty() || OTHERS.contains(&name.as_str()) || WITH_ANSI_QUOTES.contains(&name.as_str())
    };
    list.split(',').all(is_known).then(|| Modes::of(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, sql_mode: &str) -> Option<(usize, &'static str, bool)> {
        let script = Script::new(text.to_owned(), Dialect::Mysql);
        dependence(&script, Modes::of(sql_mode)).map(|it| (it.offset, it.mode, it.is_of_file))
    }

    #[test]
    fn a_mode_of_the_session_matters_where_it_cuts_the_script_differently() {
        let (ansi, no_escapes) = (Some("ANSI_QUOTES"), Some("NO_BACKSLASH_ESCAPES"));
        for (text, sql_mode, expected) in [
            ("CREATE TABLE `t` (a int DEFAULT 1); INSERT INTO t VALUES ('it''s; \\n')", "", None),
            ("INSERT INTO t VALUES ('\\'); SELECT 2", "", None),
            ("CREATE TABLE \"t;\" (\"a\" int); SELECT '\\''; 1", "ANSI_QUOTES", None),
            ("SELECT 'a\\'; b'", "REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ANSI", None),
            ("SELECT \"a\\\"; b\"", "ANSI", ansi),
            ("SELECT \"a\\\"; b\"", "STRICT_TRANS_TABLES", None),
            ("SELECT 1; SELECT '\\'", "NO_BACKSLASH_ESCAPES", no_escapes),
            ("SELECT 'a\\nb', 'C:\\\\'; SELECT 2", "no_backslash_escapes", None),
            ("-- it's \\'\n# \\\nSELECT 1", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", None),
            ("CREATE TABLE function (a int)", "ORACLE", None),
            ("CREATE OR REPLACE DEFINER = r@h PROCEDURE p() AS BEGIN x; END", "PIPES_AS_CONCAT,ORACLE", Some("ORACLE")),
            ("BEGIN; COMMIT", "ORACLE", Some("ORACLE")),
        ] {
            let found = at(text, sql_mode);
            assert_eq!(found.map(|(_, mode, _)| mode), expected, "{text} in {sql_mode}");
            assert!(found.is_none_or(|(_, _, is_of_file)| !is_of_file), "{text}");
        }
        assert_eq!(at("SELECT 1; SELECT 'x', '\\'", "NO_BACKSLASH_ESCAPES").map(|it| it.0), Some(22));
        assert_eq!(at("a; CREATE PACKAGE p AS x; END", "ORACLE").map(|it| it.0), Some(3));
    }

    #[test]
    fn a_mode_that_the_script_may_set_matters_too() {
        let texts = "SELECT \"\\\", '\\'";
        for (setting, matters) in [
            ("SET sql_mode = 'NO_BACKSLASH_ESCAPES'", true),
            ("SET SESSION sql_mode = ANSI", true),
            ("SET NAMES utf8mb4, @@session.sql_mode := 'STRICT_ALL_TABLES,ANSI'", true),
            ("SET @@sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", true),
            ("SET sql_mode = CONCAT('ANSI', '_QUOTES')", true),
            ("SET `sql_mode` = 4", true),
            ("SET sql_mode = (SELECT mode FROM t)", true),
            ("SET @m = 'ORACLE'; SET sql_mode = @m", true),
            ("SELECT 'ANSI' INTO @m; SET sql_mode = @m", true),
            ("SET sql_mode = @unknown", true),
            ("SET @s = 'SET sql_mode = 4'; PREPARE s FROM 'SET sql_mode = 4'; EXECUTE s", true),
            ("SET STATEMENT sql_mode = 'ANSI' FOR SELECT 1", true),
            (
                "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */; /*!40101 SET SQL_MODE=@OLD_SQL_MODE */",
                false,
            ),
            ("SET sql_mode = ''", false),
            ("SET sql_mode = DEFAULT, SESSION sql_mode = TRADITIONAL", false),
            ("SET sql_mode = REPLACE(@@GLOBAL.sql_mode, 'ONLY_FULL_GROUP_BY', '')", false),
            ("SET @sql_mode = 'ANSI'; SELECT @sql_mode, 'sql_mode = ANSI'", false),
        ] {
            let script = format!("{setting};\n{texts}");
            let found = at(&script, "STRICT_TRANS_TABLES");
            assert_eq!(found.is_some(), matters, "{setting}: {found:?}");
            assert!(found.is_none_or(|(_, _, is_of_file)| is_of_file), "{setting}");
        }
        // Back from the session's own mode, which the script has saved.
        assert!(at(&format!("SET @old = @@sql_mode, sql_mode = ''; {texts}"), "ANSI_QUOTES").is_some());
        assert!(at("SET sql_mode = 'ANSI'; SELECT \"a;b\", 'c'", "").is_none());
    }

    #[test]
    fn a_text_that_breaks_off_anywhere_is_read() {
        let text = "SET @é = 'a', @@session.`sql_mode` := CONCAT(@é, \"ANSI\", X'41') FOR (; SET STATEMENT sql_mode = @ FOR /*! \\' */ '\\";
        for (at, _) in text.char_indices() {
            for part in [&text[..at], &text[at..]] {
                let _ = self::at(part, "NO_BACKSLASH_ESCAPES,ORACLE");
            }
        }
    }
}
