//! `advise` on each engine.

use super::parsed;
use crate::support::snapshots::{assert_snapshot, redacted};
use crate::support::{Cluster, Database, MysqlDatabase, Project, psql, sqlite};

/// Clients with 20 rows, and orders with 20,000.
const SHOP: &str = "CREATE TABLE clients (id integer PRIMARY KEY, email text NOT NULL UNIQUE);
CREATE TABLE orders (id integer PRIMARY KEY, client_id integer NOT NULL REFERENCES clients, status text NOT NULL, total integer NOT NULL);
CREATE INDEX orders_status ON orders (status);
CREATE INDEX orders_status_total ON orders (status, total);
CREATE INDEX orders_again ON orders (status, total);
";

const ROWS: &str = "INSERT INTO clients SELECT i, 'c' || i FROM generate_series(1, 20) i;
INSERT INTO orders SELECT i, i % 20 + 1, 'open', i FROM generate_series(1, 20000) i;
ANALYZE clients, orders;";

const QUERIES: &str = "[[query]]\nname = \"by client\"\nsql = \"SELECT * FROM orders WHERE client_id = $1 AND total > $2\"\n\
                       [[query]]\nname = \"by key\"\nsql = \"SELECT * FROM orders WHERE id = $1\"\n\
                       [[query]]\nname = \"broken\"\nsql = \"SELECT nowhere FROM orders\"\n";

fn shop() -> (Database, Project) {
    let project = Project::new().migration("1_shop", SHOP).file("doorstep.toml", QUERIES);
    let database = Database::fresh();
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    database.sql(ROWS);
    (database, project)
}

#[track_caller]
fn advise(project: &Project, url: &str, more: &[&str]) -> serde_json::Value {
    parsed(&project.doorstep(url, &[&["advise", "--format", "json"], more].concat()).run().code(0))
}

#[test]
fn missing_doubled_and_unused_indexes_are_listed_with_their_numbers() {
    let (database, project) = shop();
    let report = advise(&project, &database.url(), &[]);
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&report), "address server statistics_since foreign_keys queries duplicates unused slow notes");
    let key = &report["foreign_keys"][0];
    assert_eq!(keys(key), "table columns name target rows bytes target_deletes target_updates sql");
    assert_eq!((&key["table"], &key["rows"]), (&"public.orders".into(), &20_000.into()));
    assert_eq!(key["sql"], "CREATE INDEX CONCURRENTLY ON \"public\".\"orders\" (\"client_id\");");
    let of = |section: &str, key: &str| {
        let items = report[section].as_array().unwrap();
        items.iter().map(|item| item[key].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("duplicates", "index"), "public.orders_status public.orders_status_total");
    assert_eq!(of("duplicates", "by"), "public.orders_again public.orders_again");
    assert_eq!(of("unused", "index"), "public.orders_again public.orders_status public.orders_status_total");
    assert_eq!(of("queries", "query"), "by client broken");
    let query = &report["queries"][0];
    assert_eq!(keys(query), "query table rows filter plan sql proof cost_before cost_after why");
    assert_eq!(query["sql"], "CREATE INDEX CONCURRENTLY ON \"public\".\"orders\" (\"client_id\", \"total\");");
    assert!(query["why"].as_str().unwrap().contains("hypopg is not in this database"));
    assert!(report["queries"][1]["why"].as_str().unwrap().contains("\"nowhere\" does not exist"));
    assert!(report["notes"].to_string().contains("pg_stat_statements is not in this database"));
    // What a query has used is not listed.
    database.sql("SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM orders WHERE status = 'x' AND total = 1");
    let used = "SELECT count(*) FROM pg_stat_user_indexes WHERE idx_scan > 0 AND indexrelname IN ('orders_again', 'orders_status', 'orders_status_total')";
    crate::support::until("the use is counted", || (database.sql(used) != "0").then_some(()));
    assert!(advise(&project, &database.url(), &[])["unused"].as_array().unwrap().len() < 3);
}

