//! Recorded runs of tools whose migrations are programs: what is pending by the files and rows that they left, doorstep
//! says without starting them.

use serde_json::{Value, json};

use crate::formats::recorded::{Bench, Case, cases};

/// A tool: its recorded cases, what its project has besides the migrations, and its table.
struct Tool {
    name: &'static str,
    /// Writes what a case's project has; with the options of the case.
    project: fn(&Bench, &Case),
    /// The table and its columns, and what comes before the last ones in a row.
    table: fn(&Case) -> String,
    columns: &'static str,
    key: &'static str,
}

/// Where doorstep differs by design, and why.
const DEVIATIONS: &[(&str, &str)] = &[
    ("knex-stale-lock-nothing-pending", "nothing is pending, so knex is not started and does not meet its lock"),
    ("rails-no-folder", "files that are missing from the image must not look like nothing to do"),
    ("typeorm-no-folder", "files that are missing from the image must not look like nothing to do"),
    ("laravel-no-folder", "files that are missing from the image must not look like nothing to do"),
];

fn options(case: &Case) -> Value {
    case.env("T_CFG").map_or_else(|| json!({}), |text| serde_json::from_str(text).unwrap())
}

fn named(case: &Case, schema: &str, name: &str, usual: &str) -> String {
    let options = options(case);
    let name = options[name].as_str().or(case.env("T_TABLE")).unwrap_or(usual);
    match options[schema].as_str() {
        Some(schema) => format!("{schema}.\"{name}\""),
        None => format!("\"{name}\""),
    }
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "knex",
        project: |bench, case| {
            let text = format!("module.exports = {{ client: 'pg', migrations: {} }};\n", options(case));
            bench.project.write("knexfile.js", &text);
            bench.sql("CREATE TABLE knex_migrations_lock (index serial, is_locked int)");
        },
        table: |case| named(case, "schemaName", "tableName", "knex_migrations"),
        columns: "id serial PRIMARY KEY, name varchar(255), batch int, migration_time timestamptz DEFAULT now()",
        key: "name",
    },
    Tool {
        name: "sequelize-cli",
        project: |bench, _| bench.project.write(".sequelizerc", "module.exports = {};\n"),
        table: |case| named(case, "", "", "SequelizeMeta"),
        columns: "name varchar(255) PRIMARY KEY",
        key: "name",
    },
    Tool {
        name: "typeorm",
        project: |bench, case| {
            let mut options = options(case);
            options["type"] = "postgres".into();
            options["migrations"] = json!(["migrations/*.js"]);
            let text = format!(
                "const {{ DataSource }} = require('typeorm');\nmodule.exports.source = new DataSource({options});\n"
            );
            bench.project.write("data-source.js", &text);
        },
        table: |case| named(case, "schema", "migrationsTableName", "migrations"),
        columns: "id serial PRIMARY KEY, \"timestamp\" bigint DEFAULT 0, name varchar NOT NULL",
        key: "name",
    },
    Tool {
        name: "rails",
        project: |bench, _| {
            bench.project.write("config/application.rb", "class Application < Rails::Application\nend\n");
            bench.project.write("bin/rails", "#!/usr/bin/env ruby\n");
        },
        table: |case| named(case, "", "", "schema_migrations"),
        columns: "version varchar PRIMARY KEY",
        key: "version",
    },
    Tool {
        name: "laravel",
        project: |bench, case| {
            let table = case.env("T_TABLE").unwrap_or("migrations");
            bench.project.write("artisan", "#!/usr/bin/env php\n");
            bench.project.write("vendor/autoload.php", "<?php\n");
            bench
                .project
                .write("config/database.php", &format!("<?php\nreturn [\n    'migrations' => '{table}',\n];\n"));
        },
        table: |case| named(case, "", "", "migrations"),
        columns: "id serial PRIMARY KEY, migration varchar(255) NOT NULL, batch int NOT NULL DEFAULT 1",
        key: "migration",
    },
];

/// What doorstep says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// These are pending, for which it starts the tool; none: it does not.
    Pending(Vec<String>),
    /// Only the tool can tell, and is started.
    Unknown,
    /// It refuses to start the tool, with this exit code.
    Refused(i32),
}

