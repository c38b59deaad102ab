//! Parses a type as people write it in SQL (`numeric(10,2)`, `timestamp(3) with time zone`, `text[]`) into the name that the
//! engine's catalog has for it. Used for `[require]`; types of a live database are read as catalog names already.

use crate::catalog::Type;
use crate::sql::Dialect;

/// A type from its SQL text, and whether it is an array.
#[must_use]
pub(crate) fn read(text: &str, dialect: Dialect) -> (Type, bool) {
    let mut element = text.trim();
    let mut is_list = false;
    while let Some(rest) = element.strip_suffix("[]").filter(|_| dialect.rules().has_arrays) {
        (element, is_list) = (rest.trim_end(), true);
    }
    (base(element, dialect), is_list)
}

fn base(text: &str, dialect: Dialect) -> Type {
    let other = || Type::Other(text.to_owned());
    let (before, rest) = text.split_once('(').unwrap_or((text, ")"));
    let Some((inside, after)) = rest.split_once(')') else { return other() };
    let arguments: Option<Vec<u32>> =
        inside.split(',').filter(|part| !part.trim().is_empty()).map(|part| part.trim().parse().ok()).collect();
    let words: Vec<&str> = before.split_whitespace().chain(after.split_whitespace()).collect();
    let name = words.join(" ").to_ascii_lowercase();
    match ((dialect.rules().type_name)(&name, text), arguments) {
        (Some(name), Some(arguments)) => Type::Native(name.to_owned().into(), arguments),
        _ => other(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_sql_are_the_types_of_the_catalog() {
        let native = |text, name: &str, arguments: &[u32], is_list| {
            let expected = (Type::Native(name.to_owned().into(), arguments.to_vec()), is_list);
            assert_eq!(read(text, Dialect::Postgres), expected, "{text}");
        };
        native("numeric(10, 2)", "numeric", &[10, 2], false);
        native("TIMESTAMP(3)  WITH TIME ZONE", "timestamptz", &[3], false);
        native("character varying(20)[]", "varchar", &[20], true);
        native("double precision", "float8", &[], false);
        native("\"char\"", "char", &[], false);
        native("char", "bpchar", &[], false);
        for other in ["tsvector", "geometry(Point, 4326)", "numeric(10", "public.\"Role\""] {
            assert_eq!(read(other, Dialect::Postgres), (Type::Other(other.to_owned()), false));
        }
        let decimal = Type::Native("decimal".into(), vec![10, 2]);
        assert_eq!(read("DECIMAL(10,2)", Dialect::Sqlite), (decimal, false));
    }
}
