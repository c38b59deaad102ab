//! What Flyway's configuration says: `flyway.toml` or `flyway.conf`, in the working directory or in `conf/`, and its variables.
//! What would change which files run, or how, and is not followed here, is refused by its name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::formats::flyway::text::Placeholders;

/// Files, the stronger ones first; of one directory only one may be there.
const FILES: [[&str; 2]; 2] = [["flyway.toml", "flyway.conf"], ["conf/flyway.toml", "conf/flyway.conf"]];

/// The prefix of the variables that give placeholders a value.
const PLACEHOLDER_VARIABLE: &str = "FLYWAY_PLACEHOLDERS_";

/// Variables of Flyway, and the settings that they overrule.
const VARIABLES: &[(&str, &str)] = &[
    ("FLYWAY_LOCATIONS", "locations"),
    ("FLYWAY_TABLE", "table"),
    ("FLYWAY_DEFAULT_SCHEMA", "defaultschema"),
    ("FLYWAY_SCHEMAS", "schemas"),
    ("FLYWAY_OUT_OF_ORDER", "outoforder"),
    ("FLYWAY_MIXED", "mixed"),
    ("FLYWAY_PLACEHOLDER_REPLACEMENT", "placeholderreplacement"),
    ("FLYWAY_SKIP_DEFAULT_CALLBACKS", "skipdefaultcallbacks"),
    ("FLYWAY_TARGET", "target"),
    ("FLYWAY_CHERRY_PICK", "cherrypick"),
    ("FLYWAY_INIT_SQL", "initsql"),
    ("FLYWAY_SQL_MIGRATION_PREFIX", "sqlmigrationprefix"),
    ("FLYWAY_SQL_MIGRATION_SEPARATOR", "sqlmigrationseparator"),
    ("FLYWAY_SQL_MIGRATION_SUFFIXES", "sqlmigrationsuffixes"),
    ("FLYWAY_IGNORE_MIGRATION_PATTERNS", "ignoremigrationpatterns"),
];

/// Settings that are followed only with these values, which are Flyway's own.
const FIXED: &[(&str, &[&str])] = &[
    ("sqlmigrationprefix", &["V"]),
    ("repeatablesqlmigrationprefix", &["R"]),
    ("baselinemigrationprefix", &["B"]),
    ("undosqlmigrationprefix", &["U"]),
    ("sqlmigrationseparator", &["__"]),
    ("sqlmigrationsuffixes", &[".sql"]),
    ("encoding", &["UTF-8", "utf-8", "UTF8"]),
    ("placeholderprefix", &["${"]),
    ("placeholdersuffix", &["}"]),
    ("placeholderseparator", &[":"]),
    ("target", &["", "latest"]),
    ("cherrypick", &[""]),
    ("initsql", &[""]),
    ("skipexecutingmigrations", &["false"]),
    ("executeintransaction", &["true"]),
    ("validateonmigrate", &["true"]),
    ("ignoremigrationpatterns", &["", "*:future"]),
    ("callbacks", &[""]),
    ("callbacklocations", &[""]),
];

/// What concerns a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// Where the files are, if that is said: a folder of the file system.
    pub folder: Option<PathBuf>,
    /// The name of the table.
    pub table: String,
    /// The schema of the table and of unqualified names, if it is named.
    pub schema: Option<String>,
    /// Migrations that are older than applied ones run.
    pub out_of_order: bool,
    /// Statements that refuse a transaction may stand beside others.
    pub mixed: bool,
    /// Files of callbacks are passed over.
    pub skips_callbacks: bool,
    /// The values of placeholders; `None` where they stay as they are.
    pub placeholders: Option<Placeholders>,
}

/// Settings by their names in small letters, without `flyway.`.
type Values = BTreeMap<String, String>;

/// Reads it; `allowed` are variables that may land in statements.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read, and for what doorstep does not follow.
pub(crate) fn read(environment: &Environment, allowed: &[String]) -> Result<Configuration, Error> {
    let mut values = values(environment)?;
    for name in allowed {
        let placeholder = name.strip_prefix(PLACEHOLDER_VARIABLE).map(str::to_lowercase);
        if let (Some(placeholder), Some(value)) = (placeholder, environment.get(name)) {
            values.insert(format!("placeholders.{placeholder}"), value.to_owned());
        }
    }
    configuration(&values).map_err(wrong)
}

