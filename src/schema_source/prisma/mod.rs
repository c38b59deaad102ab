//! The Prisma Schema Language: from the text of `schema.prisma` to the catalog that a database should have.
//!
//! A text goes through `lexer` → `parser` → `check` → `lower`; the types in between are `syntax` (what is written) and
//! [`schema`] (what it means). Only [`read`] touches files. The rules are those of Prisma's own parser, prisma-engines,
//! and tests compare the verdicts. Where versions of Prisma differ, both are accepted: URLs in the datasource (up to 6)
//! or not (7), unknown preview features, unknown keys of the datasource.

mod check;
mod datasource;
mod lexer;
mod lower;
mod names;
mod parser;
pub mod schema;
mod syntax;
mod types;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::base::error::Error;
use crate::base::file::{self, FileKind, read_text};
use crate::base::sorting;
use crate::catalog::Catalog;
pub use crate::schema_source::prisma::lower::lower;
pub use crate::schema_source::prisma::schema::Schema;
use crate::schema_source::prisma::syntax::Block;
pub(crate) use crate::schema_source::prisma::syntax::ExpressionKind;

/// A position in the files of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The index of the file among those given.
    pub file: usize,
    /// Its line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
}

/// The longest accepted name, in bytes. Prisma has no limit, engines cut at 63 or 64. Without one, a generated schema
/// with a huge name would fill memory: generated key names and messages repeat names.
const LONGEST_NAME: usize = 1000;

/// Something wrong in a schema; the file is still an index.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    position: Position,
    message: String,
}

/// Something wrong in a schema, with the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the user would write its path.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// Names and texts of the files of a schema: one file, or all `*.prisma` below a folder.
///
/// # Errors
/// [`Error::Settings`] if a file or a folder cannot be read.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut paths = Vec::new();
    match path.is_dir() {
        true => walk(path, &mut HashSet::new(), &mut paths)?,
        false => paths.push(path.to_owned()),
    }
    paths.sort();
    let text = |path: &PathBuf| read_text(path, FileKind::Source).map_err(|error| unreadable(path, &error));
    paths.iter().map(|path| Ok((path.display().to_string(), text(path)?))).collect()
}

/// Follows symbolic links, as Prisma does, but enters no folder twice: a link may point to a parent.
fn walk(directory: &Path, visited: &mut HashSet<PathBuf>, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let real = directory.canonicalize().map_err(|error| unreadable(directory, &error))?;
    if !visited.insert(real) {
        return Ok(());
    }
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, &error))? {
        let child = entry.map_err(|error| unreadable(directory, &error))?.path();
        if child.is_dir() {
            walk(&child, visited, found)?;
        } else if child.extension().is_some_and(|extension| extension == "prisma") {
            found.push(child);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Settings(file::unreadable(path.display(), error))
}

/// Parses and checks the files of a schema, given as names and texts. Their order does not matter.
///
/// # Errors
/// Every problem, in the order of files and lines. The checks run only once the syntax of all files is right.
pub fn parse(files: &[(String, String)]) -> Result<Schema, Vec<Diagnostic>> {
    ParsedFiles::new(files).check()
}

/// The blocks of all files, and the syntax errors found on the way.
#[derive(Debug)]
struct ParsedFiles<'a> {
    /// The files' names, as they were given.
    names: Vec<String>,
    blocks: Vec<Block<'a>>,
    problems: Vec<Problem>,
}

impl<'a> ParsedFiles<'a> {
    fn new(files: &'a [(String, String)]) -> Self {
        let (mut blocks, mut problems) = (Vec::new(), Vec::new());
        for (number, (_, text)) in files.iter().enumerate() {
            blocks.extend(parser::parse(text, number, &mut problems));
        }
        Self { names: files.iter().map(|(name, _)| name.clone()).collect(), blocks, problems }
    }

    /// Resolves names and arguments. After a syntax error the checks do not run: the line that could not be parsed is
    /// missing, and everything that refers to it would be reported too.
    fn check(&self) -> Result<Schema, Vec<Diagnostic>> {
        let mut problems = self.problems.clone();
        let schema = match problems.is_empty() {
            true => check::check(&self.blocks, self.names.clone(), &mut problems),
            false => Schema::default(),
        };
        if problems.is_empty() {
            return Ok(schema);
        }
        sorting::sort_by_key(&mut problems, |problem| problem.position);
        let named = |Problem { position, message }| Diagnostic {
            file: self.names[position.file].clone(),
            line: position.line,
            column: position.column,
            message,
        };
        Err(problems.into_iter().map(named).collect())
    }
}

