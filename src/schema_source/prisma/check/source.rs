//! The `datasource` block, and the preview features that the generators ask for.

use std::collections::HashSet;

use crate::catalog::Extension;
use crate::schema_source::prisma::check::{Problems, of, wrong};
use crate::schema_source::prisma::schema::{Provider, Source};
use crate::schema_source::prisma::syntax::{Block, Kind, Value, ValueKind};

/// Preview features, in lower case.
pub(crate) struct Features(HashSet<String>);

impl Features {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains(&name.to_lowercase())
    }
}

/// All features that a generator lists. Those that nobody knows are nobody's business here.
pub(crate) fn features(blocks: &[Block]) -> Features {
    let mut features = Features(HashSet::new());
    for (key, value) in of(blocks, Kind::Generator).flat_map(|block| &block.settings) {
        let (true, Some(value)) = (key.text == "previewFeatures", value) else { continue };
        let items = match &value.kind {
            ValueKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        features.0.extend(items.iter().filter_map(|item| match &item.kind {
            ValueKind::Text(name) => Some(name.to_lowercase()),
            _ => None,
        }));
    }
    features
}

/// What is missing where a feature is used.
pub(crate) fn needs(what: &str, feature: &str) -> String {
    format!("{what} needs `previewFeatures = [\"{feature}\"]` in a generator block")
}

/// The datasource, and its name; `None` without one, or with one that cannot be read.
pub(crate) fn find(blocks: &[Block], features: &Features, problems: &mut Problems) -> Option<(String, Source)> {
    let mut all = of(blocks, Kind::Datasource);
    let block = all.next()?;
    for other in all {
        wrong(problems, other.name.place, "there is a second datasource; a schema has one");
    }
    let mut provider = None;
    let mut source = Source {
        provider: Provider::Postgres,
        schemas: Vec::new(),
        extensions: Vec::new(),
        foreign_keys: true,
        place: block.name.place,
    };
    let mut listed = HashSet::new();
    for (key, value) in &block.settings {
        let Some(value) = value else {
            wrong(problems, key.place, format!("`{}` has no value", key.text));
            continue;
        };
        match (key.text.as_str(), &value.kind) {
            ("provider", ValueKind::Text(name)) => provider = Some((name.as_str(), value.place)),
            ("provider", _) => {
                wrong(problems, value.place, "the provider is a string, as in `provider = \"postgresql\"`");
                return None;
            }
            ("relationMode" | "referentialIntegrity", ValueKind::Text(mode)) => match mode.as_str() {
                "prisma" => source.foreign_keys = false,
                "foreignKeys" => source.foreign_keys = true,
                _ => wrong(problems, value.place, format!("`{}` is \"foreignKeys\" or \"prisma\"", key.text)),
            },
            ("schemas", ValueKind::List(items)) if !items.is_empty() => {
                for item in items {
                    match &item.kind {
                        ValueKind::Text(name) if !listed.insert(name) => {
                            wrong(problems, item.place, format!("the schema {name:?} is listed twice"));
                        }
                        ValueKind::Text(name) => source.schemas.push(name.clone()),
                        _ => wrong(problems, item.place, "`schemas` is a list of strings"),
                    }
                }
            }
            ("schemas", _) => wrong(problems, value.place, "`schemas` is a list of strings, and not empty"),
            ("extensions", ValueKind::List(items)) => {
                if !features.has("postgresqlExtensions") {
                    wrong(problems, key.place, needs("`extensions`", "postgresqlExtensions"));
                }
                source.extensions = items.iter().filter_map(|item| extension(item, problems)).collect();
            }
            ("extensions", _) => wrong(problems, value.place, "`extensions` is a list of names"),
            // URLs are read elsewhere (datasource.rs); a key that is misspelt is not what a start should fail of.
            _ => {}
        }
    }
    let Some((name, place)) = provider else {
        wrong(problems, block.name.place, "the datasource lacks its `provider`");
        return None;
    };
    let Some(provider) = Provider::of(name) else {
        let message =
            format!("a schema for the provider {name:?} cannot be verified, only postgresql, mysql and sqlite");
        wrong(problems, place, message);
        return None;
    };
    source.provider = provider;
    Some((block.name.text.clone(), source))
}

/// `hstore`, `uuidOssp(map: "uuid-ossp", schema: "public")`
fn extension(item: &Value, problems: &mut Problems) -> Option<Extension> {
    match &item.kind {
        ValueKind::Constant(name) => Some(Extension { name: name.clone(), ..Extension::default() }),
        ValueKind::Call(name, arguments) => {
            let names = ["map", "schema", "version"];
            let arguments = crate::schema_source::prisma::check::Arguments::of(
                format!("the extension `{name}`"),
                item.place,
                arguments,
                &names,
                0,
                problems,
            );
            Some(Extension {
                name: arguments.text("map", problems).unwrap_or_else(|| name.clone()),
                schema: arguments.text("schema", problems),
                version: arguments.text("version", problems),
            })
        }
        _ => {
            wrong(problems, item.place, "an extension is a name, or `name(map: \"…\")`");
            None
        }
    }
}
