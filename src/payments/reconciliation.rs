//! Before a merchant of a restored database takes a payment: everything of ours that Stripe shows since the backup is
//! attached to its session or flagged, and what became of its orders is known.
//!
//! It goes beside the sessions' actors, which do nothing of their own meanwhile: each change is made from the version that
//! was read, as theirs are. Invariants: a restore of checkouts is accounted for only by an account that Stripe itself has named,
//! and only by a reading begun when nothing of the process before could arrive any more; no order is placed before the numbers that may
//! have been given are behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::commit::prepare;
use super::dependencies::Dependencies;
use super::merchant_state::MerchantState;
use crate::domain::address::Buyer;
use crate::domain::checkout::driver::change_of;
use crate::domain::checkout::model::{
    Context, Event, Flag, FlagReason, Observation, OrderObservation, PaymentIntentSnapshot,
    PaymentIntentStatus, RestoreEvidence, Session, ShownByStripe, State, StripeCheckoutSnapshot,
    StripeCheckoutStatus,
};
use crate::domain::ids::{AccountId, AttemptNumber, FlagId, PaymentIntentId, SessionId};
use crate::domain::time::Span;
use crate::store::{CommitError, RestoreMarker, StoreError};
use crate::stripe::{CallResult, Noted, Window};

/// How far around what may have happened Stripe is looked at: clocks differ.
const MARGIN: Span = Span::minutes(10);

/// How often a change is tried again when a session changes under it.
const TRIES: u32 = 10;

/// How often a reading is made at most before the whole accounting is tried later, and the first pause between two.
const READINGS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Why a restore is not accounted for yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreconciled {
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[error(
        "the key may not read its account, so nothing proves that what it shows is all of this merchant's; \
         payments stay off until the key may read /v1/account (for a restricted key: Account, read)"
    )]
    Unproved,
    #[error(
        "Stripe could not be read to its end ({0}); if that goes on, see whether the key may read payments, Checkout \
         Sessions, refunds and disputes"
    )]
    ReadFailed(Noted),
    #[error("payment {0} is not decided yet at Stripe")]
    Undecided(PaymentIntentId),
    #[error("page {0} could not be closed")]
    StripeCheckoutOpen(String),
    #[error("{0} changes all the time")]
    Busy(SessionId),
    #[error("what the former process sent may still arrive at Stripe; it is read again in {} s", left.as_millis() / 1000)]
    Settling { left: Span },
}

/// Accounts for every restore that is not accounted for yet, by what this account shows.
pub(super) async fn reconcile(
    deps: &Dependencies,
    merchant: &MerchantState,
    (account, verified_by_stripe): (&AccountId, bool),
) -> Result<(), Unreconciled> {
    let markers = deps.reconciliation.unreconciled(&merchant.tenant);
    if markers.is_empty() {
        return Ok(());
    }
    let restored = markers.iter().map(|marker| marker.restored).max();
    // Where nothing is kept from before, nothing that is kept can look payable and be paid.
    if let Some(restored) = restored
        && !verified_by_stripe
        && deps.reconciliation.began_before(&merchant.tenant, restored).await?
    {
        return Err(Unreconciled::Unproved);
    }
    let _place = deps.places.accounting().await;
    let asked = deps.clock.now();
    let reading = Reading { deps, merchant, account };
    let (pages, payments, orders) = reading.account_for_all(&markers).await?;
    let settled = restored.map_or(asked, |restored| restored + deps.drain);
    if asked < settled {
        return Err(Unreconciled::Settling { left: settled.since(deps.clock.now()).max(Span::millis(1)) });
    }
    let tenant = &merchant.tenant;
    for marker in &markers {
        deps.reconciliation.reconciled(tenant, marker).await?;
    }
    tracing::warn!(merchant = %tenant.merchant, restores = markers.len(), pages, payments, orders, "restore_reconciled");
    Ok(())
}

/// One reading of everything, on one account.
struct Reading<'a> {
    deps: &'a Dependencies,
    merchant: &'a MerchantState,
    account: &'a AccountId,
}

