//! SQLite as an [`Inspector`]: a file has no sessions to ask about; what locks it is seen from outside
//! ([`trace`](super::trace)).

use crate::catalog::Name;
use crate::engines::advice_facts::{IndexFacts, KeyFacts, PlanFacts, PlanRead};
use crate::engines::engine::{Query, first_column};
use crate::engines::inspector::Inspector;
use crate::engines::sqlite::catalog::Sqlite;
use crate::engines::sqlite::{SQL, explain};
use crate::engines::values::text;
use crate::sql::Row;

impl Inspector for Sqlite {
    fn journal(&self) -> Option<Query<String>> {
        let read = |rows| Ok(first_column(rows).into_iter().next().unwrap_or_default());
        Some(Query::new("PRAGMA journal_mode".to_owned(), read))
    }

    /// The indexes of `CREATE INDEX` and of constraints, and what stands for the key of each table: an INTEGER PRIMARY KEY has no
    /// index of its own.
    fn indexes(&self, _schemas: &[String]) -> Option<Query<Vec<IndexFacts>>> {
        let tables = "FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.pk > 0";
        let sql = format!(
            "SELECT m.name, i.name, i.origin = 'c', i.\"unique\", i.partial, s.sql, x.name, x.coll, x.\"desc\", x.seqno \
             FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_xinfo(i.name) x \
             LEFT JOIN sqlite_master s ON s.name = i.name WHERE m.type = 'table' AND x.key = 1 AND i.origin <> 'pk' \
             UNION ALL SELECT m.name, 'PRIMARY KEY', 0, 1, 0, NULL, c.name, 'BINARY', 0, c.pk {tables} ORDER BY 1, 2, 10"
        );
        Some(Query::new(sql, |rows| Ok(indexes(&rows))))
    }

    fn foreign_keys(&self, _schemas: &[String]) -> Option<Query<Vec<KeyFacts>>> {
        let sql = "SELECT m.name, f.id, f.\"from\", f.\"table\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f \
                   WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq";
        Some(Query::new(sql.to_owned(), |rows| {
            let mut keys: Vec<(String, KeyFacts)> = Vec::new();
            for row in &rows {
                let (table, id, column) = (text(row, 0), text(row, 1), text(row, 2));
                match keys.last_mut().filter(|(known, key)| *known == id && key.table.name == table) {
                    Some((_, key)) => key.columns.push(column),
                    None => {
                        let (table, target) = (name(table), name(text(row, 3)));
                        keys.push((id, KeyFacts { table, name: String::new(), columns: vec![column], target }));
                    }
                }
            }
            Ok(keys.into_iter().map(|(_, key)| key).collect())
        }))
    }

    fn query_plan(&self, query: &str, _searches: bool) -> Option<Query<PlanFacts>> {
        Some(Query::new(explain::sql(query), |rows| {
            let steps: Vec<&str> = rows.iter().filter_map(|row| row.get(3)?.as_deref()).collect();
            let read = |step: &&str| {
                let is_search = step.starts_with("SEARCH ");
                let rest = step.strip_prefix("SEARCH ").or_else(|| step.strip_prefix("SCAN "))?;
                let table = name(rest.split(' ').next()?.to_owned());
                let index = rest.split_once(" INDEX ").map(|(_, index)| index.to_owned());
                Some(PlanRead { table, index, is_search, condition: String::new(), filter: String::new() })
            };
            Ok(PlanFacts { outline: steps.join(" > "), cost: None, reads: steps.iter().filter_map(read).collect() })
        }))
    }
}

/// Folds the rows of an index, one for each column.
fn indexes(rows: &[Row]) -> Vec<IndexFacts> {
    let mut indexes: Vec<IndexFacts> = Vec::new();
    for row in rows {
        let (table, own) = (name(text(row, 0)), text(row, 1));
        if indexes.last().is_none_or(|last| last.table != table || last.name != own) {
            // The text behind WHERE; doorstep compares it as it is written.
            let predicate = (text(row, 4) == "1").then(|| text(row, 5)).map(|sql| {
                let at = sql.to_ascii_uppercase().rfind(" WHERE ").unwrap_or(0);
                sql[at..].to_owned()
            });
            indexes.push(IndexFacts {
                table,
                name: own,
                method: "btree".to_owned(),
                predicate,
                is_unique: text(row, 3) == "1",
                is_needed: text(row, 2) != "1",
                is_valid: true,
                ..IndexFacts::default()
            });
        }
        let Some(index) = indexes.last_mut() else { continue };
        let column = text(row, 6);
        // Of two expressions nothing is known, so that each is a part of its own.
        let part = match column.is_empty() {
            true => format!("{} {}", index.name, index.parts.len()),
            false => format!("{column} {} {}", text(row, 7), text(row, 8)),
        };
        index.parts.push(part);
        index.columns.push(column);
    }
    indexes
}

fn name(name: String) -> Name {
    Name { schema: SQL.home().to_owned(), name }
}
