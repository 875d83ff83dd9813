//! The Stripe client against the emulator, without a gateway around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use merchant_gateway::domain::checkout::model::{
    AttemptObservation, Observation, PaymentIntentSnapshot, PaymentIntentStatus, TokenReadError,
};
use merchant_gateway::domain::ids::{AttemptNumber, SessionId};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::ports::{Clock, ManualClock, SystemClock};
use merchant_gateway::stripe::{
    AccountError, KeyObserver, Search, Searched, SellerAccount, Sought, StripeAccount, StripeTransport,
    TransportConfig, Window,
};
use secrecy::SecretString;
use serde_json::json;
use stripe_emulator::{AccountSeed, Emulator, EmulatorOptions, KeySeed, MintToken, RequestKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::stripe_clock::stripe_clock;

const ACCOUNT: &str = "acct_shop";
const MERCHANT: &str = "shop";
const KEY: &str = "sk_test_shop_000000001111";
const VERSION: &str = "2026-09-30.preview";

struct Shop {
    emulator: Emulator,
    clock: Arc<ManualClock>,
    stripe: StripeAccount,
    session: SessionId,
    attempts: u32,
}

/// The client of an account at this address.
fn client(api_base: &str, own: Arc<dyn Clock>) -> StripeAccount {
    let config = TransportConfig {
        token_parameter: "payment_method_data[shared_payment_granted_token]".to_owned(),
        api_base: api_base.parse().unwrap(),
        version: VERSION.to_owned(),
        connect_timeout: Span::seconds(10),
        charge_timeout: Span::seconds(30),
        read_timeout: Span::seconds(30),
    };
    let transport = StripeTransport::new(config, own).unwrap();
    StripeAccount::new(transport, SecretString::from(KEY.to_owned()), KeyObserver::ignore())
}

impl Shop {
    /// A shop whose Stripe's books begin at the true time: the `Date` of its answers is the machine's.
    fn open() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// The same, for a client with a clock of its own.
    fn with_clock(own: Arc<dyn Clock>) -> Self {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let mut options = EmulatorOptions::new(stripe_clock(clock.clone()));
        options.accounts = vec![AccountSeed {
            account_id: ACCOUNT.to_owned(),
            secret_keys: vec![KeySeed { key: KEY.to_owned(), may_read_account: true }],
            network_id: "profile_test_shop".to_owned(),
        }];
        let emulator = Emulator::start(options).unwrap();
        let stripe = client(&emulator.base_url(), own);
        Self { emulator, clock, stripe, session: SessionId::from_random(7), attempts: 0 }
    }

    /// Makes a payment of attempt 1, whatever the gateway itself would send.
    async fn pay(&mut self, card: &str) {
        self.attempts += 1;
        let token = self.token(card);
        let body = format!(
            "amount=4361&currency=usd&confirm=true&automatic_payment_methods[enabled]=true\
             &automatic_payment_methods[allow_redirects]=never&metadata[checkout_session]={}\
             &metadata[checkout_revision]=1&metadata[checkout_attempt]=1&metadata[merchant]={MERCHANT}\
             &payment_method_data[shared_payment_granted_token]={}",
            self.session, token
        );
        let answer = http()
            .post(format!("{}/v1/payment_intents", self.emulator.base_url()))
            .bearer_auth(KEY)
            .header("Stripe-Version", VERSION)
            .header("Idempotency-Key", format!("test-{}", self.attempts))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap();
        assert!(matches!(answer.status().as_u16(), 200 | 402), "{}", answer.text().await.unwrap());
    }

    fn token(&self, card: &str) -> String {
        let token = MintToken {
            account_id: ACCOUNT.to_owned(),
            payment_method: card.to_owned(),
            currency: "usd".to_owned(),
            max_amount: 4361,
            expires_at: None,
        };
        self.emulator.mint_token(&token).unwrap()
    }

    async fn look(&self, started: Timestamp, asked: Timestamp) -> Observation {
        self.whole(&mut self.search(1, started, asked)).await.primary
    }

    /// A search for an attempt, without an end in time.
    fn search(&self, attempt: u32, started: Timestamp, asked: Timestamp) -> Search {
        let attempt = AttemptNumber(attempt);
        let sought = Sought { session: self.session.clone(), attempt, started, made_by: None };
        Search::new(vec![sought], asked)
    }

    /// What a search shows once it has come to its end.
    async fn whole(&self, search: &mut Search) -> AttemptObservation {
        loop {
            match self.stripe.search(search).await {
                Ok(Searched::More) => {}
                Ok(Searched::Whole(mut seen)) => return seen.remove(0).seen,
                Err(stopped) => return stopped.observed.seen.into(),
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test's own client, apart from the gateway's")]
fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn status(seen: &Observation) -> Option<PaymentIntentStatus> {
    if let Observation::PaymentIntent(PaymentIntentSnapshot { status, .. }) = seen {
        Some(*status)
    } else {
        None
    }
}

#[tokio::test]
async fn a_payment_that_arrived_hours_late_is_found_all_the_same() {
    let mut shop = Shop::open();
    let started = SystemClock.now();
    shop.clock.advance(Span::hours(22));
    shop.pay("pm_card_visa").await;
    let seen = shop.look(started, SystemClock.now()).await;
    assert_eq!(status(&seen), Some(PaymentIntentStatus::Succeeded), "{seen:?}");
}

#[tokio::test]
async fn a_paid_intent_decides_before_the_declined_one_beside_it() {
    let mut shop = Shop::open();
    let started = SystemClock.now();
    shop.pay("pm_card_chargeDeclined").await;
    shop.clock.advance(Span::seconds(5));
    let seen = shop.look(started, SystemClock.now()).await;
    assert_eq!(status(&seen), Some(PaymentIntentStatus::RequiresPaymentMethod));
    shop.pay("pm_card_visa").await;
    shop.clock.advance(Span::seconds(5));
    shop.pay("pm_card_chargeDeclined").await;
    let seen = shop.look(started, SystemClock.now()).await;
    assert_eq!(status(&seen), Some(PaymentIntentStatus::Succeeded));
}

#[tokio::test]
async fn with_a_wrong_clock_nothing_is_known_and_nothing_is_begun() {
    for wrong in [SystemClock.now() + Span::minutes(3), SystemClock.now() - Span::minutes(3)] {
        let shop = Shop::with_clock(Arc::new(ManualClock::new(wrong)));
        assert_eq!(shop.look(wrong, wrong).await, Observation::ReadFailed, "finding nothing proves nothing");
        assert_eq!(shop.stripe.account_id().await, Err(AccountError::ClockDiffers));
        let token = shop.token("pm_card_visa").parse().unwrap();
        assert_eq!(shop.stripe.token_facts(&token).await.seen, Err(TokenReadError::ClockDiffers));
    }
    let shop = Shop::open();
    let now = SystemClock.now();
    assert_eq!(shop.look(now, now).await, Observation::Absent { asked: now });
    assert!(shop.stripe.account_id().await.is_ok());
}

#[tokio::test]
async fn a_search_also_returns_other_payments_of_the_session() {
    let mut shop = Shop::open();
    let started = SystemClock.now();
    shop.pay("pm_card_visa").await;
    shop.clock.advance(Span::seconds(5));
    shop.pay("pm_card_visa").await;
    let ids: Vec<String> = shop.emulator.ledger().into_iter().map(|entry| entry.payment_intent).collect();
    let AttemptObservation { primary, other_payments } =
        shop.whole(&mut shop.search(1, started, SystemClock.now())).await;
    assert!(
        matches!(primary, Observation::PaymentIntent(intent) if intent.id.as_str() == ids[0]),
        "the oldest decides"
    );
    assert_eq!(other_payments.iter().map(ToString::to_string).collect::<Vec<_>>(), ids[1..]);

    let seen = shop.whole(&mut shop.search(2, started, started)).await;
    assert_eq!(
        (seen.primary, seen.other_payments.len()),
        (Observation::Absent { asked: started }, 2),
        "attempt 2 was not paid, attempt 1 was"
    );
}

#[tokio::test]
async fn a_payment_search_ends_when_no_payment_can_be_made_any_more() {
    let mut shop = Shop::open();
    let started = SystemClock.now();
    shop.clock.advance(Span::hours(22));
    shop.pay("pm_card_visa").await;
    for (hours, found) in [(21, None), (22, Some(PaymentIntentStatus::Succeeded))] {
        let made_by = Some(started + Span::hours(hours) + Span::seconds(2));
        let sought = Sought { session: shop.session.clone(), attempt: AttemptNumber(1), started, made_by };
        let seen = shop.whole(&mut Search::new(vec![sought], started)).await;
        assert_eq!(status(&seen.primary), found, "{seen:?}");
    }
}

#[tokio::test]
async fn a_search_that_the_key_may_not_make_can_go_on_later() {
    let shop = Shop::open();
    let mut search = shop.search(1, SystemClock.now(), SystemClock.now());
    shop.emulator.forbid(KEY, &[RequestKind::ListIntents]);
    let stopped = shop.stripe.search(&mut search).await.unwrap_err();
    assert!(stopped.may_go_on && stopped.observed.seen == Observation::KeyRefused, "{stopped:?}");
    shop.emulator.forbid(KEY, &[]);
    assert!(shop.stripe.search(&mut search).await.is_ok());
}

#[tokio::test]
async fn a_payment_behind_the_first_page_of_a_listing_is_found() {
    let mut shop = Shop::open();
    let started = SystemClock.now();
    shop.pay("pm_card_visa").await;
    shop.clock.advance(Span::seconds(5));
    for _ in 0..100 {
        shop.pay("pm_card_chargeDeclined").await;
    }
    let seen = shop.look(started, SystemClock.now()).await;
    assert_eq!(status(&seen), Some(PaymentIntentStatus::Succeeded), "{seen:?}");
}

#[tokio::test]
async fn a_payment_window_includes_the_second_after_its_end() {
    let mut shop = Shop::open();
    let made = Timestamp::from_seconds(shop.clock.now().as_seconds());
    shop.pay("pm_card_visa").await;
    let merchant = MERCHANT.parse().unwrap();
    for (early, found) in [(0, 1), (1, 1), (2, 0)] {
        let within = Window { from: made - Span::hours(1), to: made - Span::seconds(early) };
        let payments = shop.stripe.payments_within(&merchant, within).await.unwrap();
        assert_eq!(payments.len(), found, "its end is {early} seconds before the payment");
    }
    let within = Window { from: made - Span::hours(1), to: made };
    let other = "other".parse().unwrap();
    assert_eq!(shop.stripe.payments_within(&other, within).await.unwrap().len(), 0, "it is another's");
}

#[tokio::test]
async fn with_a_wrong_clock_no_listing_of_a_time_is_believed() {
    let wrong = SystemClock.now() + Span::minutes(3);
    let mut shop = Shop::with_clock(Arc::new(ManualClock::new(wrong)));
    shop.pay("pm_card_visa").await;
    let within = Window { from: wrong - Span::hours(1), to: wrong };
    let noted = shop.stripe.payments_within(&MERCHANT.parse().unwrap(), within).await.unwrap_err();
    assert_eq!(noted.cause.as_deref(), Some("Stripe's clock differs from this machine's"));
}

/// A Stripe that answers each request with the next of these pages, and from then on with the last, and counts them.
async fn pages(pages: Vec<String>) -> (StripeAccount, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let api_base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0_u8; 8192];
            let _length = stream.read(&mut request).await.unwrap();
            let page = &pages[count.fetch_add(1, Ordering::SeqCst).min(pages.len() - 1)];
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", page.len());
            stream.write_all((head + page).as_bytes()).await.unwrap();
        }
    });
    (client(&api_base, Arc::new(SystemClock)), asked)
}

fn listed(ids: &[&str], has_more: bool) -> String {
    let payment = |id: &&str| {
        json!({
            "id": id, "status": "succeeded", "amount": 500, "currency": "usd", "livemode": false, "created": 1,
            "metadata": { "merchant": MERCHANT, "checkout_session": SessionId::from_random(7) },
        })
    };
    json!({ "data": ids.iter().map(payment).collect::<Vec<_>>(), "has_more": has_more }).to_string()
}

async fn all(stripe: &StripeAccount) -> Result<Vec<String>, Option<String>> {
    let within = Window { from: Timestamp::from_seconds(0), to: Timestamp::from_seconds(10) };
    match stripe.payments_within(&MERCHANT.parse().unwrap(), within).await {
        Ok(payments) => Ok(payments.iter().map(|payment| payment.id.to_string()).collect()),
        Err(noted) => Err(noted.cause),
    }
}

#[tokio::test]
async fn a_listing_is_read_page_by_page_and_given_the_oldest_first() {
    let (stripe, asked) =
        pages(vec![listed(&["pi_d", "pi_c"], true), listed(&["pi_b", "pi_a"], false)]).await;
    assert_eq!(all(&stripe).await.unwrap(), ["pi_a", "pi_b", "pi_c", "pi_d"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_listing_that_promises_more_without_end_is_no_complete_one() {
    let (first, nothing) = (listed(&["pi_d", "pi_c"], true), listed(&[], true));
    for (answers, requests) in
        [(vec![first.clone()], 2), (vec![first, nothing.clone()], 2), (vec![nothing], 1)]
    {
        let (stripe, asked) = pages(answers).await;
        assert_eq!(all(&stripe).await, Err(Some("the listing did not come to its end".to_owned())));
        assert_eq!(asked.load(Ordering::SeqCst), requests);
    }
}
