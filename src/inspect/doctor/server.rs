//! Judges what a server tells about itself: pooler, role, rights, connections, transactions, locks. Pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::base::error::Code;
use crate::base::log::seconds;
use crate::engines::inspector::{
    Connections, GrantedRights, OwnedRights, Pooling, Rights, RoleFacts, TableLocks, Transactions,
};
use crate::engines::peer::Peer;
use crate::engines::trace::Trace;
use crate::inspect::doctor::facts::{Answer, Facts, Refusal};
use crate::inspect::doctor::{Line, Stage};
use crate::sql::Dialect;
use crate::sql::dialect::Accounts;

/// A server with fewer free connections than this part of all is nearly full.
const NEARLY_FULL: u64 = 5;

/// A password that ends to be valid within this many seconds is odd: 14 days.
const SOON: i64 = 14 * 86_400;

/// What migrations need on a database of MySQL or MariaDB.
const PRIVILEGES: [&str; 9] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"];

/// The lines about the server; none for a file.
pub(crate) fn lines(facts: &Facts) -> Vec<Line> {
    if matches!(facts.way, Some(Trace::File(_))) {
        return Vec::new();
    }
    let Facts { server, .. } = facts;
    let database = facts.database.as_ref().ok();
    let dialect = database.map_or(Dialect::Postgres, |database| database.dialect);
    let migrates = database.is_some_and(|database| database.migrates);
    let role = match &facts.login {
        Some(Ok(session)) => session.role.as_str(),
        _ => "",
    };
    let lines = [
        answered(Stage::Pooler, &server.pooling, |pooling| pooler(*pooling, migrates)),
        answered(Stage::Role, &server.role, of_role),
        answered(Stage::Rights, &server.rights, |rights| match rights {
            Rights::Owned(rights) => owned(rights, role, migrates),
            Rights::Granted(rights) => granted(rights, migrates),
        }),
        answered(Stage::Service, &facts.service, service),
        answered(Stage::Connections, &server.connections, connections),
        answered(Stage::Transactions, &server.transactions, |found| transactions(found, (dialect, role))),
        answered(Stage::Locks, &server.table_locks, |locks| table_locks(locks, dialect)),
        answered(Stage::MigrationLock, &server.lock_holder, |holder| migration_lock(holder.as_ref())),
    ];
    lines.into_iter().flatten().collect()
}

/// The line of a question, by what became of it.
pub(super) fn answered<T>(stage: Stage, answer: &Answer<T>, judge: impl FnOnce(&T) -> Line) -> Option<Line> {
    Some(match answer {
        Answer::Told(told) => judge(told),
        Answer::Refused(fault) => {
            Line::unknown(stage, format!("the server does not tell: {fault}")).fact("code", fault.code.as_deref())
        }
        Answer::NotAsked => Line::skipped(stage, "needs a login"),
        Answer::Nothing(Some(why)) => Line::skipped(stage, why),
        Answer::Nothing(None) => return None,
    })
}

fn pooler(pooling: Pooling, migrates: bool) -> Line {
    let (line, mode) = match pooling {
        Pooling::None => (Line::ok(Stage::Pooler, "none: the session has its own backend"), "none"),
        Pooling::OfSessions => (Line::ok(Stage::Pooler, "a pooler in session mode"), "session"),
        Pooling::OfTransactions => {
            let text = "a pooler in transaction mode, where a session lock means nothing";
            let line = match migrates {
                true => Line::broken(Stage::Pooler, text, Code::Settings as u8),
                false => Line::odd(Stage::Pooler, text),
            };
            let next = "give a URL that leads to the server itself as migrate_url (Prisma's directUrl)";
            (line.next(next), "transaction")
        }
    };
    line.fact("mode", mode)
}

fn of_role(role: &RoleFacts) -> Line {
    let attributes = match role.attributes.is_empty() {
        true => String::new(),
        false => format!(": {}", role.attributes.join(", ")),
    };
    let text = format!("{}{attributes}", role.name);
    let line = match &role.expires {
        Some((until, left)) if *left < 0 => Line::odd(Stage::Role, format!("{text}; its password ended at {until}"))
            .next("give it a later VALID UNTIL: the next login by password is refused"),
        Some((until, left)) if *left < SOON => Line::odd(Stage::Role, format!("{text}; its password ends at {until}"))
            .next("give it a later VALID UNTIL, or a new password"),
        Some((until, _)) => Line::ok(Stage::Role, format!("{text}; its password ends at {until}")),
        None => Line::ok(Stage::Role, text),
    };
    let until = role.expires.as_ref().map(|(until, _)| until.as_str());
    line.fact("role", role.name.as_str()).fact("attributes", role.attributes.clone()).fact("valid_until", until)
}

