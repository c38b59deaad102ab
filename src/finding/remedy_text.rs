//! How a [`Remedy`] is worded.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalog::Access;
use crate::finding::remedy::{
    Applier, Grant, IndexFix, Labels, NameFix, Remedy, RequirementFix, Run, SchemaFileFix, Write,
};

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(sql) => f.write_str(sql),
            Self::Grant(grant) => grant.fmt(f),
            Self::Run(run) => run.fmt(f),
            Self::Write(write) => write.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::SchemaFile(fix) => fix.fmt(f),
            Self::Requirement(fix) => fix.fmt(f),
            Self::Index(fix) => fix.fmt(f),
            Self::External => f.write_str(
                "let those who manage it create or change it first, or adapt the schema file to it (npx prisma db pull)",
            ),
            Self::AdoptFewer(Some(before)) => write!(
                f,
                "if nothing of it and of later ones exists, adopt what is before it: doorstep baseline --through {before}, \
                 and doorstep run applies the rest; otherwise correct the database, and try again"
            ),
            Self::AdoptFewer(None) => f.write_str("correct the database (it is the first migration), and try again"),
        }
    }
}

impl Serialize for Remedy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access, schema, table, role } = self;
        match access {
            Access::NoSchema => write!(
                f,
                "GRANT USAGE ON SCHEMA {schema} TO {role}; \
                 GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
            ),
            Access::Nothing => write!(f, "GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}"),
            Access::WriteOnly | Access::Granted => {
                write!(f, "GRANT SELECT ON {table} TO {role}, if the service reads it")
            }
            Access::SomeColumns => {
                write!(f, "GRANT SELECT ON {table} TO {role}, if the service reads them all, as Prisma's client does")
            }
            Access::NoRows => {
                write!(f, "CREATE POLICY … ON {table} TO {role} USING (…), or ALTER ROLE {role} BYPASSRLS")
            }
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Creator { names_folder, has_sql } => {
                let folder = if *names_folder { "name the folder (--migrations), or " } else { "" };
                let sql = if *has_sql { "; doorstep diff --script prints the SQL that creates it" } else { "" };
                write!(f, "{folder}let what creates it run first{sql}")
            }
            Self::CreateSchema(name, sql) => write!(f, "doorstep migrate --schemas {name}, or CREATE SCHEMA {sql}"),
            Self::Apply { by, again } => {
                let apply = match by {
                    Applier::Doorstep => "doorstep migrate applies it",
                    Applier::Awaited => {
                        "let the process that migrates apply it (here, migrate = await): doorstep migrate"
                    }
                    Applier::Other => {
                        "let the process that migrates apply it (here, migrate = off): doorstep migrate --migrate apply"
                    }
                };
                write!(f, "{apply}{}", if *again { " again" } else { "" })
            }
            Self::Repair(name) => write!(
                f,
                "doorstep status shows why; repair the file, then doorstep resolve --rolled-back {name}, and start again"
            ),
            Self::Wait => f.write_str("wait until it is done"),
            Self::ByHand(file) => {
                write!(f, "run its file once by hand ({file}), or put what is missing into a new migration")
            }
            Self::NewerImage(name) => write!(f, "start the image that has {name}"),
            Self::RestoreAll => {
                f.write_str("restore the tables together with the history, or start with an empty database")
            }
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New { slug, by_prisma, what } => {
                let writes = match by_prisma {
                    true => format!("npx prisma migrate dev --name {slug} writes the migration for {what}"),
                    false => format!("write the migration {slug} for {what}"),
                };
                write!(f, "{writes}; doorstep diff --script prints its SQL")
            }
            Self::OrCorrectName { slug, by_prisma: true } => write!(
                f,
                "write the migration (npx prisma migrate dev --create-only --name {slug}), or correct the name"
            ),
            Self::OrCorrectName { by_prisma: false, .. } => f.write_str("write the migration, or correct the name"),
            Self::Code { authoring, has_pending: false } => write!(
                f,
                "if one of them creates it, it was lost since, or only recorded (alembic stamp, migrate --fake): restore \
                 it, or take the row back; if none does: {authoring}"
            ),
            Self::Code { authoring, has_pending: true } => {
                write!(f, "apply what is pending: doorstep migrate; if that does not create it: {authoring}")
            }
            Self::EditedPart => f.write_str("put what was added into a new migration, and the file back to what ran"),
            Self::MissingPart => f.write_str("put what is missing into a new migration"),
            Self::Addition => f.write_str("add it in a new migration"),
            Self::AgainOrRestore => f.write_str("create it again in a new migration, or restore it from a backup"),
            Self::RestoreOrCreate => f.write_str("restore it, or create it in a new migration"),
            Self::Alignment { declared: true } => f.write_str(
                "align it in a new migration, or take it into the schema file as it is (npx prisma db pull)",
            ),
            Self::Alignment { declared: false } => {
                f.write_str("align it in a new migration, or correct what requires it")
            }
        }
    }
}

