//! Properties that hold for every text, as plain functions: `adversarial_input.rs` checks them for selected texts, and
//! the fuzzers (fuzz/fuzz_targets include this file) for generated ones.

use std::collections::HashSet;

use doorstep::internals::Dialect;
use doorstep::internals::Provenance;
use doorstep::internals::RunMode;
use doorstep::internals::changelog;
use doorstep::internals::compare;
use doorstep::internals::drizzle_breakpoints::{BREAKPOINT, Pieces, joined};
use doorstep::internals::drizzle_journal;
use doorstep::internals::goose_parser;
use doorstep::internals::goose_variables;
use doorstep::internals::node_pg_migrate_up;
use doorstep::internals::prisma;
use doorstep::internals::prisma::schema::Provider;
use doorstep::internals::script;
use doorstep::internals::script::{Script, Statement};
use doorstep::internals::sections;
use doorstep::internals::strategy;
use doorstep::internals::strategy::Strategy;
use doorstep::internals::tern_up;
use doorstep::internals::{Arity, Catalog, Default, Name, value};

/// A schema is parsed deterministically, errors point into the file, and a database that is what the schema
/// describes does not differ from it.
///
/// # Panics
/// If a property does not hold.
pub(crate) fn schema(text: &str) {
    let parse = || prisma::parse(&[("a.prisma".to_owned(), text.to_owned())]);
    let read = parse();
    assert_eq!(format!("{read:?}"), format!("{:?}", parse()), "read twice");
    match read {
        Ok(schema) => {
            let long = text.chars().take(80).collect::<String>();
            for home in ["public", "main", "", "Ä \"é\".x", &long] {
                let catalog = prisma::lower(schema.clone(), home);
                match schema.datasource.as_ref().map(|source| source.provider) {
                    None => assert_eq!(catalog, Catalog::default()),
                    Some(Provider::Postgres) => no_findings(&catalog, Dialect::Postgres),
                    Some(Provider::Sqlite) => no_findings(&catalog, Dialect::Sqlite),
                    // No session can return such a database.
                    Some(Provider::MySql) => {}
                }
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "rejected without a reason");
            let lengths = lines(text);
            for problem in problems {
                let length = problem.line.checked_sub(1).and_then(|line| lengths.get(line));
                let length = *length.unwrap_or_else(|| panic!("no such line: {problem}"));
                // One past the last character is the end of the line.
                assert!((1..=length + 1).contains(&problem.column), "no such column: {problem}");
                assert!(!problem.message.is_empty());
            }
        }
    }
}

/// How many characters each line has. A line ends with LF, CR LF or CR.
fn lines(text: &str) -> Vec<usize> {
    let text = text.replace("\r\n", "\n");
    text.split(['\n', '\r']).map(|line| line.chars().count()).collect()
}

/// Compares a desired catalog with the database that it describes, as a session would read it.
fn no_findings(expected: &Catalog, dialect: Dialect) {
    if !is_possible(expected, dialect) {
        return;
    }
    let mut actual = expected.clone();
    for column in actual.tables.iter_mut().flat_map(|table| &mut table.columns) {
        if let Default::Expression(text) = &column.default {
            column.default = value::read(text, &column.kind, column.arity == Arity::List);
        }
    }
    let findings = compare(expected, &actual, dialect);
    assert!(findings.is_empty(), "{findings:?}");
}

/// Whether a database can hold it: of names that the engine treats as equal, it can hold only one.
fn is_possible(catalog: &Catalog, dialect: Dialect) -> bool {
    let key = |name: &str| match dialect {
        Dialect::Postgres | Dialect::Mysql => name[..name.floor_char_boundary(63)].to_owned(),
        Dialect::Sqlite => name.to_ascii_lowercase(),
    };
    let key_of = |name: &Name| (key(&name.schema), key(&name.name));
    let differ = |names: Vec<(String, String)>| names.iter().collect::<HashSet<_>>().len() == names.len();
    let columns = |table: &doorstep::internals::Table| {
        table.columns.iter().map(|column| (String::new(), key(&column.name))).collect::<Vec<_>>()
    };
    differ(catalog.tables.iter().map(|table| &table.name).chain(&catalog.views).map(key_of).collect())
        && differ(catalog.enums.iter().map(|of| key_of(&of.name)).collect())
        && catalog.tables.iter().all(|table| differ(columns(table)))
}

