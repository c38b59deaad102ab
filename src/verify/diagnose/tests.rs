use crate::catalog::{Arity, Column, Default, Enum, Origin, Type};
use crate::differ::compare;
use crate::sql::{
    ObjectKind, ObjectRef,
    script::{self, Script},
};
use crate::verify::diagnose::*;

/// A folder of these scripts, `1_a`, `2_b`, …, in these states.
fn told(scripts: &[(State, &str)]) -> MigrationFacts {
    let migration = |(number, (state, script)): (usize, &(State, &str))| {
        let name = format!("{}_{}", number + 1, char::from(b'a' + u8::try_from(number).unwrap()));
        MigrationFact {
            file: format!("prisma/migrations/{name}/migration.sql"),
            name,
            state: *state,
            at: matches!(state, State::Applied | State::Edited | State::Failed).then(|| "T".to_owned()),
            by_hand: false,
            changes: script::changes(&Script::new((*script).to_owned(), Dialect::Postgres)),
        }
    };
    let migrations = scripts.iter().enumerate().map(migration).collect();
    MigrationFacts {
        folder: "prisma/migrations".to_owned(),
        tool: "prisma",
        by_prisma: true,
        migrations,
        ..MigrationFacts::default()
    }
}

fn name(schema: &str, name: &str) -> Name {
    Name { schema: schema.to_owned(), name: name.to_owned() }
}

fn at(line: usize) -> Option<Origin> {
    Some(Origin { file: "schema.prisma".into(), line })
}

/// A table of text columns; `model` and `field` are what the schema file calls them.
fn table(of: Name, model: Option<&str>, columns: &[(&str, &str)]) -> Table {
    let column = |(field, column): &(&str, &str)| Column {
        name: (*column).into(),
        field: model.map(|_| (*field).into()),
        kind: Type::Native("text".into(), Vec::new()),
        arity: Arity::Required,
        default: Default::None,
        origin: model.and_then(|_| at(2)),
    };
    let columns = columns.iter().map(column).collect();
    Table { name: of, model: model.map(str::to_owned), columns, origin: model.and_then(|_| at(1)), ..Table::default() }
}

fn catalog(tables: Vec<Table>) -> Catalog {
    Catalog { schemas: vec!["public".to_owned()], tables, ..Catalog::default() }
}

/// Cause and remedy of each finding, one line each.
fn explained(expected: &Catalog, actual: &Catalog, told: Option<MigrationFacts>, mode: Mode) -> Vec<String> {
    let findings = compare(expected, actual, Dialect::Postgres);
    let expected = &[Cow::Borrowed(expected)];
    let facts = Facts { dialect: Dialect::Postgres, home: "public", role: "svc", mode, expected, actual: Some(actual) };
    let told = self::findings(findings, Severity::Notice, &facts, &DdlScript::default(), || told);
    let tell = |finding: &Finding| {
        let cause = finding.diagnosis.cause.as_ref().map_or("-".to_owned(), Cause::to_string);
        let remedy = finding.diagnosis.remedy.as_ref().map_or("-".to_owned(), Remedy::to_string);
        format!("{} {}: {cause} -> {remedy}", finding.difference.object, finding.difference.kind.name())
    };
    told.iter().map(tell).collect()
}

/// The same of a missing table A.
fn of_missing_table(told: MigrationFacts, mode: Mode) -> String {
    let expected = catalog(vec![table(name("public", "A"), Some("A"), &[("x", "x")])]);
    let [line] = &explained(&expected, &catalog(Vec::new()), Some(told), mode)[..] else { panic!("one finding") };
    line.strip_prefix("table public.A missing: ").unwrap().to_owned()
}

