//! Histories in which the process dies, a backup is put back, and a new process goes on from it, while retention removes
//! what nobody needs.
//!
//! A seed that fails is told with how to see its history:
//! `ACTORS_SEED=123 cargo test --test it adapters::actors::restores::one_seed -- --nocapture`.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use merchant_gateway::actors::Arbiters;
use merchant_gateway::config::gateway::RetentionConfig;
use merchant_gateway::domain::checkout::model::{Command, State};
use merchant_gateway::domain::ids::{SessionId, Tenant};
use merchant_gateway::domain::time::Span;
use merchant_gateway::ports::{Environment, SystemEnvironment};
use merchant_gateway::runtime::{Kept, retain_once};
use merchant_gateway::store::{FlagsQuery, RestoreMarker, RestoreMarkers as _, Store as _};
use test_support::memory_store::MemoryStore;
use tokio::time::{Instant, sleep};

use super::Ended;
use super::faults::Counts;
use super::harness::{ActorHarness, Rows, on_one_thread};
use super::history::History;
use test_support::chance::Chance;
use test_support::model_stripe::Payment;

/// How many histories the suite runs, and within how many a mistake must show.
const SEEDS: u64 = 300;
const SABOTEUR_SEEDS: u64 = 150;

/// Within so long a restore is accounted for.
const ACCOUNTED_FOR: Duration = Duration::from_mins(40);

/// A mistake that the world around the checkouts could make.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// A backup is put back and nobody is told.
    HidesRestores,
    /// Some sessions that are due are never woken.
    DropsWakes,
}

/// What goes away: all that may, as soon as it may.
const RULES: RetentionConfig = RetentionConfig {
    unpaid_sessions: Span::hours(24),
    unpaid_buyers: Span::hours(24),
    delivered_events: Span::hours(24),
    parked_events: Span::hours(24),
    stripe_events: Span::hours(4 * 24),
    open_checkouts: 1000,
    open_checkouts_per_merchant: 2,
    unpaid_sessions_per_merchant: 1,
};

impl History {
    /// Takes a backup, lets the process die, and puts the backup back.
    pub(super) async fn restore(self: Rc<Self>) {
        let millis = |least, most| {
            Duration::from_millis(self.faults.draw(|chance| chance.millis(least, most)).unsigned_abs())
        };
        sleep(millis(0, 60_000)).await;
        let harness = self.harness();
        let taken = harness.now();
        let backup = harness.store.rows.backup();
        let known = harness.store.sessions();
        self.faults.note("backup taken");
        sleep(millis(1000, 60_000)).await;
        harness.life.end();
        self.faults.note("process died");
        let all = harness.store.sessions();
        if all.len() > known.len() {
            self.faults.note("a checkout was lost");
        }
        sleep(millis(0, 30_000)).await;
        let outside = harness.outside(self.faults.draw(Chance::next));
        let marker = RestoreMarker { id: "restore-1".to_owned(), taken, restored: harness.now() };
        let rows = if self.faults.script().hides_restores { backup } else { backup.restored(marker) };
        let rows = Rows { rows, retention: Some(RULES) };
        let next = ActorHarness::start(&Arbiters::on_this_thread(), outside, &self.views, rows);
        next.store.is_to_know(all);
        self.harness.replace(Rc::new(next));
        self.faults.note("backup put back");
    }

    /// Waits until the restore is accounted for; then everybody goes on as if nothing had been paid.
    pub(super) async fn after_the_restore(self: &Rc<Self>) -> Result<(), String> {
        let began = Instant::now();
        let harness = self.harness();
        while self.views.iter().any(|view| !harness.store.rows.unreconciled(&view.tenant()).is_empty()) {
            if began.elapsed() > ACCOUNTED_FOR {
                return Err("the restore is not accounted for".to_owned());
            }
            sleep(Duration::from_secs(1)).await;
        }
        self.faults.note("restore accounted for");
        join_all(self.all_checkouts().iter().map(|checkout| async {
            self.ask(checkout, Command::Read).await;
            for _ in 0..3 {
                self.ask(checkout, self.payment(checkout)).await;
            }
        }))
        .await;
        Ok(())
    }

