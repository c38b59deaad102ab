//! Values that are never printed, and where they are read from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use crate::base::error::Error;
use crate::base::file::{self, FileKind};
use crate::base::plain_name::shown_path;
use crate::base::secret_file;

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

/// Where a secret comes from. A file is read again at every connect, so that a rotated password or a new token is used.
#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    /// Given as text.
    Text(Secret),
    /// Given as the path of a file.
    File(PathBuf),
    /// There is no URL: libpq's PG* variables name the database.
    Libpq,
}

impl SecretSource {
    /// The URL. A file may have it as JSON or as lines of `KEY=VALUE`, too.
    ///
    /// # Errors
    /// [`Error::Settings`] when the file cannot be read; its content is never quoted.
    pub(crate) fn read(&self) -> Result<Secret, Error> {
        match self {
            Self::Text(secret) => Ok(secret.clone()),
            Self::Libpq => Ok(Secret::new("")),
            Self::File(path) => {
                let url = secret_file::url_of(read_file(path)?.expose());
                let wrong = |why| Error::Settings(format!("cannot use the secret file {}: {why}", shown_path(path)));
                url.map(Secret::new).map_err(wrong)
            }
        }
    }
}

/// The content of a secret file as it is, without one trailing newline.
///
/// # Errors
/// [`Error::Settings`] when the file cannot be read or is empty; its content is never quoted.
pub(crate) fn read_file(path: &Path) -> Result<Secret, Error> {
    let text = file::read_text(path, FileKind::Secret).map_err(|error| {
        Error::Settings(file::unreadable(format_args!("the secret file {}", shown_path(path)), &error))
    })?;
    match without_newline(&text) {
        "" => {
            Err(Error::Settings(format!("the secret file {} is empty\nnext: write the URL into it", shown_path(path))))
        }
        text => Ok(Secret::new(text)),
    }
}

/// The text without one newline at its end, which editors and programs write behind a secret.
pub(crate) fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Accepts a text, a number, or a sequence of texts, as texts.
pub(crate) struct OneOrMany;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }
}
