//! Forms of file and folder names.

use crate::formats::refinery;

/// The name without one of these endings.
fn stem<'a>(name: &'a str, endings: &[&str]) -> Option<&'a str> {
    endings.iter().find_map(|ending| name.strip_suffix(ending))
}

/// The digits that a name begins with, and what follows.
fn split_digits(name: &str) -> (&str, &str) {
    name.split_at(name.bytes().take_while(u8::is_ascii_digit).count())
}

/// `1_x.sql`: a number without a letter before it, which Flyway passes over.
pub(crate) fn bare_number(name: &str) -> bool {
    name.ends_with(".sql") && name.starts_with(|first: char| first.is_ascii_digit())
}

/// So many digits, then this sign, in a file with one of these endings.
fn is_dated(name: &str, digits: usize, sign: char, endings: &[&str]) -> bool {
    let (number, rest) = split_digits(name);
    number.len() == digits && rest.starts_with(sign) && stem(rest, endings).is_some()
}

const SCRIPTS: &[&str] = &[".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"];

/// A numbered file of SQL.
pub(crate) fn numbered(name: &str) -> bool {
    crate::formats::sql::names::is_migration(name)
}

/// `1_x.up.sql`.
pub(crate) fn up_file(name: &str) -> bool {
    let (number, rest) = split_digits(name);
    !number.is_empty() && rest.starts_with('_') && rest.ends_with(".up.sql")
}

/// `0001.x.rollback.sql`, `0001_x.rollback.sql`.
pub(crate) fn rollback_file(name: &str) -> bool {
    name.ends_with(".rollback.sql")
}

/// `V1__x.sql`, `V1.2__x.sql`, `R__x.sql`, `B1__x.sql`; of `V` and `B` with a number.
pub(crate) fn flyway(name: &str) -> bool {
    let Some(stem) = stem(name, &[".sql", ".SQL", ".java"]) else { return false };
    let Some((version, _)) = stem.split_once("__") else { return false };
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'_');
    version == "R" || version.strip_prefix(['V', 'B']).is_some_and(is_number)
}

/// `U1__x.sql` without a `V1__…`: of refinery, a migration that may run out of order. Flyway's take `V1__…` back.
pub(crate) fn has_unversioned(files: &[String]) -> bool {
    let version = |name: &str, letter: char| {
        let rest = name.strip_prefix(letter)?;
        let is_form = flyway(&format!("V{rest}"));
        is_form.then(|| rest.split("__").next().unwrap_or_default().to_owned())
    };
    let versions: Vec<String> = files.iter().filter_map(|name| version(name, 'V')).collect();
    files.iter().filter_map(|name| version(name, 'U')).any(|number| !versions.contains(&number))
}

/// All files that have the form of Flyway's could be refinery's: `V1__x.sql`, and no version twice.
pub(crate) fn may_be_refinery(files: &[String]) -> bool {
    let mut versions = Vec::new();
    for file in
        files.iter().filter(|file| flyway(file) || (file.starts_with('U') && flyway(&file.replacen('U', "V", 1))))
    {
        match refinery::names::role(file) {
            refinery::names::Role::Migration(numbered) if !versions.contains(&numbered.version) => {
                versions.push(numbered.version);
            }
            _ => return false,
        }
    }
    !versions.is_empty()
}

/// Fourteen digits, as of a time, and anything.
pub(crate) fn fourteen_digits(name: &str) -> bool {
    name.len() >= 14 && name.bytes().take(14).all(|byte| byte.is_ascii_digit())
}

/// `1693400000000_users`: of Hasura, a time in milliseconds, which diesel takes for a version as any other text.
pub(crate) fn hasura(name: &str) -> bool {
    let (number, rest) = split_digits(name);
    number.len() == 13 && rest.starts_with('_')
}

/// `db.changelog-master.yaml`, `changelog.xml`.
pub(crate) fn changelog(name: &str) -> bool {
    name.contains("changelog") && stem(name, &[".xml", ".yaml", ".yml", ".json"]).is_some()
}

/// `Migration20240101120000.ts`.
pub(crate) fn mikro_orm(name: &str) -> bool {
    let digits = name.strip_prefix("Migration");
    digits.is_some_and(|rest| fourteen_digits(rest) && stem(rest, SCRIPTS).is_some())
}

/// `.snapshot-app.json`.
pub(crate) fn mikro_orm_snapshot(name: &str) -> bool {
    name.starts_with(".snapshot-") && name.ends_with(".json")
}

/// `1693400000000-AddUser.ts`.
pub(crate) fn typeorm(name: &str) -> bool {
    is_dated(name, 13, '-', SCRIPTS)
}

/// `20240101120000_users.js`.
pub(crate) fn knex(name: &str) -> bool {
    is_dated(name, 14, '_', SCRIPTS)
}

/// `20240101120000-users.js`.
pub(crate) fn sequelize(name: &str) -> bool {
    is_dated(name, 14, '-', SCRIPTS)
}

/// `1693400000000_users.js`, or with seventeen digits.
pub(crate) fn node_pg_migrate(name: &str) -> bool {
    is_dated(name, 13, '_', SCRIPTS) || is_dated(name, 17, '_', SCRIPTS)
}

/// `2024.01.01T12.00.00.users.sql`.
pub(crate) fn umzug(name: &str) -> bool {
    is_umzugs_date(name) && name.ends_with(".sql")
}

/// `2024.01.01T12.00.00.users.ts`.
pub(crate) fn umzug_code(name: &str) -> bool {
    is_umzugs_date(name) && stem(name, SCRIPTS).is_some()
}

fn is_umzugs_date(name: &str) -> bool {
    let is_date = |(at, byte): (usize, u8)| match at {
        4 | 7 | 13 | 16 => byte == b'.',
        10 => byte == b'T',
        _ => byte.is_ascii_digit(),
    };
    name.len() > 19 && name.bytes().take(19).enumerate().all(is_date)
}

/// `20240101120000_create_users.rb`.
pub(crate) fn rails(name: &str) -> bool {
    let (number, rest) = split_digits(name);
    !number.is_empty() && rest.starts_with('_') && rest.ends_with(".rb")
}

/// `20240101120000_create_users.exs`.
pub(crate) fn ecto(name: &str) -> bool {
    let (number, rest) = split_digits(name);
    !number.is_empty() && rest.starts_with('_') && rest.ends_with(".exs")
}

/// `2024_01_01_120000_create_users.php`.
pub(crate) fn laravel(name: &str) -> bool {
    let mut parts = name.splitn(5, '_');
    let lengths = [4, 2, 2, 6];
    let is_part = |length| {
        parts.next().is_some_and(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    name.ends_with(".php") && lengths.into_iter().all(is_part)
}

/// `Version20240101120000.php`.
pub(crate) fn doctrine(name: &str) -> bool {
    name.strip_prefix("Version").is_some_and(|rest| fourteen_digits(rest) && rest.ends_with(".php"))
}

/// `20240101120000_create_users.php`.
pub(crate) fn phinx(name: &str) -> bool {
    is_dated(name, 14, '_', &[".php"])
}

/// `20240101120000_Init.cs`.
pub(crate) fn ef_core(name: &str) -> bool {
    is_dated(name, 14, '_', &[".cs"])
}

/// `0002_b.go`: goose's migrations in Go.
pub(crate) fn go_file(name: &str) -> bool {
    let (number, rest) = split_digits(name);
    !number.is_empty() && rest.starts_with('_') && rest.ends_with(".go") && !rest.ends_with("_test.go")
}
