//! Executes the effects of a session at Stripe once. `domain::checkout` decides about repeats.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::call_log::{CallLog, cause_of};
use super::dependencies::Dependencies;
use super::listings::ListedAccount;
use super::merchant_state::MerchantState;
use super::orphaned_payments::Undecided;
use super::sealed_token::unseal;
use super::stored_request::{TOO_LATE, may_be_sent};
use super::stripe_budget::{PutOff, Reading};
use crate::domain::checkout::model::{
    AttemptObservation, Decision, Effect, Inconclusive, Observation, PaymentIntentSnapshot,
    PaymentIntentStatus, SharedPaymentToken, TokenFacts, TokenReadError, Verification,
};
use crate::domain::ids::{AccountId, AttemptNumber, PaymentIntentId, SessionId, Tenant};
use crate::domain::time::Timestamp;
use crate::store::AttemptRow;
use crate::stripe::{CallResult, Noted, SellerAccount, Sought, StoredCharge, StoredStripeCheckout, in_words};

/// Why no request is sent while Stripe does not answer, or too many requests are in progress.
const NOT_ADMITTED: &str = "Stripe has not answered lately, or too much waits for it; it was not asked";

pub(crate) type Gathered = CallResult<Result<TokenFacts, TokenReadError>>;

/// Executes one effect and returns the observation.
///
/// The request goes only to the account that the attempt was made on: with a mixed-up key, the answers of another
/// account would make a paid attempt fail.
pub(crate) async fn run(
    deps: &Dependencies,
    merchant: &MerchantState,
    session: &SessionId,
    (attempt, effect): (AttemptNumber, &Effect),
) -> CallResult<AttemptObservation> {
    let began = Instant::now();
    let observed = match readable(deps, merchant, session, attempt).await {
        Ok(row) => ask_stripe(deps, merchant, &row, effect).await,
        Err(unasked) => unasked.map(Into::into),
    };
    let log = CallLog { tenant: &merchant.tenant, session, began };
    log.at_attempt(attempt, &observed);
    observed
}

/// Reads the token of a payment that was not begun yet; while Stripe does not answer, no request is sent.
pub(crate) async fn gather(
    merchant: &MerchantState,
    token: &SharedPaymentToken,
    network: Option<IpAddr>,
) -> Gathered {
    let Ok(_admitted) = merchant.gate.admit(network).await else {
        return CallResult::not_asked(Err(TokenReadError::ReadFailed), NOT_ADMITTED);
    };
    let facts = merchant.key.stripe.token_facts(token).await;
    // A 429 is an answer, and so is a refusal.
    note_answer(merchant, !matches!(facts.seen, Err(TokenReadError::ReadFailed)), &facts.noted);
    facts
}

/// Reads an unmatched payment of a session, on the account that the session is paid on.
pub(crate) async fn read_payment(
    merchant: &MerchantState,
    session: &SessionId,
    (payment, account): (&PaymentIntentId, Option<&AccountId>),
) -> CallResult {
    let known = merchant.view.load().account.is_some();
    if !account.map_or(known, |account| merchant.key_opens(account)) {
        let merchant = &merchant.tenant.merchant;
        tracing::warn!(%merchant, %session, intent = %payment, "payment_waits_for_its_account");
        return Observation::ReadFailed.into();
    }
    let began = Instant::now();
    let _look = match merchant.gate.reading(Reading::Order).await {
        Ok(place) => place,
        Err(put_off) => return of(put_off),
    };
    let observed = merchant.key.stripe.read_intent(payment).await;
    CallLog { tenant: &merchant.tenant, session, began }.at_unexplained(payment, &observed);
    observed
}

/// Reads a payment at the merchant's account; `None` if it is not of this merchant's checkouts.
pub(crate) async fn read_own(
    merchant: &MerchantState,
    payment: &PaymentIntentId,
) -> Result<Option<PaymentIntentSnapshot>, Undecided> {
    if merchant.view.load().account.is_none() {
        return Err(Undecided::NoAccount);
    }
    let _place = merchant.gate.reading(Reading::Order).await?;
    let unread = |noted| Undecided::ReadFailed { payment: payment.clone(), noted };
    merchant.key.stripe.own_payment(&merchant.tenant.merchant, payment).await.map_err(unread)
}

/// The observation when nothing is read.
fn of(PutOff { after }: PutOff) -> CallResult {
    Observation::PutOff { after }.into()
}

/// Whether Stripe answered a request that was sent; a 429 counts as an answer.
const fn was_answered(seen: &Observation) -> bool {
    !matches!(seen, Observation::Inconclusive(unknown) if !unknown.cannot_repeat && !unknown.limited)
}

