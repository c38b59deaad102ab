//! `meta/_journal.json` of Drizzle 0.x: which files are migrations, in which order, and of which time.

use serde_json::Value;

/// The file, from the folder of migrations.
pub(crate) const FILE: &str = "meta/_journal.json";

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of its file, without `.sql`.
    pub tag: String,
    /// When it was made, in milliseconds since 1970: what the history has of it, and by what Drizzle decides.
    pub when: i64,
}

/// The entries in the order of the list, which is that in which they apply; `idx` counts for nothing.
///
/// # Errors
/// What Drizzle cannot read, or reads as something else than it says.
pub fn entries(text: &str) -> Result<Vec<Entry>, String> {
    let journal: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let Some(list) = journal["entries"].as_array() else { return Err("it has no list of entries".to_owned()) };
    let mut found: Vec<Entry> = Vec::with_capacity(list.len());
    for (index, entry) in list.iter().enumerate() {
        let nth = index + 1;
        let Some(tag) = entry["tag"].as_str().filter(|tag| !tag.is_empty()) else {
            return Err(format!("its entry {nth} has no tag"));
        };
        let when = match &entry["when"] {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let Some(when) = when else {
            return Err(format!(
                "when of {tag} is no number of milliseconds, so it is not certain what Drizzle would run"
            ));
        };
        if found.iter().any(|known| known.tag == tag) {
            return Err(format!("it has two entries of the file {tag}.sql"));
        }
        found.push(Entry { tag: tag.to_owned(), when });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_in_their_order() {
        let text = r#"{"version": "7", "entries": [
            {"idx": 1, "when": 1700000001000, "tag": "0001_b", "breakpoints": true},
            {"idx": 0, "when": "1700000000000", "tag": "0000_a"}
        ]}"#;
        let found: Vec<(String, i64)> = entries(text).unwrap().into_iter().map(|it| (it.tag, it.when)).collect();
        assert_eq!(found, [("0001_b".to_owned(), 1_700_000_001_000), ("0000_a".to_owned(), 1_700_000_000_000)]);
        assert_eq!(entries(r#"{"entries": []}"#), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            "\u{feff}{\"entries\": []}",
            r#"{"entries": {}}"#,
            r#"{"entries": [{"when": 1}]}"#,
            r#"{"entries": [{"tag": "a"}]}"#,
            r#"{"entries": [{"tag": "a", "when": 1.5}]}"#,
            r#"{"entries": [{"tag": "a", "when": "x"}]}"#,
            r#"{"entries": [{"tag": "a", "when": null}]}"#,
            r#"{"entries": [{"tag": "a", "when": 1}, {"tag": "a", "when": 2}]}"#,
        ] {
            assert!(entries(text).is_err(), "{text}");
        }
    }
}
