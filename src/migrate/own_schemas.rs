//! Decides which missing schemas a start leaves to its pending migrations. Pure, over what the scripts create and what the
//! server says of its extensions.

use std::collections::BTreeSet;

use crate::engines::session::AvailableExtension;
use crate::sql::script::Creation;

/// Extensions whose installation script runs CREATE SCHEMA, so that their control file does not name the schema.
const SCRIPTED: [(&str, &[&str]); 9] = [
    ("pg_cron", &["cron"]),
    ("pg_net", &["net"]),
    ("pg_partman_bgw", &["partman"]),
    ("pgsodium", &["pgsodium", "pgsodium_masks"]),
    ("supabase_vault", &["vault"]),
    ("pg_graphql", &["graphql"]),
    ("postgis_topology", &["topology"]),
    ("postgis_tiger_geocoder", &["tiger", "tiger_data"]),
    ("citus", &["citus", "citus_internal", "columnar", "columnar_internal"]),
];

/// Schemas of TimescaleDB all begin with one of these.
const TIMESCALEDB: [&str; 2] = ["_timescaledb_", "timescaledb_"];

/// Those of `missing` that exist once these creations have run.
///
/// A schema that CREATE EXTENSION names (`SCHEMA s`) must exist before it. Otherwise an extension makes the schema of its
/// control file, one that is known for its script, or one of its own name.
#[must_use]
pub(crate) fn own_schemas(
    missing: &[String],
    creations: &[Creation],
    extensions: &[AvailableExtension],
) -> Vec<String> {
    let named = creations.iter().filter_map(|creation| match creation {
        Creation::Extension { schema, .. } => schema.as_deref(),
        Creation::Schema(_) => None,
    });
    let named: BTreeSet<&str> = named.collect();
    let installed = with_required(creations, extensions);
    let is_made = |schema: &str| {
        let is_of = |name: &&str| {
            let in_control = extensions.iter().any(|it| it.name == **name && it.schema.as_deref() == Some(schema));
            let in_script = SCRIPTED.iter().any(|(of, schemas)| of == name && schemas.contains(&schema));
            let of_timescale = *name == "timescaledb" && TIMESCALEDB.iter().any(|begin| schema.starts_with(begin));
            in_control || in_script || of_timescale || *name == schema
        };
        installed.iter().any(is_of)
    };
    let is_own = |schema: &&String| {
        creations.contains(&Creation::Schema((*schema).clone()))
            || (!named.contains(schema.as_str()) && is_made(schema))
    };
    missing.iter().filter(is_own).cloned().collect()
}

/// The extensions that are created, and those that they require (CASCADE creates them).
fn with_required<'a>(creations: &'a [Creation], extensions: &'a [AvailableExtension]) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    for creation in creations {
        if let Creation::Extension { name, .. } = creation {
            open.push(name);
        }
    }
    while let Some(name) = open.pop() {
        if all.insert(name) {
            let of_name = extensions.iter().filter(|it| it.name == name);
            open.extend(of_name.flat_map(|it| it.requires.iter().map(String::as_str)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn available(name: &str, schema: Option<&str>, requires: &[&str]) -> AvailableExtension {
        AvailableExtension {
            name: name.to_owned(),
            schema: schema.map(str::to_owned),
            requires: requires.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn of(name: &str, schema: Option<&str>) -> Creation {
        Creation::Extension { name: name.to_owned(), schema: schema.map(str::to_owned) }
    }

    #[test]
    fn a_schema_is_left_to_the_extension_that_makes_it() {
        let extensions = [
            available("queue", Some("mq"), &[]),
            available("top", None, &["middle"]),
            available("middle", None, &["queue"]),
        ];
        let missing = ["mq", "cron", "app", "plain", "_timescaledb_config"].map(str::to_owned);
        let own = |creations: &[Creation]| own_schemas(&missing, creations, &extensions);
        assert_eq!(own(&[of("queue", None)]), ["mq"]);
        assert_eq!(own(&[of("top", None)]), ["mq"]);
        assert_eq!(own(&[of("pg_cron", None), of("plain", None)]), ["cron", "plain"]);
        assert_eq!(own(&[of("timescaledb", None)]), ["_timescaledb_config"]);
        assert_eq!(own(&[Creation::Schema("app".to_owned())]), ["app"]);
        // It must exist where the statement names it.
        assert_eq!(own(&[of("queue", Some("mq")), of("plain", Some("app"))]), ["plain"]);
        assert_eq!(own(&[]), [""; 0]);
    }
}
