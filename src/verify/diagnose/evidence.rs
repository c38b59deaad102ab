//! What the diagnosis needs to know of a folder and its history.

use crate::formats::migration::{Migration, RecordedBy};
use crate::migrate::history::History;
use crate::migrate::plan::State;
use crate::sql::script;
use crate::verify::diagnose::{MigrationFact, MigrationFacts};

/// All that causes are found in: what the scripts do, and what became of them.
pub(crate) fn migration_facts(history: &History) -> MigrationFacts {
    let is_code = history.format.writer.is_none();
    // The entries begin with those of the folder, in its order.
    let scripted = |(place, migration): (usize, &Migration)| {
        let entry = history.entries.get(place).filter(|entry| entry.migration == Some(place));
        let record = entry.and_then(|entry| entry.record.as_ref());
        MigrationFact {
            name: migration.name.clone(),
            file: migration.path.display().to_string(),
            state: entry.map_or(State::Pending, |entry| entry.state),
            at: record.and_then(|record| record.last_moment()).map(str::to_owned),
            by_hand: record.is_some_and(|record| record.by == RecordedBy::Person),
            changes: if is_code { Vec::new() } else { script::changes(&migration.script) },
        }
    };
    let ahead = history.entries.iter().filter(|entry| entry.state == State::Missing && !entry.superseded);
    MigrationFacts {
        folder: history.folder.path.display().to_string(),
        tool: history.format.tool.name,
        is_code,
        by_prisma: history.format.tool.writes_from_schema,
        authoring: history.format.tool.new_migration("NAME"),
        migrations: history.migrations.iter().enumerate().map(scripted).collect(),
        ahead: ahead.map(|entry| entry.name.clone()).collect(),
    }
}
