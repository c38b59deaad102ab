//! Why something is missing, and what to do about it: the reports that people wrote about it, and every state that a
//! migration can be in.

use crate::support::{Database, Output, Project, psql};

const DATASOURCE: &str = "datasource db {\n  provider = \"postgresql\"\n}\n\n";

/// A project with this schema file.
fn project(models: &str) -> Project {
    Project::new().file("prisma/schema.prisma", &format!("{DATASOURCE}{models}"))
}

/// The findings of `doorstep verify`: object, cause, remedy.
fn findings(output: &Output) -> Vec<(String, String, String)> {
    let verified: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let findings = verified["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(finding, "object"), text(finding, "cause"), text(finding, "remedy"))).collect()
}

fn verify(project: &Project, url: &str, more: &[&str]) -> Vec<(String, String, String)> {
    let output = project.doorstep(url, &[&["verify", "--format", "json"], more].concat()).run().code(3);
    findings(&output)
}

/// Cause and remedy of one of them.
#[track_caller]
fn about<'a>(found: &'a [(String, String, String)], object: &str) -> (&'a str, &'a str) {
    let it = found.iter().find(|(known, ..)| known == object);
    let (_, cause, remedy) = it.unwrap_or_else(|| panic!("no finding about {object}: {found:#?}"));
    (cause, remedy)
}

const USER: &str = "model User {\n  id Int @id\n}\n";
const CREATE_USER: &str = "-- CreateTable\nCREATE TABLE \"User\" (\n    \"id\" INTEGER NOT NULL,\n\n    CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\")\n);\n";
const SITE: &str = "(prisma/migrations/1_init/migration.sql:2)";

#[test]
fn models_without_a_migration_are_named_with_the_migration_to_write() {
    let database = Database::fresh();
    let project = project(&format!(
        "{USER}\nmodel SLAPolicy {{\n  id Int @id\n  metrics SLAMetric[]\n}}\n\nmodel SLAMetric {{\n  id Int @id\n  policyId Int\n  \
         policy SLAPolicy @relation(fields: [policyId], references: [id])\n  status SLAStatus\n}}\n\n\
         model SLABreach {{\n  id Int @id\n  kind SLABreachType\n}}\n\nenum SLAStatus {{\n  WithinSLA\n  Breached\n}}\n\n\
         enum SLABreachType {{\n  ResponseTime\n}}\n"
    ))
    .migration("20240129000000_init", CREATE_USER);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let found = verify(&project, &database.url(), &[]);
    assert_eq!(found.len(), 5, "{found:#?}");
    let remedy = "npx prisma migrate dev --name add_sla_tables writes the migration for SLAPolicy, SLAMetric, SLABreach, \
                  SLAStatus and SLABreachType; doorstep diff --script prints its SQL";
    for (object, cause, its) in &found {
        assert_eq!(
            cause, "no migration in prisma/migrations creates it (no pending migrations: its only one is applied)",
            "{object}"
        );
        assert_eq!(its, remedy, "{object}");
    }
    project.doorstep(&database.url(), &["run", "--", "echo", "up"]).run().code(3).stdout_is("").stderr_has(remedy);
}

#[test]
fn fields_that_were_added_to_another_table_are_found_there() {
    let database = Database::fresh();
    let project = project(
        "model Client {\n  id Int @id\n  @@map(\"clients\")\n}\n\nmodel ClientControls {\n  id Int @id\n  \
         opsAlertsMuted Boolean @default(false) @map(\"ops_alerts_muted\")\n  @@map(\"client_controls\")\n}\n\n\
         model AlertLog {\n  id Int @id\n  acknowledgedAt DateTime?\n  acknowledgedBy String?\n  @@map(\"alert_logs\")\n}\n",
    )
    .migration(
        "20241221_initial_clean_baseline",
        "CREATE TABLE clients (id integer PRIMARY KEY);\nCREATE TABLE client_controls (id integer PRIMARY KEY);\n\
         CREATE TABLE alert_logs (id integer PRIMARY KEY);\n",
    )
    .migration("20241223_add_ops_alert_fields", "\nALTER TABLE clients ADD COLUMN ops_alerts_muted boolean;\n");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let found = verify(&project, &database.url(), &[]);
    let (cause, remedy) = about(&found, "column public.client_controls.ops_alerts_muted");
    assert_eq!(
        cause,
        "no migration in prisma/migrations creates it (no pending migrations: all 2 are applied); there is column \
         public.clients.ops_alerts_muted, where 20241223_add_ops_alert_fields adds it \
         (prisma/migrations/20241223_add_ops_alert_fields/migration.sql:2)"
    );
    assert!(
        remedy.contains("ClientControls.opsAlertsMuted, AlertLog.acknowledgedAt and AlertLog.acknowledgedBy"),
        "{remedy}"
    );
    assert_eq!(about(&found, "column public.alert_logs.acknowledgedAt").1, remedy);
    let (cause, _) = about(&found, "column public.clients.ops_alerts_muted");
    assert!(cause.contains("20241223_add_ops_alert_fields creates it"), "{cause}");
    assert!(cause.ends_with("the schema file is older than the folder"), "{cause}");
}

