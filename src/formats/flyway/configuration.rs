//! What Flyway's configuration says: `flyway.toml` or `flyway.conf`, in the working directory or in `conf/`, the files that
//! `FLYWAY_CONFIG_FILES` names, and its variables. What would change which files run, or how, and is not followed here, is
//! refused by its name.

use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::formats::flyway::environments::Settings;
use crate::formats::flyway::settings::{PLACEHOLDERS, Setting, Values, judge, setting_of};
use crate::formats::flyway::text::Placeholders;

/// The files in TOML, the stronger ones last.
const TOML_FILES: &[&str] = &["conf/flyway.toml", "conf/flyway.user.toml", "flyway.toml", "flyway.user.toml"];

/// The files of Java properties, which count where none is in TOML.
const CONF_FILES: &[&str] = &["conf/flyway.conf", "flyway.conf"];

/// The variable that names further files, with commas between them.
const CONFIG_FILES: &str = "FLYWAY_CONFIG_FILES";

/// What concerns a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// Where the files are, if that is said: a folder of the file system.
    pub folder: Option<PathBuf>,
    /// The name of the table.
    pub table: String,
    /// The schema of the table and of unqualified names, if it is named.
    pub schema: Option<String>,
    /// Who installs, for the rows; without it the user of the session.
    pub installed_by: Option<String>,
    /// Migrations that are older than applied ones run.
    pub out_of_order: bool,
    /// Statements that refuse a transaction may stand beside others.
    pub mixed: bool,
    /// Files of callbacks are passed over.
    pub skips_callbacks: bool,
    /// A file of SQL whose name is that of no migration stops.
    pub validates_names: bool,
    /// The values of placeholders; `None` where they stay as they are.
    pub placeholders: Option<Placeholders>,
}

/// Reads it; `allowed` are variables that may land in statements.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read, and for what doorstep does not follow.
pub(crate) fn read(environment: &Environment, allowed: &[String]) -> Result<Configuration, Error> {
    let named = named_files(environment);
    let files = files(&named, exists).and_then(|files| match named.iter().find(|file| !exists(file)) {
        Some(file) => Err(format!(
            "{CONFIG_FILES} names {file}, which is not there\nnext: add the file to the image, or unset the variable"
        )),
        None => Ok(files),
    });
    let files = files.map_err(wrong)?;
    let (of_files, of_variables) = settings(&files, environment)?;
    unread(environment, &of_files).map_err(wrong)?;
    let variables =
        variables(environment).into_iter().filter(|(name, _)| files.are_toml || name.starts_with("FLYWAY_"));
    let mut values = match files.are_toml {
        true => of_files.overruled(of_variables).map_err(wrong)?,
        false => of_files.flyway.into_iter().chain(of_variables.flyway).collect(),
    };
    placeholders_of_variables(&mut values, variables, allowed).map_err(wrong)?;
    configuration(&values).map_err(wrong)
}

/// The folder that it names. Its other settings are read only where the folder is Flyway's.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read, and for several folders.
pub(crate) fn place(environment: &Environment) -> Result<Option<PathBuf>, Error> {
    let named: Vec<&str> = named_files(environment).into_iter().filter(|file| exists(file)).collect();
    let (of_files, of_variables) = settings(&files(&named, exists).map_err(wrong)?, environment)?;
    let locations = of_variables.flyway.get("locations").or_else(|| of_files.flyway.get("locations"));
    Ok(locations.map(|locations| folder(&locations.value)).transpose().map_err(wrong)?.flatten())
}

fn wrong(why: String) -> Error {
    Error::Settings(format!("Flyway's configuration: {why}"))
}

fn exists(file: &str) -> bool {
    Path::new(file).exists()
}

/// The files that the variable names.
fn named_files(environment: &Environment) -> Vec<&str> {
    let list = environment.get(CONFIG_FILES).unwrap_or_default();
    list.split(',').map(str::trim).filter(|file| !file.is_empty()).collect()
}

