//! The grammar of requirements: `users.email text not null`, `unique users (email)`, `billing.status (OPEN)`. Names are as
//! the catalog spells them (case matters); one with a dot, a blank or a bracket is in double quotes.
//!
//! This is text that people write in doorstep.toml. Whether the database meets it is checked in `verify::requirements`.

use std::str::FromStr;

use crate::sql::{ObjectKind, ObjectRef, TableName};

/// A column: `users.email`, `financial.invoices.total numeric(10,2) not null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnForm {
    /// Its table.
    pub table: TableName,
    /// Its name.
    pub name: String,
    /// Its type as SQL writes it; `None` for any.
    pub kind: Option<String>,
    /// Whether NULL is allowed; `None` accepts both.
    pub nullable: Option<bool>,
}

/// An index: by its name, or by its table and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexForm {
    /// `users_email_key`, `financial.invoices_total_idx`.
    Named(TableName),
    /// `financial.invoices (customer_id, created_at desc)`, `unique users (email)`.
    On {
        /// The table.
        table: TableName,
        /// Its key columns in their order, and whether each is `DESC`.
        columns: Vec<(String, bool)>,
        /// Whether it is a unique index.
        unique: bool,
    },
}

/// An enum type: `Role`, `billing.status (OPEN, CLOSED)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnumForm {
    /// Its name.
    pub name: TableName,
    /// Values that it must have.
    pub values: Vec<String>,
}

/// A constraint: `orders_customer_id_fkey`, `orders.orders_total_check`, `shop.orders.orders_total_check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConstraintForm {
    /// Its table; `None` for any table of the home schema.
    pub table: Option<TableName>,
    /// Its name.
    pub name: String,
}

/// A row: `plans`, `plans where code = 'free'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowForm {
    /// As written, for findings.
    pub text: String,
    /// Its table.
    pub table: TableName,
    /// The SQL condition that one row must meet.
    pub condition: Option<String>,
}

impl FromStr for ColumnForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no column; write users.email, or shop.users.email text not null");
        let (mut names, rest) = dotted(text).filter(|(names, _)| names.len() >= 2).ok_or_else(wrong)?;
        let name = names.pop().unwrap_or_default();
        let table = qualified(names).ok_or_else(wrong)?;
        let lower = rest.to_ascii_lowercase();
        let without = |words| lower.strip_suffix(words).filter(|kind| kind.is_empty() || kind.ends_with(' '));
        let (kind, nullable) = match (without("not null"), without("null")) {
            (Some(kind), _) => (&rest[..kind.len()], Some(false)),
            (None, Some(kind)) => (&rest[..kind.len()], Some(true)),
            (None, None) => (rest, None),
        };
        let kind = Some(kind.trim()).filter(|kind| !kind.is_empty()).map(str::to_owned);
        if nullable.is_some() && kind.as_ref().is_some_and(|kind| kind.ends_with("[]")) {
            return Err(format!("`{text}`: whether an array may be NULL is not checked; leave that out"));
        }
        Ok(Self { table, name, kind, nullable })
    }
}

impl FromStr for IndexForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no index; write its name, or [unique] table (column, column desc)");
        let (unique, of) = match text.split_once(char::is_whitespace) {
            Some((word, rest)) if word.eq_ignore_ascii_case("unique") => (true, rest),
            _ => (false, text),
        };
        let (names, rest) = dotted(of).ok_or_else(wrong)?;
        let table = qualified(names).ok_or_else(wrong)?;
        if rest.is_empty() && !unique {
            return Ok(Self::Named(table));
        }
        let columns: Option<Vec<_>> = in_brackets(rest).ok_or_else(wrong)?.into_iter().map(index_column).collect();
        Ok(Self::On { table, columns: columns.ok_or_else(wrong)?, unique })
    }
}

/// `created_at desc`.
fn index_column(text: &str) -> Option<(String, bool)> {
    let (mut names, direction) = dotted(text)?;
    let descending = match direction.to_ascii_lowercase().as_str() {
        "" | "asc" => false,
        "desc" => true,
        _ => return None,
    };
    let name = names.pop()?;
    names.is_empty().then_some((name, descending))
}

impl FromStr for EnumForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no enum; write status, or billing.status (OPEN, CLOSED)");
        let (names, rest) = dotted(text).ok_or_else(wrong)?;
        let name = qualified(names).ok_or_else(wrong)?;
        let values = match rest {
            "" => Vec::new(),
            rest => in_brackets(rest).ok_or_else(wrong)?.into_iter().map(value).collect(),
        };
        Ok(Self { name, values })
    }
}

