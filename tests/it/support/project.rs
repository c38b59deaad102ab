//! A project: a directory with a migrations folder, in which doorstep and other tools run.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use super::{Doorstep, Output, until, variable};

/// A directory with a Prisma folder.
pub(crate) struct Project {
    directory: Arc<tempfile::TempDir>,
}

impl Project {
    /// For PostgreSQL.
    pub(crate) fn new() -> Self {
        Self::bare().file("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n")
    }

    pub(crate) fn sqlite() -> Self {
        Self::bare().file("prisma/migrations/migration_lock.toml", "provider = \"sqlite\"\n")
    }

    pub(crate) fn mysql() -> Self {
        Self::bare().file("prisma/migrations/migration_lock.toml", "provider = \"mysql\"\n")
    }

    /// Without any migrations folder.
    pub(crate) fn bare() -> Self {
        Self { directory: Arc::new(tempfile::tempdir().unwrap()) }
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn migration(self, name: &str, sql: &str) -> Self {
        self.file(&format!("prisma/migrations/{name}/migration.sql"), sql)
    }

    /// `1_users` with table users, `2_posts` with table posts.
    pub(crate) fn with_two() -> Self {
        Self::new()
            .migration("1_users", "CREATE TABLE users (id integer PRIMARY KEY);\n")
            .migration("2_posts", "CREATE TABLE posts (id integer PRIMARY KEY);\n")
    }

    /// A folder of numbered files.
    pub(crate) fn numbered(files: &[(&str, &str)]) -> Self {
        let file = |project: Self, (name, sql): &(&str, &str)| project.file(&format!("migrations/{name}"), sql);
        files.iter().fold(Self::bare(), file)
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// doorstep with these arguments, in this directory, with nothing in its environment but PATH and
    /// the URL.
    pub(crate) fn doorstep(&self, url: &str, arguments: &[&str]) -> Doorstep {
        let mut doorstep = Doorstep::new(arguments).directory(self.directory.path());
        doorstep.keep = Some(Arc::clone(&self.directory));
        if url.is_empty() { doorstep } else { doorstep.env("DATABASE_URL", url) }
    }

    /// doorstep with Alembic and Django in its PATH.
    pub(crate) fn with_python(&self, url: &str, arguments: &[&str]) -> Doorstep {
        let path = format!("{}/bin:{}", variable("PYTHON_HOME"), variable("PATH"));
        self.doorstep(url, arguments).env("PATH", &path)
    }

    /// The output of `check` with the real tool, which a busy machine may not start within five seconds.
    pub(crate) fn checked_with_python(&self, url: &str, arguments: &[&str]) -> Output {
        let arguments = [&["check"], arguments].concat();
        until("the tool has answered", || {
            let output = self.with_python(url, &arguments).run();
            (!output.stdout.contains("no answer within")).then_some(output)
        })
    }

    /// Runs a program of that virtual environment, which must succeed.
    pub(crate) fn python(&self, url: &str, program: &str, arguments: &[&str]) {
        let mut command = Command::new(format!("{}/bin/{program}", variable("PYTHON_HOME")));
        let output = command.args(arguments).current_dir(self.path("")).env("DATABASE_URL", url).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The real Prisma of this version, on this project.
    pub(crate) fn prisma(&self, prisma: Prisma, url: &str, arguments: &[&str]) -> Doorstep {
        let program = format!("{}/tests/prisma/{}", env!("CARGO_MANIFEST_DIR"), prisma.program());
        let mut call = Doorstep::through(&program, &[self.path("").to_str().unwrap()], arguments);
        call.shown = format!("{} {}", prisma.program(), arguments.join(" "));
        call.keep = Some(Arc::clone(&self.directory));
        call.env("DATABASE_URL", url).env("PRISMA_HOME", &variable("PRISMA_HOME"))
    }
}

/// A project whose schema file has two models, two mapped columns and an enum, and whose migrations create less.
pub(crate) fn project_of_a_schema() -> Project {
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\n\nmodel User {\n  id Int @id\n  email String @unique\n  reportId Int?\n}\n\n\
                  model SLAPolicy {\n  id Int @id\n  role Role\n}\n\nenum Role {\n  A\n  B\n}\n";
    Project::new().file("prisma/schema.prisma", schema).migration(
        "1_init",
        "CREATE TABLE \"User\" (id integer NOT NULL, email text NOT NULL, report_id integer, CONSTRAINT \"User_pkey\" PRIMARY KEY (id));",
    )
}

/// A format whose migrations are SQL scripts: its folder and its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    Prisma,
    Sql,
}

impl Scripts {
    /// The path of this migration's script.
    pub(crate) fn file(self, name: &str) -> String {
        match self {
            Self::Prisma => format!("prisma/migrations/{name}/migration.sql"),
            Self::Sql => format!("migrations/{name}.sql"),
        }
    }

    /// Translates a query on Prisma's history into one on this format's.
    pub(crate) fn query(self, sql: &str) -> String {
        let names = [
            ("_prisma_migrations", "_doorstep_migrations"),
            ("migration_name", "name"),
            ("applied_steps_count", "steps"),
            ("logs", "message"),
            ("length(id)", "length(run)"),
        ];
        match self {
            Self::Prisma => sql.to_owned(),
            Self::Sql => names.iter().fold(sql.to_owned(), |sql, (prismas, ours)| sql.replace(prismas, ours)),
        }
    }
}

/// A release of Prisma (tests/prisma/README.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prisma {
    /// 6.19.3
    Six,
    /// 7.10.1
    Seven,
}

impl Prisma {
    pub(crate) const BOTH: [Self; 2] = [Self::Six, Self::Seven];

    fn program(self) -> &'static str {
        match self {
            Self::Six => "prisma6",
            Self::Seven => "prisma7",
        }
    }
}
