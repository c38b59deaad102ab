//! What does not go together with `schemas_from`, and what would go wrong with it.

use std::collections::BTreeSet;

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::config::Mode;
use crate::engines::connect::Target;
use crate::engines::session::Probe;
use crate::formats::Folder;
use crate::migrate::history::History;
use crate::sql::objects;
use crate::startup::setup::Setup;

/// The most names in a warning.
const NAMED: usize = 5;

/// Refuses settings, files and databases that cannot be applied schema by schema.
///
/// # Errors
/// [`Error::Settings`].
pub(crate) fn unsuitable(setup: &Setup, target: &Target) -> Result<(), Error> {
    target.with_schema("", &[])?;
    if setup.settings.mode == Mode::Off {
        return Ok(());
    }
    let settings = &setup.settings;
    let hooks = [("before_migrate", &settings.before_migrate), ("after_migrate", &settings.after_migrate)];
    if let Some((name, _)) = hooks.iter().find(|(_, command)| command.is_some()) {
        return Err(Error::Settings(format!(
            "{name} and schemas_from are set: one command cannot run under the locks of many schemas\n\
             next: run it before or after doorstep, or drop one of the settings"
        )));
    }
    if let Some(command) = setup.hook_commands.shown() {
        return Err(Error::Settings(format!(
            "schemas_from is set, but {command} applies the migrations, and doorstep cannot tell it a schema\n\
             next: let the tool go through the schemas itself, and doorstep only verify: --migrate off"
        )));
    }
    setup.folder.map_or(Ok(()), |folder| unsuitable_folder(setup, &folder))
}

/// The same for a folder: its history must be where its tables are.
fn unsuitable_folder(setup: &Setup, folder: &Folder) -> Result<(), Error> {
    folder.format.own_writer()?;
    let ledger = folder.format.ledger;
    let named = [ledger.place(setup.dialect), ledger.demands_schema()].into_iter().flatten().next();
    match named {
        None => Ok(()),
        Some(schema) => Err(Error::Settings(format!(
            "schemas_from is set, but {} has its history or its tables in the schema {schema}, wherever else it works\n\
             next: take the schema out of history_table and out of the tool's configuration, or choose another format",
            folder.format.tool.name
        ))),
    }
}

/// Refuses to migrate a session that does not create in the schema of its start. The server passes over a schema of the search path
/// that the role may not use, and would create in the next one.
///
/// # Errors
/// [`Error::Statement`] with the GRANT.
pub(crate) fn elsewhere(setup: &Setup, probe: &Probe) -> Result<(), Error> {
    let Some(tenant) = setup.tenant.as_deref().filter(|tenant| probe.current_schema.as_deref() != Some(tenant)) else {
        return Ok(());
    };
    let (schema, role) = (setup.dialect.identifier(tenant), setup.dialect.identifier(&probe.role));
    let (why, remedy) = match probe.missing_schemas.iter().any(|missing| missing == tenant) {
        true => ("it does not exist".to_owned(), "correct its name, or create it: doorstep migrate".to_owned()),
        false => (
            format!(
                "the role {role} may not use it, and would create in {}",
                probe.current_schema.as_deref().unwrap_or("no schema")
            ),
            grant(setup, tenant, &probe.role),
        ),
    };
    let fault = Fault::new(Class::Privilege, why);
    Err(Error::Statement { doing: format!("work on the schema {schema}"), fault, remedy: Some(remedy) })
}

/// The error of a probe that was refused: of one of many schemas, with the GRANT that it needs.
pub(crate) fn unseen(setup: &Setup, last: &Probe, fault: Fault) -> Error {
    let tenant = setup.tenant.as_ref().filter(|_| fault.class == Class::Privilege);
    let remedy = tenant.map(|tenant| grant(setup, tenant, &last.role));
    Error::Statement { doing: "look at the database".to_owned(), fault, remedy }
}

fn grant(setup: &Setup, schema: &str, role: &str) -> String {
    let (schema, role) = (setup.dialect.identifier(schema), setup.dialect.identifier(role));
    format!("let an owner run: GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};")
}

/// Warns of scripts that create objects in a schema which they name: there is one for all, and each schema's run creates it.
pub(crate) fn warn_of_common_objects(history: &History, count: usize) {
    let mut names = BTreeSet::new();
    for migration in &history.migrations {
        let created = objects::created(&migration.script.statements());
        let common = created.into_iter().filter(|(object, lenient)| object.schema.is_some() && !lenient);
        names.extend(common.map(|(object, _)| format!("{} ({})", object, migration.name)));
    }
    if names.is_empty() || count < 2 {
        return;
    }
    let shown: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
    tracing::warn!(
        phase = "migrate",
        event = "common_objects",
        "these names stand with a schema, so that the migrations of every schema create the same object, and all but the first \
         fail: {}{more} (next: write the name without its schema, or IF NOT EXISTS)",
        shown.join(", ")
    );
}
