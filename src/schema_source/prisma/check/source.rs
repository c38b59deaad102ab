//! The `datasource` block, and the preview features of the `generator` blocks.
//!
//! Prisma: `psl/psl-core/src/validate/datasource_loader.rs` and `generator_loader.rs`. One difference is on purpose: a
//! key that Prisma does not know, and a URL that it refuses since version 7, are accepted. They change no table, and a
//! service must not fail to start because of them.

use std::collections::HashSet;

use crate::catalog::Extension;
use crate::schema_source::prisma::check::attributes::{Arguments, Signature, Title};
use crate::schema_source::prisma::check::{Problems, blocks_of, report};
use crate::schema_source::prisma::schema::{DatasourceBlock, Provider};
use crate::schema_source::prisma::syntax::{Block, BlockKind, Expression, ExpressionKind, Identifier};

/// The preview features that are switched on, in lower case: Prisma ignores case here.
#[derive(Debug)]
pub(crate) struct Features(HashSet<String>);

impl Features {
    /// All features that any generator lists. Unknown names are ignored: they may be those of another version.
    pub(crate) fn of(blocks: &[Block]) -> Self {
        let mut features = HashSet::new();
        for (key, value) in blocks_of(blocks, BlockKind::Generator).flat_map(|block| &block.settings) {
            let (true, Some(value)) = (key.text == "previewFeatures", value) else { continue };
            let items = match &value.kind {
                ExpressionKind::List(items) => items.as_slice(),
                _ => std::slice::from_ref(value),
            };
            features.extend(items.iter().filter_map(|item| match &item.kind {
                ExpressionKind::Text(name) => Some(name.to_lowercase()),
                _ => None,
            }));
        }
        Self(features)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains(&name.to_lowercase())
    }
}

/// The message for something that needs a preview feature which is not switched on.
pub(crate) fn needs_feature(what: &str, feature: &str) -> String {
    format!("{what} needs `previewFeatures = [\"{feature}\"]` in a generator block")
}

/// Reads the datasource; also gives its name, which native types begin with (`@db.Text`). `None` without a datasource, or
/// without a provider that is known here.
///
/// Prisma: a schema has exactly one datasource, and `provider` is a string literal.
pub(crate) fn read<'a>(
    blocks: &'a [Block],
    features: &Features,
    problems: &mut Problems,
) -> Option<(&'a str, DatasourceBlock)> {
    let mut all = blocks_of(blocks, BlockKind::Datasource);
    let block = all.next()?;
    for other in all {
        report(problems, other.name.position, "there is a second datasource; a schema has one");
    }
    let provider = provider(block, problems);
    let mut datasource = DatasourceBlock {
        // Without a provider nothing of this is used; the other lines are checked all the same.
        provider: provider.unwrap_or(Provider::Postgres),
        schemas: Vec::new(),
        extensions: Vec::new(),
        foreign_keys: true,
        position: block.name.position,
    };
    for (key, value) in &block.settings {
        match value {
            Some(value) => setting(key, value, &mut datasource, features, problems),
            None => report(problems, key.position, format!("`{}` has no value", key.text)),
        }
    }
    provider.map(|_| (block.name.text.as_ref(), datasource))
}

/// The engine: the last `provider` of the block, if there are several.
fn provider(block: &Block, problems: &mut Problems) -> Option<Provider> {
    let given = block.settings.iter().rev().filter(|(key, _)| key.text == "provider");
    let Some(value) = given.filter_map(|(_, value)| value.as_ref()).next() else {
        report(problems, block.name.position, "the datasource has no `provider`");
        return None;
    };
    let ExpressionKind::Text(name) = &value.kind else {
        report(problems, value.position, "the provider is a string, as in `provider = \"postgresql\"`");
        return None;
    };
    let provider = Provider::of(name);
    if provider.is_none() {
        let message =
            format!("a schema for the provider {name:?} cannot be verified, only postgresql, mysql and sqlite");
        report(problems, value.position, message);
    }
    provider
}

/// Reads one `key = value`. URLs are read by the project search, not here.
fn setting(
    key: &Identifier,
    value: &Expression,
    datasource: &mut DatasourceBlock,
    features: &Features,
    problems: &mut Problems,
) {
    match (key.text.as_ref(), &value.kind) {
        // `referentialIntegrity` is the name of `relationMode` before Prisma 4.5.
        ("relationMode" | "referentialIntegrity", ExpressionKind::Text(mode)) => match mode.as_ref() {
            "prisma" => datasource.foreign_keys = false,
            "foreignKeys" => datasource.foreign_keys = true,
            _ => report(problems, value.position, format!("`{}` is \"foreignKeys\" or \"prisma\"", key.text)),
        },
        ("schemas", ExpressionKind::List(items)) if !items.is_empty() => {
            datasource.schemas.extend(schemas(items, problems));
        }
        ("schemas", _) => report(problems, value.position, "`schemas` is a list of strings, and not empty"),
        ("extensions", ExpressionKind::List(items)) => {
            if !features.has("postgresqlExtensions") {
                report(problems, key.position, needs_feature("`extensions`", "postgresqlExtensions"));
            }
            datasource.extensions = items.iter().filter_map(|item| extension(item, problems)).collect();
        }
        ("extensions", _) => report(problems, value.position, "`extensions` is a list of names"),
        _ => {}
    }
}

/// Prisma: each schema is a string, and is listed once.
fn schemas(items: &[Expression], problems: &mut Problems) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut schemas = Vec::new();
    for item in items {
        match &item.kind {
            ExpressionKind::Text(name) if !seen.insert(name) => {
                report(problems, item.position, format!("the schema {name:?} is listed twice"));
            }
            ExpressionKind::Text(name) => schemas.push(name.to_string()),
            _ => report(problems, item.position, "`schemas` is a list of strings"),
        }
    }
    schemas
}

/// `hstore`, `uuidOssp(map: "uuid-ossp", schema: "public")`.
///
/// Prisma: `PostgresDatasourceProperties` in `psl/psl-core/src/builtin_connectors/postgres_datamodel_connector`.
fn extension(item: &Expression, problems: &mut Problems) -> Option<Extension> {
    match &item.kind {
        ExpressionKind::Constant(name) => Some(Extension { name: name.to_string(), ..Extension::default() }),
        ExpressionKind::Call(name, arguments) => {
            let (title, signature) =
                (Title("the extension `", name, "`"), Signature::named(&["map", "schema", "version"]));
            let arguments = Arguments::of_call(title, item.position, arguments, signature, problems);
            Some(Extension {
                name: arguments.text("map", problems).unwrap_or_else(|| name.to_string()),
                schema: arguments.text("schema", problems),
                version: arguments.text("version", problems),
            })
        }
        _ => {
            report(problems, item.position, "an extension is a name, or `name(map: \"…\")`");
            None
        }
    }
}
