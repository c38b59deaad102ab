//! A runner as GitHub's, as far as the workflows of this repository need one: it evaluates expressions, runs the scripts of steps
//! and of the repository's own action, and passes variables, outputs, `PATH` and the summary by files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::deploy::yaml::{documents, items, read, text};
use crate::support::{Doorstep, Output};

const ACTION: &str = ".github/actions/doorstep/action.yml";

/// How a workflow names the action of its own repository.
pub(crate) const OWN_ACTION: &str = "$/.github/actions/doorstep";

/// The values of expressions, by their names: `inputs.image`, `github.repository`, `steps.install.outputs.binary`.
pub(crate) type Values = BTreeMap<String, String>;

/// A machine with a workspace and a directory for temporary files, which holds `stub/` with programs that take the place of others.
pub(crate) struct Runner {
    pub(crate) workspace: PathBuf,
    pub(crate) temp: PathBuf,
    /// Variables of every step.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) values: Values,
}

impl Runner {
    /// Runs one step that is a script, or that calls the repository's own action.
    pub(crate) fn step(&mut self, step: &Value) -> Output {
        if step["uses"] == OWN_ACTION {
            return self.action(&step["with"]);
        }
        let output = script(self, step, &self.values);
        keep_outputs(self.temp.join("output"), step, &mut self.values);
        output
    }

    /// Runs the steps of the action, one after the other, until one fails; what they say is put together.
    pub(crate) fn action(&mut self, with: &Value) -> Output {
        let action = documents(&read(ACTION)).remove(0);
        for name in with.as_object().into_iter().flat_map(serde_json::Map::keys) {
            assert!(action["inputs"][name].is_object(), "the action has no input {name}");
        }
        let mut values: Values = self
            .values
            .iter()
            .filter(|(name, _)| name.starts_with("github."))
            .map(|(a, b)| (a.clone(), b.clone()))
            .collect();
        for (name, input) in action["inputs"].as_object().unwrap() {
            let given = with[name.as_str()].as_str().map(|given| evaluate(given, &self.values));
            let value = given.unwrap_or_else(|| text(input, "default").to_owned());
            values.insert(format!("inputs.{name}"), value);
        }
        let mut all = Output { code: Some(0), stdout: String::new(), stderr: String::new(), shown: String::new() };
        for step in items(&action["runs"], "steps") {
            let skipped = step["if"] == "inputs.commands != ''" && values["inputs.commands"].is_empty();
            if skipped || all.code != Some(0) {
                continue;
            }
            let output = script(self, step, &values);
            keep_outputs(self.temp.join("output"), step, &mut values);
            all.stdout += &output.stdout;
            all.stderr += &output.stderr;
            (all.code, all.shown) = (output.code, output.shown);
        }
        all
    }
}

fn script(runner: &Runner, step: &Value, values: &Values) -> Output {
    let temp = &runner.temp;
    let file = temp.join("step.sh");
    std::fs::write(&file, text(step, "run")).unwrap();
    std::fs::write(temp.join("output"), "").unwrap();
    let added = std::fs::read_to_string(temp.join("path")).unwrap_or_default();
    let added: Vec<&str> = added.lines().rev().collect();
    let path = format!("{}:{}/stub:{}", added.join(":"), temp.display(), std::env::var("PATH").unwrap());
    let first = ["--noprofile", "--norc", "-eo", "pipefail", file.to_str().unwrap()];
    let directory = step["working-directory"].as_str().map(|directory| evaluate(directory, values));
    let directory = runner.workspace.join(directory.as_deref().unwrap_or("."));
    let mut call = Doorstep::through("bash", &first, &[]).directory(&directory).env("PATH", &path);
    for (name, value) in &runner.env {
        call = call.env(name, value);
    }
    for (name, value) in step["env"].as_object().into_iter().flatten() {
        call = call.env(name, &evaluate(value.as_str().unwrap(), values));
    }
    let files = [("GITHUB_PATH", "path"), ("GITHUB_STEP_SUMMARY", "summary"), ("GITHUB_OUTPUT", "output")];
    for (name, file) in files {
        call = call.env(name, temp.join(file).to_str().unwrap());
    }
    call.env("RUNNER_TEMP", temp.to_str().unwrap()).run()
}

fn keep_outputs(file: PathBuf, step: &Value, values: &mut Values) {
    let Some(id) = step["id"].as_str() else { return };
    for (name, value) in std::fs::read_to_string(file).unwrap().lines().filter_map(|line| line.split_once('=')) {
        values.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
    }
}

/// The text with the values of its expressions, in the forms that the workflows use; others panic.
pub(crate) fn evaluate(text: &str, values: &Values) -> String {
    let Some((before, rest)) = text.split_once("${{ ") else { return text.to_owned() };
    let (expression, after) = rest.split_once(" }}").unwrap();
    format!("{before}{}{}", value(expression, values), evaluate(after, values))
}

fn value(expression: &str, values: &Values) -> String {
    let known = |name: &str| values.get(name).unwrap_or_else(|| panic!("{name} is not known")).clone();
    let literal = |text: &str| text.trim_matches('\'').to_owned();
    if let Some((condition, rest)) = expression.split_once(" && ") {
        let (then, otherwise) = rest.split_once(" || ").unwrap();
        return literal(if known(condition).is_empty() { otherwise } else { then });
    }
    match expression.split_once(" || ") {
        Some((name, otherwise)) if known(name).is_empty() => literal(otherwise),
        Some((name, _)) => known(name),
        None => known(expression),
    }
}

/// Writes a program that takes the place of another.
pub(crate) fn stub(temp: &Path, name: &str, text: &str) {
    let path = temp.join("stub").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}
