//! Splits a script into statements: where each begins, and which words it consists of. This is a lexer, not a parser:
//! enough to count statements, to point at one, and to recognise those that need or refuse a transaction. What a
//! statement does to the schema is read elsewhere, from the tokens found here (`objects`, `changes`).
//!
//! Why our own: of the crates, `sqlparser` rejects what its grammar lacks (a migration may contain any statement of
//! any extension), and `pg_query` brings PostgreSQL's own parser, which is exact for one version of one engine, needs
//! libclang to build and triples the binary.

use std::sync::OnceLock;

use crate::sql::Dialect;
use crate::sql::lex::{Lexed, Lexemes, lex};
use crate::sql::words::Words;

pub use crate::sql::changes::{Aspect, Change, SchemaOp, changes};
pub use crate::sql::creations::{Creation, creations};
pub use crate::sql::lasting::{Lasting, lasting};
pub use crate::sql::lex::Comment;
#[cfg(test)]
pub(crate) use crate::sql::lex::count;
pub use crate::sql::names::{constraints, names, parameters, question_marks};
pub use crate::sql::objects::{Leaves, created, leaves, removed};
pub(crate) use crate::sql::token::{Token, TokenKind, is_word, tokens};

/// The text of a migration. It is lexed when the first caller asks for its statements, and never again: the migration
/// owns its script, and everything that needs statements (strategy, recovery, diagnosis, baseline) asks the script.
/// Most starts apply nothing and lex nothing.
#[derive(Debug, Clone)]
pub struct Script {
    text: String,
    dialect: Dialect,
    /// The number of its first line in the file.
    line: usize,
    lexed: OnceLock<Lexed>,
}

impl Script {
    /// A script that is not lexed yet.
    #[must_use]
    pub fn new(text: String, dialect: Dialect) -> Self {
        Self { text, dialect, line: 1, lexed: OnceLock::new() }
    }

    /// The same, of a part of a file that begins at this line.
    #[must_use]
    pub fn at_line(self, line: usize) -> Self {
        Self { line, ..self }
    }

    /// How many lines of the file precede it.
    #[must_use]
    pub fn lines_before(&self) -> usize {
        self.line - 1
    }

    /// The line of the file in which this byte of the text is.
    #[must_use]
    pub fn line_at(&self, offset: usize) -> usize {
        self.line + self.text()[..offset].bytes().filter(|byte| *byte == b'\n').count()
    }

    /// The text as the file has it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.text
    }

    /// The text to run: without the byte order mark that some editors write, which every database rejects.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }

    /// The dialect it is written in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Its statements, without empty ones. Cheap after the first call.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement<'_>> {
        self.lexed().statements(self.text())
    }

    /// The text between the semicolons that end its statements, comments included, without those of blanks only.
    #[must_use]
    pub fn pieces(&self) -> Vec<&str> {
        let (text, lexed) = (self.text(), self.lexed());
        let begins = std::iter::once(0).chain(lexed.separators.iter().map(|(at, length)| at + length));
        let ends = lexed.separators.iter().map(|(at, _)| *at).chain([text.len()]);
        begins.zip(ends).map(|(begin, end)| text[begin..end].trim()).filter(|piece| !piece.is_empty()).collect()
    }

    /// See [`is_complete`].
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lexed().is_complete
    }

    /// See [`mentions_commit`].
    #[must_use]
    pub fn mentions_commit(&self) -> bool {
        self.lexed().mentions_commit
    }

    /// Its comments of one line (`-- …`), in their order.
    #[must_use]
    pub fn comments(&self) -> &[Comment] {
        &self.lexed().comments
    }

    /// Its comments with a beginning and an end (`/* … */`), in their order.
    #[must_use]
    pub fn block_comments(&self) -> &[Comment] {
        &self.lexed().block_comments
    }

    fn lexed(&self) -> &Lexed {
        self.lexed.get_or_init(|| lex(self.text(), self.dialect))
    }
}

/// One statement of a script.
#[derive(Clone)]
pub struct Statement<'a> {
    /// Byte offset of its first word.
    pub offset: usize,
    /// From its first word to before its semicolon.
    pub text: &'a str,
    pub(super) lexemes: Lexemes,
}

