//! What a session wants done at Stripe, done once. Repeating is decided by the machine.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::aftersales::opens;
use super::looked::{Looked, cause_of};
use super::merchant::Shared;
use super::preparation::token_context;
use super::services::Services;
use crate::domain::checkout::attempt::{IntentSeen, IntentStatus, Seen, Unknown};
use crate::domain::checkout::decision::{Decision, Verification};
use crate::domain::checkout::driver::GatherError;
use crate::domain::checkout::effect::Effect;
use crate::domain::checkout::token::{SharedPaymentToken, TokenFacts};
use crate::domain::ids::{AccountId, AttemptNumber, PaymentIntentId, SessionId, Tenant};
use crate::domain::time::Timestamp;
use crate::runtime::{PutOff, Reading};
use crate::store::AttemptRow;
use crate::stripe::{Noted, Observation, SellerAccount, Sought, StoredCharge, StoredPage, in_words};

/// Why nobody is asked while Stripe does not answer, or too much is under way.
const NOT_ADMITTED: &str = "Stripe has not answered lately, or too much waits for it; it was not asked";

/// Why a stored request is not sent again.
pub(super) const NOT_TO_BE_SENT: &str = "the time in which its request may be sent is over";

/// What Stripe told about a token.
pub(super) type Gathered = Observation<Result<TokenFacts, GatherError>>;

/// Runs one effect and says what was seen.
///
/// Only the account that the attempt was made on is asked: the answers of another, by a key that was mixed up, would
/// call a paid attempt dead.
pub(super) async fn run(
    services: &Services,
    merchant: &Shared,
    session: &SessionId,
    (attempt, effect): (AttemptNumber, &Effect),
) -> Observation {
    let began = Instant::now();
    let observed = match readable(services, merchant, session, attempt).await {
        Ok(row) => ask_stripe(services, merchant, &row, effect).await,
        Err(unasked) => unasked,
    };
    let looked = Looked { tenant: &merchant.tenant, session, began };
    looked.at_attempt(attempt, &observed);
    observed
}

/// Asks about the token of a payment that was not begun yet; while Stripe does not answer, nobody is asked.
pub(super) async fn gather(
    merchant: &Shared,
    token: &SharedPaymentToken,
    network: Option<IpAddr>,
) -> Gathered {
    let Ok(_admitted) = merchant.gate.admit(network).await else {
        return Observation::not_asked(Err(GatherError::Unread), NOT_ADMITTED);
    };
    let facts = merchant.stripe.load_full().token_facts(token).await;
    // 429 is an answer, and so is a refusal.
    learn(merchant, !matches!(facts.seen, Err(GatherError::Unread)), &facts.noted);
    facts
}

/// Reads a payment that a session was told of and cannot account for, on the account that the session is paid on.
pub(super) async fn read_payment(
    merchant: &Shared,
    session: &SessionId,
    (payment, account): (&PaymentIntentId, Option<&AccountId>),
) -> Observation {
    let known = merchant.view.load().account.is_some();
    if !account.map_or(known, |account| opens(merchant, account)) {
        let merchant = &merchant.tenant.merchant;
        tracing::warn!(%merchant, %session, intent = %payment, "payment_waits_for_its_account");
        return Seen::Unread.into();
    }
    let began = Instant::now();
    let _look = match merchant.gate.reading(Reading::Order).await {
        Ok(place) => place,
        Err(put_off) => return of(put_off),
    };
    let observed = merchant.stripe.load_full().read_intent(payment).await;
    Looked { tenant: &merchant.tenant, session, began }.at_unexplained(payment, &observed);
    observed
}

/// What is seen where nothing is read.
fn of(PutOff { after }: PutOff) -> Observation {
    Seen::PutOff { after }.into()
}

/// Whether Stripe answered to something that was sent: that it takes no more requests for now is an answer.
const fn was_answered(seen: &Seen) -> bool {
    !matches!(seen, Seen::Unknown(unknown) if !unknown.cannot_repeat && !unknown.limited)
}