impl Reading<'_> {
    /// Accounts for all that Stripe shows of some restores; how many pages, payments and changed orders that were.
    async fn account_for_all(
        &self,
        markers: &[RestoreMarker],
    ) -> Result<(usize, usize, usize), Unreconciled> {
        let window = |marker: &RestoreMarker| Window {
            from: marker.taken - MARGIN,
            to: marker.restored + self.deps.drain + MARGIN,
        };
        let stripe = self.merchant.stripe.as_ref();
        let shop = &self.merchant.tenant.merchant;
        // The pages first: one that is closed can no longer be paid when the payments are listed.
        let (mut pages, mut buyers) = (0, BTreeMap::new());
        for marker in markers {
            for page in self.persistently(|| stripe.stripe_checkouts_within(shop, window(marker))).await? {
                let StripeCheckoutSnapshot { intent, buyer, .. } = self.close(page).await?;
                buyers.extend(intent.map(|(intent, _)| (intent, (buyer, marker))));
                pages += 1;
            }
        }
        // The oldest first, each once.
        let (mut payments, mut known) = (Vec::new(), BTreeSet::new());
        let mut touched = BTreeSet::new();
        for marker in markers {
            let within = window(marker);
            let mut found = self.persistently(|| stripe.payments_within(shop, within)).await?;
            // A page's payment is made when its shopper pays, which may have been after this window.
            let listed: BTreeSet<_> = found.iter().map(|seen| seen.id.clone()).collect();
            let of_pages =
                buyers.iter().filter(|(intent, (_, of))| *of == marker && !listed.contains(*intent));
            for (intent, _) in of_pages {
                let reading = || async {
                    let CallResult { seen, noted, .. } = stripe.read_intent(intent).await;
                    if let Observation::PaymentIntent(seen) = seen { Ok(seen) } else { Err(noted) }
                };
                found.push(self.persistently(reading).await?);
            }
            let paid = found.iter().filter(|seen| seen.status == PaymentIntentStatus::Succeeded).count();
            let numbers = u32::try_from(paid).unwrap_or(u32::MAX);
            self.deps.reconciliation.numbers_given(&self.merchant.tenant, marker, numbers).await?;
            payments.extend(found.into_iter().filter(|seen| known.insert(seen.id.clone())));
            touched.extend(self.persistently(|| stripe.touched_within(within)).await?);
        }
        for seen in &payments {
            self.account_for(seen, buyers.get(&seen.id).map(|(buyer, _)| buyer)).await?;
        }
        let orders = self.read_orders(&touched).await?;
        Ok((pages, payments.len(), orders))
    }

    /// Makes a reading again until it comes to its end, a few times: what was read before it stays read.
    async fn persistently<T, R>(&self, reading: impl Fn() -> R) -> Result<T, Unreconciled>
    where
        R: Future<Output = Result<T, Noted>>,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 1..READINGS {
            self.room().await?;
            if let Ok(read) = reading().await {
                return Ok(read);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.room().await?;
        reading().await.map_err(Unreconciled::ReadFailed)
    }

    /// Waits until the merchant's account may be asked once more.
    async fn room(&self) -> Result<(), Unreconciled> {
        self.merchant.gate.one_of_many().await.map_err(|_| {
            let cause = Some("too much waits for Stripe; it was not asked".to_owned());
            Unreconciled::ReadFailed(Noted { cause, ..Noted::default() })
        })
    }

    async fn session(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let loaded = self.deps.store.load(&self.merchant.tenant, id, None).await?;
        Ok(loaded.session.map(|(_, session)| session))
    }

    /// Tells one try from every other.
    fn distinction(&self) -> String {
        format!("restored-{:032x}", self.deps.ids.random_id())
    }

    /// Closes a page whose address the database does not know, and keeps its attempt's number from being given again. The page
    /// as it then stands.
    async fn close(&self, mut page: StripeCheckoutSnapshot) -> Result<StripeCheckoutSnapshot, Unreconciled> {
        let Some(id) = page.session.clone() else { return Ok(page) };
        let session = self.session(&id).await?;
        // Of one that was being opened somebody may have the address: its opening is repeated, and then reads "expired".
        let known = session.as_ref().is_some_and(|session| {
            if let State::AwaitingStripeCheckout { checkout, .. }
            | State::ClosingStripeCheckout { checkout, .. } = &session.state
            {
                checkout.id == page.id
            } else {
                false
            }
        });
        if page.status == StripeCheckoutStatus::Open && !known {
            self.room().await?;
            let stripe = self.merchant.stripe.as_ref();
            let closed = stripe.close_stripe_checkout(&page.id, &self.distinction()).await.seen;
            let now = if let Observation::StripeCheckout(seen) = closed { Some(seen) } else { None };
            let Some(now) = now.filter(|seen| seen.status != StripeCheckoutStatus::Open) else {
                return Err(Unreconciled::StripeCheckoutOpen(page.id.to_string()));
            };
            page = now;
        }
        if let (Some(_), Some(attempt)) = (session, page.attempt) {
            self.evidence(&id, ShownByStripe::StripeCheckout(attempt)).await?;
        }
        Ok(page)
    }

    /// Attaches a payment to its session, or flags it. `buyer` is who paid on a page, where it was made on one.
    async fn account_for(
        &self,
        seen: &PaymentIntentSnapshot,
        buyer: Option<&Buyer>,
    ) -> Result<(), Unreconciled> {
        let Some(id) = &seen.session else { return Ok(()) };
        let session = self.session(id).await?;
        let seen = self
            .decided(seen, session.as_ref().and_then(Session::undecided_attempt), buyer.is_some())
            .await?;
        if session.is_some() {
            let buyer = buyer.cloned().unwrap_or_default();
            return self.evidence(id, ShownByStripe::Payment { seen, buyer }).await;
        }
        if seen.status == PaymentIntentStatus::Succeeded {
            let flag = Flag {
                id: FlagId::from_random(self.deps.ids.random_id()),
                session: id.clone(),
                intent: seen.id.clone(),
                reason: FlagReason::LostByRestore,
                seen: self.deps.clock.now(),
            };
            self.deps.reconciliation.flag(&self.merchant.tenant, flag).await?;
        }
        Ok(())
    }

    /// A payment whose end is known: one that could still be paid is canceled. One that a session of the database works on
    /// is left to it.
    async fn decided(
        &self,
        seen: &PaymentIntentSnapshot,
        running: Option<AttemptNumber>,
        on_page: bool,
    ) -> Result<PaymentIntentSnapshot, Unreconciled> {
        let undecided = || Unreconciled::Undecided(seen.id.clone());
        match seen.status {
            PaymentIntentStatus::Succeeded | PaymentIntentStatus::Canceled => Ok(seen.clone()),
            _ if running.is_some() && running == seen.attempt => Ok(seen.clone()),
            // Nobody but its page's shopper can go on with it, and the page is closed.
            PaymentIntentStatus::RequiresPaymentMethod if on_page => Ok(seen.clone()),
            PaymentIntentStatus::Processing => Err(undecided()),
            PaymentIntentStatus::RequiresPaymentMethod
            | PaymentIntentStatus::RequiresAction
            | PaymentIntentStatus::RequiresConfirmation
            | PaymentIntentStatus::RequiresCapture => {
                self.room().await?;
                let stripe = self.merchant.stripe.as_ref();
                let canceled = stripe.cancel_intent(&seen.id, &self.distinction()).await.seen;
                let Observation::PaymentIntent(now) = canceled else { return Err(undecided()) };
                let ended =
                    matches!(now.status, PaymentIntentStatus::Canceled | PaymentIntentStatus::Succeeded);
                if ended { Ok(now) } else { Err(undecided()) }
            }
        }
    }

    /// Looks at every order whose payment was refunded or disputed, so that no refund is begun before those are known. How
    /// many orders that were.
    async fn read_orders(&self, touched: &BTreeSet<PaymentIntentId>) -> Result<usize, Unreconciled> {
        let mut orders = BTreeMap::new();
        for payment in touched {
            let session = self.deps.reconciliation.session_paid_by(&self.merchant.tenant, payment).await?;
            orders.extend(session.map(|session| (session, payment)));
        }
        // One that cannot be read costs no other its reading.
        let (mut left, mut pause) = (orders.iter().collect::<Vec<_>>(), FIRST_PAUSE);
        let mut unread = Noted::default();
        for _ in 0..READINGS {
            let mut failed = Vec::new();
            for (session, payment) in left {
                self.room().await?;
                let stripe = self.merchant.stripe.as_ref();
                let CallResult { seen, noted, .. } = stripe.read_order(payment, self.deps.clock.now()).await;
                if matches!(&seen, OrderObservation::Read { disputes: Some(_), .. }) {
                    self.apply(session, Event::OrderObserved(seen)).await?;
                } else {
                    unread = noted;
                    failed.push((session, payment));
                }
            }
            if failed.is_empty() {
                return Ok(orders.len());
            }
            left = failed;
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(Unreconciled::ReadFailed(unread))
    }

    /// Commits what Stripe shows of a session.
    async fn evidence(&self, id: &SessionId, shown: ShownByStripe) -> Result<(), Unreconciled> {
        let evidence = RestoreEvidence { account: self.account.clone(), shown };
        self.apply(id, Event::Reconciled(Box::new(evidence))).await
    }

    /// Commits what an event means to a session.
    async fn apply(&self, id: &SessionId, event: Event) -> Result<(), Unreconciled> {
        let (deps, merchant) = (self.deps, self.merchant);
        for _ in 0..TRIES {
            let loaded = deps.store.load(&merchant.tenant, id, None).await?;
            let Some((version, session)) = loaded.session else { return Ok(()) };
            let view = merchant.view.load_full();
            let context = Context { view: &view, moment: deps.moment() };
            let Some(change) = change_of((version, &session), event.clone(), &context) else { return Ok(()) };
            let committed = match prepare(deps, merchant, change).await {
                Ok(commit) => deps.store.commit(commit).await,
                Err(error) => Err(error.into()),
            };
            match committed {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict | CommitError::TokenUsed) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
        Err(Unreconciled::Busy(id.clone()))
    }
}
