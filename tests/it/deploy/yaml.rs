//! YAML files of the repository, as plain values.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every YAML file of a directory of the repository, by its path from the root.
pub(crate) fn files_in(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(directory)).unwrap().map(|entry| entry.unwrap().path());
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let mut paths: Vec<_> =
        entries.filter(is_yaml).map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{directory} has no YAML file");
    paths
}

/// The documents of a text. Panics if it is not YAML or has a duplicate key.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    YamlLoader::load_from_str(text).unwrap().iter().map(value).collect()
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Boolean(boolean) => (*boolean).into(),
        Yaml::Integer(integer) => (*integer).into(),
        Yaml::Real(text) => text.parse::<f64>().unwrap().into(),
        Yaml::String(text) => text.as_str().into(),
        Yaml::Array(items) => items.iter().map(value).collect(),
        Yaml::Hash(hash) => {
            let entries =
                hash.iter().map(|(key, part)| (key.as_str().expect("keys are texts").to_owned(), value(part)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Yaml::Alias(_) | Yaml::BadValue => panic!("unusable: {yaml:?}"),
    }
}

/// The items of a list; none if there is no list.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    value[key].as_array().into_iter().flatten().collect()
}

/// The text at a key.
#[track_caller]
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` is no text in {value}"))
}
