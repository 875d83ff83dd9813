//! Checkout Sessions in the ledger: created, paid on the hosted page, expired, read.
//!
//! Invariant: a session has a PaymentIntent from the shopper's first attempt to pay on, never more than one, and is
//! complete once that has succeeded or is processing.

use serde_json::Value;

use super::Ledger;
use crate::stripe::change::{Cause, ChangeContext};
use crate::stripe::commands::sessions::{SessionCommand, SessionList};
use crate::stripe::error::StripeError;
use crate::stripe::objects::checkout_session::{CheckoutSession, SessionStatus, SessionView};
use crate::stripe::objects::new_session::NewSession;
use crate::stripe::objects::payment_intent::{PaymentIntent, Status};
use crate::stripe::objects::payment_source::{PaymentSource, Source};
use crate::stripe::objects::test_cards::CardOutcome;

/// The shortest lifetime of a session, in seconds.
const SHORTEST: i64 = 30 * 60;
/// The longest lifetime of a session, in seconds.
const LONGEST: i64 = 24 * 60 * 60;
/// The page's message when Stripe itself fails.
const TROUBLE: &str = "Something went wrong. You have not been charged; please try again.";

/// The result of an attempt to pay on the hosted page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PageOutcome {
    /// The shopper is done: paid, or paying with a method that is decided later.
    Completed,
    /// The shopper may try again.
    Declined(String),
    /// The shopper is asked to authenticate.
    NeedsAuthentication,
}

impl Ledger {
    /// Executes a command about sessions.
    pub(crate) fn do_session(
        &mut self,
        command: SessionCommand,
        origin: &str,
        context: &mut ChangeContext<'_>,
    ) -> Result<Value, StripeError> {
        match command {
            SessionCommand::Create(request, view) => self.open_session(*request, view, origin, context),
            SessionCommand::Read(id, view) => {
                let session = self.session(&id).ok_or_else(|| no_such_session(&id))?;
                Ok(self.show(session, view))
            }
            SessionCommand::List(list) => self.list_sessions(&list),
            SessionCommand::Expire(id, view) => self.expire_session(&id, view, context),
            SessionCommand::Lines(id, page) => {
                self.session(&id).ok_or_else(|| no_such_session(&id))?.line_page(&page)
            }
        }
    }

    fn open_session(
        &mut self,
        request: NewSession,
        view: SessionView,
        origin: &str,
        context: &mut ChangeContext<'_>,
    ) -> Result<Value, StripeError> {
        let refuse =
            |message: &str| Err(StripeError::invalid_request(message.to_owned()).with_param("expires_at"));
        match request.expires_at.map(|moment| moment - context.now) {
            Some(seconds) if seconds < SHORTEST => {
                return refuse(
                    "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
                );
            }
            Some(seconds) if seconds > LONGEST => {
                return refuse(
                    "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
                );
            }
            Some(_) | None => {}
        }
        let expires_at = request.expires_at.unwrap_or(context.now + LONGEST);
        let session = CheckoutSession::new(request, (self.mode, origin), expires_at, context);
        let shown = self.show(&session, view);
        self.sessions.push(session);
        Ok(shown)
    }

    fn list_sessions(&self, list: &SessionList) -> Result<Value, StripeError> {
        let page = list.page.pick(&self.sessions, |session| {
            let of_payment = list.payment_intent.is_none() || session.intent == list.payment_intent;
            of_payment && list.status.as_deref().is_none_or(|status| session.status.name() == status)
        })?;
        Ok(page.to_json("/v1/checkout/sessions", |session| self.show(session, list.view)))
    }

