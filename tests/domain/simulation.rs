//! Thousands of histories in which everything goes wrong that can, each from one seed.
//!
//! A seed that fails is told with how to see its history:
//! `SIMULATION_SEED=123 cargo test --test domain simulation::one_seed -- --nocapture`.

mod checks;
mod outbox;
mod store;
mod world;

use std::collections::BTreeMap;

use merchant_gateway::ports::{Environment, SystemEnvironment};

use store::StoreMistakes;
use world::{Mistakes, NO_REASON, Simulation};

/// How many histories the suite runs.
const SEEDS: u64 = 11_500;

/// Within so many, each mistake must show.
const SABOTEUR_SEEDS: u64 = 1000;

/// How often all ways of paying are raced on one session.
const RACES: u64 = 1000;

type Counts = BTreeMap<&'static str, u64>;

fn run(seed: u64, mistakes: Mistakes) -> (Result<(), String>, Counts) {
    let mut world = Simulation::new(seed, mistakes, false);
    let ended = world.run();
    (ended, world.counts)
}

/// Runs seeds on two threads; the first that fails, if any, and what was met.
fn run_all(seeds: u64) -> (Option<(u64, String)>, Counts) {
    let halves: Vec<_> = (0..2)
        .map(|half| {
            std::thread::spawn(move || {
                let mut counts = Counts::new();
                for seed in (half..seeds).step_by(2) {
                    let (ended, met) = run(seed, Mistakes::default());
                    for (what, times) in met {
                        *counts.entry(what).or_default() += times;
                    }
                    if let Err(broken) = ended {
                        return (Some((seed, broken)), counts);
                    }
                }
                (None, counts)
            })
        })
        .collect();
    let mut counts = Counts::new();
    let mut failed = None;
    for half in halves {
        let (of_half, met) = half.join().unwrap();
        failed = failed.or(of_half);
        for (what, times) in met {
            *counts.entry(what).or_default() += times;
        }
    }
    (failed, counts)
}

/// How many histories are run: fewer where `make mutants` or `make check` asks for that by `SIMULATION_SEEDS`, never more.
fn seeds() -> u64 {
    let fewer = SystemEnvironment.var("SIMULATION_SEEDS").and_then(|seeds| seeds.parse().ok());
    fewer.unwrap_or(SEEDS).min(SEEDS)
}

#[test]
fn whatever_goes_wrong_a_shopper_is_charged_once_or_not_at_all() {
    let seeds = seeds();
    let (failed, counts) = run_all(seeds);
    if let Some((seed, broken)) = failed {
        panic!(
            "{broken}\nSIMULATION_SEED={seed} cargo test --test domain simulation::one_seed -- --nocapture"
        );
    }
    if seeds < SEEDS {
        println!("SIMULATION_SEEDS: {seeds} of {SEEDS} histories were run; what they met is not counted");
        return;
    }
    // A simulation that never gets somewhere proves nothing about it.
    for (what, least) in [
        ("charged", 5000),
        ("crash", 5000),
        ("crash at an output", 1000),
        ("commit failed", 1000),
        ("commit done unheard", 1000),
        ("conflict", 500),
        ("answer lost", 1000),
        ("late effect", 200),
        ("key refused", 200),
        ("request refused", 200),
        ("caller gave up", 500),
        ("passivated", 1000),
        ("cart ended", 3000),
        ("cart changed meanwhile", 1),
        ("answer: paid", 5000),
        ("answer: undecided", 100),
        ("ends completed", 5000),
        ("ends canceled", 200),
        ("ends ready", 1000),
        ("frozen: unreadable", 10),
        ("page asked for", 2000),
        ("late page", 50),
        ("page shown", 2000),
        ("page used", 1000),
        ("page of no use", 200),
        ("both ways tried", 1000),
        ("webhook", 10_000),
        ("webhook before the answer", 5000),
        ("webhook late", 5000),
        ("webhook twice", 2000),
        ("webhook lost", 2000),
        ("webhook followed up", 500),
        ("unexplained payment read", 500),
        ("paid on a page", 1000),
        ("paid in the sheet", 1000),
        ("paid with a wallet", 1000),
        ("frozen: disagrees", 50),
        ("frozen: conflict", 50),
        ("ends after too many attempts", 100),
        ("ends by an operator's word", 50),
        ("decided unread", 50),
        ("woken by the schedule", 50_000),
        ("flag: paid after the end", 5),
        ("flag: paid by a dead attempt", 10),
        ("flag: paid twice", 5),
        ("flag: payment disagrees", 50),
        ("refund asked for", 1000),
        ("late refund", 20),
        ("refund: made", 1000),
        ("refund: failed", 20),
        ("refund: refused", 100),
        ("refund: made elsewhere", 20),
        ("disputed", 20),
        ("event sent", 10_000),
        ("event sent again", 2000),
        ("event taken again", 200),
        ("event refused", 300),
        ("event hung", 200),
        ("event met nobody", 500),
        ("event's answer lost", 100),
        ("event's receiver gone", 50),
        ("event given up", 10),
        ("event retried by hand", 500),
        ("event retried on its way", 5),
        ("claim failed", 200),
        ("claim done unheard", 200),
        ("settlement failed", 200),
        ("crash before an event was sent", 50),
        ("crash before a settlement", 50),
        ("lease ran out", 50),
    ] {
        let met = counts.get(what).copied().unwrap_or(0);
        assert!(met >= least, "{what}: {met} of at least {least}; {counts:?}");
    }
}

