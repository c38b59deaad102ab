//! `diff`: lists the differences and does not judge them; `--script` prints the SQL that creates what is missing.

use crate::support::{Database, Project};

/// A schema file with more than its one migration creates.
fn project() -> Project {
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\n\nmodel User {\n  id Int @id @default(autoincrement())\n  \
                  email String @unique\n  reportId Int?\n  nick String\n  policies SLAPolicy[]\n}\n\nmodel SLAPolicy {\n  id Int @id\n  \
                  role Role @default(C)\n  userId Int\n  user User @relation(fields: [userId], references: [id])\n}\n\nenum Role {\n  A\n  B\n  C\n}\n";
    Project::new().file("prisma/schema.prisma", schema).migration(
        "1_init",
        "CREATE TYPE \"Role\" AS ENUM ('A'); CREATE TABLE \"User\" (id serial PRIMARY KEY, email text NOT NULL, report_id integer);",
    )
}

const SCRIPT: &str = r#"
-- AlterEnum
-- A default below uses a new value, which has to be committed first:
-- move this statement into a migration of its own, before this one.
ALTER TYPE "Role" ADD VALUE 'B';
ALTER TYPE "Role" ADD VALUE 'C';

-- AlterTable
-- "nick" is required and has no default: this fails if "User" has rows. Then in two steps: without
-- NOT NULL now; filled and ALTER TABLE "User" ALTER COLUMN "nick" SET NOT NULL after that.
ALTER TABLE "User" ADD COLUMN     "nick" TEXT NOT NULL;

-- CreateTable
CREATE TABLE "SLAPolicy" (
    "id" INTEGER NOT NULL,
    "role" "Role" NOT NULL DEFAULT 'C',
    "userId" INTEGER NOT NULL,

    CONSTRAINT "SLAPolicy_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");

-- AddForeignKey
ALTER TABLE "SLAPolicy" ADD CONSTRAINT "SLAPolicy_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
"#;

#[test]
fn what_differs_is_printed_a_line_each_without_a_verdict_or_a_write() {
    let database = Database::fresh();
    let project = project();
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let role = database.role("");
    database.sql(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"));
    let output = project.doorstep(&database.url_as(&role), &["diff"]).run().code(0);
    assert_eq!(output.stdout.lines().count(), 5, "{}", output.stdout);
    let output =
        output.stdout_has("error    column public.User.reportId has another name (required by prisma/schema.prisma:8)");
    output.stdout_has("error    table public.SLAPolicy is missing (required by prisma/schema.prisma:13)");

    let output = project.doorstep(&database.url_as(&role), &["diff", "--format", "json"]).run().code(0);
    let diff: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let sql = |object: &str| {
        let finding = diff["findings"].as_array().unwrap().iter().find(|it| it["object"] == object).unwrap();
        finding["sql"].clone()
    };
    assert_eq!(sql("unique public.User_email_key"), "CREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(\"email\");");
    assert_eq!(sql("column public.User.reportId"), serde_json::Value::Null);
    assert!(sql("table public.SLAPolicy").as_str().unwrap().contains("ADD CONSTRAINT \"SLAPolicy_userId_fkey\""));

    let output = project.doorstep(&database.url_as(&role), &["diff", "--script"]).run().code(0);
    let heading = format!("-- What 127.0.0.1:{}/{} lacks of prisma/schema.prisma\n", database.port, database.name);
    assert_eq!(output.stdout, heading + SCRIPT);
    project.doorstep(&database.url(), &["diff", "--script", "--format", "json"]).run().code(64);
}

#[test]
fn the_script_is_a_migration_that_closes_the_gap() {
    let database = Database::fresh();
    let project = project();
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let script = project.doorstep(&database.url(), &["diff", "--script"]).run().code(0).stdout;
    // In two migrations, as a comment in the script requires.
    let (first, second) = script.split_once("-- AlterTable").unwrap();
    let project = project.migration("2_values", first).migration("3_gap", second);
    let mapped = std::fs::read_to_string(project.path("prisma/schema.prisma")).unwrap();
    project.write("prisma/schema.prisma", &mapped.replace("reportId Int?", "reportId Int? @map(\"report_id\")"));
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(2 applied)");
    project.doorstep(&database.url(), &["verify"]).run().code(0).stdout_has("(0 errors, 0 warnings, 0 notices)");
    let output = project.doorstep(&database.url(), &["diff", "--script"]).run().code(0);
    assert!(
        output.stdout.ends_with("lacks of prisma/schema.prisma\n\n-- This is an empty migration.\n"),
        "{}",
        output.stdout
    );
    // The folder creates all of it from scratch as well.
    project.doorstep(&database.url(), &["replay"]).run().code(0);
}

#[test]
fn without_an_expectation_there_is_nothing_to_say() {
    let database = Database::fresh();
    let output = Project::bare().doorstep(&database.url(), &["diff"]).run().code(78).stdout_is("");
    output.stderr_has("there is nothing to compare the database with").stderr_has("next: name the schema");
}

#[test]
fn sqlite_gets_what_it_can_add_and_a_word_about_the_rest() {
    let schema = "datasource db {\n  provider = \"sqlite\"\n}\nmodel User {\n  id Int @id @default(autoincrement())\n  \
                  nick String?\n  level Int @default(1)\n  at DateTime @default(now())\n  name String\n  teamId Int?\n  \
                  team Team? @relation(fields: [teamId], references: [id])\n  @@index([nick, level])\n}\n\
                  model Team {\n  id Int @id\n  users User[]\n}\n";
    let project = Project::sqlite().file("prisma/schema.prisma", schema);
    let path = project.path("dev.db");
    std::fs::write(&path, "").unwrap();
    crate::support::sqlite(&path, "CREATE TABLE \"User\" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT)");
    let url = format!("file:{}", path.display());
    let script = project.doorstep(&url, &["diff", "--script"]).run().code(0).stdout;
    for part in [
        "ALTER TABLE \"User\" ADD COLUMN \"nick\" TEXT;\n",
        "ALTER TABLE \"User\" ADD COLUMN \"level\" INTEGER NOT NULL DEFAULT 1;\n",
        "-- \"at\" of \"User\" cannot be added: its default is no constant.\n",
        "-- \"name\" of \"User\" cannot be added: it is required, and has no default.\n",
        "ADD COLUMN \"teamId\" INTEGER REFERENCES \"Team\" (\"id\") ON DELETE SET NULL ON UPDATE CASCADE;\n",
        "-- CreateTable\nCREATE TABLE \"Team\" (\n    \"id\" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT\n);\n",
        "CREATE INDEX \"User_nick_level_idx\" ON \"User\"(\"nick\", \"level\");\n",
    ] {
        assert!(script.contains(part), "{part}\n{script}");
    }
    crate::support::sqlite(&path, &script);
    let output = project.doorstep(&url, &["diff"]).run().code(0);
    let left: Vec<&str> = output.stdout.lines().map(|line| line.split(" (").next().unwrap()).collect();
    assert_eq!(left, ["error    column main.User.at is missing", "error    column main.User.name is missing"]);
}