/// The Prisma schema of a run. [`PrismaSchema::load`] reads its files once. The datasource, which names the database, is parsed by
/// itself; all of it is parsed, checked and lowered once, where the desired state is read, while the server is asked.
#[derive(Debug)]
pub(crate) struct PrismaSchema {
    /// The schema file, or the folder of its files.
    path: PathBuf,
    /// Names and texts, which are kept to the end of the process.
    files: &'static [(String, String)],
    datasource: Vec<Block<'static>>,
    /// The first `home` that [`PrismaSchema::check`] was asked for, and the catalog for it; or all that is wrong in the files.
    lowered: OnceLock<Result<(String, Catalog), String>>,
}

impl PrismaSchema {
    /// Reads a schema file, or all `*.prisma` files below a folder. Syntax errors are found by [`PrismaSchema::check`]: a run that
    /// only needs the URL goes on in spite of them.
    ///
    /// # Errors
    /// [`Error::Settings`] if a file cannot be read.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let files: &'static [(String, String)] = read(path)?.leak();
        let datasource = files.iter().find_map(|(_, text)| datasource::block(text)).into_iter().collect();
        Ok(Self { path: path.to_owned(), files, datasource, lowered: OnceLock::new() })
    }

    /// The schema file, or the folder of its files.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Key and value of each line in the first `datasource` block, whether or not the rest of the schema is right.
    pub(crate) fn datasource(&self) -> impl Iterator<Item = (&str, &ExpressionKind<'_>)> {
        let settings = self.datasource.iter().flat_map(|block| &block.settings);
        settings.filter_map(|(key, value)| Some((&*key.text, &value.as_ref()?.kind)))
    }

    /// Whether there may be a model, a view or an enum in it: a line that begins like one.
    pub(crate) fn declares_any(&self) -> bool {
        let mut lines = self.files.iter().flat_map(|(_, text)| text.lines());
        lines.any(|line| matches!(line.split_whitespace().next(), Some("model" | "view" | "enum")))
    }

    /// Whether there may be an enum in it: the word, which may also be part of a name or of a comment.
    pub(crate) fn may_declare_enums(&self) -> bool {
        self.files.iter().any(|(_, text)| text.contains("enum"))
    }

    /// Resolves names and arguments, and lowers the schema for `home`, the schema of models without `@@schema`. Later calls (after a
    /// lost connection) get the first answer.
    ///
    /// # Errors
    /// [`Error::Settings`] with file, line and column of everything that is wrong in the schema.
    pub(crate) fn check(&self, home: &str) -> Result<CheckedSchema<'_>, Error> {
        let lowered = self.lowered.get_or_init(|| {
            let parsed = ParsedFiles::new(self.files).check();
            tracing::debug!(phase = "verify", event = "parsed", "parsed the Prisma schema {}", self.path.display());
            let schema = parsed.map_err(|problems| {
                let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
                format!("the Prisma schema cannot be read:{}", lines.concat())
            })?;
            let lowered = lower(schema, home);
            tracing::debug!(phase = "verify", event = "lowered", "lowered the Prisma schema {}", self.path.display());
            Ok((home.to_owned(), lowered))
        });
        match lowered {
            Ok((home, catalog)) => Ok(CheckedSchema { files: self.files, home, catalog }),
            Err(message) => Err(Error::Settings(message.clone())),
        }
    }
}

/// A Prisma schema that nothing is wrong with. The catalog is kept, and not what it was lowered from, which takes as much memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckedSchema<'a> {
    files: &'a [(String, String)],
    home: &'a str,
    catalog: &'a Catalog,
}