#[test]
fn what_no_migration_creates_has_one_remedy_that_names_it_all() {
    let tables = ["SLAPolicy", "SLAMetric"].map(|model| table(name("public", model), Some(model), &[("id", "id")]));
    let mut expected = catalog(tables.to_vec());
    expected.enums = vec![Enum { name: name("public", "SLAStatus"), values: vec!["A".to_owned()], origin: at(9) }];
    let told = told(&[(State::Applied, "CREATE TABLE \"User\" (id int)")]);
    let lines = explained(&expected, &catalog(Vec::new()), Some(told), Mode::Apply);
    assert_eq!(lines.len(), 3);
    for line in lines {
        assert!(
            line.ends_with(
                "missing: no migration in prisma/migrations creates it (no pending migrations: its only one is applied) -> \
                 npx prisma migrate dev --name add_sla_tables writes the migration for SLAPolicy, SLAMetric and SLAStatus; \
                 doorstep diff --script prints its SQL"
            ),
            "{line}"
        );
    }
}

#[test]
fn the_state_of_the_migration_that_creates_it_is_the_cause() {
    let create = "\nCREATE TABLE \"A\" (x text)";
    let site = "1_a creates it (prisma/migrations/1_a/migration.sql:2)";
    for (state, mode, cause, remedy) in [
        (State::Pending, Mode::Apply, ", and is pending", "doorstep migrate applies it"),
        (
            State::Pending,
            Mode::Off,
            ", and is pending",
            "let the process that migrates apply it (here, migrate = off): doorstep migrate --migrate apply",
        ),
        (
            State::Failed,
            Mode::Apply,
            ", and failed (begun at T)",
            "doorstep status shows why; repair the file, then doorstep resolve --rolled-back 1_a, and start again",
        ),
        (State::RolledBack, Mode::Apply, ", and was rolled back", "doorstep migrate applies it again"),
        (
            State::Edited,
            Mode::Apply,
            ", but was edited after it was applied at T: what was added to it never ran here",
            "put what was added into a new migration, and the file back to what ran",
        ),
    ] {
        assert_eq!(of_missing_table(told(&[(state, create)]), mode), format!("{site}{cause} -> {remedy}"), "{state:?}");
    }
    let mut by_hand = told(&[(State::Applied, create)]);
    by_hand.migrations[0].by_hand = true;
    assert_eq!(
        of_missing_table(by_hand, Mode::Apply),
        format!(
            "{site}, but was recorded as applied by hand at T: nothing of it ran -> run its file once by hand \
             (prisma/migrations/1_a/migration.sql), or put what is missing into a new migration"
        )
    );
}

#[test]
fn what_was_lost_is_judged_by_what_else_is_there() {
    let lost = of_missing_table(told(&[(State::Applied, "CREATE TABLE \"A\" (x text)")]), Mode::Apply);
    assert!(lost.contains("nothing of it is here: an old data directory"), "{lost}");
    let expected = catalog(["A", "B"].map(|model| table(name("public", model), Some(model), &[("x", "x")])).to_vec());
    let script = "CREATE TABLE \"A\" (x text); CREATE TABLE \"B\" (x text)";
    let actual = catalog(vec![table(name("public", "B"), None, &[("", "x")])]);
    let lines = explained(&expected, &actual, Some(told(&[(State::Applied, script)])), Mode::Apply);
    assert!(lines[0].contains("the rest of it is here, so this was dropped or renamed since"), "{}", lines[0]);

    let mut newer = told(&[(State::Applied, script)]);
    newer.ahead = vec!["2_drop".to_owned()];
    let lines = explained(&expected, &actual, Some(newer), Mode::Apply);
    assert!(lines[0].ends_with("-> start the image that has 2_drop"), "{}", lines[0]);
}

