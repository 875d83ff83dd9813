//! Small constructors of what a store keeps.

use merchant_gateway::domain::address::{Address, Buyer};
use merchant_gateway::domain::cart::{Cart, CartLine};
use merchant_gateway::domain::catalog::VariantNeeded;
use merchant_gateway::domain::checkout::model::{
    Attempt, AttemptEnd, CancelReason, Charging, CheckoutInputs, ExpectedPayment, Flag, FlagReason,
    FreezeReason, IdempotencyKey, NewOrder, Notice, Phase, Session, State, Version,
};
use merchant_gateway::domain::ids::{
    AccountId, AttemptNumber, FlagId, Mode, OrderId, PaymentIntentId, Revision, SessionId, SptHash, Tenant,
};
use merchant_gateway::domain::merchant::{RiskPolicy, TokenPolicy};
use merchant_gateway::domain::money::{Currency, Money};
use merchant_gateway::domain::order::{Order, OrderActivity};
use merchant_gateway::domain::origin::{Agent, Door, Host};
use merchant_gateway::domain::pricing::{PricingProblem, Quote, QuoteLine, QuoteOption};
use merchant_gateway::domain::retry::Retry;
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{AttemptChange, AttemptRow, Commit, DueSession, KeptAccount, VerifiedKey};

/// The moment at which everything here happens.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

pub(crate) fn tenant(merchant: &str, mode: Mode) -> Tenant {
    Tenant { merchant: merchant.parse().unwrap(), mode }
}

/// The tenant of the tests that need only one.
pub(crate) fn harbor() -> Tenant {
    tenant("harbor-coffee", Mode::Test)
}

pub(crate) fn session_id(number: u128) -> SessionId {
    SessionId::from_random(number)
}

pub(crate) fn intent(number: u128) -> PaymentIntentId {
    format!("pi_{number}").parse().unwrap()
}

pub(crate) fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

pub(crate) fn spt(text: &str) -> SptHash {
    SptHash::of(text)
}

pub(crate) fn in_state(number: u128, state: State) -> Session {
    let line = CartLine { id: "beans-250g".parse().unwrap(), quantity: 2 };
    Session {
        host: Host::of("ChatGPT", Some("1.0")),
        id: session_id(number),
        created: NOW,
        expires: Timestamp::from_seconds(1_790_007_200),
        revision: Revision(3),
        inputs: CheckoutInputs {
            cart: Cart::new([line]).unwrap(),
            buyer: Buyer { name: Some("Ada 'Q' Lovelace \u{1f600}".to_owned()), ..Buyer::default() },
            address: Some(address()),
            option_id: Some("standard".parse().unwrap()),
        },
        attempts: 1,
        stripe_checkouts: 0,
        tokens: TokenPolicy { allow_larger: false, risk: RiskPolicy::BlockOnRecommendation },
        account: Some(account("acct_1Harbor")),
        notice: Some(Notice::DECLINED),
        state,
        activity: OrderActivity::default(),
        unmatched_payments: Vec::new(),
        unconfirmed: None,
        last_polls: Vec::new(),
        stripe_checkouts_not_asked: 0,
        notified: false,
        paid_late: false,
        ended: None,
    }
}

pub(crate) fn ready(number: u128) -> Session {
    in_state(number, State::Ready { quote: quote() })
}

pub(crate) fn charging(number: u128) -> Session {
    in_state(number, State::Charging(Charging { attempt: under_way(number), phase: Phase::Sending }))
}

pub(crate) fn completed(number: u128) -> Session {
    in_state(
        number,
        State::Completed {
            quote: quote(),
            order: OrderId::from_random(number),
            intent: "pi_paid".parse().unwrap(),
        },
    )
}

/// A session in every state, and in every variety of a state that is written differently.
pub(crate) fn in_every_state(number: u128) -> Vec<Session> {
    let charging = |phase| State::Charging(Charging { attempt: under_way(number), phase });
    let mut missed = under_way(number);
    missed.retry.absent_since = Some(NOW);
    let states = [
        State::Open { problem: None },
        State::Open { problem: Some(PricingProblem::AddressNeeded) },
        State::Open { problem: Some(PricingProblem::UnknownItem("gone".parse().unwrap())) },
        State::Open {
            problem: Some(PricingProblem::VariantNeeded(VariantNeeded {
                product: "huila".parse().unwrap(),
                variants: vec![("huila-250".parse().unwrap(), "250 g".to_owned())],
                more: 1,
            })),
        },
        State::Ready { quote: quote() },
        charging(Phase::Sending),
        charging(Phase::Reading),
        State::Charging(Charging { attempt: missed, phase: Phase::Reading }),
        charging(Phase::Canceling { end: dead() }),
        State::Frozen { attempt: under_way(number), reason: FreezeReason::PaymentDisagrees },
        State::Completed {
            quote: quote(),
            order: OrderId::from_random(number),
            intent: "pi_paid".parse().unwrap(),
        },
        State::Canceled { reason: CancelReason::TooManyAttempts },
        State::Expired,
    ];
    states.into_iter().map(|state| in_state(number, state)).collect()
}

fn under_way(number: u128) -> Attempt {
    Attempt {
        door: None,
        agent: None,
        number: AttemptNumber(1),
        quote: quote(),
        expected: charge(number, 1),
        started: NOW,
        repeat_until: Timestamp::from_seconds(1_790_001_000),
        intent: Some(intent(number)),
        sends: merchant_gateway::domain::sends::Sends::default(),
        retry: Retry { tries: 1, ..Retry::at(Timestamp::from_seconds(1_790_000_030)) },
    }
}

