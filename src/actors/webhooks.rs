//! Stripe's webhooks to a merchant: which events are accepted, and which session then reads Stripe.
//!
//! Invariants: an event is durable before the sender learns that it was accepted; it is only a notification: its
//! session reads Stripe, and no other work waits for it.

use std::collections::BTreeMap;

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

/// The recipient of an event.
enum Recipient {
    Session(SessionId),
    /// No recipient: the event concerns nothing of ours. The merchant may use the account outside of this gateway as
    /// well.
    Nobody,
    /// It reports money for a session that is not in the database.
    NotHere {
        payment: PaymentIntentId,
        notification: StripeNotification,
    },
}

/// Why an event remains in the inbox.
#[derive(Debug, thiserror::Error)]
enum NotFollowed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Session(#[from] Rejection),
}

impl MerchantHandle {
    /// Whether this merchant has a secret to verify webhooks with.
    #[must_use]
    pub fn takes_webhooks(&self) -> bool {
        self.present().webhooks.has_secrets()
    }

    /// The event in a body, if Stripe has signed it for this merchant and mode. Uses neither the store nor an actor.
    pub fn open_webhook(&self, signature: &Signature<'_>, body: &[u8]) -> Result<StripeEvent, Refusal> {
        let view = self.view();
        let of = Addressee { mode: view.mode, account: view.account.as_ref() };
        self.present().webhooks.open(signature, body, (of, self.now()))
    }

    /// Counts a webhook that was refused. For each reason the first, the second, the fourth and so on are logged, so
    /// a flood does not fill the disk.
    pub fn webhook_refused(&self, refusal: Refusal) {
        let Some(times) = self.present().webhooks.refused(refusal) else { return };
        if times.is_power_of_two() {
            let merchant = &self.tenant().merchant;
            tracing::warn!(%merchant, reason = refusal.into_str(), times, "stripe_webhook_refused");
        }
    }

    /// How many webhooks this process has refused, by reason.
    #[must_use]
    pub fn refused_webhooks(&self) -> BTreeMap<&'static str, u64> {
        self.present().webhooks.refusals()
    }

    /// Accepts an event: stores it, and starts its processing in the background once it is durable. An event that is
    /// stored already changes nothing.
    pub async fn take_event(&self, event: StripeEvent) -> Result<(), StoreError> {
        let affected = affected_by(&event.kind);
        if affected == Some(Affected::Payment) {
            self.present().webhooks.arrived(self.now());
        }
        let state = match affected {
            Some(_) => EventState::Waiting,
            None => EventState::Ignored,
        };
        let new = self.deps.inbox.keep_event(self.tenant(), event.clone(), state).await?;
        let (merchant, kind) = (&self.tenant().merchant, &event.kind);
        tracing::info!(%merchant, event = %event.id, %kind, state = state.into_str(), new, "stripe_event_kept");
        if new && state == EventState::Waiting {
            let handle = self.clone();
            self.deps.io.start(async move { handle.follow(&event).await });
        }
        Ok(())
    }

    /// Makes a reading of Stripe due for the session of an event. The event is done once the session's commit is
    /// durable; until then it remains in the inbox.
    pub async fn follow(&self, event: &StripeEvent) {
        if self.present().orphaned_payments.rests(&event.id, self.now()) {
            return;
        }
        match self.recipient_of(event).await {
            Ok(Recipient::Session(session)) => {
                self.followed(event, Some(&session), EventState::Followed).await;
            }
            Ok(Recipient::Nobody) => self.followed(event, None, EventState::Ignored).await,
            Ok(Recipient::NotHere { payment, notification }) => {
                self.retry_unmatched(event, payment, notification);
            }
            // It is in the store, and the next start processes it.
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

    /// Records the result for an event.
    async fn followed(&self, event: &StripeEvent, session: Option<&SessionId>, state: EventState) {
        let merchant = &self.tenant().merchant;
        match self.deps.inbox.event_followed(self.tenant(), &event.id, state).await {
            Ok(()) => {
                let (kind, session) = (&event.kind, session.map(SessionId::as_str));
                let state = state.into_str();
                tracing::info!(%merchant, event = %event.id, %kind, session, state, "stripe_event_followed");
            }
            // It is processed once more, which only costs a reading.
            Err(_) if self.is_stopping() => {
                tracing::info!(%merchant, event = %event.id, "stripe_event_left_to_the_next_start");
            }
            Err(error) => {
                tracing::error!(%merchant, event = %event.id, cause = %error, "stripe_event_not_recorded");
            }
        }
    }

    /// Notifies the session of an event.
    async fn recipient_of(&self, event: &StripeEvent) -> Result<Recipient, NotFollowed> {
        let Some(notification) = notification_of(event) else { return Ok(Recipient::Nobody) };
        if let Some(session) = self.deps.inbox.session_of_event(self.tenant(), event).await?
            && self.notify_session(&session, notification.clone()).await?
        {
            return Ok(Recipient::Session(session));
        }
        Ok(match (&event.session, notification.payment.clone()) {
            (Some(_), Some(payment)) => Recipient::NotHere { payment, notification },
            (None, _) | (_, None) => Recipient::Nobody,
        })
    }

    /// Notifies a session; `false` if there is no such session.
    async fn notify_session(
        &self,
        session: &SessionId,
        notification: StripeNotification,
    ) -> Result<bool, Rejection> {
        match self.ask(session, Command::CheckStripe(notification)).await {
            Ok(_) => Ok(true),
            Err(Rejection::Host(HostRejection::NotFound)) => Ok(false),
            Err(rejection) => Err(rejection),
        }
    }

    /// Starts a check of an event about a payment whose checkout is not in the database, in the background.
    fn retry_unmatched(
        &self,
        event: &StripeEvent,
        payment: PaymentIntentId,
        notification: StripeNotification,
    ) {
        if !self.present().orphaned_payments.begin(&event.id, self.now()) {
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
                    handle.present().orphaned_payments.end(&event.id);
                }
                Err(why) => {
                    let merchant = &handle.tenant().merchant;
                    tracing::warn!(%merchant, event = %event.id, cause = %why, "stripe_event_not_followed");
                }
            }
        });
    }

    /// The checkout that a payment is for; if that is not in the database, the payment is flagged. `None` if the
    /// payment is not ours, or needs no operator.
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
            read_own(&self.present(), payment).await?
        else {
            return Ok(None);
        };
        // The payment itself may name another checkout than the event.
        if self.notify_session(&session, notification).await? {
            return Ok(Some(session));
        }
        let is_paid = flag_if_paid(&self.deps, tenant, (&session, id), status).await?;
        Ok(is_paid.then_some(session))
    }
}

impl Directory {
    /// Processes an event from the inbox, also of a merchant that was removed. One of a merchant that is not known here
    /// remains there.
    pub async fn follow(&self, waiting: WaitingEvent) {
        if let Some(merchant) = self.known(&waiting.tenant) {
            merchant.follow(&waiting.event).await;
        }
    }
}
