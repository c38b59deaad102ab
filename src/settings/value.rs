//! The types of single settings: how each is written, and what is wrong when it does not parse.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// A value that is never printed: no `Display`, and `Debug` says `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself; the name makes every use easy to find.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By hand, for an error that does not quote the value.
        let mut texts = deserializer.deserialize_any(OneOrMany)?;
        match (texts.pop(), texts.is_empty()) {
            (Some(text), true) => Ok(Self(text)),
            _ => Err(de::Error::custom("expected one text value")),
        }
    }
}

/// A duration: `500ms`, `30s`, `5m`, `1m 30s`, or `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "0" {
            return Ok(Self(Duration::ZERO));
        }
        humantime::parse_duration(text.trim())
            .map(Self)
            .map_err(|_| format!("`{text}` is not a duration; write 500ms, 30s or 5m (0 = no limit)"))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = deserializer.deserialize_any(OneOrMany)?;
        texts.join(",").parse().map_err(de::Error::custom)
    }
}

/// A list: `a,b` anywhere, `["a", "b"]` in doorstep.toml too. A quoted name may hold a comma.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List(pub Vec<String>);

impl FromStr for List {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let items = split_outside_quotes(text, ',').into_iter().map(|item| item.trim().to_owned());
        Ok(Self(items.filter(|item| !item.is_empty()).collect()))
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = deserializer.deserialize_any(OneOrMany)?;
        match texts.as_slice() {
            [one] => Ok(one.parse().unwrap_or_default()),
            _ => Ok(Self(texts)),
        }
    }
}

/// Accepts a text, a number, or a sequence of texts, as texts.
struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(vec![number.to_string()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        Ok(texts)
    }
}

/// Yes or no: `true`, `1`, `yes`, `on` or `false`, `0`, `no`, `off`; a plain `true` in doorstep.toml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch(pub bool);

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err(format!("`{text}` is neither true nor false")),
        }
    }
}

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "expected true or false")]
        enum Written {
            Plain(bool),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Plain(is_on) => Ok(Self(is_on)),
            Written::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

/// An address to listen on: `127.0.0.1:8080`, `[::1]:8080`, or `:8080` for every interface, IPv4 and IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.trim();
        let parsed = match address.strip_prefix(':') {
            Some(port) => port.parse().ok().map(|port| (IpAddr::V6(Ipv6Addr::UNSPECIFIED), port).into()),
            None => address.parse().ok(),
        };
        parsed.map(Self).ok_or_else(|| {
            format!("`{text}` is not an address to listen on; write :8080, 127.0.0.1:8080 or [::1]:8080")
        })
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What to do about migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Apply what is pending
    Apply,
    /// Someone else migrates: poll, read-only, until nothing is pending
    Await,
    /// Leave migrations alone
    Off,
}

/// Which findings stop the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strictness {
    /// A query of the service would fail
    Error,
    /// It works, but slower or less safe
    Warning,
    /// Nothing the service needs
    Notice,
    /// Print findings, never stop
    Report,
    /// Do not look
    Off,
}

/// How much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Form of the log lines, and of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people
    Text,
    /// For machines
    Json,
}

/// A table as the catalog spells it (case matters, as it does for Prisma's quoted names), with or
/// without its schema: `users`, `financial.invoices`, `"odd.name"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema; without it the table is looked for along the search path.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
}

impl FromStr for TableName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts: Vec<String> = split_outside_quotes(text, '.').into_iter().map(unquote).collect();
        if parts.iter().any(String::is_empty) || parts.len() > 2 {
            return Err(format!("`{text}` is not a table name; write table, schema.table or \"odd.name\""));
        }
        let name = parts.pop().unwrap_or_default();
        Ok(Self { schema: parts.pop(), name })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quote_if_needed(schema))?;
        }
        write!(f, "{}", quote_if_needed(&self.name))
    }
}

/// Writes a name so that [`TableName`] reads it back.
fn quote_if_needed(name: &str) -> String {
    if name.contains(['.', ',', '"', ' ']) {
        return format!("\"{}\"", name.replace('"', "\"\""));
    }
    name.to_owned()
}

fn unquote(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => text.to_owned(),
    }
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .collect()
}

/// A finding to pass over: `table:public.legacy_*`, `missing:*`. The first part names the kind of thing
/// or the kind of finding, the rest its qualified name, where `*` stands for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    subject: String,
    name: String,
}

