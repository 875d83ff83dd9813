//! The ids of the objects that this emulator makes: `pi_…`, `spt_…`, `ch_…`, `req_…`.
//!
//! Must not import anything else of the emulator. Invariant: an id is never given twice by one emulator, and two
//! emulators that run at the same time on one machine never give the same one.

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const COUNTER_DIGITS: usize = 8;

/// A counter behind a prefix that only this emulator has.
#[derive(Debug)]
pub(crate) struct IdSource {
    prefix: String,
    given: u64,
}

impl IdSource {
    /// The ids of the emulator that was started at this millisecond on this port.
    pub(crate) fn new(started_millis: u64, port: u16) -> Self {
        let started = base36(started_millis, 9);
        let port = base36(u64::from(port), 4);
        Self { prefix: format!("{started}{port}"), given: 0 }
    }

    /// The next id of a kind, such as `pi`.
    pub(crate) fn next(&mut self, kind: &str) -> String {
        self.given += 1;
        format!("{kind}_3E{}{}", self.prefix, base36(self.given, COUNTER_DIGITS))
    }
}

fn base36(number: u64, least_digits: usize) -> String {
    let mut digits = Vec::new();
    let mut rest = number;
    while rest > 0 || digits.len() < least_digits {
        let index = usize::try_from(rest % 36).unwrap_or_default();
        digits.push(char::from(ALPHABET[index]));
        rest /= 36;
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_within_and_between_emulators() {
        let mut here = IdSource::new(1_790_000_000_000, 4000);
        let mut there = IdSource::new(1_790_000_000_000, 4001);
        let ids = [here.next("pi"), here.next("pi"), there.next("pi")];
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
        assert!(ids.iter().all(|id| id.starts_with("pi_3E") && id.len() == 26), "{ids:?}");
    }
}