#[test]
fn what_a_later_migration_takes_away_is_older_in_the_schema_file() {
    for (last, does) in [
        ("DROP TABLE \"A\"", "drops it"),
        ("ALTER TABLE \"A\" RENAME TO z", "renames it to z"),
        ("ALTER TABLE \"A\" SET SCHEMA s", "moves it to the schema s"),
    ] {
        let told = told(&[(State::Applied, "CREATE TABLE \"A\" (x text)"), (State::Applied, last)]);
        assert_eq!(
            of_missing_table(told, Mode::Apply),
            format!(
                "1_a creates it, and 2_b {does} (prisma/migrations/2_b/migration.sql:1): the schema file is older than \
                 the folder -> bring the schema file up to date (npx prisma db pull), or create it again in a new migration"
            )
        );
    }
    // Not yet taken away, and created again.
    let told =
        told(&[(State::Applied, "CREATE TABLE \"A\" (); DROP TABLE \"A\""), (State::Pending, "CREATE TABLE \"A\" ()")]);
    assert!(of_missing_table(told, Mode::Apply).starts_with("2_b creates it"));
}

#[test]
fn a_table_that_was_there_already_is_passed_over() {
    let expected = catalog(vec![table(name("public", "A"), Some("A"), &[("x", "x"), ("y", "y")])]);
    let actual = catalog(vec![table(name("public", "A"), None, &[("", "x")])]);
    let told = told(&[(State::Applied, "CREATE TABLE IF NOT EXISTS \"A\" (x text, y text)")]);
    let lines = explained(&expected, &actual, Some(told), Mode::Apply);
    assert!(lines[0].contains("only if its table is new (IF NOT EXISTS), and is applied at T"), "{}", lines[0]);
}

#[test]
fn a_column_that_another_table_has_is_pointed_out() {
    let models = ["Client", "Controls"];
    let of = |model: &str, columns| table(name("public", model), Some(model), columns);
    let expected =
        catalog(vec![of(models[0], &[("id", "id")]), of(models[1], &[("id", "id"), ("muted", "ops_muted")])]);
    let mut actual = catalog(models.map(|model| table(name("public", model), None, &[("", "id")])).to_vec());
    actual.tables[0].columns.extend(table(name("", ""), None, &[("", "opsMuted")]).columns);
    let told = told(&[(State::Applied, "ALTER TABLE \"Client\" ADD COLUMN \"opsMuted\" text")]);
    let lines = explained(&expected, &actual, Some(told), Mode::Apply);
    assert!(
        lines[1].contains(
            "there is column public.Client.opsMuted, where 1_a adds it (prisma/migrations/1_a/migration.sql:1) -> \
             npx prisma migrate dev --name add_muted_to_controls writes the migration for Controls.muted"
        ),
        "{lines:?}"
    );
}

#[test]
fn other_names_are_mapped_by_the_exact_line() {
    let model = table(name("public", "Report"), Some("Report"), &[("reportId", "reportId"), ("end", "endTime")]);
    let actual = catalog(vec![table(name("public", "Report"), None, &[("", "report_id"), ("", "end_time")])]);
    let script = "CREATE TABLE \"Report\" (\n report_id text)";
    let lines = explained(&catalog(vec![model]), &actual, Some(told(&[(State::Applied, script)])), Mode::Apply);
    assert_eq!(
        lines,
        [
            "column public.Report.reportId renamed: 1_a creates it as report_id (prisma/migrations/1_a/migration.sql:2), and \
             nothing maps reportId to that -> map the field: reportId … @map(\"report_id\"); or rename the column: \
             ALTER TABLE \"public\".\"Report\" RENAME COLUMN \"report_id\" TO \"reportId\"",
            "column public.Report.endTime renamed: it is there as end_time, and nothing maps end to that -> map the field: \
             end … @map(\"end_time\") (instead of \"endTime\"); or rename the column: \
             ALTER TABLE \"public\".\"Report\" RENAME COLUMN \"end_time\" TO \"endTime\"",
        ]
    );
    let model = table(name("public", "SLAPolicy"), Some("SLAPolicy"), &[]);
    let there = |of: Name| catalog(vec![table(of, None, &[])]);
    let lines = explained(&catalog(vec![model.clone()]), &there(name("public", "sla_policies")), None, Mode::Off);
    assert_eq!(
        lines,
        ["table public.SLAPolicy renamed: it is there as sla_policies, and nothing maps SLAPolicy to that -> map it: \
          @@map(\"sla_policies\") in model SLAPolicy; or rename the table: ALTER TABLE \"public\".\"sla_policies\" RENAME TO \"SLAPolicy\""]
    );
    let lines = explained(&catalog(vec![model]), &there(name("app", "SLAPolicy")), None, Mode::Off);
    assert_eq!(
        lines,
        [
            "table public.SLAPolicy renamed: it is there in the schema app, and it is expected in another -> say where it is: \
          ?schema=app in the URL, or @@schema(\"app\") in model SLAPolicy; or move it: ALTER TABLE \"app\".\"SLAPolicy\" SET SCHEMA \"public\""
        ]
    );
}

