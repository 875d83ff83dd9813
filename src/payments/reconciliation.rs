//! Reconciles a restored database before the merchant takes a payment: every payment of ours that Stripe shows since
//! the backup is attached to its session or flagged, and the activity of its orders is read.
//!
//! It runs beside the sessions' actors, which do no work of their own meanwhile; each change is made from the version
//! that was read, as an actor's is. Invariants: a restore of checkouts is reconciled only with an account that Stripe
//! itself has confirmed, and only by a reading begun when no request of the previous process can arrive any more; no
//! order is placed before the order numbers are moved beyond those that may have been given.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::commit::{log_placed, prepare};
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

/// The margin around the time that is read, because clocks differ.
const MARGIN: Span = Span::minutes(10);

/// How often a change is tried again when another commit changes the session.
const TRIES: u32 = 10;

/// The most tries of one reading before the whole reconciliation is tried later, and the first pause between two.
const READINGS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Why a restore is not reconciled yet.
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

/// Reconciles every pending restore with this account.
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
    // Without data from before, no session can seem payable although it was paid.
    if let Some(restored) = restored
        && !verified_by_stripe
        && deps.reconciliation.began_before(&merchant.tenant, restored).await?
    {
        return Err(Unreconciled::Unproved);
    }
    let _place = deps.places.accounting().await;
    let asked = deps.clock.now();
    let reading = Reading { deps, merchant, account };
    let (checkouts, payments, orders) = reading.account_for_all(&markers).await?;
    let settled = restored.map_or(asked, |restored| restored + deps.drain);
    if asked < settled {
        return Err(Unreconciled::Settling { left: settled.since(deps.clock.now()).max(Span::millis(1)) });
    }
    let tenant = &merchant.tenant;
    for marker in &markers {
        deps.reconciliation.reconciled(tenant, marker).await?;
    }
    tracing::warn!(merchant = %tenant.merchant, restores = markers.len(), stripe_checkouts = checkouts, payments, orders, "restore_reconciled");
    Ok(())
}

/// A complete reading on one account.
struct Reading<'a> {
    deps: &'a Dependencies,
    merchant: &'a MerchantState,
    account: &'a AccountId,
}

