//! Recorded runs of the real tools: each case has files, steps, and what the tool did. doorstep does the same steps.

use std::path::Path;

use base64::Engine as _;
use serde_json::Value;

use crate::support::{Database, Doorstep, Project, sqlite};

/// A recorded case.
pub(crate) struct Case(Value);

/// What a run left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Whether each step that migrates succeeded.
    pub(crate) succeeded: Vec<bool>,
    /// The rows of the history.
    pub(crate) rows: Vec<String>,
    /// The tables, without the history's.
    pub(crate) tables: Vec<String>,
}

/// A case in which doorstep differs by design.
#[derive(Debug)]
pub(crate) struct Deviation {
    pub(crate) case: &'static str,
    /// What doorstep's steps end with.
    pub(crate) succeeded: &'static [bool],
    /// How each of its rows begins; `None` where they are not looked at.
    pub(crate) rows: Option<&'static [&'static str]>,
    pub(crate) tables: &'static [&'static str],
    /// What the tool loses or guesses.
    pub(crate) why: &'static str,
}

impl Deviation {
    fn is_met(&self, left: &Left) -> bool {
        let begin = |rows: &&[&str]| {
            rows.len() == left.rows.len() && left.rows.iter().zip(*rows).all(|(row, start)| row.starts_with(start))
        };
        left.succeeded == self.succeeded && left.tables == self.tables && self.rows.as_ref().is_none_or(begin)
    }
}