/// Records whether Stripe answers; `noted` has the details of a failure.
fn note_answer(merchant: &MerchantState, answered: bool, noted: &Noted) {
    if merchant.gate.saw(answered) {
        let merchant = &merchant.tenant.merchant;
        if answered {
            tracing::warn!(%merchant, open = false, "stripe_breaker_changed");
        } else {
            let Noted { status, code, address, .. } = noted;
            let cause = cause_of(noted);
            tracing::warn!(%merchant, open = true, status, code, address, cause, "stripe_breaker_changed");
        }
    }
}

/// Reads the payment that an operator's decision is about. A payment that could still succeed is canceled before it
/// is called not charged.
pub(crate) async fn verify(
    deps: &Dependencies,
    merchant: &MerchantState,
    session: &SessionId,
    verification: &Verification,
) -> AttemptObservation {
    let Verification { attempt, known, made_by, decision } = verification;
    let began = Instant::now();
    let row = match readable(deps, merchant, session, *attempt).await {
        Ok(row) => row,
        Err(unasked) => {
            let unasked = unasked.map(AttemptObservation::from);
            CallLog { tenant: &merchant.tenant, session, began }.at_attempt(*attempt, &unasked);
            return unasked.seen;
        }
    };
    let stripe = merchant.key.stripe.as_ref();
    let observed = match (decision, known) {
        (Decision::Charged { payment_intent: intent }, _) | (Decision::NotCharged { .. }, Some(intent)) => {
            let _place = merchant.gate.awaited_reading().await;
            stripe.read_intent(intent).await.map(Into::into)
        }
        (Decision::NotCharged { .. }, None) => find(deps, merchant, &row, *made_by).await,
    };
    let log = CallLog { tenant: &merchant.tenant, session, began };
    log.at_attempt(*attempt, &observed);
    let AttemptObservation { primary, other_payments } = observed.seen;
    let primary = match (decision, primary) {
        (
            Decision::NotCharged { .. },
            Observation::PaymentIntent(PaymentIntentSnapshot { id, status, .. }),
        ) if may_be_canceled(status) => {
            let distinction = format!("decided-{:032x}", deps.ids.random_id());
            let _place = merchant.gate.awaited_reading().await;
            let canceled = stripe.cancel_intent(&id, &distinction).await;
            let canceled = canceled.map(AttemptObservation::from);
            log.at_attempt(*attempt, &canceled);
            canceled.seen.primary
        }
        (_, primary) => primary,
    };
    AttemptObservation { primary, other_payments }
}

const fn may_be_canceled(status: PaymentIntentStatus) -> bool {
    match status {
        PaymentIntentStatus::RequiresPaymentMethod
        | PaymentIntentStatus::RequiresConfirmation
        | PaymentIntentStatus::RequiresAction
        | PaymentIntentStatus::RequiresCapture => true,
        PaymentIntentStatus::Processing | PaymentIntentStatus::Canceled | PaymentIntentStatus::Succeeded => {
            false
        }
    }
}

/// The row of an attempt whose account may be asked about it now; else the observation without a request, and why.
async fn readable(
    deps: &Dependencies,
    merchant: &MerchantState,
    session: &SessionId,
    attempt: AttemptNumber,
) -> Result<AttemptRow, CallResult> {
    match deps.store.attempt(&merchant.tenant, session, attempt).await {
        Ok(Some(row)) => match &merchant.view.load().account {
            Some(account) if *account == row.account => Ok(row),
            Some(_) => Err(Observation::OtherAccount.into()),
            None => Err(CallResult::not_asked(
                Observation::ReadFailed,
                "the merchant's Stripe account is not known yet",
            )),
        },
        Ok(None) => Err(cannot_repeat("its stored request is not there")),
        Err(error) => {
            let cause = format!("its stored request could not be read: {}", in_words(&error));
            Err(CallResult::not_asked(Observation::Inconclusive(Inconclusive::default()), &cause))
        }
    }
}

async fn ask_stripe(
    deps: &Dependencies,
    merchant: &MerchantState,
    row: &AttemptRow,
    effect: &Effect,
) -> CallResult<AttemptObservation> {
    let stripe = merchant.key.stripe.as_ref();
    match effect {
        Effect::Charge(_) => {
            let _slot = merchant.gate.slot().await;
            // Read again at the last moment: the wait may have been long, and the end of the sending has erased the
            // token.
            let observed = match readable(deps, merchant, &row.session, row.number).await {
                Ok(row) => charge(deps, stripe, &merchant.tenant, &row).await,
                Err(unasked) => return unasked.map(Into::into),
            };
            note_answer(merchant, was_answered(&observed.seen), &observed.noted);
            observed.map(Into::into)
        }
        Effect::Read { intent: None, made_by, .. } => find(deps, merchant, row, *made_by).await,
        Effect::CreateStripeCheckout(_) => {
            // A request to create a Stripe Checkout can be tried again without harm, so it never delays a payment.
            let Ok(_admitted) = merchant.gate.admit(None).await else {
                let not_sent = Inconclusive { not_sent: true, ..Inconclusive::default() };
                let unasked = Observation::Inconclusive(not_sent).into();
                return CallResult::not_asked(unasked, NOT_ADMITTED);
            };
            let observed = open_stripe_checkout(deps, stripe, row).await;
            note_answer(merchant, was_answered(&observed.seen), &observed.noted);
            observed.map(Into::into)
        }
        Effect::Read { intent: Some(_), .. }
        | Effect::Cancel { .. }
        | Effect::ReadStripeCheckout { .. }
        | Effect::ExpireStripeCheckout { .. } => read(merchant, effect).await.map(Into::into),
        // Not effects of an attempt.
        Effect::Order(_) | Effect::ReadPayment { .. } => {
            AttemptObservation::from(Observation::ReadFailed).into()
        }
    }
}

