//! Applies the pending migrations of ./migrations to `DATABASE_URL`.

use diesel::{Connection as _, PgConnection};
use diesel_migrations::{FileBasedMigrations, HarnessWithOutput, MigrationHarness as _};

fn main() {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL is not set");
    let mut connection = PgConnection::establish(&url).expect("no connection");
    let migrations = FileBasedMigrations::find_migrations_directory().expect("no migrations");
    if let Err(error) = HarnessWithOutput::write_to_stdout(&mut connection).run_pending_migrations(migrations) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
