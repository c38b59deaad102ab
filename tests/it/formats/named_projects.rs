//! Who names a project is not started without it: package.json, prisma.config.ts, pyproject.toml, ALEMBIC_CONFIG.

use crate::support::{Database, Project};

const DATASOURCE: &str = "datasource db {\n  provider = \"postgresql\"\n}\n";

fn with_model(project: Project, path: &str) -> Project {
    project.file(path, &format!("{DATASOURCE}model Stock {{\n  id Int @id\n}}\n"))
}

#[test]
fn package_json_names_the_schema_and_the_migrations_beside_it() {
    let database = Database::fresh();
    let project = with_model(Project::bare(), "db/stock.prisma")
        .file(
            "package.json",
            r#"{"name": "x", "prisma": {"schema": "db/stock.prisma"}, "dependencies": {"prisma": "6.1.0"}}"#,
        )
        .file(
            "db/migrations/1_stock/migration.sql",
            "CREATE TABLE \"Stock\" (id integer NOT NULL, CONSTRAINT \"Stock_pkey\" PRIMARY KEY (id));\n",
        );
    let url = database.url();
    project.doorstep(&url, &["verify"]).run().code(3).stdout_has("db/stock.prisma");
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("(1 applied)");
    project.doorstep(&url, &["check"]).run().code(0).stdout_has("1 migration, verified");
    // From a folder within.
    project.write("app/.keep", "");
    let within = project.doorstep(&url, &["status"]).directory(&project.path("app")).run().code(0);
    within.stdout_has("1_stock  applied");
    std::fs::remove_file(project.path("db/stock.prisma")).unwrap();
    let output = project.doorstep(&url, &["run"]).run().code(78);
    output.stderr_has("package.json names the Prisma schema db/stock.prisma, which does not exist");
}

#[test]
fn a_configuration_that_computes_a_place_stops_the_start() {
    let database = Database::fresh();
    let url = database.url();
    let project = with_model(Project::bare(), "prisma/schema.prisma");
    let config = |schema: &str| {
        let text =
            format!("import path from 'node:path';\nexport default defineConfig({{\n  schema: {schema},\n}});\n");
        project.write("prisma.config.ts", &text);
    };
    for computed in ["process.env.PLACE", "path.join(root(), 'prisma')", "isCi ? 'a' : 'b'"] {
        config(computed);
        let output = project.doorstep(&url, &["run", "--", "echo", "up"]).run().code(78).stdout_is("");
        output.stderr_has("prisma.config.ts computes the place of the Prisma schema").stderr_has("--prisma-schema");
        let named = ["verify", "--prisma-schema", "prisma/schema.prisma"];
        project.doorstep(&url, &named).run().code(3).stdout_has("Stock");
    }
    for certain in
        ["path.join(__dirname, 'prisma')", "path.resolve('prisma', 'schema.prisma')", "'./prisma/schema.prisma'"]
    {
        config(certain);
        project.doorstep(&url, &["verify"]).run().code(3).stdout_has("Stock");
    }
    config("'gone.prisma'");
    let output = project.doorstep(&url, &["run"]).run().code(78);
    output.stderr_has("prisma.config.ts names the Prisma schema gone.prisma, which does not exist");
    project.doorstep(&url, &["run", "--verify", "off", "--migrate", "off"]).run().code(0);
    project.write("prisma.config.ts", "export default { schema: 'prisma', migrations: { path: base + '/m' } }");
    let output = project.doorstep(&url, &["run"]).run().code(78);
    output.stderr_has("computes the place of the migrations").stderr_has("--migrations");
}

#[test]
fn a_schema_without_any_table_verifies_nothing() {
    let database = Database::fresh();
    let url = database.url();
    let project = Project::with_two().file("prisma/schema.prisma", DATASOURCE);
    let output = project.doorstep(&url, &["run", "--", "echo", "up"]).run().code(0).stdout_is("up");
    output.stderr_has("prisma/schema.prisma names no table, so there is nothing to verify");
    let output = project.doorstep(&url, &["check", "--format", "json"]).run().code(0);
    let checked: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert!(checked["verified"].is_null(), "{checked}");
    assert!(checked["message"].as_str().unwrap().contains("nothing to verify"), "{checked}");
    for command in ["verify", "diff"] {
        project.doorstep(&url, &[command]).run().code(78).stderr_has("names no table");
    }
    // What else is required is verified.
    let required = ["check", "--require-tables", "users"];
    project.doorstep(&url, &required).run().code(0).stdout_has("2 migrations, verified");
}

const ENV: &str = r#"
import os
from alembic import context
from sqlalchemy import create_engine
engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"#;

fn alembic() -> Project {
    let revision = "from alembic import op\nrevision = 'q1'\ndown_revision = None\ndef upgrade():\n    op.execute('CREATE TABLE q (id integer)')\n";
    Project::bare().file("tool/db/env.py", ENV).file("tool/db/versions/q1.py", revision)
}

#[test]
fn alembic_is_configured_by_pyproject_toml() {
    let database = Database::fresh();
    let url = database.url();
    let project = alembic()
        .file("pyproject.toml", "[project]\nname = \"x\"\n\n[tool.alembic]\nscript_location = \"%(here)s/tool/db\"\n");
    project.doorstep(&url, &["status"]).run().code(0).stdout_has(": behind (");
    project.with_python(&url, &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT version_num FROM alembic_version"), "q1");
    // Nothing is pending, and Python is not needed to know it.
    project.doorstep(&url, &["check"]).run().code(0).stdout_has("1 migration");
    project.write("pyproject.toml", "[tool.alembic]\nscript_location = \"%(here)s/gone\"\n");
    project.with_python(&url, &["run"]).run().code(78).stderr_has("pyproject.toml leads to gone/versions");
    project.write("pyproject.toml", "[tool.alembic]\nscript_location = \n");
    project
        .with_python(&url, &["run"])
        .run()
        .code(78)
        .stderr_has("pyproject.toml configures Alembic, and cannot be read");
    // A pyproject.toml of other tools is none of Alembic's.
    project.write("pyproject.toml", "[tool.ruff]\nline-length = 100\n");
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("so nothing is migrated");
}

#[test]
fn alembic_is_configured_by_the_file_of_its_variable() {
    let database = Database::fresh();
    let url = database.url();
    let project = alembic().file("conf/alembic.ini", "[alembic]\nscript_location = tool/db\n");
    let run = |file: &str| project.with_python(&url, &["run"]).env("ALEMBIC_CONFIG", file).run();
    run("conf/alembic.ini").code(0).stderr_has("(1 applied)");
    run("conf/alembic.ini").code(0).stderr_has("(0 applied)");
    run("conf/gone.ini").code(78).stderr_has("cannot read conf/gone.ini");
}
