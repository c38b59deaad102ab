//! The name of a table as people write it in settings and requirements, with or without its schema. The names of other
//! objects are `object_ref`'s.

use std::fmt;
use std::str::FromStr;

/// A table as the catalog spells it (case matters, as it does for Prisma's quoted names), with or
/// without its schema: `users`, `financial.invoices`, `"odd.name"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema. `None`: the first schema of the search path that has the table.
    pub schema: Option<String>,
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

pub(crate) fn unquote(text: &str) -> String {
    let text = text.trim();
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => text.to_owned(),
    }
}

pub(crate) fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
