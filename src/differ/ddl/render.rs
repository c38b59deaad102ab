//! Statements as Prisma writes them into a `migration.sql`: names in quotes, four spaces, upper-case types.

use smol_str::SmolStr;

use crate::catalog::value::{Family, family};
use crate::catalog::{Arity, Column, Default, Enum, Extension, ForeignKey, Index, Key, Name, Table, Type};
use crate::sql::Dialect;

/// How the statements of one catalog are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ddl<'a> {
    pub(crate) dialect: Dialect,
    /// The schema that names are left unqualified for; `None` where all are qualified.
    pub(crate) home: Option<&'a str>,
}

impl Ddl<'_> {
    pub(crate) fn name(self, name: &Name) -> String {
        let bare = self.quoted(&name.name);
        match self.home == Some(&name.schema) || self.dialect == Dialect::Sqlite {
            true => bare,
            false => format!("{}.{bare}", self.quoted(&name.schema)),
        }
    }

    pub(crate) fn quoted(self, name: &str) -> String {
        self.dialect.identifier(name)
    }

    /// Names in quotes, between commas.
    pub(crate) fn list(self, names: &[SmolStr], comma: &str) -> String {
        names.iter().map(|name| self.quoted(name)).collect::<Vec<_>>().join(comma)
    }

    pub(crate) fn create_extension(self, extension: &Extension) -> String {
        let part = |what: &str, value: &Option<String>| value.as_ref().map(|it| format!(" {what} {}", self.quoted(it)));
        let parts = [part("SCHEMA", &extension.schema), part("VERSION", &extension.version)];
        let parts: String = parts.into_iter().flatten().collect();
        let with = if parts.is_empty() { "" } else { " WITH" };
        format!("CREATE EXTENSION IF NOT EXISTS {}{with}{parts};", self.quoted(&extension.name))
    }

    pub(crate) fn create_enum(self, of: &Enum) -> String {
        let values: Vec<String> = of.values.iter().map(|value| text(value)).collect();
        format!("CREATE TYPE {} AS ENUM ({});", self.name(&of.name), values.join(", "))
    }

    pub(crate) fn add_value(self, of: &Name, value: &str) -> String {
        format!("ALTER TYPE {} ADD VALUE {};", self.name(of), text(value))
    }

    pub(crate) fn create_table(self, table: &Table) -> String {
        if self.dialect == Dialect::Mysql {
            return self.mysql_table(table);
        }
        let mut lines: Vec<String> = table.columns.iter().map(|column| self.column_of(table, column)).collect();
        let key = table.primary_key.as_ref();
        match (self.dialect, key) {
            (Dialect::Postgres, Some(Key { name, columns, .. })) => {
                let columns = self.list(columns, ",");
                lines.push(format!("\n    CONSTRAINT {} PRIMARY KEY ({columns})", self.quoted(name)));
            }
            // A key of one column stands with the column.
            (Dialect::Sqlite, Some(Key { columns, .. })) if columns.len() != 1 => {
                lines.push(format!("\n    PRIMARY KEY ({})", self.list(columns, ", ")));
            }
            _ => {}
        }
        if self.dialect == Dialect::Sqlite {
            lines.extend(table.foreign_keys.iter().map(|key| format!("    {}", self.foreign_key(table, key))));
        }
        format!("CREATE TABLE {} (\n{}\n);", self.name(&table.name), lines.join(",\n"))
    }

    /// A column's line in `CREATE TABLE`.
    fn column_of(self, table: &Table, column: &Column) -> String {
        let key = table.primary_key.as_ref().map(|key| key.columns.as_slice());
        let is_key = self.dialect == Dialect::Sqlite && key == Some(std::slice::from_ref(&column.name));
        // As Prisma, which makes every whole number that is a key one that counts itself.
        let is_number = matches!(&column.kind, Type::Native(name, _) if name == "integer");
        let key = match (is_key, is_number) {
            (true, true) => " PRIMARY KEY AUTOINCREMENT",
            (true, false) => " PRIMARY KEY",
            (false, _) => "",
        };
        format!("    {}", self.column(column, key))
    }

    /// A column: name, type, NOT NULL, `key`, default.
    pub(crate) fn column(self, column: &Column, key: &str) -> String {
        if self.dialect == Dialect::Mysql {
            return self.mysql_column(column);
        }
        let list = if column.arity == Arity::List { "[]" } else { "" };
        let required = if column.arity == Arity::Required { " NOT NULL" } else { "" };
        let kind = self.kind(&column.kind, column.default == Default::Sequence);
        let default = self.default(column).map_or(String::new(), |default| format!(" DEFAULT {default}"));
        format!("{} {kind}{list}{required}{key}{default}", self.quoted(&column.name))
    }

    /// A type as SQL; one that counts itself has names of its own.
    fn kind(self, kind: &Type, counts: bool) -> String {
        let (name, arguments) = match kind {
            Type::Native(name, arguments) => (name.as_ref(), arguments),
            Type::Enum(name) => return self.name(name),
            Type::Other(text) => return text.clone(),
        };
        let name = match (self.dialect, name, counts) {
            (Dialect::Sqlite, name, _) => name.to_ascii_uppercase(),
            (_, "int2", true) => "SMALLSERIAL".to_owned(),
            (_, "int4", true) => "SERIAL".to_owned(),
            (_, "int8", true) => "BIGSERIAL".to_owned(),
            (_, "int2", _) => "SMALLINT".to_owned(),
            (_, "int4", _) => "INTEGER".to_owned(),
            (_, "int8", _) => "BIGINT".to_owned(),
            (_, "float4", _) => "REAL".to_owned(),
            (_, "float8", _) => "DOUBLE PRECISION".to_owned(),
            (_, "bool", _) => "BOOLEAN".to_owned(),
            (_, "numeric", _) => "DECIMAL".to_owned(),
            (_, "bpchar", _) => "CHAR".to_owned(),
            // The type of one byte, of which CHAR is another.
            (_, "char", _) => "\"char\"".to_owned(),
            (_, name, _) => name.to_ascii_uppercase(),
        };
        let arguments: Vec<String> = arguments.iter().map(u32::to_string).collect();
        if arguments.is_empty() { name } else { format!("{name}({})", arguments.join(",")) }
    }

    /// A column's default as SQL, where it has one that can be written.
    fn default(self, column: &Column) -> Option<String> {
        Some(match &column.default {
            Default::None | Default::Sequence | Default::Any => return None,
            Default::Now => "CURRENT_TIMESTAMP".to_owned(),
            Default::Expression(expression) if self.dialect == Dialect::Sqlite => bracketed(expression),
            Default::Expression(expression) => expression.clone(),
            Default::Value(value) => self.value(value, &column.kind),
            Default::List(values) => {
                let values: Vec<String> = values.iter().map(|value| self.value(value, &column.kind)).collect();
                format!("ARRAY[{}]::{}[]", values.join(", "), self.kind(&column.kind, false))
            }
        })
    }

    fn value(self, value: &str, kind: &Type) -> String {
        let is_number = value.parse::<f64>().is_ok_and(f64::is_finite);
        let is_money = matches!(kind, Type::Native(name, _) if name == "money");
        match (family(kind), self.dialect) {
            (Family::Integer | Family::Float | Family::Decimal, _) if is_number => value.to_owned(),
            (Family::Other, _) if is_money && is_number => value.to_owned(),
            (Family::Boolean, _) if matches!(value, "true" | "false") => value.to_owned(),
            (Family::Bytes, Dialect::Postgres) => text(&format!("\\x{}", value.trim_start_matches("\\x"))),
            (Family::Bytes, Dialect::Sqlite | Dialect::Mysql) => format!("X{}", text(value)),
            (Family::Moment | Family::Time, _) => text(&moment(value)),
            _ => text(value),
        }
    }

    /// `ADD CONSTRAINT`, to follow `ALTER TABLE`.
    pub(crate) fn add_primary_key(self, key: &Key) -> String {
        let Key { name, columns, .. } = key;
        if self.dialect == Dialect::Mysql {
            return format!("ADD PRIMARY KEY ({})", self.mysql_key(key));
        }
        format!("ADD CONSTRAINT {} PRIMARY KEY ({})", self.quoted(name), self.list(columns, ", "))
    }

    pub(crate) fn create_index(self, table: &Name, index: &Index) -> String {
        if self.dialect == Dialect::Mysql {
            return self.mysql_index(table, index);
        }
        let columns = index.columns.iter().map(|column| {
            let class =
                column.class.as_ref().filter(|_| !column.usual).map_or(String::new(), |class| format!(" {class}"));
            format!("{}{class}{}", self.quoted(&column.name), if column.descending { " DESC" } else { "" })
        });
        let columns: Vec<String> = columns.collect();
        let unique = if index.unique { "UNIQUE " } else { "" };
        let method = match index.method.as_str() {
            "" | "btree" => String::new(),
            method => format!(" USING {} ", method.to_ascii_uppercase()),
        };
        let include = match index.include.as_slice() {
            [] => String::new(),
            include => format!(" INCLUDE ({})", self.list(include, ", ")),
        };
        let predicate = index.predicate.as_ref().map_or(String::new(), |text| format!(" WHERE {}", bracketed(text)));
        let (name, table) = (self.quoted(&index.name), self.name(table));
        format!("CREATE {unique}INDEX {name} ON {table}{method}({}){include}{predicate};", columns.join(", "))
    }

    /// A foreign key's own part: `CONSTRAINT … FOREIGN KEY …`.
    pub(crate) fn foreign_key(self, table: &Table, key: &ForeignKey) -> String {
        let name = match key.name.as_str() {
            "" => format!("{}_{}_fkey", table.name.name, key.columns.join("_")),
            name => name.to_owned(),
        };
        let columns = self.list(&key.columns, ", ");
        format!("CONSTRAINT {} FOREIGN KEY ({columns}) {}", self.quoted(&name), self.references(key))
    }

    /// `REFERENCES … ON DELETE … ON UPDATE …`
    pub(crate) fn references(self, key: &ForeignKey) -> String {
        let gap = if self.dialect == Dialect::Sqlite { " " } else { "" };
        let (target, columns) = (self.name(&key.target), self.list(&key.target_columns, ", "));
        let ForeignKey { on_delete, on_update, .. } = key;
        format!("REFERENCES {target}{gap}({columns}) ON DELETE {on_delete} ON UPDATE {on_update}")
    }
}

