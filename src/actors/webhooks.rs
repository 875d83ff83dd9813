//! Stripe's webhooks at a merchant: which are taken, and who is told to look at Stripe.
//!
//! Invariants: an event is durable before anyone hears that it was taken; it is a hint and nothing more: whoever is told
//! reads Stripe, and nothing waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::directory::Directory;
use super::handle::MerchantHandle;
use crate::domain::checkout::model::{
    Affected, Command, HostRejection, PaymentIntentSnapshot, Rejection, StripeNotification,
};
use crate::domain::ids::{PaymentIntentId, SessionId};
use crate::domain::stripe_event::StripeEvent;
use crate::payments::orphaned_payments::{Undecided, flag_if_paid, give_up};
use crate::payments::payment_effects::read_own;
use crate::store::{EventState, StoreError, WaitingEvent};
use crate::stripe::followed_events::{affected_by, notification_of};
use crate::stripe::webhook::{Addressee, Refusal, Signature};

/// Whom an event was told to.
enum Recipient {
    /// The session that it is about.
    Session(SessionId),
    /// Nobody: it is about nothing of ours. The merchant's account may be paid by other means than this gateway.
    Nobody,
    /// It tells that money has come for a session that is not there.
    NotHere { payment: PaymentIntentId, notification: StripeNotification },
}

/// Why an event goes on waiting.
#[derive(Debug, thiserror::Error)]
enum NotFollowed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Session(#[from] Rejection),
}

impl MerchantHandle {
    /// Whether this merchant has a secret that webhooks can be signed with.
    #[must_use]
    pub fn takes_webhooks(&self) -> bool {
        self.shared.webhooks.has_secrets()
    }

    /// The event in a body, when Stripe has signed it for this merchant and mode. Asks nobody.
    pub fn open_webhook(&self, signature: &Signature<'_>, body: &[u8]) -> Result<StripeEvent, Refusal> {
        let view = self.view();
        let of = Addressee { mode: view.mode, account: view.account.as_ref() };
        self.shared.webhooks.open(signature, body, (of, self.now()))
    }

    /// Counts a webhook that was refused. The log tells of the first of a reason, the second, the fourth and so on, so that
    /// a flood fills no disk.
    pub fn webhook_refused(&self, refusal: Refusal) {
        let Some(times) = self.shared.webhooks.refused(refusal) else { return };
        if times.is_power_of_two() {
            let merchant = &self.tenant().merchant;
            tracing::warn!(%merchant, reason = refusal.as_str(), times, "stripe_webhook_refused");
        }
    }