#[test]
fn a_partitioned_table_counts_with_its_partitions_and_a_locked_one_as_the_statistics_say() {
    const PARTITIONED: &str = "CREATE TABLE areas (id integer PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE areas_1 PARTITION OF areas FOR VALUES FROM (0) TO (100);
        CREATE TABLE places (id integer NOT NULL, area integer NOT NULL REFERENCES areas) PARTITION BY RANGE (id);
        CREATE TABLE places_1 PARTITION OF places FOR VALUES FROM (0) TO (1000);
        CREATE TABLE places_2 PARTITION OF places FOR VALUES FROM (1000) TO (3000);";
    let (database, project) = (Database::fresh(), Project::new().migration("1_places", PARTITIONED));
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    database.sql(
        "INSERT INTO areas SELECT i FROM generate_series(0, 9) i; INSERT INTO places SELECT i, i % 9 FROM generate_series(0, 2999) i;
         DELETE FROM areas WHERE id = 9; ANALYZE areas, places",
    );
    let key = || advise(&project, &database.url(), &[])["foreign_keys"][0].clone();
    let key_in_time =
        crate::support::until("the deletion is counted", || Some(key()).filter(|key| key["target_deletes"] == 1));
    assert_eq!((&key_in_time["table"], &key_in_time["rows"]), (&"public.places".into(), &3000.into()));
    let _holder = database.idle_session("BEGIN; LOCK TABLE places IN ACCESS EXCLUSIVE MODE;");
    let locked = key();
    assert_eq!((&locked["rows"], &locked["bytes"]), (&3000.into(), &key_in_time["bytes"]), "{locked:#}");
}

#[test]
fn the_text_has_numbers_and_statements() {
    let (database, project) = shop();
    let output = project.doorstep(&database.url(), &["advise"]).run().code(0);
    let size = |line: &str| match line.rsplit_once(", ") {
        Some((line, rest)) if rest.ends_with("iB") => format!("{line}, [size]"),
        // What the planner does now, and whether a new database has a time of reset, depends on the server's version.
        _ if line.starts_with("    now: ") => "    now: [plan]".to_owned(),
        _ if line.starts_with("indexes without a scan since ") => "indexes without a scan since [reset]".to_owned(),
        _ if line.starts_with("    20000 rows, ") => "    20000 rows, [size and changes]".to_owned(),
        _ => line.to_owned(),
    };
    let lines: String = output.stdout.lines().map(|line| size(line) + "\n").collect();
    assert_snapshot!("inspect/advise", redacted(&lines));
}

#[test]
fn an_index_is_proved_with_hypopg() {
    let (database, project) = shop();
    // The packages of the other versions that tests run on have no hypopg (scripts/prepare-postgresql-18).
    if database.sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'hypopg'") == "0" {
        return;
    }
    database.sql("CREATE SCHEMA tools; CREATE EXTENSION hypopg SCHEMA tools");
    let report = advise(&project, &database.url(), &[]);
    let query = &report["queries"][0];
    assert_eq!(query["proof"], "hypopg", "{report:#}");
    assert!(query["cost_after"].as_f64().unwrap() < query["cost_before"].as_f64().unwrap());
    assert_eq!(database.sql("SELECT count(*) FROM pg_indexes WHERE tablename = 'orders'"), "4");
    // With so few rows the planner reads the whole table. (VACUUM FULL would keep deleted rows while another test has a transaction.)
    database
        .sql("TRUNCATE orders; INSERT INTO orders SELECT i, i, 'open', i FROM generate_series(1, 3) i; ANALYZE orders");
    assert_eq!(advise(&project, &database.url(), &[])["queries"][0]["proof"], "refuted");
}

