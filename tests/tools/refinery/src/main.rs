//! Applies the pending migrations of ./migrations to `DATABASE_URL`, of PostgreSQL or MySQL.

use postgres::NoTls;
use refinery_core::{Runner, load_sql_migrations};

fn main() {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL is not set");
    let migrations = load_sql_migrations("migrations").expect("no migrations");
    let runner = Runner::new(&migrations);
    let done = match url.starts_with("mysql") {
        true => runner.run(&mut mysql::Conn::new(url.as_str()).expect("no connection")),
        false => runner.run(&mut postgres::Client::connect(&url, NoTls).expect("no connection")),
    };
    if let Err(error) = done {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
