//! What earlier tries of a `CREATE INDEX CONCURRENTLY` without a name have left. The server names such an index, so its name
//! does not tell whether it is there: judged is every index of the table that the server has named, by the moment when it was
//! made and by its definition. The decision is a pure function.

use crate::base::fault::{Class, Fault};
use crate::base::signal::Stop;
use crate::engines::peer::Peer;
use crate::engines::session::{Session, TableIndex};
use crate::migrate::execute;
use crate::migrate::invalid_index::Blocked;
use crate::sql::ObjectRef;
use crate::sql::unnamed_build::{self, UnnamedBuild};

/// A statement that builds an index without a name, and what is known about earlier tries of it.
pub(crate) struct Builds {
    /// The statement.
    pub build: UnnamedBuild,
    /// The migration's row of the history, which was written before the statement began.
    pub since: String,
    /// The migration has earlier rows, whose tries may have left an index too.
    pub has_earlier_rows: bool,
}

/// What earlier tries have left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// No index of this row's.
    Nothing,
    /// The index: the statement is done.
    Built(ObjectRef),
    /// An INVALID index.
    Interrupted(ObjectRef),
    /// Another session builds such an index.
    Held(ObjectRef, Peer),
    /// One of these may be it.
    Unclear(Vec<TableIndex>),
}

/// What [`Builds::look`] found.
pub(crate) struct Found {
    /// Of earlier tries.
    pub earlier: Earlier,
    /// INVALID ones of the same definition that were there before.
    pub others: Vec<ObjectRef>,
    /// Why definitions could not be compared, if they could not.
    pub unread: Option<Fault>,
}

/// Judges the indexes of the same definition, or of any where `definition` is not known.
fn judge(named: Vec<TableIndex>, definition: Option<&str>, has_earlier_rows: bool) -> (Earlier, Vec<ObjectRef>) {
    let is_same = |index: &TableIndex| definition.is_none_or(|definition| index.definition == definition);
    let same: Vec<TableIndex> = named.into_iter().filter(is_same).collect();
    if let Some(held) = same.iter().find(|index| !index.is_valid && index.holder.is_some()) {
        let peer = held.holder.clone().unwrap_or_default();
        return (Earlier::Held(held.index.clone(), peer), Vec::new());
    }
    let (new, old): (Vec<TableIndex>, Vec<TableIndex>) = same.into_iter().partition(|index| index.is_newer);
    if has_earlier_rows && !old.is_empty() {
        return (Earlier::Unclear(new.into_iter().chain(old).collect()), Vec::new());
    }
    let others = old.into_iter().map(|index| index.index).collect();
    let is_certain = definition.is_some();
    let earlier = match new.as_slice() {
        [] => Earlier::Nothing,
        [first, ..] if is_certain && new.iter().all(|index| index.is_valid) => Earlier::Built(first.index.clone()),
        [only] if is_certain => Earlier::Interrupted(only.index.clone()),
        _ => Earlier::Unclear(new),
    };
    // Without their definitions, they may have nothing to do with the statement.
    (earlier, if is_certain { others } else { Vec::new() })
}

impl Builds {
    /// Looks for what earlier tries have left.
    pub(crate) async fn look(&self, session: &mut dyn Session, stop: &Stop) -> Result<Found, Blocked> {
        let failed = |fault| Blocked::Statement { doing: format!("look for indexes of {}", self.build.table), fault };
        let mut indexes = session.table_indexes(&self.build.table, &self.since).await.map_err(failed)?;
        indexes.retain(|it| {
            let table = it.index.table.as_deref().unwrap_or_default();
            unnamed_build::is_chosen_name(table, &it.columns, &it.index.name)
        });
        let Some(first) = indexes.first() else {
            return Ok(Found { earlier: Earlier::Nothing, others: Vec::new(), unread: None });
        };
        let table = first.index.of_table();
        // It may have to wait for a lock on the table.
        let cancel = session.canceller();
        let asked = Box::pin(session.index_definition(&self.build, &table));
        let (definition, unread) = match execute::own(cancel, asked, stop).await {
            Ok(definition) => (definition, None),
            Err(fault) if passes(&fault) => return Err(failed(fault)),
            Err(fault) => (None, Some(fault)),
        };
        let (earlier, others) = judge(indexes, definition.as_deref(), self.has_earlier_rows);
        Ok(Found { earlier, others, unread })
    }
}

/// Another look may succeed.
fn passes(fault: &Fault) -> bool {
    let of_moment = matches!(fault.class, Class::LockTimeout | Class::Cancelled | Class::Limit(_));
    of_moment || fault.class.is_transient()
}