/// The folder that it names. Its other settings are read only where the folder is Flyway's.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read, and for several folders.
pub(crate) fn place(environment: &Environment) -> Result<Option<PathBuf>, Error> {
    let values = values(environment)?;
    Ok(values.get("locations").map(|locations| folder(locations)).transpose().map_err(wrong)?.flatten())
}

fn wrong(why: String) -> Error {
    Error::Settings(format!("Flyway's configuration: {why}"))
}

/// The settings of the files, and of Flyway's variables, which overrule them.
fn values(environment: &Environment) -> Result<Values, Error> {
    let mut values = Values::new();
    for pair in FILES.iter().rev() {
        let there: Vec<&str> = pair.iter().copied().filter(|file| Path::new(file).exists()).collect();
        match there.as_slice() {
            [] => {}
            [file] => {
                let wrong =
                    |why: &str| Error::Settings(format!("{file}: {why}\nnext: correct the file, as Flyway reads it"));
                let text = read_text(Path::new(file), FileKind::Source).map_err(|error| wrong(&error.to_string()))?;
                let is_toml = Path::new(file).extension().is_some_and(|extension| extension == "toml");
                let read = if is_toml { of_toml(&text) } else { of_properties(&text) };
                values.extend(read.map_err(|why| wrong(&why))?);
            }
            _ => {
                return Err(Error::Settings(format!(
                    "both {} are there, and Flyway reads one of them\nnext: keep one",
                    there.join(" and ")
                )));
            }
        }
    }
    for (variable, name) in VARIABLES {
        values.extend(environment.get(variable).map(|value| ((*name).to_owned(), value.to_owned())));
    }
    Ok(values)
}

/// The settings of a TOML file.
fn of_toml(text: &str) -> Result<Values, String> {
    let file: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let environments = file.get("environments").and_then(toml::Value::as_table);
    let has_own = |value: &toml::Value| value.as_table().is_some_and(|table| table.contains_key("flyway"));
    if environments.is_some_and(|environments| environments.iter().any(|(_, value)| has_own(value))) {
        return Err("an environment has settings of Flyway of its own, which doorstep does not follow".to_owned());
    }
    let mut values = Values::new();
    if let Some(table) = file.get("flyway").and_then(toml::Value::as_table) {
        flatten("", table, &mut values);
    }
    Ok(values)
}

fn flatten(prefix: &str, table: &toml::Table, values: &mut Values) {
    for (name, value) in table {
        let name = format!("{prefix}{}", name.to_lowercase());
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}."), inner, values),
            toml::Value::Array(items) => {
                let items: Vec<String> = items.iter().map(plain).collect();
                values.insert(name, items.join(","));
            }
            value => {
                values.insert(name, plain(value));
            }
        }
    }
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Boolean(is_on) => is_on.to_string(),
        toml::Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// The settings of a file of Java properties.
fn of_properties(text: &str) -> Result<Values, String> {
    let mut values = Values::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let Some(name) = line.strip_prefix("flyway.") else { continue };
        let Some((name, value)) = name.split_once('=') else {
            return Err(format!(
                "doorstep does not understand the line of flyway.{}",
                name.split_whitespace().next().unwrap_or_default()
            ));
        };
        let name = name.trim().to_lowercase();
        if value.contains('\\') && !is_login(&name) {
            return Err(format!("the value of flyway.{name} has a backslash, which doorstep does not follow"));
        }
        values.insert(name, value.trim().to_owned());
    }
    Ok(values)
}

/// Settings of the connection, which doorstep has its own for.
fn is_login(name: &str) -> bool {
    ["url", "user", "password", "driver", "jdbcproperties"].iter().any(|known| name.starts_with(known))
}

