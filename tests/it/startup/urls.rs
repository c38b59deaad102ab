//! What is in a URL and should not be there: white space, comments, quotes, invisible characters, and the separators of
//! other tools. No database, schema or file comes into being whose name nobody meant.

use crate::support::{Database, PASSWORD, Project, psql};

/// Databases and schemas whose name contains this one's.
fn made_of(database: &Database) -> (String, String) {
    let databases = format!("SELECT count(*) FROM pg_database WHERE strpos(datname, '{}') > 0", database.name);
    let schemas = "SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace \
                   WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'";
    (psql(database.port, "postgres", &databases), database.sql(schemas))
}

#[test]
fn tabs_and_line_breaks_are_taken_out_as_node_does() {
    for (before, after) in
        [("\n", "?schema=app"), ("", "\n?schema=app"), ("", "?schema=\r\napp"), ("\t", "?sch\tema=app\n")]
    {
        let database = Database::fresh();
        let url = format!("{before}{}{after}", database.url());
        Project::with_two().doorstep(&url, &["run"]).run().code(0);
        assert_eq!(made_of(&database), ("1".to_owned(), "app,public".to_owned()), "{before:?} {after:?}");
        assert_eq!(database.sql("SELECT count(*) FROM app._prisma_migrations"), "2");
    }
    let database = Database::fresh();
    let url = database.url().replace('@', "@\n");
    let output = Project::with_two().doorstep(&url, &["run", "--", "true"]).run().code(0);
    output.stderr_has("line breaks were taken out of the database URL");
}

#[test]
fn a_child_gets_the_url_that_doorstep_uses() {
    let database = Database::fresh();
    let project = Project::bare();
    let arguments = ["run", "--migrate-command", "sh -c 'printf %s \"$DATABASE_URL\" > url'"];
    let url = format!("\n{}?\nconnect_timeout=5\r\n", database.url());
    project.doorstep(&url, &arguments).run().code(0);
    let got = std::fs::read_to_string(project.path("url")).unwrap();
    assert_eq!(got, format!("{}?connect_timeout=5", database.url()));
}

#[test]
fn what_is_malformed_creates_nothing() {
    let database = Database::fresh();
    let before = made_of(&database);
    for tail in [
        " ?schema=x",
        "\n# the database",
        " # the database",
        "#the_database",
        "\u{a0}",
        "\u{200b}",
        "\u{2028}",
        "\"",
        ";schema=x",
        ",",
        ",x",
        "=x",
        "&schema=x",
        "?schema=x;y",
        "?schema=x,y",
        "?schema=x%0a",
        "?schema=%20x",
        "?schema=x%C2%A0",
        "?schema",
        "?schema=x?y=z",
        "?schema=x#y",
        "%0A",
        "%20",
        "%00",
        "%E2%80%8B",
        "/x",
        ":x",
        "${NAME}",
        "{{name}}",
        "?schema=$SCHEMA",
        "?dbname=x,y",
        "<x>",
        "|x",
        "\\x",
    ] {
        let url = format!("{}{tail}", database.url());
        let output = Project::with_two().doorstep(&url, &["run"]).run().code(78);
        output.stderr_lacks(PASSWORD_OF_A_URL).stderr_has("the database URL cannot be read");
        assert_eq!(made_of(&database), before, "{tail:?}");
    }
}

/// The password as it stands in a URL: the bare word is the program's name, too.
const PASSWORD_OF_A_URL: &str = ":doorstep@";

