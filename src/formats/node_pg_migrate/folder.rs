//! Reads a folder of node-pg-migrate's SQL files, by its own rules (9.0.0).

use std::path::Path;

use crate::base::error::Error;
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::node_pg_migrate::names::{Misfit, arranged};
use crate::formats::node_pg_migrate::sections;
use crate::formats::{AppliedOrder, Layout, Resolved, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The layout.
#[derive(Debug)]
pub(crate) struct NodePgMigrateFolder;

impl Layout for NodePgMigrateFolder {
    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::Postgres]
    }

    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let names = sql_files::names(folder)?;
        let files = arranged(&names).map_err(|misfit| worded(folder, &misfit))?;
        let opened = sql_files::open(folder)?;
        let mut migrations = Vec::new();
        for (name, file) in files {
            let path = folder.join(file);
            let text = sql_files::text(&path, opened.read(Path::new(file)));
            migrations.push(migration(&path, name, text, dialect));
        }
        let shown = folder.display();
        let empty = || format!("{shown} has no migration of node-pg-migrate (1_NAME.sql): nothing will be applied");
        let warnings = if migrations.is_empty() { vec![empty()] } else { Vec::new() };
        Ok(Resolved { migrations, warnings, ..Resolved::default() })
    }

    /// The check of the order decides ([`Layout::forbids_order`]).
    fn tolerates_missing(&self) -> bool {
        true
    }

    /// The i-th row must be the i-th file (`checkOrder`), as far as there are both; also where nothing is pending.
    fn forbids_order(&self, order: &AppliedOrder<'_>) -> Option<String> {
        let files = order.files.iter().map(|migration| migration.name.as_str());
        let (file, row) = files.zip(order.applied.iter().copied()).find(|(file, row)| file != row)?;
        Some(format!(
            "the order of the files is not that of the history: {file} stands where {row} is applied; node-pg-migrate does \
             not go on with such a folder\n\
             next: restore a file that is gone, or give a new one a number after the applied ones; to run what is pending as \
             it is (--no-check-order of node-pg-migrate): --out-of-order apply"
        ))
    }
}

fn worded(folder: &Path, misfit: &Misfit<'_>) -> Error {
    match misfit {
        Misfit::Code(file) => Error::Settings(format!(
            "{} is a migration in code, which only node-pg-migrate can run\n\
             next: let it apply the migrations (migrate_command = \"npx node-pg-migrate up\"), and leave migration_format out",
            folder.join(file).display()
        )),
        Misfit::File(file, why) => Error::History(format!(
            "{}: {why}\nnext: rename it (1700000000000_NAME.sql), or move it out of the folder",
            folder.join(file).display()
        )),
        Misfit::Pair(one, other, why) => Error::History(format!(
            "{one} and {other} in {}: {why}\nnext: give the later one a number of its own",
            folder.display()
        )),
    }
}

fn migration(path: &Path, name: &str, text: Result<String, Unreadable>, dialect: Dialect) -> Migration {
    let shown = path.display();
    let (script, checksum, unreadable) = match text {
        Err(why) => (Script::new(String::new(), dialect), String::new(), Some(why)),
        Ok(text) => {
            let checksum = sha256(&text);
            match sections::up(&text, dialect) {
                Ok(up) if up.starts_with('\u{feff}') => {
                    let why = sql_files::byte_order_mark("node-pg-migrate", dialect).at(shown);
                    (Script::new(up, dialect), checksum, Some(why))
                }
                Ok(up) => {
                    let script = Script::new(up, dialect);
                    let advice = "write it as a migration in code with pgm.noTransaction(), and let node-pg-migrate apply the \
                                  folder (migrate_command)";
                    let refused = sql_files::refused_in_transaction(&script, "node-pg-migrate", advice);
                    (script, checksum, refused.map(|why| why.at(shown)))
                }
                Err((line, why)) => {
                    (Script::new(text, dialect), checksum, Some(why.at(format_args!("{shown}:{line}"))))
                }
            }
        }
    };
    let (name, path) = (name.to_owned(), path.to_owned());
    Migration { name, path, script, checksum, unreadable, no_transaction: false }
}
