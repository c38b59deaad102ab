//! The settings on a command line without mistakes, read as variables are. clap would build every flag with its help first, which
//! takes longer than the rest of the command line and a tenth of the pages that a start touches.

use std::ffi::{OsStr, OsString};

use crate::config::Layer;
use crate::config::environment::setting;

/// What [`Layer`] does not read here: a flag whose value may be left out, and one that may be repeated.
const ODD: [&str; 2] = ["init", "wait_for"];

impl Layer {
    /// Takes the settings out of the words before `--`: what they set, and all other words. `None` where only clap can tell what is
    /// meant, or what is wrong.
    pub(crate) fn taken_from(words: &[OsString]) -> Option<(Self, Vec<OsString>)> {
        let (mut layer, mut seen, mut others) = (Self::default(), Vec::new(), Vec::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                others.push(word.clone());
                break;
            }
            if !word.as_encoded_bytes().starts_with(b"-") {
                others.push(word.clone());
                continue;
            }
            let (flag, attached) = match word.to_str()?.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (word.to_str()?, None),
            };
            let name = flag.strip_prefix("--").filter(|name| !name.contains('_'))?.replace('-', "_");
            if !Self::NAMES.contains(&name.as_str()) || ODD.contains(&name.as_str()) || seen.contains(&name) {
                return None;
            }
            let next =
                || words.next().map(OsString::as_os_str).and_then(OsStr::to_str).filter(|it| !it.starts_with('-'));
            let value = attached.or_else(next).filter(|value| !value.is_empty())?;
            layer = layer.or(setting(&name, value).ok()?);
            seen.push(name);
        }
        others.extend(words.cloned());
        Some((layer, others))
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(Into::into).collect()
    }

    fn by_clap(words: &[OsString]) -> Option<Layer> {
        let parser = Layer::augment_args(clap::Command::new("x").no_binary_name(true));
        Layer::from_arg_matches(&parser.try_get_matches_from(words).ok()?).ok()
    }

    #[test]
    fn every_setting_is_what_clap_makes_of_it() {
        let values = [
            "3",
            "3s",
            "0",
            "a,b",
            "app.users",
            "x/y",
            "apply",
            "off",
            "await",
            "prisma",
            "error",
            "warning",
            "report",
            "debug",
            "json",
            ":8080",
            "refuse",
            "node server.js",
            "table:a.b",
            "postgres://u:p@h/d?x=y,z",
            "Ω",
            "true",
            "TEXT",
            "skip",
            "stop",
        ];
        for name in Layer::NAMES {
            let flag = name.replace('_', "-");
            let mut accepted = 0;
            for value in values {
                for line in [vec![format!("--{flag}={value}")], vec![format!("--{flag}"), value.to_owned()]] {
                    let words: Vec<OsString> = line.iter().map(Into::into).collect();
                    let Some((layer, others)) = Layer::taken_from(&words) else { continue };
                    assert_eq!(Some(format!("{layer:?}")), by_clap(&words).map(|it| format!("{it:?}")), "{line:?}");
                    assert!(others.is_empty(), "{line:?}");
                    accepted += 1;
                }
            }
            assert_eq!(accepted > 0, !ODD.contains(name), "{name}");
        }
    }

    #[test]
    fn what_is_odd_or_wrong_is_left_to_clap() {
        for line in [
            "--init",
            "--init=false",
            "--wait-for tcp://h:1",
            "--log debug --log info",
            "--wait-timeuot 3s",
            "--wait-timeout",
            "-h",
            "--wait-timeout -1s",
            "--wait_timeout 3s",
            "--wait-timeout=",
            "--wait-timeout x",
            "--config doorstep.toml",
            "-",
        ] {
            assert!(Layer::taken_from(&words(line)).is_none(), "{line}");
        }
    }

    #[test]
    fn what_follows_two_dashes_is_the_services() {
        let (layer, others) = Layer::taken_from(&words("run --log debug -- node --log=x --log y")).unwrap();
        assert_eq!(others, words("run -- node --log=x --log y"));
        assert!(layer.log.is_some());
    }
}