/// Flyway reads the name of the environment from a variable in small letters only.
///
/// # Errors
/// The variable in capital letters names an environment of the files.
fn unread(environment: &Environment, settings: &Settings) -> Result<(), String> {
    match environment.get("FLYWAY_ENVIRONMENT").filter(|name| settings.environments.contains_key(*name)) {
        Some(name) if environment.get("flyway_environment") != Some(name) => Err(format!(
            "FLYWAY_ENVIRONMENT names the environment {name}, but Flyway does not read this variable\n\
             next: write it in small letters (flyway_environment)"
        )),
        _ => Ok(()),
    }
}

/// The variables that may be Flyway's, with their values.
fn variables(environment: &Environment) -> Vec<(&str, &str)> {
    let names = environment.variables().map(|(name, _)| name);
    let begins = |name: &&str| ["FLYWAY_", "flyway_", "environments_"].iter().any(|prefix| name.starts_with(prefix));
    names.filter(begins).filter_map(|name| Some((name, environment.get(name)?))).collect()
}

/// The files that count, the stronger ones last.
#[derive(Debug, PartialEq, Eq)]
struct Files<'a> {
    paths: Vec<&'a str>,
    /// They are in TOML; so is a configuration without files.
    are_toml: bool,
}

/// Chooses them as Flyway does (`ConfigurationManagerImpl`): the files that a variable names say which kind counts.
///
/// # Errors
/// Files of both kinds, with what to do.
fn files<'a>(named: &[&'a str], exists: impl Fn(&str) -> bool) -> Result<Files<'a>, String> {
    let there = |places: &[&'static str]| places.iter().copied().filter(|file| exists(file)).collect::<Vec<&str>>();
    let (of_toml, of_conf) = (there(TOML_FILES), there(CONF_FILES));
    let (named_toml, named_conf): (Vec<&str>, Vec<&str>) = named.iter().partition(|file| file.ends_with(".toml"));
    let both = |toml: &str, conf: &str| {
        Err(format!("both {toml} and {conf} are there, and Flyway reads files of one kind\nnext: keep one kind"))
    };
    match (named_toml.as_slice(), named_conf.as_slice(), of_toml.as_slice(), of_conf.as_slice()) {
        ([toml, ..], [conf, ..], _, _) | ([], [], [toml, ..], [conf, ..]) => both(toml, conf),
        ([], [_, ..], _, _) | ([], [], [], [_, ..]) => {
            Ok(Files { paths: [of_conf, named_conf].concat(), are_toml: false })
        }
        _ => Ok(Files { paths: [of_toml, named_toml].concat(), are_toml: true }),
    }
}

/// The settings of the files, and of Flyway's variables, which overrule them.
fn settings(files: &Files<'_>, environment: &Environment) -> Result<(Settings, Settings), Error> {
    let mut settings = Settings::default();
    for file in &files.paths {
        let wrong = |why: &str| Error::Settings(format!("{file}: {why}\nnext: correct the file, as Flyway reads it"));
        let text = read_text(Path::new(file), FileKind::Source).map_err(|error| wrong(&error.to_string()))?;
        let read = if files.are_toml { of_toml(&text, file) } else { of_properties(&text, file) };
        settings.extend(read.map_err(|why| wrong(&why))?);
    }
    Ok((settings, Settings::of_variables(&variables(environment), files.are_toml)))
}

/// The values that variables give to placeholders, where a setting names the variable.
///
/// # Errors
/// A variable that no setting names, and that would overrule a literal.
fn placeholders_of_variables<'a>(
    values: &mut Values,
    variables: impl Iterator<Item = (&'a str, &'a str)>,
    allowed: &[String],
) -> Result<(), String> {
    for (variable, value) in variables {
        let Some(name) = setting_of(variable).filter(|name| name.starts_with(PLACEHOLDERS)) else { continue };
        if allowed.iter().any(|known| known == variable) {
            values.insert(name, Setting::new(value, variable));
        } else if let Some(known) = values.get(&name).filter(|known| known.value != value) {
            return Err(format!(
                "{variable} overrules {name} of {} for Flyway, and no setting lets its value into statements\n\
                 next: unset it, or name it in migration_variables",
                known.place
            ));
        }
    }
    Ok(())
}

