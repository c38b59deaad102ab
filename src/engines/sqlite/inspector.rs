//! SQLite as an [`Inspector`]: a file has no sessions to ask about; what locks it is seen from outside
//! ([`trace`](super::trace)).

use crate::engines::engine::{Query, first_column};
use crate::engines::inspector::Inspector;
use crate::engines::sqlite::catalog::Sqlite;

impl Inspector for Sqlite {
    fn journal(&self) -> Option<Query<String>> {
        let read = |rows| Ok(first_column(rows).into_iter().next().unwrap_or_default());
        Some(Query::new("PRAGMA journal_mode".to_owned(), read))
    }
}
