//! The same work for many things, on every core.
//!
//! Must not import anything of this crate but `ports`.

use std::num::NonZero;
use std::thread;

use crate::ports::lower_thread_priority;

/// Below this many things, one thread is as fast.
const WORTH_A_THREAD: usize = 64;

/// The results of some work for each thing, in their order. It may block, and gives way to the threads that answer requests.
pub(crate) fn in_parallel<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if things.len() <= WORTH_A_THREAD {
        return things.iter().map(work).collect();
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = things.len().div_ceil(cores).max(WORTH_A_THREAD);
    let work = &work;
    thread::scope(|scope| {
        let begun: Vec<_> = things
            .chunks(share)
            .map(|share| {
                scope.spawn(move || {
                    lower_thread_priority();
                    share.iter().map(work).collect::<Vec<R>>()
                })
            })
            .collect();
        let mut results = Vec::with_capacity(things.len());
        for share in begun {
            match share.join() {
                Ok(found) => results.extend(found),
                Err(panicked) => std::panic::resume_unwind(panicked),
            }
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_their_things() {
        for count in [0, 1, 63, 64, 65, 1000] {
            let things: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = things.iter().map(|thing| thing * 2).collect();
            assert_eq!(in_parallel(&things, |thing| thing * 2), doubled);
        }
    }
}
