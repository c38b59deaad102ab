//! The line that begins a change set: `--changeset AUTHOR:ID NAME:VALUE …`. What Liquibase reads of it was found out by
//! running it: a name may have any case, a value with double quotes ends at the last of them or at a blank, depending on
//! the attribute, and everything else is passed over. It looks for each attribute anywhere in the line, also within a word
//! (`runOnChange:true;dbms:oracle`): doorstep refuses a line that has one at such a place.

use crate::formats::liquibase::wrong;
use crate::formats::migration::Unreadable;

/// What the line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub author: String,
    pub id: String,
    /// `logicalFilePath`.
    pub path: Option<String>,
    /// `context` or `contextFilter`, as it is written.
    pub context: Option<String>,
    /// `labels`, without blanks.
    pub labels: Option<String>,
    /// `dbms`, in lower case.
    pub dbms: Vec<String>,
    /// `runOnChange`.
    pub on_change: bool,
    /// `runAlways`.
    pub always: bool,
    /// `runInTransaction:false`.
    pub no_transaction: bool,
    /// `splitStatements:false`.
    pub whole: bool,
    /// `stripComments:false`.
    pub with_comments: bool,
    /// `endDelimiter`.
    pub delimiter: Option<String>,
    /// `ignore:true`.
    pub ignored: bool,
    /// Words that look like attributes, and that Liquibase passes over.
    pub idle: Vec<String>,
}

/// Attributes that mean nothing to a start.
const WITHOUT_EFFECT: &[&str] = &["created", "objectquotingstrategy", "failonerror", "runwithspoolfile", "comment"];

/// Attributes that Liquibase finds anywhere in the line.
const FOUND_ANYWHERE: &[&str] = &[
    "context",
    "contextfilter",
    "labels",
    "dbms",
    "logicalfilepath",
    "runonchange",
    "runalways",
    "runintransaction",
    "splitstatements",
    "stripcomments",
    "enddelimiter",
    "ignore",
    "runwith",
    "runorder",
    "onvalidationfail",
];

/// Attributes that are true or false.
const SWITCHES: &[&str] =
    &["runonchange", "runalways", "runintransaction", "splitstatements", "stripcomments", "ignore", "failonerror"];

/// Attributes that Liquibase finds in `rollbackSplitStatements` and `rollbackEndDelimiter`, too: these change what runs. The
/// last one counts.
const OF_ROLLBACK: &[&str] = &["splitstatements", "enddelimiter"];

/// Attributes by which Liquibase does what doorstep does not.
const REFUSED: &[&str] = &["runwith", "runorder", "onvalidationfail"];

/// Whether a line begins a change set, and what follows the word: `^\s*--\s*changeset\b`.
pub(crate) fn marked(line: &str) -> Option<&str> {
    let text = line.trim_start().strip_prefix("--")?.trim_start();
    let (word, rest) = text.split_at_checked("changeset".len())?;
    word.eq_ignore_ascii_case("changeset").then_some(rest)
}

/// A line that was probably meant to begin a change set: Liquibase drops it, and the SQL after it.
pub(crate) fn is_likeness(line: &str) -> bool {
    let text = line.trim_start();
    let marks = |c: char| matches!(c, '-' | '#' | '/' | '*') || c.is_whitespace();
    let bare = text.trim_start_matches(marks);
    if bare.len() == text.len() || marked(line).is_some() {
        return false;
    }
    let mut words = bare.split_whitespace();
    let first = words.next().unwrap_or_default().trim_end_matches(':').to_ascii_lowercase();
    let (first, second) = match words.next().unwrap_or_default() {
        "set" | "Set" | "SET" => (first + "set", words.next().unwrap_or_default()),
        second => (first, second),
    };
    let names = |text: &str| text.split_once(':').is_some_and(|(author, id)| !author.is_empty() && !id.is_empty());
    let word = first.replace(['-', '_'], "");
    let is_word = word == "change" || strsim::normalized_damerau_levenshtein(&word, "changeset") > 0.75;
    // `#changeset:ann:1`
    let joined = word.strip_prefix("changeset:").is_some_and(names);
    joined || (is_word && names(second))
}

