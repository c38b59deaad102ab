//! A script as a list of statements: where each begins, and which words it is made of. A lexer, no
//! parser: enough to count statements, to point at one, and to tell those that mind a transaction.
//!
//! Why our own: of the crates, `sqlparser` refuses whatever its grammar lacks (a migration may hold any
//! statement of any extension), and `pg_query` brings the server's own parser, which is exact for one
//! version of one engine, needs libclang to build and triples the binary.

use crate::sql::Dialect;

pub use crate::sql::changes::{Aspect, Change, SchemaOp, changes};
pub use crate::sql::names::{constraints, names, parameters};
pub use crate::sql::objects::{Leaves, created, leaves, removed};

/// One statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Byte offset of its first word.
    pub offset: usize,
    /// From its first word to before its semicolon.
    pub text: &'a str,
    /// Its words outside quotes, comments and bodies, in upper case.
    words: Vec<String>,
}

impl Statement<'_> {
    /// True for a statement that PostgreSQL refuses in a transaction block (PreventInTransactionBlock in
    /// its source). Those not listed are found out by asking: the server answers 25001.
    #[must_use]
    pub fn refuses_transaction(&self) -> bool {
        let is_detach = self.starts(&["ALTER", "TABLE"]) && self.has("DETACH");
        let on_index = ["CREATE", "DROP", "REINDEX"].iter().any(|verb| self.starts(&[verb]));
        let among_first = self.words.iter().take(5).any(|word| word == "CONCURRENTLY");
        let concurrently = (on_index && among_first) || (is_detach && self.has("CONCURRENTLY"));
        let globally = [
            &["CREATE", "DATABASE"][..],
            &["DROP", "DATABASE"],
            &["CREATE", "TABLESPACE"],
            &["DROP", "TABLESPACE"],
            &["CREATE", "SUBSCRIPTION"],
            &["DROP", "SUBSCRIPTION"],
            &["ALTER", "SYSTEM"],
            &["DISCARD", "ALL"],
            &["REINDEX", "SCHEMA"],
            &["REINDEX", "DATABASE"],
            &["REINDEX", "SYSTEM"],
            &["VACUUM"],
        ];
        let moves = self.starts(&["ALTER", "DATABASE"]) && self.has("TABLESPACE");
        concurrently || moves || self.is(&["CLUSTER"]) || globally.iter().any(|words| self.starts(words))
    }

    /// True for a statement that begins or ends a transaction, or sets what one is.
    #[must_use]
    pub fn controls_transaction(&self) -> bool {
        let verbs = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"];
        let settings = ["TRANSACTION", "TRANSACTION_READ_ONLY", "TRANSACTION_ISOLATION", "TRANSACTION_DEFERRABLE"];
        let first = self.words.first().map(String::as_str).unwrap_or_default();
        let scope = usize::from(self.starts(&["SET", "LOCAL"]) || self.starts(&["SET", "SESSION"]));
        let sets = first == "SET" && self.words.get(1 + scope).is_some_and(|word| settings.contains(&word.as_str()));
        verbs.contains(&first) || sets || self.starts(&["PREPARE", "TRANSACTION"])
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
        let mut pairs = self.words.windows(2);
        let on_shared = labels && pairs.any(|pair| pair[0] == "ON" && shared.contains(&pair[1].as_str()));
        // In code a verb and what it is about stand side by side, whatever quotes are around them.
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
        self.words.len() >= words.len() && self.words.iter().zip(words).all(|(mine, wanted)| mine == wanted)
    }

    /// True if these are all its words outside quotes and comments (in upper case).
    #[must_use]
    pub fn is(&self, words: &[&str]) -> bool {
        self.words == words
    }

    /// True if it holds this word outside quotes and comments (in upper case).
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|mine| mine == word)
    }
}

/// True if a word that ends a transaction stands anywhere in the text but in dollar quotes, comments and texts
/// included: where the lexer sees no such statement, better to believe that it may be wrong.
#[must_use]
pub fn mentions_commit(script: &str, dialect: Dialect) -> bool {
    let shown = tokens(script, dialect).filter(|token| !token.text.starts_with('$'));
    let mut words = shown.flat_map(|token| token.text.split(|c: char| !is_word(c)));
    words.any(|word| ["COMMIT", "ROLLBACK", "ABORT"].iter().any(|ends| word.eq_ignore_ascii_case(ends)))
}

