//! The model of Stripe behind the interface that the actors ask: slow, silent, panicking, and late.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use merchant_gateway::domain::checkout::model::{
    ExpectedPayment, Inconclusive, Observation, OrderObservation, PaymentIntentSnapshot, RefundAnswer,
    SharedPaymentToken, StripeCheckoutSnapshot, TokenFacts, TokenReadError,
};
use merchant_gateway::domain::ids::{
    AccountId, AttemptNumber, MerchantId, PaymentIntentId, Revision, SessionId, StripeCheckoutId,
};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::RefundOrigin;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::ports::Clock;
use merchant_gateway::stripe::{
    AccountError, CallResult, KeyObserver, KeyReport, Noted, Search, Searched, SellerAccount, Sought,
    Stopped, StoredCharge, StoredRefund, StoredStripeCheckout, Stripe, Window,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::sleep;

use super::faults::{FaultSchedule, Life, Script, panics};
use test_support::chance::Chance;
use test_support::model_refunds::AskedBack;
use test_support::model_stripe::{ModelStripe, Sent};
use test_support::shop;

/// The deadline of a request.
const DEADLINE: Duration = Duration::from_secs(30);

/// One account for each key.
#[derive(Clone)]
pub struct ModelSellers {
    faults: Arc<FaultSchedule>,
    clock: Arc<dyn Clock>,
    /// Of the process that asks.
    life: Life,
    accounts: Arc<Mutex<BTreeMap<String, ModelStripe>>>,
    /// How often a page of each listing was asked for.
    asked: Arc<Mutex<BTreeMap<(Timestamp, SessionId), u32>>>,
}

/// What comes of asking for one more page of a listing.
enum Listed {
    Whole,
    More,
    Not,
}

struct ModelSeller {
    sellers: ModelSellers,
    key: String,
    observer: KeyObserver,
}

impl ModelSellers {
    pub fn new(faults: Arc<FaultSchedule>, clock: Arc<dyn Clock>) -> Self {
        let life = Life::begin();
        Self { faults, clock, life, accounts: Arc::default(), asked: Arc::default() }
    }

    /// The same accounts, as another process asks for them.
    pub fn of_process(&self, life: Life) -> Self {
        Self { life, ..self.clone() }
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<String, ModelStripe>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks into an account, or changes it.
    pub fn with<T>(&self, key: &str, what: impl FnOnce(&mut ModelStripe, Timestamp) -> T) -> T {
        what(self.accounts().entry(key.to_owned()).or_default(), self.clock.now())
    }

    /// A shopper pays on a page of the account that this key opens, if it can still be paid there.
    pub fn pay_on_page(&self, key: &str, page: &StripeCheckoutId) {
        let mut draws = Chance::new(self.faults.draw(Chance::next));
        let used = self.with(key, |account, now| {
            account.pay_on_page(page, test_support::model_stripe::Card::Pays, now, &mut draws)
        });
        self.faults.tell(&format!("a shopper pays on {page}: {used}"));
        self.faults.note(if used { "page used" } else { "page of no use" });
    }

    /// Asks for one more page of a listing.
    fn listed(&self, search: &Search, script: Script) -> Listed {
        let first = &search.sought()[0];
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry((search.began(), first.session.clone())).or_insert(0);
        if *times == 0 {
            self.faults.note("listing begun");
        }
        *times += 1;
        if script.listings_fail || (script.listing_pages > 0 && times.is_multiple_of(3)) {
            return Listed::Not;
        }
        let endless =
            script.old_listings_never_end && !first.started.is_within(Span::hours(1), search.began());
        if endless || *times - *times / 3 < script.listing_pages { Listed::More } else { Listed::Whole }
    }

    fn charge(&self, key: &str, sent: &Arriving) -> Observation {
        let mut draws = Chance::new(self.faults.draw(Chance::next));
        let seen = self.with(key, |account, now| {
            let sent = Sent { key: &sent.key, token: &sent.token, charge: &sent.charge };
            account.charge(&sent, now, &mut draws)
        });
        self.faults.tell(&format!("Stripe is asked to charge {}: {seen:?}", sent.charge.session));
        seen
    }
}

impl Stripe for ModelSellers {
    fn account(&self, key: SecretString, observer: KeyObserver) -> Arc<dyn SellerAccount> {
        Arc::new(ModelSeller { sellers: self.clone(), key: key.expose_secret().to_owned(), observer })
    }
}

impl fmt::Debug for ModelSeller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModelSeller")
    }
}

impl ModelSeller {
    /// A request with its answer; `None` when either is lost.
    async fn request<T>(&self, what: impl FnOnce(&mut ModelStripe, Timestamp) -> T + Send) -> Option<T>
    where
        T: Send,
    {
        let faults = &self.sellers.faults;
        self.sellers.life.goes_on().await;
        faults.pause().await;
        if faults.strikes("stripe panicked", 6) {
            panics();
        }
        if faults.strikes("request lost", 15) {
            sleep(DEADLINE).await;
            return None;
        }
        let answer = self.sellers.with(&self.key, what);
        if faults.strikes("answer lost", 15) {
            sleep(DEADLINE).await;
            return None;
        }
        faults.pause().await;
        Some(answer)
    }