/// Reads what follows the word `changeset`.
///
/// # Errors
/// Why Liquibase stops at it, or why its meaning is uncertain.
pub(crate) fn read(rest: &str) -> Result<Header, Unreadable> {
    let form = || wrong("the line has not the form --changeset AUTHOR:ID");
    let text = rest.strip_prefix(char::is_whitespace).ok_or_else(form)?.trim();
    let (author, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once("\":").ok_or_else(form)?,
        None => text.split_once(':').ok_or_else(form)?,
    };
    let (id, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or_else(form)?,
        None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
    };
    let (author, id) = (without_quotes(author), without_quotes(id));
    if author.trim().is_empty() || id.is_empty() {
        return Err(form());
    }
    if author.starts_with('\'') || id.starts_with('\'') {
        return Err(wrong("Liquibase takes the single quote for a part of the id: use double quotes"));
    }
    let mut header = Header { author: author.to_owned(), id: id.to_owned(), ..Header::default() };
    let attributes = attributes(rest);
    let before = &text[..text.len() - rest.len()];
    let word =
        |(name, value): &(&str, Option<&str>)| value.map_or_else(|| (*name).to_owned(), |it| format!("{name}:{it}"));
    let words = attributes.iter().map(|attribute| (word(attribute), true));
    for (word, is_attribute) in [(before.to_owned(), false)].into_iter().chain(words) {
        if let Some(name) = hidden(&word, is_attribute) {
            return Err(Unreadable::new(
                format!("Liquibase takes the {name}: within {word} for an attribute of its own"),
                "divide attributes by blanks, or write another value",
            ));
        }
    }
    let has_filter = attributes.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("contextFilter") && value.is_some_and(|value| !value.is_empty())
    });
    for (name, value) in attributes {
        // Liquibase takes contextFilter, wherever it stands.
        if !(has_filter && name.eq_ignore_ascii_case("context")) {
            header.take(name, value)?;
        }
    }
    Ok(header)
}

/// The attribute that Liquibase reads within this word, besides the one that the word is.
fn hidden(word: &str, is_attribute: bool) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let is_its_own = |name: &str, at: usize| {
        let before_it = &word[..at];
        is_attribute && (before_it.is_empty() || (before_it == "rollback" && OF_ROLLBACK.contains(&name)))
    };
    let is_within = |name: &str| word.match_indices(&format!("{name}:")).any(|(at, _)| !is_its_own(name, at));
    FOUND_ANYWHERE.iter().copied().find(|name| is_within(name))
}

/// Without single quotes on both sides: they may stand around a word, not around blanks.
fn without_quotes(text: &str) -> &str {
    text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(text)
}

/// `name:value` or `name:"value with blanks"`, and other words, as a name without a value.
fn attributes(rest: &str) -> Vec<(&str, Option<&str>)> {
    let (mut found, mut rest) = (Vec::new(), rest.trim_start());
    while !rest.is_empty() {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = &rest[..end];
        let mut next = end;
        let attribute = word.split_once(':').map(|(name, value)| {
            let start = name.len() + 1;
            let closing = value.starts_with('"').then(|| rest[start + 1..].find('"')).flatten();
            if let Some(closing) = closing {
                next = start + closing + 2;
            }
            (name, Some(&rest[start..next]))
        });
        found.push(attribute.unwrap_or((word, None)));
        rest = rest[next..].trim_start();
    }
    found
}

/// The value of an attribute that may have double quotes.
fn unquoted(name: &str, value: &str) -> Result<String, Unreadable> {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|_| value.len() > 1);
    match inner {
        Some(inner) => Ok(inner.to_owned()),
        None if value.starts_with(['"', '\'']) => Err(wrong(format!(
            "Liquibase takes the quote in {name}:{value} for a part of the value: use double quotes on both sides"
        ))),
        None => Ok(value.to_owned()),
    }
}

/// Without the blanks beside the commas.
pub(crate) fn list(text: &str) -> String {
    text.split(',').map(str::trim).collect::<Vec<_>>().join(",")
}

/// Whether Liquibase reads the whole value of `dbms`, which is `[^,][\w!,]+` to it, and finds a name in each part.
fn is_list_of_products(value: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    value.len() > 1 && value.split(',').all(|name| is_name(name.strip_prefix('!').unwrap_or(name)))
}