/// A model, its table, and its fields with the columns that the SQL has.
type Mapped = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const MONITORING: &[Mapped] = &[
    (
        "MonitoringReport",
        "monitoring_reports",
        &[("reportId", "report_id"), ("startTime", "start_time"), ("avgDurationMs", "avg_duration_ms")],
    ),
    ("WorkflowExecution", "workflow_executions", &[("runId", "run_id"), ("workflowName", "workflow_name")]),
    (
        "WorkflowMetrics",
        "workflow_metrics",
        &[("metricName", "metric_name"), ("isWithinThreshold", "is_within_threshold")],
    ),
    ("SystemHealthCheck", "system_health_checks", &[("checkId", "check_id"), ("responseTimeMs", "response_time_ms")]),
    ("NotificationLog", "notification_logs", &[("logId", "log_id"), ("sentAt", "sent_at")]),
    ("WorkflowSchedule", "workflow_schedules", &[("scheduleId", "schedule_id"), ("cronExpression", "cron_expression")]),
];

#[test]
fn six_models_in_another_case_are_mapped_line_by_line() {
    let database = Database::fresh();
    let (mut models, mut sql) = (String::new(), String::new());
    for (model, table, fields) in MONITORING {
        let lines: Vec<String> = fields.iter().map(|(field, _)| format!("  {field} String\n")).collect();
        models += &format!("model {model} {{\n  id Int @id\n{}  @@map(\"{table}\")\n}}\n\n", lines.concat());
        let columns: Vec<String> = fields.iter().map(|(_, column)| format!(",\n  {column} text NOT NULL")).collect();
        sql += &format!("CREATE TABLE {table} (\n  id integer PRIMARY KEY{}\n);\n", columns.concat());
    }
    let project = project(&models).migration("002_monitoring_tables", &sql);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let found = verify(&project, &database.url(), &[]);
    assert_eq!(found.len(), MONITORING.iter().map(|(.., fields)| fields.len()).sum::<usize>(), "{found:#?}");
    for (_, table, fields) in MONITORING {
        for (field, column) in *fields {
            let (cause, remedy) = about(&found, &format!("column public.{table}.{field}"));
            assert!(cause.starts_with(&format!("002_monitoring_tables creates it as {column} (prisma/")), "{cause}");
            assert!(cause.ends_with(&format!("and nothing maps {field} to that")), "{cause}");
            assert!(remedy.starts_with(&format!("map the field: {field} … @map(\"{column}\"); or rename")), "{remedy}");
        }
    }
}