pub(crate) fn charge(session: u128, attempt: u32) -> ExpectedPayment {
    ExpectedPayment {
        total: usd(2_499),
        session: session_id(session),
        revision: Revision(3),
        attempt: AttemptNumber(attempt),
    }
}

/// An attempt of a session with a token.
pub(crate) fn attempt(tenant: &Tenant, session: u128, number: u32, token: &str) -> AttemptRow {
    let charge = charge(session, number);
    let account = account("acct_1Harbor");
    AttemptRow {
        session: session_id(session),
        number: AttemptNumber(number),
        spt_hash: Some(spt(token)),
        idempotency_key: IdempotencyKey::of(tenant, &account, &spt(token), &charge),
        expected: charge,
        body: "amount=2499&currency=usd&confirm=true".to_owned(),
        sealed_token: Some(sealed(token)),
        stripe_version: "2026-07-29.preview".to_owned(),
        account,
        started: NOW,
        repeat_until: Timestamp::from_seconds(1_790_001_000),
        end: None,
    }
}

/// What stands in for a sealed token: recognisable, so that its traces can be looked for.
pub(crate) fn sealed(token: &str) -> String {
    format!("sealed:{token}:{}", "SECRET".repeat(40))
}

pub(crate) fn dead() -> AttemptEnd {
    AttemptEnd::Failed { notice: Notice::DECLINED }
}

pub(crate) fn succeeded(number: u128) -> AttemptEnd {
    AttemptEnd::Succeeded { intent: intent(number) }
}

pub(crate) fn order(session: u128) -> NewOrder {
    NewOrder {
        order: Order {
            door: Some(Door::Wallet),
            host: Host::of("ChatGPT", Some("1.0")),
            agent: Agent::of(Some("link-cli/0.15.1"), Some("profile_link")),
            id: OrderId::from_random(session),
            session: session_id(session),
            revision: Revision(3),
            payment_intent: intent(session),
            quote: quote(),
            buyer: Buyer::default(),
            address: Some(address()),
            created: NOW,
        },
        permalink: "https://harbor.example/orders/1?key=abc".to_owned(),
        completion: "{\"id\": \"1\",  \"spacing\":\"is kept\"}\n".to_owned(),
    }
}

pub(crate) fn flag(number: u128, session: u128, payment: u128) -> Flag {
    Flag {
        id: FlagId::from_random(number),
        session: session_id(session),
        intent: intent(payment),
        reason: FlagReason::PaidTwice,
        seen: NOW,
    }
}

/// A commit that makes a session.
pub(crate) fn create(tenant: &Tenant, session: Session) -> Commit {
    Commit {
        tenant: tenant.clone(),
        expected: None,
        session,
        due_at: None,
        attempt: None,
        order: None,
        refund: None,
        flags: Vec::new(),
        timeline: Vec::new(),
        events: Vec::new(),
    }
}

/// A commit from a version.
pub(crate) fn change(tenant: &Tenant, from: Version, session: Session) -> Commit {
    Commit { expected: Some(from), ..create(tenant, session) }
}

/// A commit that starts an attempt.
pub(crate) fn start(from: Version, session: Session, row: AttemptRow, tenant: &Tenant) -> Commit {
    Commit { attempt: Some(AttemptChange::Start(Box::new(row))), ..change(tenant, from, session) }
}

/// A commit that changes an attempt.
pub(crate) fn update(
    from: Version,
    session: Session,
    (number, end): (u32, Option<AttemptEnd>),
    erase: bool,
) -> Commit {
    let number = AttemptNumber(number);
    let update = AttemptChange::Update { number, end, erase_token: erase };
    Commit { attempt: Some(update), ..change(&harbor(), from, session) }
}

pub(crate) fn due(session: u128, seconds: i64) -> DueSession {
    DueSession { id: session_id(session), due_at: Timestamp::from_seconds(seconds) }
}

fn usd(minor: i64) -> Money {
    Money::new(minor, "usd".parse::<Currency>().unwrap())
}

fn address() -> Address {
    Address {
        name: "Ada Lovelace".to_owned(),
        line_one: "1 Pier Road".to_owned(),
        line_two: None,
        city: "Boston".to_owned(),
        state: "MA".to_owned(),
        country: "US".parse().unwrap(),
        postal_code: "02110".to_owned(),
        phone_number: None,
    }
}

fn quote() -> Quote {
    let line = QuoteLine {
        item: "beans-250g".parse().unwrap(),
        title: "Beans".to_owned(),
        images: vec!["https://img.example/beans.png".to_owned()],
        quantity: 2,
        unit_price: usd(1_000),
        base_amount: usd(2_000),
        discount: usd(0),
        subtotal: usd(2_000),
        tax: usd(0),
        total: usd(2_000),
    };
    let option = QuoteOption {
        id: "standard".parse().unwrap(),
        title: "Standard".to_owned(),
        carrier: String::new(),
        delivery: Some((NOW, Timestamp::from_seconds(1_790_400_000))),
        subtotal: usd(499),
        tax: usd(0),
        total: usd(499),
    };
    Quote {
        lines: vec![line],
        option_id: Some(option.id.clone()),
        options: vec![option],
        items_base: usd(2_000),
        items_discount: usd(0),
        subtotal: usd(2_000),
        fulfillment: usd(499),
        tax: usd(0),
        total: usd(2_499),
        expires: Timestamp::from_seconds(1_790_000_900),
    }
}

/// A key that was verified; Stripe named its account.
pub fn verified(fingerprint: &str) -> VerifiedKey {
    VerifiedKey { fingerprint: fingerprint.to_owned(), verified_by_stripe: true }
}

/// The account that is kept once it was verified with that key.
pub fn kept(account: AccountId, fingerprint: &str) -> KeptAccount {
    KeptAccount { account, key: Some(verified(fingerprint)) }
}
