//! What a file that goes on in another session needs of the one it began in, where the engine rolls DDL back: statements that set
//! something are repeated, and what cannot be repeated stops the start. Pure functions of the statements that are done. (Where DDL
//! commits, `interrupted_ddl` tells.)

use crate::migrate::committing;
use crate::migrate::interrupted_ddl;
use crate::migrate::strategy::{ScriptStep, commits_ddl};
use crate::sql::script::{Statement, TokenKind, tokens};

/// What a statement does to what its session keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// Nothing, or nothing that outlives its transaction.
    Nothing,
    /// Settings: repeated, it makes them again.
    Settings,
    /// Something that cannot be made again: a temporary table, a prepared statement, a setting that was computed.
    More,
    /// Nothing, and it takes away all that was kept before it (DISCARD ALL).
    Discards,
}

/// A statement that is done, in its step.
pub(super) type Done<'a, 's> = (&'a ScriptStep<'s>, &'a Statement<'s>);

/// The statements among those that are done which another session repeats, in their order.
pub(super) fn repeated<'a, 's>(done: &'a [ScriptStep<'s>]) -> Vec<Done<'a, 's>> {
    let statements = done.iter().flat_map(|step| step.statements.iter().map(move |statement| (step, statement)));
    let mut repeated = Vec::new();
    for (step, statement) in statements {
        if commits_ddl(statement.dialect()) {
            repeated.extend(committing::sets(statement).then_some((step, statement)));
            continue;
        }
        match keeps(statement) {
            Keeps::Settings => repeated.push((step, statement)),
            Keeps::Discards => repeated.clear(),
            Keeps::Nothing | Keeps::More => {}
        }
    }
    repeated
}

/// The first of the steps that are done whose effect went with its session, although the rest may need it.
pub(super) fn gone<'a, 's>(steps: &'a [ScriptStep<'s>], done: usize) -> Option<&'a ScriptStep<'s>> {
    let first = steps.first().and_then(|step| step.statements.first())?;
    if commits_ddl(first.dialect()) {
        return interrupted_ddl::gone_with_session(steps, done);
    }
    let mut gone = None;
    for (step, keeps) in steps[..done].iter().flat_map(|step| step.statements.iter().map(move |it| (step, keeps(it)))) {
        match keeps {
            Keeps::More => gone = gone.or(Some(step)),
            Keeps::Discards => gone = None,
            Keeps::Nothing | Keeps::Settings => {}
        }
    }
    gone
}

/// Whether a statement may change where names without a schema are looked up.
pub(super) fn sets_path(statement: &Statement<'_>) -> bool {
    let resets = statement.starts(&["RESET", "ALL"]) || statement.starts(&["SET", "SCHEMA"]);
    resets || statement.text.to_ascii_lowercase().contains("search_path")
}

fn keeps(statement: &Statement<'_>) -> Keeps {
    let starts = |words: &[&str]| statement.starts(words);
    if starts(&["DISCARD", "ALL"]) {
        return Keeps::Discards;
    }
    let is_of_transaction = ["LOCAL", "TRANSACTION", "CONSTRAINTS"].iter().any(|what| starts(&["SET", what]));
    if starts(&["SET"]) || starts(&["RESET"]) {
        return if is_of_transaction { Keeps::Nothing } else { Keeps::Settings };
    }
    let of_session = ["TEMP", "TEMPORARY", "PG_TEMP", "PREPARE", "LISTEN", "DECLARE"];
    if of_session.iter().any(|word| statement.has(word)) {
        return Keeps::More;
    }
    if starts(&["DO"]) {
        return if has_setting_in_body(statement) { Keeps::More } else { Keeps::Nothing };
    }
    let defines = ["CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE"].iter().any(|verb| starts(&[verb]));
    match () {
        () if defines || !statement.has("SET_CONFIG") => Keeps::Nothing,
        () if is_constant(statement) => Keeps::Settings,
        () => Keeps::More,
    }
}

/// `SELECT set_config('…', '…', false)`, with values that are written there.
fn is_constant(statement: &Statement<'_>) -> bool {
    let known = ["SELECT", "PG_CATALOG", "SET_CONFIG", "TRUE", "FALSE", "NULL"];
    statement.starts(&["SELECT"]) && statement.words().iter().all(|word| word.is_any(&known))
}

