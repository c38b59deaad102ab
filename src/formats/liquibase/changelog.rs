//! A changelog in formatted SQL: its header, its change sets, and the lines of a change set that are not SQL. Pure
//! functions over the text of a file.
//!
//! Which lines Liquibase takes out was found out by running it: only those count for the checksum that are left. A line
//! that looks like one of its own and is none stays a comment, or is an error of Liquibase's, which is ours, too.

use std::ops::Range;

use crate::formats::liquibase::expansion;
use crate::formats::liquibase::header::{self, Header};
use crate::formats::liquibase::parameters::Parameters;
use crate::formats::liquibase::wrong;
use crate::formats::migration::Unreadable;

/// What a file has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changelog {
    /// `logicalFilePath` of the first line.
    pub path: Option<String>,
    /// Its change sets; one, without a header, where the first line is not Liquibase's.
    pub sets: Vec<Section>,
}

/// A part of a file: a change set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    /// The number of its first line.
    pub line: usize,
    /// What that line says, with its parameters replaced; `None` where the whole file is one change set.
    pub header: Option<Header>,
    /// Its SQL as Liquibase hashes it, with its parameters replaced.
    pub sql: String,
    /// The same at its lines, with Liquibase's own lines as comments: what runs.
    pub text: String,
    /// The lines between that speak about it.
    pub notes: Notes,
}

/// The lines of a change set that speak about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// `--comment`
    pub comment: Option<String>,
    /// `--validCheckSum`
    pub valid: Vec<String>,
    /// `--preconditions`: its attributes.
    pub conditions: Option<String>,
    /// `--precondition-KIND`: the kind in lower case, and what follows, with its parameters replaced.
    pub checks: Vec<(String, String)>,
}

