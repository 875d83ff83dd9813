//! What still comes while the process stops.

use merchant_gateway::actors::Arbiters;
use merchant_gateway::domain::checkout::model::{Command, Flag, FlagReason, Rejection, ShopRejection};
use merchant_gateway::domain::ids::{FlagId, SessionId};
use merchant_gateway::domain::stripe_event::StripeEvent;

use super::faults::FaultSchedule;
use super::harness::ActorHarness;
use crate::support::log::Log;
use test_support::shop;

#[test]
fn an_event_during_shutdown_waits_for_restart_without_warning() {
    let log = Log::default();
    actix::System::new().block_on(async {
        let arbiters = Arbiters::start(1);
        let harness = ActorHarness::open_on(&arbiters, (FaultSchedule::calm(), 1), &[shop::view()]);
        let merchant = harness.merchants[0].clone();
        let session = SessionId::from_random(1);
        let flag = Flag {
            id: FlagId::from_random(1),
            session: session.clone(),
            intent: "pi_late".parse().unwrap(),
            reason: FlagReason::PaidAfterEnd,
            seen: merchant.now(),
        };
        harness.flag(merchant.tenant(), flag).await;
        arbiters.stop();
        while merchant.ask(&session, Command::Read).await.err() != Some(Rejection::Shop(ShopRejection::Busy))
        {
            tokio::task::yield_now().await;
        }
        let event = StripeEvent {
            id: "evt_last".parse().unwrap(),
            kind: "charge.refunded".parse().unwrap(),
            object: None,
            session: None,
            intent: Some("pi_late".parse().unwrap()),
            received: merchant.now(),
        };
        let _logging = tracing::subscriber::set_default(log.subscriber());
        merchant.follow(&event).await;
    });
    let said = log.said();
    assert!(said.contains("stripe_event_left_to_the_next_start") && said.contains("evt_last"), "{said}");
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
}