impl FromStr for ConstraintForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no constraint; write its name, or table.name, or schema.table.name");
        let (mut names, _) = dotted(text).filter(|(_, rest)| rest.is_empty()).ok_or_else(wrong)?;
        let name = names.pop().unwrap_or_default();
        let table = match names.is_empty() {
            true => None,
            false => Some(qualified(names).ok_or_else(wrong)?),
        };
        Ok(Self { table, name })
    }
}

impl FromStr for RowForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no row; write plans, or plans where code = 'free'");
        let (names, rest) = dotted(text).ok_or_else(wrong)?;
        let table = qualified(names).ok_or_else(wrong)?;
        let condition = match rest.split_once(char::is_whitespace) {
            _ if rest.is_empty() => None,
            Some((word, condition)) if word.eq_ignore_ascii_case("where") => Some(condition.trim().to_owned()),
            _ => return Err(wrong()),
        };
        Ok(Self { text: text.to_owned(), table, condition })
    }
}

/// Something that must not be there any more: `column clients.alert_email`.
impl FromStr for ObjectRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let forms = "write table t, column t.c, index i, constraint t.c or enum e";
        let (thing, name) = text
            .split_once(char::is_whitespace)
            .ok_or_else(|| format!("`{text}` does not begin with a kind of object; {forms}"))?;
        let named = |kind| match object(name) {
            Some(TableName { schema, name }) => Ok(Self::new(kind, schema, name)),
            None => Err(format!("`{text}` has no valid name; {forms}")),
        };
        // A constraint may leave its table open; its home schema is meant then.
        let part = |kind, table: Option<TableName>, name: String| match table {
            Some(TableName { schema, name: table }) => Self::new(ObjectKind::Table, schema, table).part(kind, name),
            None => Self::new(kind, None, name),
        };
        match thing.to_ascii_lowercase().as_str() {
            "table" => named(ObjectKind::Table),
            "index" => named(ObjectKind::Index),
            "enum" => named(ObjectKind::Enum),
            "constraint" => {
                let ConstraintForm { table, name } = name.trim().parse()?;
                Ok(part(ObjectKind::Constraint, table, name))
            }
            "column" => match name.trim().parse()? {
                ColumnForm { table, name, kind: None, nullable: None } => {
                    Ok(part(ObjectKind::Column, Some(table), name))
                }
                _ => Err(format!("`{text}` has more than a name; {forms}")),
            },
            _ => Err(format!("`{text}` does not begin with a known kind; {forms}")),
        }
    }
}

/// The name of an object, with or without its schema; `None` if anything follows it.
pub(crate) fn object(text: &str) -> Option<TableName> {
    let (names, rest) = dotted(text)?;
    qualified(names).filter(|_| rest.is_empty())
}

fn qualified(mut names: Vec<String>) -> Option<TableName> {
    let name = names.pop()?;
    let schema = names.pop();
    names.is_empty().then_some(TableName { schema, name })
}

