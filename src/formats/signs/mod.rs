//! The signs by which the folders of the field's tools are recognised: one table, and a pure function over what was seen
//! of a folder. Several tools share names of files, so a sign has a strength; the strongest ones decide.

pub(crate) mod forms;
pub(crate) mod seen;
pub(crate) mod tools;

use std::fmt;

use crate::config::MigrationFormat;
use crate::formats::code::format_beside_sql;
use crate::formats::is_applied_here;
use crate::formats::signs::seen::Seen;
pub(crate) use crate::formats::signs::tools::TOOLS;

/// A tool of the field, and what its folder is known by.
#[derive(Debug)]
pub(crate) struct KnownTool {
    /// Its name.
    pub name: &'static str,
    /// The format that reads its folders here; `None` for a tool that doorstep only knows. Some of these formats say what is
    /// pending, and the tool applies it.
    pub format: Option<MigrationFormat>,
    /// The command that applies its migrations, as an example.
    pub command: &'static str,
    /// Each of these says that a folder is the tool's.
    pub signs: &'static [(Strength, Sign)],
}

/// How much a sign says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// Other tools have such files, too, and these alone say little.
    Weak,
    /// Names that few tools have.
    Fair,
    /// Nothing but this tool makes it.
    Sure,
}

/// What can be seen of a folder and the project around it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sign {
    /// This file or folder is in it.
    Inside(&'static str),
    /// A file in it has a name of this form.
    Named(fn(&str) -> bool),
    /// Its files together have this form.
    Files(fn(&[String]) -> bool),
    /// A folder in it has all of these files.
    Folder(&'static [&'static str]),
    /// All folders in it that have this file have a name of this form.
    AllFolders(&'static str, fn(&str) -> bool),
    /// A file in it has a mark of the tool.
    Marked,
    /// This file or folder is beside it, or in the directory in which doorstep runs.
    Beside(&'static str),
    /// Such a file has this text.
    Mentions(&'static str, &'static str),
    /// The folder has this name.
    Called(&'static str),
    /// The folder in which it is has this name.
    Under(&'static str),
    /// A Prisma schema is there, or the folder is Prisma's by its place.
    PrismasPlace,
    /// All of these.
    All(&'static [Sign]),
    /// This is not so.
    Not(&'static Sign),
}

/// A tool that a folder may belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// The tool.
    pub tool: &'static KnownTool,
    /// Its strongest sign.
    pub sign: Sign,
    strength: Strength,
}

/// The tools that a folder may belong to: those with the strongest signs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claim {
    /// One, or several that cannot be told apart.
    pub candidates: Vec<Candidate>,
}

/// What a folder is.
#[derive(Debug)]
pub(crate) enum Recognised {
    /// No known tool's.
    Unknown,
    /// Of a format that doorstep reads, and of no other.
    Ours(MigrationFormat),
    /// Its files could be read as this format, but they look like another tool's: only the history of that format in the
    /// database, or the setting, says that it is the format.
    Claimed(MigrationFormat, Claim),
    /// A tool's whose files doorstep does not read.
    Foreign(Claim),
}

/// All tools that a folder shows a sign of, each with its strongest one.
#[must_use]
pub(crate) fn candidates(seen: &Seen) -> Vec<Candidate> {
    let strongest = |tool: &'static KnownTool| {
        let fitting = tool.signs.iter().filter(|(_, sign)| sign.is_seen(seen, tool.name));
        let (strength, sign) = fitting.max_by_key(|(strength, _)| *strength)?;
        Some(Candidate { tool, sign: *sign, strength: *strength })
    };
    TOOLS.iter().filter_map(strongest).collect()
}

/// Decides what a folder is.
#[must_use]
pub(crate) fn recognise(seen: &Seen) -> Recognised {
    let all = candidates(seen);
    let Some(top) = all.iter().map(|candidate| candidate.strength).max() else { return Recognised::Unknown };
    let mut readable: Vec<MigrationFormat> = all.iter().filter_map(Candidate::own).collect();
    readable.dedup();
    let strongest: Vec<Candidate> = all.into_iter().filter(|candidate| candidate.strength == top).collect();
    let is_among = |format| strongest.iter().any(|candidate| candidate.tool.format == Some(format));
    match (strongest.as_slice(), readable.as_slice()) {
        // One tool, or two layouts of one format.
        ([candidate, others @ ..], _)
            if candidate.own().is_some() && others.iter().all(|other| other.own() == candidate.own()) =>
        {
            candidate.own().map_or(Recognised::Unknown, Recognised::Ours)
        }
        // The history of Prisma says that such folders are Prisma's.
        (_, [MigrationFormat::Prisma, MigrationFormat::Drizzle]) if is_among(MigrationFormat::Prisma) => {
            Recognised::Claimed(MigrationFormat::Prisma, Claim { candidates: strongest })
        }
        // Every tool's numbered files can be read as plain SQL; not every folder with migration.sql is Prisma's.
        (_, [format]) if *format == MigrationFormat::Sql || is_among(*format) => {
            Recognised::Claimed(*format, Claim { candidates: strongest })
        }
        (_, [MigrationFormat::Sql, others @ ..]) if others.iter().all(|format| is_flat(*format)) => {
            Recognised::Claimed(MigrationFormat::Sql, Claim { candidates: strongest })
        }
        _ => Recognised::Foreign(Claim { candidates: strongest }),
    }
}

/// Whether the numbered files of this format can be read as plain SQL, too.
#[must_use]
pub(crate) fn is_flat(format: MigrationFormat) -> bool {
    matches!(
        format,
        MigrationFormat::Sql
            | MigrationFormat::Dbmate
            | MigrationFormat::Sqlx
            | MigrationFormat::GolangMigrate
            | MigrationFormat::Goose
            | MigrationFormat::Flyway
            | MigrationFormat::Supabase
            | MigrationFormat::Liquibase
            | MigrationFormat::Refinery
            | MigrationFormat::NodePgMigrate
            | MigrationFormat::Umzug
            | MigrationFormat::Tern
    )
}

/// The tools with the strongest signs.
#[must_use]
pub(crate) fn strongest(seen: &Seen) -> Claim {
    let mut candidates = candidates(seen);
    let top = candidates.iter().map(|candidate| candidate.strength).max();
    candidates.retain(|candidate| Some(candidate.strength) == top);
    Claim { candidates }
}

impl Sign {
    fn is_seen(self, seen: &Seen, tool: &str) -> bool {
        match self {
            Self::Inside(name) => seen.has(name),
            Self::Named(form) => seen.files.iter().any(|name| form(name)),
            Self::Files(form) => form(&seen.files),
            Self::Folder(files) => seen.folders.iter().any(|folder| files.iter().all(|file| folder.has(file))),
            Self::AllFolders(file, form) => {
                let mut with = seen.folders.iter().filter(|folder| folder.has(file)).peekable();
                with.peek().is_some() && with.all(|folder| form(&folder.name))
            }
            Self::Marked => seen.marked.contains(&tool),
            Self::Beside(name) => seen.beside.contains(&name),
            Self::Mentions(file, text) => seen.mentions.contains(&(file, text)),
            Self::Called(name) => seen.name.as_deref() == Some(name),
            Self::Under(name) => seen.under.as_deref() == Some(name),
            Self::PrismasPlace => seen.is_prismas_place,
            Self::All(signs) => signs.iter().all(|sign| sign.is_seen(seen, tool)),
            Self::Not(sign) => !sign.is_seen(seen, tool),
        }
    }

    /// Whether nothing but what is beside the folder, which has not been looked at, can still deny it.
    fn is_open(self, seen: &Seen, tool: &str) -> bool {
        match self {
            Self::Beside(_) | Self::Mentions(..) => true,
            Self::All(signs) => signs.iter().all(|sign| sign.is_open(seen, tool)),
            sign => sign.is_seen(seen, tool),
        }
    }

    /// Calls `found` with each sign that this one consists of.
    fn each_part(self, found: &mut impl FnMut(Self)) {
        match self {
            Self::All(signs) => signs.iter().for_each(|sign| sign.each_part(found)),
            Self::Not(sign) => sign.each_part(found),
            sign => found(sign),
        }
    }
}

impl Candidate {
    /// The format by which doorstep itself applies the folder.
    fn own(&self) -> Option<MigrationFormat> {
        self.tool.format.filter(|format| is_applied_here(*format))
    }
}

impl Claim {
    /// The formats by which doorstep itself would apply the folder, but this one.
    pub(crate) fn own_but(&self, format: MigrationFormat) -> Vec<MigrationFormat> {
        let mut own: Vec<MigrationFormat> = self.candidates.iter().filter_map(Candidate::own).collect();
        own.retain(|own| *own != format);
        own.dedup();
        own
    }
}

/// What was seen, for a message.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = None;
        self.sign.each_part(&mut |sign| {
            shown = shown.take().or_else(|| match sign {
                Sign::Inside(name) | Sign::Beside(name) => Some(name.to_owned()),
                Sign::Folder(files) => Some(format!("NAME/{}", files.join(", NAME/"))),
                Sign::AllFolders(file, _) => Some(format!("NAME/{file}")),
                Sign::Mentions(file, _) => Some(file.to_owned()),
                Sign::Called(name) => Some(format!("the name of the folder, {name}")),
                Sign::Under(name) => Some(format!("the folder {name}")),
                Sign::Marked => Some("its marks in the files".to_owned()),
                Sign::Named(_) | Sign::Files(_) | Sign::PrismasPlace | Sign::All(_) | Sign::Not(_) => None,
            })
        });
        write!(f, "{} ({})", self.tool.name, shown.as_deref().unwrap_or("by the names of its files"))
    }
}

