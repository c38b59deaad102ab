//! `wait_for`: what a start waits for besides its database. Each entry begins with the scheme that says how it is asked.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::base::unseen::{called, is_unseen};
use crate::config::value::List;
use crate::config::words::Words;

/// The entries of one flag, of the variable or of doorstep.toml.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries(pub Vec<String>);

impl FromStr for Entries {
    type Err = std::convert::Infallible;

    /// Splits at commas outside double quotes, as other lists.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<List>().map(|list| Self(list.0))
    }
}

/// The entries of the variable or of doorstep.toml, where each item of an array is one entry as it is.
pub(crate) fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Entries>>, D::Error> {
    deserializer.deserialize_any(TextOrEntries).map(|entries| Some(vec![entries]))
}

struct TextOrEntries;

impl<'de> Visitor<'de> for TextOrEntries {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Entries, E> {
        Ok(text.parse().unwrap_or_default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = items.next_element()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

/// One of the things to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// As messages show it: without the query of a URL, which may hold a token.
    pub(crate) shown: String,
    /// How it is asked.
    pub(crate) kind: DependencyKind,
}

/// How one of them is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    /// A connection is accepted.
    Tcp { host: String, port: u16 },
    /// A GET is answered with 2xx or 3xx.
    Http(HttpUrl),
    /// The path exists.
    File(PathBuf),
    /// The command exits with 0.
    Exec(Words),
}

/// The parts of an `http://` or `https://` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    /// `https`.
    pub(crate) is_encrypted: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port as the URL writes them.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) target: String,
}

const FORMS: &str = "write tcp://host:port, http://host/path, https://host/path, file:/path or exec:command";

impl FromStr for Dependency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: String| format!("`{}` {why}\nnext: {FORMS}", hidden(text));
        if let Some(command) = text.strip_prefix("exec:") {
            let words: Words = command.trim().parse().map_err(wrong_command)?;
            return Ok(Self { shown: format!("exec:{words}"), kind: DependencyKind::Exec(words) });
        }
        let may_have_blanks = text.starts_with("file:");
        let is_wrong = |character: &char| is_unseen(*character) || (character.is_whitespace() && !may_have_blanks);
        if let Some(unseen) = text.chars().find(is_wrong) {
            return Err(wrong(format!("holds {}", called(unseen))));
        }
        let kind = match text.split_once(':') {
            Some(("tcp", rest)) => {
                let rest = rest.strip_prefix("//").ok_or_else(|| wrong("lacks the `//` behind tcp:".to_owned()))?;
                let (host, port) = host_and_port(rest.strip_suffix('/').unwrap_or(rest)).map_err(wrong)?;
                let port = port.ok_or_else(|| wrong("names no port".to_owned()))?;
                DependencyKind::Tcp { host, port }
            }
            Some((scheme @ ("http" | "https"), rest)) => DependencyKind::Http(http_url(scheme, rest).map_err(wrong)?),
            Some(("file", path)) => DependencyKind::File(file_path(path).map_err(wrong)?),
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
                return Err(wrong(format!("begins with a scheme that is not known: {scheme}")));
            }
            _ => return Err(wrong("begins with no scheme".to_owned())),
        };
        Ok(Self { shown: hidden(text), kind })
    }
}

/// The command may hold a password, so it is not repeated.
fn wrong_command(why: String) -> String {
    format!("the command of an exec: entry cannot be read: {why}\nnext: {FORMS}")
}

/// The entry as messages show it: without its query, and without what may be user and password.
fn hidden(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.rsplit_once('@') {
        Some((before, after)) => {
            let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
            format!("{scheme}***@{after}")
        }
        None => text.to_owned(),
    }
}

fn http_url(scheme: &str, rest: &str) -> Result<HttpUrl, String> {
    let rest = rest.strip_prefix("//").ok_or_else(|| format!("lacks the `//` behind {scheme}:"))?;
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    if !rest.is_ascii() {
        return Err("holds a character that a URL has percent-encoded".to_owned());
    }
    let (host, port) = host_and_port(authority)?;
    let is_encrypted = scheme == "https";
    Ok(HttpUrl {
        is_encrypted,
        host,
        port: port.unwrap_or(if is_encrypted { 443 } else { 80 }),
        authority: authority.to_owned(),
        target: if target.starts_with('/') { target.to_owned() } else { format!("/{target}") },
    })
}

