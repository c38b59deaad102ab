//! The forms of a file with a database URL: the URL, JSON as AWS Secrets Manager writes it, lines of `KEY=VALUE`.

use crate::support::{Database, MysqlDatabase, PASSWORD, Project, free_port, mysql};

const TOKEN: &str = "hunter2/t@ken";

/// A superuser whose password is the token.
fn role(database: &Database) -> String {
    let role = database.role("SUPERUSER");
    database.sql(&format!("ALTER ROLE {role} PASSWORD '{TOKEN}'"));
    role
}

fn json(database: &Database, role: &str) -> String {
    let Database { name, port, .. } = database;
    format!(
        "{{\n  \"username\": \"{role}\", \"password\": \"{TOKEN}\", \"engine\": \"postgres\", \"host\": \"127.0.0.1\",\n  \
         \"port\": {port}, \"dbname\": \"{name}\", \"dbInstanceIdentifier\": \"x\"\n}}\n"
    )
}

#[test]
fn json_of_a_secrets_manager_names_the_database_also_for_hooks() {
    let database = Database::fresh();
    let role = role(&database);
    let project = Project::with_two().file("secret", &json(&database, &role));
    let hook = r#"sh -c 'psql -XAtq "$DATABASE_URL" -c "SELECT current_user"; echo "$DATABASE_URL"'"#;
    let run = project.doorstep("", &["run", "--log", "trace", "--before-migrate", hook]);
    let output = run.env("DATABASE_URL_FILE", "secret").run().code(0);
    output.stderr_has("(2 applied)").stderr_has(&format!("{role}\n")).stderr_has(" ***\n").stderr_lacks("hunter2");
    for name in ["DOORSTEP_DATABASE_URL_FILE", "DOORSTEP_MIGRATE_URL_FILE"] {
        project.doorstep("", &["status"]).env(name, "secret").run().code(0).stdout_has("current");
    }
}

#[test]
fn lines_of_keys_and_values_do_too_and_are_read_again_at_every_connect() {
    let database = Database::fresh();
    let role = role(&database);
    let Database { name, port, .. } = &database;
    let project = Project::bare();
    for lines in [
        format!(
            "# of the vault\nexport PGHOST=127.0.0.1\nPGPORT={port}\nPGUSER={role}\nPGPASSWORD='{TOKEN}'\nPGDATABASE={name}\n"
        ),
        format!(
            "DB_HOST=127.0.0.1\nDB_PORT={port}\nDB_USER={role}\nDB_PASSWORD={TOKEN}\nDB_NAME={name}\nENGINE=postgres\n"
        ),
        format!("DATABASE_URL=\"{}\"\n", database.url()),
    ] {
        project.write("secret", &lines);
        project.doorstep("", &["wait"]).env("DATABASE_URL_FILE", "secret").run().code(0);
    }
    // libpq's own form has lowercase names, and stays what it is.
    project.write("secret", &format!("host=127.0.0.1\nport={port}\nuser=postgres\npassword={PASSWORD}\ndbname={name}"));
    project.doorstep("", &["wait"]).env("DATABASE_URL_FILE", "secret").run().code(0);
    project.write("secret", &json(&database, &role).replace(&format!("{port}"), &free_port().to_string()));
    let mut doorstep = project.doorstep("", &["wait"]).env("DATABASE_URL_FILE", "secret").spawn();
    doorstep.until_stderr("connection refused");
    project.write("new", &json(&database, &role));
    std::fs::rename(project.path("new"), project.path("secret")).unwrap();
    doorstep.finish("wait").code(0).stderr_lacks("hunter2");
}

#[test]
fn on_mysql_and_sqlite_too() {
    let database = MysqlDatabase::fresh();
    let account = database.account("ALL ON DB.*");
    mysql("", &format!("ALTER USER {account}@'%' IDENTIFIED BY '{TOKEN}'"));
    let url = database.url();
    let (_, place) = url.split_once('@').unwrap();
    let (place, name) = place.split_once('/').unwrap();
    let (host, port) = place.split_once(':').unwrap();
    let secret = format!(
        "{{\"engine\": \"mariadb\", \"host\": \"{host}\", \"port\": \"{port}\", \"username\": \"{account}\", \
         \"password\": \"{TOKEN}\", \"dbname\": \"{name}\"}}"
    );
    let project = Project::bare().file("secret", &secret).file("lines", "export DATABASE_URL='file:./dev.db' # here\n");
    project.doorstep("", &["wait"]).env("DATABASE_URL_FILE", "secret").run().code(0).stderr_lacks("hunter2");
    let project = project.file("migrations/1_a.sql", "CREATE TABLE a (id integer);\n");
    project.doorstep("", &["migrate"]).env("DATABASE_URL_FILE", "lines").run().code(0).stderr_has("(1 applied)");
}

#[test]
fn a_file_that_is_wrong_is_named_without_its_content() {
    for (content, expected) in [
        ("{\"password\": \"hunter2\"", "it begins as JSON, and is none at line 1"),
        (r#"{"username": "u", "password": "hunter2"}"#, "it names no engine"),
        (r#"{"engine": "postgres", "username": "u", "password": "hunter2"}"#, "it names no host"),
        (r#"{"engine": "oracle", "host": "h", "username": "u", "password": "hunter2"}"#, "its engine is not one"),
        ("PGHOST=h\nhunter2\n", "line 2 has no `=`"),
        ("PGHOST=h\nPGPASSWORD='hunter2\n", "line 2 opens a ' that is not closed"),
        ("PGUSER=u\nPGPASSWORD=hunter2\n", "it names no host"),
    ] {
        let project = Project::bare().file("secret", content);
        let output = project.doorstep("", &["wait"]).env("DATABASE_URL_FILE", "secret").run().code(78);
        output.stderr_has("cannot use the secret file secret: ").stderr_has(expected).stderr_lacks("hunter2");
    }
}

#[test]
fn a_file_with_a_password_alone_has_no_forms() {
    let database = Database::fresh();
    let role = database.role("SUPERUSER");
    let password = r#"{"password": "x"}"#;
    database.sql(&format!("ALTER ROLE {role} PASSWORD '{password}'"));
    let project = Project::bare().file("password", password);
    let url = database.url_as(&role).replace(&format!(":{PASSWORD}@"), "@");
    project.doorstep(&url, &["wait"]).env("PGPASSWORD_FILE", "password").run().code(0);
}
