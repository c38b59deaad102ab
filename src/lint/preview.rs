//! What pending scripts do to the tables that a database has: which statement locks which table, what it does meanwhile, and
//! which sessions are in its way now. Pure functions over lists: `plan` asks the database.

use std::collections::HashMap;
use std::time::Duration;

use crate::catalog::Name;
use crate::engines::peer::Peer;
use crate::engines::table_state::{TableHold, TableSize};
use crate::lint::effects::{self, Known, Lock, Reach, TableLock, Work};
use crate::migrate::strategy::Strategy;
use crate::sql::actions::{Action, ActionKind};
use crate::sql::script::{Script, Statement, summary_of};
use crate::sql::{Dialect, ObjectKind, ObjectRef, TableName};

/// One statement of a pending script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StatementPreview {
    /// The line of its file.
    pub(crate) line: usize,
    /// Its text in one line, without quoted texts.
    pub(crate) text: String,
    /// The transaction that it runs in, counted from 0: a script in one transaction has one.
    pub(crate) step: usize,
    /// What it does to tables that exist before the start.
    pub(crate) touches: Vec<Touch>,
    /// It is not understood, or runs code: which tables it touches is unknown.
    pub(crate) is_opaque: bool,
}

/// What a statement does to one table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    /// The table or index, by the name that it has before the start.
    pub(crate) object: ObjectRef,
    /// What the server knows of it; `None` where it does not exist, or no server was asked.
    pub(crate) size: Option<TableSize>,
    /// The lock, which is kept until the transaction ends.
    pub(crate) lock: Lock,
    /// The work of this statement under it.
    pub(crate) work: Work,
    /// A later statement of the same transaction that works longer, while this lock is kept.
    pub(crate) held: Option<Held>,
}

/// Longer work behind a lock that is taken already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// The line of the statement.
    pub(crate) line: usize,
    /// Its work.
    pub(crate) work: Work,
}

/// A session that a migration would have to wait for, if it ran now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The place of the migration among the pending ones.
    pub(crate) migration: usize,
    /// The line of the statement.
    pub(crate) line: usize,
    /// The table.
    pub(crate) table: Name,
    /// The lock that the statement needs.
    pub(crate) needs: TableLock,
    /// The lock that the session has.
    pub(crate) has: TableLock,
    /// The session.
    pub(crate) peer: Peer,
    /// How long its transaction has been open, where this role may see it.
    pub(crate) since: Option<Duration>,
}

/// The names of tables as pending scripts change them: by the name at the time of a statement, the one before the start; `None`
/// for a table that a pending script creates.
struct Names {
    dialect: Dialect,
    home: String,
    today: HashMap<(String, String), Option<ObjectRef>>,
}

impl Names {
    fn key(&self, object: &ObjectRef) -> (String, String) {
        let object = object.within(&self.home);
        let folded = |name: &str| self.dialect.folded(name).into_owned();
        (folded(object.schema.as_deref().unwrap_or_default()), folded(&object.name))
    }

    /// The object as it is called before the start; `None` where a pending script creates it.
    fn before(&self, object: &ObjectRef) -> Option<ObjectRef> {
        let table = object.of_table().within(&self.home);
        match self.today.get(&self.key(&table)) {
            Some(known) => known.clone(),
            None => Some(table),
        }
    }

    fn follow(&mut self, action: &Action) {
        let Some(object) = &action.object else { return };
        let is_relation = matches!(object.kind, ObjectKind::Table | ObjectKind::View | ObjectKind::Index);
        match &action.kind {
            ActionKind::CreateTable(table) if !table.lenient => self.creates(object),
            ActionKind::CreateTable(_) if self.before(object).is_none() => {}
            ActionKind::CreateView { .. } => self.creates(object),
            ActionKind::CreateIndex(_) => self.creates(&ObjectRef { table: None, ..object.clone() }),
            ActionKind::Rename(new) if is_relation => self.moves(object, new),
            ActionKind::Move(schema) if is_relation => {
                self.moves(object, &ObjectRef { schema: Some(schema.clone()), ..object.clone() });
            }
            _ => {}
        }
    }

    fn creates(&mut self, object: &ObjectRef) {
        self.today.insert(self.key(object), None);
    }

    fn moves(&mut self, from: &ObjectRef, to: &ObjectRef) {
        let before = self.before(from);
        self.today.insert(self.key(to), before);
        // What has the old name from now on is another table.
        self.today.insert(self.key(from), None);
    }
}