/// Runs all cases of a tool but the skipped ones (with the reason why). `run` gives what doorstep left, what the tool left,
/// and what doorstep said. Fails unless the two are equal, or differ as a deviation says.
pub(crate) fn compare(
    tool: &str,
    skipped: &[(&str, &str)],
    deviations: &[Deviation],
    run: impl Fn(&Case) -> (Left, Left, Vec<String>),
) {
    let all = cases(tool);
    for id in skipped.iter().map(|(id, _)| *id).chain(deviations.iter().map(|deviation| deviation.case)) {
        assert!(all.iter().any(|case| case.id() == id), "there is no case {id}");
    }
    let (mut wrong, mut agreed) = (Vec::new(), 0);
    for case in all.iter().filter(|case| skipped.iter().all(|(id, _)| *id != case.id())) {
        let (left, its, said) = run(case);
        match deviations.iter().find(|deviation| deviation.case == case.id()) {
            Some(deviation) if deviation.is_met(&left) && left != its => {}
            Some(deviation) => wrong.push(format!("{} ({}) deviates as {left:?}: {said:?}", case.id(), deviation.why)),
            None if left == its => agreed += 1,
            None => wrong.push(format!("{}: {tool} {its:?}\n  doorstep {left:?}\n  {said:?}", case.id())),
        }
    }
    eprintln!("{tool}: {agreed} cases agree, {} deviate, {} are skipped", deviations.len(), skipped.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where doorstep's side of a case runs.
pub(crate) struct Bench {
    pub(crate) project: Project,
    pub(crate) database: Option<Database>,
}

impl Bench {
    pub(crate) fn url(&self) -> String {
        self.database.as_ref().map_or_else(|| "file:./dev.db".to_owned(), Database::url)
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        match &self.database {
            Some(database) => database.sql(sql),
            None if !self.project.path("dev.db").exists() => String::new(),
            None => sqlite(&self.project.path("dev.db"), sql),
        }
    }

    pub(crate) fn lines(&self, sql: &str) -> Vec<String> {
        self.sql(sql).lines().map(str::to_owned).collect()
    }

    /// Whether there is a table of this name in the schema where unqualified names lead.
    pub(crate) fn has(&self, table: &str) -> bool {
        let sql = match &self.database {
            Some(_) => format!("SELECT to_regclass('{table}') IS NOT NULL"),
            None => format!("SELECT count(*) FROM sqlite_master WHERE name = '{table}'"),
        };
        matches!(self.sql(&sql).as_str(), "t" | "1")
    }

    /// All tables but those of these names; of another schema than public with its name. On SQLite the triggers, too.
    pub(crate) fn tables(&self, without: &[&str]) -> Vec<String> {
        let sql = match &self.database {
            Some(_) => {
                "SELECT CASE schemaname WHEN 'public' THEN '' ELSE schemaname || '.' END || tablename FROM pg_tables \
                 WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
            }
            None => "SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger') ORDER BY 1",
        };
        let mut tables = self.lines(sql);
        // doorstep's notes are there as long as a run is not explained.
        tables.retain(|table| !without.contains(&table.as_str()) && !table.ends_with("_doorstep_runs"));
        tables.sort();
        tables
    }
}

/// The cases of a tool.
pub(crate) fn cases(tool: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{tool}.jsonl"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| Case(serde_json::from_str(line).unwrap())).collect()
}

/// A step that only reads.
fn is_reading(step: &str) -> bool {
    step.starts_with("status") || step.starts_with("list")
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

impl Case {
    pub(crate) fn id(&self) -> &str {
        self.0["id"].as_str().unwrap()
    }

    /// The value of one of its fields.
    pub(crate) fn field(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// The environment of the tool.
    pub(crate) fn env(&self, name: &str) -> Option<&str> {
        self.0["env"][name].as_str()
    }

    /// Whether one of its steps is this command.
    pub(crate) fn has_step(&self, step: &str) -> bool {
        self.0["steps"].as_array().unwrap().iter().any(|it| it.as_str() == Some(step))
    }

    fn is_postgres(&self) -> bool {
        self.0["engine"].as_str().is_some_and(|engine| engine.starts_with("postgresql"))
    }

    /// Its files, in a fresh directory, and its database.
    pub(crate) fn bench(&self) -> Bench {
        let bench = Bench { project: Project::bare(), database: self.is_postgres().then(Database::fresh) };
        write(&bench.project, &self.0["files"]);
        bench
    }

    /// Does the steps; `up` migrates, and says whether it succeeded. Steps that only read are left out.
    pub(crate) fn steps(&self, bench: &Bench, mut up: impl FnMut(&str) -> bool) -> Vec<bool> {
        let mut succeeded = Vec::new();
        for step in self.0["steps"].as_array().unwrap() {
            match step.as_str() {
                Some(step) if is_reading(step) => {}
                Some(step) => succeeded.push(up(step)),
                None => {
                    write(&bench.project, &step["write"]);
                    for file in strings(&step["rm"]) {
                        let path = bench.project.path(&file);
                        let removed =
                            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
                        removed.unwrap();
                    }
                    if let Some(sql) = step["sql"].as_str() {
                        bench.sql(sql);
                    }
                }
            }
        }
        succeeded
    }

    /// The same with doorstep: `call` is what it is started with. Gives with what each start ended, and what it said.
    pub(crate) fn migrated(&self, bench: &Bench, call: impl Fn(&str) -> Doorstep) -> (Vec<bool>, Vec<String>) {
        let mut said = Vec::new();
        let succeeded = self.steps(bench, |step| {
            let output = call(step).run();
            said.push(output.stderr);
            output.code == Some(0)
        });
        (succeeded, said)
    }

    /// doorstep with this format on the folder `migrations`, and with the history table of the case.
    pub(crate) fn doorstep(&self, bench: &Bench, format: &str) -> Doorstep {
        let arguments = ["migrate", "--migrations", "migrations", "--migration-format", format];
        let call = bench.project.doorstep(&bench.url(), &arguments);
        match self.env("T_TABLE") {
            Some(table) => call.env("DOORSTEP_HISTORY_TABLE", table),
            None => call,
        }
    }

    /// What the tool's steps that migrate ended with.
    pub(crate) fn succeeded(&self) -> Vec<bool> {
        let steps = self.0["steps"].as_array().unwrap().iter().filter_map(Value::as_str);
        let exits = self.0["exits"].as_array().unwrap().iter().map(|exit| exit == 0);
        steps.zip(exits).filter(|(step, _)| !is_reading(step)).map(|(_, exit)| exit).collect()
    }

    pub(crate) fn tables(&self) -> Vec<String> {
        let mut tables = strings(&self.0["tables"]);
        tables.sort();
        tables
    }
}

fn write(project: &Project, files: &Value) {
    for (path, text) in files.as_object().into_iter().flatten() {
        match text.as_str() {
            Some(text) => project.write(path, text),
            None => {
                let bytes = base64::engine::general_purpose::STANDARD.decode(text["b64"].as_str().unwrap()).unwrap();
                project.write(path, "");
                std::fs::write(project.path(path), bytes).unwrap();
            }
        }
    }
}