#[test]
fn values_of_enums_have_causes_of_their_own() {
    let of = |values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let mut catalog = catalog(Vec::new());
        catalog.enums = vec![Enum { name: name("public", "Role"), values, origin: at(3) }];
        catalog
    };
    let one = |expected: &[&str], actual: &[&str], scripts: &[(State, &str)]| {
        explained(&of(expected), &of(actual), Some(told(scripts)), Mode::Apply).remove(0)
    };
    let mapped = one(&["Within"], &["within"], &[]);
    assert!(
        mapped.ends_with("map the values: Within @map(\"within\"); or rename them (ALTER TYPE … RENAME VALUE)"),
        "{mapped}"
    );
    let pending = one(&["A", "B"], &["A"], &[(State::Pending, "ALTER TYPE \"Role\" ADD VALUE 'B'")]);
    assert!(pending.contains("1_a adds B (prisma/migrations/1_a/migration.sql:1), and is pending"), "{pending}");
    let nobody = one(&["A", "B"], &["A"], &[(State::Applied, "CREATE TYPE \"Role\" AS ENUM ('A')")]);
    assert!(
        nobody.contains("no migration in prisma/migrations adds B -> npx prisma migrate dev --name add_b_to_role"),
        "{nobody}"
    );
}

#[test]
fn what_differs_or_is_extra_is_traced_to_whoever_made_it_so() {
    let expected = catalog(vec![table(name("public", "A"), Some("A"), &[("x", "x")])]);
    let mut actual = catalog(vec![table(name("public", "A"), None, &[("", "x"), ("", "y")])]);
    actual.tables[0].columns[0].kind = Type::Native("int4".into(), Vec::new());
    let scripts = [
        (State::Applied, "CREATE TABLE \"A\" (x int, y text NOT NULL)"),
        (State::Applied, "ALTER TABLE \"A\" ALTER COLUMN x SET DEFAULT 'secret'"),
    ];
    let lines = explained(&expected, &actual, Some(told(&scripts)), Mode::Apply);
    assert_eq!(
        lines,
        [
            "column public.A.x different: 1_a says int (prisma/migrations/1_a/migration.sql:1) -> align it in a new migration, \
             or take it into the schema file as it is (npx prisma db pull)",
            "column public.A.y extra: 1_a creates it (prisma/migrations/1_a/migration.sql:1): the schema file is older than \
             the folder -> take it into the schema file (npx prisma db pull), give it a default, or drop it in a new migration",
        ]
    );
    let mut newer = told(&[(State::Applied, "CREATE TABLE \"A\" (x text)")]);
    newer.ahead = vec!["2_y".to_owned()];
    let lines = explained(&expected, &actual, Some(newer), Mode::Apply);
    assert!(
        lines[1].contains("the database is ahead of this image (applied, but not in the folder: 2_y)"),
        "{}",
        lines[1]
    );
}