/// What each of the pending scripts does, in their order. `known` has what the applied ones did.
pub(crate) fn previews(
    pending: &[(&Script, Strategy<'_>)],
    mut known: Known,
    home: &str,
) -> Vec<Vec<StatementPreview>> {
    let Some(dialect) = pending.first().map(|(script, _)| script.dialect()) else { return Vec::new() };
    let mut names = Names { dialect, home: home.to_owned(), today: HashMap::new() };
    let mut each = Vec::new();
    for (script, strategy) in pending {
        let mut statements: Vec<StatementPreview> = Vec::new();
        for statement in script.statements() {
            let step = step_of(strategy, &statement);
            let found = effects::by_action(&statement, &known);
            statements.push(preview(script, &statement, step, &found, &names));
            for of in &found {
                names.follow(&of.action);
                known.learn(&of.action, dialect);
            }
        }
        hold(&mut statements);
        each.push(statements);
    }
    each
}

/// The transaction of a statement: the number of its step, or 0.
fn step_of(strategy: &Strategy<'_>, statement: &Statement<'_>) -> usize {
    strategy.steps.iter().rposition(|step| step.offset <= statement.offset).unwrap_or_default()
}

fn preview(
    script: &Script,
    statement: &Statement<'_>,
    step: usize,
    found: &[effects::ActionEffects],
    names: &Names,
) -> StatementPreview {
    let mut touches: Vec<Touch> = Vec::new();
    for effect in found.iter().flat_map(|of| &of.effects).filter(|effect| effect.reach == Reach::Itself) {
        let Some(object) = effect.object.as_ref().and_then(|object| names.before(object)) else { continue };
        match touches.iter_mut().find(|touch| touch.object == object) {
            Some(touch) => touch.work = touch.work.max(effect.work),
            None => touches.push(Touch { object, size: None, lock: effect.lock, work: effect.work, held: None }),
        }
    }
    let is_opaque = found.iter().any(|of| {
        matches!(of.action.kind, ActionKind::Unread | ActionKind::Code)
            || of.effects.iter().any(|effect| effect.object.is_none() && effect.lock == Lock::Unknown)
    });
    StatementPreview {
        line: script.line_at(statement.offset),
        text: summary_of(std::slice::from_ref(statement)),
        step,
        touches,
        is_opaque,
    }
}

/// Notes at each lock the longest work that follows in the same transaction.
fn hold(statements: &mut [StatementPreview]) {
    for index in 0..statements.len() {
        let step = statements[index].step;
        let later = statements[index + 1..].iter().take_while(|later| later.step == step);
        let works =
            later.flat_map(|later| later.touches.iter().map(|touch| Held { line: later.line, work: touch.work }));
        // Of equal ones the first.
        let longest = works.reduce(|most, other| if other.work > most.work { other } else { most });
        for touch in &mut statements[index].touches {
            touch.held = longest.filter(|longest| longest.work > touch.work && longest.work > Work::Unknown);
        }
    }
}

/// The names to ask the server about, each once.
pub(crate) fn asked(previews: &[Vec<StatementPreview>]) -> Vec<TableName> {
    let mut names: Vec<TableName> = Vec::new();
    for touch in previews.iter().flatten().flat_map(|statement| &statement.touches) {
        let name = TableName { schema: touch.object.schema.clone(), name: touch.object.name.clone() };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The tables that exist, each once.
pub(crate) fn tables(previews: &[Vec<StatementPreview>]) -> Vec<Name> {
    let touches = previews.iter().flatten().flat_map(|statement| &statement.touches);
    let mut tables: Vec<Name> = touches.filter_map(|touch| Some(touch.size.as_ref()?.table.clone())).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

/// Puts the server's answers for [`asked`] in, and leaves out what does not exist.
pub(crate) fn settle(previews: &mut [Vec<StatementPreview>], sizes: Vec<Option<TableSize>>) {
    let names = asked(previews);
    let answers: HashMap<TableName, Option<TableSize>> = names.into_iter().zip(sizes).collect();
    for statement in previews.iter_mut().flatten() {
        statement.touches.retain_mut(|touch| {
            let name = TableName { schema: touch.object.schema.clone(), name: touch.object.name.clone() };
            touch.size = answers.get(&name).cloned().flatten();
            touch.size.is_some()
        });
    }
}

/// The sessions whose locks the migrations would wait for, the strongest need of each migration and table once.
pub(crate) fn waits(previews: &[Vec<StatementPreview>], holds: &[TableHold]) -> Vec<Wait> {
    let mut waits: Vec<Wait> = Vec::new();
    for (migration, statements) in previews.iter().enumerate() {
        for (line, touch) in statements.iter().flat_map(|it| it.touches.iter().map(|touch| (it.line, touch))) {
            let (Lock::Table(needs), Some(size)) = (touch.lock, &touch.size) else { continue };
            for hold in holds.iter().filter(|hold| hold.table == size.table) {
                let Some(has) = mode(&hold.mode).filter(|has| needs.conflicts_with(*has)) else { continue };
                let is_same = |wait: &&mut Wait| {
                    (wait.migration, &wait.table, &wait.peer.pid) == (migration, &hold.table, &hold.peer.pid)
                };
                match waits.iter_mut().find(is_same) {
                    Some(known) if needs > known.needs => (known.line, known.needs) = (line, needs),
                    Some(known) => known.has = known.has.max(has),
                    None => {
                        let (table, peer, since) = (hold.table.clone(), hold.peer.clone(), hold.since);
                        waits.push(Wait { migration, line, table, needs, has, peer, since });
                    }
                }
            }
        }
    }
    waits
}

/// The mode that `pg_locks` calls so: `AccessShareLock`.
fn mode(name: &str) -> Option<TableLock> {
    let name = name.strip_suffix("Lock")?;
    TableLock::ALL.into_iter().find(|mode| mode.name().replace(' ', "").eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each statement with its touches: `LINE STEP OBJECT LOCK WORK`, then the line of longer work.
    fn told(scripts: &[&str]) -> Vec<String> {
        let scripts: Vec<Script> = scripts.iter().map(|it| Script::new((*it).to_owned(), Dialect::Postgres)).collect();
        let pending: Vec<_> = scripts.iter().map(|script| (script, Strategy::of(script))).collect();
        let line = |statement: &StatementPreview, touch: &Touch| {
            let held = touch.held.map(|held| format!(" until {}", held.line)).unwrap_or_default();
            let Lock::Table(lock) = touch.lock else { panic!("{touch:?}") };
            let (object, lock) = (touch.object.qualified_name(), lock.name());
            format!("{} {} {object} {lock} {:?}{held}", statement.line, statement.step, touch.work)
        };
        let previews = previews(&pending, Known::default(), "public");
        let statements = previews.iter().flatten();
        statements.flat_map(|it| it.touches.iter().map(|touch| line(it, touch)).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn a_lock_is_kept_while_later_statements_of_the_transaction_work() {
        let script = "ALTER TABLE a ADD COLUMN b int;\nUPDATE a SET b = 1;\nCREATE INDEX i ON app.c (x);";
        assert_eq!(
            told(&[script]),
            [
                "1 0 public.a ACCESS EXCLUSIVE None until 3",
                "2 0 public.a ROW EXCLUSIVE Rows until 3",
                "3 0 app.c SHARE IndexBuild"
            ]
        );
        let steps = "ALTER TABLE a ADD COLUMN b int;\nCREATE INDEX CONCURRENTLY i ON a (b);";
        assert_eq!(
            told(&[steps]),
            ["1 0 public.a ACCESS EXCLUSIVE None", "2 1 public.a SHARE UPDATE EXCLUSIVE IndexBuild"]
        );
    }

    #[test]
    fn what_a_pending_script_creates_is_left_out_and_what_it_renames_has_its_old_name() {
        assert_eq!(told(&["CREATE TABLE a (x int);", "CREATE INDEX i ON a (x);"]), Vec::<String>::new());
        let renamed = [
            "ALTER TABLE a RENAME TO b;",
            "ALTER TABLE b ADD COLUMN y int;\nCREATE TABLE a (x int); UPDATE a SET x = 1;",
        ];
        assert_eq!(told(&renamed), ["1 0 public.a ACCESS EXCLUSIVE None", "1 0 public.a ACCESS EXCLUSIVE None"]);
    }

    #[test]
    fn a_migration_waits_for_the_sessions_whose_locks_conflict() {
        let script =
            Script::new("CREATE INDEX i ON a (x);\nALTER TABLE a ADD COLUMN y int;".to_owned(), Dialect::Postgres);
        let mut previews = previews(&[(&script, Strategy::of(&script))], Known::default(), "public");
        let table = Name { schema: "public".to_owned(), name: "a".to_owned() };
        settle(&mut previews, vec![Some(TableSize { table: table.clone(), rows: None, bytes: None })]);
        let hold = |pid: &str, mode: &str| TableHold {
            table: table.clone(),
            mode: mode.to_owned(),
            peer: Peer { pid: pid.to_owned(), ..Peer::default() },
            since: None,
        };
        let holds = [hold("1", "AccessShareLock"), hold("2", "RowExclusiveLock"), hold("3", "SomeNewLock")];
        let waits = waits(&previews, &holds);
        let told: Vec<_> = waits.iter().map(|it| (it.peer.pid.as_str(), it.line, it.needs, it.has)).collect();
        use TableLock::{AccessExclusive, AccessShare, RowExclusive};
        // The strongest need decides: the second statement's.
        assert_eq!(told, [("2", 2, AccessExclusive, RowExclusive), ("1", 2, AccessExclusive, AccessShare)]);
    }
}
