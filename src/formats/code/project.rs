//! A project of a tool that applies its migrations itself: its files minus the rows of its table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::sorting;
use crate::formats::code::files::{Named, SourceFile, list};
use crate::formats::code::glob;
use crate::formats::code::stated::{Configuration, Stated};
use crate::formats::code::{Convention, Missing};
use crate::formats::ledger_ddl::columns;
use crate::formats::migration::{Migration, Record};
use crate::formats::tool::Tool;
use crate::formats::{Layout, Ledger, Lineage, Partial, Resolved, Surroundings, rfc3339};
use crate::sql::script::Script;
use crate::sql::{Dialect, Row, TableName};

/// A project.
#[derive(Debug)]
pub(crate) struct CodeProject {
    convention: &'static Convention,
    tool: &'static Tool,
    /// The folders with its migrations; `None` where only the tool knows them.
    folders: Option<Vec<PathBuf>>,
    table: TableName,
    configuration: Configuration,
}

/// A migration that was read.
struct Found {
    key: String,
    name: String,
    path: PathBuf,
}

impl CodeProject {
    /// The project of this configuration. The settings take precedence over it.
    ///
    /// # Errors
    /// [`Error::Settings`] where a folder of migrations is missing.
    pub(crate) fn new(
        convention: &'static Convention,
        (file, tool): (&Path, &'static Tool),
        mut configuration: Configuration,
        surroundings: &Surroundings<'_>,
    ) -> Result<Self, Error> {
        let stated = |value: &Stated<String>| match value {
            Stated::Is(value) => Some(value.clone()),
            Stated::Absent | Stated::Computed(_) => None,
        };
        let name = stated(&configuration.table).unwrap_or_else(|| convention.rows.table.to_owned());
        let table = match surroundings.history_table {
            Some(table) => table.clone(),
            None => TableName { schema: stated(&configuration.schema), name },
        };
        if surroundings.history_table.is_none() {
            let computed = configuration.table.computed().or(configuration.schema.computed());
            let computed = computed.map(|why| format!("{why} (history_table names the table)"));
            if let Some(why) = computed {
                configuration.doubt(Partial::nothing_certain(why));
            }
        }
        if let Some(why) = surroundings.command.and_then(|command| convention.command.overrides(command)) {
            configuration.doubt(Partial::nothing_certain(why));
        }
        let folders = match (surroundings.folder, std::mem::take(&mut configuration.folders)) {
            (Some(folder), _) => {
                configuration.patterns.clear();
                Some(vec![folder.to_owned()])
            }
            (None, Stated::Computed(why)) => {
                let why = format!("{why} (migrations names the folder)");
                configuration.doubt(Partial::nothing_certain(why));
                None
            }
            (None, Stated::Is(folders)) => Some(folders),
            (None, Stated::Absent) if configuration.patterns.is_empty() => Some(vec![convention.folder.into()]),
            (None, Stated::Absent) => Some(Vec::new()),
        };
        if let Some(gone) = folders.iter().flatten().find(|folder| !folder.is_dir()) {
            return Err(Error::Settings(format!(
                "{} leads to the folder {}, which is not here\n\
                 next: check that the image contains it, or name the folder with --migrations; to start without \
                 migrations, --migrate off",
                file.display(),
                gone.display()
            )));
        }
        Ok(Self { convention, tool, folders, table, configuration })
    }

    /// The files to look at.
    fn paths(&self) -> Result<Vec<PathBuf>, Error> {
        let mut paths = Vec::new();
        for folder in self.folders.iter().flatten() {
            paths.extend(list(folder, self.convention.files.is_recursive)?);
        }
        for pattern in &self.configuration.patterns {
            paths.extend(glob::files(pattern)?);
        }
        paths.dedup();
        Ok(paths)
    }

    fn refuse_duplicates(&self, found: &[Found]) -> Result<(), Error> {
        let mut seen: BTreeMap<&str, &Found> = BTreeMap::new();
        for migration in found {
            // The key, and what follows a number in a name.
            let slug = migration.name.trim_start_matches(|c: char| c.is_ascii_digit());
            let both =
                if migration.key == migration.name { vec![migration.key.as_str()] } else { vec![&migration.key, slug] };
            for id in both {
                if let Some(other) = seen.insert(id, migration) {
                    return Err(Error::History(format!(
                        "two migrations are called {id}: {} and {}; {} stops at them\n\
                         next: leave one of the files out, or rename it",
                        other.path.display(),
                        migration.path.display(),
                        self.tool.name
                    )));
                }
            }
        }
        Ok(())
    }

    /// The row of the same file under another ending (`.ts` before it was compiled to `.js`).
    fn is_twin(one: &str, other: &str) -> bool {
        one != other && stem(one) == stem(other)
    }
}

/// The name without the ending of a script.
fn stem(name: &str) -> &str {
    let endings = [".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"];
    endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

impl Layout for CodeProject {
    fn dialects(&self) -> &'static [Dialect] {
        self.convention.dialects
    }

    fn read(&self, _folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let (mut found, mut partial) = (Vec::new(), self.configuration.partial.clone());
        for path in self.paths()? {
            let Some(source) = SourceFile::of(&path) else { continue };
            for named in (self.convention.files.read)(&source, &self.configuration) {
                match named {
                    Named::Migration { key, name } => found.push(Found { key, name, path: path.clone() }),
                    Named::Unknown(why) => {
                        partial.get_or_insert(Partial::lower_bound(format!("{}: {why}", path.display())));
                    }
                    Named::Refused(why) => {
                        return Err(Error::History(format!(
                            "{}: {why}\nnext: correct the file, or take it out of the folder",
                            path.display()
                        )));
                    }
                }
            }
        }
        sorting::sort_by(&mut found, |one, other| (self.convention.files.order)(&one.key, &other.key));
        if self.convention.files.refuses_duplicates {
            self.refuse_duplicates(&found)?;
        }
        let keys = found.iter().filter(|it| it.key != it.name).map(|it| (it.key.clone(), it.name.clone())).collect();
        let migration = |Found { name, path, .. }: Found| Migration {
            name,
            // Nothing reads the text of a program, and a project may have hundreds of files.
            script: Script::new(String::new(), dialect),
            path,
            checksum: String::new(),
            unreadable: None,
            no_transaction: false,
        };
        Ok(Resolved {
            migrations: found.into_iter().map(migration).collect(),
            lineage: Lineage { keys, partial, ..Lineage::default() },
            ..Resolved::default()
        })
    }

    /// Old migrations are deleted, or squashed into a dump, so a row without a file says that the image is older only where
    /// it is newer than all files; or where the file is there with another ending.
    fn missed<'a>(&self, known: &'a [Migration]) -> Box<dyn Fn(&str) -> bool + 'a> {
        let order = self.convention.files.order;
        let refuses = self.convention.missing == Missing::Refused;
        let key = |migration: &'a Migration| key_of(&migration.name, self.convention);
        let last = known.last().map(key);
        Box::new(move |name| {
            let is_newer = last.as_deref().is_none_or(|last| order(name, last).is_gt());
            refuses || is_newer || known.iter().any(|migration| Self::is_twin(name, &migration.name))
        })
    }

    fn forbids(&self, missing: &[&str], _edited: &[&str]) -> Option<String> {
        let stops = self.convention.missing == Missing::Refused && !self.configuration.tolerates_missing;
        (stops && !missing.is_empty()).then(|| {
            format!(
                "applied, but without a file: {}; {} stops at that\n\
                 next: start the image that has these files; to run this one beside it, leave migrations alone: \
                 --migrate off",
                missing.join(", "),
                self.tool.name
            )
        })
    }

    fn tolerates_missing(&self) -> bool {
        self.convention.missing == Missing::Ignored || self.configuration.tolerates_missing
    }

    /// A file whose row has another ending would run a second time.
    fn obstacle(&self, missing: &[&str], pending: &[&str], _lineage: &Lineage) -> Option<String> {
        let pairs = pending.iter().flat_map(|name| missing.iter().map(move |row| (*row, *name)));
        let (row, name) = pairs.into_iter().find(|(row, name)| Self::is_twin(row, name))?;
        let tool = self.tool.name;
        Some(format!(
            "{name} is pending, and {row} is applied: {tool} takes them for two migrations and would run the second one\n\
             next: ship the files with the ending that the rows have, or correct the rows of {} by hand",
            self.table
        ))
    }
}

