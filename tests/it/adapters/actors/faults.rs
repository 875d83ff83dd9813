//! What goes wrong in a history and how long things take, by one seed; and all that is written down of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::ports::{Clock, Ids, SeededIds};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use test_support::chance::Chance;

/// Until when things go wrong.
const TROUBLE: Duration = Duration::from_mins(3);

pub type Counts = BTreeMap<&'static str, u64>;

pub struct FaultSchedule(Mutex<FaultState>);

struct FaultState {
    chance: Chance,
    /// How bad it is; `None` where only the script counts, and nothing else takes time.
    fault: Option<u64>,
    began: Instant,
    script: Script,
    counts: Counts,
    history: Vec<String>,
    broken: Option<String>,
}

/// What a test wants to happen.
#[expect(clippy::struct_excessive_bools, reason = "each is a mishap of its own")]
#[derive(Clone, Copy, Default)]
pub struct Script {
    pub loads_take: Duration,
    pub commits_take: Duration,
    pub charges_take: Duration,
    pub readings_take: Duration,
    /// Stripe charges and says nothing of it, but that asking again is of no use.
    pub charges_tell_nothing: bool,
    /// No page of a listing is answered.
    pub listings_fail: bool,
    /// So many pages has a listing, of which every third one is answered only when it is asked for again.
    pub listing_pages: u32,
    /// The listings of attempts that began more than an hour ago do not come to an end.
    pub old_listings_never_end: bool,
    /// The disk is full: nothing can be written, and that is certain.
    pub disk_full: bool,
    /// Nobody can read which account a key opens.
    pub account_unread: bool,
    /// Stripe answers everything with 429.
    pub too_many: bool,
    /// The next step of a session's actor panics.
    pub next_step_panics: bool,
    /// A saboteur: a backup is put back as if it were the database that the last process has left.
    pub hides_restores: bool,
    /// A saboteur: some sessions that are due are never woken.
    pub drops_wakes: bool,
    /// Every look for due sessions panics.
    pub sweeps_panic: bool,
}

impl FaultSchedule {
    /// Nothing goes wrong, and nothing takes time, but for what the test wants.
    pub fn calm() -> Self {
        Self::new(Chance::new(0), None)
    }

    pub fn of_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let fault = *chance.pick(&[0, 1, 2, 3]);
        Self::new(chance, Some(fault))
    }

    fn new(chance: Chance, fault: Option<u64>) -> Self {
        let (script, counts) = (Script::default(), Counts::new());
        let began = Instant::now();
        Self(Mutex::new(FaultState {
            chance,
            fault,
            began,
            script,
            counts,
            history: Vec::new(),
            broken: None,
        }))
    }

    fn state(&self) -> MutexGuard<'_, FaultState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn draw<T>(&self, by: impl FnOnce(&mut Chance) -> T) -> T {
        by(&mut self.state().chance)
    }

    /// Whether this goes wrong now: in so many of a thousand cases, times how bad the weather is.
    pub fn strikes(&self, what: &'static str, share: u64) -> bool {
        let mut state = self.state();
        let share = if state.began.elapsed() < TROUBLE { share * state.fault.unwrap_or(0) } else { 0 };
        let strikes = share > 0 && state.chance.per_mille(share);
        if strikes {
            state.note(what);
        }
        strikes
    }

    /// Takes a moment; rarely much longer than anybody waits.
    pub async fn pause(&self) {
        if self.state().fault.is_none() {
            return;
        }
        let slow = self.strikes("slow", 6);
        let millis = self.draw(|chance| match (slow, chance.below(10)) {
            (true, _) => chance.millis(1000, 45_000),
            (false, 0) => chance.millis(20, 400),
            (false, _) => chance.millis(0, 20),
        });
        sleep(Span::millis(millis).to_duration()).await;
    }

    pub fn passed(&self) -> Duration {
        self.state().began.elapsed()
    }

    pub fn is_over(&self) -> bool {
        self.passed() > TROUBLE
    }

    pub fn script(&self) -> Script {
        self.state().script
    }

    pub fn write(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.state().script);
    }

    /// Counts something, and writes it down.
    pub fn note(&self, what: &'static str) {
        self.state().note(what);
    }

    pub fn counted(&self, what: &str) -> u64 {
        self.state().counts.get(what).copied().unwrap_or(0)
    }

    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    pub fn tell(&self, line: &str) {
        self.state().tell(line);
    }

    pub fn history(&self) -> Vec<String> {
        self.state().history.clone()
    }

    /// Keeps the first thing that must not be.
    pub fn breaks(&self, what: String) {
        let mut state = self.state();
        state.tell(&what);
        state.broken.get_or_insert(what);
    }

    pub fn broken(&self) -> Option<String> {
        self.state().broken.clone()
    }
}

/// Whether a process lives. What a dead one would still do is never done.
#[derive(Clone)]
pub struct Life(Arc<watch::Sender<bool>>);

impl Life {
    pub fn begin() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    pub fn end(&self) {
        self.0.send_replace(false);
    }

    /// Waits until it has ended.
    pub async fn ended(&self) {
        let _ = self.0.subscribe().wait_for(|lives| !lives).await;
    }

    /// Never comes back once it has ended.
    pub async fn goes_on(&self) {
        if !*self.0.borrow() {
            std::future::pending::<()>().await;
        }
    }
}

impl FaultState {
    fn note(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
        self.tell(what);
    }

    fn tell(&mut self, line: &str) {
        let at = self.began.elapsed().as_millis();
        self.history.push(format!("{at:>9} ms  {line}"));
    }
}

/// A panic that was planned: it prints nothing.
pub fn panics() -> ! {
    std::panic::resume_unwind(Box::new("planned"))
}

/// The wall clock of a thread whose time is paused.
pub struct PausedClock {
    began: Instant,
}

impl PausedClock {
    pub fn new() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        Timestamp::from_seconds(1_800_000_000) + Span::millis(passed)
    }
}

/// Repeatable randomness. Every step of a session's actor draws its jitter here, and may die of it.
pub struct FatalIds {
    ids: SeededIds,
    faults: Arc<FaultSchedule>,
}

impl FatalIds {
    pub fn new(seed: u64, faults: Arc<FaultSchedule>) -> Self {
        Self { ids: SeededIds::new(seed), faults }
    }
}

impl Ids for FatalIds {
    fn random_id(&self) -> u128 {
        self.ids.random_id()
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.ids.fill(bytes);
    }

    fn fraction(&self) -> f64 {
        if self.faults.script().next_step_panics {
            self.faults.write(|script| script.next_step_panics = false);
            self.faults.note("actor panicked");
            panics();
        }
        if self.faults.strikes("actor panicked", 4) {
            panics();
        }
        self.ids.fraction()
    }
}