    /// How many webhooks this process has refused, by reason.
    #[must_use]
    pub fn refused_webhooks(&self) -> BTreeMap<&'static str, u64> {
        self.shared.webhooks.refusals()
    }

    /// Takes an event: keeps it, and once it is durable lets it be followed without being waited for. One that was kept
    /// before changes nothing.
    pub async fn take_event(&self, event: StripeEvent) -> Result<(), StoreError> {
        let affected = affected_by(&event.kind);
        if affected == Some(Affected::Payment) {
            self.shared.webhooks.arrived(self.now());
        }
        let state = match affected {
            Some(_) => EventState::Waiting,
            None => EventState::Ignored,
        };
        let (deps, tenant, kept) = (Arc::clone(&self.deps), self.tenant().clone(), event.clone());
        let keeping = async move { deps.inbox.keep_event(&tenant, kept, state).await };
        let new = self.stored(keeping).await?;
        let (merchant, kind) = (&self.tenant().merchant, &event.kind);
        tracing::info!(%merchant, event = %event.id, %kind, state = state.as_str(), new, "stripe_event_kept");
        if new && state == EventState::Waiting {
            let handle = self.clone();
            self.deps.io.start(async move { handle.follow(&event).await });
        }
        Ok(())
    }

    /// Tells the session that an event is about to look at Stripe. The event is followed once that look is durable; until
    /// then it goes on waiting.
    pub async fn follow(&self, event: &StripeEvent) {
        if self.shared.orphaned_payments.rests(&event.id, self.now()) {
            return;
        }
        match self.told_by(event).await {
            Ok(Recipient::Session(session)) => {
                self.followed(event, Some(&session), EventState::Followed).await;
            }
            Ok(Recipient::Nobody) => self.followed(event, None, EventState::Ignored).await,
            Ok(Recipient::NotHere { payment, notification }) => self.look_into(event, payment, notification),
            // It waits in the store, and the next start follows it.
            Err(_) if self.is_stopping() => {
                let merchant = &self.tenant().merchant;
                tracing::info!(%merchant, event = %event.id, "stripe_event_left_to_the_next_start");
            }
            Err(why) => {
                let merchant = &self.tenant().merchant;
                tracing::warn!(%merchant, event = %event.id, cause = %why, "stripe_event_not_followed");
            }
        }
    }

    /// Records what became of an event.
    async fn followed(&self, event: &StripeEvent, session: Option<&SessionId>, state: EventState) {
        let merchant = &self.tenant().merchant;
        match self.deps.inbox.event_followed(self.tenant(), &event.id, state).await {
            Ok(()) => {
                let (kind, session) = (&event.kind, session.map(SessionId::as_str));
                let state = state.as_str();
                tracing::info!(%merchant, event = %event.id, %kind, session, state, "stripe_event_followed");
            }
            // It is followed once more, which only costs a reading.
            Err(_) if self.is_stopping() => {
                tracing::info!(%merchant, event = %event.id, "stripe_event_left_to_the_next_start");
            }
            Err(error) => {
                tracing::error!(%merchant, event = %event.id, cause = %error, "stripe_event_not_recorded");
            }
        }
    }

    /// Tells the session that an event is about.
    async fn told_by(&self, event: &StripeEvent) -> Result<Recipient, NotFollowed> {
        let Some(notification) = notification_of(event) else { return Ok(Recipient::Nobody) };
        if let Some(session) = self.deps.inbox.session_of_event(self.tenant(), event).await?
            && self.told(&session, notification.clone()).await?
        {
            return Ok(Recipient::Session(session));
        }
        Ok(match (&event.session, notification.payment.clone()) {
            (Some(_), Some(payment)) => Recipient::NotHere { payment, notification },
            (None, _) | (_, None) => Recipient::Nobody,
        })
    }

    /// Tells a session of something; `false` where there is no such session.
    async fn told(&self, session: &SessionId, notification: StripeNotification) -> Result<bool, Rejection> {
        match self.ask(session, Command::CheckStripe(notification)).await {
            Ok(_) => Ok(true),
            Err(Rejection::Host(HostRejection::NotFound)) => Ok(false),
            Err(rejection) => Err(rejection),
        }
    }

    /// Looks into an event about a payment whose checkout is not there, without being waited for.
    fn look_into(&self, event: &StripeEvent, payment: PaymentIntentId, notification: StripeNotification) {
        if !self.shared.orphaned_payments.begin(&event.id, self.now()) {
            return;
        }
        let (handle, event) = (self.clone(), event.clone());
        self.deps.io.start(async move {
            let found = match handle.whose(&payment, notification).await {
                Err(why) => give_up(&handle.deps, handle.tenant(), (&event, payment), why).await,
                found => found,
            };
            match found {
                Ok(session) => {
                    let state = if session.is_some() { EventState::Followed } else { EventState::Ignored };
                    handle.followed(&event, session.as_ref(), state).await;
                    handle.shared.orphaned_payments.end(&event.id);
                }
                Err(why) => {
                    let merchant = &handle.tenant().merchant;
                    tracing::warn!(%merchant, event = %event.id, cause = %why, "stripe_event_not_followed");
                }
            }
        });
    }

    /// The checkout that a payment is for; where that is not there, the payment is flagged. `None` where the payment is none of
    /// ours, or none that an operator must know of.
    async fn whose(
        &self,
        payment: &PaymentIntentId,
        notification: StripeNotification,
    ) -> Result<Option<SessionId>, Undecided> {
        let tenant = self.tenant();
        if let Some(session) = self.deps.reconciliation.session_paid_by(tenant, payment).await? {
            return Ok(Some(session));
        }
        let Some(PaymentIntentSnapshot { id, status, session: Some(session), .. }) =
            read_own(&self.shared, payment).await?
        else {
            return Ok(None);
        };
        // The payment itself may name another checkout than the event did.
        if self.told(&session, notification).await? {
            return Ok(Some(session));
        }
        let is_paid = flag_if_paid(&self.deps, tenant, (&session, id), status).await?;
        Ok(is_paid.then_some(session))
    }
}

impl Directory {
    /// Lets an event that waits be followed. One of a merchant that is not served here goes on waiting.
    pub async fn follow(&self, waiting: WaitingEvent) {
        let merchant = self.by_id(&waiting.tenant.merchant);
        if let Some(merchant) = merchant.filter(|merchant| merchant.tenant() == &waiting.tenant) {
            merchant.follow(&waiting.event).await;
        }
    }
}
