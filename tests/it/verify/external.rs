//! Tables and enums that prisma.config.ts leaves to others: told is only what fails a query of the service.

use super::findings;
use crate::support::{Database, Project};

const SCHEMA: &str = "datasource db {\n  provider = \"postgresql\"\n  schemas = [\"public\", \"auth\"]\n}\n\n\
    generator client {\n  provider = \"prisma-client-js\"\n  previewFeatures = [\"multiSchema\"]\n}\n\n\
    model Order {\n  id Int @id\n  buyer Int\n  user Account @relation(fields: [buyer], references: [id])\n  @@schema(\"public\")\n}\n\n\
    model Account {\n  id Int @id\n  email String\n  kind Kind\n  orders Order[]\n  @@index([email])\n  @@map(\"accounts\")\n  @@schema(\"auth\")\n}\n\n\
    enum Kind {\n  person\n  company\n  @@map(\"kind\")\n  @@schema(\"auth\")\n}\n";

const CONFIG: &str = "import { defineConfig } from 'prisma/config';\nexport default defineConfig({\n  \
    experimental: { externalTables: true },\n  schema: 'prisma/schema.prisma',\n  migrations: { path: 'prisma/migrations' },\n  \
    tables: { external: ['auth.accounts', 'auth.sessions', 'public.report'] },\n  enums: { external: ['auth.kind', 'auth.level'] },\n});\n";

/// What others have made: a table of models, one of no model, a view, enums.
const OF_OTHERS: &str = "CREATE SCHEMA auth; CREATE TYPE auth.kind AS ENUM ('company', 'person', 'robot'); \
    CREATE TYPE auth.level AS ENUM ('low'); \
    CREATE TABLE auth.accounts (id integer PRIMARY KEY, email text NOT NULL, kind auth.kind NOT NULL, phone text, level auth.level); \
    CREATE INDEX accounts_phone ON auth.accounts (phone); \
    CREATE TABLE auth.sessions (id integer PRIMARY KEY, account integer REFERENCES auth.accounts); \
    CREATE VIEW public.report AS SELECT 1 AS one";

/// A database in which the project's own table is as expected.
fn migrated() -> (Database, Project) {
    let database = Database::fresh();
    database.sql(OF_OTHERS);
    let own = "CREATE TABLE \"Order\" (id integer PRIMARY KEY, buyer integer NOT NULL);\n\
               ALTER TABLE \"Order\" ADD CONSTRAINT \"Order_buyer_fkey\" FOREIGN KEY (buyer) REFERENCES auth.accounts (id) \
               ON DELETE RESTRICT ON UPDATE CASCADE;\n";
    let project = Project::new().file("prisma/schema.prisma", SCHEMA).migration("1_order", own);
    project.write("prisma.config.ts", CONFIG);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    (database, project)
}

#[test]
fn what_others_manage_is_no_finding_of_verify_diff_or_check() {
    let (database, project) = migrated();
    assert_eq!(findings(&project, &database), [""; 0]);
    project.doorstep(&database.url(), &["diff"]).run().code(0).stdout_lacks("auth");
    project.doorstep(&database.url(), &["check"]).run().code(0).stdout_lacks("auth");
    project.doorstep(&database.url(), &["run", "--verify", "notice", "--", "echo", "up"]).run().code(0).stdout_is("up");
    // What nobody names still is extra.
    database.sql("CREATE TABLE auth.other (id integer); CREATE TYPE auth.free AS ENUM ('a')");
    assert_eq!(findings(&project, &database), ["notice extra enum auth.free", "notice extra table auth.other"]);
    project.write("prisma.config.ts", "export default { schema: 'prisma/schema.prisma' };");
    let all = findings(&project, &database);
    for expected in [
        "notice extra table auth.sessions",
        "notice extra column auth.accounts.phone",
        "warning missing index auth.accounts_email_idx",
    ] {
        assert!(all.iter().any(|finding| finding == expected), "{expected}: {all:#?}");
    }
}

#[test]
fn what_fails_a_query_of_the_service_is_told_and_nothing_is_created_for_it() {
    let (database, project) = migrated();
    database
        .sql("ALTER TABLE auth.accounts DROP COLUMN email; ALTER TABLE auth.accounts ADD COLUMN born date NOT NULL");
    let found = findings(&project, &database);
    assert_eq!(found, ["error missing column auth.accounts.email", "error extra column auth.accounts.born"]);
    let output = project.doorstep(&database.url(), &["diff", "--script"]).run();
    output.stdout_lacks("ALTER TABLE").stdout_lacks("CREATE");
    project.doorstep(&database.url(), &["check"]).run().code(1);
    database.sql("DROP TABLE auth.accounts CASCADE");
    let found = findings(&project, &database);
    assert!(found.contains(&"error missing table auth.accounts".to_owned()), "{found:?}");
    let output =
        project.doorstep(&database.url(), &["verify"]).run().stdout_has("leaves it to others (tables.external");
    output
        .stdout_has("next:  let those who manage it create or change it first")
        .stdout_lacks("migrate dev --name add_acc");
    project.doorstep(&database.url(), &["diff", "--script"]).run().stdout_lacks("CREATE TABLE");
}

#[test]
fn a_scratch_database_lacks_what_others_manage() {
    let (database, project) = migrated();
    // As Prisma's initShadowDb, but for replay: the folder itself refers to none of them.
    project.write(
        "prisma/migrations/1_order/migration.sql",
        "CREATE TABLE \"Order\" (id integer PRIMARY KEY, buyer integer NOT NULL);\n",
    );
    let output = project.doorstep(&database.url(), &["replay", "--format", "json"]).run().code(0);
    output.stderr_has("foreign_key public.Order.buyer is missing").stderr_lacks("table auth").stderr_lacks("enum auth");
}

#[test]
fn without_schemas_a_bare_name_is_external() {
    let schema = "datasource db {\n  provider = \"sqlite\"\n}\n\nmodel Note {\n  id Int @id\n}\n";
    let project = Project::sqlite().file("prisma/schema.prisma", schema).migration(
        "1_note",
        "CREATE TABLE \"Note\" (\"id\" INTEGER NOT NULL PRIMARY KEY);\nCREATE TABLE cache (k TEXT);\n",
    );
    project.doorstep("file:./dev.db", &["migrate"]).run().code(0);
    project.doorstep("file:./dev.db", &["verify", "--notices"]).run().stdout_has("cache");
    project.write(
        "prisma.config.ts",
        "export default { schema: 'prisma/schema.prisma', tables: { external: ['cache'] } };",
    );
    project.doorstep("file:./dev.db", &["verify", "--notices"]).run().code(0).stdout_lacks("cache");
}