impl std::fmt::Debug for Statement<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statement").field("offset", &self.offset).field("text", &self.text).finish_non_exhaustive()
    }
}

impl PartialEq for Statement<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.offset, self.text) == (other.offset, other.text) && self.words().iter().eq(other.words().iter())
    }
}

impl Eq for Statement<'_> {}

impl<'a> Statement<'a> {
    /// The dialect it is written in.
    pub(crate) fn dialect(&self) -> Dialect {
        self.lexemes.dialect()
    }

    /// Its tokens, blanks and comments included.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = Token<'a>> + '_ {
        let (text, mut at) = (self.text, 0);
        self.lexemes.tokens().iter().map(move |(kind, length, is_open)| {
            let start = at;
            at += length;
            Token { kind: *kind, text: &text[start..at], is_open: *is_open }
        })
    }

    /// Its words outside quotes, comments and bodies.
    pub(crate) fn words(&self) -> Words<'_> {
        self.lexemes.words(self.text)
    }

    /// True for a statement that PostgreSQL refuses in a transaction block (PreventInTransactionBlock in
    /// its source). Those not listed are found out by asking: the server answers 25001.
    #[must_use]
    pub fn refuses_transaction(&self) -> bool {
        let Some(verb) = self.words().first() else { return false };
        let on = |kinds: &[&str]| self.words().iter().nth(1).is_some_and(|kind| kind.is_any(kinds));
        let on_index = || self.words().up_to(5).have("CONCURRENTLY");
        if verb == "CREATE" || verb == "DROP" {
            on(&["DATABASE", "TABLESPACE", "SUBSCRIPTION"]) || on_index()
        } else if verb == "ALTER" {
            let detaches = || self.has("DETACH") && self.has("CONCURRENTLY");
            on(&["SYSTEM"]) || (on(&["TABLE"]) && detaches()) || (on(&["DATABASE"]) && self.has("TABLESPACE"))
        } else if verb == "REINDEX" {
            on(&["SCHEMA", "DATABASE", "SYSTEM"]) || on_index()
        } else {
            verb == "VACUUM" || (verb == "DISCARD" && on(&["ALL"])) || self.is(&["CLUSTER"])
        }
    }

    /// True for a statement that fails, or ends the transaction, where a tool has begun one around the script.
    #[must_use]
    pub(crate) fn fails_in_transaction(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Postgres => self.refuses_transaction(),
            Dialect::Sqlite => {
                let words = ["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "VACUUM"];
                words.iter().any(|word| self.starts(&[word]))
            }
            // No statement fails in a transaction; many end it.
            Dialect::Mysql => false,
        }
    }

    /// True for a statement that begins or ends a transaction, or sets what one is.
    #[must_use]
    pub fn controls_transaction(&self) -> bool {
        let verbs = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"];
        let settings = ["TRANSACTION", "TRANSACTION_READ_ONLY", "TRANSACTION_ISOLATION", "TRANSACTION_DEFERRABLE"];
        let Some(first) = self.words().first() else { return false };
        if first == "SET" {
            let scope = usize::from(self.starts(&["SET", "LOCAL"]) || self.starts(&["SET", "SESSION"]));
            return self.words().iter().nth(1 + scope).is_some_and(|word| word.is_any(&settings));
        }
        first.is_any(&verbs) || self.starts(&["PREPARE", "TRANSACTION"])
    }

    /// True for a statement whose code may commit by itself, when it is alone: CALL, and a DO block that
    /// mentions what would commit.
    #[must_use]
    pub fn may_commit_inside(&self) -> bool {
        let mentions = |word: &str| self.text.to_ascii_uppercase().contains(word);
        let commits = || ["COMMIT", "ROLLBACK", "CALL", "EXECUTE"].into_iter().any(mentions);
        self.starts(&["CALL"]) || (self.starts(&["DO"]) && commits())
    }

    /// True for a statement that reaches beyond its database, to what all of the server's databases share.
    #[must_use]
    pub fn reaches_outside(&self) -> bool {
        let verbs = ["CREATE", "ALTER", "DROP"];
        let shared = ["DATABASE", "TABLESPACE", "SYSTEM", "ROLE", "USER", "GROUP"];
        let mut pairs = verbs.iter().flat_map(|verb| shared.iter().map(move |on| [*verb, *on]));
        let changes = pairs.any(|words| self.starts(&words)) && !self.has("MAPPING");
        // Membership in a role, rather than a right on an object.
        let grants = self.starts(&["GRANT"]) || self.starts(&["REVOKE"]);
        let membership = grants && !self.has("ON");
        let labels = grants || self.starts(&["COMMENT"]) || self.starts(&["SECURITY"]);
        let on_shared = labels && shared.iter().any(|kind| self.has_pair("ON", kind));
        // In code the verb is followed by the kind of object, with or without quotes around them.
        let code = self.text.to_ascii_uppercase();
        let words: Vec<&str> = code.split(|c: char| !is_word(c)).filter(|word| !word.is_empty()).collect();
        let is_change = |pair: &[&str]| verbs.contains(&pair[0]) && shared.contains(&pair[1]);
        let in_code = self.starts(&["DO"]) && words.windows(2).any(is_change);
        let to_program = self.starts(&["COPY"]) && self.has("PROGRAM");
        let by_code = in_code || to_program || code.contains("DBLINK");
        // SQLite's way to another file.
        let other_file = self.starts(&["ATTACH"]) || (self.starts(&["VACUUM"]) && self.has("INTO"));
        let owned = self.starts(&["REASSIGN", "OWNED"]) || self.starts(&["DROP", "OWNED"]);
        let subscribes = self.starts(&["CREATE", "SUBSCRIPTION"]);
        changes || membership || on_shared || by_code || other_file || owned || subscribes
    }

    /// True if its first words, outside quotes and comments, are these (in upper case).
    #[must_use]
    pub fn starts(&self, words: &[&str]) -> bool {
        self.words().start_with(words)
    }

    /// True if these are all its words outside quotes and comments (in upper case).
    #[must_use]
    pub fn is(&self, words: &[&str]) -> bool {
        self.words().are(words)
    }

    /// True if it holds this word outside quotes and comments (in upper case).
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.words().have(word)
    }

    /// True if it holds these two words, one after the other, outside quotes and comments (in upper case).
    #[must_use]
    pub(crate) fn has_pair(&self, first: &str, second: &str) -> bool {
        self.words().have_pair(first, second)
    }
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `f()`
    Empty,
    /// `f(…)`
    WithArguments,
}