fn said(bench: &Bench, tool: &Tool) -> Said {
    let started = bench.project.path("started");
    let migrated = bench.project.doorstep(&bench.url(), &["migrate", "--migrate-command", "touch started"]).run();
    let is_started = started.exists();
    let _ = std::fs::remove_file(started);
    let output = bench.project.doorstep(&bench.url(), &["status", "--format", "json"]).run();
    match (is_started, output.code.unwrap(), migrated.code.unwrap()) {
        (_, code, _) if code != 0 => return Said::Refused(code),
        (false, _, code) if code != 0 => return Said::Refused(code),
        _ => {}
    }
    let status: Value = serde_json::from_str(&output.stdout).unwrap();
    let lines = status["migrations"].as_array().unwrap().iter().filter(|line| line["state"] == "pending");
    let mut names: Vec<String> = lines.map(|line| key(line["name"].as_str().unwrap(), tool)).collect();
    names.sort();
    match status["verdict"].as_str().unwrap() {
        "unknown" if is_started => Said::Unknown,
        "current" | "ahead" if names.is_empty() && !is_started => Said::Pending(names),
        "behind" if !names.is_empty() && is_started => Said::Pending(names),
        other => panic!("{other}, started: {is_started}: {status}"),
    }
}

/// The key that the history has of a migration of this name.
fn key(name: &str, tool: &Tool) -> String {
    match tool.key {
        "version" => {
            let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
            digits.trim_start_matches('0').to_owned()
        }
        _ => name.to_owned(),
    }
}

/// The keys of the rows that the tool left; of a table that was not looked at, those of all files.
fn rows(case: &Case, tool: &Tool) -> Vec<String> {
    let column = case.field("row_columns").as_array().unwrap().iter().position(|name| name == tool.key).unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match case.field("rows").as_array() {
        Some(rows) => return rows.iter().map(|row| text(&row[column])).collect(),
        None if case.succeeded().last() == Some(&false) => return Vec::new(),
        None => {}
    }
    let stem = |path: &String| {
        let name = path.rsplit('/').next().unwrap();
        match tool.name {
            "knex" => name.to_owned(),
            _ => name.split('.').next().unwrap().to_owned(),
        }
    };
    case.field("files").as_object().unwrap().keys().map(stem).collect()
}

/// Whether doorstep agrees with the tool; otherwise what it said.
fn differs(tool: &Tool, case: &Case) -> Option<String> {
    let bench = case.bench();
    (tool.project)(&bench, case);
    let before = said(&bench, tool);
    let exits = case.succeeded();
    let applied = rows(case, tool);
    let is_single = exits.len() == 1 && exits[0] && case.field("steps").as_array().unwrap().len() == 1;
    let mut expected: Vec<String> = applied.iter().map(|row| key(row, tool)).collect();
    expected.sort();
    if is_single && before != Said::Pending(expected) {
        return Some(format!("before: {before:?}"));
    }
    case.steps(&bench, |_| true);
    let table = (tool.table)(case);
    bench.sql(&format!("CREATE TABLE IF NOT EXISTS {table} ({})", tool.columns));
    for row in applied {
        let insert = format!("INSERT INTO {table} (\"{}\") VALUES ('{row}') ON CONFLICT DO NOTHING", tool.key);
        bench.sql(&insert);
    }
    let after = said(&bench, tool);
    let is_done = exits.last() == Some(&true);
    let agrees = match &after {
        Said::Pending(names) => names.is_empty() == is_done,
        Said::Refused(_) => !is_done,
        Said::Unknown => false,
    };
    (!agrees).then(|| format!("after: {after:?}"))
}

/// Compares all cases of a tool.
fn compare(name: &str) {
    let tool = TOOLS.iter().find(|tool| tool.name == name).unwrap();
    let (mut wrong, mut agreed, mut deviated) = (Vec::new(), 0, 0);
    for case in cases(tool.name) {
        let is_deviation = DEVIATIONS.iter().any(|(id, _)| *id == case.id());
        match differs(tool, &case) {
            None if is_deviation => wrong.push(format!("{} agrees, and is listed as a deviation", case.id())),
            None => agreed += 1,
            Some(_) if is_deviation => deviated += 1,
            Some(why) => wrong.push(format!("{}: {why}", case.id())),
        }
    }
    assert!(wrong.is_empty(), "{agreed} agreed, {deviated} deviated\n{}", wrong.join("\n"));
}

#[test]
fn doorstep_knows_what_is_pending_as_knex_does() {
    compare("knex");
}

#[test]
fn doorstep_knows_what_is_pending_as_sequelize_cli_does() {
    compare("sequelize-cli");
}

#[test]
fn doorstep_knows_what_is_pending_as_typeorm_does() {
    compare("typeorm");
}

#[test]
fn doorstep_knows_what_is_pending_as_rails_does() {
    compare("rails");
}

#[test]
fn doorstep_knows_what_is_pending_as_laravel_does() {
    compare("laravel");
}