impl Claim {
    /// The tools, each with what was seen of it.
    #[must_use]
    pub(crate) fn tools(&self) -> String {
        self.candidates.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }

    /// The formats by which doorstep knows what the tools apply; none, if it does not know one of them.
    #[must_use]
    pub(crate) fn by_tools(&self) -> Vec<MigrationFormat> {
        let by_tool = |candidate: &Candidate| match candidate.tool.format {
            Some(format) => Some(format).filter(|format| !is_applied_here(*format)),
            None => format_beside_sql(candidate.tool.name),
        };
        let known: Option<Vec<_>> = self.candidates.iter().map(by_tool).collect();
        known.unwrap_or_default()
    }

    /// A command that applies the folder, as an example.
    #[must_use]
    pub(crate) fn command(&self) -> &'static str {
        let foreign = self.candidates.iter().find(|candidate| !candidate.tool.command.is_empty());
        foreign.map_or("TOOL", |candidate| candidate.tool.command)
    }

    /// Names of the formats by which doorstep itself could apply the folder, beside plain SQL and the one of this name.
    #[must_use]
    pub(crate) fn formats(&self, beside: &str) -> Vec<String> {
        let formats = self.candidates.iter().filter_map(Candidate::own);
        let others = formats.filter(|format| *format != MigrationFormat::Sql).map(MigrationFormat::word);
        others.filter(|word| word != beside).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::signs::seen::Inner;

    /// A folder with these files; a name with a slash is a file in a folder. `@dbmate`: has marks of that tool;
    /// `^x`: beside it; `^file:text`: beside it, and mentions the text; `=x`: its name.
    fn seen(names: &str) -> Seen {
        let mut seen = Seen::default();
        for name in names.split_whitespace() {
            match (name.strip_prefix('@'), name.strip_prefix('^'), name.split_once('/')) {
                (Some(tool), ..) => seen.marked.push(TOOLS.iter().find(|known| known.name == tool).unwrap().name),
                (_, Some("prisma"), _) => seen.is_prismas_place = true,
                _ if name.starts_with('=') => seen.name = Some(name[1..].to_owned()),
                (_, Some(beside), _) => seen::looked_for(
                    |_, _| true,
                    |file, text| {
                        if beside
                            .strip_prefix(file)
                            .is_some_and(|rest| rest.is_empty() || text.is_some_and(|text| rest[1..] == *text.trim()))
                        {
                            match text {
                                Some(text) => seen.mentions.push((file, text)),
                                None => seen.beside.push(file),
                            }
                        }
                    },
                ),
                (_, _, Some((folder, file))) => match seen.folders.iter_mut().find(|known| known.name == folder) {
                    Some(known) => known.files.push(file.to_owned()),
                    None => seen.folders.push(Inner { name: folder.to_owned(), files: vec![file.to_owned()] }),
                },
                _ => seen.files.push(name.to_owned()),
            }
        }
        seen
    }

    fn verdict(names: &str) -> String {
        let list =
            |claim: Claim| claim.candidates.iter().map(|candidate| candidate.tool.name).collect::<Vec<_>>().join(", ");
        match recognise(&seen(names)) {
            Recognised::Unknown => "unknown".to_owned(),
            Recognised::Ours(format) => format!("{format:?}"),
            Recognised::Claimed(format, claim) => format!("{format:?}? {}", list(claim)),
            Recognised::Foreign(claim) => list(claim),
        }
    }

    #[test]
    fn each_tools_folder_is_known_by_its_signs() {
        for (names, expected) in [
            ("migration_lock.toml", "Prisma"),
            ("1_a/migration.sql", "Prisma"),
            ("20240101120000_a/migration.sql migration_lock.toml", "Prisma"),
            ("20240101120000_a/migration.sql ^prisma", "Prisma"),
            ("20240101120000_a/migration.sql 20240101120000_a/snapshot.json", "Drizzle"),
            ("20240101120000_a/migration.sql", "Prisma? Prisma, Drizzle 1.0"),
            ("20240101120000_a/migration.sql ^drizzle.config.ts", "Drizzle"),
            ("20240101120000_a/migration.sql ^drizzle.config.json", "Drizzle"),
            ("20240101120000_a/migration.sql 20240101120000_a/snapshot.json 0000_a.sql meta/_journal.json", "Drizzle"),
            ("1_a/migration.sql 1_a/snapshot.json migration_lock.toml", "Prisma? Prisma, Drizzle 1.0"),
            ("0000_a.sql meta/_journal.json", "Drizzle"),
            ("0000_a.sql =drizzle", "Drizzle"),
            ("20240101120000_a/migration.sql =drizzle", "Drizzle"),
            ("20240101120000_a/migration.sql migration_lock.toml =drizzle", "Prisma"),
            ("0001_a.sql", "Sql"),
            ("0001_a.sql README.md seed.sql", "Sql"),
            ("0001_a.sql ^sqlx.toml", "Sqlx"),
            ("0001_a.sql ^Cargo.toml:sqlx", "Sql? plain SQL, sqlx"),
            ("1_a.up.sql 1_a.down.sql", "Sql? sqlx, golang-migrate"),
            ("1_a.up.sql ^.sqlx", "Sqlx"),
            ("1_a.up.sql ^go.mod:golang-migrate/migrate", "GolangMigrate"),
            ("1_a.sql @dbmate", "Dbmate"),
            ("1_a.sql @goose", "Goose"),
            ("1_a.sql @goose @dbmate", "Sql? dbmate, goose"),
            ("V1__a.sql R__b.sql", "Flyway"),
            ("1_a.sql R__b.sql", "Sql"),
            ("V1__a.sql ^Cargo.toml:refinery", "Refinery"),
            ("V1__a.sql ^refinery.toml", "Refinery"),
            ("V1__a.sql U2__b.sql", "Refinery"),
            ("V1__a.sql U1__a.sql", "Flyway"),
            ("2023-01-01-000000_a/up.sql 2023-01-01-000000_a/down.sql", "Diesel"),
            ("1_a/up.sql ^diesel.toml", "Diesel"),
            ("1693400000000_a/up.sql", "Diesel? diesel, Hasura"),
            ("1693400000000_a/up.sql 1_b/up.sql", "Diesel"),
            ("1693400000000_a/up.sql ^diesel.toml", "Diesel"),
            ("1693400000000_a/up.sql ^config.yaml:metadata_directory", "Hasura"),
            ("V1__a.sql V2__b.sql", "Sql? Flyway, refinery"),
            ("V1__a.sql V1.1__b.sql", "Flyway"),
            ("20240101120000_a.sql ^supabase/config.toml", "Sql? plain SQL, Supabase CLI"),
            ("db.changelog-master.yaml", "Liquibase"),
            ("1_a.sql @Liquibase", "Liquibase"),
            ("sqitch.plan deploy/a.sql revert/a.sql", "sqitch"),
            ("committed/000001.sql current.sql", "graphile-migrate"),
            ("Migration20240101120000.ts .snapshot-app.json", "MikroORM"),
            ("1693400000000-AddUser.ts", "TypeORM"),
            ("20240101120000_users.js", "knex"),
            ("20240101120000-users.js", "sequelize-cli"),
            ("1693400000000_users.js", "node-pg-migrate"),
            ("1693400000000_users.sql @node-pg-migrate", "NodePgMigrate"),
            ("1693400000000_users.sql 1693400000001_a.js @node-pg-migrate", "NodePgMigrate"),
            ("1693400000000_users.sql ^package.json:\"node-pg-migrate\"", "Sql? plain SQL, node-pg-migrate"),
            ("2024.01.01T12.00.00.users.sql @node-pg-migrate", "Umzug"),
            ("2024.01.01T12.00.00.users.ts", "umzug"),
            ("2024.01.01T12.00.00.users.ts 2024.01.02T12.00.00.users.sql", "Umzug"),
            ("1_a.sql ^package.json:\"umzug\"", "Sql? plain SQL, umzug"),
            ("001_a.sql @tern", "Tern"),
            ("20240101120000_create_users.rb", "Rails"),
            ("20240101120000_create_users.exs", "Ecto"),
            ("2024_01_01_120000_create_users.php", "Laravel"),
            ("20240101120000_Init.cs AppModelSnapshot.cs", "EF Core"),
            ("0001.a.sql 0001.a.rollback.sql", "Sql? yoyo"),
            ("20240101120000_a.sql atlas.sum", "Sql? Atlas"),
            ("README.md .gitkeep", "unknown"),
            ("seed.sql", "unknown"),
        ] {
            assert_eq!(verdict(names), expected, "{names}");
        }
    }

    #[test]
    fn a_claim_names_each_tool_and_what_was_seen() {
        let Recognised::Claimed(_, claim) = recognise(&seen("1_a.up.sql")) else { panic!() };
        assert_eq!(claim.tools(), "sqlx (by the names of its files) or golang-migrate (by the names of its files)");
        let Recognised::Claimed(_, claim) = recognise(&seen("20240101120000_a.sql atlas.sum")) else { panic!() };
        assert_eq!((claim.tools().as_str(), claim.command()), ("Atlas (atlas.sum)", "atlas migrate apply"));
    }
}
