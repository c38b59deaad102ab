//! The parameters of a changelog, `${name}`: what a property defines is replaced before the SQL is hashed and run. A property
//! counts for later files, too, unless it has `global:false`; the first definition counts, and one for all files more
//! than one for its own. A name that none defines stays as it is, unless Liquibase would take its value from the environment
//! or from Java.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::liquibase::expression::Runtime;
use crate::formats::liquibase::wrong;
use crate::formats::migration::Unreadable;

/// The parameters that are defined so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters {
    pub(crate) values: BTreeMap<String, String>,
    /// Those of this file only: `global:false`.
    pub(crate) local: BTreeMap<String, String>,
    /// Names of the environment's variables, without those that a setting allows. Liquibase prefers their values to those of
    /// properties.
    pub(crate) environment: BTreeSet<String>,
    /// `dbms` and `context` of a definition are compared with these.
    pub(crate) runtime: Runtime,
}

/// How names begin that Liquibase defines by itself.
const OF_JAVA: &[&str] =
    &["database.", "java.", "user.", "os.", "file.", "path.", "line.", "sun.", "jdk.", "liquibase."];

impl Parameters {
    /// Defines one that has no value yet.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.values.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    /// The next file begins.
    pub(crate) fn begin_file(&mut self) {
        self.local.clear();
    }

    /// What follows `--property`: `name:NAME value:VALUE`, with `dbms` and `context`.
    ///
    /// # Errors
    /// Why its meaning is uncertain.
    pub(crate) fn define(&mut self, rest: &str) -> Result<(), Unreadable> {
        let of = |wanted: &str| attribute(rest, wanted);
        if rest.contains(['"', '\'']) {
            return Err(wrong("Liquibase takes quotes in a property for a part of it: leave them out"));
        }
        let (Some(name), Some(value)) = (of("name"), of("value")) else {
            return Err(wrong("the line has not the form --property name:NAME value:VALUE"));
        };
        let is_for = |product: &&&str| {
            of("dbms").is_none_or(|dbms| {
                let mut wanted = dbms.split(',').filter(|name| !name.starts_with('!')).peekable();
                let is_excluded = dbms.split(',').any(|name| name.strip_prefix('!') == Some(product));
                !is_excluded && (wanted.peek().is_none() || wanted.any(|name| name.eq_ignore_ascii_case(product)))
            })
        };
        let count = self.runtime.dbms.iter().filter(is_for).count();
        if count > 0 && count < self.runtime.dbms.len() {
            return Err(Unreadable::new(
                format!(
                    "the property has another value on {}, and doorstep reads the changelog before it knows which of them the \
                     server is",
                    self.runtime.dbms.join(" than on ")
                ),
                format!(
                    "give it one value for both (dbms:{}), or let Liquibase apply the changelog (migrate_command)",
                    self.runtime.dbms.join(",")
                ),
            ));
        }
        let is_for = count > 0;
        let context = of("context").or_else(|| of("contextFilter"));
        if is_for && context.map_or(Ok(true), |context| self.runtime.is_in_context(context))? {
            match of("global").is_some_and(|value| value.eq_ignore_ascii_case("false")) {
                true => self.set_local(name, value)?,
                false => self.set(name, value),
            }
        }
        Ok(())
    }

    /// Defines one for this file.
    fn set_local(&mut self, name: &str, value: &str) -> Result<(), Unreadable> {
        let former = self.local.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        match former == value {
            true => Ok(()),
            false => Err(wrong(format!("the property {name} has global:false and two values in this file"))),
        }
    }

