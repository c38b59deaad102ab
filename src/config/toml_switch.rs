//! Reads one switch of another tool's configuration in TOML. A pure function of the text.

use toml::{Table, Value};

/// The switch at this path of keys; `None` where it is not set.
///
/// # Errors
/// The text is no TOML, or the value is neither true nor false.
pub(crate) fn toml_switch(text: &str, path: &[&str]) -> Result<Option<bool>, String> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let mut value = &Value::Table(table);
    for key in path {
        match value.get(key) {
            Some(inner) => value = inner,
            None => return Ok(None),
        }
    }
    value.as_bool().map(Some).ok_or_else(|| format!("{} is neither true nor false", path.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_found_by_its_keys() {
        for (text, expected) in [
            ("", Ok(None)),
            ("[db.migrations]\nenabled = false\n", Ok(Some(false))),
            ("[db]\nmigrations = { enabled = true }\n", Ok(Some(true))),
            ("[db.seed]\nenabled = false\n", Ok(None)),
            ("db = 1\n", Ok(None)),
            ("[db.migrations]\nenabled = \"env(ON)\"\n", Err("db.migrations.enabled is neither true nor false")),
        ] {
            let found = toml_switch(text, &["db", "migrations", "enabled"]);
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
        assert!(toml_switch("[db", &["db"]).is_err());
    }
}