    /// Whether Stripe takes no more requests now.
    fn is_limited(&self) -> bool {
        let limited = self.sellers.faults.script().too_many;
        if limited {
            self.observer.report(KeyReport::Limited { retry_after: None });
        }
        limited
    }

    async fn request_with(
        &self,
        name: &'static str,
        what: impl FnOnce(&mut ModelStripe, Timestamp) -> Observation + Send,
    ) -> CallResult {
        self.sellers.faults.note(name);
        sleep(self.sellers.faults.script().readings_take).await;
        if self.is_limited() {
            return Observation::ReadFailed.into();
        }
        self.request(what).await.unwrap_or(Observation::ReadFailed).into()
    }
}

#[async_trait]
impl SellerAccount for ModelSeller {
    fn token_parameter(&self) -> &'static str {
        "payment_method_data[shared_payment_granted_token]"
    }

    fn version(&self) -> &'static str {
        "2026-09-30.preview"
    }

    async fn account_id(&self) -> Result<AccountId, AccountError> {
        let unread = || AccountError::ReadFailed(Box::default());
        if self.sellers.faults.script().account_unread {
            return Err(unread());
        }
        let id = self.request(|_, _| format!("acct_{}", &self.key[8..]).parse()).await.ok_or_else(unread)?;
        id.map_err(|_| unread())
    }

    async fn token_facts(
        &self,
        token: &SharedPaymentToken,
    ) -> CallResult<Result<TokenFacts, TokenReadError>> {
        if self.is_limited() {
            return Err(TokenReadError::Limited).into();
        }
        let facts = self.request(|account, now| account.facts(token.expose(), now)).await;
        facts.unwrap_or(Err(TokenReadError::ReadFailed)).into()
    }

    async fn charge(&self, stored: &StoredCharge<'_>) -> CallResult {
        let faults = &self.sellers.faults;
        self.sellers.life.goes_on().await;
        let sent = Arriving::of(stored);
        let unknown = || CallResult::from(Observation::Inconclusive(Inconclusive::default()));
        sleep(faults.script().charges_take).await;
        if self.is_limited() {
            return Observation::Inconclusive(Inconclusive { limited: true, ..Inconclusive::default() })
                .into();
        }
        faults.pause().await;
        if faults.strikes("late charge", 20) {
            let (sellers, key) = (self.sellers.clone(), self.key.clone());
            let late = faults.draw(|chance| chance.millis(1000, 60_000));
            tokio::spawn(async move {
                sleep(Duration::from_millis(late.unsigned_abs())).await;
                sellers.charge(&key, &sent);
            });
            sleep(DEADLINE).await;
            return unknown();
        }
        if faults.strikes("request lost", 15) {
            sleep(DEADLINE).await;
            return unknown();
        }
        let seen = self.sellers.charge(&self.key, &sent);
        if faults.script().charges_tell_nothing {
            return Observation::Inconclusive(Inconclusive {
                should_retry: Some(false),
                ..Inconclusive::default()
            })
            .into();
        }
        if faults.strikes("stripe panicked after a charge", 15) {
            panics();
        }
        if faults.strikes("answer lost", 15) {
            sleep(DEADLINE).await;
            return unknown();
        }
        faults.pause().await;
        seen.into()
    }

    async fn read_intent(&self, intent: &PaymentIntentId) -> CallResult {
        self.request_with("payment read", |account, now| account.read(intent, now)).await
    }

    async fn own_payment(
        &self,
        _: &MerchantId,
        intent: &PaymentIntentId,
    ) -> Result<Option<PaymentIntentSnapshot>, Noted> {
        let seen = self.read_intent(intent).await.seen;
        if let Observation::PaymentIntent(seen) = seen { Ok(Some(seen)) } else { Err(Noted::default()) }
    }

    async fn cancel_intent(&self, intent: &PaymentIntentId, _: &str) -> CallResult {
        self.request_with("payment canceled", |account, now| account.cancel(intent, now)).await
    }

    async fn open_stripe_checkout(&self, stored: &StoredStripeCheckout<'_>) -> CallResult {
        let (charge, expires) = page_asked_for(stored.body);
        let key = stored.idempotency_key.as_str();
        let opened =
            self.request(|account, now| account.open_stripe_checkout(key, &charge, expires, now)).await;
        opened.unwrap_or(Observation::Inconclusive(Inconclusive::default())).into()
    }

    async fn read_stripe_checkout(&self, page: &StripeCheckoutId) -> CallResult {
        self.request_with("page read", |account, now| account.read_stripe_checkout(page, now)).await
    }

    async fn close_stripe_checkout(&self, page: &StripeCheckoutId, _: &str) -> CallResult {
        self.request_with("page closed", |account, now| account.close_stripe_checkout(page, now)).await
    }

    async fn refund(&self, stored: &StoredRefund<'_>) -> CallResult<OrderObservation> {
        let asked = asked_back(stored);
        let mut draws = Chance::new(self.sellers.faults.draw(Chance::next));
        let answer = self.request(|account, now| account.refund(&asked, now, &mut draws)).await;
        let answer = answer.unwrap_or(RefundAnswer::Inconclusive(Inconclusive::default()));
        OrderObservation::RefundAnswered { number: stored.number, answer }.into()
    }

    async fn read_order(&self, payment: &PaymentIntentId, _: Timestamp) -> CallResult<OrderObservation> {
        self.request(|account, now| account.read_order(payment, now))
            .await
            .unwrap_or(OrderObservation::ReadFailed)
            .into()
    }

    async fn stripe_checkouts_within(
        &self,
        _: &MerchantId,
        within: Window,
    ) -> Result<Vec<StripeCheckoutSnapshot>, Noted> {
        let read =
            self.request(|account, now| account.stripe_checkouts_within(within.from, within.to, now)).await;
        read.ok_or_else(Noted::default)
    }

    async fn payments_within(
        &self,
        _: &MerchantId,
        within: Window,
    ) -> Result<Vec<PaymentIntentSnapshot>, Noted> {
        let read = self.request(|account, now| account.payments_within(within.from, within.to, now)).await;
        read.ok_or_else(Noted::default)
    }

    async fn payments_changed_within(&self, _: Window) -> Result<BTreeSet<PaymentIntentId>, Noted> {
        let refunded = |account: &mut ModelStripe, _| {
            account.refunds.iter().map(|refund| refund.payment.clone()).collect()
        };
        self.request(refunded).await.ok_or_else(Noted::default)
    }

    async fn search(&self, search: &mut Search) -> Result<Searched, Stopped> {
        let faults = &self.sellers.faults;
        faults.note("listing");
        sleep(faults.script().readings_take).await;
        match self.sellers.listed(search, faults.script()) {
            Listed::Whole => {}
            Listed::More => return Ok(Searched::More),
            Listed::Not => {
                return Err(Stopped { observed: Box::new(Observation::ReadFailed.into()), may_go_on: true });
            }
        }
        let found = self.request(|account, now| {
            let find =
                |sought: &Sought| account.find(&sought.session, sought.attempt, sought.started, now).into();
            search.sought().iter().map(find).collect()
        });
        let stopped = || Stopped { observed: Box::new(Observation::ReadFailed.into()), may_go_on: true };
        found.await.map(Searched::Whole).ok_or_else(stopped)
    }
}

