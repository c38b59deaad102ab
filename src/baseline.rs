//! `baseline`: adopts a database that has the tables but no history. A migration is recorded as applied only
//! where all that it creates is there; nothing is taken on trust, and none of its SQL runs.

use std::fmt;

use serde::Serialize;

use crate::engine::{Session, Survey, Trace};
use crate::error::Error;
use crate::history::History;
use crate::migration::Migration;
use crate::script::{self, Object};
use crate::verify::{Difference, Finding, Severity};

/// What was recorded, for `--format json`.
#[derive(Debug, Serialize)]
pub struct Baseline {
    /// The migrations that are recorded as applied now, and how many objects vouch for each.
    pub adopted: Vec<Adopted>,
}

/// One migration that is recorded as applied now.
#[derive(Debug, Serialize)]
pub struct Adopted {
    /// Its name.
    pub name: String,
    /// Number of objects that it creates, that are still wanted, and that are there.
    pub objects: usize,
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Adopted { name, objects } in &self.adopted {
            let witness = match objects {
                0 => "what came after it vouches for it".to_owned(),
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
pub async fn adopt(
    history: &mut History,
    session: &mut dyn Session,
    survey: &Survey,
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
    let created = lasting(&migrations, history);
    let objects: Vec<Object> = created.iter().map(|(_, object)| object.clone()).collect();
    if objects.is_empty() {
        return Err(Error::History(format!(
            "nothing in {} creates an object that could be looked for, so nothing vouches for it\n\
             next: if you know that they are applied: doorstep resolve --applied NAME for each",
            history.folder.path.display()
        )));
    }
    let traces = session.traces(&objects, None).await;
    let traces = traces.map_err(Error::statement("look for what the migrations create"))?;
    let missing = created.iter().zip(&traces).filter(|(_, trace)| matches!(trace, Trace::Absent | Trace::Invalid));
    let findings: Vec<Finding> = missing.map(|((index, object), _)| finding(migrations[*index], object)).collect();
    if !findings.is_empty() {
        return Err(Error::Differences(findings));
    }
    // One that creates nothing is vouched for by those that came after it, so the last of them are not.
    let vouched = created.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
    for migration in &migrations[vouched..] {
        let name = &migration.name;
        tracing::warn!(
            phase = "baseline",
            event = "unproven",
            "nothing vouches for {name}, so it stays pending (if it did run: doorstep resolve --applied {name})"
        );
    }
    let adopted = migrations[..vouched].iter().enumerate().map(|(index, migration)| Adopted {
        name: migration.name.clone(),
        objects: created.iter().filter(|(of, _)| *of == index).count(),
    });
    let adopted: Vec<Adopted> = adopted.collect();
    let (format, dialect) = (history.format, history.dialect);
    let migrations: Vec<Migration> = migrations[..vouched].iter().copied().cloned().collect();
    let table = history.ensure_table(session, survey, None).await?;
    let rows = migrations.iter().map(|it| format.adopt(dialect, &table, &format.new_id(false), it));
    let doing = Error::statement("record what is applied");
    session.execute(rows.collect::<Vec<_>>().join("; ")).await.map_err(doing)?;
    Ok(Baseline { adopted })
}

fn chosen<'a>(history: &'a History, through: Option<&str>) -> Result<Vec<&'a Migration>, Error> {
    let all = &history.migrations;
    let end = match through {
        None => all.len(),
        Some(name) => match all.iter().position(|migration| migration.name == name) {
            Some(position) => position + 1,
            None => {
                let folder = history.folder.path.display();
                return Err(Error::History(format!("there is no migration {name} in {folder}")));
            }
        },
    };
    match all[..end].iter().find_map(|migration| migration.unreadable.clone()) {
        Some(why) => Err(Error::History(why)),
        None => Ok(all[..end].iter().collect()),
    }
}

/// What the migrations create and no later one of them drops or renames, each with the index of its migration.
fn lasting(migrations: &[&Migration], history: &History) -> Vec<(usize, Object)> {
    let statements: Vec<Vec<script::Statement<'_>>> =
        migrations.iter().map(|migration| script::statements(migration.sql(), history.dialect)).collect();
    let all: Vec<script::Statement<'_>> = statements.iter().flatten().cloned().collect();
    let mut lasting: Vec<Object> =
        script::created(&all, history.dialect).into_iter().map(|(object, _)| object).collect();
    let mut found = Vec::new();
    for (index, statements) in statements.iter().enumerate() {
        for (object, _) in script::created(statements, history.dialect) {
            if let Some(position) = lasting.iter().position(|known| *known == object) {
                lasting.remove(position);
                found.push((index, object));
            }
        }
    }
    found
}

fn finding(migration: &Migration, object: &Object) -> Finding {
    Finding {
        severity: Severity::Error,
        kind: Difference::Missing,
        object: object.to_string(),
        source: migration.path.display().to_string(),
        cause: Some(format!("{} creates it, so that was not applied here as it is", migration.name)),
        remedy: Some("adopt up to the migration before it (--through NAME); later ones are applied".to_owned()),
    }
}
