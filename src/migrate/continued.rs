//! What a file that goes on in another session needs of the one it began in, where the engine rolls DDL back: statements that set
//! something are repeated, and what cannot be repeated stops the start. Pure functions of the statements that are done. (Where DDL
//! commits, `interrupted_ddl` tells.)

use crate::migrate::committing;
use crate::migrate::interrupted_ddl;
use crate::migrate::strategy::{ScriptStep, commits_ddl};
use crate::sql::Dialect;
use crate::sql::script::{Statement, Token, TokenKind, tokens};

/// What follows the SET of a setting that ends with its transaction.
const OF_TRANSACTION: [&str; 3] = ["LOCAL", "TRANSACTION", "CONSTRAINTS"];

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

/// The statements among those that are done which another session repeats, in their order.
pub(super) fn repeated<'a, 's>(done: &'a [ScriptStep<'s>]) -> Vec<&'a Statement<'s>> {
    let mut repeated = Vec::new();
    for statement in done.iter().flat_map(|step| &step.statements) {
        if commits_ddl(statement.dialect()) {
            repeated.extend(committing::sets(statement).then_some(statement));
            continue;
        }
        match keeps(statement) {
            Keeps::Settings => repeated.push(statement),
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

/// Whether a statement may change where names without a schema are looked up: the search path, or who `"$user"` is.
pub(super) fn moves_names(statement: &Statement<'_>) -> bool {
    let starts = |words: &[&str]| statement.starts(words);
    let resets = starts(&["RESET", "ALL"]) || starts(&["SET", "SCHEMA"]);
    let text = statement.text.to_ascii_lowercase();
    resets || ["search_path", "role", "authorization"].iter().any(|word| text.contains(word))
}

fn keeps(statement: &Statement<'_>) -> Keeps {
    let starts = |words: &[&str]| statement.starts(words);
    if starts(&["DISCARD", "ALL"]) {
        return Keeps::Discards;
    }
    if starts(&["SET"]) || starts(&["RESET"]) {
        let of_transaction = OF_TRANSACTION.iter().any(|what| starts(&["SET", what]));
        return if of_transaction { Keeps::Nothing } else { Keeps::Settings };
    }
    let code: Vec<Token<'_>> = statement.tokens().filter(|token| token.kind != TokenKind::Blank).collect();
    let stays = ["PREPARE", "LISTEN", "DECLARE"].iter().any(|verb| starts(&[verb]));
    if stays || makes_temporary(&code) {
        return Keeps::More;
    }
    if starts(&["DO"]) {
        let mut bodies = code.iter().filter(|token| token.kind == TokenKind::Quoted);
        return if bodies.any(|body| body_keeps(body.text, statement.dialect())) {
            Keeps::More
        } else {
            Keeps::Nothing
        };
    }
    let defines = ["CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE"].iter().any(|verb| starts(&[verb]));
    match () {
        () if defines || !configures(&code) => Keeps::Nothing,
        () if is_constant(statement) => Keeps::Settings,
        () => Keeps::More,
    }
}

/// `SELECT set_config('…', '…', false)`, with values that are written there.
fn is_constant(statement: &Statement<'_>) -> bool {
    let known = ["SELECT", "PG_CATALOG", "SET_CONFIG", "TRUE", "FALSE", "NULL"];
    statement.starts(&["SELECT"]) && statement.words().iter().all(|word| word.is_any(&known))
}

/// Whether the token is this keyword.
fn is(token: Option<&Token<'_>>, keyword: &str) -> bool {
    token.is_some_and(|token| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(keyword))
}

/// Whether the code makes a temporary object: `CREATE … TEMP …`, `SELECT … INTO TEMP …`, or one in pg_temp.
fn makes_temporary(code: &[Token<'_>]) -> bool {
    let is_temporary = |at: usize| ["TEMP", "TEMPORARY"].iter().any(|word| is(code.get(at), word));
    (0..code.len()).any(|at| {
        let inserts = at > 0 && ["INSERT", "MERGE"].iter().any(|verb| is(code.get(at - 1), verb));
        let begins = is(code.get(at), "CREATE") || (is(code.get(at), "INTO") && !inserts);
        // CREATE [OR REPLACE] [GLOBAL | LOCAL] TEMP
        let between = ["OR", "REPLACE", "GLOBAL", "LOCAL"];
        let skipped =
            code[at + 1..].iter().take_while(|token| between.iter().any(|word| is(Some(token), word))).count();
        is(code.get(at), "PG_TEMP") || (begins && is_temporary(at + 1 + skipped))
    })
}

/// Whether the code calls set_config for more than its transaction (`set_config('…', '…', true)`).
fn configures(code: &[Token<'_>]) -> bool {
    (0..code.len()).filter(|at| is(code.get(*at), "SET_CONFIG")).any(|at| {
        let mut depth = 0usize;
        let end = code[at + 1..].iter().position(|token| {
            depth = match token.text {
                "(" => depth + 1,
                ")" => depth.saturating_sub(1),
                _ => depth,
            };
            depth == 0
        });
        !end.is_some_and(|end| end > 0 && is(code.get(at + end), "TRUE"))
    })
}

/// Whether the code of a DO leaves something in its session: a setting by set_config or by a SET of its own (that of an UPDATE follows
/// a name), a temporary object, or one of these by EXECUTE.
fn body_keeps(quoted: &str, dialect: Dialect) -> bool {
    let text = code_of(quoted);
    let code: Vec<Token<'_>> = tokens(&text, dialect).filter(|token| token.kind != TokenKind::Blank).collect();
    let drops = code.windows(2).any(|pair| is(Some(&pair[0]), "COMMIT") && is(Some(&pair[1]), "DROP"));
    let sets = |at: usize| {
        let of_transaction = OF_TRANSACTION.iter().any(|what| is(code.get(at + 1), what));
        let before = at.checked_sub(1).and_then(|before| code.get(before));
        let opens = ["BEGIN", "THEN", "ELSE", "LOOP"].iter().any(|word| is(before, word));
        let begins = opens || before.is_none_or(|before| before.text == ";");
        begins && !of_transaction && (is(code.get(at), "SET") || is(code.get(at), "RESET"))
    };
    let executes = |at: usize| {
        let formats = is(code.get(at + 1), "FORMAT") && code.get(at + 2).is_some_and(|token| token.text == "(");
        let executed = code.get(if formats { at + 3 } else { at + 1 });
        is(code.get(at), "EXECUTE")
            && executed.is_some_and(|it| it.kind == TokenKind::Quoted && body_keeps(it.text, dialect))
    };
    configures(&code) || (makes_temporary(&code) && !drops) || (0..code.len()).any(|at| sets(at) || executes(at))
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
    use crate::sql::script::{Script, summary_of};

    /// What is repeated, and what is gone, when all steps of a script are done.
    fn of(text: &str, dialect: Dialect) -> (Vec<String>, Option<String>) {
        let script = Script::new(text.to_owned(), dialect);
        let steps = strategy::steps(&script).unwrap();
        let repeated = repeated(&steps).iter().map(|statement| statement.text.to_owned()).collect();
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
            "DO $$ BEGIN EXECUTE format('SET ROLE %I', 'a'); END $$",
            "DO $$ BEGIN EXECUTE $x$SET ROLE a$x$; END $$",
            "DO $$ BEGIN CREATE TEMP TABLE t (a int); END $$",
            "DO $$ BEGIN EXECUTE 'CREATE TEMPORARY TABLE t (a int)'; END $$",
            "CREATE OR REPLACE LOCAL TEMP VIEW v AS SELECT 1",
            "SELECT 1 INTO TEMP t",
            "CREATE TABLE pg_temp.t (a int)",
        ] {
            assert!(of(text, Dialect::Postgres).1.is_some(), "{text}");
            assert_eq!(of(&format!("{text}; DISCARD ALL"), Dialect::Postgres).1, None, "{text}");
        }
        for text in [
            "DO $$ BEGIN UPDATE t SET a = 1; EXECUTE 'ALTER TABLE t RESET (fillfactor)'; END $$",
            "DO $$ BEGIN PERFORM 1; END $$; UPDATE t SET set_configured = true",
            "DO $$ BEGIN EXECUTE 'UPDATE ' || quote_ident('t') || ' SET b = 1'; RAISE NOTICE 'Setting'; END $$",
            "DO $$ BEGIN SET LOCAL lock_timeout = 1; PERFORM set_config('a', upper('b'), true); END $$",
            "DO $$ BEGIN CREATE TEMP TABLE t (a int) ON COMMIT DROP; END $$",
            "SELECT set_config('a', current_user::text, true)",
            "DISCARD TEMP; DEALLOCATE PREPARE p; CREATE TABLE temp (temp int); INSERT INTO temp VALUES (1)",
            "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN SET search_path = a; END $$",
        ] {
            assert_eq!(of(text, Dialect::Postgres).1, None, "{text}");
        }
    }
}
