//! Statements for MySQL and MariaDB, as Prisma writes them: indexes stand in CREATE TABLE, foreign keys follow in ALTER TABLE.
//! Where either server refuses Prisma's text (the default of a TEXT column, the precision of a time), it is written in a form
//! that both take.

use crate::catalog::value::Family;
use crate::catalog::{Arity, Column, Default, Index, Key, Table, Type, mysql_types};
use crate::differ::ddl::render::{Ddl, bracketed};

/// Prisma's; the server's and the database's defaults do not count.
const OPTIONS: &str = "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci";

impl Ddl<'_> {
    /// `CREATE TABLE` with the keys and indexes; those over expressions are left out.
    pub(crate) fn mysql_table(self, table: &Table) -> String {
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("    {}", self.mysql_column(column))).collect();
        let plain = table.indexes.iter().filter(|index| !index.has_expression);
        let mut keys: Vec<String> = plain
            .map(|index| {
                format!("    {}INDEX {}({})", kind_of(index), self.quoted(&index.name), self.mysql_columns(index))
            })
            .collect();
        keys.extend(table.primary_key.iter().map(|key| format!("    PRIMARY KEY ({})", self.mysql_key(key))));
        let gap = if keys.is_empty() { "" } else { ",\n\n" };
        let (name, columns, keys) = (self.name(&table.name), columns.join(",\n"), keys.join(",\n"));
        format!("CREATE TABLE {name} (\n{columns}{gap}{keys}\n) {OPTIONS};")
    }

    /// `CREATE INDEX`.
    pub(crate) fn mysql_index(self, table: &crate::catalog::Name, index: &Index) -> String {
        let (kind, columns) = (kind_of(index), self.mysql_columns(index));
        format!("CREATE {kind}INDEX {} ON {}({columns});", self.quoted(&index.name), self.name(table))
    }

    /// A column: name, type, NULL, default or AUTO_INCREMENT.
    pub(crate) fn mysql_column(self, column: &Column) -> String {
        let null = if column.arity == Arity::Optional { "NULL" } else { "NOT NULL" };
        let default = match self.mysql_default(column) {
            Some(default) => format!(" DEFAULT {default}"),
            None if column.default == Default::Sequence => " AUTO_INCREMENT".to_owned(),
            None => String::new(),
        };
        format!("{} {} {null}{default}", self.quoted(&column.name), kind(&column.kind))
    }

    /// The columns of a primary key, with the lengths of their prefixes.
    pub(crate) fn mysql_key(self, key: &Key) -> String {
        let parts = key.parts.iter().map(String::as_str).chain(std::iter::repeat(""));
        let columns = key.columns.iter().zip(parts).map(|(name, part)| format!("{}{part}", self.quoted(name)));
        columns.collect::<Vec<_>>().join(", ")
    }

    fn mysql_columns(self, index: &Index) -> String {
        let columns = index.columns.iter().map(|column| {
            let length = column.length.map_or(String::new(), |length| format!("({length})"));
            format!("{}{length}{}", self.quoted(&column.name), if column.descending { " DESC" } else { "" })
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    /// A default as SQL. Documents and bytes get none, as with Prisma.
    fn mysql_default(self, column: &Column) -> Option<String> {
        let family = mysql_types::family(&column.kind);
        let (name, precision) = match &column.kind {
            Type::Native(name, arguments) => (name.as_ref(), arguments.first().copied().unwrap_or(0)),
            _ => ("", 0),
        };
        Some(match &column.default {
            Default::None | Default::Sequence | Default::Any | Default::List(_) => return None,
            _ if family == Family::Json => return None,
            Default::Now if matches!(name, "date" | "time") => "(CURRENT_TIMESTAMP)".to_owned(),
            Default::Now if precision == 0 => "CURRENT_TIMESTAMP".to_owned(),
            Default::Now => format!("CURRENT_TIMESTAMP({precision})"),
            Default::Expression(text) if stands_bare(text) => text.clone(),
            Default::Expression(text) => bracketed(text),
            Default::Value(_) if family == Family::Bytes => return None,
            Default::Value(value) => match family {
                Family::Integer | Family::Float | Family::Decimal if value.parse::<f64>().is_ok() => {
                    let is_boolean = matches!(&column.kind, Type::Native(name, of) if name == "tinyint" && of == &[1]);
                    match (is_boolean, value.as_str()) {
                        (true, "1") => "true".to_owned(),
                        (true, "0") => "false".to_owned(),
                        _ => value.clone(),
                    }
                }
                Family::Moment | Family::Time => self.mysql_moment(value, name),
                // MySQL takes an expression only; MariaDB takes both.
                Family::Text if name.ends_with("text") => format!("({})", self.dialect.literal(value).trim()),
                _ => self.dialect.literal(value).trim().to_owned(),
            },
        })
    }

    /// A time in UTC without its zone, which MariaDB does not read (error 1067).
    fn mysql_moment(self, value: &str, kind: &str) -> String {
        let Some((day, rest)) = value.split_once(['T', 't']) else { return self.dialect.literal(value) };
        let at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (time, zone) = rest.split_at(at);
        let text = match kind {
            "date" => day.to_owned(),
            "time" => time.to_owned(),
            _ => format!("{day} {time}"),
        };
        let text = self.dialect.literal(&text);
        match zone {
            "" | "Z" | "z" | "+00:00" | "-00:00" => text,
            _ if matches!(kind, "date" | "time") => text,
            zone => format!("(CONVERT_TZ({text}, {}, '+00:00'))", self.dialect.literal(zone)),
        }
    }
}

fn kind_of(index: &Index) -> &'static str {
    match (index.unique, index.method.as_str()) {
        (true, _) => "UNIQUE ",
        (_, "fulltext") => "FULLTEXT ",
        (_, "spatial") => "SPATIAL ",
        _ => "",
    }
}

/// A type as SQL.
fn kind(kind: &Type) -> String {
    if let Some(values) = mysql_types::enum_values(kind) {
        let values: Vec<String> =
            values.iter().map(|value| format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))).collect();
        return format!("ENUM({})", values.join(", "));
    }
    let (name, arguments) = match kind {
        Type::Native(name, arguments) => (name.as_ref(), arguments),
        Type::Enum(name) => return name.name.clone(),
        Type::Other(text) => return text.clone(),
    };
    if name == "tinyint" && arguments.as_slice() == [1] {
        return "BOOLEAN".to_owned();
    }
    let (bare, after) = name.split_once(' ').unwrap_or((name, ""));
    let bare = if bare == "int" { "INTEGER".to_owned() } else { bare.to_ascii_uppercase() };
    let arguments: Vec<String> = arguments.iter().map(u32::to_string).collect();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    format!("{bare}{arguments} {}", after.to_ascii_uppercase()).trim_end().to_owned()
}

/// Literals, and CURRENT_TIMESTAMP with what may follow it, stand without brackets (MySQL manual 13.6).
fn stands_bare(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let is_number = text.parse::<f64>().is_ok();
    let is_text = text.len() > 1 && text.starts_with('\'') && text.ends_with('\'') && text.matches('\'').count() == 2;
    is_number || is_text || ["current_timestamp", "now("].iter().any(|word| text.starts_with(word))
}