/// Rights on schemas, and who owns what is in them.
fn owned(rights: &OwnedRights, role: &str, migrates: bool) -> Line {
    let role = Dialect::Postgres.identifier(role);
    let (mut has, mut lacks, mut grants) = (Vec::new(), Vec::new(), Vec::new());
    for schema in &rights.schemas {
        let (plain, name) = (&schema.name, Dialect::Postgres.identifier(&schema.name));
        match (schema.exists, schema.may_use && schema.may_create) {
            (true, true) => has.push(format!("create in {plain}")),
            (true, false) => {
                let right = if schema.may_use { "CREATE" } else { "USAGE, CREATE" };
                lacks.push(format!("no {right} on the schema {plain}"));
                grants.push(format!("GRANT {right} ON SCHEMA {name} TO {role};"));
            }
            (false, _) if rights.may_create_schemas => has.push(format!("create the schema {plain}, which is missing")),
            (false, _) => {
                lacks.push(format!("the schema {plain} is missing, and no CREATE on the database"));
                grants.push(format!("CREATE SCHEMA {name} AUTHORIZATION {role};"));
            }
        }
    }
    if rights.may_create_schemas {
        has.push("create schemas".to_owned());
    }
    let mut text = lacks.join("\n");
    if lacks.is_empty() {
        text = format!("may {}", if has.is_empty() { "nothing that was asked".to_owned() } else { has.join(", ") });
    }
    let others: Vec<String> =
        rights.tables_of_others.iter().map(|(table, owner)| format!("{table} ({owner})")).collect();
    if !others.is_empty() {
        let count = rights.count_of_others;
        let _ =
            write!(text, "\nnot the owner, so that ALTER TABLE is refused: {count} tables, e.g. {}", others.join(", "));
    }
    let owner = rights.tables_of_others.first().map(|(_, owner)| Dialect::Postgres.identifier(owner));
    let line = match (lacks.is_empty(), owner) {
        (false, _) if migrates => Line::broken(Stage::Rights, text, Code::Permission as u8)
            .next(format!("let the owner or an administrator run: {}", grants.join(" "))),
        (false, _) => Line::ok(Stage::Rights, format!("{text}; none is needed, as another process migrates")),
        (true, Some(owner)) if migrates => Line::odd(Stage::Rights, text).next(format!(
            "let an administrator run: GRANT {owner} TO {role}; or log in as the owner (migrate_url, migrate_role)"
        )),
        (true, _) => Line::ok(Stage::Rights, text),
    };
    line.fact("missing", lacks).fact("tables_of_others", rights.count_of_others)
}

/// Privileges on a database.
fn granted(rights: &GrantedRights, migrates: bool) -> Line {
    let GrantedRights { account, database, privileges, has_role } = rights;
    let lacks = PRIVILEGES.iter().filter(|needed| !privileges.iter().any(|it| it.eq_ignore_ascii_case(needed)));
    let lacks: Vec<&str> = lacks.copied().collect();
    let place = Dialect::Mysql.identifier(database);
    let line = match (lacks.is_empty(), migrates) {
        (true, _) => Line::ok(Stage::Rights, format!("all that migrations need on {place}")),
        (false, _) if *has_role => Line::unknown(
            Stage::Rights,
            format!("{} on {place} may come from the active role, whose privileges are not visible", lacks.join(", ")),
        ),
        (false, true) => {
            let text = format!("no {} on {place} (or only on some of its tables)", lacks.join(", "));
            Line::broken(Stage::Rights, text, Code::Permission as u8)
                .next(format!("let an administrator run: GRANT {} ON {place}.* TO {account};", lacks.join(", ")))
        }
        (false, false) => Line::ok(
            Stage::Rights,
            format!("no {} on {place}; none is needed, as another process migrates", lacks.join(", ")),
        ),
    };
    line.fact("missing", lacks)
}

fn service(service: &Result<String, Refusal>) -> Line {
    match service {
        Ok(role) => Line::ok(Stage::Service, format!("logs in as {role}")).fact("role", role.as_str()),
        Err(Refusal { fault, remedy, code }) => {
            let line = Line::broken(Stage::Service, format!("cannot log in: {fault}"), *code);
            remedy.iter().fold(line, |line, remedy| line.next(remedy)).fact("code", fault.code.as_deref())
        }
    }
}

