//! Randomness: identifiers, nonces, jitter.

use std::sync::atomic::{AtomicU64, Ordering};

/// A source of unpredictable bytes.
pub trait Ids: Send + Sync + 'static {
    /// 128 random bits, as a version 4 UUID's.
    fn random_id(&self) -> u128;

    /// Fills `bytes` with random bytes, for nonces and keys.
    fn fill(&self, bytes: &mut [u8]);

    /// A number in `0.0..1.0`, for jitter.
    fn fraction(&self) -> f64 {
        let mut bytes = [0_u8; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
    fn random_id(&self) -> u128 {
        uuid::Uuid::new_v4().as_u128()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
    #[expect(
        clippy::expect_used,
        reason = "without randomness no key is safe; stopping is the only right answer"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// Repeatable "randomness" from a seed (SplitMix64): for tests.
#[derive(Debug)]
pub struct SeededIds(AtomicU64);

impl SeededIds {
    /// A source whose whole sequence follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Ids for SeededIds {
    fn random_id(&self) -> u128 {
        (u128::from(self.next()) << 64) | u128::from(self.next())
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
