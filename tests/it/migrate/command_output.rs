//! The output of each command when nothing is wrong: answers on stdout, the log on stderr.

use crate::support::snapshots::{Sections, assert_snapshot};
use crate::support::{Database, Project};

const SCHEMA: &str = "datasource db {
  provider = \"postgresql\"
}

model User {
  id   Int  @id
  post Post[]
}

model Post {
  id     Int  @id
  user   User @relation(fields: [userId], references: [id])
  userId Int
}
";
const USERS: &str = "CREATE TABLE \"User\" (id integer NOT NULL, CONSTRAINT \"User_pkey\" PRIMARY KEY (id));\nINSERT INTO \"User\" VALUES (1);\n";
const POSTS: &str = "CREATE TABLE \"Post\" (id integer NOT NULL, \"userId\" integer NOT NULL, CONSTRAINT \"Post_pkey\" PRIMARY KEY (id));
ALTER TABLE \"Post\" ADD CONSTRAINT \"Post_userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\"(id) ON DELETE RESTRICT ON UPDATE CASCADE;
";

/// Runs the commands one after the other, each with the exit code that it must have.
fn transcript(project: &Project, url: &str, commands: &[(i32, &[&str])]) -> Sections {
    let mut sections = Sections::default();
    for (code, arguments) in commands {
        let output = project.doorstep(url, arguments).run().code(*code);
        let text = format!("--- stdout\n{}--- stderr\n{}", output.stdout, output.stderr);
        sections.add(&format!("doorstep {}", arguments.join(" ")), &text);
    }
    sections
}

fn project() -> Project {
    let project = Project::new().file("prisma/schema.prisma", SCHEMA);
    project.migration("20260102090000_users", USERS).migration("20260103090000_posts", POSTS)
}

#[test]
fn from_an_empty_database_to_a_started_service() {
    let database = Database::absent();
    let commands: &[(i32, &[&str])] = &[
        (0, &["migrate"]),
        (0, &["wait"]),
        (0, &["migrate"]),
        (0, &["status"]),
        (0, &["status", "--format", "json"]),
        (0, &["check"]),
        (0, &["check", "--format", "json"]),
        (0, &["verify"]),
        (0, &["diff"]),
        (0, &["diff", "--script"]),
        (0, &["replay"]),
        (0, &["run", "--", "echo", "up"]),
        (0, &["install", "bin"]),
    ];
    assert_snapshot!("output/start", transcript(&project(), &database.url(), commands).text());
}

#[test]
fn commands_on_the_history() {
    let database = Database::fresh();
    database.sql(USERS);
    let commands: &[(i32, &[&str])] = &[
        (0, &["baseline", "--through", "20260102090000_users"]),
        (0, &["status"]),
        (3, &["baseline"]),
        (0, &["resolve", "--applied", "20260103090000_posts"]),
        (0, &["status"]),
    ];
    assert_snapshot!("output/history", transcript(&project(), &database.url(), commands).text());
}

#[test]
fn a_snapshot_of_the_folder() {
    let database = Database::fresh();
    let commands: &[(i32, &[&str])] = &[(0, &["snapshot"])];
    let sections = transcript(&project(), &database.url(), commands);
    assert_snapshot!("output/snapshot", sections.text());
}
