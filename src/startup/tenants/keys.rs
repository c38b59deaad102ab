//! The locks of a start on many schemas. One session holds that of the start, and no other start on many schemas of this database
//! migrates meanwhile. The sessions that migrate take the database's lock and the tool's, shared among them: a start on the whole
//! database, or on one schema of it, and the tool of the format are kept out. Each schema's own lock tells `status` which one is
//! being migrated.

use sha2::{Digest as _, Sha256};

use crate::engines::session::{LockKey, LockName};

/// The lock of a start on many schemas.
pub(crate) fn of_start() -> LockKey {
    numbered(b"doorstep schemas", "")
}

/// The lock of one schema.
pub(crate) fn of_schema(schema: &str) -> LockKey {
    numbered(b"doorstep schema\0", schema)
}

/// The locks for `schema`, in the order in which they are taken. `of_tool` gives those of the tool for a schema: one that is the same
/// for every schema is shared.
pub(crate) fn of(schema: &str, of_database: LockKey, of_tool: impl Fn(Option<&str>) -> Vec<LockKey>) -> Vec<LockKey> {
    let elsewhere = of_tool(None);
    let as_shared = |key: LockKey| if elsewhere.contains(&key) { key.shared() } else { key };
    let of_tool = of_tool(Some(schema)).into_iter().map(as_shared);
    [of_schema(schema), of_database.shared()].into_iter().chain(of_tool).collect()
}

/// A number of 64 bits for a name: two names with the same one would only wait for each other.
fn numbered(kind: &[u8], name: &str) -> LockKey {
    let digest = Sha256::new().chain_update(kind).chain_update(name.as_bytes()).finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    LockKey::new(i64::from_be_bytes(bytes), LockName::Hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schema_has_its_own_lock_and_shares_that_of_the_database() {
        let key = |number| LockKey::new(number, LockName::Hexadecimal);
        let of_tool = |schema: Option<&str>| match schema {
            Some(schema) => vec![key(7), key(i64::try_from(schema.len()).unwrap())],
            None => vec![key(7), key(0)],
        };
        let of = |schema| super::of(schema, key(1), of_tool);
        assert_eq!(of("abc")[1..], [key(1).shared(), key(7).shared(), key(3)]);
        assert_ne!(of("abc")[0], of("abd")[0]);
        assert!(!of("abc")[0].is_shared);
    }
}
