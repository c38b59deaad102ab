//! Why something is missing, and what to do about it: the situations of real incident reports, and every state that a
//! migration can be in.

use crate::support::snapshots::{Sections, assert_snapshot, redacted};
use crate::support::{Database, Output, Project, psql};

const DATASOURCE: &str = "datasource db {\n  provider = \"postgresql\"\n}\n\n";

/// A project with this schema file.
fn project(models: &str) -> Project {
    Project::new().file("prisma/schema.prisma", &format!("{DATASOURCE}{models}"))
}

/// What `verify --format json` found.
struct Found(Vec<serde_json::Value>);

impl Found {
    fn of(output: &Output) -> Self {
        let verified: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        Self(verified["findings"].as_array().unwrap().clone())
    }

    /// Each finding with its cause and its remedy.
    fn text(&self) -> String {
        let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let lines = self.0.iter().map(|it| {
            format!("{}\n  cause: {}\n  next:  {}\n", text(it, "object"), text(it, "cause"), text(it, "remedy"))
        });
        lines.collect()
    }

    /// A key of the finding about an object.
    #[track_caller]
    fn about(&self, object: &str, key: &str) -> &str {
        let it = self.0.iter().find(|finding| finding["object"] == object);
        it.unwrap_or_else(|| panic!("no finding about {object}\n{}", self.text()))[key].as_str().unwrap_or_default()
    }
}

#[track_caller]
fn verify(project: &Project, url: &str, more: &[&str]) -> Found {
    Found::of(&project.doorstep(url, &[&["verify", "--format", "json"], more].concat()).run().code(3))
}

const USER: &str = "model User {\n  id Int @id\n}\n";
const CREATE_USER: &str = "-- CreateTable\nCREATE TABLE \"User\" (\n    \"id\" INTEGER NOT NULL,\n\n    CONSTRAINT \"User_pkey\" PRIMARY KEY (\"id\")\n);\n";

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
    assert_snapshot!("diagnosis/models-without-a-migration", redacted(&found.text()));
    let remedy = found.about("table public.SLAPolicy", "remedy");
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
    assert_snapshot!("diagnosis/fields-of-another-table", redacted(&found.text()));
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
    assert_eq!(found.0.len(), MONITORING.iter().map(|(.., fields)| fields.len()).sum::<usize>(), "{}", found.text());
    for (_, table, fields) in MONITORING {
        for (field, column) in *fields {
            let remedy = found.about(&format!("column public.{table}.{field}"), "remedy");
            assert!(remedy.contains(&format!("{field} … @map(\"{column}\")")), "{remedy}");
        }
    }
    assert_snapshot!("diagnosis/columns-in-another-case", redacted(&found.text()));
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
    assert_snapshot!("diagnosis/table-in-another-case", redacted(&found.text()));
}

#[test]
fn a_pending_migration_says_who_must_apply_it() {
    let database = Database::fresh();
    let project = project(USER).migration("1_init", CREATE_USER);
    let mut sections = Sections::default();
    sections.add("verify", &verify(&project, &database.url(), &[]).text());
    sections.add("verify --migrate off", &verify(&project, &database.url(), &["--migrate", "off"]).text());
    // A start that leaves migrations alone does not look at them.
    let output = project.doorstep(&database.url(), &["run", "--migrate", "off"]).run().code(3);
    sections.add("run --migrate off", output.error());
    assert_snapshot!("diagnosis/pending", sections.text());
}

#[test]
fn a_failed_migration_says_how_to_go_on() {
    let database = Database::fresh();
    let project = project(USER).migration("1_init", &format!("{CREATE_USER}SELECT 1 / 0;\n"));
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    let mut sections = Sections::default();
    sections.add("failed", &verify(&project, &database.url(), &[]).text());
    project.doorstep(&database.url(), &["resolve", "--rolled-back", "1_init"]).run().code(0);
    sections.add("resolved", &verify(&project, &database.url(), &[]).text());
    assert_snapshot!("diagnosis/failed", sections.text());
}