impl Header {
    fn take(&mut self, written: &str, value: Option<&str>) -> Result<(), Unreadable> {
        let lower = written.to_ascii_lowercase();
        let name = lower.strip_prefix("rollback").filter(|name| OF_ROLLBACK.contains(name)).unwrap_or(&lower);
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            self.idle.push(value.map_or_else(|| written.to_owned(), |_| format!("{written}:")));
            return Ok(());
        };
        let quote = || {
            wrong(format!("Liquibase takes the quotes in {written}:{value} for a part of the value: leave them out"))
        };
        // Liquibase reads a word there, and passes everything else over.
        let word = value.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let is = |text: &str| word.eq_ignore_ascii_case(text);
        match name {
            "context" | "contextfilter" | "labels" if value.ends_with(',') => {
                return Err(wrong(format!("Liquibase reads {written}:{value} to the blank: use double quotes")));
            }
            "context" | "contextfilter" => self.context = Some(unquoted(written, value)?),
            "labels" => {
                self.labels = Some(list(&unquoted(written, value)?));
            }
            _ if SWITCHES.contains(&name) && word.is_empty() => self.idle.push(format!("{written}:{value}")),
            "dbms" | "logicalfilepath" | "enddelimiter" if value.starts_with(['"', '\'']) => {
                return Err(quote());
            }
            "dbms" if value.ends_with(',') => {
                return Err(wrong(format!(
                    "Liquibase reads {written}:{value} to the blank, and would pass the change set over"
                )));
            }
            "dbms" if !is_list_of_products(value) => {
                return Err(wrong(format!(
                    "Liquibase reads a part of {written}:{value} only: write names of databases, divided by commas"
                )));
            }
            "dbms" => self.dbms = value.split(',').map(str::to_ascii_lowercase).collect(),
            "logicalfilepath" => self.path = Some(value.to_owned()),
            "runonchange" => self.on_change = is("true"),
            "runalways" => self.always = is("true"),
            "runintransaction" => self.no_transaction = is("false"),
            "splitstatements" => self.whole = is("false"),
            "stripcomments" => self.with_comments = is("false"),
            "enddelimiter" if value.contains('\\') => {
                return Err(wrong(format!("{written}:{value} is an expression, which doorstep does not read")));
            }
            "enddelimiter" => self.delimiter = Some(value.to_owned()),
            "ignore" => self.ignored = is("true"),
            known if REFUSED.contains(&known) && !is("jdbc") => {
                return Err(wrong(format!("doorstep does not do what {written}:{value} asks for")));
            }
            known if WITHOUT_EFFECT.contains(&known) || REFUSED.contains(&known) => {}
            _ => self.idle.push(format!("{written}:{value}")),
        }
        Ok(())
    }

    /// Whether the change set is for this database, by its `dbms`.
    pub(crate) fn is_for(&self, dbms: &str) -> bool {
        let mut wanted = self.dbms.iter().filter(|name| !name.starts_with('!')).peekable();
        let is_excluded = self.dbms.iter().any(|name| name.strip_prefix('!') == Some(dbms) || name == "none");
        !is_excluded && (wanted.peek().is_none() || wanted.any(|name| name == dbms || name == "all"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn author_and_id_are_read_as_liquibase_reads_them() {
        for (line, author, id) in [
            ("--changeset ann:1", "ann", "1"),
            (" --  CHANGESET\tann:1:2 labels:x", "ann", "1:2"),
            ("--changeset \"ann x\":\"id y\" context:dev", "ann x", "id y"),
            ("--changeset ann smith:id v", "ann smith", "id"),
            ("--changeset 'ann x':'1'", "ann x", "1"),
            ("--changeset ann :1", "ann ", "1"),
        ] {
            let header = read(marked(line).unwrap()).unwrap();
            assert_eq!((header.author.as_str(), header.id.as_str()), (author, id), "{line}");
        }
        for wrong in [
            "--changeset",
            "--changeset ann",
            "--changeset ann:",
            "--changeset :1",
            "--changeset:ann:1",
            "--changeset ann : 1",
            "--changeset ann:'id z'",
        ] {
            assert!(read(marked(wrong).unwrap()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn attributes_have_any_case_and_what_is_none_is_named() {
        let of = |text: &str| read(&format!(" ann:1 {text}"));
        let header =
            of("RUNINTRANSACTION:FALSE runOnChange:true contextFilter:\"A or (b and !c)\" labels:\"x, y\"").unwrap();
        assert!(header.no_transaction && header.on_change && !header.always && header.idle.is_empty());
        assert_eq!((header.context.as_deref(), header.labels.as_deref()), (Some("A or (b and !c)"), Some("x,y")));
        assert!(of("runInTransaction:false, failOnError:true").unwrap().no_transaction);
        for idle in [
            "runInTransaction:\"false\"",
            "runontransaction:false",
            "runInTransaction = false",
            "runInTransaction: false",
            "context: prod",
        ] {
            let header = of(idle).unwrap();
            assert!(!header.no_transaction && header.context.is_none() && !header.idle.is_empty(), "{idle}");
        }
        for refused in [
            "dbms:\"h2, postgresql\"",
            "dbms:h2, postgresql",
            "endDelimiter:\"//\"",
            "endDelimiter:\\n/",
            "context:'a b'",
            "context:\"dev",
            "runWith:psql",
            "runOrder:first",
            "dbms:x",
            "dbms:h2,,oracle",
            "dbms:${db}",
            "labels:a, b",
            "context:a, b",
        ] {
            assert!(of(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn an_attribute_within_a_word_is_refused() {
        for line in [
            "ann:1 splitStatements:false,dbms:oracle",
            "ann:1 runOnChange:true;dbms:oracle",
            "ann:1 runOnChange:true;context:dev",
            "ann:1 (context:dev)",
            "ann:1 labels:x,context:y",
            "ann:1 context:a;LABELS:y",
            "ann:1 context:\"a or labels:b\"",
            "ann:1 mycontext:a",
            "ann:1 rollbackContext:a",
            "ann:1 comment:x,labels:y",
            "ann:1 dbms:h2;runOnChange:true",
            "ann:dbms:oracle",
            "ann:x,dbms:oracle",
            "dbms:oracle:1",
            "\"ann labels:x\":1",
        ] {
            let error = read(&format!(" {line}")).unwrap_err();
            let attribute = error.why.strip_prefix("Liquibase takes the ").and_then(|rest| rest.split(':').next());
            assert!(attribute.is_some_and(|name| FOUND_ANYWHERE.contains(&name)), "{line}: {error}");
        }
        let of = |text: &str| read(&format!(" ann:1 {text}")).unwrap();
        let header = of("dbms:postgresql,h2 context:\"a and b\" labels:x,y contextFilter:prod context:test");
        assert_eq!((header.context.as_deref(), header.labels.as_deref()), (Some("prod"), Some("x,y")));
        assert_eq!((header.dbms.len(), of("labels:\"a b, c\"").labels.as_deref()), (2, Some("a b,c")));
    }

    /// Liquibase 4.28 sends what it calls the rollback's as the change set's own.
    #[test]
    fn attributes_for_a_rollback_count_and_the_last_one_wins() {
        let of = |text: &str| read(&format!(" ann:1 {text}")).unwrap();
        assert!(
            of("rollbackSplitStatements:false").whole && of("splitStatements:true rollbackSplitStatements:false").whole
        );
        assert!(!of("rollbackSplitStatements:false splitStatements:true").whole);
        assert_eq!(of("rollbackEndDelimiter:/").delimiter.as_deref(), Some("/"));
        assert_eq!(of("rollbackEndDelimiter:/ endDelimiter:;").delimiter.as_deref(), Some(";"));
    }

    #[test]
    fn the_database_is_matched() {
        let of = |dbms: &str| read(&format!(" ann:1 dbms:{dbms}")).unwrap().is_for("postgresql");
        for dbms in ["postgresql", "PostgreSQL", "all", "h2,postgresql", "!h2", "!h2,!mysql", "postgresql,!h2"] {
            assert!(of(dbms), "{dbms}");
        }
        for dbms in ["h2", "none", "!postgresql", "pg", "h2,!postgresql"] {
            assert!(!of(dbms), "{dbms}");
        }
    }

    #[test]
    fn what_looks_like_a_change_set_is_seen() {
        for line in [
            "--change-set ann:1",
            "--change ann:1",
            "---changeset ann:1",
            "#changeset ann:1",
            "/* changeset ann:1 */",
            "-- chageset ann:1",
            "--change set ann:1",
        ] {
            assert!(is_likeness(line), "{line}");
        }
        for line in
            ["--changeset ann:1", "-- change the type: int", "changeset ann:1", "-- a change: x", "SELECT 1", "-- x:y"]
        {
            assert!(!is_likeness(line), "{line}");
        }
    }
}