/// How many characters a summary has at most.
const SUMMARY: usize = 100;

/// A statement in one line of at most 100 characters. Texts in quotes are left out: they may hold a secret.
#[must_use]
pub fn summary(text: &str, dialect: Dialect) -> String {
    // Whether a backslash escapes the quote after it depends on a setting: nobody knows where such a text ends.
    let is_doubtful = |token: &Token<'_>| token.text.starts_with('\'') && token.text.contains('\\');
    let shown = |token: Token<'_>| match token.kind {
        Kind::Blank => " ".to_owned(),
        Kind::Quoted if token.text.starts_with(['"', '`', '[']) => token.text.to_owned(),
        Kind::Quoted => "'…'".to_owned(),
        Kind::Word | Kind::Mark => token.text.to_owned(),
    };
    let mut whole: String = tokens(text, dialect).take_while(|token| !is_doubtful(token)).map(shown).collect();
    if tokens(text, dialect).any(|token| is_doubtful(&token)) {
        whole.push('…');
    }
    let line = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut last = line.char_indices().skip(SUMMARY - 1);
    match (last.next(), last.next()) {
        (Some((end, _)), Some(_)) => format!("{}…", &line[..end]),
        _ => line,
    }
}

/// The statements of a script; empty ones are left out, as every engine does.
#[must_use]
pub fn statements(script: &str, dialect: Dialect) -> Vec<Statement<'_>> {
    scan(script, dialect).0
}

/// True unless a quote, a comment, a parenthesis or a body is left open at the end, so that whatever is put
/// after the script would become part of it.
#[must_use]
pub fn is_complete(script: &str, dialect: Dialect) -> bool {
    scan(script, dialect).1
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

fn scan(script: &str, dialect: Dialect) -> (Vec<Statement<'_>>, bool) {
    let mut found = Vec::new();
    let mut open = false;
    let mut current: Option<Statement<'_>> = None;
    let (mut at, mut depth, mut before) = (0, 0_usize, "");
    let mut body = Body::default();
    while at < script.len() {
        let token = token(&script[at..], dialect);
        let end = at + token.text.len();
        open |= token.is_open;
        match token.kind {
            Kind::Blank => {}
            Kind::Mark if token.text == ";" && depth == 0 && body.depth == 0 => {
                found.extend(current.take());
                body = Body::default();
            }
            kind => {
                let statement = current.get_or_insert_with(|| Statement { offset: at, text: "", words: Vec::new() });
                statement.text = &script[statement.offset..end];
                match token.text {
                    "(" => depth += 1,
                    ")" => depth = depth.saturating_sub(1),
                    word if kind == Kind::Word => {
                        let word = word.to_ascii_uppercase();
                        // `t.case` and `AS end` are names.
                        let is_name = before == "." || before.eq_ignore_ascii_case("AS");
                        if body.depth == 0 || !is_name {
                            body.read(&word, &statement.words, dialect);
                        }
                        statement.words.push(word);
                    }
                    _ => {}
                }
                before = token.text;
            }
        }
        at = end;
    }
    found.extend(current);
    (found, !open && depth == 0 && body.depth == 0)
}

/// The body of statements within a statement: `BEGIN ATOMIC … END` of an SQL function in PostgreSQL, `BEGIN … END` of a
/// trigger in SQLite. `CASE … END` nests in both.
#[derive(Default)]
struct Body {
    /// How deep in it the next word is.
    depth: usize,
    /// The statement creates something that may have one.
    may_begin: bool,
}

impl Body {
    /// Takes in a word, given those before it.
    fn read(&mut self, word: &str, before: &[String], dialect: Dialect) {
        let begins = match dialect {
            Dialect::Postgres => word == "ATOMIC" && before.last().is_some_and(|last| last == "BEGIN"),
            Dialect::Sqlite => word == "BEGIN",
        };
        self.depth = match (self.depth, word) {
            (0, _) => usize::from(self.may_begin && begins),
            (depth, "CASE") => depth + 1,
            (depth, "END") => depth - 1,
            (depth, _) => depth,
        };
        let has_body = match dialect {
            Dialect::Postgres => matches!(word, "FUNCTION" | "PROCEDURE"),
            Dialect::Sqlite => word == "TRIGGER",
        };
        self.may_begin |= has_body && before.first().is_some_and(|first| first == "CREATE");
    }
}

/// All tokens of a text.
pub(crate) fn tokens(text: &str, dialect: Dialect) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let token = (at < text.len()).then(|| token(&text[at..], dialect))?;
        at += token.text.len();
        Some(token)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White space or a comment.
    Blank,
    /// A name or keyword.
    Word,
    /// A string, a quoted name, a dollar-quoted body.
    Quoted,
    /// Anything else, one character.
    Mark,
}

pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// Its closing quote or mark is missing.
    pub(crate) is_open: bool,
}

/// How long a token is; `None` where it never closes.
type Length = Option<usize>;

/// The token that `rest`, which is not empty, begins with. An unclosed quote or comment goes to the end.
fn token(rest: &str, dialect: Dialect) -> Token<'_> {
    let is_postgres = dialect == Dialect::Postgres;
    let first = rest.chars().next().unwrap_or(' ');
    let second = rest[first.len_utf8()..].chars().next();
    let (kind, length): (Kind, Length) = match (first, second) {
        // PostgreSQL ends a line at either character, SQLite at the line feed only.
        ('-', Some('-')) => {
            let end = rest.find(|c| c == '\n' || (is_postgres && c == '\r'));
            (Kind::Blank, Some(end.map_or(rest.len(), |end| end + 1)))
        }
        ('/', Some('*')) => (Kind::Blank, comment(rest, is_postgres)),
        ('\'' | '"', _) => (Kind::Quoted, quoted(rest, first, false)),
        ('`', _) if !is_postgres => (Kind::Quoted, quoted(rest, '`', false)),
        ('[', _) if !is_postgres => (Kind::Quoted, rest.find(']').map(|end| end + 1)),
        ('e' | 'E', Some('\'')) if is_postgres => (Kind::Quoted, escaped(&rest[1..]).map(|length| length + 1)),
        ('$', _) if is_postgres => dollar_quoted(rest).map_or((Kind::Mark, Some(1)), |length| (Kind::Quoted, length)),
        _ if is_blank(first) => (Kind::Blank, Some(1)),
        _ if is_word(first) => (Kind::Word, Some(word(rest))),
        _ => (Kind::Mark, Some(first.len_utf8())),
    };
    Token { kind, text: &rest[..length.unwrap_or(rest.len())], is_open: length.is_none() }
}

/// White space, as PostgreSQL has it. SQLite takes the vertical tab for an error, so that nothing depends on it.
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// A character of a name. Every one outside ASCII is, whatever it means.
pub(crate) fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !is_word(c) && c != '$').unwrap_or(rest.len())
}

/// An E'' string; it goes on after a line break that another quote follows (PostgreSQL manual 4.1.2.1), with comments
/// of one line between them.
fn escaped(rest: &str) -> Length {
    let mut length = quoted(rest, '\'', true)?;
    loop {
        let mut after = rest[length..].trim_start_matches(is_blank);
        while after.starts_with("--") {
            after = after.trim_start_matches(|c| !matches!(c, '\n' | '\r')).trim_start_matches(is_blank);
        }
        let gap = &rest[length..rest.len() - after.len()];
        if !after.starts_with('\'') || !gap.contains(['\n', '\r']) {
            return Some(length);
        }
        length += gap.len() + quoted(after, '\'', true)?;
    }
}

/// PostgreSQL's comments nest, SQLite's do not.
fn comment(rest: &str, nests: bool) -> Length {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = rest.as_bytes().get(at..at + 2) {
        match pair {
            b"/*" if depth == 0 || nests => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// A doubled quote is part of the text; a backslash escapes in E'' strings only.
fn quoted(rest: &str, quote: char, escapes: bool) -> Length {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if escapes => drop(characters.next()),
            _ if character == quote => match characters.peek() {
                Some((_, next)) if *next == quote => drop(characters.next()),
                _ => return Some(at + quote.len_utf8()),
            },
            _ => {}
        }
    }
    None
}

/// `$$ … $$` or `$tag$ … $tag$`; `None` for a lone dollar or a parameter.
fn dollar_quoted(rest: &str) -> Option<Length> {
    let tag_end = rest[1..].find(|c: char| !is_word(c))? + 1;
    let is_tag = rest[tag_end..].starts_with('$') && !rest[1..tag_end].starts_with(|c: char| c.is_ascii_digit());
    let tag = is_tag.then(|| &rest[..=tag_end])?;
    Some(rest[tag.len()..].find(tag).map(|end| tag.len() + end + tag.len()))
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
