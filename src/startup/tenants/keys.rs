//! The locks of a start on one of many schemas: its own, so that replicas migrate different schemas at the same time, and the
//! database's, shared with them, so that the tool of the format and a start on the whole database are kept out.

use sha2::{Digest as _, Sha256};

use crate::engines::session::{LockKey, LockName};

/// The locks for `schema`, in the order in which they are taken. `of_tool` gives those of the tool for a schema: one that is the same
/// for every schema is shared.
pub(crate) fn of(schema: &str, of_database: LockKey, of_tool: impl Fn(Option<&str>) -> Vec<LockKey>) -> Vec<LockKey> {
    let elsewhere = of_tool(None);
    let as_shared = |key: LockKey| if elsewhere.contains(&key) { key.shared() } else { key };
    let of_tool = of_tool(Some(schema)).into_iter().map(as_shared);
    [own(schema), of_database.shared()].into_iter().chain(of_tool).collect()
}

/// A number of 64 bits for a name: two names with the same one would only wait for each other.
fn own(schema: &str) -> LockKey {
    let digest = Sha256::new().chain_update(b"doorstep schema\0").chain_update(schema.as_bytes()).finalize();
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