#[test]
fn the_keyword_form_and_the_variables_of_libpq_are_held_to_the_same() {
    let database = Database::fresh();
    let before = made_of(&database);
    let name = database.name.clone();
    let run = |keywords: &str, variables: &[(&str, &str)]| {
        let port = database.port.to_string();
        let doorstep = Project::with_two().doorstep(keywords, &["run"]);
        let doorstep = doorstep.env("PGPASSWORD", PASSWORD).env("PGPORT", &port).env("PGUSER", "postgres");
        doorstep.envs(variables).run()
    };
    for tail in [";schema=x", ",", "\u{a0}", "\u{200b}", "\u{7f}", "=x", "@x"] {
        run(&format!("host=127.0.0.1 dbname={name}{tail}"), &[]).code(78).stderr_lacks(&name);
        run("", &[("PGHOST", "127.0.0.1"), ("PGDATABASE", &format!("{name}{tail}"))]).code(78).stderr_has("PGDATABASE");
    }
    for tail in ["\r", "\n", "\t", " ", " # the database", "\""] {
        run("", &[("PGHOST", "127.0.0.1"), ("PGDATABASE", &format!("{name}{tail}"))]).code(78).stderr_has("PGDATABASE");
    }
    for keywords in [
        "host='127.0.0.1\n' dbname=x",
        "host=127.0.0.1 dbname='x\n'",
        "host=127.0.0.1 dbname=' x'",
        "host=127.0.0.1 Database=x",
        "host=127.0.0.1;dbname=x",
        "host=127.0.0.1 dbname=x # the=database",
        "Host=127.0.0.1;Database=x;Username=u",
        "DATABASE_URL=postgres://127.0.0.1/x",
        "host=127.0.0.1 dbname=x schema=a;b",
    ] {
        run(keywords, &[]).code(78);
    }
    run("", &[("PGHOST", "127.0.0.1"), ("PGDATABASE", &database.url())]).code(78).stderr_lacks(PASSWORD_OF_A_URL);
    assert_eq!(made_of(&database), before);
    // Line breaks separate keywords, and quotes make a name of anything that can be one.
    run(&format!("host=127.0.0.1\ndbname={name}\r\n"), &[]).code(0);
    run(&format!("host=127.0.0.1 dbname='{name}'"), &[("PGPORT", &format!("{}\r", database.port))]).code(0);
}

#[test]
fn a_secret_file_is_held_to_the_same() {
    let database = Database::fresh();
    let before = made_of(&database);
    let run = |text: &str| {
        let project = Project::with_two().file("url", text);
        project.doorstep("", &["run"]).env("DATABASE_URL_FILE", "url").run()
    };
    for text in [
        format!("\u{feff}{}\n", database.url()),
        format!("{} # the database\n", database.url()),
        format!("{}\n# the database\n", database.url()),
        format!("'{}'\n", database.url()),
        format!("{}\0\n{}", database.url(), database.url()),
    ] {
        run(&text).code(78).stderr_lacks(PASSWORD_OF_A_URL);
    }
    assert_eq!(made_of(&database), before);
    for end in ["\r\n", "\n\n", " \r\n"] {
        run(&format!("{}{end}", database.url())).code(0);
    }
    // A line of an env file is one of the forms of a secret file.
    run(&format!("DATABASE_URL={}\n", database.url())).code(0);
    assert_eq!(made_of(&database), before);
}

#[test]
fn schemas_are_held_to_the_same() {
    let database = Database::fresh();
    let before = made_of(&database);
    for schemas in ["app\u{200b}", "app,b\u{1b}[0m", "\"app\n\"", "\" app\"", "$APP", "${APP}", "app # x"] {
        let output = Project::with_two().doorstep(&database.url(), &["run"]).env("DOORSTEP_SCHEMAS", schemas).run();
        output.code(78).stderr_has("schemas");
    }
    for toml in [
        "schemas = [\"app\\n\", \"b\"]",
        "schemas = [\" app\", \"b\"]",
        "schemas = [\"app\", \"\"]",
        "schemas = [\"a\\tb\"]",
    ] {
        let project = Project::with_two().file("doorstep.toml", toml);
        project.doorstep(&database.url(), &["run"]).run().code(78).stderr_has("schemas");
    }
    let schema = "datasource db {\n  provider = \"postgresql\"\n  schemas = [\"app \", \"public\"]\n}\n";
    let project = Project::with_two().file("prisma/schema.prisma", schema);
    project.doorstep(&database.url(), &["run"]).run().code(78).stderr_has("ends with a blank");
    assert_eq!(made_of(&database), before);
    let doorstep = Project::with_two().doorstep(&database.url(), &["run", "--schemas", "app,\"my; schema\""]);
    doorstep.run().code(0);
    assert_eq!(made_of(&database).1, "app,my; schema,public");
}

#[test]
fn no_file_is_created_that_nobody_meant() {
    for url in [
        "file:./dev.db # dev",
        "file:./dev.db\n# dev",
        "file:./dev.db\u{a0}",
        "sqlite://u:p@h/dev.db",
        "sqlite:///dev.db;x=1",
        "file:./dev.db%0A",
        "file:./dev.db%20",
        "\"file:./dev.db\"",
        "file:./dev.db'",
        "file:./dev.db,",
        "file:./${NAME}.db",
        "file:./ dev/x.db",
        "file:./d\u{200b}ev.db",
    ] {
        let project = Project::bare();
        project.doorstep(url, &["migrate"]).run().code(78);
        assert_eq!(std::fs::read_dir(project.path("")).unwrap().count(), 0, "{url:?}");
    }
    let project = Project::bare();
    project.doorstep("file:./my data/d\nev.db\n", &["run"]).run().code(0);
    assert!(project.path("my data/dev.db").exists());
}
