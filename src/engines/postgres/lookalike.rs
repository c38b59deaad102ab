//! Servers that speak PostgreSQL's protocol and are no PostgreSQL. Some of them accept `pg_try_advisory_lock` and lock
//! nothing, so that two replicas would migrate at once: doorstep reads there, and does not migrate.

use std::fmt;

use crate::base::fault::{Class, Fault};
use crate::sql::Row;

/// What a server is. Qualified in the probe; here not, because some of these servers have no `pg_catalog.version`.
pub(crate) const VERSION: &str = "SELECT version()";

/// What `version()` of these servers contains, as they document it or were seen to answer, and their names.
const KNOWN: &[(&str, &str)] = &[
    ("cockroachdb", "CockroachDB"),
    ("-yb-", "YugabyteDB"),
    ("redshift", "Amazon Redshift"),
    ("dsql", "Amazon Aurora DSQL"),
    ("materialize", "Materialize"),
    ("cratedb", "CrateDB"),
    ("questdb", "QuestDB"),
    ("risingwave", "RisingWave"),
    ("spanner", "Google Spanner"),
    ("ydb", "YDB"),
    ("h2", "H2"),
    ("duckdb", "DuckDB"),
    ("immudb", "immudb"),
];

/// A server that is no PostgreSQL, or not known to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lookalike {
    name: String,
}

impl fmt::Display for Lookalike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Lookalike {
    /// `None` for PostgreSQL and its forks whose advisory locks work (Aurora PostgreSQL, Neon, EDB, Greenplum).
    pub(crate) fn of(version: &str) -> Option<Self> {
        let lower = version.to_ascii_lowercase();
        let words: Vec<&str> = lower.split(|character: char| !character.is_ascii_alphanumeric()).collect();
        let is_word = |mark: &str| match mark.starts_with('-') {
            true => lower.contains(mark),
            false => words.contains(&mark),
        };
        if let Some((_, name)) = KNOWN.iter().find(|(mark, _)| is_word(mark)) {
            return Some(Self { name: (*name).to_owned() });
        }
        // PostgreSQL's own begins like this (src/include/pg_config.h, PG_VERSION_STR), and so do the forks'.
        let is_postgres = ["postgresql ", "enterprisedb "].iter().any(|name| lower.starts_with(name));
        let first: String = version.chars().filter(|character| !character.is_control()).take(40).collect();
        (!is_postgres).then(|| Self { name: format!("a server that calls itself `{first}`") })
    }

    /// Why doorstep does not migrate there.
    pub(crate) fn fault(&self) -> Fault {
        let name = &self.name;
        Fault::new(
            Class::Config,
            format!(
                "this is {name}, whose session advisory locks are not known to exclude other sessions, so two replicas could \
                 migrate at once; nothing was written\n\
                 next: migrate in one place, with a tool made for it, and start the service with --migrate await or \
                 --migrate off"
            ),
        )
    }

    /// Why it cannot even be read: what the probe asks is unknown to it.
    pub(crate) fn unreadable(&self, fault: Fault) -> Fault {
        let text =
            format!("this is {}, which does not answer what doorstep asks of PostgreSQL: {}", self.name, fault.message);
        Fault { class: Class::Config, message: text, ..fault }
    }
}

/// What the last value of the last row says, the version: of the probe, or of [`VERSION`].
pub(crate) fn of_probe(rows: &[Row]) -> Option<Lookalike> {
    Lookalike::of(rows.last()?.last()?.as_deref()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_and_its_forks_are_not_refused() {
        for version in [
            "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0) 12.2.0, 64-bit",
            "PostgreSQL 18beta1 on aarch64-apple-darwin23.6.0, compiled by Apple clang version 16.0.0, 64-bit",
            "PostgreSQL 16.2 on x86_64-pc-linux-gnu, compiled by x86_64-pc-linux-gnu-gcc (GCC) 9.5.0, 64-bit",
            "PostgreSQL 17.4 (EnterpriseDB EDB Postgres Extended) on x86_64-pc-linux-gnu",
            "PostgreSQL 12.12 (Greenplum Database 7.0.0 build commit:0a7a3566) on x86_64-pc-linux-gnu",
        ] {
            assert_eq!(Lookalike::of(version), None, "{version}");
        }
    }

    #[test]
    fn the_others_are_told_by_their_names() {
        for (version, name) in [
            ("CockroachDB CCL v24.3.1 (x86_64-pc-linux-gnu, built 2024/12/11 12:05:09, go1.22.8)", "CockroachDB"),
            ("PostgreSQL 11.2-YB-2024.2.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 17.0.6", "YugabyteDB"),
            ("PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc 3.4.2, Redshift 1.0.48805", "Amazon Redshift"),
            ("PostgreSQL 9.5.0 on x86_64-unknown-linux-gnu (Materialize v0.98.5)", "Materialize"),
            ("CrateDB 5.4.4 (built 7d1d5a4/2023-10-12T12:07:15Z, Linux 5.15 amd64, OpenJDK 64-Bit)", "CrateDB"),
            ("PostgreSQL 13.14.0-RisingWave-2.0.1 (1b2c3d4)", "RisingWave"),
            ("PostgreSQL 8.2.23 server protocol using H2 2.2.224 (2023-09-17)", "H2"),
        ] {
            assert_eq!(Lookalike::of(version).map(|it| it.name).as_deref(), Some(name), "{version}");
        }
        let other = Lookalike::of("SomeDB 1.0\u{1b}[31m").unwrap().name;
        assert_eq!(other, "a server that calls itself `SomeDB 1.0[31m`");
    }
}