/// A charge on its way, read out of the request's own body.
struct Arriving {
    key: String,
    token: String,
    charge: ExpectedPayment,
}

/// A request's body, decoded.
type Fields = BTreeMap<String, String>;

fn decoded(body: &str) -> Fields {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn charge_of(fields: &Fields, total: Money) -> ExpectedPayment {
    let number = |name: &str| fields[name].parse().unwrap();
    ExpectedPayment {
        total,
        session: fields["metadata[checkout_session]"].parse().unwrap(),
        revision: Revision(number("metadata[checkout_revision]")),
        attempt: AttemptNumber(number("metadata[checkout_attempt]")),
    }
}

/// What a request for a refund asks for.
fn asked_back(stored: &StoredRefund<'_>) -> AskedBack {
    let fields = decoded(stored.body);
    AskedBack {
        key: stored.idempotency_key.as_str().to_owned(),
        payment: fields["payment_intent"].parse().unwrap(),
        amount: Money::new(fields["amount"].parse().unwrap(), shop::usd()),
        session: fields["metadata[checkout_session]"].parse().unwrap(),
        origin: RefundOrigin {
            number: stored.number,
            reference: fields["metadata[checkout_refund_reference]"].parse().unwrap(),
            whole: false,
        },
        reason: None,
    }
}

/// What a request for a page asks for, and until when.
fn page_asked_for(body: &str) -> (ExpectedPayment, Timestamp) {
    let fields = decoded(body);
    let number = |name: &str| fields[name].parse::<i64>().unwrap();
    let rows = (0..).map_while(|row| {
        let quantity = fields.get(&format!("line_items[{row}][quantity]"))?;
        let unit = number(&format!("line_items[{row}][price_data][unit_amount]"));
        Some(quantity.parse::<i64>().unwrap() * unit)
    });
    let currency = fields["line_items[0][price_data][currency]"].parse().unwrap();
    let charge = charge_of(&fields, Money::new(rows.sum(), currency));
    (charge, Timestamp::from_seconds(number("expires_at")))
}

impl Arriving {
    fn of(stored: &StoredCharge<'_>) -> Self {
        let fields = decoded(stored.body);
        let total = Money::new(fields["amount"].parse().unwrap(), fields["currency"].parse().unwrap());
        let charge = charge_of(&fields, total);
        Self {
            key: stored.idempotency_key.as_str().to_owned(),
            token: stored.token.expose().to_owned(),
            charge,
        }
    }
}
