//! `schemas_from`: the schemas that a folder is applied to one by one, as a list of names or as a query that returns them.

use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};

use crate::base::secret::OneOrMany;
use crate::config::value::SchemaName;
use crate::sql::name::split_outside_quotes;
use crate::sql::{Dialect, script};

/// The words that begin a query which returns rows.
const QUERIES: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

/// The most bytes of a name (NAMEDATALEN - 1): the server cuts off what is longer.
const LONGEST: usize = 63;

/// The most connections that one start migrates over.
const MOST_JOBS: usize = 64;

/// Where the names of the schemas come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemasFrom {
    /// These names, each once.
    Names(Vec<String>),
    /// The first column of this query.
    Query(String),
}

impl SchemasFrom {
    /// A list of one name: that schema is the whole start.
    pub(crate) fn is_one(&self) -> bool {
        matches!(self, Self::Names(names) if names.len() == 1)
    }
}

impl FromStr for SchemasFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_query(text) {
            return query(text);
        }
        names(split_outside_quotes(text, ',').into_iter().map(str::trim).filter(|name| !name.is_empty()))
    }
}

impl<'de> Deserialize<'de> for SchemasFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = deserializer.deserialize_any(OneOrMany)?;
        let read = match texts.as_slice() {
            [one] => one.parse(),
            many => names(many.iter().map(String::as_str)),
        };
        read.map_err(de::Error::custom)
    }
}

fn is_query(text: &str) -> bool {
    let text = text.trim_start();
    let word = text.split(|character: char| !character.is_ascii_alphabetic()).next().unwrap_or_default();
    // A schema may be called `select`: behind the word of a query there is more of it.
    let is_followed = text[word.len()..].starts_with(|next: char| next.is_whitespace() || next == '(' || next == '*');
    is_followed && QUERIES.iter().any(|query| query.eq_ignore_ascii_case(word))
}

fn query(text: &str) -> Result<SchemasFrom, String> {
    match script::statements(text, Dialect::Postgres).as_slice() {
        [one] => Ok(SchemasFrom::Query(one.text.trim().trim_end_matches(';').to_owned())),
        _ => {
            Err("schemas_from has several statements\nnext: write one query that returns one column of names"
                .to_owned())
        }
    }
}

fn names<'a>(texts: impl Iterator<Item = &'a str>) -> Result<SchemasFrom, String> {
    let names: Result<Vec<String>, String> = texts.map(|text| text.parse::<SchemaName>().map(|name| name.0)).collect();
    let names = names.map_err(|why| format!("schemas_from: {why}"))?;
    match names.is_empty() {
        true => Err("schemas_from is empty\nnext: name the schemas, or write a query that returns them".to_owned()),
        false => Ok(SchemasFrom::Names(distinct(names)?)),
    }
}

/// The names in their order, each once.
///
/// # Errors
/// For a schema of the server's own, and a name that the server would cut off.
pub(crate) fn distinct(names: Vec<String>) -> Result<Vec<String>, String> {
    let mut seen = std::collections::BTreeSet::new();
    let names: Vec<String> = names.into_iter().filter(|name| seen.insert(name.clone())).collect();
    if let Some(name) = names.iter().find(|name| name.len() > LONGEST) {
        return Err(format!(
            "schemas_from names {name}, which is longer than the {LONGEST} bytes that PostgreSQL keeps of a name\n\
             next: choose a shorter name"
        ));
    }
    match names.iter().find(|name| name.starts_with("pg_") || *name == "information_schema") {
        Some(name) => Err(format!(
            "schemas_from names {name}, a schema of the server's own\n\
             next: leave it out, e.g. with WHERE nspname LIKE 'tenant\\_%'"
        )),
        None => Ok(names),
    }
}

/// The flag that names this schema alone, as a shell reads it.
pub(crate) fn flag(schema: &str) -> String {
    let alone = SchemasFrom::Names(vec![schema.to_owned()]);
    let plain = schema.parse::<SchemasFrom>().is_ok_and(|read| read == alone);
    let written = if plain { schema.to_owned() } else { format!("\"{}\"", schema.replace('"', "\"\"")) };
    format!("--schemas-from {}", shlex::try_quote(&written).unwrap_or_default())
}

/// How many schemas are migrated at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jobs(pub usize);

impl FromStr for Jobs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let jobs = text.trim().parse().ok().filter(|jobs| (1..=MOST_JOBS).contains(jobs));
        jobs.map(Self).ok_or_else(|| format!("`{text}` is not a number of connections from 1 to {MOST_JOBS}"))
    }
}

impl<'de> Deserialize<'de> for Jobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = deserializer.deserialize_any(OneOrMany)?;
        texts.join(",").parse().map_err(de::Error::custom)
    }
}

/// What the failure of one schema means for those that were not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Migrate them all the same
    Continue,
    /// Leave them
    Stop,
}

/// The settings about many schemas.
#[derive(Debug, Clone)]
pub(crate) struct Tenancy {
    /// Where their names come from; `None` where the folder is applied once.
    pub from: Option<SchemasFrom>,
    /// How many are migrated at a time.
    pub jobs: usize,
    /// What one failure means for the others.
    pub on_failure: OnFailure,
    /// The schemas behind each of them in the search path.
    pub path: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SchemasFrom, String> {
        text.parse()
    }

    fn list(names: &[&str]) -> SchemasFrom {
        SchemasFrom::Names(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_list_has_names_and_a_query_returns_them() {
        assert_eq!(read("a, b,a"), Ok(list(&["a", "b"])));
        assert_eq!(read("\"a,b\",\"It's \"\"odd\"\"\""), Ok(list(&["a,b", "It's \"odd\""])));
        // Schemas may have the names of these words.
        assert_eq!(read("select,values"), Ok(list(&["select", "values"])));
        assert_eq!(read("select"), Ok(list(&["select"])));
        assert_eq!(read("selected"), Ok(list(&["selected"])));
        for query in ["SELECT a, b FROM t", "with x as (select 1) select * from x", "VALUES ('a')", "values('a'),('b')"]
        {
            assert_eq!(read(query), Ok(SchemasFrom::Query(query.to_owned())));
            assert_eq!(read(&format!(" {query} ; ")), Ok(SchemasFrom::Query(query.to_owned())));
        }
    }

    #[test]
    fn what_is_no_list_and_no_query_is_refused() {
        for (text, why) in [
            ("", "schemas_from is empty"),
            (" , ", "schemas_from is empty"),
            ("a,pg_catalog", "names pg_catalog, a schema of the server's own"),
            ("information_schema", "a schema of the server's own"),
            (&"ä".repeat(32), "longer than the 63 bytes"),
            ("$TENANTS", "as a variable that was not replaced"),
            ("SELECT 'a'; DROP TABLE t", "several statements"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn the_flag_of_a_schema_names_it_alone() {
        for name in ["t1", "a b", "a,b", "It's \"odd\"", "select (1)", "$x"] {
            let words = shlex::split(&flag(name)).unwrap();
            assert_eq!(words[0], "--schemas-from");
            assert_eq!(read(&words[1]), Ok(list(&[name])), "{name}");
        }
    }

    #[test]
    fn jobs_are_a_number_of_connections() {
        assert_eq!("8".parse(), Ok(Jobs(8)));
        for bad in ["0", "65", "-1", "four", ""] {
            assert!(bad.parse::<Jobs>().is_err(), "{bad}");
        }
    }
}
