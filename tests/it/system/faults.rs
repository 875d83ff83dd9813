//! Stripe fails in every way that its emulator knows; the real gateway charges once or not at all, and says what is true.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use stripe_emulator::{Exchange, Fault, FaultPlan, RequestKind};

use crate::support::client::{Client, Speaks, total};
use crate::support::test_gateway::TestGateway;

const CHARGE: RequestKind = RequestKind::CreateIntent;

/// A gateway that waits for Stripe no longer than a second.
const IMPATIENT: [(&str, &str); 1] = [("GATEWAY__STRIPE__REQUEST_TIMEOUT_SECONDS", "1")];

/// A shopper about to pay in a world in which something will go wrong.
struct Purchase {
    world: TestGateway,
    client: Client,
    sheet: Value,
    token: String,
}

impl Purchase {
    async fn begin(plan: FaultPlan) -> Self {
        Self::begin_in(TestGateway::start(), plan, "pm_card_visa").await
    }

    async fn begin_in(world: TestGateway, plan: FaultPlan, card: &str) -> Self {
        let client = world.client(Speaks::Modern);
        let sheet = client.ready_checkout().await;
        let token = world.token(card, total(&sheet));
        world.emulator.set_faults(plan);
        Self { world, client, sheet, token }
    }

    /// What the shopper is told.
    async fn pay(&self) -> Value {
        let result = self.client.complete(&self.sheet["id"], &self.token).await;
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// The payment is asked for, and nobody waits for its answer once the log has this so often.
    async fn pay_until(&self, event: &str, times: usize) {
        let logged = async {
            while self.world.log().matches(event).count() < times {
                tokio::task::yield_now().await;
            }
        };
        let asked = self.client.pay_unheard(&self.sheet["id"], &self.token);
        tokio::select! {
            biased;
            answered = asked => panic!("answered before {event}: {answered:?}: {}", self.world.log()),
            () = logged => {}
        }
    }

    async fn status(&self) -> Value {
        let session = json!({ "checkout_session_id": self.sheet["id"] });
        self.client.works("get_checkout", session).await["checkout_session"]["status"].clone()
    }

    /// The requests to charge that reached Stripe: one key, one body.
    fn charges(&self) -> usize {
        let charge = |seen: &Exchange| seen.method == "POST" && seen.path == "/v1/payment_intents";
        let charges: Vec<Exchange> = self.world.emulator.exchanges().into_iter().filter(charge).collect();
        let same: BTreeSet<_> =
            charges.iter().map(|seen| (&seen.headers.idempotency_key, &seen.body_pairs)).collect();
        assert!(same.len() <= 1, "every repeat is the same request: {same:?}");
        charges.len()
    }

    /// The shopper heard of one order, which is the one payment.
    fn paid_once(&self, told: &Value) {
        assert_eq!(told["status"], "completed", "{told}\n{}", self.world.log());
        let ledger = self.world.ledger();
        assert_eq!((ledger.len(), ledger[0].amount_received), (1, total(&self.sheet)), "one charge");
        assert_eq!(ledger[0].shared_payment_granted_token.as_deref(), Some(self.token.as_str()));
        assert!(told["order"]["id"].is_string(), "{told}");
    }

    fn hit(&self, fault: Fault) -> u64 {
        self.world.emulator.faults_hit().get(fault.name()).copied().unwrap_or_default()
    }
}

/// A charge that meets a fault so often, and is paid once in the end; how many requests reached Stripe.
async fn charged_once_despite(fault: Fault, times: u32) -> usize {
    let purchase = Purchase::begin(FaultPlan::none().next(CHARGE, fault, times)).await;
    let told = purchase.pay().await;
    purchase.paid_once(&told);
    assert_eq!(purchase.hit(fault), u64::from(times), "the fault happened");
    purchase.charges()
}

#[tokio::test]
async fn a_charge_whose_connection_drops_before_arrival_is_sent_again() {
    assert_eq!(charged_once_despite(Fault::DropBefore, 2).await, 1);
}

#[tokio::test]
async fn a_charge_with_a_lost_response_is_found_by_its_key() {
    assert_eq!(charged_once_despite(Fault::DropAfter, 2).await, 3);
}

#[tokio::test]
async fn a_reset_before_or_after_the_charge_ends_in_one_charge() {
    assert_eq!(charged_once_despite(Fault::ResetBefore, 1).await, 1);
    assert_eq!(charged_once_despite(Fault::ResetAfter, 1).await, 2);
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    assert_eq!(charged_once_despite(Fault::Truncate, 2).await, 3);
}

#[tokio::test]
async fn an_answer_that_drips_is_waited_for() {
    assert_eq!(charged_once_despite(Fault::SlowDrip { millis: 800 }, 1).await, 1);
}

#[tokio::test]
async fn a_key_in_use_is_tried_again_under_the_same_key() {
    assert_eq!(charged_once_despite(Fault::KeyInUse, 2).await, 3);
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_with_and_without_advice() {
    let fault = Fault::RateLimited { should_retry: None, retry_after: None };
    assert_eq!(charged_once_despite(fault, 2).await, 3);
    let fault = Fault::RateLimited { should_retry: Some(true), retry_after: Some(1) };
    assert_eq!(charged_once_despite(fault, 1).await, 2);
}

#[tokio::test]
async fn a_lock_timeout_is_waited_out() {
    assert_eq!(charged_once_despite(Fault::LockTimeout, 2).await, 3);
}

#[tokio::test]
async fn a_page_of_html_is_no_answer_whether_or_not_the_charge_was_made() {
    assert_eq!(charged_once_despite(Fault::BadGatewayBefore, 1).await, 1);
    assert_eq!(charged_once_despite(Fault::BadGatewayAfter, 1).await, 2);
}

#[tokio::test]
async fn an_answer_later_than_the_deadline_is_asked_for_again() {
    for fault in [
        Fault::DelayBefore { millis: 2000 },
        Fault::DelayAfter { millis: 2000 },
        Fault::SlowDrip { millis: 2000 },
    ] {
        let plan = FaultPlan::none().next(CHARGE, fault, 1);
        let purchase = Purchase::begin_in(TestGateway::with_settings(&IMPATIENT), plan, "pm_card_visa").await;
        let told = purchase.pay().await;
        purchase.paid_once(&told);
        assert_eq!(purchase.hit(fault), 1);
        assert!(purchase.charges() > 1, "{fault:?}: it was asked again");
    }
}

#[tokio::test]
async fn a_charge_whose_key_replays_a_500_is_found_by_a_read() {
    // The first, and the replay that says that there will be no other answer.
    assert_eq!(charged_once_despite(Fault::ErrorAfter { should_retry: None }, 1).await, 2);
}

#[tokio::test]
async fn a_500_that_says_not_to_retry_is_read_about_at_once() {
    assert_eq!(charged_once_despite(Fault::ErrorAfter { should_retry: Some(false) }, 1).await, 1);
}

#[tokio::test]
async fn a_500_without_a_charge_stays_in_progress_while_it_may_pay() {
    for (should_retry, sends) in [(None, 2), (Some(false), 1)] {
        let plan = FaultPlan::none().next(CHARGE, Fault::ErrorBefore { should_retry }, 1);
        let purchase = Purchase::begin(plan).await;
        purchase.pay_until("payment_not_found", 2).await;
        assert_eq!(purchase.status().await, "in_progress", "silence is not yet absence");
        assert_eq!((purchase.charges(), purchase.world.ledger().len()), (sends, 0));
    }
}

#[tokio::test]
async fn a_decline_whose_answer_is_lost_is_told_as_that_decline() {
    for (card, code) in [
        ("pm_card_chargeDeclinedInsufficientFunds", "payment_declined"),
        ("pm_card_authenticationRequired", "requires_3ds"),
    ] {
        let plan = FaultPlan::none().next(CHARGE, Fault::DropAfter, 1).next(CHARGE, Fault::Truncate, 1);
        let purchase = Purchase::begin_in(TestGateway::start(), plan, card).await;
        let told = purchase.pay().await;
        assert_eq!(told["status"], "ready_for_payment", "{told}");
        assert_eq!(told["messages"][0]["code"], code, "{told}");
        assert_eq!((purchase.charges(), purchase.world.ledger().len()), (3, 0));
        let token = purchase.world.token("pm_card_visa", total(&purchase.sheet));
        let paid = purchase.client.complete(&purchase.sheet["id"], &token).await;
        assert_eq!(paid["structuredContent"]["status"], "completed", "another card pays: {paid}");
        assert_eq!(purchase.world.ledger().len(), 1);
    }
}

#[tokio::test]
async fn a_decline_behind_a_500_is_found_canceled_and_told() {
    let lost = FaultPlan::none()
        .next(CHARGE, Fault::ErrorAfter { should_retry: Some(false) }, 1)
        .next(RequestKind::ListIntents, Fault::Truncate, 1)
        .next(RequestKind::CancelIntent, Fault::DropAfter, 1)
        .next(RequestKind::ReadIntent, Fault::ErrorBefore { should_retry: None }, 1);
    let purchase = Purchase::begin_in(TestGateway::start(), lost, "pm_card_chargeDeclined").await;
    let told = purchase.pay().await;
    assert_eq!(told["status"], "ready_for_payment", "{told}");
    assert_eq!(told["messages"][0]["code"], "payment_declined", "{told}");
    assert_eq!((purchase.charges(), purchase.world.ledger().len()), (1, 0));
    assert_eq!(purchase.world.emulator.faults_hit().values().sum::<u64>(), 4, "each fault happened");
}

#[tokio::test]
async fn a_token_that_cannot_be_read_costs_nothing_and_pays_later() {
    let html = FaultPlan::none().next(RequestKind::ReadToken, Fault::BadGatewayBefore, 1);
    let purchase = Purchase::begin(html).await;
    let refused = purchase.client.complete(&purchase.sheet["id"], &purchase.token).await;
    assert_eq!(refused["isError"], true, "{refused}");
    assert_eq!((purchase.charges(), purchase.status().await), (0, json!("ready_for_payment")));
    let told = purchase.pay().await;
    purchase.paid_once(&told);
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_read_again_until_known() {
    let mut world = TestGateway::start();
    world.terminate();
    let plan = FaultPlan::none().next(RequestKind::ReadAccount, Fault::Truncate, 2);
    world.emulator.set_faults(plan);
    world.start_gateway();
    assert_eq!(world.emulator.faults_hit().get("truncate"), Some(&2));
    let told = Purchase::begin_in(world, FaultPlan::none(), "pm_card_visa").await;
    let answer = told.pay().await;
    told.paid_once(&answer);
}

#[tokio::test]
async fn on_a_bad_day_every_shopper_is_charged_once_and_told() {
    const SHOPPERS: usize = 24;
    let world = TestGateway::start();
    world.emulator.set_faults(FaultPlan::bad_day(4));
    let shopping = (0..SHOPPERS).map(async |_| {
        let client = world.client(Speaks::Modern);
        let sheet = client.ready_checkout().await;
        let token = world.token("pm_card_visa", total(&sheet));
        loop {
            let result = client.complete(&sheet["id"], &token).await;
            if result["isError"] == true {
                assert!(result["structuredContent"].is_null(), "nothing has begun: {result}");
            } else if result["structuredContent"]["status"] != "in_progress" {
                break result["structuredContent"].clone();
            }
        }
    });
    let shopping = futures_util::future::join_all(shopping);
    let told = tokio::time::timeout(Duration::from_mins(2), shopping).await.expect("all are told");
    assert!(told.iter().all(|told| told["status"] == "completed"), "{told:?}");
    let sessions: BTreeSet<String> =
        world.ledger().into_iter().map(|paid| paid.metadata["checkout_session"].clone()).collect();
    assert_eq!((sessions.len(), world.ledger().len()), (SHOPPERS, SHOPPERS));
    // Which befall whom follows from keys that are random in every run.
    assert!(!world.emulator.faults_hit().is_empty(), "nothing went wrong");
}