/// The settings of a TOML file.
fn of_toml(text: &str, place: &str) -> Result<Settings, String> {
    let file: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let mut settings = Settings::default();
    if let Some(table) = file.get("flyway").and_then(toml::Value::as_table) {
        flatten("", table, place, &mut settings.flyway);
    }
    let environments = file.get("environments").and_then(toml::Value::as_table);
    for (name, environment) in environments.into_iter().flatten() {
        let values = settings.environments.entry(name.clone()).or_default();
        if let Some(table) = environment.as_table() {
            flatten("", table, &format!("{place}, environment {name}"), values);
        }
    }
    Ok(settings)
}

fn flatten(prefix: &str, table: &toml::Table, place: &str, values: &mut Values) {
    for (name, value) in table {
        let name = format!("{prefix}{}", name.to_lowercase());
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}."), inner, place, values),
            toml::Value::Array(items) => {
                let items: Vec<String> = items.iter().map(plain).collect();
                values.insert(name, Setting::new(items.join(","), place));
            }
            value => {
                values.insert(name, Setting::new(plain(value), place));
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
fn of_properties(text: &str, place: &str) -> Result<Settings, String> {
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
        values.insert(name, Setting::new(value.trim(), place));
    }
    Ok(Settings { flyway: values, ..Settings::default() })
}

/// Settings of the connection, which doorstep has its own for.
fn is_login(name: &str) -> bool {
    ["url", "user", "password", "driver", "jdbcproperties"].iter().any(|known| name.starts_with(known))
}

fn configuration(values: &Values) -> Result<Configuration, String> {
    judge(values)?;
    let of = |name: &str| values.get(name).map(|setting| setting.value.trim()).filter(|value| !value.is_empty());
    let is_on = |name: &str, default: bool| of(name).map_or(default, |value| value.eq_ignore_ascii_case("true"));
    let schema =
        of("defaultschema").or_else(|| of("schemas")?.split(',').next()).map(|schema| schema.trim().to_owned());
    let named = values
        .iter()
        .filter_map(|(name, setting)| Some((name.strip_prefix(PLACEHOLDERS)?.to_owned(), setting.value.clone())));
    let table = of("table").unwrap_or("flyway_schema_history").to_owned();
    let own = [("flyway:table", Some(table.clone())), ("flyway:defaultschema", schema.clone())];
    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(Configuration {
        folder: of("locations").map(folder).transpose()?.flatten(),
        schema,
        installed_by: of("installedby").map(str::to_owned),
        out_of_order: is_on("outoforder", false),
        mixed: is_on("mixed", false),
        skips_callbacks: is_on("skipdefaultcallbacks", false),
        validates_names: is_on("validatemigrationnaming", false),
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
        for settings in [of_toml(toml, "").unwrap(), of_properties(properties, "").unwrap()] {
            let found = configuration(&settings.flyway).unwrap();
            assert_eq!((found.folder, found.table.as_str()), (Some("sql".into()), "done"));
            assert_eq!((found.schema.as_deref(), found.out_of_order), (Some("app"), true));
            assert_eq!(found.placeholders.unwrap().get("name").map(String::as_str), Some("x"));
        }
        let plain = plain_configuration();
        assert_eq!((plain.table.as_str(), plain.schema, plain.folder), ("flyway_schema_history", None, None));
        let environments =
            of_toml("[environments.Prod]\nschemas = [\"app\", \"b\"]\n", "flyway.toml").unwrap().environments;
        let schemas = Setting::new("app,b", "flyway.toml, environment Prod");
        assert_eq!(environments["Prod"], Values::from([("schemas".to_owned(), schemas)]));
        assert!(of_toml("[flyway", "").is_err());
        assert!(of_properties("flyway.table\n", "").is_err() && of_properties("flyway.table=a\\\n", "").is_err());
    }

    #[test]
    fn what_is_not_followed_is_refused_by_its_name() {
        for (line, why) in [
            ("flyway.sqlMigrationPrefix=M", "sqlMigrationPrefix"),
            ("flyway.encoding=ISO-8859-1", "encoding"),
            ("flyway.target=5", "target"),
            ("flyway.initSql=SET x = 1", "initSql"),
            ("flyway.validateOnMigrate=false", "validateOnMigrate"),
            ("flyway.locations=filesystem:a,filesystem:b", "several"),
            ("flyway.locations=s3:bucket", "s3:bucket"),
            ("flyway.table=${TABLE}", "computed"),
            ("flyway.placeholders.a=${A}", "computed"),
            ("flyway.group=true", "flyway.conf: group"),
            ("flyway.mixed=yes", "true or false"),
            ("flyway.tabel=x", "knows no setting tabel"),
            ("flyway.tags.anyOf=x", "tags.anyof"),
        ] {
            let error = configuration(&of_properties(line, "flyway.conf").unwrap().flyway).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
        for line in [
            "flyway.encoding=UTF-8",
            "flyway.placeholderPrefix=${",
            "flyway.target=latest",
            "flyway.locations=classpath:db/migration",
            "flyway.vault.token=${TOKEN}",
            "flyway.baselineOnMigrate=true",
        ] {
            assert!(configuration(&of_properties(line, "flyway.conf").unwrap().flyway).is_ok(), "{line}");
        }
        let off = configuration(&of_properties("flyway.placeholderReplacement=false", "").unwrap().flyway).unwrap();
        assert_eq!(off.placeholders, None);
    }
    #[test]
    fn the_files_that_a_variable_names_say_which_kind_counts() {
        let chosen = |named: &[&'static str], there: &[&str]| {
            files(named, |file| there.contains(&file)).map(|files| (files.paths.join(" "), files.are_toml))
        };
        for (named, there, paths, are_toml) in [
            (&[][..], &[][..], "", true),
            (&[], &["flyway.conf", "conf/flyway.conf"], "conf/flyway.conf flyway.conf", false),
            (&[], &["flyway.user.toml", "flyway.toml"], "flyway.toml flyway.user.toml", true),
            (&["a.toml", "b.toml"], &["flyway.conf", "conf/flyway.toml"], "conf/flyway.toml a.toml b.toml", true),
            (&["a.conf"], &["flyway.conf", "flyway.toml"], "flyway.conf a.conf", false),
        ] {
            assert_eq!(chosen(named, there), Ok((paths.to_owned(), are_toml)), "{named:?} {there:?}");
        }
        assert!(chosen(&[], &["conf/flyway.toml", "flyway.conf"]).unwrap_err().contains("flyway.conf are there"));
        assert!(chosen(&["a.toml", "b"], &[]).unwrap_err().contains("both a.toml and b"));
    }

    #[test]
    fn a_variable_gives_a_placeholder_its_value_where_a_setting_names_it() {
        let overruled = |variable: (&'static str, &'static str), allowed: &[&str]| {
            let mut values = of_properties("flyway.placeholders.app=a", "flyway.conf").unwrap().flyway;
            let allowed: Vec<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
            placeholders_of_variables(&mut values, [variable].into_iter(), &allowed)?;
            Ok(values["placeholders.app"].value.clone())
        };
        let variable = ("FLYWAY_PLACEHOLDERS_APP", "b");
        assert_eq!(overruled(variable, &["FLYWAY_PLACEHOLDERS_APP"]), Ok("b".to_owned()));
        assert_eq!(overruled(("FLYWAY_PLACEHOLDERS_APP", "a"), &[]), Ok("a".to_owned()));
        assert_eq!(overruled(("FLYWAY_PLACEHOLDERS_OTHER", "b"), &[]), Ok("a".to_owned()));
        let error: String = overruled(variable, &[]).unwrap_err();
        assert!(error.contains("FLYWAY_PLACEHOLDERS_APP overrules placeholders.app of flyway.conf"), "{error}");
    }
}
