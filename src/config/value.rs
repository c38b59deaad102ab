//! The types of single settings: how each is written in a flag, a variable or doorstep.toml, and the message for a value
//! that does not parse. Defaults and rules between settings are in `config`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use crate::base::plain_name::{flaw, unmeant};
use crate::base::secret::OneOrMany;
use crate::finding::DifferenceKind;
use crate::sql::ObjectKind;
use crate::sql::TableName;
use crate::sql::name::{split_outside_quotes, unquote};
use serde::de::{self, Deserialize, Deserializer};

/// A duration: `500ms`, `30s`, `5m`, `1m 30s`, or `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationSetting(pub Duration);

impl FromStr for DurationSetting {
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

impl<'de> Deserialize<'de> for DurationSetting {
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

/// A schema to create, or a role: `app`, or in double quotes any other characters that a name may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaName(pub String);

impl<'de> Deserialize<'de> for SchemaName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl FromStr for SchemaName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
        let name = if is_quoted { unquote(text) } else { text.to_owned() };
        let unmeant = if is_quoted { None } else { unmeant(&name) };
        match flaw(&name).or(unmeant) {
            Some(flaw) => Err(format!(
                "a name {flaw}\nnext: correct it; names stand apart by commas, and one that is meant so stands in double quotes"
            )),
            None => Ok(Self(name)),
        }
    }
}

/// A table: `name`, `schema.name`, with quotes where a name needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSetting(pub TableName);

impl FromStr for TableSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl<'de> Deserialize<'de> for TableSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
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

/// What `check` and `await` make of a state of the migrations that neither the files nor the tool tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Not healthy; go on waiting
    Refuse,
    /// As if nothing were pending
    Accept,
}

/// What is done with pending migrations that are older than applied ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutOfOrder {
    /// Run them, also where the tool would refuse them or skip them for ever
    Apply,
    /// Stop, also where the tool would run them
    Refuse,
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

/// Findings to ignore: `table:public.legacy_*`, `missing:*`. The first part is a kind of object or a kind of difference,
/// the rest its qualified name, in which `*` matches any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allow {
    what: Allowed,
    name: String,
}

/// Which findings the first part of a pattern accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Any,
    Difference(DifferenceKind),
    Object(ObjectKind),
}

impl Allowed {
    /// Every first part that is known, with its word.
    fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let differences = DifferenceKind::ALL.into_iter().map(|kind| (kind.name(), Self::Difference(kind)));
        let objects = ObjectKind::REPORTED.into_iter().map(|kind| (kind.word(), Self::Object(kind)));
        std::iter::once(("*", Self::Any)).chain(differences).chain(objects)
    }
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || format!("`{text}` is not a pattern; write thing:name, e.g. table:public.legacy_*");
        let (word, name) = text.split_once(':').ok_or_else(form)?;
        let known = Allowed::all().find(|(known, _)| *known == word.trim());
        let Some((_, what)) = known else {
            let known: Vec<&str> = Allowed::all().map(|(known, _)| known).collect();
            return Err(format!("`{text}` does not begin with a known kind; known are {}", known.join(", ")));
        };
        match name.trim() {
            "" => Err(form()),
            name => Ok(Self { what, name: name.to_owned() }),
        }
    }
}

impl Allow {
    /// True when a difference of this kind in this kind of object, called `name`, is accepted.
    #[must_use]
    pub(crate) fn accepts(&self, difference: DifferenceKind, object: ObjectKind, name: &str) -> bool {
        let is_meant = match self.what {
            Allowed::Any => true,
            Allowed::Difference(kind) => kind == difference,
            Allowed::Object(kind) => kind == object,
        };
        is_meant && matches(&self.name, name)
    }

    /// True when any difference in this kind of object, called `name`, is accepted: not by a pattern that names a kind of
    /// difference.
    #[must_use]
    pub(crate) fn accepts_object(&self, object: ObjectKind, name: &str) -> bool {
        matches!(self.what, Allowed::Object(kind) if kind == object) && matches(&self.name, name)
    }
}

/// Glob with `*` only.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!("500ms".parse::<DurationSetting>().unwrap().0, Duration::from_millis(500));
        assert_eq!("5m".parse::<DurationSetting>().unwrap().0, Duration::from_secs(300));
        assert_eq!("0".parse::<DurationSetting>().unwrap().0, Duration::ZERO);
        assert!("10o".parse::<DurationSetting>().unwrap_err().contains("`10o` is not a duration"));
    }

    #[test]
    fn switches() {
        assert!("YES".parse::<Switch>().unwrap().0 && !"0".parse::<Switch>().unwrap().0);
        assert!("maybe".parse::<Switch>().unwrap_err().contains("neither true nor false"));
        let toml = |text: &str| toml::from_str::<crate::config::Layer>(text).map(|layer| layer.init);
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
    fn lists_ignore_blanks_and_commas_in_quotes() {
        assert_eq!("a, b,,\"c,d\"".parse::<List>().unwrap().0, ["a", "b", "\"c,d\""]);
    }

    #[test]
    fn schemas_have_plain_names_or_quotes() {
        let name = |text: &str| text.parse::<SchemaName>().map(|name| name.0);
        assert_eq!(name("app").unwrap(), "app");
        assert_eq!(name("\"a, \"\"b\"\"\"").unwrap(), "a, \"b\"");
        assert_eq!(name("it's \"odd\"; --").unwrap(), "it's \"odd\"; --");
        for bad in ["app\n", " app", "\"app\u{200b}\"", "\"app \"", "$SCHEMA", "app #x", ""] {
            assert!(name(bad).unwrap_err().starts_with("a name "), "{bad:?}");
        }
    }

    #[test]
    fn patterns_name_a_kind_or_a_thing() {
        let allow: Allow = "table:public.legacy_*".parse().unwrap();
        assert!(allow.accepts(DifferenceKind::Missing, ObjectKind::Table, "public.legacy_users"));
        assert!(!allow.accepts(DifferenceKind::Missing, ObjectKind::Table, "public.users"));
        assert!(!allow.accepts(DifferenceKind::Missing, ObjectKind::Column, "public.legacy_users"));
        assert!("missing:*".parse::<Allow>().unwrap().accepts(DifferenceKind::Missing, ObjectKind::Table, "x"));
        assert!("no-colon".parse::<Allow>().is_err());
        assert!("tabel:x".parse::<Allow>().unwrap_err().contains("foreign_key"));
    }
}