/// The report of indexes of which one may be the statement's.
pub(crate) fn unclear(
    table: &ObjectRef,
    session: &dyn Session,
    indexes: &[TableIndex],
    unread: Option<&Fault>,
) -> String {
    let line = |it: &TableIndex| {
        let state = if it.is_valid { "valid" } else { "INVALID" };
        let since = if it.is_newer { "made since the migration began" } else { "made before" };
        format!("\n  {}: {state}, {since}", it.index.qualified_name())
    };
    let lines: String = indexes.iter().map(line).collect();
    let why = unread.map_or_else(String::new, |fault| format!("\ntheir definitions could not be compared: {fault}"));
    let is_in_doubt = |it: &&TableIndex| !it.is_valid || unread.is_some();
    let command = |it: &TableIndex| {
        let name = it.index.relation(session.dialect());
        let keep =
            if it.is_valid { format!("   (or keep it: ALTER INDEX {name} RENAME TO …;)") } else { String::new() };
        format!("\n  DROP INDEX CONCURRENTLY {name};{keep}")
    };
    let commands: String = indexes.iter().filter(is_in_doubt).map(command).collect();
    format!(
        "the statement builds an index without a name, and it cannot be told which index of {table} an earlier try of it \
         has left:{lines}{why}\n\
         next: drop these, unless a session builds one of them, and start again: it goes on with this statement{commands}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ObjectKind;

    fn index(name: &str, (is_valid, is_newer): (bool, bool), definition: &str) -> TableIndex {
        TableIndex {
            index: ObjectRef::new(ObjectKind::Table, Some("app".to_owned()), "t").part(ObjectKind::Index, name),
            columns: vec!["a".to_owned()],
            is_valid,
            is_newer,
            definition: definition.to_owned(),
            holder: None,
        }
    }

    /// What is concluded, with the names that it is about.
    fn of(indexes: Vec<TableIndex>, definition: Option<&str>, has_earlier_rows: bool) -> (String, usize) {
        let (earlier, others) = judge(indexes, definition, has_earlier_rows);
        let text = match earlier {
            Earlier::Nothing => "nothing".to_owned(),
            Earlier::Built(index) => format!("built {}", index.name),
            Earlier::Interrupted(index) => format!("interrupted {}", index.name),
            Earlier::Held(index, _) => format!("held {}", index.name),
            Earlier::Unclear(indexes) => {
                let names: Vec<&str> = indexes.iter().map(|it| it.index.name.as_str()).collect();
                format!("unclear {}", names.join(" "))
            }
        };
        (text, others.len())
    }

    #[test]
    fn an_index_is_known_by_its_definition_and_its_age_or_it_is_unclear() {
        let (new, old, valid) = ((false, true), (false, false), (true, true));
        for (indexes, has_earlier_rows, expected) in [
            (vec![], true, ("nothing", 0)),
            (vec![index("i", new, "a")], false, ("interrupted i", 0)),
            (vec![index("i", new, "a")], true, ("interrupted i", 0)),
            (vec![index("i", valid, "a")], false, ("built i", 0)),
            (vec![index("i", new, "b"), index("j", valid, "b")], false, ("nothing", 0)),
            (vec![index("i", new, "b"), index("j", new, "a")], false, ("interrupted j", 0)),
            (vec![index("i", new, "a"), index("j", new, "a")], false, ("unclear i j", 0)),
            (vec![index("i", new, "a"), index("j", valid, "a")], false, ("unclear i j", 0)),
            (vec![index("i", old, "a"), index("j", new, "a")], false, ("interrupted j", 1)),
            (vec![index("i", old, "a")], false, ("nothing", 1)),
            (vec![index("i", old, "a")], true, ("unclear i", 0)),
            (vec![index("i", old, "b")], true, ("nothing", 0)),
        ] {
            let (text, others) = expected;
            let shown = format!("{indexes:?}");
            assert_eq!(of(indexes, Some("a"), has_earlier_rows), (text.to_owned(), others), "{shown}");
        }
        assert_eq!(of(vec![index("i", new, "a")], None, false), ("unclear i".to_owned(), 0));
        assert_eq!(of(vec![index("i", valid, "a")], None, false), ("unclear i".to_owned(), 0));
        assert_eq!(of(vec![index("i", old, "a")], None, false), ("nothing".to_owned(), 0));
        let held = TableIndex { holder: Some(Peer::default()), ..index("i", old, "a") };
        assert_eq!(of(vec![held], Some("a"), false), ("held i".to_owned(), 0));
    }
}
