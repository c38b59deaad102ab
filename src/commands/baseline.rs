//! `baseline`: adopts a database that has the tables but no history. A migration is recorded as applied only
//! where all that it creates is there; nothing is taken on trust, and none of its SQL runs.

use std::fmt;

use serde::Serialize;

use crate::base::error::Error;
use crate::engines::session::{ObjectState, Probe, Session};
use crate::finding::{Cause, Diagnosis, Difference, DifferenceKind, Finding, Remedy, Severity, Source};
use crate::formats::migration::{Migration, Writer};
use crate::migrate::history::History;
use crate::report::summary::summary;
use crate::sql::ObjectRef;
use crate::sql::script;

/// What was recorded, for `--format json`.
#[derive(Debug, Serialize)]
pub(crate) struct Baseline {
    /// The migrations that are recorded as applied now, and how many objects vouch for each.
    pub adopted: Vec<Adopted>,
}

/// One migration that is recorded as applied now.
#[derive(Debug, Serialize)]
pub(crate) struct Adopted {
    /// Its name.
    pub name: String,
    /// Number of objects that it creates, that are still wanted, and that are there.
    pub objects: usize,
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Adopted { name, objects } in &self.adopted {
            let witness = match objects {
                0 => "it leaves nothing that could be looked for".to_owned(),
                1 => "1 object vouches for it".to_owned(),
                count => format!("{count} objects vouch for it"),
            };
            writeln!(f, "{name} is recorded as applied ({witness})")?;
        }
        Ok(())
    }
}

/// Records the folder's migrations, up to and including `through`, as applied; the lock must be held.
///
/// # Errors
/// [`Error::History`] where there is a history already or nothing to go by, [`Error::Differences`] when
/// something that the migrations create is not there. Nothing is written then.
pub(crate) async fn adopt(
    history: &History,
    session: &mut dyn Session,
    probe: &Probe,
    through: Option<&str>,
) -> Result<Baseline, Error> {
    if !history.records.is_empty() {
        return Err(Error::History(format!(
            "there is a history already: {} has {} rows\n\
             next: doorstep status shows it; doorstep resolve repairs it, one migration at a time",
            history.format.history_table(),
            history.records.len()
        )));
    }
    let migrations = chosen(history, through)?;
    let witnesses = witnesses(&migrations, history);
    let objects: Vec<ObjectRef> = witnesses.iter().map(|witness| witness.object.clone()).collect();
    let object_states = session.object_states(&objects, None).await;
    let object_states = object_states.map_err(Error::statement("look for what the migrations create"))?;
    let is_there = |trace: &ObjectState| !matches!(trace, ObjectState::Absent | ObjectState::Invalid);
    let against = witnesses.iter().zip(&object_states).filter(|(witness, trace)| is_there(trace) != witness.created);
    let findings: Vec<Finding> = against.map(|(witness, _)| finding(migrations[witness.of], witness)).collect();
    if !findings.is_empty() {
        return Err(Error::Differences(summary(&findings).to_string()));
    }
    // One that leaves no trace is vouched for by those that came after it; for the last ones a person must.
    let vouched = witnesses.iter().map(|witness| witness.of + 1).max().unwrap_or(0);
    if let (None, Some(unproven)) = (through, migrations.get(vouched)) {
        let last = migrations.last().map_or(&unproven.name, |last| &last.name);
        let before = vouched.checked_sub(1).map(|index| &migrations[index].name);
        let or_not = before.map_or(String::new(), |name| format!(", --through {name} if not"));
        return Err(Error::History(format!(
            "nothing vouches for {}: it leaves no object behind that could be looked for\n\
             next: doorstep baseline --through {last} if it did run on this database{or_not}",
            unproven.name
        )));
    }
    let adopted = migrations.iter().enumerate().map(|(index, migration)| Adopted {
        name: migration.name.clone(),
        objects: witnesses.iter().filter(|witness| witness.of == index).count(),
    });
    let adopted: Vec<Adopted> = adopted.collect();
    let (format, dialect) = (history.scripts()?, history.dialect);
    let table = history.ensure_table(session, probe, None).await?;
    let rows = migrations.iter().map(|it| format.adopt(dialect, &table, &format.new_id(Writer::Resolve), it));
    let doing = Error::statement("record what is applied");
    session.execute(rows.collect::<Vec<_>>().join("; ")).await.map_err(doing)?;
    Ok(Baseline { adopted })
}

fn chosen<'a>(history: &'a History, through: Option<&str>) -> Result<Vec<&'a Migration>, Error> {
    let all = &history.migrations;
    let end = match through {
        None => all.len(),
        Some(name) => {
            let last = history.migration(name)?;
            all.iter().take_while(|migration| migration.name != last.name).count() + 1
        }
    };
    match all[..end].iter().find_map(|migration| migration.unreadable.clone()) {
        Some(why) => Err(Error::History(why)),
        None => Ok(all[..end].iter().collect()),
    }
}

/// Something that tells whether a migration ran.
struct Witness {
    /// Index of the migration.
    of: usize,
    object: ObjectRef,
    /// It was created, and must be there; otherwise it was dropped or renamed, and must not.
    created: bool,
}

/// What the migrations create for good, and what they remove for good.
fn witnesses(migrations: &[&Migration], history: &History) -> Vec<Witness> {
    let dialect = history.dialect;
    let statements: Vec<Vec<script::Statement<'_>>> =
        migrations.iter().map(|migration| script::statements(migration.sql(), dialect)).collect();
    let all: Vec<script::Statement<'_>> = statements.iter().flatten().cloned().collect();
    let mut lasting: Vec<ObjectRef> = script::created(&all, dialect).into_iter().map(|(object, _)| object).collect();
    let mut gone = script::removed(&all, dialect);
    let take = |objects: &mut Vec<ObjectRef>, object: &ObjectRef| {
        let position = objects.iter().position(|known| known == object);
        position.map(|position| objects.remove(position)).is_some()
    };
    let mut found = Vec::new();
    for (of, statements) in statements.iter().enumerate() {
        for (object, _) in script::created(statements, dialect) {
            if take(&mut lasting, &object) {
                found.push(Witness { of, object, created: true });
            }
        }
        for object in script::removed(statements, dialect) {
            if take(&mut gone, &object) {
                found.push(Witness { of, object, created: false });
            }
        }
    }
    found
}

/// An object that is missing although its migration would have created it, or exists although it would have been dropped.
fn finding(migration: &Migration, witness: &Witness) -> Finding {
    let kind = if witness.created { DifferenceKind::Missing } else { DifferenceKind::Extra };
    let source = Source::Named(migration.path.display().to_string());
    let cause = Cause::NotApplied { migration: migration.name.clone(), creates: witness.created };
    Finding {
        difference: Difference::new(Severity::Error, kind, witness.object.clone(), source),
        diagnosis: Diagnosis::new(cause, Remedy::AdoptFewer),
        sql: None,
    }
}
