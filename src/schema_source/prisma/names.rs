//! The names that Prisma generates for keys, indexes, foreign keys and join tables without `map`: cut to the engine's
//! limit, never hashed.
//!
//! Prisma: `ConstraintNames` in `psl/psl-core/src/datamodel_connector/constraint_names.rs`.

use smol_str::SmolStr;

use crate::schema_source::prisma::schema::Provider;

/// The longest name, in bytes.
pub(crate) fn limit(provider: Provider) -> usize {
    match provider {
        Provider::Postgres => 63,
        Provider::MySql => 64,
        Provider::Sqlite => 10_000,
    }
}

/// `Table_pkey`
pub(crate) fn primary_key(provider: Provider, table: &str) -> String {
    suffixed(provider, table.to_owned(), "_pkey")
}

/// `Table_a_b_key`
pub(crate) fn unique<'a>(provider: Provider, table: &str, columns: impl Iterator<Item = &'a str>) -> String {
    suffixed(provider, joined(table, columns), "_key")
}

/// `Table_a_b_idx`
pub(crate) fn index<'a>(provider: Provider, table: &str, columns: impl Iterator<Item = &'a str>) -> String {
    suffixed(provider, joined(table, columns), "_idx")
}

/// `Table_a_b_fkey`
pub(crate) fn foreign_key<'a>(provider: Provider, table: &str, columns: impl Iterator<Item = &'a str>) -> String {
    suffixed(provider, joined(table, columns), "_fkey")
}

/// The table of an implicit many-to-many relation. Prisma counts characters here, not bytes.
pub(crate) fn join_table(provider: Provider, relation: &str) -> String {
    characters(&format!("_{relation}"), limit(provider)).to_owned()
}

/// Key and indexes of a join table, counted in characters: `_AToB_AB_pkey`, `_AToB_AB_unique`, `_AToB_B_index`.
pub(crate) fn of_join(provider: Provider, table: &str, suffix: &str) -> String {
    format!("{}{suffix}", characters(table, limit(provider) - suffix.len()))
}

/// A join table's foreign keys, counted in bytes: `_AToB_A_fkey`.
pub(crate) fn join_foreign_key(provider: Provider, table: &str, column: &str) -> String {
    suffixed(provider, table.to_owned(), &format!("_{column}_fkey"))
}

/// A name as the database stores it: PostgreSQL cuts a long name and reports only a notice. MySQL and SQLite do not cut.
pub(crate) fn stored(provider: Provider, name: &str) -> SmolStr {
    SmolStr::new(match provider {
        Provider::Postgres => bytes(name, limit(provider)),
        Provider::MySql | Provider::Sqlite => name,
    })
}

fn joined<'a>(table: &str, columns: impl Iterator<Item = &'a str>) -> String {
    let mut name = String::with_capacity(64);
    name.push_str(table);
    for column in columns {
        name.push('_');
        name.push_str(column);
    }
    name
}

fn suffixed(provider: Provider, mut name: String, suffix: &str) -> String {
    name.truncate(bytes(&name, limit(provider) - suffix.len()).len());
    name + suffix
}

/// The first `most` bytes, or a few less, up to the end of a character.
fn bytes(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

fn characters(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use Provider::Postgres;

    #[test]
    fn generated_names_are_cut_before_their_suffix() {
        let long = "T".repeat(60);
        assert_eq!(primary_key(Postgres, &long), format!("{}_pkey", "T".repeat(58)));
        assert_eq!(unique(Postgres, &long, ["c"].into_iter()), format!("{}_key", "T".repeat(59)));
        assert_eq!(foreign_key(Postgres, "T", ["a", "b"].into_iter()), "T_a_b_fkey");
        assert_eq!(foreign_key(Postgres, &long, ["a"].into_iter()), format!("{}_fkey", "T".repeat(58)));
    }

    #[test]
    fn cuts_keep_characters_whole() {
        let umlauts = "ä".repeat(40);
        assert_eq!(primary_key(Postgres, &format!("x{umlauts}")), format!("x{}_pkey", "ä".repeat(28)));
        assert_eq!(stored(Postgres, &format!("x{umlauts}")), format!("x{}", "ä".repeat(31)));
    }

    #[test]
    fn join_tables_count_characters_but_their_foreign_keys_bytes() {
        let umlauts = "ä".repeat(70);
        let table = join_table(Postgres, &umlauts);
        assert_eq!(table, format!("_{}", "ä".repeat(62)));
        assert_eq!(of_join(Postgres, &table, "_AB_pkey"), format!("_{}_AB_pkey", "ä".repeat(54)));
        assert_eq!(join_foreign_key(Postgres, &table, "A"), format!("_{}_A_fkey", "ä".repeat(27)));
    }
}