#[test]
fn one_seed_can_be_looked_at() {
    let seed = SystemEnvironment.var("SIMULATION_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut world = Simulation::new(seed, Mistakes::default(), true);
    let ended = world.run();
    println!("{}\n{ended:?}", world.history.take().unwrap().join("\n"));
    assert_eq!(ended, Ok(()));
}

/// The invariant that a mistake breaks first, within the seeds that it has.
fn caught(mistakes: Mistakes) -> String {
    let broken = (0..SABOTEUR_SEEDS).find_map(|seed| run(seed, mistakes).0.err());
    broken.expect("a simulation that does not notice this mistake proves nothing")
}

#[test]
fn a_store_that_ignores_versions_is_caught() {
    let store = StoreMistakes { ignores_versions: true, ..StoreMistakes::default() };
    let broken = caught(Mistakes { store, ..Mistakes::default() });
    assert!(broken.starts_with('I') || broken.starts_with("honesty"), "{broken}");
}

#[test]
fn a_store_that_loses_the_attempt_is_caught() {
    let store = StoreMistakes { loses_attempts: true, ..StoreMistakes::default() };
    assert!(caught(Mistakes { store, ..Mistakes::default() }).starts_with("I3"));
}

#[test]
fn a_client_that_renews_the_key_is_caught() {
    let broken = caught(Mistakes { renews_keys: true, ..Mistakes::default() });
    assert!(broken.starts_with("I1"), "{broken}");
}

#[test]
fn a_page_that_is_said_to_be_closed_and_is_not_is_caught() {
    let broken = caught(Mistakes { leaves_pages_open: true, ..Mistakes::default() });
    assert!(broken.starts_with("I1") || broken.starts_with("I5"), "{broken}");
}

#[test]
fn an_event_that_is_said_to_be_taken_before_it_is_sent_is_caught() {
    let broken = caught(Mistakes { settles_before_it_sends: true, ..Mistakes::default() });
    assert!(broken.starts_with("events: ") && broken.ends_with("never arrived"), "{broken}");
}

#[test]
fn a_schedule_that_is_forgotten_is_caught() {
    let due = StoreMistakes { forgets_when_it_is_due: true, ..StoreMistakes::default() };
    let looks = StoreMistakes { forgets_looks: true, ..StoreMistakes::default() };
    for store in [due, looks] {
        let broken = caught(Mistakes { store, ..Mistakes::default() });
        assert!(broken.starts_with("liveness: "), "{broken}");
    }
}

#[test]
fn all_ways_of_paying_raced_end_in_one_charge() {
    let (mut by_page, mut by_sheet, mut by_wallet, mut in_peace) = (0, 0, 0, 0);
    let mut unpaid: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..RACES {
        let mut world = Simulation::race(seed, false);
        let ended = world.run();
        assert_eq!(ended, Ok(()), "seed {seed}");
        let count = |what| world.counts.get(what).copied().unwrap_or(0);
        by_page += count("paid on a page");
        by_sheet += count("paid in the sheet");
        by_wallet += count("paid with a wallet");
        match world.charges() {
            1 => assert_eq!(count("ends completed"), 1, "seed {seed}"),
            0 => *unpaid.entry(world.why_unpaid()).or_default() += 1,
            charges => panic!("{charges} charges, seed {seed}"),
        }
        if world.is_peaceful() {
            in_peace += 1;
            assert_eq!(world.charges(), 1, "nothing went wrong, seed {seed}");
        }
    }
    let ways = [by_page, by_sheet, by_wallet];
    assert!(ways.iter().all(|won| *won > RACES / 10), "page, sheet, wallet: {ways:?}");
    assert!(in_peace > RACES / 10, "{in_peace} races in which nothing went wrong");
    assert_eq!(unpaid.get(NO_REASON), None, "{unpaid:?}");
    assert_eq!(ways.iter().sum::<u64>() + unpaid.values().sum::<u64>(), RACES, "{unpaid:?}");
    println!("page, sheet, wallet: {ways:?}, {in_peace} in peace; unpaid: {unpaid:?}");
}

#[test]
fn an_attempt_that_begins_before_the_last_one_is_dead_is_caught() {
    let store = StoreMistakes { forgets_attempts_under_way: true, ..StoreMistakes::default() };
    let broken = caught(Mistakes { store, ..Mistakes::default() });
    assert!(broken.starts_with("I1") || broken.starts_with("I5"), "{broken}");
}