/// The statements of a script are pieces of it, in order, with nothing lost between them; each parses the same when it
/// stands alone; one can be blanked out without moving the others; and what is put after a complete script does not
/// become part of it; and every operation has a line.
///
/// # Panics
/// If a property does not hold.
pub(crate) fn script(text: &str) {
    for dialect in [Dialect::Postgres, Dialect::Sqlite, Dialect::Mysql] {
        let statements = script::statements(text, dialect);
        if dialect == Dialect::Mysql && text.to_ascii_lowercase().contains("delimiter") {
            // A command of the client decides how the rest of a text is cut, so that no part of it stands for itself.
            lexed_once(text, &statements, dialect);
            told(text, &statements, dialect);
            changes(text, dialect);
            ways(text, dialect);
            continue;
        }
        lexed_once(text, &statements, dialect);
        pieces(text, &statements, dialect);
        blanked(text, &statements, dialect);
        appended(text, dialect);
        told(text, &statements, dialect);
        changes(text, dialect);
        ways(text, dialect);
    }
}

/// The part of a file that a tool's own marks say is to run is a piece of it, at its lines; an error is on an existing line.
fn part_that_goes_up(text: &str, found: Result<String, (usize, impl std::fmt::Display)>) {
    match found {
        Ok(up) => {
            assert_eq!(up.matches('\n').count(), text.matches('\n').count(), "lines are lost");
            let piece = up.trim_matches('\n');
            assert!(text.contains(piece), "{piece:?} is no piece of the file");
        }
        Err((line, why)) => {
            assert!((1..=text.matches('\n').count() + 1).contains(&line), "no such line: {line}");
            assert!(why.to_string().contains("next: "), "{why}");
        }
    }
}

/// Of a file with marks, each line runs as it is or is left out; what has no mark runs as a whole; an error is on an
/// existing line.
///
/// # Panics
/// If a property does not hold.
pub(crate) fn marks(text: &str) {
    changelogs(text);
    changelogs(&format!("--liquibase formatted sql\n--changeset a:1\n{text}"));
    goose(text);
    drizzle(text);
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        part_that_goes_up(text, node_pg_migrate_up(text, dialect));
        part_that_goes_up(text, tern_up(text, dialect));
        let script = Script::new(text.to_owned(), dialect);
        let found = sections::sections(&script);
        assert!(sections::may_have_marks(text) || (found.tools.is_empty() && found.error.is_none()), "{found:?}");
        assert_eq!(format!("{found:?}"), format!("{:?}", sections::sections(&script)), "read twice");
        if let Some(error) = &found.error {
            assert!((1..=text.split('\n').count()).contains(&error.line), "{error:?}");
            let why = error.unreadable().to_string();
            assert!(!why.contains(['\r', '\u{1b}']) && why.contains("next: "), "{why}");
        }
        let Some(up) = &found.up else { continue };
        assert!(!found.tools.is_empty());
        assert_eq!(up.matches('\n').count(), script.text().matches('\n').count(), "every line at its place");
        // Only node-pg-migrate divides a file at CR.
        if !text.contains('\r') {
            assert!(up.split('\n').zip(script.text().split('\n')).all(|(up, line)| up == line || up.is_empty()));
        }
    }
}

/// The change sets of a changelog are parts of the file, at their lines and in their order; an error is on an existing line.
fn changelogs(text: &str) {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').split('\n').collect();
    match changelog::parts(text) {
        Err(line) => assert!((1..=lines.len()).contains(&line), "{line} of {}", lines.len()),
        Ok(parts) => {
            let mut end = 1;
            for (line, part) in &parts {
                assert!(*line >= end, "{line} precedes {end}");
                for (at, shown) in part.split_terminator('\n').enumerate() {
                    let written = lines[line - 1 + at];
                    assert!(
                        shown == written || shown.is_empty() || written.contains("${"),
                        "{shown:?} for {written:?}"
                    );
                }
                end = line + part.matches('\n').count();
            }
        }
    }
}