/// Keeps count of whether Stripe answers; `noted` tells how it did not.
fn learn(merchant: &Shared, answered: bool, noted: &Noted) {
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

/// Looks at the payment that an operator's decision is about. One that could still be paid is canceled before it is called
/// not charged.
pub(super) async fn verify(
    services: &Services,
    merchant: &Shared,
    session: &SessionId,
    verification: &Verification,
) -> Seen {
    let Verification { attempt, known, made_by, decision } = verification;
    let began = Instant::now();
    let row = match readable(services, merchant, session, *attempt).await {
        Ok(row) => row,
        Err(unasked) => {
            Looked { tenant: &merchant.tenant, session, began }.at_attempt(*attempt, &unasked);
            return unasked.seen;
        }
    };
    let stripe = merchant.stripe.load_full();
    let observed = match (decision, known) {
        (Decision::Charged { payment_intent: intent }, _) | (Decision::NotCharged { .. }, Some(intent)) => {
            let _place = merchant.gate.awaited_reading().await;
            stripe.read_intent(intent).await
        }
        (Decision::NotCharged { .. }, None) => find(services, merchant, &row, *made_by).await,
    };
    let looked = Looked { tenant: &merchant.tenant, session, began };
    looked.at_attempt(*attempt, &observed);
    let (seen, paid) = observed.seen.apart();
    let seen = match (decision, seen) {
        (Decision::NotCharged { .. }, Seen::Intent(IntentSeen { id, status, .. }))
            if may_be_canceled(status) =>
        {
            let distinction = format!("decided-{:032x}", services.ids.random_id());
            let _place = merchant.gate.awaited_reading().await;
            let canceled = stripe.cancel_intent(&id, &distinction).await;
            looked.at_attempt(*attempt, &canceled);
            canceled.seen
        }
        (_, seen) => seen,
    };
    seen.beside(paid)
}

const fn may_be_canceled(status: IntentStatus) -> bool {
    match status {
        IntentStatus::RequiresPaymentMethod
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresAction
        | IntentStatus::RequiresCapture => true,
        IntentStatus::Processing | IntentStatus::Canceled | IntentStatus::Succeeded => false,
    }
}

/// The row of an attempt whose account may be asked about it now; else what is known without asking, and why.
async fn readable(
    services: &Services,
    merchant: &Shared,
    session: &SessionId,
    attempt: AttemptNumber,
) -> Result<AttemptRow, Observation> {
    match services.store.attempt(&merchant.tenant, session, attempt).await {
        Ok(Some(row)) => match &merchant.view.load().account {
            Some(account) if *account == row.account => Ok(row),
            Some(_) => Err(Seen::OtherAccount.into()),
            None => {
                Err(Observation::not_asked(Seen::Unread, "the merchant's Stripe account is not known yet"))
            }
        },
        Ok(None) => Err(cannot_repeat("its stored request is not there")),
        Err(error) => {
            let cause = format!("its stored request could not be read: {}", in_words(&error));
            Err(Observation::not_asked(Seen::Unknown(Unknown::default()), &cause))
        }
    }
}

async fn ask_stripe(
    services: &Services,
    merchant: &Shared,
    row: &AttemptRow,
    effect: &Effect,
) -> Observation {
    let stripe = merchant.stripe.load_full();
    match effect {
        Effect::Charge(_) => {
            let _slot = merchant.gate.slot().await;
            // Read again at the last moment: the wait may have been long, and what ended the sending has erased the token.
            let observed = match readable(services, merchant, &row.session, row.number).await {
                Ok(row) => charge(services, stripe.as_ref().as_ref(), &merchant.tenant, &row).await,
                Err(unasked) => return unasked,
            };
            learn(merchant, was_answered(&observed.seen), &observed.noted);
            observed
        }
        Effect::Read { intent: None, made_by, .. } => find(services, merchant, row, *made_by).await,
        Effect::OpenPage(_) => {
            // An opening that is not sent costs nothing but another try: it never stands in a payment's way.
            let Ok(_admitted) = merchant.gate.admit(None).await else {
                let not_sent = Unknown { not_sent: true, ..Unknown::default() };
                return Observation::not_asked(Seen::Unknown(not_sent), NOT_ADMITTED);
            };
            let observed = open_page(services, stripe.as_ref().as_ref(), row).await;
            learn(merchant, was_answered(&observed.seen), &observed.noted);
            observed
        }
        Effect::Read { intent: Some(_), .. }
        | Effect::Cancel { .. }
        | Effect::ReadPage { .. }
        | Effect::ClosePage { .. } => look(merchant, effect).await,
        // Nothing of an attempt.
        Effect::Order(_) | Effect::ReadPayment { .. } => Seen::Unread.into(),
    }
}

/// Looks at one payment or page, and ends it where that is wanted, if there is room for it.
async fn look(merchant: &Shared, effect: &Effect) -> Observation {
    let reading = match effect {
        Effect::ReadPage { awaited: true, .. } => Reading::AwaitedPage,
        Effect::ReadPage { awaited: false, .. } => Reading::Page,
        Effect::Charge(_)
        | Effect::Read { .. }
        | Effect::Cancel { .. }
        | Effect::OpenPage(_)
        | Effect::ClosePage { .. }
        | Effect::Order(_)
        | Effect::ReadPayment { .. } => Reading::Charge,
    };
    let _place = match merchant.gate.reading(reading).await {
        Ok(place) => place,
        Err(put_off) => return of(put_off),
    };
    let stripe = merchant.stripe.load_full();
    match effect {
        Effect::Read { intent: Some(intent), .. } => stripe.read_intent(intent).await,
        Effect::Cancel { intent, cause, tries, .. } => {
            stripe.cancel_intent(intent, &cause.distinction(*tries)).await
        }
        Effect::ReadPage { page, .. } => stripe.read_page(page).await,
        Effect::ClosePage { page, tries, .. } => stripe.close_page(page, &tries.to_string()).await,
        Effect::Read { intent: None, .. }
        | Effect::Charge(_)
        | Effect::OpenPage(_)
        | Effect::Order(_)
        | Effect::ReadPayment { .. } => Seen::Unread.into(),
    }
}

/// Looks for an attempt's payment among all of the account's that were made in its time.
async fn find(
    services: &Services,
    merchant: &Shared,
    row: &AttemptRow,
    made_by: Option<Timestamp>,
) -> Observation {
    let sought = Sought { session: row.session.clone(), attempt: row.number, started: row.started, made_by };
    let observed = merchant.listings.find(services, merchant, sought).await;
    let proved = merchant.account_proved.load(Ordering::Acquire);
    // Where only the configuration says which account is read, that it shows no payment proves nothing.
    if proved { observed } else { Observation { seen: observed.seen.without_absence(), ..observed } }
}

/// Sends the stored request of an attempt, if it may still be sent.
async fn charge(
    services: &Services,
    stripe: &dyn SellerAccount,
    tenant: &Tenant,
    row: &AttemptRow,
) -> Observation {
    let Some(token) = unseal(services, tenant, row) else {
        return cannot_repeat("its token cannot be opened");
    };
    // Asked again at the last moment: the wait for the store may have been long. A request that is never to be sent again
    // is not kept.
    if services.clock.now() >= row.repeat_until || row.body.is_empty() {
        return cannot_repeat(NOT_TO_BE_SENT);
    }
    let stored = StoredCharge {
        body: &row.body,
        token: &token,
        idempotency_key: &row.idempotency_key,
        stripe_version: &row.stripe_version,
    };
    stripe.charge(&stored).await
}

/// Sends the stored request for a page, if it may still be sent.
async fn open_page(services: &Services, stripe: &dyn SellerAccount, row: &AttemptRow) -> Observation {
    if services.clock.now() >= row.repeat_until || row.body.is_empty() {
        return cannot_repeat(NOT_TO_BE_SENT);
    }
    let stored = StoredPage {
        body: &row.body,
        idempotency_key: &row.idempotency_key,
        stripe_version: &row.stripe_version,
    };
    stripe.open_page(&stored).await
}

fn unseal(services: &Services, tenant: &Tenant, row: &AttemptRow) -> Option<SharedPaymentToken> {
    let sealed = row.sealed_token.as_ref()?;
    let number = row.number.0.to_string();
    match services.keyring.open(&token_context(tenant, &row.session, &number), sealed) {
        Ok(token) => std::str::from_utf8(&token).ok()?.parse().ok(),
        Err(error) => {
            let (merchant, session) = (&tenant.merchant, &row.session);
            tracing::error!(%merchant, %session, cause = %error, "sealed_token_cannot_be_opened");
            None
        }
    }
}

fn cannot_repeat(why: &str) -> Observation {
    Observation::not_asked(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }), why)
}