fn connections(connections: &Connections) -> Line {
    let Connections { used, limit, reserved, of_role, of_database } = connections;
    let open = limit.saturating_sub(*reserved);
    let mut text = format!("{used} of {open} in use");
    if *reserved > 0 {
        let _ = write!(text, ", and {reserved} more for administrators");
    }
    let is_tight = |used: u64, limit: u64| limit.saturating_sub(used) * NEARLY_FULL < limit;
    let mut tight = is_tight(*used, open);
    for (what, limited) in [("role", of_role), ("database", of_database)] {
        if let Some((used, limit)) = limited {
            let _ = write!(text, "; of this {what} {used} of {limit}");
            tight |= is_tight(*used, *limit);
        }
    }
    let line = match tight {
        true => Line::odd(Stage::Connections, text)
            .next("end idle sessions, put a pooler before the service, or raise the limit"),
        false => Line::ok(Stage::Connections, text),
    };
    line.fact("used", *used).fact("limit", *limit).fact("reserved", *reserved)
}

fn transactions(found: &Transactions, (dialect, role): (Dialect, &str)) -> Line {
    let Transactions { least, long, prepared, hidden } = found;
    let mut texts: Vec<String> = long.iter().map(|(peer, age)| format!("open for {}: {peer}", seconds(*age))).collect();
    texts.extend(prepared.iter().map(|(id, age)| format!("prepared {} ago: {id}", seconds(*age))));
    let unseen = match hidden {
        0 => None,
        count => Some(format!("{count} sessions of other roles do not show since when their transactions are open")),
    };
    let is_any = !texts.is_empty();
    texts.extend(unseen.clone());
    let text = texts.join("\n");
    let ends = match dialect.rules().accounts {
        Accounts::Hosts => "KILL ID ends a session",
        _ => "SELECT pg_terminate_backend(PID) ends a session, ROLLBACK PREPARED a prepared transaction",
    };
    let line = match (is_any, unseen) {
        (true, _) => Line::odd(Stage::Transactions, text)
            .next(format!("let them end: a migration of a table that they have used waits for them ({ends})")),
        (false, Some(_)) => Line::unknown(Stage::Transactions, text).next(format!(
            "let an administrator run: GRANT pg_read_all_stats TO {};",
            Dialect::Postgres.identifier(role)
        )),
        (false, None) => Line::ok(Stage::Transactions, format!("none is open for {} or longer", seconds(*least))),
    };
    let told: Vec<Value> =
        long.iter().map(|(peer, age)| json!({ "pid": peer.pid, "seconds": age.as_secs() })).collect();
    line.fact("long", told).fact("prepared", prepared.len()).fact("hidden", *hidden)
}

fn table_locks(locks: &TableLocks, dialect: Dialect) -> Line {
    let held = locks.held.iter().map(|lock| format!("{} on {}: {}", lock.mode, lock.table, lock.holder));
    let waiting = locks.waiting.iter().map(|(peer, blockers)| match blockers.as_str() {
        "" => format!("waits for a lock: {peer}"),
        blockers => format!("waits for pid {blockers}: {peer}"),
    });
    let texts: Vec<String> = held.chain(waiting).collect();
    let line = match (texts.is_empty(), dialect.rules().accounts) {
        (true, Accounts::Hosts) => {
            Line::ok(Stage::Locks, "no session waits for a lock (who holds one is not asked here)")
        }
        (true, _) => Line::ok(Stage::Locks, "none that excludes a migration of the service's tables"),
        (false, _) => Line::odd(Stage::Locks, texts.join("\n"))
            .next("a migration of these tables waits for them: let them end, or look at what they do"),
    };
    let told: Vec<Value> = (locks.held.iter())
        .map(|lock| json!({ "pid": lock.holder.pid, "table": lock.table, "mode": lock.mode }))
        .collect();
    line.fact("held", told).fact("waiting", locks.waiting.len())
}

fn migration_lock(holder: Option<&Peer>) -> Line {
    match holder {
        None => Line::ok(Stage::MigrationLock, "free").fact("held", false),
        Some(peer) => Line::odd(Stage::MigrationLock, format!("held by {peer}"))
            .next("another process migrates; if it should have ended, end its session")
            .fact("held", true)
            .fact("pid", peer.pid.as_str()),
    }
}

#[cfg(test)]
mod tests;
