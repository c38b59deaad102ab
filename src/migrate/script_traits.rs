//! What a script's text says about each of its steps. It is read once for a script: a dump has thousands of steps.

use crate::formats::migration::Migration;
use crate::migrate::interrupted_ddl::first_use;

/// What all steps of a script have in common.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ScriptTraits {
    /// It sets a lock_timeout of its own.
    pub(super) sets_timeout: bool,
    /// Where it changes the database with USE for the first time, in bytes.
    pub(super) first_use: Option<usize>,
}

impl ScriptTraits {
    /// Reads the script of a migration.
    pub(super) fn of(migration: &Migration) -> Self {
        let text = migration.sql().to_ascii_lowercase();
        let sets_timeout = text.contains("lock_timeout") || text.contains("lock_wait_timeout");
        Self { sets_timeout, first_use: first_use(&migration.script.statements()) }
    }
}
