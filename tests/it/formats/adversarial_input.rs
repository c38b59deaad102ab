//! Inputs that broke a parser or could make it slow: cases that the fuzzers found, and large texts of each construct
//! whose cost could grow faster than the text.

use std::fmt::Write;
use std::time::Duration;

use doorstep::internals::Dialect;
use doorstep::internals::Provenance;
use doorstep::internals::prisma;
use doorstep::internals::script::{self, Script};
use doorstep::internals::strategy::{self, Strategy};
use nix::time::ClockId;

use crate::formats::parser_properties;

/// The size of a large text: 1 MiB; less for the slow code of a debug build.
const LARGE: usize = if cfg!(debug_assertions) { 1 << 17 } else { 1 << 20 };

/// The limit of processor time for one text. Quadratic code takes minutes.
const LIMIT: Duration = Duration::from_secs(10);

/// A text of the wanted size: a beginning, and numbered pieces.
fn large(begin: &str, piece: impl Fn(usize) -> String) -> String {
    let mut text = begin.to_owned();
    for number in 0.. {
        if text.len() >= LARGE {
            break;
        }
        text += &piece(number);
    }
    text
}

#[track_caller]
fn in_time(what: &str, work: impl FnOnce()) {
    // Not the time that passes: the machine may be busy with other tests.
    let clock = || Duration::from(ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap());
    let begin = clock();
    work();
    let elapsed = clock() - begin;
    assert!(elapsed < LIMIT, "{elapsed:?} for {}", &what[..what.floor_char_boundary(80)]);
}

#[test]
fn the_properties_hold_for_what_the_fuzzers_found() {
    for text in [
        // A summary of 101 characters.
        "CREATE TABLE \"T\" (id integer NOT NULL, CONSTRAINT \"T_pkey\" PRIMARY KEY (id), c varchar(20) NOT NULL);",
        // Unicode calls it white space; the engines take it as part of a name.
        "\u{a0}$x$ ; $x$; b\u{2003}",
        // On MySQL the first two dashes are none of a comment.
        "a;\n---- create above / drop below ----)b;",
        // What MySQL reads in its own way.
        "DELIMITER //\nCREATE TABLE t (a INT, --//b",
        "--/*UNDO\n",
        "a --; b; c --\nd # '\n;/*!50003 e; */ f; /*!g*/;;h",
        "CREATE PROCEDURE p() BEGIN IF a THEN b; END IF; END; c",
        "a;\nDELIMITER //\nb;c//\n(//d\nDELIMITER ;\ne",
        "DELIMITER",
        "/*!",
        "/*M!1000000*/",
        "l: LOOP END; a",
    ] {
        parser_properties::script(text);
    }
}

#[test]
fn the_marks_of_a_file_leave_every_line_at_its_place() {
    let cases = include_str!("../../cases/marks.jsonl");
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        parser_properties::marks(case["sql"].as_str().unwrap());
    }
    let many = |piece: &'static str| large("", move |_| piece.to_owned());
    for text in [
        many("-- migrate:up\na;\n-- migrate:down\nb;\n"),
        many("-- down "),
        many("-- +goose"),
        many("--"),
        many("-- @"),
        many("--\rup"),
        // What the fuzzer found.
        "-- +goose Up\n-- +goose StatementBegin\n-- a\n-- +goose StatementEnd\nb;\n".to_owned(),
    ] {
        in_time(&text, || parser_properties::marks(&text));
    }
}

#[test]
fn a_script_of_any_kind_takes_time_in_proportion() {
    let names = "a".repeat(LARGE / 2);
    let same = |piece: &'static str| large("", move |_| piece.to_owned());
    let texts = [
        same("("),
        same("/*"),
        same("$a"),
        same("$a$"),
        same("E'a'\n"),
        same("'\\"),
        same("CREATE TRIGGER BEGIN "),
        same("BEGIN ATOMIC "),
        same("BEGIN;"),
        same("a;"),
        large("CREATE TRIGGER ", |_| "BEGIN ".to_owned()),
        large("CREATE PROCEDURE p() BEGIN ", |_| "IF a THEN CASE ".to_owned()),
        large("CREATE DEFINER = a ", |_| "b ".to_owned()),
        large("BEGIN NOT ATOMIC ", |_| "LOOP ".to_owned()),
        large("", |number| format!("DELIMITER d{number}\na d{number}\n")),
        large("DELIMITER //\n", |_| "/".to_owned()),
        large("DELIMITER a\n", |_| "ba".to_owned()),
        same("/*!50003 a"),
        same("/*!a*/"),
        same("-- \n#"),
        large("CREATE FUNCTION ", |_| "BEGIN ATOMIC CASE ".to_owned()),
        large("VACUUM; BEGIN;", |_| "a;".to_owned()),
        large("", |number| format!("CREATE TABLE t{number}();DROP TABLE t{number};")),
        large("", |number| format!("CREATE INDEX i{number} ON t(a);ALTER TABLE t DROP c{number};")),
        large("", |number| format!("CREATE TABLE t{number}();DO 'u{number}';")),
        large("ALTER TABLE t ", |number| format!("DROP c{number},ADD d{number},")),
        large("", |number| format!("ALTER TABLE t RENAME c{number} TO d{number};")),
        large("", |number| format!("ALTER TABLE t{number} RENAME TO t{};", number + 1)),
        large("CREATE TABLE t (", |number| format!("c{number} a REFERENCES b UNIQUE,")),
        same("DO $$ BEGIN DROP TABLE a;"),
        large(&format!("ALTER TABLE {names} "), |_| "ADD c,".to_owned()),
        large(&format!("DROP TABLE a.{names};"), |_| "DROP TABLE a.b.c;".to_owned()),
    ];
    for text in texts {
        for dialect in [Dialect::Postgres, Dialect::Sqlite, Dialect::Mysql] {
            in_time(&text, || {
                let script = Script::new(text.clone(), dialect);
                let statements = script.statements();
                let _ = script::created(&statements);
                let _ = script::removed(&statements);
                let _ = script::leaves(&statements);
                let _ = Provenance::of(vec![script::changes(&script)], "public", dialect);
                let _ = script::summary(&text, dialect);
                let _ = script::without(&text, &statements.iter().collect::<Vec<_>>());
                let _ = Strategy::of(&script);
                let _ = strategy::steps(&script);
                for statement in statements {
                    let _ = (statement.refuses_transaction(), statement.controls_transaction());
                    let _ = (statement.may_commit_inside(), statement.reaches_outside());
                }
            });
        }
    }
}

