//! The actions of a shopper on a hosted page, by hand or by test.

use serde::Serialize;

use super::page::PayPage;
use crate::stripe::ledger::PageOutcome;
use crate::stripe::objects::checkout_session::SessionStatus;
use crate::stripe::objects::payment_source::PaymentSource;
use crate::stripe::refusal::Refusal;
use crate::stripe::service::StripeService;

/// The shopper's mail address if the form has none.
const SHOPPER: &str = "shopper@example.com";

/// The result of a payment on a hosted page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum HostedOutcome {
    /// The session is complete: paid, or paying with a method that is decided later.
    Completed {
        /// The address for the redirect.
        success_url: String,
    },
    /// The session remains open, and the shopper may try again.
    Declined {
        /// The message for the shopper.
        message: String,
    },
    /// The shopper is asked to authenticate.
    NeedsAuthentication,
}

impl StripeService {
    /// The page in its present state.
    pub(super) fn hosted_page(&self, session: &str) -> Option<PayPage> {
        let now = self.now();
        let mut state = self.state();
        let owner = state.owner_of_session(session)?;
        state.change(&owner, now, |ledger, _| {
            let session = ledger.session(session)?;
            let intent = session.intent.as_deref().and_then(|id| ledger.intent(id));
            Some(PayPage::of(session, intent, &owner.0))
        })
    }

    /// The shopper pays.
    pub(crate) fn pay_hosted(
        &self,
        session: &str,
        payment_method: &str,
        email: Option<&str>,
    ) -> Result<HostedOutcome, Refusal> {
        let now = self.now();
        let mut state = self.state();
        let unknown = || Refusal::UnknownSession { session: session.to_owned() };
        let owner = state.owner_of_session(session).ok_or_else(unknown)?;
        state.change(&owner, now, |ledger, context| {
            let found = ledger.session(session).ok_or_else(unknown)?;
            if found.status != SessionStatus::Open {
                let status = found.status.name();
                return Err(Refusal::SessionNotOpen { session: session.to_owned(), status });
            }
            let payment_source = PaymentSource::find(payment_method, &found.order.currency)
                .filter(|payment_source| found.offers(*payment_source))
                .ok_or_else(|| Refusal::NotOffered {
                    session: session.to_owned(),
                    payment_method: payment_method.to_owned(),
                })?;
            let success_url = found.success_url();
            let email = email.unwrap_or(SHOPPER);
            let paid = ledger.pay_session(session, payment_source, email, context).ok_or_else(unknown)?;
            Ok(outcome(paid, success_url))
        })
    }

    /// The shopper authenticates, or does not.
    pub(crate) fn authenticate_hosted(
        &self,
        session: &str,
        succeeds: bool,
    ) -> Result<HostedOutcome, Refusal> {
        let now = self.now();
        let mut state = self.state();
        let unknown = || Refusal::UnknownSession { session: session.to_owned() };
        let owner = state.owner_of_session(session).ok_or_else(unknown)?;
        state.change(&owner, now, |ledger, context| {
            let success_url = ledger.session(session).ok_or_else(unknown)?.success_url();
            let outcome_of = |paid| outcome(paid, success_url);
            ledger
                .authenticate_session(session, succeeds, context)
                .map(outcome_of)
                .ok_or_else(|| Refusal::NotAuthenticating { session: session.to_owned() })
        })
    }

    /// The shopper leaves by the link back.
    pub(crate) fn abandon_hosted(&self, session: &str) -> Result<Option<String>, Refusal> {
        let state = self.state();
        let unknown = || Refusal::UnknownSession { session: session.to_owned() };
        let owner = state.owner_of_session(session).ok_or_else(unknown)?;
        let ledger = state.ledger_of(&owner).ok_or_else(unknown)?;
        Ok(ledger.session(session).ok_or_else(unknown)?.order.cancel_url.clone())
    }
}

fn outcome(paid: PageOutcome, success_url: String) -> HostedOutcome {
    match paid {
        PageOutcome::Completed => HostedOutcome::Completed { success_url },
        PageOutcome::Declined(message) => HostedOutcome::Declined { message },
        PageOutcome::NeedsAuthentication => HostedOutcome::NeedsAuthentication,
    }
}