    /// The text with its parameters replaced.
    ///
    /// # Errors
    /// The name of one that Liquibase would take from elsewhere.
    pub(crate) fn replaced(&self, text: &str) -> Result<String, Unreadable> {
        let (mut result, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(begin) = rest.find("${") {
            result += &rest[..begin];
            rest = &rest[begin..];
            let Some(end) = rest.find('}') else { break };
            let name = rest[2..end].trim();
            match self.values.get(name).or_else(|| self.local.get(name)) {
                _ if self.environment.contains(name) => {
                    return Err(Unreadable::new(
                        format!("Liquibase would put the environment's variable {name} into the SQL"),
                        format!("allow it with migration_variables = {name}, or start without the variable"),
                    ));
                }
                Some(value) if value.contains("${") => {
                    return Err(wrong(format!(
                        "the value of {name} has a parameter, which Liquibase would replace, too: write its value"
                    )));
                }
                Some(value) => result += value,
                None if OF_JAVA.iter().any(|prefix| name.starts_with(prefix)) => {
                    return Err(wrong(format!(
                        "Liquibase would replace ${{{name}}} by a value of its own, which doorstep does not know"
                    )));
                }
                None => result += &rest[..=end],
            }
            rest = &rest[end + 1..];
        }
        Ok(result + rest)
    }
}

/// The value of an attribute, `NAME:VALUE`; blanks may follow the colon.
fn attribute<'a>(rest: &'a str, wanted: &str) -> Option<&'a str> {
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        let Some((name, value)) = word.split_once(':') else { continue };
        let value = if value.is_empty() { words.next() } else { Some(value) };
        if name.eq_ignore_ascii_case(wanted) {
            return value;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_definition_counts_and_unknown_names_stay() {
        let mut parameters = Parameters::default();
        parameters.runtime.dbms = &["postgresql"];
        for line in ["name:a value:one", "name:a value:two", "name:b value:x dbms:mysql", "name:c value:y context:prod"]
        {
            parameters.define(line).unwrap();
        }
        let text = "'${a}' '${ a }' '${b}' '${c}' ${none:x} ${";
        assert_eq!(parameters.replaced(text).unwrap(), "'one' 'one' '${b}' 'y' ${none:x} ${");
        for wrong in ["name:\"a\" value:b", "name:a", "name:a value:"] {
            assert!(parameters.define(wrong).is_err(), "{wrong}");
        }
        parameters.define("name: d  value:\ta:b c").unwrap();
        parameters.define("name:e value:<${d}>").unwrap();
        assert_eq!(parameters.replaced("${d}").unwrap(), "a:b");
        assert!(parameters.replaced("${e}").is_err());
    }

    #[test]
    fn a_property_of_one_file_counts_less_than_one_of_all() {
        let mut parameters = Parameters::default();
        parameters.runtime.dbms = &["postgresql"];
        for line in ["name:a value:1 global:false", "name:b value:2 global: FALSE", "name:a value:3 global:true"] {
            parameters.define(line).unwrap();
        }
        assert!(parameters.define("name:b value:4 global:false").is_err());
        assert_eq!(parameters.replaced("${a} ${b}").unwrap(), "3 2");
        parameters.begin_file();
        assert_eq!(parameters.replaced("${a} ${b}").unwrap(), "3 ${b}");
    }

    #[test]
    fn a_property_for_one_of_the_products_that_the_server_may_be_is_refused() {
        let mut parameters = Parameters::default();
        parameters.runtime.dbms = &["mariadb", "mysql"];
        for line in ["name:a value:b dbms:mysql", "name:a value:b dbms:!mariadb"] {
            assert!(parameters.define(line).unwrap_err().next.contains("dbms:mariadb,mysql"), "{line}");
        }
        for line in ["name:a value:1 dbms:postgresql", "name:b value:2 dbms:mysql,mariadb", "name:c value:3"] {
            parameters.define(line).unwrap();
        }
        assert_eq!(parameters.replaced("${a} ${b} ${c}").unwrap(), "${a} 2 3");
    }

    #[test]
    fn what_comes_from_elsewhere_is_refused_by_name() {
        let mut parameters = Parameters { environment: ["HOME".to_owned()].into(), ..Parameters::default() };
        parameters.set("HOME", "x");
        assert!(parameters.replaced("${HOME}").unwrap_err().why.contains("HOME"));
        assert!(parameters.replaced("${database.databaseProductName}").is_err());
        assert_eq!(parameters.replaced("${HOMES}").unwrap(), "${HOMES}");
    }
}