/// `host`, `host:port`, `[::1]:port`.
fn host_and_port(authority: &str) -> Result<(String, Option<u16>), String> {
    if authority.contains('@') {
        return Err("holds user and password, which are not sent (use exec: with a program that sends them)".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("has an open bracket")?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err("has no IPv6 address in its brackets".to_owned());
            }
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or("has something behind its bracket")?),
            };
            (host, port)
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if host.is_empty() || !host.chars().all(is_name) {
        return Err("names no host".to_owned());
    }
    let port = port.map(|port| match port.parse() {
        Ok(number @ 1..) if port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err("has a port that is no number from 1 to 65535".to_owned()),
    });
    Ok((host.to_owned(), port.transpose()?))
}

/// `file:/run/x`, `file:x`, `file:///run/x`.
fn file_path(path: &str) -> Result<PathBuf, String> {
    let path = match path.strip_prefix("//") {
        Some(rest) if rest.starts_with('/') => rest,
        Some(_) => return Err("names a host in place of a path: a path has one slash or three".to_owned()),
        None => path,
    };
    if path.is_empty() { Err("names no path".to_owned()) } else { Ok(path.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> DependencyKind {
        text.parse::<Dependency>().unwrap().kind
    }

    #[test]
    fn each_scheme_says_how_to_ask() {
        let tcp = |host: &str, port| DependencyKind::Tcp { host: host.to_owned(), port };
        assert_eq!(kind("tcp://redis:6379"), tcp("redis", 6379));
        assert_eq!(kind("tcp://[::1]:80/"), tcp("::1", 80));
        assert_eq!(kind("file:/run/x"), DependencyKind::File("/run/x".into()));
        assert_eq!(kind("file:///run/x"), DependencyKind::File("/run/x".into()));
        assert_eq!(kind("exec: nc -z 'a b'"), DependencyKind::Exec("nc -z 'a b'".parse().unwrap()));
        let http = |text: &str| match kind(text) {
            DependencyKind::Http(url) => format!("{} {} {} {}", url.host, url.port, url.authority, url.target),
            other => panic!("{other:?}"),
        };
        assert_eq!(http("http://auth"), "auth 80 auth /");
        assert_eq!(http("https://auth:8443/ready?a=b#c"), "auth 8443 auth:8443 /ready?a=b");
        assert_eq!(http("https://[::1]?x"), "::1 443 [::1] /?x");
    }

    #[test]
    fn a_bad_entry_is_named_without_what_may_be_secret() {
        for (text, expected) in [
            ("ftp://x", "`ftp://x` begins with a scheme that is not known: ftp"),
            ("redis:6379", "`redis:6379` begins with a scheme that is not known: redis"),
            ("redis", "`redis` begins with no scheme"),
            ("tcp://redis", "`tcp://redis` names no port"),
            ("tcp:redis:1", "`tcp:redis:1` lacks the `//`"),
            ("tcp://redis:0", "`tcp://redis:0` has a port that is no number"),
            ("tcp://redis:+1", "`tcp://redis:+1` has a port that is no number"),
            ("tcp://:80", "`tcp://:80` names no host"),
            ("http://u:hunter2@h/x", "`http://***@h/x` holds user and password"),
            ("http:///x", "`http:///x` names no host"),
            ("http://a b/", "holds a blank"),
            ("http://[::1/", "has an open bracket"),
            ("ftp://h?token=hunter2", "`ftp://h` begins with"),
            ("file:", "`file:` names no path"),
            ("file://x", "`file://x` names a host"),
            ("exec:", "the command is empty"),
            ("exec:a hunter2 | b", "| has a meaning only to a shell"),
        ] {
            let error = text.parse::<Dependency>().unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{text}: {error}");
        }
        assert_eq!("https://h/x?token=hunter2".parse::<Dependency>().unwrap().shown, "https://h/x");
    }
}
