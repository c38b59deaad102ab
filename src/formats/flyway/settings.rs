//! Flyway's settings: what doorstep makes of each of them, and the variables that stand for them (`ConfigUtils.convertKey`,
//! `TomlUtils.loadConfigurationFromEnvironment`). Pure functions over names and values.

use std::collections::BTreeMap;

/// What doorstep makes of a setting.
#[derive(Debug, Clone, Copy)]
enum Use {
    /// It is followed.
    Followed,
    /// It is followed, as `true` or `false`.
    Switch,
    /// It is followed only with one of these values, of which one is Flyway's own default.
    Only(&'static [&'static str]),
    /// It changes neither which files run, nor how, nor what their rows say.
    NoEffect,
}

use Use::{Followed, NoEffect, Only, Switch};

/// Nothing but an empty value.
const UNSET: Use = Only(&[""]);

/// All settings of Flyway without a dot in their names, as its documentation spells them.
const SETTINGS: &[(&str, Use)] = &[
    ("defaultSchema", Followed),
    ("environment", Followed),
    ("installedBy", Followed),
    ("locations", Followed),
    ("schemas", Followed),
    ("table", Followed),
    ("mixed", Switch),
    ("outOfOrder", Switch),
    ("placeholderReplacement", Switch),
    ("skipDefaultCallbacks", Switch),
    ("validateMigrationNaming", Switch),
    ("baselineMigrationPrefix", Only(&["B"])),
    ("callbackLocations", UNSET),
    ("callbacks", UNSET),
    ("cherryPick", UNSET),
    ("cleanOnValidationError", Only(&["false"])),
    ("configFileEncoding", Only(&["UTF-8", "UTF8"])),
    ("detectEncoding", Only(&["false"])),
    ("dryRunOutput", UNSET),
    ("encoding", Only(&["UTF-8", "UTF8"])),
    ("errorOverrides", UNSET),
    ("executeInTransaction", Only(&["true"])),
    ("group", Only(&["false"])),
    ("ignoreMigrationPatterns", Only(&["", "*:future"])),
    ("initSql", UNSET),
    ("migrationResolvers", UNSET),
    ("placeholderPrefix", Only(&["${"])),
    ("placeholderSeparator", Only(&[":"])),
    ("placeholderSuffix", Only(&["}"])),
    ("repeatableSqlMigrationPrefix", Only(&["R"])),
    ("resolvers", UNSET),
    ("skipDefaultResolvers", Only(&["false"])),
    ("skipExecutingMigrations", Only(&["false"])),
    ("sqlMigrationPrefix", Only(&["V"])),
    ("sqlMigrationSeparator", Only(&["__"])),
    ("sqlMigrationSuffixes", Only(&[".sql"])),
    ("tablespace", UNSET),
    ("target", Only(&["", "latest"])),
    ("undoSqlMigrationPrefix", Only(&["U"])),
    ("validateOnMigrate", Only(&["true"])),
    ("baselineDescription", NoEffect),
    ("baselineOnMigrate", NoEffect),
    ("baselineVersion", NoEffect),
    ("batch", NoEffect),
    ("checkDriftOnMigrate", NoEffect),
    ("cleanDisabled", NoEffect),
    ("color", NoEffect),
    ("communityDBSupportEnabled", NoEffect),
    ("configFiles", NoEffect),
    ("configurations", NoEffect),
    ("connectRetries", NoEffect),
    ("connectRetriesInterval", NoEffect),
    ("createSchemas", NoEffect),
    ("driver", NoEffect),
    ("email", NoEffect),
    ("environmentProvisionMode", NoEffect),
    ("failOnMissingLocations", NoEffect),
    ("failOnMissingTarget", NoEffect),
    ("jarDirs", NoEffect),
    ("kerberosConfigFile", NoEffect),
    ("licenseKey", NoEffect),
    ("lockRetryCount", NoEffect),
    ("loggers", NoEffect),
    ("offlinePermitPath", NoEffect),
    ("outputLogsInJson", NoEffect),
    ("outputProgress", NoEffect),
    ("outputQueryResults", NoEffect),
    ("outputType", NoEffect),
    ("password", NoEffect),
    ("pipelineId", NoEffect),
    ("powershellExecutable", NoEffect),
    ("provisionMode", NoEffect),
    ("publishResult", NoEffect),
    ("reportEnabled", NoEffect),
    ("reportFilename", NoEffect),
    ("schemaModelLocation", NoEffect),
    ("schemaModelSchemas", NoEffect),
    ("scriptPlaceholderPrefix", NoEffect),
    ("scriptPlaceholderSuffix", NoEffect),
    ("stream", NoEffect),
    ("token", NoEffect),
    ("url", NoEffect),
    ("user", NoEffect),
];

/// How the name of a placeholder begins among the settings.
pub(crate) const PLACEHOLDERS: &str = "placeholders.";

/// How the settings begin that choose migrations by their tags.
const TAGS: &str = "tags.";

/// A value, and where it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The value.
    pub value: String,
    /// The file, or the variable.
    pub place: String,
}