/// The first call of this function (in upper case) in a statement, outside quotes and comments.
#[must_use]
pub(crate) fn call(statement: &Statement<'_>, function: &str) -> Option<Call> {
    let tokens: Vec<Token<'_>> = statement.tokens().filter(|token| token.kind != TokenKind::Blank).collect();
    tokens.windows(3).find_map(|three| {
        let is_named = three[0].kind == TokenKind::Word && three[0].text.eq_ignore_ascii_case(function);
        let form = if three[2].text == ")" { Call::Empty } else { Call::WithArguments };
        (is_named && three[1].text == "(").then_some(form)
    })
}

/// True if a word that ends a transaction occurs anywhere outside dollar quotes, comments and strings included. Where
/// the lexer sees no such statement, the lexer may be wrong, so the word alone makes the script run without a
/// transaction around it.
#[must_use]
pub fn mentions_commit(script: &str, dialect: Dialect) -> bool {
    lex(script, dialect).mentions_commit
}

/// How many characters a summary has at most.
const SUMMARY: usize = 100;

/// A statement in one line of at most 100 characters. Strings in quotes are left out: they may contain a secret.
#[must_use]
pub fn summary(text: &str, dialect: Dialect) -> String {
    line_of(tokens(text, dialect), dialect)
}

/// [`summary`] of statements that are lexed already, with semicolons between them.
#[must_use]
pub fn summary_of(statements: &[Statement<'_>]) -> String {
    const SEPARATOR: [(TokenKind, &str); 2] = [(TokenKind::Mark, ";"), (TokenKind::Blank, " ")];
    let separator = || SEPARATOR.map(|(kind, text)| Token { kind, text, is_open: false });
    let Some(dialect) = statements.first().map(Statement::dialect) else { return String::new() };
    let tokens = statements.iter().enumerate().flat_map(|(index, statement)| {
        let before = separator().into_iter().filter(move |_| index > 0);
        before.chain(statement.tokens())
    });
    line_of(tokens, dialect)
}

fn line_of<'a>(tokens: impl Iterator<Item = Token<'a>>, dialect: Dialect) -> String {
    // What stands in double quotes is a string there, unless a setting says otherwise.
    let names: &[char] =
        if dialect.rules().lexing.backslash_escapes.contains(&'"') { &['`'] } else { &['"', '`', '['] };
    let mut whole = String::new();
    for token in tokens {
        // Whether a backslash escapes the quote after it depends on standard_conforming_strings, so the end of such a
        // string is unknown: nothing from it on is shown.
        if token.text.starts_with('\'') && token.text.contains('\\') {
            whole.push('…');
            break;
        }
        match token.kind {
            TokenKind::Blank => whole.push(' '),
            TokenKind::Quoted if !token.text.starts_with(names) => whole += "'…'",
            TokenKind::Quoted | TokenKind::Word | TokenKind::Mark => whole += token.text,
        }
    }
    let line = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut last = line.char_indices().skip(SUMMARY - 1);
    match (last.next(), last.next()) {
        (Some((end, _)), Some(_)) => format!("{}…", &line[..end]),
        _ => line,
    }
}