/// A text in quotes, as Prisma writes it: with standard_conforming_strings, the default since PostgreSQL 9.1, a
/// backslash is one.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A time as Prisma writes it into a database: `2020-01-01 10:20:30 +02:00` for `2020-01-01T10:20:30+02:00`.
fn moment(value: &str) -> String {
    let Some((day, rest)) = value.split_once('T') else { return value.to_owned() };
    let at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    match rest.split_at(at) {
        (time, "Z") => format!("{day} {time} +00:00"),
        (time, "") => format!("{day} {time}"),
        (time, zone) => format!("{day} {time} {zone}"),
    }
}

/// An expression in brackets, unless one pair is around all of it.
pub(crate) fn bracketed(expression: &str) -> String {
    let (mut depth, mut quote) = (0_usize, None);
    let mut ends = expression.char_indices().filter_map(|(at, c)| {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth = depth.saturating_sub(1);
                return (depth == 0).then_some(at + 1);
            }
            _ => {}
        }
        None
    });
    match expression.starts_with('(') && ends.next() == Some(expression.len()) {
        true => expression.to_owned(),
        false => format!("({expression})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_added_where_they_lack() {
        for (text, expected) in [
            ("n > 0", "(n > 0)"),
            ("(n > 0)", "(n > 0)"),
            ("(a) OR (b)", "((a) OR (b))"),
            ("(a = ')')", "(a = ')')"),
            ("", "()"),
        ] {
            assert_eq!(bracketed(text), expected);
        }
    }

    #[test]
    fn times_are_written_with_spaces() {
        for (value, expected) in [
            ("2020-01-01T10:20:30.123+02:00", "2020-01-01 10:20:30.123 +02:00"),
            ("2020-01-01T00:00:00Z", "2020-01-01 00:00:00 +00:00"),
            ("2020-01-01 00:00:00", "2020-01-01 00:00:00"),
        ] {
            assert_eq!(moment(value), expected);
        }
    }

    #[test]
    fn values_are_written_by_what_they_mean() {
        let ddl = Ddl { dialect: Dialect::Postgres, home: None };
        let native = |name: &str| Type::Native(name.to_owned().into(), Vec::new());
        for (kind, value, expected) in [
            ("int4", "-5", "-5"),
            ("float8", "NaN", "'NaN'"),
            ("money", "2", "2"),
            ("bool", "true", "true"),
            ("text", "it's \\", "'it''s \\'"),
            ("bytea", "0aff", "'\\x0aff'"),
            ("inet", "10.0.0.1", "'10.0.0.1'"),
        ] {
            assert_eq!(ddl.value(value, &native(kind)), expected);
        }
        let ddl = Ddl { dialect: Dialect::Sqlite, home: None };
        assert_eq!(ddl.value("0aff", &native("blob")), "X'0aff'");
    }
}