/// Drizzle's breakpoints leave every byte and every line at its place, and each statement of a piece is one of the whole; a
/// journal is read or refused.
fn drizzle(text: &str) {
    let _ = drizzle_journal::entries(text);
    let cut = text.replace(';', &format!(";{BREAKPOINT}"));
    for text in [text, &cut] {
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            let read = joined(text, dialect, Pieces::Any);
            assert_eq!(read, joined(text, dialect, Pieces::Any), "read twice");
            let whole = match read {
                Err((line, why)) => {
                    assert!(!why.is_empty() && (1..=text.split('\n').count()).contains(&line), "line {line}: {why}");
                    continue;
                }
                Ok(whole) => whole,
            };
            assert_eq!((whole.len(), whole.matches('\n').count()), (text.len(), text.matches('\n').count()));
            let count = |text: &str| Script::new(text.to_owned(), dialect).statements().len();
            if Script::new(whole.clone(), dialect).is_complete() && !text.contains('\u{feff}') {
                assert_eq!(count(&whole), text.split(BREAKPOINT).map(count).sum::<usize>(), "{text:?}: {whole:?}");
            }
        }
    }
}

/// goose's parser names a line of the file, or keeps every line at its place; the statements are parts of the text, in their
/// order, and what is between them is no SQL.
fn goose(text: &str) {
    let variables = goose_variables::Variables::default();
    let read = goose_parser::parse(text, &variables);
    assert_eq!(read, goose_parser::parse(text, &variables), "read twice");
    match read {
        Err((line, why)) => {
            assert!(!why.is_empty() && (1..=text.lines().count().max(1)).contains(&line), "line {line}: {why}");
        }
        Ok(up) => {
            assert_eq!(up.text.lines().count(), text.lines().count());
            let mut at = 0;
            for range in &up.statements {
                assert!(at <= range.start && range.start < range.end && range.end <= up.text.len(), "{up:?}");
                let between = &up.text[at..range.start];
                assert!(between.lines().all(|line| line.trim().is_empty() || line.trim().starts_with("--")), "{up:?}");
                at = range.end;
            }
            let _ = goose_parser::cut_within(&up, Dialect::Postgres);
            let _ = goose_parser::cut_within(&up, Dialect::Sqlite);
        }
    }
}

/// The operations of a script are on existing lines, in order, and provenance can follow all of them.
fn changes(text: &str, dialect: Dialect) {
    let changes = script::changes(&Script::new(text.to_owned(), dialect));
    let lines: Vec<usize> = changes.iter().map(|change| change.line).collect();
    assert!(lines.is_sorted(), "{lines:?}");
    let last = text.split('\n').count();
    assert!(lines.iter().all(|line| (1..=last).contains(line)), "{lines:?} of {last}");
    let followed = Provenance::of(vec![changes.clone(), changes], "public", dialect);
    assert!(followed.lasting().all(|(step, _)| step.migration < 2));
}

/// A script gives the same statements as the text, without its byte order mark.
fn lexed_once(text: &str, statements: &[Statement<'_>], dialect: Dialect) {
    let script = Script::new(text.to_owned(), dialect);
    if script.text() == text {
        assert_eq!(script.statements(), statements);
        assert_eq!(script.is_complete(), script::is_complete(text, dialect));
        assert_eq!(script.mentions_commit(), script::mentions_commit(text, dialect));
    }
    for statement in statements.iter().filter(|statement| !ends_in_dashes(statement, dialect)) {
        let alone = script::summary_of(std::slice::from_ref(statement));
        assert_eq!(alone, script::summary(statement.text, dialect));
    }
}

fn pieces(text: &str, statements: &[Statement<'_>], dialect: Dialect) {
    let mut at = 0;
    for statement in statements {
        assert!(!statement.text.is_empty());
        assert!(is_piece(text, statement.offset, statement.text));
        assert_eq!(script::statements(&text[at..statement.offset], dialect), [], "lost before {statement:?}");
        at = statement.offset + statement.text.len();
        if !ends_in_dashes(statement, dialect) {
            assert_eq!(script::statements(statement.text, dialect), [moved(statement, 0)]);
        }
    }
    assert_eq!(script::statements(&text[at..], dialect), [], "lost at the end");
}

/// MySQL takes two dashes for a comment where a blank follows, or nothing: before a delimiter or `/*` they are none, at the end
/// of a statement that stands alone they are one.
fn ends_in_dashes(statement: &Statement<'_>, dialect: Dialect) -> bool {
    dialect == Dialect::Mysql && statement.text.ends_with("--")
}

/// The same statement elsewhere.
fn moved<'a>(statement: &Statement<'a>, offset: usize) -> Statement<'a> {
    let mut moved = statement.clone();
    moved.offset = offset;
    moved
}

