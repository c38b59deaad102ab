//! The forms of a file with a database URL: the URL as it is; a JSON object, as AWS Secrets Manager writes it; or lines of
//! `KEY=VALUE`.
//!
//! The form is certain from how the file begins. No URL begins with `{`. No URL and no keyword string of libpq, whose names are
//! lowercase, begins with an uppercase name and `=`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::base::env_lines;

/// The URL in the text of a file.
///
/// # Errors
/// What is wrong, and what to do about it, without any of the content.
pub(crate) fn url_of(text: &str) -> Result<String, String> {
    match form_of(text) {
        Form::Plain => Ok(text.to_owned()),
        Form::Json => url_of_pairs(&json_pairs(text)?),
        Form::Lines => {
            let pairs = env_lines::parse(text).map_err(|(line, why)| {
                format!("line {line} {why}\nnext: write KEY=VALUE in each line, or the URL alone")
            })?;
            url_of_pairs(&pairs)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Json,
    Lines,
}

fn form_of(text: &str) -> Form {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('{') {
        return Form::Json;
    }
    let mut lines = start.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let first = first.strip_prefix("export ").unwrap_or(first).trim_start();
    let name = first.split_once('=').map(|(name, _)| name.trim_end()).unwrap_or_default();
    let is_lines = !name.is_empty() && env_lines::is_name(name) && !name.chars().any(|c| c.is_ascii_lowercase());
    if is_lines { Form::Lines } else { Form::Plain }
}

/// The texts and numbers of the object. Other values are left out: a secret may carry more than a login.
fn json_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!(
            "it begins as JSON, and is none at line {line}, column {column}\nnext: repair it, or write the URL alone"
        )
    })?;
    let Value::Object(object) = value else { return Err(format!("its JSON is no object\nnext: {EXPECTED}")) };
    let text = |(key, value): (String, Value)| match value {
        Value::String(text) => Some((key, text)),
        Value::Number(number) => Some((key, number.to_string())),
        _ => None,
    };
    Ok(object.into_iter().filter_map(text).collect())
}

const EXPECTED: &str =
    "write the URL (as DATABASE_URL), or host, port, user, password, dbname, and engine (postgres, mysql or mariadb)";

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Url,
    Host,
    Port,
    User,
    Password,
    Database,
    Engine,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Url => "URL",
            Self::Host => "host",
            Self::Port => "port",
            Self::User => "user",
            Self::Password => "password",
            Self::Database => "database",
            Self::Engine => "engine",
        }
    }
}

/// The schemes by the names that clients and clouds give to the engines.
const ENGINES: &[(&str, &str)] = &[
    ("postgres", "postgresql"),
    ("postgresql", "postgresql"),
    ("aurora-postgresql", "postgresql"),
    ("mysql", "mysql"),
    ("mariadb", "mysql"),
    ("aurora-mysql", "mysql"),
];

/// Beginnings of keys, and the scheme that they stand for.
const PREFIXES: &[(&str, Option<&str>)] = &[
    ("pg", Some("postgresql")),
    ("postgres_", Some("postgresql")),
    ("postgresql_", Some("postgresql")),
    ("mysql_", Some("mysql")),
    ("mariadb_", Some("mysql")),
    ("db_", None),
    ("", None),
];

/// What a key stands for, and the scheme that its beginning names.
fn part_of(key: &str) -> Option<(Part, Option<&'static str>)> {
    let key = key.to_ascii_lowercase();
    PREFIXES.iter().find_map(|(prefix, scheme)| {
        let part = match key.strip_prefix(prefix)? {
            "database_url" | "url" | "uri" if prefix.is_empty() => Part::Url,
            "host" | "hostname" => Part::Host,
            "port" => Part::Port,
            "user" | "username" => Part::User,
            "password" => Part::Password,
            "dbname" | "database" | "db" => Part::Database,
            "name" if *prefix == "db_" => Part::Database,
            "engine" => Part::Engine,
            _ => return None,
        };
        Some((part, *scheme))
    })
}