#[test]
fn an_edit_after_the_fact_never_ran() {
    let database = Database::fresh();
    let project = project(&format!("{USER}\nmodel Post {{\n  id Int @id\n}}\n")).migration("1_init", CREATE_USER);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let project =
        project.migration("1_init", &format!("{CREATE_USER}CREATE TABLE \"Post\" (id integer PRIMARY KEY);\n"));
    let found = verify(&project, &database.url(), &[]);
    assert_snapshot!("diagnosis/edited-after-it-was-applied", redacted(&found.text()));
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
    assert_snapshot!("diagnosis/recorded-by-hand-or-lost", redacted(&found.text()));
}

#[test]
fn a_table_in_another_schema_is_found_there() {
    let database = Database::fresh();
    let project = project(USER)
        .migration("1_init", &format!("CREATE SCHEMA app;\n{}", CREATE_USER.replace("E \"U", "E app.\"U")));
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let found = verify(&project, &database.url(), &["--require-tables", "User"]);
    assert_snapshot!("diagnosis/table-in-another-schema", redacted(&found.text()));
}

#[test]
fn a_schema_that_nobody_created_is_created_by_a_start() {
    let database = Database::fresh();
    let models = "datasource db {\n  provider = \"postgresql\"\n  schemas = [\"app\"]\n}\n\nmodel User {\n  id Int @id\n  @@schema(\"app\")\n}\n";
    let project = Project::new()
        .file("prisma/schema.prisma", models)
        .migration("1_init", &CREATE_USER.replace("E \"U", "E app.\"U"));
    let found = verify(&project, &database.url(), &[]);
    assert_snapshot!("diagnosis/schema-that-a-start-creates", redacted(&found.text()));
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
    let found = Found::of(&output);
    let remedy = found.about("table public.User", "remedy");
    assert_snapshot!("diagnosis/grant", redacted(&found.text()));
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
    let mut sections = Sections::default();
    sections.add("the older image", &verify(&older, &database.url(), &[]).text());
    // With the newer folder, and the schema file of before.
    sections.add("the newer folder with the older schema file", &verify(&newer, &database.url(), &[]).text());
    assert_snapshot!("diagnosis/older-image", sections.text());
}

#[test]
fn what_differs_is_traced_to_the_statement_that_set_it() {
    let database = Database::fresh();
    let project = project("model User {\n  id Int @id\n  age Int\n  name String?\n}\n")
        .migration("1_init", "CREATE TABLE \"User\" (\n  id integer PRIMARY KEY,\n  age text NOT NULL DEFAULT 'secret',\n  name text\n);\n")
        .migration("2_name", "ALTER TABLE \"User\" ALTER COLUMN name SET NOT NULL;\n");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let found = verify(&project, &database.url(), &[]);
    assert_snapshot!("diagnosis/statement-that-set-it", redacted(&found.text()));
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
    let found = Found::of(&project.doorstep(&database.url(), &["verify", "--format", "json"]).run().code(0));
    assert_snapshot!("diagnosis/relation-to-another-column", redacted(&found.text()));
}

#[test]
fn what_must_be_gone_is_told_with_the_migration_that_drops_it() {
    let database = Database::fresh();
    let demands = "[require]\nabsent = [\"constraint t.t_a_key\"]\n";
    let project = Project::new().file("doorstep.toml", demands);
    let project = project.migration("1_init", "CREATE TABLE t (a integer CONSTRAINT t_a_key UNIQUE);");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let mut sections = Sections::default();
    sections.add("no migration drops it", &verify(&project, &database.url(), &[]).text());
    let project = project.migration("2_drop", "ALTER TABLE t DROP CONSTRAINT IF EXISTS t_a_key;");
    sections.add("a pending migration drops it", &verify(&project, &database.url(), &[]).text());
    assert_snapshot!("diagnosis/must-be-gone", sections.text());
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
    let objects: Vec<&str> = found.0.iter().map(|finding| finding["object"].as_str().unwrap()).collect();
    assert_eq!(objects, ["table lost", "table public.User", "table public.other", "column public.other.gone"]);
}
