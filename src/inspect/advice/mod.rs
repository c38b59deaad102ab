//! `advise`: which indexes are missing, doubled or unused, and which statements take the time. Numbers and SQL, no opinions.
//!
//! `facts` is what the server told, `examine` asks for it, `candidate` reads from a plan which index would serve, `judge` compares
//! indexes and keys; the last two are pure. `report` is the result.

pub(crate) mod candidate;
pub(crate) mod examine;
pub(crate) mod facts;
pub(crate) mod judge;
pub(crate) mod report;

/// A table with at least this many rows is large: to read all of it is worth a line.
pub(crate) const LARGE: u64 = 10_000;
