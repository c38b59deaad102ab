//! Black-box tests: the real binary against real databases. Run them with `scripts/test`.

// In a test a panic is the report.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stderr)]

mod support;

/// One scenario on every engine: what makes engines equal.
mod contract;

/// Step 1: every class of connection error, against something real.
mod wait;

/// Step 2: schemas and the privileges they need.
mod schemas;

/// Step 3: Prisma's folder, history and lock on PostgreSQL.
mod migrate;

/// Plain SQL: a folder of numbered files, and doorstep's own history.
mod sql_folder;

/// Another tool that migrates under doorstep's lock.
mod delegate;

/// Commands before and after migrations.
mod hooks;

/// The real Alembic.
mod alembic;

/// The real Django.
mod django;

/// Beside the real Prisma: each goes on where the other stopped.
mod interchange;

/// Gates, rows and backends for the five that follow.
mod scene;

/// What a crash leaves, and what the next start makes of it.
mod recovery;

/// Statements that refuse a transaction.
mod steps;

/// What people see of the history, and do to it.
mod repair;

/// The whole folder on a throwaway database.
mod replay;

/// Locks that explain themselves.
mod locks;

/// Terminals, and the termination log.
mod terminal;

/// Mixed files, their settings, and what happens on the way.
mod settings_kept;

/// What a review found, and what must never come back.
mod hardened;

/// Scripts that leave a mess.
mod hygiene;

/// The Prisma Schema Language, against Prisma's own verdicts.
mod psl;

/// What holds for every text.
mod properties;

/// Texts that were chosen to hurt.
mod hostile;

/// Step 4: required tables.
mod verify;

/// Step 4: the Prisma schema, at a start.
mod verified_start;

/// The forms in which verify tells what it found.
mod forms;

/// Why something is missing, and what to do about it.
mod causes;
/// The probe.
mod check;
/// What doorstep.toml requires.
mod require;

/// What is read from a database.
mod catalogs;

/// What a schema file expects, against what a database holds.
mod drift;

/// The command that tells what differs.
mod diff;

/// The SQL that closes the gap, against Prisma's own scripts and a real server.
mod gap;

/// A catalog as a file.
mod snapshot;

/// Step 5: what the service finds when it wakes up.
mod exec;

/// SIGTERM and SIGINT at any moment, as PID 1 too.
mod signals;

/// Staying beside the service, as tini does.
mod init;

/// The port that tells the phase.
mod health;

/// Several replicas at once.
mod replicas;

/// Kill -9 at random moments, of doorstep and of the server.
mod crashes;

/// What sqlx leaves open: URLs, hosts, PgBouncer, COPY, time zones, round trips.
mod driver;

/// sslmode as libpq means it.
mod tls;

/// Names that musl's resolver fails on.
mod dns;

/// Flags, environment, file; secrets.
mod settings;

/// Every row of the exit-code table.
mod exit_codes;

/// YAML files, as plain values.
mod yaml;

/// Values held against an OpenAPI document.
mod openapi;

/// The manifests of deploy/kubernetes, as the API server sees them.
mod kubernetes;

/// The same manifests, as a kubelet runs them.
mod pod;

/// The workflows of GitHub, step by step.
mod workflows;

/// The examples, each from its first line to its last.
mod examples;

/// The repository itself: layers, help, documentation.
mod tidy;