/// The dotted name at the beginning, in its parts, and the rest of the text.
fn dotted(text: &str) -> Option<(Vec<String>, &str)> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    loop {
        let (name, after) = match rest.strip_prefix('"') {
            Some(inside) => quoted(inside)?,
            None => {
                let end = rest.find(|c: char| c.is_whitespace() || ".,;()\"'".contains(c)).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if name.is_empty() {
            return None;
        }
        names.push(name);
        match after.strip_prefix('.') {
            Some(after) => rest = after,
            // A name ends at a blank or a bracket; any other character makes it invalid.
            None if after.is_empty() || after.starts_with('(') || after.starts_with(char::is_whitespace) => {
                return Some((names, after.trim()));
            }
            None => return None,
        }
    }
}

/// A name up to its closing quote, with doubled quotes undone, and the rest of the text.
fn quoted(inside: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once('"')?;
        name += before;
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

/// The parts of `(a, b)`: at least one, none empty.
fn in_brackets(text: &str) -> Option<Vec<&str>> {
    let inside = text.strip_prefix('(')?.strip_suffix(')')?;
    let mut quote = None;
    let outside = |c: char| {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        c == ',' && quote.is_none()
    };
    let parts: Vec<&str> = inside.split(outside).map(str::trim).collect();
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

/// A value of an enum: bare, or in quotes of either kind.
fn value(text: &str) -> String {
    let unquoted = |quote: char| {
        let inside = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inside.replace(&format!("{quote}{quote}"), &quote.to_string()))
    };
    unquoted('\'').or_else(|| unquoted('"')).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> TableName {
        text.parse().unwrap()
    }

    #[test]
    fn columns_with_and_without_type_and_null() {
        let read = |text: &str| {
            let ColumnForm { table, name, kind, nullable } = text.parse().unwrap();
            (table.to_string(), name, kind, nullable)
        };
        assert_eq!(read("users.email"), ("users".into(), "email".into(), None, None));
        let total = ("financial.invoices".into(), "total".into(), Some("numeric(10,2)".into()), Some(false));
        assert_eq!(read("financial.invoices.total numeric(10,2) not null"), total);
        assert_eq!(read("t.c NULL"), ("t".into(), "c".into(), None, Some(true)));
        assert_eq!(
            read("\"odd.t\".\"c d\" \"char\""),
            ("\"odd.t\"".into(), "c d".into(), Some("\"char\"".into()), None)
        );
        for wrong in ["users", "a.b.c.d", "users.", ".email", "", "a.b,c", "\"a.b"] {
            assert!(wrong.parse::<ColumnForm>().unwrap_err().contains("is no column"), "{wrong}");
        }
        assert!("t.tags text[] not null".parse::<ColumnForm>().unwrap_err().contains("leave that out"));
    }

    #[test]
    fn indexes_by_name_and_by_columns() {
        let read = |text: &str| text.parse::<IndexForm>().unwrap();
        assert_eq!(read("shop.i"), IndexForm::Named(table("shop.i")));
        let columns = vec![("customer_id".to_owned(), false), ("created_at".to_owned(), true)];
        let expected = IndexForm::On { table: table("f.invoices"), columns, unique: false };
        assert_eq!(read("f.invoices (customer_id ASC, created_at desc)"), expected);
        assert_eq!(read("f.invoices(customer_id,created_at desc)"), expected);
        let expected = IndexForm::On { table: table("users"), columns: vec![("email".into(), false)], unique: true };
        assert_eq!(read("unique users (email)"), expected);
        assert_eq!(read("\"unique\""), IndexForm::Named(table("unique")));
        for wrong in ["a.b.c", "t ()", "t (a,)", "t (a b)", "unique users", "t (a", "t (lower(a))", "t (a.b)"] {
            assert!(wrong.parse::<IndexForm>().unwrap_err().contains("is no index"), "{wrong}");
        }
    }

    #[test]
    fn enums_constraints_and_rows() {
        let form: EnumForm = "billing.status (OPEN, 'in, it''s', \"x\")".parse().unwrap();
        assert_eq!(
            (form.name, form.values),
            (table("billing.status"), vec!["OPEN".into(), "in, it's".into(), "x".into()])
        );
        assert!("a b".parse::<EnumForm>().is_err());
        let form: ConstraintForm = "shop.orders.total_check".parse().unwrap();
        assert_eq!((form.table, form.name.as_str()), (Some(table("shop.orders")), "total_check"));
        assert_eq!("k".parse::<ConstraintForm>().unwrap().table, None);
        assert!("a.b.c.d".parse::<ConstraintForm>().is_err() && "a b".parse::<ConstraintForm>().is_err());
        let form: RowForm = "shop.plans WHERE code = 'free'".parse().unwrap();
        assert_eq!((form.table, form.condition.as_deref()), (table("shop.plans"), Some("code = 'free'")));
        assert_eq!("plans".parse::<RowForm>().unwrap().condition, None);
        assert!("plans code = 1".parse::<RowForm>().is_err() && "plans where".parse::<RowForm>().is_err());
    }

    #[test]
    fn what_must_be_absent_says_what_it_is() {
        let read = |text: &str| text.parse::<ObjectRef>().unwrap();
        assert_eq!(read("table shop.old"), ObjectRef::new(ObjectKind::Table, Some("shop".to_owned()), "old"));
        let table = ObjectRef::new(ObjectKind::Table, None, "t");
        assert_eq!(read("Column t.c"), table.part(ObjectKind::Column, "c"));
        assert_eq!(read("constraint t.c"), table.part(ObjectKind::Constraint, "c"));
        assert_eq!(read("constraint c"), ObjectRef::new(ObjectKind::Constraint, None, "c"));
        for wrong in ["old", "tabel old", "column t.c text", "table a b", "index a.b.c"] {
            assert!(wrong.parse::<ObjectRef>().unwrap_err().contains("write table t"), "{wrong}");
        }
    }
}
