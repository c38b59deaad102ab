//! Work on many items at once.

use std::num::NonZero;
use std::thread;

/// How many items are worth a thread of their own: to begin one takes as long as to read a few files.
const WORTH: usize = 150;

/// How many threads work at most: they share the one heap of the process.
const MOST: usize = 4;

/// What `work` gives for each item, in their order; many items are worked on by as many threads as there are processors, which have
/// ended when this returns.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let all_of = |items: &[T]| -> Vec<R> { items.iter().map(&work).collect() };
    let threads = (items.len() / WORTH).min(MOST);
    if threads < 2 {
        return all_of(items);
    }
    // The limit of a container counts, too (`available_parallelism`).
    let threads = threads.min(thread::available_parallelism().map_or(1, NonZero::get));
    let (own, others) = items.split_at(items.len().div_ceil(threads));
    thread::scope(|scope| {
        let others: Vec<_> = others.chunks(own.len()).map(|items| (items, scope.spawn(|| all_of(items)))).collect();
        let mut results = all_of(own);
        for (items, thread) in others {
            // A panic ends the process, so that no thread gives an error.
            results.extend(thread.join().unwrap_or_else(|_| all_of(items)));
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_have_the_order_of_the_items() {
        for count in [0, 1, WORTH, 2 * WORTH, 2 * WORTH + 1, 3 * WORTH - 1, 5 * WORTH + 7] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(map(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