/// The statements of a text; empty ones are left out, as every engine does. For the script of a migration, ask its
/// [`Script`].
#[must_use]
pub fn statements(script: &str, dialect: Dialect) -> Vec<Statement<'_>> {
    lex(script, dialect).statements(script)
}

/// False if a quote, a comment, a parenthesis or a body is left open at the end: text that is appended to such a script
/// would become part of it.
#[must_use]
pub fn is_complete(script: &str, dialect: Dialect) -> bool {
    lex(script, dialect).is_complete
}

/// The script with these statements blanked out: every other one stays at its line and column.
#[must_use]
pub fn without(script: &str, statements: &[&Statement<'_>]) -> String {
    let (mut text, mut at) = (String::new(), 0);
    for statement in statements {
        text += &script[at..statement.offset];
        // As many characters as before: that is what PostgreSQL's positions count.
        text.extend(statement.text.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        at = statement.offset + statement.text.len();
    }
    text + &script[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str, dialect: Dialect) -> Vec<&str> {
        statements(script, dialect).into_iter().map(|statement| statement.text).collect()
    }

    fn postgres(script: &str) -> Vec<&str> {
        texts(script, Dialect::Postgres)
    }

    #[test]
    fn semicolons_in_quotes_and_comments_end_nothing() {
        assert_eq!(postgres("a ';' b; c \";\" d"), ["a ';' b", "c \";\" d"]);
        assert_eq!(postgres("-- x; y\na; /* ; /* ; */ ; */ b"), ["a", "b"]);
        assert_eq!(postgres("a 'it''s;' ; b E'\\';' ; c '\\'; d"), ["a 'it''s;'", "b E'\\';'", "c '\\'", "d"]);
        assert_eq!(
            postgres("a $$ ; $x$ $$; b $x$ ; $$ ; $x$; c $1; d"),
            ["a $$ ; $x$ $$", "b $x$ ; $$ ; $x$", "c $1", "d"]
        );
        assert_eq!(postgres(";; ;\n-- nothing\n"), [""; 0]);
        assert_eq!(postgres("-- one\ra;\rb"), ["a", "b"]);
        assert_eq!(postgres("E'a'\n'b\\''; c"), ["E'a'\n'b\\''", "c"]);
        assert_eq!(postgres("E'a' -- b\n -- c\n'd\\''; e"), ["E'a' -- b\n -- c\n'd\\''", "e"]);
        assert_eq!(postgres("\u{a0}$x$ ; b"), ["\u{a0}$x$", "b"]);
        assert_eq!(postgres("$😀$ ; $😀$; b"), ["$😀$ ; $😀$", "b"]);
    }

    #[test]
    fn bodies_of_statements_are_one_statement() {
        let atomic = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END";
        assert_eq!(postgres(&format!("{atomic}; b")), [atomic, "b"]);
        let named = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT t.case, 1 AS end FROM t; END";
        assert_eq!(postgres(&format!("{named}; b")), [named, "b"]);
        let rule = "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)";
        assert_eq!(postgres(&format!("{rule}; b")), [rule, "b"]);
        let trigger =
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE x WHEN 1 THEN 2 END; DELETE FROM a; END";
        assert_eq!(texts(&format!("{trigger}; b"), Dialect::Sqlite), [trigger, "b"]);
        assert_eq!(postgres("BEGIN; a; END; b"), ["BEGIN", "a", "END", "b"]);
    }

    #[test]
    fn sqlite_quotes_in_its_own_ways() {
        assert_eq!(texts("a [;] `;`; /* /* */ b", Dialect::Sqlite), ["a [;] `;`", "b"]);
    }

    #[test]
    fn unclosed_quotes_go_to_the_end() {
        for script in ["a ' ; b", "a \" ; b", "a $$ ; b", "a /* ; b", "a E'\\", "$", "a $tag", "é'"] {
            assert!(postgres(script).len() <= 1, "{script}");
        }
    }

    #[test]
    fn what_would_swallow_the_next_statement_is_incomplete() {
        for open in ["a 'b", "a /* b", "a $$ b", "f(", "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;"] {
            assert!(!is_complete(open, Dialect::Postgres), "{open}");
        }
        for closed in ["", "a; -- b", "a 'b'", "SELECT $1", "f()"] {
            assert!(is_complete(closed, Dialect::Postgres), "{closed}");
        }
    }

    #[test]
    fn a_statement_is_blanked_out_without_moving_the_others() {
        let script = "CREATE SCHEMA\n\"é\"; a; b";
        let all = statements(script, Dialect::Postgres);
        assert_eq!(without(script, &[&all[0], &all[1]]), "             \n   ;  ; b");
    }

    #[test]
    fn a_summary_is_one_line_without_texts() {
        let text = "ALTER ROLE \"a\"  -- why\n PASSWORD 'hunter2' $x$ hunter2 $x$";
        assert_eq!(summary(text, Dialect::Postgres), "ALTER ROLE \"a\" PASSWORD '…' '…'");
        assert_eq!(summary("SELECT 'cut off", Dialect::Postgres), "SELECT '…'");
        assert_eq!(summary("SELECT 'it\\'s hunter2 '", Dialect::Postgres), "SELECT …");
        assert_eq!(summary("SELECT E'it\\'s hunter2', 2", Dialect::Postgres), "SELECT '…', 2");
    }

    #[test]
    fn statements_that_mind_a_transaction_are_known() {
        let one = |script| statements(script, Dialect::Postgres).remove(0);
        for refusing in [
            "-- why\ncreate unique index concurrently i on t (a)",
            "DROP INDEX CONCURRENTLY i",
            "VACUUM t",
            "ALTER SYSTEM SET x = 1",
            "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
        ] {
            assert!(one(refusing).refuses_transaction(), "{refusing}");
        }
        for fine in ["REFRESH MATERIALIZED VIEW CONCURRENTLY v", "SELECT 'CONCURRENTLY'", "ALTER DATABASE d SET x = 1"]
        {
            assert!(!one(fine).refuses_transaction(), "{fine}");
        }
        assert!(one("DO $$ BEGIN COMMIT; END $$").may_commit_inside());
        assert!(!one("DO $$ BEGIN PERFORM 1; END $$").may_commit_inside());
        assert!(!one("SELECT 'DO'").may_commit_inside());
        for control in ["begin", "START TRANSACTION", "END", "SET LOCAL transaction_read_only = on", "ABORT"] {
            assert!(one(control).controls_transaction(), "{control}");
        }
        assert!(!one("SET search_path = transaction").controls_transaction());
    }
}
