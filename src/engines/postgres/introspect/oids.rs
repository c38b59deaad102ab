//! Maps and sets of oids. The standard hasher resists keys that somebody has chosen to collide; a server numbers its objects in
//! turn, and hashing was a fifteenth of the instructions that verify takes.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// By oid, or by the oid and the number of a column.
pub(super) type OidMap<K, V> = HashMap<K, V, BuildHasherDefault<OidHasher>>;

/// Oids.
pub(super) type OidSet = HashSet<u32, BuildHasherDefault<OidHasher>>;

/// Multiplies by an odd number near the golden ratio of 2^64, which spreads numbers in turn over all bits (Fibonacci hashing).
#[derive(Debug, Default)]
pub(super) struct OidHasher(u64);

impl OidHasher {
    fn add(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(20) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for OidHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.add(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
