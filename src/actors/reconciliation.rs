//! Before a merchant of a restored database takes a payment: everything of ours that Stripe shows since the backup is
//! attached to its session or flagged.
//!
//! It goes beside the sessions' actors, since nothing of these can be paid yet: each change is made from the version that
//! was read, as theirs are.

use super::merchant::Shared;
use super::preparation::prepare;
use super::services::Services;
use crate::domain::checkout::attempt::{Flag, FlagReason, IntentSeen, IntentStatus, Seen};
use crate::domain::checkout::driver::change_of;
use crate::domain::checkout::event::Event;
use crate::domain::checkout::hosted::{PageSeen, PageStatus};
use crate::domain::checkout::restored::Trace;
use crate::domain::checkout::session::State;
use crate::domain::checkout::step::Context;
use crate::domain::ids::{FlagId, SessionId};
use crate::domain::time::{Span, Timestamp};
use crate::store::{CommitError, StoreError};

/// How far before a backup Stripe is looked at: clocks differ.
const MARGIN: Span = Span::minutes(10);

/// How often a change is tried again when a session changes under it.
const TRIES: u32 = 10;

/// Why a restore is not accounted for yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreconciled {
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[error("Stripe could not be read to its end")]
    Unread,
    #[error("payment {0} is not decided yet at Stripe")]
    Undecided(String),
    #[error("page {0} could not be closed")]
    PageOpen(String),
    #[error("{0} changes all the time")]
    Busy(SessionId),
}

/// Accounts for every restore that is not accounted for yet.
pub(super) async fn reconcile(services: &Services, merchant: &Shared) -> Result<(), Unreconciled> {
    let tenant = &merchant.tenant;
    let epochs = services.reconciliation.unreconciled(tenant).await?;
    let Some(taken) = epochs.iter().map(|epoch| epoch.taken).min() else { return Ok(()) };
    let since = taken - MARGIN;
    let (pages, payments) = account_since(services, merchant, since).await?;
    for epoch in &epochs {
        services.reconciliation.reconciled(tenant, epoch).await?;
    }
    tracing::warn!(merchant = %tenant.merchant, %since, pages, payments, "restore_reconciled");
    Ok(())
}

async fn account_since(
    services: &Services,
    merchant: &Shared,
    since: Timestamp,
) -> Result<(usize, usize), Unreconciled> {
    let stripe = merchant.stripe.load_full();
    let shop = &merchant.tenant.merchant;
    // The pages first: one that is closed can no longer be paid when the payments are listed.
    let pages = stripe.pages_since(shop, since).await.ok_or(Unreconciled::Unread)?;
    for page in &pages {
        close(services, merchant, page).await?;
    }
    let payments = stripe.payments_since(shop, since).await.ok_or(Unreconciled::Unread)?;
    for seen in &payments {
        account_for(services, merchant, seen).await?;
    }
    Ok((pages.len(), payments.len()))
}

/// Closes a page that the database does not know to be open, and keeps its attempt's number from being given again.
async fn close(services: &Services, merchant: &Shared, page: &PageSeen) -> Result<(), Unreconciled> {
    let Some(session) = &page.session else { return Ok(()) };
    let loaded = services.store.load(&merchant.tenant, session, None).await?;
    let known = loaded.session.as_ref().is_some_and(|(_, session)| match &session.state {
        State::AwaitingHosted { page: known, .. } | State::ClosingHosted { page: known, .. } => {
            known.id == page.id
        }
        State::OpeningHosted(hosted) => page.attempt == Some(hosted.attempt),
        State::Open { .. }
        | State::Ready { .. }
        | State::Charging(_)
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => false,
    });
    if page.status == PageStatus::Open && !known {
        let distinction = format!("restored-{:032x}", services.ids.random_id());
        let closed = merchant.stripe.load_full().close_page(&page.id, &distinction).await.seen;
        let open = !matches!(&closed, Seen::Page(seen) if seen.status != PageStatus::Open);
        if open {
            return Err(Unreconciled::PageOpen(page.id.to_string()));
        }
    }
    match (loaded.session.is_some(), page.attempt) {
        (true, Some(attempt)) => apply(services, merchant, session, Trace::Page(attempt)).await,
        _ => Ok(()),
    }
}

/// Attaches a payment to its session, or flags it.
async fn account_for(services: &Services, merchant: &Shared, seen: &IntentSeen) -> Result<(), Unreconciled> {
    let Some(session) = &seen.session else { return Ok(()) };
    let seen = decided(services, merchant, session, seen).await?;
    if services.store.load(&merchant.tenant, session, None).await?.session.is_some() {
        return apply(services, merchant, session, Trace::Payment(seen)).await;
    }
    if seen.status == IntentStatus::Succeeded {
        let flag = Flag {
            id: FlagId::from_random(services.ids.random_id()),
            session: session.clone(),
            intent: seen.id.clone(),
            reason: FlagReason::LostByRestore,
            seen: services.clock.now(),
        };
        services.reconciliation.flag(&merchant.tenant, flag).await?;
    }
    Ok(())
}

/// A payment whose end is known: one that waits for what will never come is canceled. One that a session of the database
/// works on is left to it.
async fn decided(
    services: &Services,
    merchant: &Shared,
    session: &SessionId,
    seen: &IntentSeen,
) -> Result<IntentSeen, Unreconciled> {
    let loaded = services.store.load(&merchant.tenant, session, None).await?;
    let running = loaded.session.and_then(|(_, session)| match &session.state {
        State::Charging(charging) | State::Frozen { charging, .. } => Some(charging.attempt),
        State::OpeningHosted(hosted)
        | State::AwaitingHosted { hosted, .. }
        | State::ClosingHosted { hosted, .. } => Some(hosted.attempt),
        State::Open { .. }
        | State::Ready { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => None,
    });
    let undecided = || Unreconciled::Undecided(seen.id.to_string());
    match seen.status {
        IntentStatus::Succeeded | IntentStatus::Canceled | IntentStatus::RequiresPaymentMethod => {
            Ok(seen.clone())
        }
        _ if running.is_some() && running == seen.attempt => Ok(seen.clone()),
        IntentStatus::Processing => Err(undecided()),
        IntentStatus::RequiresAction | IntentStatus::RequiresConfirmation | IntentStatus::RequiresCapture => {
            let distinction = format!("restored-{:032x}", services.ids.random_id());
            let canceled = merchant.stripe.load_full().cancel_intent(&seen.id, &distinction).await.seen;
            let Seen::Intent(now) = canceled else { return Err(undecided()) };
            let ended = matches!(now.status, IntentStatus::Canceled | IntentStatus::Succeeded);
            if ended { Ok(now) } else { Err(undecided()) }
        }
    }
}

/// Commits what a trace means to its session.
async fn apply(
    services: &Services,
    merchant: &Shared,
    id: &SessionId,
    trace: Trace,
) -> Result<(), Unreconciled> {
    for _ in 0..TRIES {
        let loaded = services.store.load(&merchant.tenant, id, None).await?;
        let Some((version, session)) = loaded.session else { return Ok(()) };
        let view = merchant.view.load_full();
        let context = Context { view: &view, moment: services.moment() };
        let event = Event::Reconciled(Box::new(trace.clone()));
        let Some(change) = change_of((version, &session), event, &context) else { return Ok(()) };
        let committed = match prepare(services, merchant, change).await {
            Ok(commit) => services.store.commit(commit).await,
            Err(error) => Err(error),
        };
        match committed {
            Ok(_) => return Ok(()),
            Err(CommitError::Conflict | CommitError::TokenUsed) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Err(Unreconciled::Busy(id.clone()))
}