/// Kinds of things and kinds of findings (contract: results as JSON).
const SUBJECTS: &[&str] = &[
    "*",
    "missing",
    "different",
    "extra",
    "renamed",
    "invalid",
    "hidden",
    "schema",
    "table",
    "column",
    "primary_key",
    "unique",
    "index",
    "foreign_key",
    "enum",
    "extension",
    "view",
    "constraint",
    "row",
    "query",
];

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((subject, _)) if !SUBJECTS.contains(&subject.trim()) => {
                Err(format!("`{text}` begins with no known thing or kind; known are {}", SUBJECTS.join(", ")))
            }
            Some((subject, name)) if !name.trim().is_empty() => {
                Ok(Self { subject: subject.trim().to_owned(), name: name.trim().to_owned() })
            }
            _ => Err(format!("`{text}` is not a pattern; write thing:name, e.g. table:public.legacy_*")),
        }
    }
}

impl Allow {
    /// True when a finding of this `kind` about this `thing` called `name` is accepted.
    #[must_use]
    pub fn accepts(&self, kind: &str, thing: &str, name: &str) -> bool {
        (self.subject == kind || self.subject == thing || self.subject == "*") && matches(&self.name, name)
    }
}

/// Glob with `*` only.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!("500ms".parse::<Span>().unwrap().0, Duration::from_millis(500));
        assert_eq!("5m".parse::<Span>().unwrap().0, Duration::from_secs(300));
        assert_eq!("0".parse::<Span>().unwrap().0, Duration::ZERO);
        assert!("10o".parse::<Span>().unwrap_err().contains("`10o` is not a duration"));
    }

    #[test]
    fn switches() {
        assert!("YES".parse::<Switch>().unwrap().0 && !"0".parse::<Switch>().unwrap().0);
        assert!("maybe".parse::<Switch>().unwrap_err().contains("neither true nor false"));
        let toml = |text: &str| toml::from_str::<crate::settings::Layer>(text).map(|layer| layer.init);
        assert_eq!(toml("init = true").unwrap(), Some(Switch(true)));
        assert_eq!(toml("init = \"off\"").unwrap(), Some(Switch(false)));
        assert!(toml("init = 7").unwrap_err().message().contains("expected true or false"));
    }

    #[test]
    fn addresses_to_listen_on() {
        let listen = |text: &str| text.parse::<Listen>().map(|listen| listen.0.to_string());
        assert_eq!(listen(":8080").unwrap(), "[::]:8080");
        assert_eq!(listen("0.0.0.0:80").unwrap(), "0.0.0.0:80");
        assert_eq!(listen("[::1]:0").unwrap(), "[::1]:0");
        for bad in ["", ":", "8080", ":65536", "localhost:80", "0.0.0.0", "http://0.0.0.0:80"] {
            assert!(listen(bad).unwrap_err().contains("write :8080"), "{bad}");
        }
    }

    #[test]
    fn table_names_keep_their_case_and_quotes_hide_dots() {
        let name: TableName = "public.SLAPolicy".parse().unwrap();
        assert_eq!((name.schema.as_deref(), name.name.as_str()), (Some("public"), "SLAPolicy"));
        let odd: TableName = "\"a.b\".\"c\"\"d\"".parse().unwrap();
        assert_eq!((odd.schema.as_deref(), odd.name.as_str()), (Some("a.b"), "c\"d"));
        assert_eq!(odd.to_string().parse::<TableName>().unwrap(), odd);
        assert!("a.b.c".parse::<TableName>().is_err());
        assert!("a.".parse::<TableName>().is_err());
    }

    #[test]
    fn lists_ignore_blanks_and_commas_in_quotes() {
        assert_eq!("a, b,,\"c,d\"".parse::<List>().unwrap().0, ["a", "b", "\"c,d\""]);
    }

    #[test]
    fn patterns_name_a_kind_or_a_thing() {
        let allow: Allow = "table:public.legacy_*".parse().unwrap();
        assert!(allow.accepts("missing", "table", "public.legacy_users"));
        assert!(!allow.accepts("missing", "table", "public.users"));
        assert!(!allow.accepts("missing", "column", "public.legacy_users"));
        assert!("missing:*".parse::<Allow>().unwrap().accepts("missing", "table", "x"));
        assert!("no-colon".parse::<Allow>().is_err());
        assert!("tabel:x".parse::<Allow>().unwrap_err().contains("foreign_key"));
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }
}