    /// Removes everything that time will ever remove.
    pub(super) async fn forget_what_is_old(&self) {
        let harness = self.harness();
        let before = self.kept().await;
        let rows = &harness.store.rows;
        for (tenant, id) in harness.store.sessions() {
            let session = harness.row(&tenant, &id).await.session;
            if session.is_some_and(|(_, session)| matches!(session.state, State::Expired)) {
                self.faults.note("gave way");
            }
        }
        let kept = Kept { retention: rows.clone(), inbox: rows.clone(), reconciliation: rows.clone() };
        while retain_once(&kept, &RULES, harness.now() + Span::hours(40 * 24)).await {}
        if self.kept().await < before {
            self.faults.note("unpaid checkouts removed");
        }
    }

    async fn kept(&self) -> usize {
        let harness = self.harness();
        let mut kept = 0;
        for (tenant, id) in harness.store.sessions() {
            kept += usize::from(harness.row(&tenant, &id).await.session.is_some());
        }
        kept
    }

    /// Of a session that is not there every payment is flagged.
    pub(super) async fn check_lost(
        &self,
        tenant: &Tenant,
        id: &SessionId,
        paid: &[Payment],
    ) -> Result<(), String> {
        for payment in paid {
            if !self.is_flagged(tenant, payment).await {
                return Err(format!("{} of {id}, which is not there, is not flagged", payment.id));
            }
            self.faults.note("flagged as lost");
        }
        Ok(())
    }

    pub(super) async fn is_flagged(&self, tenant: &Tenant, payment: &Payment) -> bool {
        let rows: &MemoryStore = &self.harness().store.rows;
        let flags = rows.flags(tenant, FlagsQuery::ALL).await.unwrap();
        flags.iter().any(|kept| kept.flag.intent == payment.id)
    }
}

fn run(seed: u64, mistake: Mistake) -> Ended {
    on_one_thread(async {
        let rows = Rows { rows: MemoryStore::new(), retention: Some(RULES) };
        let history = History::of(seed, rows);
        history.faults.write(|script| {
            script.hides_restores = mistake == Mistake::HidesRestores;
            script.drops_wakes = mistake == Mistake::DropsWakes;
        });
        let result = Rc::clone(&history).run().await;
        let faults = &history.faults;
        Ended { result, counts: faults.counts(), lines: faults.history() }
    })
}

#[test]
fn a_restore_charges_no_caller_twice_and_loses_no_payment() {
    let mut counts = Counts::new();
    for seed in 0..SEEDS {
        let ended = run(seed, Mistake::None);
        if let Err(broken) = ended.result {
            panic!(
                "{broken}\nACTORS_SEED={seed} cargo test --test it adapters::actors::restores::one_seed -- --nocapture"
            );
        }
        for (what, times) in ended.counts {
            *counts.entry(what).or_default() += times;
        }
    }
    for (what, least) in [
        ("backup put back", SEEDS),
        ("restore accounted for", SEEDS),
        ("a checkout was lost", 100),
        ("process died under a caller", 1000),
        ("flagged as lost", 30),
        ("ends completed", 400),
        ("gave way", 50),
        ("unpaid checkouts removed", 80),
    ] {
        let met = counts.get(what).copied().unwrap_or(0);
        assert!(met >= least, "{what}: {met} of at least {least}; {counts:?}");
    }
}

#[test]
fn one_seed_can_be_looked_at() {
    let seed = SystemEnvironment.var("ACTORS_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let ended = run(seed, Mistake::None);
    println!("{}\n{:?}", ended.lines.join("\n"), ended.result);
    assert_eq!(ended.result, Ok(()));
}

/// What a mistake breaks first, within the seeds that it has.
fn caught(mistake: Mistake) -> String {
    let broken = (0..SABOTEUR_SEEDS).find_map(|seed| run(seed, mistake).result.err());
    broken.expect("histories that do not notice this mistake prove nothing")
}

#[test]
fn a_backup_that_is_put_back_without_a_word_is_caught() {
    let broken = caught(Mistake::HidesRestores);
    assert!(
        broken.contains("was charged") || broken.contains("flagged") || broken.contains("no order"),
        "{broken}"
    );
}

#[test]
fn a_session_that_is_never_woken_is_caught() {
    let broken = caught(Mistake::DropsWakes);
    assert!(broken.starts_with("undecided") || broken.contains("not accounted for"), "{broken}");
}