impl Reading<'_> {
    /// Reconciles everything that Stripe shows for some restores; returns the numbers of Stripe Checkouts, payments
    /// and changed orders.
    async fn account_for_all(
        &self,
        markers: &[RestoreMarker],
    ) -> Result<(usize, usize, usize), Unreconciled> {
        let window = |marker: &RestoreMarker| Window {
            from: marker.taken - MARGIN,
            to: marker.restored + self.deps.drain + MARGIN,
        };
        let stripe = self.merchant.key.stripe.as_ref();
        let shop = &self.merchant.tenant.merchant;
        // Stripe Checkouts come first: a closed one can no longer be paid when the payments are listed.
        let (mut checkouts, mut buyers) = (0, BTreeMap::new());
        for marker in markers {
            for snapshot in self.persistently(|| stripe.stripe_checkouts_within(shop, window(marker))).await?
            {
                let StripeCheckoutSnapshot { intent, buyer, .. } = self.close(snapshot).await?;
                buyers.extend(intent.map(|(intent, _)| (intent, (buyer, marker))));
                checkouts += 1;
            }
        }
        // The oldest first, each once.
        let (mut payments, mut known) = (Vec::new(), BTreeSet::new());
        let mut touched = BTreeSet::new();
        for marker in markers {
            let within = window(marker);
            let mut found = self.persistently(|| stripe.payments_within(shop, within)).await?;
            // The payment of a Stripe Checkout is created when its shopper pays, which may have been after this
            // window.
            let listed: BTreeSet<_> = found.iter().map(|seen| seen.id.clone()).collect();
            let of_checkouts =
                buyers.iter().filter(|(intent, (_, of))| *of == marker && !listed.contains(*intent));
            for (intent, _) in of_checkouts {
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
            touched.extend(self.persistently(|| stripe.payments_changed_within(within)).await?);
        }
        for seen in &payments {
            self.account_for(seen, buyers.get(&seen.id).map(|(buyer, _)| buyer)).await?;
        }
        let orders = self.read_orders(&touched).await?;
        Ok((checkouts, payments.len(), orders))
    }

    /// Repeats a reading a few times until it is complete; results of earlier readings are kept.
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

    /// Waits until the budget allows one more request to the merchant's account.
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

    /// A text that makes each try unique.
    fn distinction(&self) -> String {
        format!("restored-{:032x}", self.deps.ids.random_id())
    }

    /// Closes a Stripe Checkout whose address the database does not know, and keeps its attempt's number from being
    /// used again. Returns its state afterwards.
    async fn close(
        &self,
        mut snapshot: StripeCheckoutSnapshot,
    ) -> Result<StripeCheckoutSnapshot, Unreconciled> {
        let Some(id) = snapshot.session.clone() else { return Ok(snapshot) };
        let session = self.session(&id).await?;
        // The address of one that was being created may be in use: its creation is repeated, and then reads
        // "expired".
        let known = session.as_ref().is_some_and(|session| {
            if let State::AwaitingStripeCheckout { checkout, .. }
            | State::ClosingStripeCheckout { checkout, .. } = &session.state
            {
                checkout.id == snapshot.id
            } else {
                false
            }
        });
        if snapshot.status == StripeCheckoutStatus::Open && !known {
            self.room().await?;
            let stripe = self.merchant.key.stripe.as_ref();
            let closed = stripe.close_stripe_checkout(&snapshot.id, &self.distinction()).await.seen;
            let now = if let Observation::StripeCheckout(seen) = closed { Some(seen) } else { None };
            let Some(now) = now.filter(|seen| seen.status != StripeCheckoutStatus::Open) else {
                return Err(Unreconciled::StripeCheckoutOpen(snapshot.id.to_string()));
            };
            snapshot = now;
        }
        if let (Some(_), Some(attempt)) = (session, snapshot.attempt) {
            self.evidence(&id, ShownByStripe::StripeCheckout(attempt)).await?;
        }
        Ok(snapshot)
    }

    /// Attaches a payment to its session, or flags it. `buyer` is the payer's data from its Stripe Checkout, if it
    /// was made on one.
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

    /// A payment with a known end: one that could still succeed is canceled. A payment that a session of the database
    /// is working on is left to that session.
    async fn decided(
        &self,
        seen: &PaymentIntentSnapshot,
        running: Option<AttemptNumber>,
        on_stripe_checkout: bool,
    ) -> Result<PaymentIntentSnapshot, Unreconciled> {
        let undecided = || Unreconciled::Undecided(seen.id.clone());
        match seen.status {
            PaymentIntentStatus::Succeeded | PaymentIntentStatus::Canceled => Ok(seen.clone()),
            _ if running.is_some() && running == seen.attempt => Ok(seen.clone()),
            // Only the shopper on its Stripe Checkout could continue it, and that is closed.
            PaymentIntentStatus::RequiresPaymentMethod if on_stripe_checkout => Ok(seen.clone()),
            PaymentIntentStatus::Processing => Err(undecided()),
            PaymentIntentStatus::RequiresPaymentMethod
            | PaymentIntentStatus::RequiresAction
            | PaymentIntentStatus::RequiresConfirmation
            | PaymentIntentStatus::RequiresCapture => {
                self.room().await?;
                let stripe = self.merchant.key.stripe.as_ref();
                let canceled = stripe.cancel_intent(&seen.id, &self.distinction()).await.seen;
                let Observation::PaymentIntent(now) = canceled else { return Err(undecided()) };
                let ended =
                    matches!(now.status, PaymentIntentStatus::Canceled | PaymentIntentStatus::Succeeded);
                if ended { Ok(now) } else { Err(undecided()) }
            }
        }
    }

    /// Reads every order whose payment was refunded or disputed, so that no refund begins before those are known.
    /// Returns how many orders that were.
    async fn read_orders(&self, touched: &BTreeSet<PaymentIntentId>) -> Result<usize, Unreconciled> {
        let mut orders = BTreeMap::new();
        for payment in touched {
            let session = self.deps.reconciliation.session_paid_by(&self.merchant.tenant, payment).await?;
            orders.extend(session.map(|session| (session, payment)));
        }
        // An unreadable order does not prevent the reading of the others.
        let (mut left, mut pause) = (orders.iter().collect::<Vec<_>>(), FIRST_PAUSE);
        let mut unread = Noted::default();
        for _ in 0..READINGS {
            let mut failed = Vec::new();
            for (session, payment) in left {
                self.room().await?;
                let stripe = self.merchant.key.stripe.as_ref();
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

    /// Commits the evidence that Stripe shows of a session.
    async fn evidence(&self, id: &SessionId, shown: ShownByStripe) -> Result<(), Unreconciled> {
        let evidence = RestoreEvidence { account: self.account.clone(), shown };
        self.apply(id, Event::Reconciled(Box::new(evidence))).await
    }

    /// Commits the effect of an event on a session.
    async fn apply(&self, id: &SessionId, event: Event) -> Result<(), Unreconciled> {
        let (deps, merchant) = (self.deps, self.merchant);
        for _ in 0..TRIES {
            let loaded = deps.store.load(&merchant.tenant, id, None).await?;
            let view = merchant.view.load_full();
            let context = Context { view: &view, moment: deps.moment() };
            let Some(change) = change_of(&loaded, event.clone(), &context) else { return Ok(()) };
            let placed = change.order.clone();
            let committed = match prepare(deps, merchant, change) {
                Ok(commit) => deps.store.commit(commit).await,
                Err(error) => Err(error.into()),
            };
            match committed {
                Ok(_) => {
                    if let Some(order) = &placed {
                        log_placed(&merchant.tenant.merchant, order);
                    }
                    return Ok(());
                }
                Err(CommitError::Conflict | CommitError::TokenUsed) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
        Err(Unreconciled::Busy(id.clone()))
    }
}