    fn expire_session(
        &mut self,
        id: &str,
        view: SessionView,
        context: &mut ChangeContext<'_>,
    ) -> Result<Value, StripeError> {
        let at = self.position(id).ok_or_else(|| no_such_session(id))?;
        let status = self.sessions[at].status;
        if status != SessionStatus::Open {
            return Err(StripeError::invalid_request(format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a \
                 status of \"{}\".",
                status.name()
            )));
        }
        self.end(at, context);
        Ok(self.show(&self.sessions[at], view))
    }

    /// Expires the sessions that are due.
    pub(crate) fn expire_due(&mut self, context: &mut ChangeContext<'_>) {
        let due = |session: &CheckoutSession| {
            session.status == SessionStatus::Open && session.expires_at <= context.now
        };
        let mut due: Vec<usize> = (0..self.sessions.len()).filter(|at| due(&self.sessions[*at])).collect();
        due.sort_by_key(|at| self.sessions[*at].expires_at);
        for at in due {
            let now = self.sessions[at].expires_at;
            self.end(at, &mut ChangeContext { now, cause: &Cause::default(), ids: context.ids });
        }
    }

    /// Expires an open session; a payment that the shopper began is canceled.
    fn end(&mut self, at: usize, context: &mut ChangeContext<'_>) {
        self.sessions[at].status = SessionStatus::Expired;
        let begun = self.sessions[at].intent.clone();
        if let Some(intent) = self.intents.iter_mut().find(|intent| Some(&intent.id) == begun.as_ref()) {
            intent.cancel(context.now, Some("expired"));
            let shown = intent.to_json(false);
            self.record_event("payment_intent.canceled", shown, context);
        }
        self.record_session_event("checkout.session.expired", at, context);
    }

    /// The session of this id.
    pub(crate) fn session(&self, id: &str) -> Option<&CheckoutSession> {
        self.position(id).map(|at| &self.sessions[at])
    }

    /// All sessions as Stripe shows them, oldest first.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = Value> {
        self.sessions.iter().map(|session| self.show(session, SessionView::default()))
    }

    /// The session that a payment was made for.
    pub(super) fn session_of_payment(&self, intent: &str) -> Option<usize> {
        self.sessions.iter().position(|session| session.intent.as_deref() == Some(intent))
    }

    /// The shopper pays; only for open sessions and offered payment methods.
    pub(crate) fn pay_session(
        &mut self,
        id: &str,
        payment_source: PaymentSource,
        email: &str,
        context: &mut ChangeContext<'_>,
    ) -> Option<PageOutcome> {
        let at = self.position(id)?;
        if payment_source.outcome() == CardOutcome::Fails {
            return Some(PageOutcome::Declined(TROUBLE.to_owned()));
        }
        self.sessions[at].email.get_or_insert_with(|| email.to_owned());
        let paying = self.intent_of_session(at, context);
        let source = Source { payment_method: context.id("pm"), token: None, instrument: payment_source };
        let charges = self.intents[paying].charges.len();
        // The cause of a refusal is read from the intent.
        drop(self.intents[paying].attempt(&source, true, context));
        self.record_attempt_events(paying, self.intents[paying].charges.len() > charges, context);
        Some(self.after_attempt(at, paying, context))
    }

    /// The shopper authenticates, or fails to; `None` if no authentication was requested.
    pub(crate) fn authenticate_session(
        &mut self,
        id: &str,
        succeeds: bool,
        context: &mut ChangeContext<'_>,
    ) -> Option<PageOutcome> {
        let at = self.position(id).filter(|at| self.sessions[*at].status == SessionStatus::Open)?;
        let begun = self.sessions[at].intent.as_ref()?;
        let asked = |intent: &PaymentIntent| intent.id == *begun && intent.status == Status::RequiresAction;
        let paying = self.intents.iter().position(asked)?;
        self.intents[paying].authenticate(succeeds, context);
        self.record_attempt_events(paying, succeeds, context);
        Some(self.after_attempt(at, paying, context))
    }

    /// The payment of a session; the first attempt to pay creates it.
    fn intent_of_session(&mut self, at: usize, context: &mut ChangeContext<'_>) -> usize {
        let begun = self.sessions[at].intent.as_ref();
        if let Some(found) = self.intents.iter().position(|intent| Some(&intent.id) == begun) {
            return found;
        }
        let order = &self.sessions[at].order;
        let mut intent = self.new_intent(order.total, &order.currency, context);
        intent.particulars = order.particulars.clone();
        self.sessions[at].intent = Some(intent.id.clone());
        self.record_event("payment_intent.created", intent.to_json(false), context);
        self.intents.push(intent);
        self.intents.len() - 1
    }

    fn after_attempt(&mut self, at: usize, paying: usize, context: &mut ChangeContext<'_>) -> PageOutcome {
        let intent = &self.intents[paying];
        match intent.status {
            Status::Succeeded | Status::Processing => {
                self.sessions[at].status = SessionStatus::Complete;
                self.sessions[at].paid = intent.status == Status::Succeeded;
                self.record_session_event("checkout.session.completed", at, context);
                PageOutcome::Completed
            }
            Status::RequiresAction => PageOutcome::NeedsAuthentication,
            Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::Canceled => {
                PageOutcome::Declined(intent.refusal().unwrap_or(TROUBLE).to_owned())
            }
        }
    }

    /// Updates the session of a payment that has just been decided.
    pub(super) fn finish_session_of(&mut self, intent: &PaymentIntent, context: &mut ChangeContext<'_>) {
        let Some(at) = self.session_of_payment(&intent.id) else { return };
        let paid = intent.status == Status::Succeeded;
        self.sessions[at].paid = paid;
        let kind = if paid {
            "checkout.session.async_payment_succeeded"
        } else {
            "checkout.session.async_payment_failed"
        };
        self.record_session_event(kind, at, context);
    }

    fn record_session_event(&mut self, kind: &'static str, at: usize, context: &mut ChangeContext<'_>) {
        let shown = self.show(&self.sessions[at], SessionView::default());
        self.record_event(kind, shown, context);
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.sessions.iter().position(|session| session.id == id)
    }

    fn show(&self, session: &CheckoutSession, view: SessionView) -> Value {
        let intent = session.intent.as_deref().filter(|_| view.intent);
        session.to_json(intent.and_then(|id| self.intent(id)), view)
    }
}

fn no_such_session(id: &str) -> StripeError {
    StripeError::no_such_object("checkout.session", id, "session")
}