/// What a line is to Liquibase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    ChangeSet(&'a str),
    Comment(&'a str),
    Rollback,
    RollbackBlock,
    ValidChecksum(&'a str),
    Conditions(&'a str),
    Check(&'a str, &'a str),
    Property(&'a str),
    Ignore(&'a str),
    Sql,
}

/// Whether the text begins with Liquibase's line, and what follows: `--liquibase formatted …`.
pub(crate) fn marked(text: &str) -> Option<&str> {
    let first = text.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty())?;
    let mut rest = first.trim_start().strip_prefix("--")?.trim_start();
    for word in ["liquibase", "formatted"] {
        let (found, after) = rest.split_at_checked(word.len())?;
        if !found.eq_ignore_ascii_case(word) || after.starts_with(|c: char| !c.is_whitespace()) {
            return None;
        }
        rest = after.trim_start();
    }
    Some(rest)
}

/// Reads a file; or the line at which Liquibase stops, or would lose something, and why.
pub(crate) fn read(text: &str, parameters: &mut Parameters) -> Result<Changelog, (usize, Unreadable)> {
    let text = text.trim_start_matches('\u{feff}');
    let Some(first) = marked(text) else {
        if let Line::ChangeSet(_) = of(text) {
            let why = "the line --liquibase formatted sql is missing before it: Liquibase would run the file as one change set";
            return Err((1, wrong(why)));
        }
        let sql = parameters.replaced(text).map_err(|why| (1, why))?;
        let raw = Section { line: 1, sql: sql.trim().to_owned(), text: sql, ..Section::default() };
        return Ok(Changelog { path: None, sets: vec![raw] });
    };
    let path = first.split_whitespace().find_map(|word| {
        let (name, value) = word.split_once(':')?;
        name.eq_ignore_ascii_case("logicalFilePath").then(|| parameters.replaced(value))
    });
    let path = path.transpose().map_err(|why| (1, why))?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut reading = Reading { lines: &lines, at: 0, parameters: Some(parameters), sql: Vec::new() };
    reading.prologue()?;
    let mut sets = Vec::new();
    while reading.at < lines.len() {
        sets.push(reading.section()?);
    }
    Ok(Changelog { path, sets })
}

/// The first line and the text of each change set; or the line of an error. For the tests of this reader's properties.
///
/// # Errors
/// The line.
pub fn parts(text: &str) -> Result<Vec<(usize, String)>, usize> {
    let read = read(text, &mut Parameters::default()).map_err(|(line, _)| line)?;
    Ok(read.sets.into_iter().map(|set| (set.line, set.text)).collect())
}

/// What of a change set's text is not SQL: for the row of a section that was read before. `None` stands for the header of a
/// text that has none.
///
/// # Errors
/// Why the text of a section cannot be read again, with its line. [`Section::text`] is written so that it can, and the
/// folder checks that before anything runs.
pub(crate) fn notes(text: &str) -> Result<(Option<Header>, Notes), (usize, Unreadable)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    if !lines.first().is_some_and(|line| matches!(of(line), Line::ChangeSet(_))) {
        return Ok((None, Notes::default()));
    }
    let section = Reading { lines: &lines, at: 0, parameters: None, sql: Vec::new() }.section()?;
    Ok((section.header, section.notes))
}

struct Reading<'a, 'p> {
    lines: &'a [&'a str],
    at: usize,
    /// `None` for a text in which they are replaced already.
    parameters: Option<&'p mut Parameters>,
    /// The lines of SQL of the change set: their numbers, and their places in its text.
    sql: Vec<(usize, Range<usize>)>,
}

impl Reading<'_, '_> {
    /// The lines before the first change set, which may have nothing but properties and comments.
    fn prologue(&mut self) -> Result<(), (usize, Unreadable)> {
        while let Some(line) = self.lines.get(self.at) {
            let number = self.at + 1;
            let fails = |why: &str| Err((number, wrong(why)));
            match of(line) {
                Line::ChangeSet(_) => return Ok(()),
                Line::Conditions(_) | Line::Check(..) => {
                    return fails("doorstep does not read preconditions of a whole file");
                }
                Line::Property(rest) => self.define(rest).map_err(|why| (number, why))?,
                Line::Rollback | Line::Comment(_) | Line::ValidChecksum(_) => {}
                _ if header::is_likeness(line) => return fails(LIKENESS),
                Line::Ignore(_) | Line::RollbackBlock => return fails("it stands before the first --changeset"),
                Line::Sql if line.trim().is_empty() || line.trim_start().starts_with("--") => {}
                Line::Sql => {
                    return fails("it stands before the first --changeset, and Liquibase drops it without a word");
                }
            }
            self.at += 1;
        }
        Ok(())
    }

    /// The change set whose first line is next, to the next one.
    fn section(&mut self) -> Result<Section, (usize, Unreadable)> {
        let begin = self.at;
        let mut section = Section { line: begin + 1, ..Section::default() };
        section.text = self.expanded(self.lines[begin]).map_err(|why| (begin + 1, why))?;
        let Line::ChangeSet(rest) = of(&section.text) else { unreachable!("the prologue ends at a change set") };
        section.header = Some(header::read(rest).map_err(|why| (begin + 1, why))?);
        self.at += 1;
        while let Some(line) = self.lines.get(self.at).copied() {
            if matches!(of(line), Line::ChangeSet(_)) {
                break;
            }
            self.line(line, &mut section)?;
        }
        self.replace(&mut section)?;
        match section.sql.is_empty() && section.header.as_ref().is_some_and(|header| !header.ignored) {
            true => Err((begin + 1, wrong("the change set has no SQL"))),
            false => Ok(section),
        }
    }

    /// A property counts from its line on, and for the SQL of the change set in which it stands.
    fn define(&mut self, rest: &str) -> Result<(), Unreadable> {
        self.parameters.as_mut().map_or(Ok(()), |parameters| parameters.define(rest))
    }

    /// A line of Liquibase's own, with the parameters replaced that are defined before it.
    fn expanded(&self, line: &str) -> Result<String, Unreadable> {
        self.parameters.as_ref().map_or_else(|| Ok(line.to_owned()), |parameters| expansion::line(line, parameters))
    }

    /// At the end of a change set: the SQL with its parameters replaced.
    fn replace(&mut self, section: &mut Section) -> Result<(), (usize, Unreadable)> {
        let (raw, mut at) = (std::mem::take(&mut section.text), 0);
        for (number, place) in std::mem::take(&mut self.sql) {
            let line = &raw[place.clone()];
            let replaced = self.parameters.as_ref().map_or_else(|| Ok(line.to_owned()), |it| it.replaced(line));
            let replaced = replaced.map_err(|why| (number, why))?;
            section.text += &raw[at..place.start];
            section.text += &replaced;
            section.sql += &replaced;
            at = place.end;
        }
        section.text += &raw[at..];
        section.sql = section.sql.trim().to_owned();
        Ok(())
    }

    /// One line of a change set, or several that belong together.
    fn line(&mut self, line: &str, section: &mut Section) -> Result<(), (usize, Unreadable)> {
        let number = self.at + 1;
        self.at += 1;
        let expanded = self.expanded(line).map_err(|why| (number, why))?;
        let line = expanded.as_str();
        match of(line) {
            Line::RollbackBlock => {
                section.text += line;
                let mut last = line;
                while !last.trim_end().ends_with("*/") {
                    let next = self.lines.get(self.at).copied();
                    last = next.ok_or_else(|| (number, wrong("the rollback comment is not closed")))?;
                    section.text += last;
                    self.at += 1;
                }
                return Ok(());
            }
            Line::Ignore(what) => return self.ignored(what, number, (line, section)),
            Line::Comment(text) => section.notes.comment = Some(text.to_owned()),
            Line::ValidChecksum(sum) => section.notes.valid.push(sum.to_owned()),
            Line::Conditions(rest) => section.notes.conditions = Some(rest.to_owned()),
            Line::Check(kind, rest) => section.notes.checks.push((kind.to_ascii_lowercase(), rest.to_owned())),
            Line::Property(rest) => self.define(rest).map_err(|why| (number, why))?,
            Line::Rollback | Line::ChangeSet(_) => {}
            Line::Sql if header::is_likeness(line) => return Err((number, wrong(LIKENESS))),
            Line::Sql if is_unlike_comment(line) => {
                let why = "Liquibase stops at a comment that begins with the word \"comments\" or alike: reword it";
                return Err((number, wrong(why)));
            }
            Line::Sql => self.sql.push((number, section.text.len()..section.text.len() + line.len())),
        }
        section.text += line;
        Ok(())
    }

    /// `--ignoreLines:2`, or `--ignoreLines:start` to `--ignoreLines:end`: the lines between are blank. The two lines stay,
    /// so that the text can be read again.
    fn ignored(
        &mut self,
        what: &str,
        number: usize,
        (line, section): (&str, &mut Section),
    ) -> Result<(), (usize, Unreadable)> {
        section.text += line;
        let rest = &self.lines[self.at..];
        let (count, end) = match what.parse::<usize>() {
            Ok(count) => (count.min(rest.len()), None),
            Err(_) if what == "start" => {
                let is_end = |line: &&str| matches!(of(line), Line::Ignore(what) if what == "end");
                let end = rest.iter().position(is_end);
                let end = end.ok_or_else(|| (number, wrong("no --ignoreLines:end follows it")))?;
                (end, rest.get(end))
            }
            Err(_) => return Err((number, wrong("it is neither --ignoreLines:NUMBER nor start and end"))),
        };
        for line in &rest[..count] {
            section.text.extend(line.chars().filter(|character| *character == '\n'));
        }
        section.text.extend(end.copied());
        self.at += count + usize::from(end.is_some());
        Ok(())
    }
}

const LIKENESS: &str =
    "it looks like a --changeset and is none: Liquibase drops it, and the SQL after it, without a word";

/// `-- comments …`, `---comment …`: Liquibase wants `--comment` there.
fn is_unlike_comment(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("--") else { return false };
    after(rest.trim_start(), "comments")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n', ':']))
}

/// What follows this word, in any case.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (found, rest) = text.split_at_checked(word.len())?;
    found.eq_ignore_ascii_case(word).then_some(rest)
}

