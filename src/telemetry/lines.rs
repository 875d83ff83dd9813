//! Log lines are queued and written by a thread of their own, so that a request never waits for their reader.
//!
//! Invariants: a line that finds no place in the queue, or cannot be written, is lost and counted; as soon as a line
//! can be written again, the log reports how many are missing.

use std::io::{self, Write};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How many lines may wait to be written, some megabytes.
const QUEUE: usize = 16 * 1024;

/// How long the last lines may take at the end of the process.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Holds the writing thread. When dropped, it writes the queued lines, or gives up if there is no reader.
#[derive(Debug)]
#[must_use = "the last lines are lost unless this is kept until the end"]
pub struct Logging(Option<WorkerGuard>);

impl Drop for Logging {
    fn drop(&mut self) {
        let Some(guard) = self.0.take() else { return };
        let (done, ended) = mpsc::channel();
        // Not on this thread: without a reader, the guard prints that to standard output, which can fail or block in
        // turn.
        let ending = std::thread::Builder::new().spawn(move || {
            drop(guard);
            let _ = done.send(());
        });
        if ending.is_ok() {
            let _ = ended.recv_timeout(LAST_LINES);
        }
    }
}

/// A writer that never blocks and never fails, in front of one that may do both.
pub(super) fn written_elsewhere(to: impl Write + Send + 'static) -> (NonBlocking, Logging) {
    let dropped = Arc::new(OnceLock::new());
    let counting = Counting { to, failed: 0, reported: 0, dropped: Arc::clone(&dropped) };
    let builder = NonBlockingBuilder::default().buffered_lines_limit(QUEUE).lossy(true).thread_name("log");
    let (writer, guard) = builder.finish(counting);
    // It is set only here.
    let _ = dropped.set(writer.error_counter());
    (writer, Logging(Some(guard)))
}

/// Writes lines and counts the lost ones.
struct Counting<W> {
    to: W,
    /// Lines that could not be written.
    failed: usize,
    /// How many of the lost lines were reported in the log.
    reported: usize,
    /// Counts the lines for which the queue had no place.
    dropped: Arc<OnceLock<ErrorCounter>>,
}

impl<W> Counting<W> {
    fn report_lost_lines(&mut self) {
        let dropped = self.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        let lost = self.failed.saturating_add(dropped).saturating_sub(self.reported);
        if lost > 0 {
            self.reported = self.reported.saturating_add(lost);
            tracing::warn!(lines = lost, "log_lines_lost");
        }
    }
}

impl<W: Write> Write for Counting<W> {
    /// Accepts a whole line, whether or not it can be written.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.to.write_all(line) {
            Ok(()) => self.report_lost_lines(),
            Err(_) => self.failed = self.failed.saturating_add(1),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // A failed flush is counted with the next line that fails.
        let _ = self.to.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that reads nothing until it is released.
    struct Stalled(mpsc::Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // It is also released when the sender is dropped.
            let _ = self.0.recv();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_beyond_the_queue_is_dropped_and_blocks_no_writer() {
        let (let_go, stuck) = mpsc::channel();
        let (mut writer, logging) = written_elsewhere(Stalled(stuck));
        let (done, ended) = mpsc::channel();
        std::thread::spawn(move || {
            for _ in 0..2 * QUEUE {
                writer.write_all(b"a line\n").unwrap();
            }
            let _ = done.send(writer.error_counter().dropped_lines());
        });
        let lost = ended.recv_timeout(Duration::from_secs(20));
        drop(let_go);
        drop(logging);
        assert!(lost.is_ok_and(|lost| (QUEUE - 2..=QUEUE).contains(&lost)), "{lost:?}");
    }
}