impl Setting {
    /// A value of this place.
    pub(crate) fn new(value: impl Into<String>, place: &str) -> Self {
        Self { value: value.into(), place: place.to_owned() }
    }
}

/// Settings by their names in small letters, without `flyway.`.
pub(crate) type Values = BTreeMap<String, Setting>;

/// The values that variables give to settings, by the names of the settings. Others than Flyway's settings are left out, and
/// so are those of placeholders, which may land in statements. Those in small letters count only beside a configuration in
/// TOML, and overrule the others.
pub(crate) fn of_variables<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>, reads_toml: bool) -> Values {
    let mut values = Values::new();
    for (variable, value) in variables.filter(|(variable, _)| reads_toml || !variable.starts_with("flyway_")) {
        if let Some(name) = setting_of(variable).filter(|name| !name.starts_with(PLACEHOLDERS)) {
            values.insert(name, Setting::new(value, variable));
        }
    }
    values
}

/// The setting, in small letters, that a variable stands for; `None` for one that is no setting of Flyway.
pub(crate) fn setting_of(variable: &str) -> Option<String> {
    if let Some(placeholder) = variable.strip_prefix("FLYWAY_PLACEHOLDERS_").filter(|name| !name.is_empty()) {
        return Some(format!("{PLACEHOLDERS}{}", placeholder.to_lowercase()));
    }
    if let Some(path) = variable.strip_prefix("flyway_") {
        let name = path.replace('_', ".").to_lowercase();
        let is_known = use_of(&name).is_some() || name.starts_with(TAGS) || name.starts_with(PLACEHOLDERS);
        return is_known.then_some(name);
    }
    let found = SETTINGS.iter().find(|(name, _)| variable_of(name).as_deref() == Some(variable));
    found.map(|(name, _)| name.to_lowercase())
}

/// The variable in capital letters of a setting; `environment` has none.
fn variable_of(name: &str) -> Option<String> {
    match name {
        "environment" => None,
        "dryRunOutput" => Some("FLYWAY_DRYRUN_OUTPUT".to_owned()),
        _ => {
            let mut variable = "FLYWAY_".to_owned();
            for letter in name.chars() {
                variable.extend(letter.is_ascii_uppercase().then_some('_'));
                variable.push(letter.to_ascii_uppercase());
            }
            Some(variable)
        }
    }
}