/// The key of a migration by its name.
fn key_of(name: &str, convention: &Convention) -> String {
    (convention.rows.normal)(name.to_owned())
}

impl Ledger for CodeProject {
    fn table(&self) -> &str {
        &self.table.name
    }

    fn schema(&self) -> Option<&str> {
        self.table.schema.as_deref()
    }

    fn tool_locks(&self, dialect: Dialect) -> bool {
        self.convention.rows.locks_on.contains(&dialect)
    }

    fn foreign(&self, rows: &[Row]) -> Option<String> {
        let columns = rows.first()?.get(1)?.as_deref()?;
        let has = |name: &str| columns.split(',').any(|column| column == name);
        let other = self.convention.rows.of_others.iter().find(|(column, _)| has(column));
        other.map(|(column, tool)| format!("it has the column {column}, as {tool}'s"))
    }

    /// The first row has the names of the columns, the others the keys and times.
    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let (quoted, rows) = (dialect.table(table), &self.convention.rows);
        // With the alias, SQLite takes a name that is no column for an error, and not for a text.
        let column = |name: &str| format!("h.{}", dialect.identifier(name));
        let time = rows.time.map_or_else(|| "NULL".to_owned(), |(time, as_text)| as_text(dialect, &column(time)));
        format!(
            "{} UNION ALL SELECT {}, {time} FROM {quoted} AS h",
            columns(dialect, table),
            dialect.as_text(&column(rows.key))
        )
    }

    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let mut keys: Vec<(String, Option<String>)> = rows
            .into_iter()
            .filter_map(|row| {
                let mut values = row.into_iter();
                let key = values.next()??;
                Some(((self.convention.rows.normal)(key), values.next().flatten()))
            })
            .collect();
        sorting::sort_by(&mut keys, |(one, _), (other, _)| (self.convention.files.order)(one, other));
        let record = |(key, at): (String, Option<String>)| Record {
            name: lineage.keys.get(&key).cloned().unwrap_or(key),
            // Some tools keep no time; that there is one says that the migration is applied.
            finished_at: Some(at.map(rfc3339).unwrap_or_default()),
            ..Record::default()
        };
        keys.into_iter().map(record).collect()
    }
}