#[test]
fn what_is_broken_or_a_view_is_traced_as_well() {
    let mut expected = catalog(vec![table(name("public", "A"), Some("A"), &[])]);
    expected.tables.push(table(name("public", "V"), Some("V"), &[]));
    let mut actual = catalog(vec![table(name("public", "A"), None, &[])]);
    actual.views = vec![name("public", "V")];
    actual.tables[0].constraints = vec![crate::catalog::Constraint {
        name: "c".into(),
        guarantee: crate::catalog::Guarantee { valid: false, enforced: true },
        columns: Vec::new(),
    }];
    actual.tables[0].indexes = vec![crate::catalog::Index { name: "i".into(), ..crate::catalog::Index::default() }];
    let script = "ALTER TABLE \"A\" ADD CONSTRAINT c CHECK (true) NOT VALID;\nCREATE INDEX CONCURRENTLY i ON \"A\" (x);\nCREATE VIEW \"V\" AS SELECT 1";
    let lines = explained(&expected, &actual, Some(told(&[(State::Applied, script)])), Mode::Apply);
    assert!(lines[0].contains(": 1_a builds it (prisma/migrations/1_a/migration.sql:2) -> REINDEX"), "{lines:?}");
    assert!(lines[1].contains("sql:1), and nothing has validated it since -> ALTER TABLE"), "{lines:?}");
    assert!(
        lines[2].contains("public.V uncompared: 1_a creates it (prisma/migrations/1_a/migration.sql:3)"),
        "{lines:?}"
    );
}

#[test]
fn a_grant_is_written_out_for_the_role() {
    let expected = catalog(vec![table(name("public", "A"), Some("A"), &[])]);
    for (access, remedy) in [
        (Access::Nothing, "GRANT SELECT, INSERT, UPDATE, DELETE ON \"public\".\"A\" TO \"svc\""),
        (Access::NoRows, "CREATE POLICY … ON \"public\".\"A\" TO \"svc\" USING (…), or ALTER ROLE \"svc\" BYPASSRLS"),
    ] {
        let mut actual = expected.clone();
        actual.tables[0].access = access;
        let lines = explained(&expected, &actual, None, Mode::Apply);
        assert!(lines[0].ends_with(remedy), "{}", lines[0]);
    }
}

#[test]
fn without_a_folder_that_is_the_cause_and_nobody_asks_below_the_severity() {
    let missing = Difference::new(
        Severity::Error,
        DifferenceKind::Missing,
        ObjectRef::new(ObjectKind::Table, None, "a"),
        Source::Named("require_tables".to_owned()),
    );
    let notice = Difference { severity: Severity::Notice, ..missing.clone() };
    let facts =
        Facts { dialect: Dialect::Postgres, home: "public", role: "", mode: Mode::Off, expected: &[], actual: None };
    let script = DdlScript::default();
    let found = findings(vec![missing], Severity::Warning, &facts, &script, || None).remove(0).diagnosis;
    assert_eq!(found.cause.unwrap().to_string(), "no migrations are looked at (migrate = off)");
    assert_eq!(found.remedy.unwrap().to_string(), "let what creates it run first");
    let found = findings(vec![notice], Severity::Warning, &facts, &script, || panic!("nobody asks")).remove(0);
    assert_eq!(found.diagnosis.cause, None);
}

#[test]
fn many_findings_take_as_long_as_they_are_many() {
    let columns: Vec<String> = (0..20).map(|number| format!("c{number}")).collect();
    let columns: Vec<(&str, &str)> = columns.iter().map(|column| (column.as_str(), column.as_str())).collect();
    let models: Vec<String> = (0..2_000).map(|number| format!("M{number}")).collect();
    let tables =
        |of: &[(&str, &str)]| models.iter().map(|model| table(name("public", model), Some(model), of)).collect();
    let (expected, actual) = (catalog(tables(&columns)), catalog(tables(&columns[..10])));
    let list: Vec<String> = columns.iter().map(|(_, column)| format!("{column} text")).collect();
    let script: String =
        models.iter().map(|model| format!("CREATE TABLE \"{model}\" (\n{}\n);\n", list.join(",\n"))).collect();
    let began = std::time::Instant::now();
    let told = told(&[(State::Applied, &script)]);
    assert_eq!(explained(&expected, &actual, Some(told), Mode::Apply).len(), 20_000);
    assert_eq!(explained(&expected, &actual, Some(self::told(&[])), Mode::Apply).len(), 20_000);
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
}