/// What follows this word and a blank, or a colon and a blank.
fn value<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = after(text, word)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    rest.starts_with(char::is_whitespace).then(|| rest.trim())
}

/// Whether a line is one of Liquibase's own, and no SQL.
pub(crate) fn is_own(line: &str) -> bool {
    of(line) != Line::Sql
}

/// What a line is.
pub(crate) fn of(line: &str) -> Line<'_> {
    if let Some(rest) = header::marked(line) {
        return Line::ChangeSet(rest);
    }
    let indented = line.trim_start();
    if let Some(rest) = indented.strip_prefix("--").map(str::trim_start)
        && after(rest, "rollback").is_some_and(|rest| rest.starts_with(char::is_whitespace) && !rest.trim().is_empty())
    {
        return Line::Rollback;
    }
    if let Some(rest) = indented.strip_prefix("/*").map(str::trim_start)
        && let Some(rest) = after(rest, "liquibase").and_then(|rest| after(rest.trim_start(), "rollback"))
        && rest.trim().is_empty()
    {
        return Line::RollbackBlock;
    }
    if let Some(rest) = indented.strip_prefix("--").map(str::trim_start)
        && let Some(found) = also_indented(rest)
    {
        return found;
    }
    let Some(rest) = line.strip_prefix("--").map(str::trim_start) else { return Line::Sql };
    // With a blank at its end, Liquibase takes the line for a comment.
    let ignore = || {
        let what = after(rest, "ignoreLines:")?.trim_end_matches(['\n', '\r']);
        let is_word = !what.is_empty() && what.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_word.then_some(Line::Ignore(what))
    };
    let valid = || value(rest, "validCheckSum").map(Line::ValidChecksum);
    let comment = || value(rest, "comment").map(Line::Comment);
    ignore().or_else(valid).or_else(comment).unwrap_or(Line::Sql)
}

