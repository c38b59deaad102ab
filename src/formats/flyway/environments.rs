//! The environments of `flyway.toml`: tables with the schemas and the first statements of a session, of which Flyway takes one
//! (`ClassicConfiguration.getSchemas`, `ModernConfigurationManager`). Pure functions over settings.

use std::collections::BTreeMap;

use crate::formats::flyway::settings::{Setting, Values, of_variables};

/// The environment that Flyway takes where none is named.
const DEFAULT: &str = "default";

/// Settings of an environment that concern a start, and that Flyway has nowhere else in TOML.
const OF_A_SESSION: [&str; 2] = ["schemas", "initsql"];

/// How the settings of Flyway begin that an environment has for itself.
const OWN: &str = "flyway.";

/// What the files say, or the variables.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The settings of Flyway.
    pub flyway: Values,
    /// Those of the environments, by their names.
    pub environments: BTreeMap<String, Values>,
}

impl Settings {
    /// What variables say; those in small letters count beside TOML.
    pub(crate) fn of_variables(variables: &[(&str, &str)], reads_toml: bool) -> Self {
        let mut environments: BTreeMap<String, Values> = BTreeMap::new();
        for (variable, value) in variables.iter().filter(|_| reads_toml) {
            let Some((name, setting)) = variable.strip_prefix("environments_").and_then(|rest| rest.split_once('_'))
            else {
                continue;
            };
            let setting = setting.replace('_', ".").to_lowercase();
            environments.entry(name.to_owned()).or_default().insert(setting, Setting::new(*value, variable));
        }
        Self { flyway: of_variables(variables.iter().copied(), reads_toml), environments }
    }

    /// Adds those of a stronger file.
    pub(crate) fn extend(&mut self, stronger: Self) {
        self.flyway.extend(stronger.flyway);
        for (name, values) in stronger.environments {
            self.environments.entry(name).or_default().extend(values);
        }
    }

    /// The settings that hold: those of the files with those of the environment that Flyway takes, overruled by the variables.
    ///
    /// # Errors
    /// Nothing says which environment it takes, or it is not there, or it has settings of Flyway of its own.
    pub(crate) fn overruled(mut self, variables: Self) -> Result<Values, String> {
        self.extend(Self { flyway: Values::new(), environments: variables.environments });
        let name = variables.flyway.get("environment").or_else(|| self.flyway.get("environment"));
        let chosen = chosen(name, &self.environments, variables.flyway.contains_key("url"))?;
        for (setting, value) in chosen.into_iter().flatten() {
            if setting.starts_with(OWN) {
                return Err(format!(
                    "{}: {setting} is a setting of Flyway for this environment, which doorstep does not follow\n\
                     next: write it into [flyway]",
                    value.place
                ));
            }
            if OF_A_SESSION.contains(&setting.as_str()) && !value.value.is_empty() {
                self.flyway.insert(setting.clone(), value.clone());
            }
        }
        self.flyway.extend(variables.flyway);
        Ok(self.flyway)
    }
}

/// The environment that Flyway takes. A variable with the URL makes one where there is none.
fn chosen<'a>(
    name: Option<&Setting>,
    environments: &'a BTreeMap<String, Values>,
    has_url: bool,
) -> Result<Option<&'a Values>, String> {
    let found = environments.get(name.map_or(DEFAULT, |name| name.value.trim()));
    match (name, found) {
        (_, Some(found)) => Ok(Some(found)),
        (_, None) if has_url => Ok(None),
        (Some(Setting { value, place }), None) if ![DEFAULT, "-"].contains(&value.trim()) => Err(format!(
            "{place}: no file has the environment {value}\nnext: correct its name, or add [environments.{value}]"
        )),
        (Some(_), None) => Ok(None),
        (None, None) => match environments.iter().find_map(|(name, values)| Some((name, concerning(values)?))) {
            None => Ok(None),
            Some((name, setting)) => Err(format!(
                "the environment {name} has {setting}, and nothing says which environment holds here\n\
                 next: name it in [flyway] (environment = \"{name}\"), or set flyway_environment"
            )),
        },
    }
}

/// A setting of an environment that concerns a start.
fn concerning(values: &Values) -> Option<&str> {
    let concerns = |name: &str| OF_A_SESSION.contains(&name) || name.starts_with(OWN);
    values.iter().find(|(name, value)| concerns(name) && !value.value.is_empty()).map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Setting::new(*value, "flyway.toml"))).collect()
    }

    /// The schemas, by the settings in `[flyway]`, the environments and the variables.
    fn schemas(
        flyway: &[(&str, &str)],
        environments: &[(&str, &[(&str, &str)])],
        variables: &[(&'static str, &'static str)],
    ) -> Result<String, String> {
        let environments = environments.iter().map(|(name, pairs)| ((*name).to_owned(), values(pairs))).collect();
        let variables = Settings::of_variables(variables, true);
        let held = Settings { flyway: values(flyway), environments }.overruled(variables)?;
        Ok(held.get("schemas").map(|setting| setting.value.clone()).unwrap_or_default())
    }

    #[test]
    fn the_schemas_are_those_of_the_environment_that_flyway_takes() {
        let prod = ("prod", &[("schemas", "app"), ("url", "u")][..]);
        let default = ("default", &[("schemas", "main")][..]);
        let named = &[("environment", "prod")][..];
        for (flyway, environments, variables, expected) in [
            (&[][..], &[][..], &[][..], ""),
            (&[], &[default, prod], &[], "main"),
            (named, &[default, prod], &[], "app"),
            (&[], &[default, prod], &[("flyway_environment", "prod")], "app"),
            (named, &[default, prod], &[("FLYWAY_SCHEMAS", "mine")], "mine"),
            (named, &[prod], &[("environments_prod_schemas", "other")], "other"),
            (&[], &[prod], &[("FLYWAY_URL", "u")], ""),
            (&[], &[("dev", &[("url", "u")])], &[], ""),
            (&[("environment", "dev")], &[prod], &[("FLYWAY_URL", "u")], ""),
        ] {
            assert_eq!(schemas(flyway, environments, variables), Ok(expected.to_owned()), "{flyway:?} {variables:?}");
        }
    }

    #[test]
    fn an_environment_that_cannot_be_told_stops() {
        let own = ("prod", &[("flyway.table", "done")][..]);
        for (flyway, environments, why) in [
            (&[][..], &[("prod", &[("schemas", "app")][..])][..], "nothing says which environment"),
            (&[], &[("prod", &[("initsql", "SET x = 1")])], "prod has initsql"),
            (&[("environment", "test")], &[("prod", &[])], "no file has the environment test"),
            (&[("environment", "prod")], &[own], "flyway.table is a setting of Flyway for this environment"),
        ] {
            let error = schemas(flyway, environments, &[]).unwrap_err();
            assert!(error.contains(why) && error.contains("\nnext: "), "{error}");
        }
        assert_eq!(schemas(&[], &[("default", &[]), own], &[]), Ok(String::new()));
    }
}
