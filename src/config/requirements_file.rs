//! Reads `[require]` and `[[query]]` of doorstep.toml. By hand, not by serde: a finding names the line of its requirement,
//! and serde does not pass positions on.

use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::base::error::Error;
use crate::catalog::Origin;
use crate::config::requirement_form::object;
use crate::config::requirements::settings_error;
use crate::config::{Line, Require, ServiceQuery, unknown};
use crate::finding::Severity;
use crate::sql::TableName;

/// The tables of doorstep.toml that are not settings.
pub(crate) const TABLES: &[&str] = &["require", "query"];

const REQUIRE: &[&str] = &["tables", "columns", "indexes", "enums", "extensions", "constraints", "rows", "absent"];

const QUERY: &[&str] = &["name", "sql", "index", "severity"];

/// The text of doorstep.toml, for the line numbers of byte offsets.
pub(crate) struct Text<'a> {
    /// Its content.
    pub(crate) text: &'a str,
    /// Its path, as the user would write it.
    pub(crate) file: String,
}

impl Text<'_> {
    /// The line of a byte, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// The requirements and queries of a document.
    pub(crate) fn requirements(&self, document: &DeTable<'_>) -> Result<(Require, Vec<ServiceQuery>), Error> {
        let (mut require, mut queries) = (Require::default(), Vec::new());
        for (key, value) in document {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("require", DeValue::Table(table)) => require = self.require(table)?,
                ("require", _) => return Err(self.wrong(value.span(), "require is a table; write [require]")),
                ("query", DeValue::Array(tables)) => {
                    for table in tables {
                        queries.push(self.query(table, queries.len() + 1)?);
                    }
                }
                ("query", _) => return Err(self.wrong(value.span(), "query is a list of tables; write [[query]]")),
                _ => {}
            }
        }
        Ok((require, queries))
    }

    fn require(&self, table: &DeTable<'_>) -> Result<Require, Error> {
        let mut require = Require::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "tables" => require.tables = self.lines(value)?,
                "columns" => require.columns = self.lines(value)?,
                "indexes" => require.indexes = self.lines(value)?,
                "enums" => require.enums = self.lines(value)?,
                "extensions" => require.extensions = self.lines(value)?,
                "constraints" => require.constraints = self.lines(value)?,
                "rows" => require.rows = self.lines(value)?,
                "absent" => require.absent = self.lines(value)?,
                _ => return Err(self.unknown("require", REQUIRE, key)),
            }
        }
        Ok(require)
    }

    /// A list of texts, or a single text; each is parsed as one requirement.
    fn lines<T: FromStr>(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Line<T>>, Error>
    where
        T::Err: std::fmt::Display,
    {
        let line = |(text, span): (&str, Range<usize>)| match text.parse() {
            Ok(what) => Ok(Line { what, origin: self.origin(span) }),
            Err(why) => Err(self.wrong(span, &format!("{why}"))),
        };
        self.texts(value)?.into_iter().map(line).collect()
    }

    fn query(&self, value: &Spanned<DeValue<'_>>, number: usize) -> Result<ServiceQuery, Error> {
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.wrong(value.span(), "query is a list of tables; write [[query]]"));
        };
        let (mut name, mut sql, mut indexes, mut severity) = (None, None, Vec::new(), Severity::Warning);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => name = Some(self.text(value)?.0.to_owned()),
                "sql" => sql = Some(self.text(value)?),
                "index" => indexes = self.texts(value)?,
                "severity" => {
                    let (text, span) = self.text(value)?;
                    let of_name = [Severity::Error, Severity::Warning, Severity::Notice];
                    let wrong =
                        || self.wrong(span, &format!("`{text}` is not a severity; write error, warning or notice"));
                    severity = of_name.into_iter().find(|it| it.to_string() == text).ok_or_else(wrong)?;
                }
                _ => return Err(self.unknown("query", QUERY, key)),
            }
        }
        let Some((sql, span)) = sql else { return Err(self.wrong(value.span(), "a [[query]] has no sql")) };
        let index = |(text, span): (&str, Range<usize>)| {
            let wrong =
                || self.wrong(span, &format!("`{text}` is not the name of an index; write name or schema.name"));
            object(text).ok_or_else(wrong)
        };
        let named = indexes.iter().map(|(text, _)| *text).collect::<Vec<_>>().join(", ");
        let named = if named.is_empty() { number.to_string() } else { named };
        let indexes: Result<Vec<TableName>, Error> = indexes.into_iter().map(index).collect();
        Ok(ServiceQuery {
            name: name.unwrap_or(named),
            sql: sql.to_owned(),
            indexes: indexes?,
            severity,
            origin: self.origin(span),
        })
    }

    fn texts<'v>(&self, value: &'v Spanned<DeValue<'_>>) -> Result<Vec<(&'v str, Range<usize>)>, Error> {
        match value.get_ref() {
            DeValue::Array(values) => values.iter().map(|value| self.text(value)).collect(),
            _ => Ok(vec![self.text(value)?]),
        }
    }

    fn text<'v>(&self, value: &'v Spanned<DeValue<'_>>) -> Result<(&'v str, Range<usize>), Error> {
        let wrong = || self.wrong(value.span(), &format!("expected a text, found {}", value.get_ref().type_str()));
        Ok((value.get_ref().as_str().ok_or_else(wrong)?, value.span()))
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        Origin { file: self.file.as_str().into(), line: self.line(span.start) }
    }

    fn wrong(&self, span: Range<usize>, why: &str) -> Error {
        settings_error(&self.origin(span), why)
    }

    fn unknown(&self, table: &str, known: &[&str], key: &Spanned<std::borrow::Cow<'_, str>>) -> Error {
        let what = format!("key of {table} in {}:{}:", self.file, self.line(key.span().start));
        unknown(&what, key.get_ref(), known.iter().copied(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::requirement_form::IndexForm;

    fn read(text: &str) -> Result<(Require, Vec<ServiceQuery>), String> {
        let document = DeTable::parse(text).unwrap();
        let text = Text { text, file: "doorstep.toml".to_owned() };
        text.requirements(document.get_ref()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_line_knows_where_it_stands() {
        let (require, queries) = read(
            "[require]\ntables = \"users\"\nindexes = [\n  \"a\",\n  \"unique users (email)\",\n]\n\n\
             [[query]]\nsql = \"SELECT 1\"\nindex = [\"i\", \"s.j\"]\n\n[[query]]\nsql = '''\nSELECT 2'''\nseverity = \"error\"\n",
        )
        .unwrap();
        assert_eq!((require.tables[0].what.name.as_str(), require.tables[0].origin.line), ("users", 2));
        let [a, unique] = require.indexes.as_slice() else { panic!("{require:?}") };
        assert_eq!((a.origin.line, unique.origin.line), (4, 5));
        assert!(matches!(unique.what, IndexForm::On { unique: true, .. }));
        let [one, two] = queries.as_slice() else { panic!("{queries:?}") };
        assert_eq!((one.name.as_str(), one.severity, one.origin.line), ("i, s.j", Severity::Warning, 9));
        assert_eq!(one.indexes[1].schema.as_deref(), Some("s"));
        assert_eq!((two.name.as_str(), two.severity, two.origin.line), ("2", Severity::Error, 13));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line() {
        let wrong = |text: &str, expected: &str| {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        wrong(
            "[require]\n\ncolumn = []",
            "unknown key of require in doorstep.toml:3: column\nnext: did you mean columns?",
        );
        wrong("[require]\ncolumns = [\n\"users\"]", "doorstep.toml:3: `users` is no column");
        wrong("[require]\ntables = [1]", "doorstep.toml:2: expected a text, found integer");
        wrong("require = 1", "doorstep.toml:1: require is a table");
        wrong("[query]\nsql = \"SELECT 1\"", "write [[query]]");
        wrong("query = [1]", "write [[query]]");
        wrong("[[query]]\nindex = \"i\"", "doorstep.toml:1: a [[query]] has no sql");
        wrong("[[query]]\nsqll = \"x\"", "did you mean sql?");
        wrong("[[query]]\nsql = \"x\"\nseverity = \"bad\"", "doorstep.toml:3: `bad` is not a severity");
        wrong("[[query]]\nsql = \"x\"\nindex = \"t (a)\"", "doorstep.toml:3: `t (a)` is not the name of an index");
    }
}