/// Whether the code of a DO sets something: by set_config, by a SET of its own (that of an UPDATE follows a name), or by EXECUTE.
fn has_setting_in_body(statement: &Statement<'_>) -> bool {
    let opens = ["BEGIN", "THEN", "ELSE", "LOOP"];
    statement.tokens().filter(|token| token.kind == TokenKind::Quoted).any(|body| {
        let code = code_of(body.text);
        let (mut before, mut executes) = (";", false);
        for token in tokens(&code, statement.dialect()).filter(|token| token.kind != TokenKind::Blank) {
            let is = |words: &[&str]| words.iter().any(|word| token.text.eq_ignore_ascii_case(word));
            let begins = before == ";" || opens.iter().any(|word| before.eq_ignore_ascii_case(word));
            executes |= is(&["EXECUTE"]);
            let text = token.text.trim_matches('\'').trim_start().to_ascii_uppercase();
            let is_executed = executes && token.kind == TokenKind::Quoted;
            if is(&["SET_CONFIG"])
                || (begins && is(&["SET", "RESET"]))
                || (is_executed && (text.starts_with("SET") || text.starts_with("RESET")))
            {
                return true;
            }
            before = token.text;
        }
        false
    })
}

/// The code between `$tag$`, or between the quotes of a string.
fn code_of(quoted: &str) -> String {
    let dollar = quoted.strip_prefix('$').and_then(|rest| rest.find('$'));
    let edge = dollar.map_or(1, |length| length + 2);
    let code = quoted.get(edge..quoted.len().saturating_sub(edge)).unwrap_or_default();
    if dollar.is_some() { code.to_owned() } else { code.replace("''", "'") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::strategy;
    use crate::sql::Dialect;
    use crate::sql::script::{Script, summary_of};

    /// What is repeated, and what is gone, when all steps of a script are done.
    fn of(text: &str, dialect: Dialect) -> (Vec<String>, Option<String>) {
        let script = Script::new(text.to_owned(), dialect);
        let steps = strategy::steps(&script).unwrap();
        let repeated = repeated(&steps).iter().map(|(_, statement)| statement.text.to_owned()).collect();
        (repeated, gone(&steps, steps.len()).map(|step| summary_of(&step.statements)))
    }

    #[test]
    fn settings_are_repeated_in_their_order_also_those_of_a_block() {
        for (text, expected) in [
            (
                "SET search_path = a; CREATE TABLE t (); RESET ROLE; VACUUM t",
                &["SET search_path = a", "RESET ROLE"][..],
            ),
            ("BEGIN; SET search_path = a; CREATE TABLE t (); COMMIT; VACUUM t", &["SET search_path = a"]),
            ("BEGIN; SET LOCAL search_path = a; SET CONSTRAINTS ALL DEFERRED; COMMIT", &[]),
            (
                "SELECT pg_catalog.set_config('search_path', '', false)",
                &["SELECT pg_catalog.set_config('search_path', '', false)"],
            ),
            ("SET search_path = a; DISCARD ALL; SET ROLE b", &["SET ROLE b"]),
            ("CREATE FUNCTION f() RETURNS int SET search_path = a AS $$ SELECT set_config('a', 'b', false) $$", &[]),
        ] {
            let (repeated, gone) = of(text, Dialect::Postgres);
            assert_eq!(
                (repeated.iter().map(String::as_str).collect::<Vec<_>>(), gone),
                (expected.to_vec(), None),
                "{text}"
            );
        }
        let mixed = "SET sql_mode = ''; CREATE TABLE t (a INT); USE b; SET @a = 1; INSERT INTO t VALUES (@a)";
        assert_eq!(of(mixed, Dialect::Mysql).0, ["SET sql_mode = ''", "USE b", "SET @a = 1"]);
    }

    #[test]
    fn what_cannot_be_made_again_is_gone() {
        for text in [
            "CREATE TEMP TABLE t (a int)",
            "PREPARE p AS SELECT 1",
            "SELECT set_config('my.max', (SELECT max(id) FROM t)::text, false)",
            "INSERT INTO t SELECT set_config('a', 'b', false)",
            "DO $$ BEGIN PERFORM set_config('search_path', 'app', false); END $$",
            "DO $x$ BEGIN IF true THEN SET search_path = app; END IF; END $x$",
            "DO LANGUAGE plpgsql 'BEGIN EXECUTE ''SET ROLE x''; END'",
            "DO $$ BEGIN EXECUTE 'SET search_path = ' || 'app'; END $$",
        ] {
            assert!(of(text, Dialect::Postgres).1.is_some(), "{text}");
            assert_eq!(of(&format!("{text}; DISCARD ALL"), Dialect::Postgres).1, None, "{text}");
        }
        for text in [
            "DO $$ BEGIN UPDATE t SET a = 1; EXECUTE 'ALTER TABLE t RESET (fillfactor)'; END $$",
            "DO $$ BEGIN PERFORM 1; END $$; UPDATE t SET set_configured = true",
            "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN SET search_path = a; END $$",
        ] {
            assert_eq!(of(text, Dialect::Postgres).1, None, "{text}");
        }
    }
}