/// Whether the piece is a slice of this text, not a copy.
fn is_piece(text: &str, offset: usize, piece: &str) -> bool {
    text.get(offset..offset + piece.len()).is_some_and(|part| std::ptr::eq(part, piece))
}

fn blanked(text: &str, statements: &[Statement<'_>], dialect: Dialect) {
    let halves = [0, 1].map(|half| statements.iter().skip(half).step_by(2).collect::<Vec<_>>());
    for (gone, left) in [(&halves[0], &halves[1]), (&halves[1], &halves[0])] {
        let blanked = script::without(text, gone);
        let breaks = |text: &str| text.chars().map(|character| character == '\n').collect::<Vec<_>>();
        assert_eq!(breaks(&blanked), breaks(text), "lines and characters");
        let texts =
            |statements: &[&Statement<'_>]| statements.iter().map(|one| one.text.to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&script::statements(&blanked, dialect).iter().collect::<Vec<_>>()), texts(left));
    }
}

fn appended(text: &str, dialect: Dialect) {
    let (first, second) = text.split_at(text.floor_char_boundary(text.len() / 2));
    if script::is_complete(first, dialect) {
        // A new line, for a script that ends in a comment.
        let separator = "\n;";
        let whole = format!("{first}{separator}{second}");
        let behind = first.len() + separator.len();
        let mut expected = script::statements(first, dialect);
        expected.extend(script::statements(second, dialect).iter().map(|one| moved(one, behind + one.offset)));
        assert_eq!(script::statements(&whole, dialect), expected, "behind a complete script");
        assert_eq!(script::is_complete(&whole, dialect), script::is_complete(second, dialect));
    }
}

fn told(text: &str, statements: &[Statement<'_>], dialect: Dialect) {
    let summary = script::summary(text, dialect);
    assert!(summary.chars().count() <= 100, "{summary}");
    assert!(!summary.contains(['\n', '\r']), "{summary:?}");
    let _ = (script::mentions_commit(text, dialect), script::leaves(statements));
    let created = script::created(statements).into_iter().map(|(object, _)| object);
    for object in created.chain(script::removed(statements)) {
        let within = object.within("s");
        assert!(within.schema.is_some() || object.kind.word() == "schema", "{object}");
        assert_eq!((&within.name, &within.table), (&object.name, &object.table));
    }
    for statement in statements {
        let _ = (statement.refuses_transaction(), statement.controls_transaction());
        let _ = (statement.may_commit_inside(), statement.reaches_outside());
    }
}

fn ways(text: &str, dialect: Dialect) {
    let script = Script::new(text.to_owned(), dialect);
    let text = script.text();
    let strategy = Strategy::of(&script);
    assert_eq!(strategy.sql.chars().count(), text.chars().count());
    assert_eq!(strategy.steps.is_empty(), strategy.mode != RunMode::Steps);
    for statement in &strategy.statements {
        assert_eq!(strategy.sql.get(statement.offset..statement.offset + statement.text.len()), Some(statement.text));
    }
    if strategy.mode == RunMode::Steps {
        assert_eq!(strategy::steps(&script).as_ref(), Some(&strategy.steps));
    }
    let mut at = 0;
    for step in &strategy.steps {
        assert!(step.offset >= at && is_piece(text, step.offset, step.text));
        assert!(!step.text.is_empty() && !step.statements.is_empty());
        let _ = strategy::only_sets(step);
        at = step.offset + step.text.len();
    }
}
