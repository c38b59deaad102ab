//! The environment variables, read once at the start. Everything else gets them from here, so that tests can pass their own
//! and nothing reads the process environment from another thread.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::secret::Secret;

/// The variables at the start. Values that are not UTF-8 are left out, because envy panics on them; the service still
/// gets them, since exec passes the process environment on. A copy shares them.
#[derive(Debug, Clone, Default)]
pub struct Environment(Arc<BTreeMap<String, Secret>>);

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::from_pairs(std::env::vars_os())
    }

    /// An environment for tests, or for a child.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let utf8 = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, Secret::new(value.into_string().ok()?)))
        };
        Self(Arc::new(pairs.into_iter().filter_map(utf8).collect()))
    }

    /// This environment, and of the pairs what it leaves open. `NAME` and `NAME_FILE` are two forms of one value.
    pub(crate) fn above(&self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let other_form = |name: &str| name.strip_suffix("_FILE").map_or_else(|| format!("{name}_FILE"), str::to_owned);
        let mut merged = self.clone();
        let variables = Arc::make_mut(&mut merged.0);
        for (name, value) in pairs {
            if self.get(&name).is_none() && self.get(&other_form(&name)).is_none() {
                variables.insert(name, Secret::new(value));
            }
        }
        merged
    }

    /// A variable's value, if set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }

    /// All variables, by name.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A variable that names a path.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }
}

/// Whether this process has a variable of this name, which a child of it would have too.
pub(crate) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}
