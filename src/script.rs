//! A script as a list of statements: where each begins, and which words it is made of. A lexer, no
//! parser: enough to count statements, to point at one, and to tell those that mind a transaction.
//!
//! Scripts are never run in pieces because of it; a file goes to the server whole, as it is.

use crate::engine::Dialect;

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
    /// True for a statement that PostgreSQL refuses in a transaction block, so that a failure of it may
    /// leave something behind (an INVALID index, a half-vacuumed table).
    #[must_use]
    pub fn refuses_transaction(&self) -> bool {
        let concurrently = self.has("CONCURRENTLY") && !self.starts(&["REFRESH"]);
        let on_databases = ["CREATE", "DROP", "ALTER"]
            .iter()
            .any(|verb| ["DATABASE", "TABLESPACE", "SUBSCRIPTION", "SYSTEM"].iter().any(|on| self.starts(&[verb, on])));
        let alone = ["VACUUM", "CLUSTER", "REINDEX"].iter().any(|verb| self.starts(&[verb]));
        concurrently || on_databases || alone
    }

    /// True for a statement whose code may commit by itself, when it is alone: CALL, and a DO block, which
    /// may CALL.
    #[must_use]
    pub fn may_commit_inside(&self) -> bool {
        self.starts(&["CALL"]) || self.starts(&["DO"])
    }

    /// The name of the table that this statement creates, without its schema, as written.
    #[must_use]
    pub fn creates_table(&self, dialect: Dialect) -> Option<String> {
        let position = self.words.iter().position(|word| word == "TABLE")?;
        if !self.starts(&["CREATE"]) || position > 3 {
            return None;
        }
        let rest = &self.text[find_word(self.text, "TABLE", dialect)?..];
        let mut name = None;
        for token in tokens(rest, dialect).filter(|token| token.kind != Kind::Blank) {
            let is_noise = |noise: &str| token.text.eq_ignore_ascii_case(noise);
            match token.kind {
                Kind::Mark if token.text == "." => {}
                Kind::Mark => break,
                Kind::Word if ["IF", "NOT", "EXISTS"].into_iter().any(is_noise) && name.is_none() => {}
                Kind::Word if is_noise("AS") || is_noise("PARTITION") => break,
                Kind::Word | Kind::Quoted => {
                    name = Some(token.text.trim_matches(['"', '`', '[', ']']).replace("\"\"", "\""))
                }
                Kind::Blank => {}
            }
        }
        name
    }

    fn starts(&self, words: &[&str]) -> bool {
        self.words.iter().zip(words).filter(|(mine, wanted)| mine == *wanted).count() == words.len()
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|mine| mine == word)
    }
}

/// The statements of a script; empty ones are left out, as every engine does.
#[must_use]
pub fn statements(script: &str, dialect: Dialect) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    let mut current: Option<Statement<'_>> = None;
    let (mut at, mut depth, mut body) = (0, 0_usize, 0_usize);
    while at < script.len() {
        let token = token(&script[at..], dialect);
        let end = at + token.text.len();
        match token.kind {
            Kind::Blank => {}
            Kind::Mark if token.text == ";" && depth == 0 && body == 0 => found.extend(current.take()),
            kind => {
                let statement = current.get_or_insert_with(|| Statement { offset: at, text: "", words: Vec::new() });
                statement.text = &script[statement.offset..end];
                match token.text {
                    "(" => depth += 1,
                    ")" => depth = depth.saturating_sub(1),
                    word if kind == Kind::Word => {
                        let word = word.to_ascii_uppercase();
                        body = body_depth(body, &statement.words, &word, dialect);
                        statement.words.push(word);
                    }
                    _ => {}
                }
            }
        }
        at = end;
    }
    found.extend(current);
    found
}

/// How deep in a body of statements the next word is: `BEGIN ATOMIC … END` of an SQL function in
/// PostgreSQL, `BEGIN … END` of a trigger in SQLite. `CASE … END` nests in both.
fn body_depth(depth: usize, before: &[String], word: &str, dialect: Dialect) -> usize {
    let has = |word: &str| before.iter().any(|known| known == word);
    let creates = before.first().is_some_and(|first| first == "CREATE");
    let begins = match dialect {
        Dialect::Postgres => {
            let after_begin = before.last().is_some_and(|last| last == "BEGIN");
            word == "ATOMIC" && after_begin && (has("FUNCTION") || has("PROCEDURE"))
        }
        Dialect::Sqlite => word == "BEGIN" && has("TRIGGER"),
    };
    match (depth, word) {
        (0, _) => usize::from(creates && begins),
        (_, "CASE") => depth + 1,
        (_, "END") => depth - 1,
        _ => depth,
    }
}

/// All tokens of a text.
fn tokens(text: &str, dialect: Dialect) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let token = (at < text.len()).then(|| token(&text[at..], dialect))?;
        at += token.text.len();
        Some(token)
    })
}

