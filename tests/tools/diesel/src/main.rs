//! Applies the pending migrations of ./migrations to `DATABASE_URL`, of PostgreSQL or MySQL.

use diesel::{Connection as _, MysqlConnection, PgConnection};
use diesel_migrations::{FileBasedMigrations, HarnessWithOutput, MigrationHarness as _};

fn main() {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL is not set");
    let migrations = FileBasedMigrations::find_migrations_directory().expect("no migrations");
    let done = match url.starts_with("mysql") {
        true => {
            let mut connection = MysqlConnection::establish(&url).expect("no connection");
            HarnessWithOutput::write_to_stdout(&mut connection).run_pending_migrations(migrations).map(drop)
        }
        false => {
            let mut connection = PgConnection::establish(&url).expect("no connection");
            HarnessWithOutput::write_to_stdout(&mut connection).run_pending_migrations(migrations).map(drop)
        }
    };
    if let Err(error) = done {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