/// What follows the dashes of a line that may be indented: preconditions and properties.
fn also_indented(rest: &str) -> Option<Line<'_>> {
    if let Some(rest) = after(rest, "precondition-") {
        let (kind, rest) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        return Some(Line::Check(kind, rest.trim()));
    }
    if let Some(rest) = after(rest, "preconditions")
        && (rest.trim().is_empty() || rest.starts_with(char::is_whitespace))
    {
        return Some(Line::Conditions(rest.trim()));
    }
    value(rest, "property").map(Line::Property)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Changelog, (usize, Unreadable)> {
        super::read(text, &mut Parameters::default())
    }

    fn sets(text: &str) -> Vec<(usize, String)> {
        let sets = read(&format!("--liquibase formatted sql\n{text}")).unwrap().sets;
        sets.into_iter().map(|set| (set.line, set.sql)).collect()
    }

    #[test]
    fn a_file_without_the_first_line_is_one_change_set() {
        for first in
            ["--liquibase formatted sql", "\u{feff} --  LIQUIBASE  formatted", "\n\n-- liquibase formatted sql x"]
        {
            assert!(marked(first).is_some(), "{first}");
        }
        for first in ["", "--liquibase sql formatted", "-- about\n--liquibase formatted sql", "liquibase formatted sql"]
        {
            assert!(marked(first).is_none(), "{first}");
        }
        let found = read("-- about\n--changeset ann:1\nSELECT 1;\n").unwrap().sets;
        assert!(found.len() == 1 && found[0].header.is_none() && found[0].line == 1);
        assert_eq!(read("--changeset ann:1\nSELECT 1;\n").unwrap_err().0, 1);
    }

    #[test]
    fn lines_of_liquibases_own_are_no_sql() {
        for line in [
            "--comment why",
            "-- Comment: why",
            "--rollback DROP TABLE x;",
            "  --\tROLLBACK x",
            "/* liquibase rollback\n x\n*/",
            "  /*LIQUIBASE  ROLLBACK \nx */",
            "--validCheckSum: 9:abc",
            "-- validchecksum 9:abc",
            "--preconditions onFail:HALT",
            "--precondition-sql-check expectedResult:1 SELECT 1",
            "  --preconditions onFail:HALT",
            "\t-- precondition-sql-check expectedResult:1 SELECT 1",
            "--property name:a value:b",
            "  --property name:a value:b",
            "--ignoreLines:1\nx",
            "-- ignorelines:start\nx\n--ignoreLines:end",
        ] {
            assert_eq!(
                sets(&format!("--changeset ann:1\n{line}\nSELECT 1;\n")),
                [(2, "SELECT 1;".to_owned())],
                "{line}"
            );
        }
        for line in [
            "  --comment x",
            "  --ignoreLines:1",
            "/* liquibase rollback DELETE FROM x; */",
            "/* liquibase rollback */",
            "  --validCheckSum: 9:abc",
            "--rollback",
            "--rollbackx y",
            "--validCheckSum:9:a",
            "--valid-check-sum: x",
            "--tagDatabase v",
            "--ignoreLines:start \nCREATE TABLE b;\n-- ignoreLines: end",
            "--ignoreLines:1 \nCREATE TABLE b;",
        ] {
            let found = sets(&format!("--changeset ann:1\n{line}\nSELECT 1;\n"));
            assert_eq!(found, [(2, format!("{line}\nSELECT 1;").trim().to_owned())], "{line}");
        }
    }

    #[test]
    fn each_change_set_begins_at_its_line_and_keeps_its_lines() {
        let text = "--liquibase formatted sql logicalFilePath:a/b.sql\n\n--changeset ann:1\n--comment: c\na;\n--ignoreLines:1\nx\n\
                    --changeset ann:2\nb;\n";
        let found = read(text).unwrap();
        assert_eq!(found.path.as_deref(), Some("a/b.sql"));
        assert_eq!([found.sets[0].line, found.sets[1].line], [3, 8]);
        assert_eq!(found.sets[0].text, "--changeset ann:1\n--comment: c\na;\n--ignoreLines:1\n\n");
    }

    #[test]
    fn a_property_counts_from_its_change_set_on() {
        let text = "--liquibase formatted sql logicalFilePath:${path}\n--changeset ann:1\na ${mid} ${late} ${glob};\n\
                    --property name:mid value:m\n--changeset ann:${mid}2 context:${ctx}\n--property name:ctx value:c\n\
                    --precondition-sql-check expectedResult:1 SELECT '${ctx}' '${sql}'\n--property name:sql value:s\n\
                    b ${ctx} ${sql};\n--changeset ann:3\n--property name: late value: l two\nc ${late};\n";
        let mut parameters = Parameters::default();
        parameters.runtime.dbms = &["postgresql"];
        parameters.set("path", "x.sql");
        let found = super::read(text, &mut parameters).unwrap();
        assert_eq!(found.path.as_deref(), Some("x.sql"));
        let sql: Vec<&str> = found.sets.iter().map(|set| set.sql.as_str()).collect();
        assert_eq!(sql, ["a m ${late} ${glob};", "b c s;", "c l;"]);
        let header = found.sets[1].header.as_ref().unwrap();
        assert_eq!((header.id.as_str(), header.context.as_deref()), ("m2", Some("${ctx}")));
        let check = ("sql-check".to_owned(), "expectedResult:1 SELECT 'c' '${sql}'".to_owned());
        assert_eq!(found.sets[1].notes.checks, [check]);
        for set in found.sets {
            assert_eq!(super::notes(&set.text).unwrap(), (set.header, set.notes));
        }
    }

    #[test]
    fn the_text_of_a_change_set_says_the_same_when_it_is_read_again() {
        for lines in [
            "--comment: c\na;\n--ignoreLines:1\nx\n",
            "--comment: c\n--ignoreLines:start\nx\n--changeset ann:2\ny\n--ignoreLines:end\na;\n",
            "a;\n--validCheckSum: 9:a\n--ignoreLines:start\r\nx\r\n--ignoreLines:end\r\n--comment: c",
            "--preconditions onFail:MARK_RAN\n--precondition-sql-check expectedResult:1 SELECT 1\n--rollback b;\na;\n",
        ] {
            let set = read(&format!("--liquibase formatted sql\n--changeset ann:1\n{lines}")).unwrap().sets.remove(0);
            assert_eq!(super::notes(&set.text).unwrap(), (set.header, set.notes), "{lines}");
            assert_eq!(set.text.lines().count(), 1 + lines.lines().count(), "{lines}");
        }
        assert_eq!(super::notes("SELECT 1;\n").unwrap(), (None, Notes::default()));
        assert_eq!(super::notes("--changeset ann:1\na;\n--ignoreLines:start\n").unwrap_err().0, 3);
    }

    #[test]
    fn what_liquibase_refuses_or_loses_is_refused_with_its_line() {
        for (text, line) in [
            ("--changeset ann:1\n", 2),
            ("--changeset ann\na;", 2),
            ("--change-set ann:1\na;", 2),
            ("CREATE TABLE x;\n--changeset ann:1\na;", 2),
            ("--changeset ann:1\na;\n#changeset ann:2\nb;", 4),
            ("--changeset ann:1\n-- comments are good\na;", 3),
            ("--changeset ann:1\n/* liquibase rollback\na;", 3),
            ("--changeset ann:1\n--ignoreLines:start\na;", 3),
            ("--changeset ann:1\n--ignoreLines:start\na;\n--ignoreLines:end \nb;", 3),
            ("--changeset ann:1\n--ignoreLines:end\na;", 3),
            ("--changeset ann:1\na;\n--ignoreLines:start\nb;\n--ignoreLines:END\nc;", 4),
            ("--changeset ann:1\na;\n--ignoreLines:START\nb;\n--ignoreLines:end\nc;", 4),
            ("--preconditions onFail:HALT\n--changeset ann:1\na;", 2),
            (" --preconditions onFail:HALT\n--changeset ann:1\na;", 2),
        ] {
            assert_eq!(read(&format!("--liquibase formatted sql\n{text}")).unwrap_err().0, line, "{text}");
        }
    }
}