#[test]
fn a_table_in_snake_case_and_the_plural_is_mapped_as_a_whole() {
    let database = Database::fresh();
    let project = project("model SLAPolicy {\n  id Int @id\n  state State\n}\n\nenum State {\n  Open\n}\n").migration(
        "1_init",
        "CREATE TYPE state AS ENUM ('Open');\nCREATE TABLE sla_policies (id integer PRIMARY KEY, state state NOT NULL);\n",
    );
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let found = verify(&project, &database.url(), &[]);
    let (cause, remedy) = about(&found, "table public.SLAPolicy");
    assert_eq!(cause, format!("1_init creates it as sla_policies {SITE}, and nothing maps SLAPolicy to that"));
    assert!(remedy.starts_with("map it: @@map(\"sla_policies\") in model SLAPolicy; or rename the table: ALTER TABLE"));
    let (_, remedy) = about(&found, "enum public.State");
    assert!(remedy.starts_with("map it: @@map(\"state\") in enum State; or rename the enum: ALTER TYPE"), "{remedy}");
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn a_pending_migration_says_who_must_apply_it() {
    let database = Database::fresh();
    let project = project(USER).migration("1_init", CREATE_USER);
    let found = verify(&project, &database.url(), &[]);
    assert_eq!(
        about(&found, "table public.User"),
        (format!("1_init creates it {SITE}, and is pending").as_str(), "doorstep migrate applies it")
    );
    let found = verify(&project, &database.url(), &["--migrate", "off"]);
    let (_, remedy) = about(&found, "table public.User");
    assert_eq!(remedy, "let whoever migrates apply it (here, migrate = off): doorstep migrate --migrate apply");
    // A start that leaves migrations alone does not look at them.
    let output = project.doorstep(&database.url(), &["run", "--migrate", "off"]).run().code(3);
    output.stderr_has("no migrations are looked at (migrate = off)").stderr_has("let what creates it run first");
}

#[test]
fn a_failed_migration_says_how_to_go_on() {
    let database = Database::fresh();
    let project = project(USER).migration("1_init", &format!("{CREATE_USER}SELECT 1 / 0;\n"));
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    let found = verify(&project, &database.url(), &[]);
    let (cause, remedy) = about(&found, "table public.User");
    assert!(cause.starts_with(&format!("1_init creates it {SITE}, and failed (begun at 20")), "{cause}");
    assert!(remedy.contains("doorstep resolve --rolled-back 1_init"), "{remedy}");
    project.doorstep(&database.url(), &["resolve", "--rolled-back", "1_init"]).run().code(0);
    let found = verify(&project, &database.url(), &[]);
    let (cause, remedy) = about(&found, "table public.User");
    assert!(
        cause.contains(", and was rolled back at 20") && remedy == "doorstep migrate applies it again",
        "{found:?}"
    );
}

#[test]
fn an_edit_after_the_fact_never_ran() {
    let database = Database::fresh();
    let project = project(&format!("{USER}\nmodel Post {{\n  id Int @id\n}}\n")).migration("1_init", CREATE_USER);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let project =
        project.migration("1_init", &format!("{CREATE_USER}CREATE TABLE \"Post\" (id integer PRIMARY KEY);\n"));
    let found = verify(&project, &database.url(), &[]);
    let (cause, remedy) = about(&found, "table public.Post");
    assert!(cause.starts_with(
        "1_init creates it (prisma/migrations/1_init/migration.sql:7), but was edited after it was applied at 20"
    ));
    assert!(cause.ends_with("what was added to it never ran here"), "{cause}");
    assert!(remedy.starts_with("put what was added into a new migration"), "{remedy}");
}

#[test]
fn what_was_only_recorded_is_told_from_what_was_lost() {
    let database = Database::fresh();
    let project =
        project(&format!("{USER}\nmodel Post {{\n  id Int @id\n}}\n")).migration("1_init", CREATE_USER).migration(
            "2_post",
            "CREATE TABLE \"Post\" (\"id\" INTEGER NOT NULL, CONSTRAINT \"Post_pkey\" PRIMARY KEY (\"id\"));\n",
        );
    project.doorstep(&database.url(), &["resolve", "--applied", "1_init"]).run().code(0);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    database.sql("DROP TABLE \"Post\"");
    let found = verify(&project, &database.url(), &[]);
    let (cause, remedy) = about(&found, "table public.User");
    assert!(
        cause.starts_with(&format!("1_init creates it {SITE}, but was recorded as applied by hand at 20")),
        "{cause}"
    );
    assert!(remedy.starts_with("run its file once by hand (prisma/migrations/1_init/migration.sql)"), "{remedy}");
    let (cause, _) = about(&found, "table public.Post");
    assert!(cause.contains("is recorded as applied at 20"), "{cause}");
    assert!(
        cause.ends_with("nothing of it is here: an old data directory, or a history restored without its tables"),
        "{cause}"
    );
}

#[test]
fn a_table_in_another_schema_is_found_there() {
    let database = Database::fresh();
    let project = project(USER)
        .migration("1_init", &format!("CREATE SCHEMA app;\n{}", CREATE_USER.replace("E \"U", "E app.\"U")));
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let found = verify(&project, &database.url(), &["--require-tables", "User"]);
    let (cause, remedy) = about(&found, "table public.User");
    assert_eq!(
        cause,
        "1_init creates it in the schema app (prisma/migrations/1_init/migration.sql:3), and it is expected in another"
    );
    assert_eq!(
        remedy,
        "say where it is: ?schema=app in the URL, or @@schema(\"app\") in model User; or move it: \
         ALTER TABLE \"app\".\"User\" SET SCHEMA \"public\""
    );
    assert_eq!(
        about(&found, "table User"),
        ("it exists as app.User", "require app.User, or add its schema to the search path")
    );
}

#[test]
fn a_schema_that_nobody_created_is_created_by_a_start() {
    let database = Database::fresh();
    let models = "datasource db {\n  provider = \"postgresql\"\n  schemas = [\"app\"]\n}\n\nmodel User {\n  id Int @id\n  @@schema(\"app\")\n}\n";
    let project = Project::new()
        .file("prisma/schema.prisma", models)
        .migration("1_init", &CREATE_USER.replace("E \"U", "E app.\"U"));
    let found = verify(&project, &database.url(), &[]);
    let (cause, remedy) = about(&found, "schema app");
    assert_eq!(cause, "no migration in prisma/migrations creates it: doorstep does, before it migrates");
    assert_eq!(remedy, "doorstep migrate --schemas app, or CREATE SCHEMA \"app\"");
    project.doorstep(&database.url(), &["run"]).run().code(0);
}

#[test]
fn a_grant_is_written_out_for_the_role_that_lacks_it() {
    let database = Database::fresh();
    let project = project(USER).migration("1_init", CREATE_USER);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let role = database.role("");
    let output = project.doorstep(&database.url_as(&role), &["verify", "--format", "json"]);
    let output = output.env("DOORSTEP_MIGRATE_URL", &database.url()).run().code(3);
    let found = findings(&output);
    let (cause, remedy) = about(&found, "table public.User");
    assert_eq!(cause, format!("nothing on it is granted to the role {role}"));
    assert_eq!(remedy, format!("GRANT SELECT, INSERT, UPDATE, DELETE ON \"public\".\"User\" TO \"{role}\""));
    psql(database.port, &database.name, remedy);
    let output = project.doorstep(&database.url_as(&role), &["verify"]);
    output.env("DOORSTEP_MIGRATE_URL", &database.url()).run().code(0);
}

#[test]
fn an_image_that_is_older_than_its_database_is_told_so() {
    let database = Database::fresh();
    let newer = project(USER)
        .migration("1_init", CREATE_USER)
        .migration("2_tenant", "ALTER TABLE \"User\" ADD COLUMN tenant text NOT NULL;\n");
    newer.doorstep(&database.url(), &["migrate"]).run().code(0);
    let older = project(USER).migration("1_init", CREATE_USER);
    let ahead = "the database is ahead of this image (applied, but not in the folder: 2_tenant)";
    let found = verify(&older, &database.url(), &[]);
    assert_eq!(about(&found, "column public.User.tenant"), (ahead, "start the image that has 2_tenant"));
    // With the newer folder, and the schema file of before.
    let found = verify(&newer, &database.url(), &[]);
    let (cause, remedy) = about(&found, "column public.User.tenant");
    assert_eq!(
        cause,
        "2_tenant creates it (prisma/migrations/2_tenant/migration.sql:1): the schema file is older than the folder"
    );
    assert!(remedy.contains("give it a default"), "{remedy}");
}

#[test]
fn what_differs_is_traced_to_the_statement_that_set_it() {
    let database = Database::fresh();
    let project = project("model User {\n  id Int @id\n  age Int\n  name String?\n}\n")
        .migration("1_init", "CREATE TABLE \"User\" (\n  id integer PRIMARY KEY,\n  age text NOT NULL DEFAULT 'secret',\n  name text\n);\n")
        .migration("2_name", "ALTER TABLE \"User\" ALTER COLUMN name SET NOT NULL;\n");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let found = verify(&project, &database.url(), &[]);
    let (cause, remedy) = about(&found, "column public.User.age");
    assert_eq!(cause, "1_init says text NOT NULL DEFAULT '…' (prisma/migrations/1_init/migration.sql:3)");
    assert!(remedy.starts_with("align it in a new migration"), "{remedy}");
    let (cause, _) = about(&found, "column public.User.name");
    assert_eq!(cause, "2_name says SET NOT NULL (prisma/migrations/2_name/migration.sql:1)");
}

#[test]
fn a_relation_that_leads_elsewhere_is_told_with_the_field_to_reference() {
    let database = Database::fresh();
    let models = "model Report {\n  id Int @id\n  reportId Int @unique @map(\"report_id\")\n  runs Run[]\n}\n\nmodel Run {\n  id Int @id\n  \
                  reportId Int @map(\"report_id\")\n  report Report @relation(fields: [reportId], references: [id])\n}\n";
    let sql = "CREATE TABLE \"Report\" (id integer PRIMARY KEY, report_id integer NOT NULL UNIQUE); CREATE TABLE \"Run\" (id integer \
               PRIMARY KEY, report_id integer NOT NULL REFERENCES \"Report\" (report_id) ON DELETE RESTRICT ON UPDATE CASCADE);";
    let project = project(models).migration("1_init", sql);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let found = findings(&project.doorstep(&database.url(), &["verify", "--format", "json"]).run().code(0));
    let (cause, remedy) = about(&found, "foreign_key public.Run.report_id");
    assert_eq!(cause, "the key leads to public.Report (report_id), and the relation as it is written joins other rows");
    assert_eq!(remedy, "correct the relation (references: [reportId]), or the key in a new migration");
    assert_eq!(found.iter().filter(|(object, ..)| object.starts_with("foreign_key")).count(), 1, "{found:#?}");
}

#[test]
fn what_must_be_gone_is_told_with_the_migration_that_drops_it() {
    let database = Database::fresh();
    let demands = "[require]\nabsent = [\"constraint t.t_a_key\"]\n";
    let project = Project::new().file("doorstep.toml", demands);
    let project = project.migration("1_init", "CREATE TABLE t (a integer CONSTRAINT t_a_key UNIQUE);");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let object = "constraint public.t.t_a_key";
    let found = verify(&project, &database.url(), &[]);
    let (cause, remedy) = about(&found, object);
    assert_eq!(cause, "1_init creates it (prisma/migrations/1_init/migration.sql:1), and no migration drops it");
    assert!(remedy.starts_with("drop it in a migration (ALTER TABLE"), "{remedy}");
    let project = project.migration("2_drop", "ALTER TABLE t DROP CONSTRAINT IF EXISTS t_a_key;");
    let found = verify(&project, &database.url(), &[]);
    let told =
        ("2_drop drops it (prisma/migrations/2_drop/migration.sql:1), and is pending", "doorstep migrate applies it");
    assert_eq!(about(&found, object), told);
    project.doorstep(&database.url(), &["run"]).run().code(0);
}

#[test]
fn what_a_pending_migration_creates_has_no_sql_of_its_own() {
    let database = Database::fresh();
    let project = project(USER).migration("1_init", CREATE_USER);
    let sql = || {
        let output = project.doorstep(&database.url(), &["verify", "--format", "json"]).run().code(3);
        let verified: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        verified["findings"][0]["sql"].as_str().map(str::to_owned)
    };
    assert_eq!(sql(), None);
    project.write("prisma/migrations/1_init/migration.sql", "SELECT 1;\n");
    assert!(sql().is_some_and(|sql| sql.contains("CREATE TABLE \"User\"")));
}

#[test]
fn what_two_places_require_is_told_once() {
    let database = Database::fresh();
    database.sql("CREATE TABLE other (id integer)");
    let demands = "require_tables = [\"User\"]\n[require]\ntables = [\"public.User\", \"lost\"]\n\
                   columns = [\"User.id\", \"lost.id\", \"other.gone\"]\n";
    let project = project(USER).file("doorstep.toml", demands);
    let found = verify(&project, &database.url(), &[]);
    let objects: Vec<&str> = found.iter().map(|(object, ..)| object.as_str()).collect();
    assert_eq!(objects, ["table lost", "table public.User", "table public.other", "column public.other.gone"]);
}
