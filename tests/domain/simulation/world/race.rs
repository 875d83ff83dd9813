//! All ways of paying raced on one checkout, and what came of it.

use merchant_gateway::domain::checkout::model::{Command, State};
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::time::Span;

use super::{Event, Mistakes, SWEEP, Simulation};
use test_support::shop;

/// Said of a race that ends without a charge and without a reason.
pub const NO_REASON: &str = "for no reason";

impl Simulation {
    /// Shoppers who share one checkout: one pays on the page, one in the sheet, one with a wallet, at about the same time.
    pub fn race(seed: u64, tell: bool) -> Self {
        let mut world = Self::new(seed, Mistakes::default(), tell);
        world.events.clear();
        world.sessions.truncate(1);
        world.racing = Some(seed % 2);
        world.stripe.odd = false;
        for process in 0..world.processes.len() {
            world.at(SWEEP, Event::Sweep { process });
        }
        let session = world.sessions[0].clone();
        world.call_at(Span::millis(0), &session, shop::create(shop::two_mugs()));
        world.call_at(
            Span::millis(1000),
            &session,
            Command::OpenStripeCheckout { revision: Some(Revision(1)) },
        );
        for _ in 0..3 {
            let when = Span::millis(world.chance.millis(1000, 8000));
            world.call_at(when, &session, Command::Read);
        }
        world
    }

    /// Whether nothing goes wrong in this history.
    pub const fn is_peaceful(&self) -> bool {
        self.fault == 0
    }

    /// How many payments of its sessions have succeeded.
    pub fn charges(&self) -> usize {
        self.sessions.iter().map(|session| self.stripe.succeeded(session).count()).sum()
    }

    /// Why the only session of a race ended without a charge.
    pub fn why_unpaid(&self) -> &'static str {
        let attempts = || self.store.attempts.values();
        match self.store.rows.get(&self.sessions[0]).map(|(_, row, _)| &row.state) {
            None => "the store failed whoever wanted to begin",
            Some(State::Canceled { .. }) => "it was canceled",
            Some(State::Expired) => "nobody came before it expired",
            Some(State::Open { .. } | State::Ready { .. }) if attempts().count() == 0 => "nobody got to pay",
            Some(State::Open { .. } | State::Ready { .. }) if attempts().all(|attempt| attempt.decided) => {
                "every attempt was declined, refused or given up"
            }
            Some(
                State::Open { .. }
                | State::Ready { .. }
                | State::Charging(_)
                | State::OpeningStripeCheckout(_)
                | State::AwaitingStripeCheckout { .. }
                | State::ClosingStripeCheckout { .. }
                | State::Frozen { .. }
                | State::Completed { .. },
            ) => NO_REASON,
        }
    }
}