const DATASOURCE: &str = "datasource db {\nprovider = \"postgresql\"\n}\n";

#[test]
fn a_schema_of_any_kind_takes_time_in_proportion() {
    let name = "a".repeat(LARGE / 2);
    let base = |text: &str| format!("{DATASOURCE}{text}");
    let sqlite = |text: &str| DATASOURCE.replace("postgresql", "sqlite") + text;
    let mut values = base("enum E {\n");
    let last = LARGE / 16;
    (0..=last).for_each(|number| writeln!(values, "v{number}").unwrap());
    let texts = [
        large("", |_| "(".to_owned()),
        large("", |_| "model A {\n".to_owned()),
        large("model A {\n", |_| "a @a([".to_owned()),
        large("model A {\n", |_| "a B @a(".to_owned()),
        large("model A {\n@@a(", |_| "[".to_owned()),
        large("model A {\n", |_| "@@a([\n".to_owned()),
        large("model A {\n", |_| "model \n".to_owned()),
        large("model A {\n@@a(", |_| "{a:".to_owned()),
        large("model A {\na A @default(\"", |_| "[".to_owned()) + "\")\n}",
        large(&base("model A {\nid Int @id\na Json @default(\""), |_| "[".to_owned()) + "\")\n}",
        large("/*", |_| "/*".to_owned()),
        large(&base(&format!("model {name} {{\n")), |_| "a B\n".to_owned()),
        large(&base("model A {\nid Int @id @x."), |_| "a.".to_owned()),
        large(&base("model A {\nid Int @id\n@@index("), |_| "1,".to_owned()) + "1)\n}",
        large(&base(&format!("generator g {{\nextensions = [a{}(", "a.".repeat(LARGE / 4))), |_| "a:1,".to_owned()),
        large(&base(&format!("model A {{\nid Int @id\n@@map(\"{name}\")\n")), |number| {
            format!("@@index([id],map:\"i{number}\")\n")
        }) + "}",
        large(&sqlite(&format!("model A {{\nid Int @id\n@@map(\"{name}\")\n")), |_| "@@index([id])\n".to_owned()) + "}",
        large(&(values + "}\nmodel A {\nid Int @id\n"), |number| format!("a{number} E @default(v{last})\n")) + "}",
        large(&base("model A {\nid Int @id\n"), |number| format!("a{number} Int @unique\n")) + "}",
        large(&base("model A {\nid Int @id\n"), |number| {
            format!(
                "a{number} Int @unique\nb{number} A @relation(\"{number}\",fields:[a{number}],references:[a{number}])\n"
            )
        }) + "}",
        large("datasource db {\nprovider=\"postgresql\"\nschemas=[\"\"", |number| format!(",\"{number}\"")) + "]\n}",
        large("generator g {\npreviewFeatures=[\"\"", |number| format!(",\"{number}\""))
            + "]\n}\n"
            + &large("datasource db {\nprovider=\"postgresql\"\n", |_| "extensions=[]\n".to_owned())
            + "}",
        large(DATASOURCE, |number| format!("model A{number} {{\nid Int @id\n}}\n")),
        large(&base("model A {\nid Int @id\nas A[]\n"), |_| "as A[]\n".to_owned()),
    ];
    for text in texts {
        in_time(text[text.len() / 2..].trim_start_matches(char::is_alphanumeric), || {
            if let Ok(schema) = prisma::parse(&[("a".to_owned(), text.clone())]) {
                let _ = prisma::lower(schema, "public");
            }
        });
    }
}

#[test]
fn the_properties_hold_for_all_cases() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for file in std::fs::read_dir(folder).unwrap() {
        for line in std::fs::read_to_string(file.unwrap().path()).unwrap().lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            case["psl"].as_str().into_iter().for_each(parser_properties::schema);
            case["sql"].as_str().into_iter().for_each(parser_properties::script);
            case["ddl"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|ddl| ddl.as_str())
                .for_each(parser_properties::script);
        }
    }
}