impl<'a> CheckedSchema<'a> {
    /// The catalog of a database that agrees with this schema. `home` is the same in almost every call of a run; for another one (a
    /// scratch database of MySQL) the files are parsed again.
    pub(crate) fn catalog(self, home: &str) -> Cow<'a, Catalog> {
        match self.home == home {
            true => Cow::Borrowed(self.catalog),
            false => Cow::Owned(lower(parse(self.files).expect("nothing was wrong in these texts"), home)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Action, Arity, Default, Name, Origin, Type};

    const DATASOURCE: &str = "datasource db {\n provider = \"postgresql\"\n url = env(\"X\")\n}\n";

    fn lowered(text: &str) -> Catalog {
        let files = [("db.prisma".to_owned(), DATASOURCE.to_owned()), ("a.prisma".to_owned(), text.to_owned())];
        lower(parse(&files).unwrap(), "app")
    }

    fn complaints(text: &str) -> Vec<String> {
        parse(&[("a.prisma".to_owned(), text.to_owned())]).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tables_know_their_names_and_where_they_are_expected() {
        let catalog = lowered("model A {\n id Int @id @map(\"a_id\")\n b String?\n @@index([id])\n @@map(\"as\")\n}");
        assert_eq!(catalog.schemas, ["app"]);
        let table = &catalog.tables[0];
        assert_eq!(table.name, Name { schema: "app".to_owned(), name: "as".to_owned() });
        assert_eq!(table.model.as_deref(), Some("A"));
        assert_eq!(table.origin, Some(Origin { file: "a.prisma".into(), line: 1 }));
        let column = &table.columns[0];
        assert_eq!((column.name.as_str(), column.field.as_deref()), ("a_id", Some("id")));
        assert_eq!(column.origin, Some(Origin { file: "a.prisma".into(), line: 2 }));
        assert_eq!(table.columns[1].arity, Arity::Optional);
        assert_eq!(table.indexes[0].name, "as_a_id_idx");
        assert_eq!(table.indexes[0].origin, Some(Origin { file: "a.prisma".into(), line: 4 }));
    }

    #[test]
    fn defaults_are_normalised() {
        let catalog = lowered(
            r#"model A {
                id Int @id @default(autoincrement())
                a Json @default("{ \"b\": [1, 2] }")
                b Bytes @default("aGVsbG8=")
                c Decimal @default(1.50)
                d E @default(X)
                e DateTime @default(now())
                f String @default(uuid())
                g String @default(dbgenerated())
                h String @default(dbgenerated("now()::text"))
                i String[] @default(["a", "b"])
            }
            enum E {
                X @map("x y")
            }"#,
        );
        let defaults: Vec<_> = catalog.tables[0].columns.iter().map(|column| column.default.clone()).collect();
        let value = |text: &str| Default::Value(text.to_owned());
        assert_eq!(
            defaults,
            [
                Default::Sequence,
                value(r#"{"b":[1,2]}"#),
                value("68656c6c6f"),
                value("1.5"),
                value("x y"),
                Default::Now,
                Default::None,
                Default::Any,
                Default::Expression("now()::text".to_owned()),
                Default::List(vec!["a".to_owned(), "b".to_owned()]),
            ]
        );
    }

    #[test]
    fn operator_classes_have_the_databases_names() {
        let catalog = lowered(
            "model A {\n id Int @id\n j Json\n t String\n @@index([j(ops: JsonbOps)], type: Gin)\n \
             @@index([t(ops: raw(\"gin_trgm_ops\"))], type: Gin)\n @@index([id(ops: Int4MinMaxMultiOps)], type: Brin)\n}",
        );
        let class = |at: usize| catalog.tables[0].indexes[at].columns[0].class.as_deref();
        assert_eq!(
            [class(0), class(1), class(2)],
            [Some("jsonb_ops"), Some("gin_trgm_ops"), Some("int4_minmax_multi_ops")]
        );
    }

    #[test]
    fn a_composite_key_with_a_required_part_restricts() {
        let catalog = lowered(
            "model U {\n x Int\n y Int\n ts T[]\n @@id([x, y])\n}\nmodel T {\n id Int @id\n a Int\n b Int?\n \
             u U? @relation(fields: [a, b], references: [x, y])\n}",
        );
        let key = &catalog.tables[1].foreign_keys[0];
        assert_eq!(
            (key.name.as_str(), key.on_delete, key.on_update),
            ("T_a_b_fkey", Action::Restrict, Action::Cascade)
        );
    }

    #[test]
    fn names_that_postgresql_cuts_are_cut() {
        let long = "x".repeat(70);
        let catalog = lowered(&format!("model A {{\n id Int @id @map(\"{long}\")\n @@map(\"{long}\")\n}}"));
        assert_eq!(catalog.tables[0].name.name.len(), 63);
        assert_eq!(catalog.tables[0].columns[0].name.len(), 63);
    }

    #[test]
    fn schemas_are_those_that_hold_something() {
        let text = "datasource db {\n provider = \"postgresql\"\n schemas = [\"a\", \"b\", \"c\"]\n}\nmodel M {\n id Int @id\n \
                    e E\n ns N[]\n @@schema(\"b\")\n}\nmodel N {\n id Int @id\n ms M[]\n @@schema(\"b\")\n}\nenum E {\n X\n \
                    @@schema(\"a\")\n}";
        let catalog = lower(parse(&[("s".to_owned(), text.to_owned())]).unwrap(), "public");
        assert_eq!(catalog.schemas, ["a", "b"]);
        let of = Name { schema: "a".to_owned(), name: "E".to_owned() };
        assert_eq!(catalog.tables[0].columns[1].kind, Type::Enum(of));
        assert_eq!(catalog.tables[2].name, Name { schema: "b".to_owned(), name: "_MToN".to_owned() });
        assert!(catalog.tables[2].is_join);
    }

    #[test]
    fn relation_mode_prisma_has_no_foreign_keys() {
        for key in ["relationMode", "referentialIntegrity"] {
            let text = format!(
                "datasource db {{\n provider = \"postgresql\"\n {key} = \"prisma\"\n}}\nmodel M {{\n id Int @id\n ns N[]\n}}\n\
                 model N {{\n id Int @id\n ms M[]\n}}"
            );
            let catalog = lower(parse(&[("s".to_owned(), text)]).unwrap(), "public");
            assert!(catalog.tables.iter().all(|table| table.foreign_keys.is_empty()));
        }
        let text = "datasource db {\n provider = \"postgresql\"\n relationModel = \"prisma\"\n}";
        assert!(parse(&[("s".to_owned(), text.to_owned())]).unwrap().datasource.unwrap().foreign_keys);
    }

    #[test]
    fn mysql_and_sqlite_have_their_own_types_and_names() {
        let text = |provider| {
            format!(
                "datasource db {{\n provider = \"{provider}\"\n}}\nmodel M {{\n id Int @id\n e E\n ns N[]\n}}\nmodel N {{\n \
                 id String @id\n ms M[]\n}}\nenum E {{\n X\n}}"
            )
        };
        let catalog = |provider| lower(parse(&[("s".to_owned(), text(provider))]).unwrap(), "main");
        let native = |name: &str, arguments: &[u32]| Type::Native(name.to_owned().into(), arguments.to_vec());
        let sqlite = catalog("sqlite");
        assert_eq!(sqlite.tables[0].columns[1].kind, native("text", &[]));
        assert!(sqlite.enums.is_empty());
        assert_eq!(sqlite.tables[2].foreign_keys[0].name, "");
        let mysql = catalog("mysql");
        assert_eq!(mysql.tables[1].columns[0].kind, native("varchar", &[191]));
        for join in [&sqlite.tables[2], &mysql.tables[2]] {
            assert_eq!(join.primary_key, None);
            assert_eq!((join.indexes[0].name.as_str(), join.indexes[0].unique), ("_MToN_AB_unique", true));
        }
        let [complaint] = &complaints(&text("mongodb"))[..] else { panic!("one complaint") };
        assert!(complaint.starts_with("a.prisma:2:13: ") && complaint.contains("cannot be verified"), "{complaint}");
    }

    #[test]
    fn all_complaints_come_at_once_and_in_order() {
        let found = complaints(
            "datasource db {\n provider = \"postgresql\"\n}\nmodel A {\n id Int @id\n a Foo\n b Int @uniqe\n @@index([zzz])\n}\n\
             model B {\n x Int\n}",
        );
        let positions: Vec<_> = found.iter().map(|text| text.rsplitn(2, ": ").last().unwrap_or_default()).collect();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(positions[0].starts_with("a.prisma:6:4"), "{found:?}");
        assert!(found[3].starts_with("a.prisma:10:7"), "{found:?}");
        let found = complaints(
            "model A {\n id Int! @id\n a Int @@b\n c Int[]?\n}\nmodul B {\n x Int\n}\nmodel C { id Int @id }\nenum E {\n X\n}",
        );
        assert_eq!(found.len(), 5, "{found:?}");
        // A list over several lines is one complaint.
        let found = complaints("model A {\n @@id([\n  a,\n  b\n ])\n a Int\n b Int\n}");
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn names_that_nobody_could_mean_are_refused() {
        let long = "x".repeat(LONGEST_NAME + 1);
        for line in [format!("{long} Int"), format!("a Int @map(\"{long}\")"), format!("a Int @db{}", ".x".repeat(500))]
        {
            let found = complaints(&format!("{DATASOURCE}model A {{\n id Int @id\n {line}\n}}"));
            assert!(found.len() == 1 && found[0].contains("more than 1000 bytes"), "{found:?}");
        }
    }

    #[test]
    fn without_a_datasource_nothing_is_expected() {
        let schema = parse(&[("a".to_owned(), "model A {\n id Int @id\n}".to_owned())]).unwrap();
        assert_eq!(lower(schema, "public"), Catalog::default());
    }

    #[test]
    fn a_folder_is_read_with_all_that_is_below_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("models")).unwrap();
        std::fs::write(folder.path().join("schema.prisma"), "a").unwrap();
        std::fs::write(folder.path().join("models/user.prisma"), "b").unwrap();
        std::fs::write(folder.path().join("models/notes.txt"), "c").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("models/loop")).unwrap();
        let texts: Vec<_> = read(folder.path()).unwrap().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["b", "a"]);
        assert!(read(&folder.path().join("none")).is_err());
    }
}
