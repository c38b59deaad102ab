//! Applies the pending migrations of ./migrations to `DATABASE_URL`.

use postgres::{Client, NoTls};
use refinery_core::{Runner, load_sql_migrations};

fn main() {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL is not set");
    let mut client = Client::connect(&url, NoTls).expect("no connection");
    let migrations = load_sql_migrations("migrations").expect("no migrations");
    if let Err(error) = Runner::new(&migrations).run(&mut client) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