/// Reads one payment or Stripe Checkout, and ends it if requested, when the budget has room.
async fn read(merchant: &MerchantState, effect: &Effect) -> CallResult {
    let reading = match effect {
        Effect::ReadStripeCheckout { awaited: true, .. } => Reading::AwaitedStripeCheckout,
        Effect::ReadStripeCheckout { awaited: false, .. } => Reading::StripeCheckout,
        Effect::Charge(_)
        | Effect::Read { .. }
        | Effect::Cancel { .. }
        | Effect::CreateStripeCheckout(_)
        | Effect::ExpireStripeCheckout { .. }
        | Effect::Order(_)
        | Effect::ReadPayment { .. } => Reading::Charge,
    };
    let _place = match merchant.gate.reading(reading).await {
        Ok(place) => place,
        Err(put_off) => return of(put_off),
    };
    let stripe = merchant.key.stripe.as_ref();
    match effect {
        Effect::Read { intent: Some(intent), .. } => stripe.read_intent(intent).await,
        Effect::Cancel { intent, cause, tries, .. } => {
            stripe.cancel_intent(intent, &cause.distinction(*tries)).await
        }
        Effect::ReadStripeCheckout { checkout, .. } => stripe.read_stripe_checkout(checkout).await,
        Effect::ExpireStripeCheckout { checkout, tries, .. } => {
            stripe.close_stripe_checkout(checkout, &tries.to_string()).await
        }
        Effect::Read { intent: None, .. }
        | Effect::Charge(_)
        | Effect::CreateStripeCheckout(_)
        | Effect::Order(_)
        | Effect::ReadPayment { .. } => Observation::ReadFailed.into(),
    }
}

/// Searches for an attempt's payment among all payments of the account in the attempt's time.
async fn find(
    deps: &Dependencies,
    merchant: &MerchantState,
    row: &AttemptRow,
    made_by: Option<Timestamp>,
) -> CallResult<AttemptObservation> {
    let sought = Sought { session: row.session.clone(), attempt: row.number, started: row.started, made_by };
    let account = ListedAccount {
        stripe: merchant.key.stripe.as_ref(),
        gate: &merchant.gate,
        clock: deps.clock.as_ref(),
    };
    let observed = merchant.key.listings.find(account, sought).await;
    let verified_by_stripe = merchant.key.account_verified_by_stripe.load(Ordering::Acquire);
    // If only the configuration names the account, a listing without the payment proves nothing.
    if verified_by_stripe { observed } else { observed.map(AttemptObservation::without_absence) }
}

/// Sends the stored request of an attempt, if it may still be sent.
async fn charge(
    deps: &Dependencies,
    stripe: &dyn SellerAccount,
    tenant: &Tenant,
    row: &AttemptRow,
) -> CallResult {
    let Some(token) = unseal(deps, tenant, row) else {
        return cannot_repeat("its token cannot be opened");
    };
    // Checked again at the last moment: the wait for the store may have been long. A request that must never be sent
    // again is not kept.
    if !may_be_sent(deps, &row.body, row.repeat_until) {
        return cannot_repeat(TOO_LATE);
    }
    let stored = StoredCharge {
        body: &row.body,
        token: &token,
        idempotency_key: &row.idempotency_key,
        stripe_version: &row.stripe_version,
    };
    stripe.charge(&stored).await
}

/// Sends the stored request for a Stripe Checkout, if it may still be sent.
async fn open_stripe_checkout(
    deps: &Dependencies,
    stripe: &dyn SellerAccount,
    row: &AttemptRow,
) -> CallResult {
    if !may_be_sent(deps, &row.body, row.repeat_until) {
        return cannot_repeat(TOO_LATE);
    }
    let stored = StoredStripeCheckout {
        body: &row.body,
        idempotency_key: &row.idempotency_key,
        stripe_version: &row.stripe_version,
    };
    stripe.open_stripe_checkout(&stored).await
}

fn cannot_repeat(why: &str) -> CallResult {
    CallResult::not_asked(
        Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }),
        why,
    )
}
