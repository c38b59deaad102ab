//! The graph of revisions: what a revision stands for, and in which order they apply.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// One revision, as its file has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Revision {
    pub id: String,
    pub path: PathBuf,
    pub text: String,
    pub down: Vec<String>,
    pub labels: Vec<String>,
    pub depends: Vec<String>,
}

/// A name, and all that it stands for.
pub(crate) fn closure<'a>(name: &str, stands_for: impl Fn(&str) -> &'a [String]) -> BTreeSet<String> {
    let (mut known, mut open) = (BTreeSet::new(), vec![name.to_owned()]);
    while let Some(name) = open.pop() {
        open.extend(stands_for(&name).iter().filter(|name| !known.contains(*name)).cloned());
        known.insert(name);
    }
    known
}

/// Each after those it follows, otherwise by file name; or the name of one that follows itself.
pub(crate) fn in_order<'a>(
    revisions: &'a [Revision],
    follows: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<&'a Revision>, String> {
    let mut open: Vec<&Revision> = revisions.iter().collect();
    let mut order: Vec<&Revision> = Vec::new();
    while !open.is_empty() {
        let waits = |revision: &&Revision| {
            let before = follows.get(&revision.id).map(Vec::as_slice).unwrap_or_default();
            before.iter().any(|id| open.iter().any(|other| other.id == *id))
        };
        let (later, ready): (Vec<&Revision>, Vec<&Revision>) = open.iter().partition(|revision| waits(revision));
        if ready.is_empty() {
            return Err(later.first().map_or_else(String::new, |revision| revision.id.clone()));
        }
        order.extend(ready);
        open = later;
    }
    Ok(order)
}
