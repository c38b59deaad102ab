//! What the service's account may do on MySQL and MariaDB: only the account itself can tell, so doorstep logs in as the service.

use crate::support::{MysqlDatabase, Output, PASSWORD, Project, mysql};

const TABLES: &str = "CREATE TABLE a (id INT PRIMARY KEY, x INT); CREATE TABLE b (id INT PRIMARY KEY, x INT); \
                      CREATE TABLE c (id INT PRIMARY KEY, x INT); CREATE TABLE d (id INT PRIMARY KEY, x INT)";

const SCHEMA: &str = "datasource db {\n  provider = \"mysql\"\n}\n\
    model a {\n  id Int @id\n  x Int?\n}\nmodel b {\n  id Int @id\n  x Int?\n}\n\
    model c {\n  id Int @id\n  x Int?\n}\nmodel d {\n  id Int @id\n  x Int?\n}\n";

/// A database with four tables, and an account of the service.
struct Shop {
    database: MysqlDatabase,
    account: String,
}

impl Shop {
    fn new(rights: &str) -> Self {
        let database = MysqlDatabase::fresh();
        database.sql(TABLES);
        let account = database.account(rights);
        Self { database, account }
    }

    fn grant(&self, rights: &str) {
        mysql("", &format!("GRANT {} TO {}@'%'", rights.replace("DB", &self.database.name), self.account));
    }

    /// `verify` with two URLs, by required tables and then by a schema file.
    fn verify(&self, service: &str) -> [Output; 2] {
        [("doorstep.toml", "require_tables = [\"a\", \"b\", \"c\", \"d\"]\n"), ("prisma/schema.prisma", SCHEMA)].map(
            |(file, text)| {
                let project = Project::bare().file(file, text);
                let call = project.doorstep(service, &["verify"]);
                call.env("DOORSTEP_MIGRATE_URL", &self.database.url()).run()
            },
        )
    }

    fn url(&self) -> String {
        self.database.url_as(&self.account)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            mysql("", &format!("DROP USER {}@'%'", self.account));
        }
    }
}

#[test]
fn a_table_on_which_the_services_account_has_too_few_rights_is_hidden_from_it() {
    let shop = Shop::new("SELECT, INSERT, UPDATE, DELETE ON DB.a");
    shop.grant("INSERT ON DB.b");
    shop.grant("SELECT (id) ON DB.c");
    let [of_tables, of_schema] = shop.verify(&shop.url());
    for output in [of_tables, of_schema] {
        let output = output.code(3);
        let name = &shop.database.name;
        assert!(output.stdout.contains("a table on which the role has no right"), "{}", output.stdout);
        assert!(output.stdout.contains("a table that the role may write to, and not read"), "{}", output.stdout);
        assert!(output.stdout.contains("a table of which the role may not read every column"), "{}", output.stdout);
        assert!(
            output.stdout.contains("1 errors, 2 warnings") || output.stdout.contains("1 error, 2 warnings"),
            "{}",
            output.stdout
        );
        assert!(!output.stdout.contains(&format!("{name}.a ")), "{}", output.stdout);
    }
    let [_, of_schema] = shop.verify(&shop.url());
    let grant = format!("ON `{}`.`d` TO `{}`@`%`", shop.database.name, shop.account);
    of_schema.code(3).stdout_has(&grant);
}

#[test]
fn rights_by_pattern_role_or_column_count_as_the_server_counts_them() {
    let shop = Shop::new("SELECT, INSERT ON `t\\_%`.*");
    for output in shop.verify(&shop.url()) {
        output.code(0).stdout_has("verified (0 errors, 0 warnings");
    }
    let shop = Shop::new("SELECT (id, x), INSERT ON DB.a");
    let role = format!("r_{}", shop.account);
    mysql("", &format!("CREATE ROLE {role}; GRANT SELECT ON {}.* TO {role}", shop.database.name));
    mysql("", &format!("GRANT {role} TO {}@'%'", shop.account));
    // Granted, and not active at login.
    for output in shop.verify(&shop.url()) {
        output.code(3).stdout_has("3 errors, 0 warnings");
    }
    let set = format!("SET DEFAULT ROLE {role} /*M! FOR */ /*!80000 TO */ {}@'%'", shop.account);
    mysql("", &set);
    for output in shop.verify(&shop.url()) {
        output.code(0).stdout_has("verified (0 errors, 0 warnings");
    }
    mysql("", &format!("DROP ROLE {role}"));
}

#[test]
fn an_account_that_may_not_enter_the_database_has_no_right_on_it_and_one_that_cannot_log_in_leaves_them_unknown() {
    let shop = Shop::new("");
    for output in shop.verify(&shop.url()) {
        output.code(3).stdout_has("4 errors, 0 warnings");
    }
    let wrong = shop.url().replace(PASSWORD, "wrong");
    for output in shop.verify(&wrong) {
        let unknown = format!("the rights of {} are unknown", shop.account);
        output.code(0).stdout_has(&unknown).stdout_has("0 errors, 1 warning,");
    }
}
