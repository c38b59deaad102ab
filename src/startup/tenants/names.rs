//! Which schemas there are to migrate: those of the list, or those that the query returns.

use crate::base::error::Error;
use crate::base::fault::Class;
use crate::base::plain_name::flaw;
use crate::config::{SchemasFrom, tenants};
use crate::engines::session::Session;
use crate::sql::Row;

/// Before the query: it may write nothing.
const READ_ONLY: &str = "SET LOCAL transaction_read_only = on; ";

/// The names, each once, in their order. One round trip for a query.
///
/// # Errors
/// [`Error::Settings`] for a query that the server does not understand, and for what are no names of schemas.
pub(crate) async fn find(session: &mut dyn Session, from: &SchemasFrom) -> Result<Vec<String>, Error> {
    let query = match from {
        SchemasFrom::Names(names) => return Ok(names.clone()),
        SchemasFrom::Query(query) => query,
    };
    let rows = session.query(format!("{READ_ONLY}{query}")).await.map_err(|fault| match fault.class {
        Class::Statement | Class::ReadOnly => {
            Error::Settings(format!("the query of schemas_from failed: {fault}\nnext: correct it"))
        }
        _ => Error::statement("ask the query of schemas_from")(fault),
    })?;
    read(rows)
}

/// The names in the rows of the query.
fn read(rows: Vec<Row>) -> Result<Vec<String>, Error> {
    let wrong = |why: String| {
        Error::Settings(format!("the query of schemas_from {why}\nnext: let it return one column of names of schemas"))
    };
    let mut names = Vec::with_capacity(rows.len());
    for row in rows {
        match <[Option<String>; 1]>::try_from(row) {
            Ok([Some(name)]) => match flaw(&name) {
                None => names.push(name),
                Some(flaw) => return Err(wrong(format!("returns a name that {flaw}"))),
            },
            Ok([None]) => return Err(wrong("returns NULL".to_owned())),
            Err(row) => return Err(wrong(format!("returns {} columns", row.len()))),
        }
    }
    tenants::distinct(names).map_err(Error::Settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[Option<&str>]]) -> Vec<Row> {
        rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect()
    }

    #[test]
    fn rows_of_one_column_are_names() {
        let names = |given: &[&[Option<&str>]]| read(rows(given)).map_err(|error| error.to_string());
        assert_eq!(names(&[&[Some("b")], &[Some("a")], &[Some("b")]]).unwrap(), ["b", "a"]);
        assert!(names(&[]).unwrap().is_empty());
        for (given, why) in [
            (&[&[None][..]][..], "returns NULL"),
            (&[&[Some("a"), Some("b")]], "returns 2 columns"),
            (&[&[Some("")]], "returns a name that is empty"),
            (&[&[Some("a\nb")]], "holds a line break"),
            (&[&[Some("pg_toast")]], "a schema of the server's own"),
        ] {
            let error = names(given).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