impl fmt::Display for NameFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequireElsewhere(table) => write!(f, "require {table}, or add its schema to the search path"),
            Self::RequireOther(table) => write!(f, "require {table} (names are case-sensitive), or rename it"),
            Self::MapField { field, column, instead, sql } => {
                let instead = instead.as_ref().map_or(String::new(), |name| format!(" (instead of \"{name}\")"));
                write!(f, "map the field: {field} … @map(\"{column}\"){instead}; or rename the column: {sql}")
            }
            Self::MapFields => f.write_str("map each field to its column (@map), or rename the columns"),
            Self::Column { column, sql } => write!(f, "correct the name to {column}, or rename the column: {sql}"),
            Self::MapWhole { label, what, name, schema, sql } => {
                let map = name.as_ref().map(|name| format!("@@map(\"{name}\")"));
                let at = schema.as_ref().map(|schema| format!("@@schema(\"{schema}\")"));
                let written = map.into_iter().chain(at).collect::<Vec<_>>().join(" ");
                match (name, schema) {
                    (None, Some(schema)) => {
                        write!(
                            f,
                            "say where it is: ?schema={schema} in the URL, or {written} in {label}; or move it: {sql}"
                        )
                    }
                    _ => write!(f, "map it: {written} in {label}; or rename the {what}: {sql}"),
                }
            }
            Self::Whole { name, sql } => write!(f, "correct the name to {name}, or: {sql}"),
            Self::MapValues(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(one, other)| format!("{one} @map(\"{other}\")")).collect();
                write!(f, "map the values: {}; or rename them (ALTER TYPE … RENAME VALUE)", pairs.join(", "))
            }
            Self::Case => f.write_str("names are case-sensitive; correct it"),
            Self::Index => {
                f.write_str("names are case-sensitive and belong to a schema: correct it, or rename the index")
            }
            Self::Constraint => f.write_str("correct its name or its table"),
        }
    }
}

impl fmt::Display for SchemaFileFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Update { declared: true } => f.write_str(
                "bring the schema file up to date (npx prisma db pull), or create it again in a new migration",
            ),
            Self::Update { declared: false } => {
                f.write_str("correct what requires it, or create it again in a new migration")
            }
            Self::TakeInOrDrop { needs_default } => {
                let default = if *needs_default { ", give it a default" } else { "" };
                write!(f, "take it into the schema file (npx prisma db pull){default}, or drop it in a new migration")
            }
            Self::TakeIn => f.write_str("take it into the schema file (npx prisma db pull)"),
            Self::LeaveOrTakeIn => f.write_str("leave it, or take it into the schema file (npx prisma db pull)"),
            Self::Drop => f.write_str("drop it by hand or in a new migration, if nothing needs it"),
            Self::RemoveValue => f.write_str("take it out of the schema file, or add it again in a new migration"),
            Self::Relation(model, fields) => {
                let to = model.as_ref().map_or(String::new(), |model| format!("to {model}, "));
                let fields = fields.join(", ");
                write!(f, "correct the relation ({to}references: [{fields}]), or the key in a new migration")
            }
        }
    }
}

impl fmt::Display for RequirementFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insert => f.write_str("let a migration or a seed insert it"),
            Self::BypassRowSecurity => f.write_str("let a role look that bypasses row security (migrate_url)"),
            Self::GrantSelect => f.write_str("GRANT SELECT on it, or let another role look (migrate_url)"),
            Self::Locks => f.write_str("look at what locks the table, or ask for less"),
            Self::CorrectOrCreate => f.write_str("correct it, or let a migration create what it names"),
            Self::AskView(view) => write!(f, "ask for it with a [[query]]: sql = \"SELECT … FROM {view}\""),
            Self::Create(sql) => write!(f, "create it in a migration ({sql})"),
            Self::Drop(sql) => write!(f, "drop it in a migration ({sql}), or take the line away"),
        }
    }
}

impl fmt::Display for IndexFix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateOrCorrect => "create it in a migration, or correct its name",
            Self::ComparedFirst => "put the columns that the query compares first",
            Self::OrderNext => "let the columns of the ORDER BY follow those that the query compares",
            Self::NameOther => "name that one, if it is as good; or change the index",
            Self::Columns => "give the index the columns, directions and NULLS order that the query asks for",
        })
    }
}

impl fmt::Display for Labels {
    /// `A, B and C`; `it` for what the finding itself names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.named.as_slice(), self.more) {
            ([], _) => f.write_str("it"),
            ([one], 0) => f.write_str(one),
            ([first @ .., last], 0) => write!(f, "{} and {last}", first.join(", ")),
            (named, more) => write!(f, "{} and {more} more", named.join(", ")),
        }
    }
}
