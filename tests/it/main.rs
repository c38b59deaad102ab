//! Black-box tests: the real binary against real databases. Run them with `scripts/test`.

// Tests report failures by panicking.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stderr)]

mod support;

mod deploy;
mod engines;
mod formats;
mod inspect;
mod lint;
mod migrate;
mod process;
mod release;
mod repo;
mod startup;
mod verify;