fn url_of_pairs(pairs: &[(String, String)]) -> Result<String, String> {
    let mut found: Vec<(Part, &str)> = Vec::new();
    let mut schemes: Vec<&str> = Vec::new();
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        let Some((part, scheme)) = part_of(key) else { continue };
        if found.iter().any(|(known, other)| *known == part && *other != value) {
            return Err(format!("it names two values for the {}\nnext: keep one of them", part.name()));
        }
        found.push((part, value));
        schemes.extend(scheme);
    }
    let get = |part: Part| found.iter().find(|(known, _)| *known == part).map(|(_, value)| *value);
    if let Some(url) = get(Part::Url) {
        return Ok(url.to_owned());
    }
    if let Some(engine) = get(Part::Engine) {
        let known = ENGINES.iter().find(|(name, _)| engine.eq_ignore_ascii_case(name));
        let (_, scheme) =
            known.ok_or_else(|| format!("its engine is not one that doorstep speaks\nnext: {EXPECTED}"))?;
        schemes.push(scheme);
    }
    schemes.dedup();
    let missing = |what: &str| format!("it names no {what}\nnext: {EXPECTED}");
    let scheme = match schemes.as_slice() {
        [] => return Err(missing("engine")),
        [scheme] => *scheme,
        _ => return Err("it names two engines\nnext: keep the keys of one of them".to_owned()),
    };
    let host = get(Part::Host).ok_or_else(|| missing("host"))?;
    let user = get(Part::User).ok_or_else(|| missing("user"))?;
    let port = get(Part::Port).unwrap_or_default();
    if !host.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c)) {
        return Err(format!("its host is no name and no address\nnext: {EXPECTED}"));
    }
    if !port.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("its port is no number\nnext: {EXPECTED}"));
    }
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let password = get(Part::Password).map(|password| format!(":{}", encode(password))).unwrap_or_default();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let port = if port.is_empty() { String::new() } else { format!(":{port}") };
    let database = get(Part::Database).map(|name| format!("/{}", encode(name))).unwrap_or_default();
    Ok(format!("{scheme}://{}{password}@{host}{port}{database}", encode(user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_certain_from_how_the_file_begins() {
        for (text, form) in [
            ("postgres://u:{p}@h/d?A=b", Form::Plain),
            ("host=h user=u password=A=b", Form::Plain),
            ("host=h\nuser=u", Form::Plain),
            ("file:./A=b.db", Form::Plain),
            ("", Form::Plain),
            (" {\"a\": 1}", Form::Json),
            ("# of the vault\n\nexport DB_HOST=h", Form::Lines),
            ("DATABASE_URL = postgres://u@h/d", Form::Lines),
            ("dB=x", Form::Plain),
        ] {
            assert_eq!(form_of(text), form, "{text}");
        }
    }

    #[test]
    fn json_and_lines_become_a_url() {
        for (text, expected) in [
            (
                r#"{"engine":"postgres","host":"db.x.rds.amazonaws.com","username":"app","password":"p@s/s:1","port":5432,"dbname":"shop","dbInstanceIdentifier":"db","masterarn":null}"#,
                "postgresql://app:p%40s%2Fs%3A1@db.x.rds.amazonaws.com:5432/shop",
            ),
            (r#"{"engine":"MariaDB","host":"::1","user":"a","port":"3306"}"#, "mysql://a@[::1]:3306"),
            (r#"{"DATABASE_URL":"postgres://u@h/d","host":"other"}"#, "postgres://u@h/d"),
            ("PGHOST=h\nPGUSER=u\nPGPASSWORD='a b'\nPGDATABASE=d\n", "postgresql://u:a%20b@h/d"),
            ("DB_HOST=h\nDB_USER=u\nDB_NAME=d\nENGINE=mysql", "mysql://u@h/d"),
            ("POSTGRES_USER=u\nPOSTGRES_DB=d\nHOST=h\nPOSTGRES_INITDB_ARGS=x", "postgresql://u@h/d"),
            ("# x\nexport DATABASE_URL=\"file:./dev.db\"\n", "file:./dev.db"),
            ("host=h user=u", "host=h user=u"),
        ] {
            assert_eq!(url_of(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_without_the_content() {
        for (text, expected) in [
            (r#"{"username":"u","password":"hunter2"}"#, "it names no engine"),
            (r#"{"engine":"postgres","username":"u","password":"hunter2"}"#, "it names no host"),
            (r#"{"engine":"postgres","host":"h","password":"hunter2"}"#, "it names no user"),
            (r#"{"engine":"hunter2","host":"h","user":"u"}"#, "its engine is not one"),
            (r#"{"engine":"mysql","PGHOST":"h","user":"u"}"#, "it names two engines"),
            (r#"{"engine":"mysql","host":"h","user":"u","username":"hunter2"}"#, "two values for the user"),
            (r#"{"engine":"mysql","host":"hunter2/x","user":"u"}"#, "its host is no name"),
            (r#"{"engine":"mysql","host":"h","user":"u","port":"hunter2"}"#, "its port is no number"),
            ("{\"password\": \"hunter2\"", "is none at line 1"),
            ("{hunter2}", "is none at line 1"),
            ("PGHOST=h\nhunter2", "line 2 has no `=`"),
        ] {
            let error = url_of(text).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
