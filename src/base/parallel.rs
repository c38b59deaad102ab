//! Work on many items at once.

use std::panic::resume_unwind;
use std::thread;

/// How many items are worth a second thread: to begin one takes as long as to read a few files.
const MANY: usize = 300;

/// What `work` gives for each item, in their order. A second thread works on the second half of many items, and has ended when this
/// returns; more would wait for each other, because they share the one heap of the process.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let all_of = |items: &[T]| -> Vec<R> { items.iter().map(&work).collect() };
    if items.len() < MANY {
        return all_of(items);
    }
    let (first, second) = items.split_at(items.len() / 2);
    thread::scope(|scope| {
        let thread = scope.spawn(|| all_of(second));
        let mut results = all_of(first);
        results.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_have_the_order_of_the_items() {
        for count in [0, 1, MANY - 1, MANY, MANY + 1] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(map(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
