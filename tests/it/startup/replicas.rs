//! Replicas that start together: all succeed, each migration is applied once.

use crate::support::{Cluster, Database, Project, sqlite};

fn together(count: usize, project: &Project, url: &str) {
    let arguments = ["run", "--wait-timeout", "60s", "--require-tables", "users,posts", "--", "echo", "up"];
    let replicas: Vec<_> = (0..count).map(|_| project.doorstep(url, &arguments).spawn()).collect();
    for replica in replicas {
        replica.finish("run").code(0).stdout_is("up");
    }
}

/// Each script fails if it runs twice, or at the same time as the other.
fn project() -> Project {
    Project::new()
        .migration(
            "1_users",
            "CREATE TABLE users (id integer PRIMARY KEY); SELECT pg_sleep(0.2); INSERT INTO users VALUES (1);",
        )
        .migration("2_posts", "CREATE TABLE posts (id integer PRIMARY KEY); INSERT INTO posts SELECT id FROM users;")
}

const ROWS: &str = "SELECT migration_name, count(*), count(finished_at) FROM _prisma_migrations GROUP BY 1 ORDER BY 1";

#[test]
fn two_on_an_empty_database() {
    let database = Database::fresh();
    together(2, &project(), &database.url());
    assert_eq!(database.sql(ROWS), "1_users|1|1\n2_posts|1|1");
}

#[test]
fn twenty_on_a_database_and_schemas_that_do_not_exist() {
    let cluster = Cluster::started("max_connections = 50\n");
    let project = project()
        .file("prisma/schema.prisma", "datasource db {\n  provider = \"postgresql\"\n  schemas = [\"a\", \"b\"]\n}\n");
    let url = cluster.url().trim_end_matches("postgres").to_owned() + "born_in_a_race";
    together(20, &project, &url);
    let look = |sql: &str| crate::support::psql(cluster.port, "born_in_a_race", sql);
    assert_eq!(look(ROWS), "1_users|1|1\n2_posts|1|1");
    assert_eq!(look("SELECT count(*) FROM pg_namespace WHERE nspname IN ('a', 'b')"), "2");
}

#[test]
fn five_on_one_sqlite_file() {
    let project = Project::sqlite()
        .migration("1_users", "CREATE TABLE users (id integer PRIMARY KEY); INSERT INTO users VALUES (1);")
        .migration("2_posts", "CREATE TABLE posts (id integer PRIMARY KEY); INSERT INTO posts SELECT id FROM users;");
    together(5, &project, "file:./dev.db");
    let rows = sqlite(&project.path("dev.db"), ROWS);
    assert_eq!(rows, "1_users|1|1\n2_posts|1|1");
}