/// Where the text goes on after its first word `wanted`.
fn find_word(text: &str, wanted: &str, dialect: Dialect) -> Option<usize> {
    let mut at = 0;
    tokens(text, dialect).find_map(|token| {
        at += token.text.len();
        (token.kind == Kind::Word && token.text.eq_ignore_ascii_case(wanted)).then_some(at)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// White space or a comment.
    Blank,
    /// A name or keyword.
    Word,
    /// A string, a quoted name, a dollar-quoted body.
    Quoted,
    /// Anything else, one character.
    Mark,
}

struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

/// The token that `rest`, which is not empty, begins with. An unclosed quote or comment goes to the end.
fn token(rest: &str, dialect: Dialect) -> Token<'_> {
    let is_postgres = dialect == Dialect::Postgres;
    let first = rest.chars().next().unwrap_or(' ');
    let second = rest[first.len_utf8()..].chars().next();
    let (kind, length) = match (first, second) {
        ('-', Some('-')) => (Kind::Blank, rest.find('\n').map_or(rest.len(), |end| end + 1)),
        ('/', Some('*')) => (Kind::Blank, comment(rest, is_postgres)),
        ('\'' | '"', _) => (Kind::Quoted, quoted(rest, first, false)),
        ('`', _) if !is_postgres => (Kind::Quoted, quoted(rest, '`', false)),
        ('[', _) if !is_postgres => (Kind::Quoted, rest.find(']').map_or(rest.len(), |end| end + 1)),
        ('e' | 'E', Some('\'')) if is_postgres => (Kind::Quoted, 1 + quoted(&rest[1..], '\'', true)),
        ('$', _) if is_postgres => dollar_quoted(rest).map_or((Kind::Mark, 1), |length| (Kind::Quoted, length)),
        _ if first.is_whitespace() => (Kind::Blank, first.len_utf8()),
        _ if first.is_alphanumeric() || first == '_' => (Kind::Word, word(rest)),
        _ => (Kind::Mark, first.len_utf8()),
    };
    Token { kind, text: &rest[..length] }
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len())
}

/// PostgreSQL's comments nest, SQLite's do not.
fn comment(rest: &str, nests: bool) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = rest.as_bytes().get(at..at + 2) {
        match pair {
            b"/*" if depth == 0 || nests => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// A doubled quote is part of the text; a backslash escapes in E'' strings only.
fn quoted(rest: &str, quote: char, escapes: bool) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if escapes => drop(characters.next()),
            _ if character == quote => match characters.peek() {
                Some((_, next)) if *next == quote => drop(characters.next()),
                _ => return at + quote.len_utf8(),
            },
            _ => {}
        }
    }
    rest.len()
}

/// `$$ … $$` or `$tag$ … $tag$`; `None` for a lone dollar or a parameter.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag_end = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_')? + 1;
    let is_tag = rest[tag_end..].starts_with('$') && !rest[1..tag_end].starts_with(|c: char| c.is_ascii_digit());
    let tag = is_tag.then(|| &rest[..=tag_end])?;
    Some(rest[tag.len()..].find(tag).map_or(rest.len(), |end| tag.len() + end + tag.len()))
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
    }

    #[test]
    fn bodies_of_statements_are_one_statement() {
        let atomic = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END";
        assert_eq!(postgres(&format!("{atomic}; b")), [atomic, "b"]);
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
    fn the_table_that_a_statement_creates_is_known() {
        let created = |script| statements(script, Dialect::Postgres)[0].creates_table(Dialect::Postgres);
        assert_eq!(created("CREATE TABLE \"SLAPolicy\" (id int)").as_deref(), Some("SLAPolicy"));
        assert_eq!(created("create table if not exists public . users(id int)").as_deref(), Some("users"));
        assert_eq!(created("CREATE UNLOGGED TABLE a.\"b\" AS SELECT 1").as_deref(), Some("b"));
        assert_eq!(created("CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)").as_deref(), Some("p1"));
        assert_eq!(created("CREATE INDEX i ON t (a)"), None);
        assert_eq!(created("ALTER TABLE t ADD a int"), None);
    }

    #[test]
    fn unclosed_quotes_go_to_the_end() {
        for script in ["a ' ; b", "a \" ; b", "a $$ ; b", "a /* ; b", "a E'\\", "$", "a $tag", "é'"] {
            assert!(postgres(script).len() <= 1, "{script}");
        }
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
        for fine in
            ["REFRESH MATERIALIZED VIEW CONCURRENTLY v", "SELECT 'CONCURRENTLY'", "ALTER TABLE system ADD x int"]
        {
            assert!(!one(fine).refuses_transaction(), "{fine}");
        }
        assert!(one("DO $$ BEGIN COMMIT; END $$").may_commit_inside());
        assert!(!one("SELECT 'DO'").may_commit_inside());
    }
}
