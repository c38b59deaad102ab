//! The graph of revisions: what a revision stands for, and in which order they apply.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
        if known.insert(name.clone()) {
            open.extend(stands_for(&name).iter().filter(|name| !known.contains(*name)).cloned());
        }
    }
    known
}

/// Each after those it follows, otherwise by file name; or the name of one that follows itself.
pub(crate) fn in_order<'a>(
    revisions: &'a [Revision],
    follows: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<&'a Revision>, String> {
    let ids: Vec<&str> = revisions.iter().map(|revision| revision.id.as_str()).collect();
    let before = |id: &str| follows.get(id).map(Vec::as_slice).unwrap_or_default();
    match by_levels(&ids, before) {
        Ok(order) => Ok(order.into_iter().map(|place| &revisions[place]).collect()),
        Err(place) => Err(revisions[place].id.clone()),
    }
}

/// The places of the names, level by level: those that follow none of the others, those that follow only these, and so
/// on, each level in the order of the list. The place of the first that never gets its turn, if there is one.
///
/// Asks once for what each name follows: a project has one long chain, so that there are as many levels as names.
pub(crate) fn by_levels<'a>(names: &[&str], before: impl Fn(&str) -> &'a [String]) -> Result<Vec<usize>, usize> {
    let places: HashMap<&str, usize> = names.iter().enumerate().map(|(place, name)| (*name, place)).collect();
    let mut waits_for = vec![0_usize; names.len()];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
    for (place, name) in names.iter().enumerate() {
        for other in before(name).iter().filter_map(|other| places.get(other.as_str())) {
            waits_for[place] += 1;
            followers[*other].push(place);
        }
    }
    let mut order = Vec::with_capacity(names.len());
    let mut ready: Vec<usize> = (0..names.len()).filter(|place| waits_for[*place] == 0).collect();
    while !ready.is_empty() {
        let mut next = Vec::new();
        for follower in ready.iter().flat_map(|place| &followers[*place]) {
            waits_for[*follower] -= 1;
            if waits_for[*follower] == 0 {
                next.push(*follower);
            }
        }
        next.sort_unstable();
        order.append(&mut ready);
        ready = next;
    }
    match waits_for.iter().position(|count| *count > 0) {
        Some(place) => Err(place),
        None => Ok(order),
    }
}
