//! `prisma.config.ts` (Prisma 6.4 and later) and `prisma.schema` of package.json (Prisma 6 and older): where the schema and
//! the migrations are. The first is a program: what it says in literals, or with the functions of Node's `path`, is read.
//! Anything else is computed, and then says so.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text, unreadable};
use crate::formats::external::External;
use crate::formats::javascript::{Lookup, Object, Place, PlaceOf};

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// The file.
    pub(crate) file: PathBuf,
    /// `schema`
    pub(crate) schema: Place,
    /// `migrations.path`
    pub(crate) migrations: Place,
    /// `tables.external` and `enums.external`.
    pub(crate) external: External,
}

/// The configuration in the working directory, where Prisma looks for it; without one, package.json's, unless a setting has
/// named the schema.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read.
pub(crate) fn find(is_named: bool) -> Result<Option<Config>, Error> {
    let extensions = ["ts", "js", "mts", "mjs", "cts", "cjs"];
    let places = ["prisma.config", ".config/prisma"].into_iter();
    // Few projects have the folder: one question instead of six.
    let places = places.filter(|place| !place.starts_with(".config/") || Path::new(".config").exists());
    let mut files = places.flat_map(|place| extensions.map(|extension| format!("{place}.{extension}")));
    match files.find(|file| Path::new(file).exists()) {
        Some(file) => Ok(Some(parse(&read(Path::new(&file))?, Path::new(&file)))),
        // package.json names the schema alone.
        None if is_named => Ok(None),
        None => match std::env::current_dir() {
            Ok(here) => of_package(&here),
            Err(_) => Ok(None),
        },
    }
}

fn read(file: &Path) -> Result<String, Error> {
    read_text(file, FileKind::Source).map_err(|error| Error::Settings(unreadable(file.display(), &error)))
}

fn parse(text: &str, file: &Path) -> Config {
    let directory = file.parent().unwrap_or_else(|| Path::new(""));
    let config = Config { file: file.to_owned(), ..Config::default() };
    let Some(object) = Object::exported(text) else {
        return Config { schema: Place::Computed, migrations: Place::Computed, ..config };
    };
    let paths = PlaceOf { directory, text };
    let place = |found: Lookup<'_>| paths.place(found);
    let listed = |of: &str| object.get(of).object().map(|of| of.get("external").texts()).unwrap_or_default();
    let external = External { tables: listed("tables"), enums: listed("enums") };
    let migrations = match object.get("migrations") {
        Lookup::Absent => Place::Absent,
        block => block.object().map_or(Place::Computed, |block| place(block.get("path"))),
    };
    Config { schema: place(object.get("schema")), migrations, external, ..config }
}

/// `"prisma": { "schema": … }` of the nearest package.json, from the directory upwards, as Prisma 6 and older read it: relative
/// to that file. Prisma 7 does not read it.
fn of_package(here: &Path) -> Result<Option<Config>, Error> {
    let Some(file) = here.ancestors().map(|folder| folder.join("package.json")).find(|file| file.exists()) else {
        return Ok(None);
    };
    // Other tools' business, unless it names a schema.
    let Ok(text) = read_text(&file, FileKind::Source) else { return Ok(None) };
    let Ok(package) = serde_json::from_str::<serde_json::Value>(&text) else {
        return match text.contains("\"prisma\"") && text.contains("\"schema\"") {
            true => Err(Error::Settings(format!(
                "{} is no JSON, and seems to name the Prisma schema\nnext: repair it, or name the schema with --prisma-schema",
                file.display()
            ))),
            false => Ok(None),
        };
    };
    let named = &package["prisma"]["schema"];
    if named.is_null() || is_seven(&package) {
        return Ok(None);
    }
    let directory = file.parent().unwrap_or(here);
    let directory = if directory == here { Path::new("") } else { directory };
    let schema = named.as_str().map_or(Place::Computed, |path| Place::Path(directory.join(path)));
    let shown = directory.join("package.json");
    Ok(Some(Config { file: shown, schema, ..Config::default() }))
}

