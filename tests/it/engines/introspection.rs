//! The catalog that is read from a database, column by column.

use doorstep::internals::Dialect;
use doorstep::internals::DifferenceKind;
use doorstep::internals::Environment;
use doorstep::internals::Secret;
use doorstep::internals::Target;
use doorstep::internals::compare;
use doorstep::internals::{ProbeRequest, Scope, Session};

use crate::support::{Database, Project};

pub(crate) fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(crate) async fn session(url: &str) -> Box<dyn Session> {
    let target = Target::parse(&Secret::new(url), &Environment::default(), std::path::Path::new(".")).unwrap();
    target.open(&ProbeRequest::default()).await.unwrap().0
}

/// Compares the catalog with itself, and with the catalog after a change.
#[test]
fn sqlite_is_read_and_compared() {
    let project = Project::sqlite();
    let path = project.path("dev.db");
    std::fs::write(&path, "").unwrap();
    let read = |sql: &str| {
        crate::support::sqlite(&path, sql);
        on_a_runtime(async {
            let mut session = session(&format!("file:{}", path.display())).await;
            let catalog = session.catalog(&Scope::default()).await.unwrap();
            session.close().await;
            catalog
        })
    };
    let before = read(
        "CREATE TABLE \"User\" (\"id\" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, \"email\" TEXT NOT NULL, \
         \"price\" DECIMAL DEFAULT 1.50, \"at\" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP);\
         CREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(\"email\");\
         CREATE TABLE \"Post\" (\"id\" TEXT NOT NULL PRIMARY KEY, \"userId\" INTEGER, \
         CONSTRAINT \"Post_userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\" (\"id\") ON DELETE SET NULL ON UPDATE CASCADE)",
    );
    assert_eq!(before.tables.len(), 2, "{before:?}");
    assert_eq!(compare(&before, &before, Dialect::Sqlite), []);
    let after = read("DROP INDEX \"User_email_key\"; ALTER TABLE \"Post\" RENAME COLUMN \"userId\" TO \"user_id\"");
    let found: Vec<String> = (compare(&before, &after, Dialect::Sqlite).iter())
        .map(|finding| format!("{:?} {} {}", finding.severity, finding.kind.name(), finding.object))
        .collect();
    assert_eq!(found, ["Error renamed column main.Post.userId", "Error missing unique main.User_email_key"]);
}

/// The catalog is complete for every role, including objects that the role may not use.
#[test]
fn everything_is_read_without_any_right() {
    let database = Database::fresh();
    database.sql(
        "CREATE SCHEMA app; CREATE SCHEMA other; CREATE TABLE other.target (b int, a int, PRIMARY KEY (a, b)); \
         CREATE TYPE app.\"Role\" AS ENUM ('USER', 'ADMIN'); CREATE DOMAIN app.short AS varchar(8)[]; \
         CREATE TABLE app.parent (id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL, gone int, PRIMARY KEY (id, day)) \
         PARTITION BY RANGE (day); CREATE TABLE app.child PARTITION OF app.parent FOR VALUES FROM ('2020-01-01') TO ('2021-01-01'); \
         ALTER TABLE app.parent DROP COLUMN gone; ALTER TABLE app.parent ADD role app.\"Role\"[] DEFAULT '{USER}', \
         ADD words app.short, ADD x int, ADD y int, ADD FOREIGN KEY (y, x) REFERENCES other.target (a, b) ON DELETE CASCADE; \
         CREATE INDEX words ON app.parent (x DESC, y) INCLUDE (role) WHERE x > 0; CREATE VIEW app.seen AS SELECT 1; \
         CREATE TABLE app._prisma_migrations (id int)",
    );
    let role = database.role("");
    let catalog = on_a_runtime(async {
        let mut session = session(&database.url_as(&role)).await;
        let catalog =
            session.catalog(&Scope { schemas: &["app".to_owned(), "absent".to_owned()], role: None }).await.unwrap();
        session.close().await;
        catalog
    });
    assert_eq!(catalog.schemas, ["app"]);
    let names = |names: &[doorstep::internals::Name]| {
        names.iter().map(|name| format!("{}.{}", name.schema, name.name)).collect::<Vec<_>>()
    };
    assert_eq!(names(&catalog.views), ["app.seen", "other.target"]);
    assert_eq!(catalog.enums[0].values, ["USER", "ADMIN"]);
    let [table] = catalog.tables.as_slice() else { panic!("{catalog:?}") };
    let columns: Vec<String> = (table.columns.iter())
        .map(|column| format!("{} {:?} {:?} {:?}", column.name, column.kind, column.arity, column.default))
        .collect();
    let role = "Enum(Name { schema: \"app\", name: \"Role\" })";
    assert_eq!(
        columns,
        [
            "id Native(\"int8\", []) Required Sequence".to_owned(),
            "day Native(\"date\", []) Required None".to_owned(),
            format!("role {role} List List([\"USER\"])"),
            "words Native(\"varchar\", [8]) List None".to_owned(),
            "x Native(\"int4\", []) Optional None".to_owned(),
            "y Native(\"int4\", []) Optional None".to_owned(),
        ]
    );
    assert_eq!(table.primary_key.as_ref().unwrap().columns, ["id", "day"]);
    let [index] = table.indexes.as_slice() else { panic!("{:?}", table.indexes) };
    assert_eq!((index.columns[0].descending, index.include.as_slice()), (true, &["role".into()][..]));
    assert_eq!(index.predicate.as_deref(), Some("(x > 0)"));
    let key = &table.foreign_keys[0];
    assert_eq!((&key.columns, &key.target_columns), (&vec!["y".into(), "x".into()], &vec!["a".into(), "b".into()]));
    // Only what this role may not use differs.
    let findings = compare(&catalog, &catalog, Dialect::Postgres);
    let [hidden] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(
        (hidden.kind, hidden.actual.as_deref()),
        (DifferenceKind::Hidden, Some("a schema that the role may not use"))
    );
}
