//! The settings among the environment variables: DOORSTEP_* and DATABASE_URL. A variable with the prefix that is no
//! setting is an error, like an unknown flag.

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::secret::{Secret, SecretSource};
use crate::config::{Layer, both_forms, unknown};

const PREFIX: &str = "DOORSTEP_";

/// The variable that tells hooks what is pending.
pub(crate) const PENDING: &str = "DOORSTEP_PENDING";

/// Variables with the prefix that are not settings: the path of doorstep.toml, and those that doorstep sets for its child
/// processes: the key of the migration lock, the mark by which they are recognized, and what is pending.
const OTHERS: &[&str] = &["CONFIG", "MIGRATION_LOCK", "CHILD", "PENDING"];

impl Environment {
    /// `DATABASE_URL` or the file that `DATABASE_URL_FILE` names.
    pub(crate) fn database_url(&self) -> Result<Option<SecretSource>, Error> {
        match (self.get("DATABASE_URL"), self.path("DATABASE_URL_FILE")) {
            (Some(_), Some(_)) => Err(both_forms("DATABASE_URL")),
            (Some(url), None) => Ok(Some(SecretSource::Text(Secret::new(url)))),
            (None, Some(path)) => Ok(Some(SecretSource::File(path))),
            (None, None) => Ok(None),
        }
    }

    /// Parses one variable at a time: for the error of a custom type, envy names neither the variable nor the field.
    pub(crate) fn layer(&self) -> Result<Layer, Error> {
        let mut layer = Layer::default();
        for (variable, value) in self.variables() {
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            if injected_by_kubernetes(name) || OTHERS.contains(&name) {
                continue;
            }
            if !Layer::NAMES.iter().any(|known| written(known) == variable) {
                return Err(unknown("variable", variable, Layer::NAMES.iter().copied(), written));
            }
            if value.expose().is_empty() {
                continue; // Compose sets a variable to the empty text for `${UNSET:-}`.
            }
            let one = setting(name, value.expose()).map_err(|why| Error::Settings(format!("{variable}: {why}")))?;
            layer = layer.or(one);
        }
        Ok(layer)
    }
}

/// The setting of this name, in any case of letters, with a value as a variable has it.
///
/// # Errors
/// Why it is none of the setting's values.
pub(super) fn setting(name: &str, value: &str) -> Result<Layer, String> {
    envy::from_iter([(name.to_owned(), value.to_owned())]).map_err(reason)
}

/// A setting's name as a variable.
fn written(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

/// Kubernetes injects these into every pod of a namespace that has a Service called `doorstep`.
fn injected_by_kubernetes(name: &str) -> bool {
    name.starts_with("SERVICE_") || name.starts_with("PORT")
}

/// envy's message ends in "while parsing value '60x' provided by WAIT_ATTEMPTS"; our message already names the variable,
/// with its prefix. envy has no other way to get at the two parts.
fn reason(error: envy::Error) -> String {
    match error {
        envy::Error::Custom(text) => text.split(" provided by ").next().unwrap_or_default().to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(variables: &[(&str, &str)]) -> Result<Layer, Error> {
        Environment::from_pairs(variables.iter().map(|(k, v)| ((*k).into(), (*v).into()))).layer()
    }

    #[test]
    fn an_unknown_variable_names_the_nearest_known_one() {
        let error = layer(&[("DOORSTEP_WAIT_TIMOUT", "1s")]).unwrap_err().to_string();
        assert!(error.contains("unknown variable DOORSTEP_WAIT_TIMOUT"), "{error}");
        assert!(error.contains("did you mean DOORSTEP_WAIT_TIMEOUT?"), "{error}");
    }

    #[test]
    fn what_kubernetes_injects_is_passed_over() {
        let injected =
            [("DOORSTEP_SERVICE_HOST", "10.0.0.1"), ("DOORSTEP_PORT", "tcp://x"), ("DOORSTEP_PORT_80_TCP", "y")];
        assert!(layer(&injected).is_ok());
    }

    #[test]
    fn a_bad_value_names_its_variable() {
        let error = layer(&[("DOORSTEP_WAIT_TIMEOUT", "10o")]).unwrap_err().to_string();
        assert!(error.starts_with("DOORSTEP_WAIT_TIMEOUT: `10o` is not a duration"), "{error}");
        let error = layer(&[("DOORSTEP_WAIT_ATTEMPTS", "60x")]).unwrap_err().to_string();
        assert!(error.starts_with("DOORSTEP_WAIT_ATTEMPTS: invalid digit"), "{error}");
        let error = layer(&[("DOORSTEP_MIGRATE", "applied")]).unwrap_err().to_string();
        assert!(error.contains("expected one of `apply`, `await`, `off`"), "{error}");
    }

    #[test]
    fn a_url_with_commas_stays_one_value() {
        let layer = layer(&[("DOORSTEP_DATABASE_URL", "postgres://a,b/c")]).unwrap();
        assert_eq!(layer.database_url, Some(Secret::new("postgres://a,b/c")));
    }
}