/// Whether the package asks for Prisma 7 or later, by the first number of the range.
fn is_seven(package: &serde_json::Value) -> bool {
    let ranges = ["dependencies", "devDependencies"].into_iter().flat_map(|group| {
        ["prisma", "@prisma/client"].into_iter().filter_map(move |name| package[group][name].as_str())
    });
    let major = |range: &str| {
        let number = range.trim_start_matches(|c: char| !c.is_ascii_digit());
        number.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse::<u32>().ok())
    };
    ranges.filter_map(major).any(|major| major >= 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Place, Place) {
        let config = parse(text, Path::new("prisma.config.ts"));
        (config.schema, config.migrations)
    }

    fn path(text: &str) -> Place {
        Place::Path(text.into())
    }

    #[test]
    fn literals_are_read_past_comments() {
        let text = r#"
            import 'dotenv/config'; // schema: "no"
            import { defineConfig, env } from "prisma/config";
            export default defineConfig({
              schema: "db/schema.prisma",
              migrations: { seed: `tsx db/seed.ts // schema: 'x'`, path: 'db/migrations' /* path: "no" */ },
              datasource: { url: env("DATABASE_URL"), schema: "no" },
              tables: { external: ["public.users", 'auth.keys',] },
              enums: { external: [`auth.kind`] },
            });
        "#;
        assert_eq!(read(text), (path("db/schema.prisma"), path("db/migrations")));
        let external = parse(text, Path::new("p")).external;
        assert_eq!(
            (external.tables, external.enums),
            (vec!["public.users".into(), "auth.keys".into()], vec!["auth.kind".into()])
        );
        assert_eq!(read("export default defineConfig({ datasource: { url: 'x' } })"), (Place::Absent, Place::Absent));
        assert_eq!(read("module.exports = { \"schema\": 'a.prisma' }"), (path("a.prisma"), Place::Absent));
        assert_eq!(
            read("export default {\n  earlyAccess: true,\n  schema: 'a',\n} satisfies PrismaConfig;"),
            (path("a"), Place::Absent)
        );
        assert_eq!(read("const c: PrismaConfig = { schema: 'a' };\nexport default c;"), (path("a"), Place::Absent));
        let nested = parse("export default { schema: 'a.prisma' }", Path::new(".config/prisma.ts"));
        assert_eq!(nested.schema, path(".config/a.prisma"));
    }

    #[test]
    fn the_functions_of_path_are_understood() {
        let schema = |expression: &str| {
            let text = format!(
                "import path, {{ join, resolve }} from 'node:path';\nexport default {{ schema: {expression}, }}"
            );
            read(&text).0
        };
        assert_eq!(schema("path.join('db', \"schema.prisma\")"), path("db/schema.prisma"));
        assert_eq!(schema("path.join(__dirname, 'prisma')"), path("prisma"));
        assert_eq!(schema("join(import.meta.dirname, 'prisma', 'schema')"), path("prisma/schema"));
        assert_eq!(schema("path.resolve(process.cwd(), './prisma')"), path("./prisma"));
        assert_eq!(schema("resolve('/srv', 'prisma')"), path("/srv/prisma"));
        assert_eq!(schema("path.resolve(__dirname, '../db')"), path("../db"));
        for other in
            ["path.join(__dirname, name)", "path.dirname('x')", "path.join(...parts)", "path.join(base(), 'x')"]
        {
            assert_eq!(schema(other), Place::Computed, "{other}");
        }
        // Not Node's.
        assert_eq!(read("export default { schema: join('a', 'b') }").0, Place::Computed);
        let own =
            "import path from 'path';\nconst __dirname = '/x';\nexport default { schema: path.join(__dirname, 'b') }";
        assert_eq!(read(own).0, Place::Computed);
    }

    #[test]
    fn what_is_computed_is_told() {
        for text in [
            "export default { schema: process.env.SCHEMA }",
            "export default { schema: `${x}/a` }",
            "export default { schema: dev ? 'a' : 'b' }",
            "export default { schema }",
            "export default { schema: 'a' + 'b' }",
            "export default { schema: 'a', ...more }",
            "export default { ...more }",
            "export default { [key]: 'a' }",
            "export default make()",
            "const c = { schema: 'a' };\nc.schema = 'b';\nexport default c",
        ] {
            assert_eq!(read(text).0, Place::Computed, "{text}");
        }
        assert_eq!(read("export default { ...more, schema: 'a' }").0, path("a"));
        assert_eq!(read("export default { migrations: { path: join(x, 'm') } }"), (Place::Absent, Place::Computed));
        assert_eq!(read("export default { migrations: m }"), (Place::Absent, Place::Computed));
    }

    #[test]
    fn the_nearest_package_names_the_schema_up_to_prisma_6() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("apps/api");
        std::fs::create_dir_all(&inner).unwrap();
        let package = |text: &str| {
            std::fs::write(folder.path().join("package.json"), text).unwrap();
            of_package(&inner).map(|config| config.map(|config| config.schema)).map_err(|error| error.to_string())
        };
        let named = Some(Place::Path(folder.path().join("db/a.prisma")));
        assert_eq!(package(r#"{"prisma": {"schema": "db/a.prisma"}}"#), Ok(named.clone()));
        let old = r#"{"prisma": {"schema": "db/a.prisma"}, "devDependencies": {"prisma": "^6.2.0"}}"#;
        assert_eq!(package(old), Ok(named));
        let new = r#"{"prisma": {"schema": "db/a.prisma"}, "devDependencies": {"prisma": "~7.1"}}"#;
        assert_eq!(package(new), Ok(None));
        assert_eq!(package(r#"{"prisma": {"seed": "x"}}"#), Ok(None));
        assert_eq!(package(r#"{"prisma": {"schema": 7}}"#), Ok(Some(Place::Computed)));
        assert!(package(r#"{"prisma": {"schema": "x",,}}"#).is_err());
        assert_eq!(package("no JSON"), Ok(None));
        std::fs::write(inner.join("package.json"), r#"{"prisma": {"schema": "own"}}"#).unwrap();
        assert_eq!(of_package(&inner).unwrap().unwrap().schema, path("own"));
    }
}