#[test]
fn without_hypopg_an_index_is_proved_on_a_scratch_database() {
    let (database, project) = shop();
    let report = advise(&project, &database.url(), &["--scratch"]);
    assert_eq!(report["queries"][0]["proof"], "scratch", "{report:#}");
    assert_eq!(database.sql("SELECT count(*) FROM pg_indexes WHERE tablename = 'orders'"), "4");
    assert_eq!(database.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'doorstep\\_replay%'"), "0");
}

#[test]
fn the_slowest_statements_are_listed_with_what_they_read() {
    let cluster = Cluster::started("shared_preload_libraries = 'pg_stat_statements'");
    let project = Project::new().migration("1_shop", SHOP);
    project.doorstep(&cluster.url(), &["migrate"]).run().code(0);
    let sql = |sql: &str| psql(cluster.port, "postgres", sql);
    sql(ROWS);
    sql("CREATE EXTENSION pg_stat_statements");
    sql("ALTER ROLE postgres PASSWORD 'doorstep'");
    sql("SELECT pg_stat_statements_reset()");
    sql("SELECT count(*) FROM orders WHERE client_id = 7");
    sql("SELECT sum(total) FROM orders");
    sql("ALTER ROLE postgres CONNECTION LIMIT 90");
    let report = advise(&project, &cluster.url(), &[]);
    let slow = report["slow"].as_array().unwrap();
    let find = |part: &str| {
        slow.iter().find(|it| it["query"].as_str().unwrap().contains(part)).unwrap_or_else(|| panic!("{report:#}"))
    };
    assert!(!report["slow"].to_string().contains("ALTER ROLE"), "{report:#}");
    let sum = find("sum(total)");
    assert_eq!((&sum["calls"], &sum["rows"]), (&1.into(), &1.into()));
    assert_eq!(sum["reads"], serde_json::json!([["public.orders", 20_000]]));
    let count = find("client_id");
    match sql("SHOW server_version_num").parse::<u32>().unwrap() {
        160_000.. => assert_eq!(count["reads"], serde_json::json!([["public.orders", 20_000]])),
        _ => assert!(count["why"].as_str().unwrap().contains("PostgreSQL 16"), "{report:#}"),
    }
}

#[test]
fn advice_writes_nothing() {
    let cluster = Cluster::started("autovacuum = off\nshared_preload_libraries = 'pg_stat_statements'");
    let project = Project::new().migration("1_shop", SHOP).file("doorstep.toml", QUERIES);
    project.doorstep(&cluster.url(), &["migrate"]).run().code(0);
    psql(cluster.port, "postgres", "CREATE EXTENSION pg_stat_statements");
    let before = psql(cluster.port, "postgres", "SELECT pg_snapshot_xmax(pg_current_snapshot())");
    advise(&project, &cluster.url(), &[]);
    assert_eq!(psql(cluster.port, "postgres", "SELECT pg_snapshot_xmax(pg_current_snapshot())"), before);
}

#[test]
fn sqlite_has_keys_duplicates_and_queries() {
    let project = Project::sqlite().file(
        "doorstep.toml",
        "[[query]]\nname = \"by client\"\nsql = \"SELECT * FROM orders WHERE client_id = ?\"\n\
         [[query]]\nname = \"by key\"\nsql = \"SELECT * FROM orders WHERE id = ?\"\n",
    );
    let project = project.migration("1_shop", SHOP);
    project.doorstep("sqlite:app.db", &["migrate"]).run().code(0);
    let report = advise(&project, "sqlite:app.db", &[]);
    assert_eq!(
        report["foreign_keys"][0]["sql"],
        "CREATE INDEX \"orders_client_id_idx\" ON \"orders\" (\"client_id\");"
    );
    assert_eq!(report["duplicates"].as_array().unwrap().len(), 2, "{report:#}");
    assert_eq!(report["queries"].as_array().unwrap().len(), 1, "{report:#}");
    assert!(report["queries"][0]["plan"].as_str().unwrap().contains("SCAN orders"));
    assert!(report["notes"].to_string().contains("SQLite"), "{report:#}");
    sqlite(&project.path("app.db"), "CREATE INDEX k ON orders (client_id)");
    let report = advise(&project, "sqlite:app.db", &[]);
    assert_eq!((&report["foreign_keys"], &report["queries"]), (&serde_json::json!([]), &serde_json::json!([])));
}

#[test]
fn mysql_has_duplicates_and_says_what_it_lacks() {
    let database = MysqlDatabase::fresh();
    database.sql(
        "CREATE TABLE orders (id int PRIMARY KEY, client_id int, status varchar(20), total int, KEY a (status), KEY b (status, total), \
         KEY c (status(5)), UNIQUE KEY d (client_id))",
    );
    let report = advise(&Project::bare(), &database.url(), &[]);
    let found = &report["duplicates"];
    assert_eq!(found.as_array().unwrap().len(), 1, "{report:#}");
    assert!(found[0]["sql"] == "DROP INDEX `a` ON `orders`;" && found[0]["exact"] == false, "{report:#}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("the server makes an index for each") && notes.contains("unused indexes"), "{notes}");
}