/// The setting of this name in small letters, as Flyway spells it, and what doorstep makes of it.
fn use_of(name: &str) -> Option<(&'static str, Use)> {
    SETTINGS.iter().copied().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// Checks that doorstep follows all settings that have an effect.
///
/// # Errors
/// The first one that it does not follow: where it was set, and what to do next.
pub(crate) fn judge(values: &Values) -> Result<(), String> {
    values.iter().try_for_each(|(name, setting)| judge_one(name, setting))
}

fn judge_one(name: &str, setting: &Setting) -> Result<(), String> {
    const NEXT: &str = "next: leave it out, or let Flyway apply the migrations (migrate_command = \"flyway migrate\")";
    let Setting { value, place } = setting;
    let value = value.trim();
    let (name, used) = match use_of(name) {
        Some(known) => known,
        None if name.starts_with(PLACEHOLDERS) => (name, Followed),
        None if name.starts_with(TAGS) => (name, UNSET),
        // Of another command or engine than those of doorstep.
        None if name.contains('.') => return Ok(()),
        None => {
            return Err(format!(
                "{place}: doorstep knows no setting {name} of Flyway\nnext: correct its name, or leave it out"
            ));
        }
    };
    match used {
        NoEffect => Ok(()),
        Followed | Switch if value.contains("${") => {
            Err(format!("{place}: the value of {name} is computed\nnext: write a literal"))
        }
        Followed => Ok(()),
        Switch if ["", "true", "false"].iter().any(|word| word.eq_ignore_ascii_case(value)) => Ok(()),
        Switch => Err(format!("{place}: {name} is {value:?}\nnext: write true or false")),
        Only(allowed) if allowed.iter().any(|known| is_same(known, value)) => Ok(()),
        Only([""]) => Err(format!("{place}: {name} is set, which doorstep does not follow\n{NEXT}")),
        Only(_) => Err(format!("{place}: {name} is {value:?}, which doorstep does not follow\n{NEXT}")),
    }
}

/// Words are the same in capital and small letters; the prefixes of files, which are one letter, are not.
fn is_same(known: &str, value: &str) -> bool {
    known == value || (known.len() > 1 && known.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(variable: &str, value: &str) -> Result<(), String> {
        judge(&of_variables([(variable, value)].into_iter(), true))
    }

    #[test]
    fn a_variable_stands_for_one_setting() {
        for (variable, setting) in [
            ("FLYWAY_TABLE", "table"),
            ("FLYWAY_OUT_OF_ORDER", "outoforder"),
            ("FLYWAY_SQL_MIGRATION_SUFFIXES", "sqlmigrationsuffixes"),
            ("FLYWAY_REPEATABLE_SQL_MIGRATION_PREFIX", "repeatablesqlmigrationprefix"),
            ("FLYWAY_DRYRUN_OUTPUT", "dryrunoutput"),
            ("FLYWAY_PLACEHOLDERS_App_NAME", "placeholders.app_name"),
            ("flyway_environment", "environment"),
            ("flyway_defaultSchema", "defaultschema"),
            ("flyway_tags_anyOf", "tags.anyof"),
        ] {
            assert_eq!(setting_of(variable).as_deref(), Some(setting), "{variable}");
        }
        for other in [
            "FLYWAY_OUTOFORDER",
            "FLYWAY_ENVIRONMENT",
            "FLYWAY_HOME",
            "FLYWAY_VERSION",
            "FLYWAY_EDITION",
            "FLYWAY_PLACEHOLDERS_",
            "flyway_mine",
            "SPRING_FLYWAY_TABLE",
            "FLYWAY_",
        ] {
            assert_eq!(setting_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_variable_is_judged_as_its_setting_in_the_file() {
        for (variable, value) in [
            ("FLYWAY_BASELINE_MIGRATION_PREFIX", "X"),
            ("FLYWAY_CALLBACKS", "a.B"),
            ("FLYWAY_CALLBACK_LOCATIONS", "filesystem:hooks"),
            ("FLYWAY_CHERRY_PICK", "2"),
            ("FLYWAY_CONFIG_FILE_ENCODING", "ISO-8859-1"),
            ("FLYWAY_DETECT_ENCODING", "true"),
            ("FLYWAY_DRYRUN_OUTPUT", "a.sql"),
            ("FLYWAY_ENCODING", "ISO-8859-1"),
            ("FLYWAY_ERROR_OVERRIDES", "S0001:0:I"),
            ("FLYWAY_EXECUTE_IN_TRANSACTION", "false"),
            ("FLYWAY_GROUP", "true"),
            ("FLYWAY_IGNORE_MIGRATION_PATTERNS", "*:missing"),
            ("FLYWAY_INIT_SQL", "SET x = 1"),
            ("FLYWAY_MIXED", "yes"),
            ("FLYWAY_PLACEHOLDER_PREFIX", "@{"),
            ("FLYWAY_PLACEHOLDER_SEPARATOR", "."),
            ("FLYWAY_PLACEHOLDER_SUFFIX", "]"),
            ("FLYWAY_REPEATABLE_SQL_MIGRATION_PREFIX", "r"),
            ("FLYWAY_RESOLVERS", "a.B"),
            ("FLYWAY_SKIP_DEFAULT_RESOLVERS", "true"),
            ("FLYWAY_SKIP_EXECUTING_MIGRATIONS", "true"),
            ("FLYWAY_SQL_MIGRATION_PREFIX", "M"),
            ("FLYWAY_SQL_MIGRATION_SEPARATOR", "--"),
            ("FLYWAY_SQL_MIGRATION_SUFFIXES", ".pks"),
            ("FLYWAY_TABLE", "${TABLE}"),
            ("FLYWAY_TABLESPACE", "fast"),
            ("FLYWAY_TARGET", "5"),
            ("FLYWAY_UNDO_SQL_MIGRATION_PREFIX", "D"),
            ("FLYWAY_VALIDATE_ON_MIGRATE", "false"),
            ("flyway_target", "5"),
            ("flyway_tags_anyOf", "a"),
        ] {
            let error = judged(variable, value).unwrap_err();
            assert!(error.starts_with(&format!("{variable}: ")) && error.contains("\nnext: "), "{error}");
        }
        for (variable, value) in [
            ("FLYWAY_TARGET", "latest"),
            ("FLYWAY_ENCODING", "utf-8"),
            ("FLYWAY_GROUP", "False"),
            ("FLYWAY_MIXED", "TRUE"),
            ("FLYWAY_PLACEHOLDER_PREFIX", "${"),
            ("FLYWAY_SCRIPT_PLACEHOLDER_PREFIX", "@@"),
            ("FLYWAY_URL", "jdbc:postgresql:${X}"),
            ("FLYWAY_USER", "a"),
            ("FLYWAY_PASSWORD", "a"),
            ("FLYWAY_LICENSE_KEY", "a"),
            ("FLYWAY_EMAIL", "a"),
            ("FLYWAY_TOKEN", "a"),
            ("FLYWAY_EDITION", "community"),
            ("FLYWAY_VERSION", "12"),
            ("FLYWAY_HOME", "/flyway"),
            ("FLYWAY_MY_OWN", "x"),
            ("flyway_mine", "x"),
        ] {
            assert_eq!(judged(variable, value), Ok(()), "{variable}");
        }
    }

    #[test]
    fn variables_in_small_letters_count_beside_toml_alone_and_overrule_the_others() {
        let variables = [("FLYWAY_TABLE", "a"), ("flyway_table", "b")];
        let table = |reads_toml| of_variables(variables.into_iter(), reads_toml)["table"].clone();
        assert_eq!((table(true).value, table(false).value), ("b".to_owned(), "a".to_owned()));
    }
}