fn configuration(values: &Values) -> Result<Configuration, String> {
    let of = |name: &str| values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let computed = values.iter().find(|(name, value)| value.contains("${") && !is_login(name));
    if let Some((name, _)) = computed.filter(|(name, _)| !name.starts_with("placeholderprefix")) {
        return Err(format!("the value of {name} is computed\nnext: write a literal"));
    }
    for (name, allowed) in FIXED {
        if let Some(value) = values.get(*name).filter(|value| !allowed.contains(&value.trim())) {
            return Err(format!(
                "{name} is {value:?}, which doorstep does not follow\n\
                 next: leave it out, or let Flyway apply the migrations (migrate_command = \"flyway migrate\")"
            ));
        }
    }
    let is_on = |name: &str, default: bool| of(name).map_or(default, |value| value.eq_ignore_ascii_case("true"));
    let schema =
        of("defaultschema").or_else(|| of("schemas")?.split(',').next()).map(|schema| schema.trim().to_owned());
    let named =
        values.iter().filter_map(|(name, value)| Some((name.strip_prefix("placeholders.")?.to_owned(), value.clone())));
    let table = of("table").unwrap_or("flyway_schema_history").to_owned();
    let own = [("flyway:table", Some(table.clone())), ("flyway:defaultschema", schema.clone())];
    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(Configuration {
        folder: of("locations").map(folder).transpose()?.flatten(),
        schema,
        out_of_order: is_on("outoforder", false),
        mixed: is_on("mixed", false),
        skips_callbacks: is_on("skipdefaultcallbacks", false),
        placeholders: is_on("placeholderreplacement", true).then(|| named.chain(own).collect()),
        table,
    })
}

/// The folder of the locations; `None` for one in the archive of a program, which is elsewhere here.
fn folder(locations: &str) -> Result<Option<PathBuf>, String> {
    let all: Vec<&str> = locations.split(',').map(str::trim).filter(|location| !location.is_empty()).collect();
    let [location] = all.as_slice() else {
        return Err(format!(
            "locations names several places ({locations}), and doorstep reads one\n\
             next: name the folder that has all of them with --migrations, or let Flyway apply them (migrate_command)"
        ));
    };
    match location.split_once(':') {
        Some(("filesystem", path)) => Ok(Some(path.into())),
        // Without a prefix it is a place in the archive.
        Some(("classpath", _)) | None => Ok(None),
        Some(_) => Err(format!("doorstep does not read the location {location}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_configuration() -> Configuration {
        configuration(&Values::new()).unwrap()
    }

    #[test]
    fn both_kinds_of_files_are_read() {
        let toml = "[environments.default]\nurl = \"jdbc:postgresql:x\"\n[flyway]\nlocations = [\"filesystem:sql\"]\ntable = \"done\"\n\
                    defaultSchema = \"app\"\noutOfOrder = true\n[flyway.placeholders]\nName = \"x\"\n";
        let properties = "# a comment\nflyway.url=jdbc:postgresql:x?a=\\b\nflyway.locations = filesystem:sql\nflyway.table=done\n\
                          flyway.schemas=app,other\nflyway.outOfOrder=true\nflyway.placeholders.Name=x\nother=1\n";
        for values in [of_toml(toml).unwrap(), of_properties(properties).unwrap()] {
            let found = configuration(&values).unwrap();
            assert_eq!((found.folder, found.table.as_str()), (Some("sql".into()), "done"));
            assert_eq!((found.schema.as_deref(), found.out_of_order), (Some("app"), true));
            assert_eq!(found.placeholders.unwrap().get("name").map(String::as_str), Some("x"));
        }
        let plain = plain_configuration();
        assert_eq!((plain.table.as_str(), plain.schema, plain.folder), ("flyway_schema_history", None, None));
        assert!(of_toml("[environments.a.flyway]\ntable = \"x\"\n").is_err() && of_toml("[flyway").is_err());
        assert!(of_properties("flyway.table\n").is_err() && of_properties("flyway.table=a\\\n").is_err());
    }

    #[test]
    fn what_is_not_followed_is_refused_by_its_name() {
        for (line, why) in [
            ("flyway.sqlMigrationPrefix=M", "sqlmigrationprefix"),
            ("flyway.encoding=ISO-8859-1", "encoding"),
            ("flyway.target=5", "target"),
            ("flyway.initSql=SET x = 1", "initsql"),
            ("flyway.validateOnMigrate=false", "validateonmigrate"),
            ("flyway.locations=filesystem:a,filesystem:b", "several"),
            ("flyway.locations=s3:bucket", "s3:bucket"),
            ("flyway.table=${TABLE}", "computed"),
            ("flyway.placeholders.a=${A}", "computed"),
        ] {
            let error = configuration(&of_properties(line).unwrap()).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
        for line in [
            "flyway.encoding=UTF-8",
            "flyway.placeholderPrefix=${",
            "flyway.target=latest",
            "flyway.locations=classpath:db/migration",
        ] {
            assert!(configuration(&of_properties(line).unwrap()).is_ok(), "{line}");
        }
        let off = configuration(&of_properties("flyway.placeholderReplacement=false").unwrap()).unwrap();
        assert_eq!(off.placeholders, None);
    }
}
