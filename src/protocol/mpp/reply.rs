//! What is answered to a wallet, in every state of a checkout.
//!
//! Invariants: a challenge is sent only where a payment can begin now, never while one is undecided; a receipt is sent
//! only for a payment that succeeded, to the sender of its token. Wallets pay again only after a 402, so a checkout that
//! is paid or undecided never answers one.

use serde_json::{Value, json};

use super::challenge::{Challenge, ChallengeError};
use super::credential::{Credential, CredentialError};
use super::problem::ProblemType;
use super::receipt::Receipt;
use super::terms::{Terms, payable};
use crate::domain::checkout::model::{
    Answer, HostRejection, Notice, Rejection, ShopRejection, ShopperRejection, State, TokenProblem,
};
use crate::domain::ids::Revision;
use crate::keyring::Keyring;
use crate::protocol::apps::completion::Completion;
use crate::protocol::rendering::Rendering;
use crate::protocol::texts::wording::Wording;

/// When a wallet asks again about a payment that is undecided, in seconds.
const ASK_AGAIN: u32 = 3;

/// When a wallet tries again what the shop could not do, in seconds.
const TRY_AGAIN: u32 = 10;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub challenge: Option<Challenge>,
    pub receipt: Option<Receipt>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    pub media_type: &'static str,
    pub body: String,
    /// What it says in words, if it is a problem.
    pub detail: Option<String>,
    /// What it is, for the log.
    pub outcome: &'static str,
    /// Why the checkout was not paid, for the log.
    pub code: Option<&'static str>,
}

/// The shop that answers.
#[derive(Clone, Copy)]
pub struct Shop<'a> {
    pub rendering: Rendering<'a>,
    /// The base address of its pages.
    pub base: &'a str,
    pub keyring: &'a Keyring,
    /// What the wallet says of its program.
    pub user_agent: Option<&'a str>,
}

impl Shop<'_> {
    /// The reply to a request without a credential, or whose payment has reached the state of this answer.
    #[must_use]
    pub fn reply(&self, answer: &Answer) -> Reply {
        match &answer.session.state {
            State::Completed { .. } => self.paid(answer),
            State::Canceled { .. } | State::Expired => ended(answer.session.state.into_str()),
            State::Charging(_)
            | State::OpeningStripeCheckout(_)
            | State::ClosingStripeCheckout { .. }
            | State::Frozen { .. } => in_progress(),
            State::Ready { .. } | State::AwaitingStripeCheckout { .. } => match self.due(answer) {
                Ok(terms) => {
                    let said = format!("{} is due for this checkout.", terms.amount);
                    self.challenged(&terms, ProblemType::PaymentRequired, &said)
                }
                Err(obstacle) => self.rejected(None, &obstacle),
            },
            State::Open { problem } => not_payable(&problem.as_ref().map_or_else(
                || Wording::for_model().rejection(&Rejection::Shopper(ShopperRejection::QuoteExpired)),
                |problem| Wording::for_model().problem(problem),
            )),
        }
    }

    /// The reply to a payment that was tried.
    #[must_use]
    pub fn tried(&self, answer: &Answer) -> Reply {
        // Otherwise the state says more than what became of one token.
        let is_payable =
            matches!(answer.session.state, State::Ready { .. } | State::AwaitingStripeCheckout { .. });
        let notice = answer.notice.as_ref().filter(|_| is_payable);
        let Some(notice) = notice else { return self.reply(answer) };
        let said = Wording::for_model().notice(notice);
        let problem = match notice {
            Notice::TokenRejected { problem: TokenProblem::Amount { token, total } }
                if token.currency == total.currency && token.minor < total.minor =>
            {
                ProblemType::PaymentInsufficient
            }
            Notice::PaymentDeclined { .. } | Notice::TokenUnusable | Notice::TokenRejected { .. } => {
                ProblemType::VerificationFailed
            }
            Notice::ConfirmationNeeded => ProblemType::PaymentActionRequired,
            // Another token would not help.
            Notice::RequestRefused { .. } | Notice::PaymentRefused { .. } | Notice::PaymentLookedInto => {
                return not_payable(&said);
            }
            Notice::PaymentUnderWay => return in_progress(),
            Notice::PaymentNotMade
            | Notice::NothingCharged
            | Notice::StripeCheckoutClosed
            | Notice::ItemUnavailable { .. }
            | Notice::QuoteExpired => return self.reply(answer),
        };
        match self.terms(answer) {
            Some(terms) => self.challenged(&terms, problem, &said),
            None => self.reply(answer),
        }
    }

    /// The reply to a payment that was rejected, beside the present session if it can be read.
    #[must_use]
    pub fn rejected(&self, present: Option<&Answer>, rejection: &Rejection) -> Reply {
        Reply { code: Some(rejection.code()), ..self.after_rejection(present, rejection) }
    }

    fn after_rejection(&self, present: Option<&Answer>, rejection: &Rejection) -> Reply {
        let said = Wording::for_model().rejection(rejection);
        let problem = match rejection {
            Rejection::Shopper(ShopperRejection::Token(_) | ShopperRejection::TokenUsedElsewhere) => {
                ProblemType::VerificationFailed
            }
            // The checkout has changed since the credential was looked at.
            Rejection::Host(HostRejection::StaleRevision { .. } | HostRejection::RevisionMissing) => {
                ProblemType::InvalidChallenge
            }
            Rejection::Shopper(ShopperRejection::Undecided) => return in_progress(),
            Rejection::Shopper(ShopperRejection::Ended(state)) => return ended(state),
            Rejection::Shopper(ShopperRejection::AgentRefused) => {
                return problem_reply(403, "agent_refused", "Agent not admitted", &said);
            }
            Rejection::Shop(ShopRejection::TooManyPayments | ShopRejection::Busy) => {
                return problem_reply(429, "too_many_requests", "Too many requests", &said)
                    .retried_after(TRY_AGAIN);
            }
            Rejection::Shop(_) => return unavailable(&said),
            Rejection::Shopper(_) | Rejection::Host(_) | Rejection::Operator(_) => return not_payable(&said),
        };
        match (present, present.and_then(|present| self.terms(present))) {
            (_, Some(terms)) => self.challenged(&terms, problem, &said),
            (Some(present), None) => self.reply(present),
            // Without its state there is no challenge, and a 402 without one says nothing.
            (None, None) => unavailable(&said),
        }
    }

    /// The reply to what is no credential.
    #[must_use]
    pub fn malformed(&self, answer: &Answer, error: CredentialError) -> Reply {
        let problem = error.problem();
        let said = match error {
            CredentialError::Several => "More than one credential was sent; send one.",
            CredentialError::Malformed => {
                "The credential is not base64url of JSON with challenge and payload; answer the challenge again."
            }
            CredentialError::NoToken => {
                "The payload has no Shared Payment Token in spt; answer the challenge with one."
            }
        };
        match self.terms(answer) {
            Some(terms) if problem.status() == 402 => self.challenged(&terms, problem, said),
            Some(_) => typed(problem, said),
            None => self.reply(answer),
        }
    }

    /// The revision that a credential may pay; `None` where the checkout cannot be paid as it is now, so that its challenge
    /// cannot be checked: its token then begins nothing, and may only be one that pays or has paid. Otherwise the reply.
    pub fn accepts(&self, answer: &Answer, credential: &Credential) -> Result<Option<Revision>, Box<Reply>> {
        let Some(terms) = self.terms(answer) else { return Ok(None) };
        let Err(error) = credential.challenge.check(&terms, self.rendering.now, self.keyring) else {
            return Ok(Some(answer.session.revision));
        };
        let problem = error.problem();
        let said = match error {
            ChallengeError::NotOffered => "Only the method stripe with the intent charge is offered.",
            ChallengeError::NotIssued => "The credential answers no challenge of this checkout.",
            ChallengeError::Expired => "The challenge has expired. Nothing was charged.",
            ChallengeError::Changed => {
                "The checkout is not as it was when the challenge was issued. Nothing was charged. get_checkout \
                 returns it as it is now."
            }
        };
        Err(Box::new(if problem.status() == 402 {
            self.challenged(&terms, problem, said)
        } else {
            typed(problem, said)
        }))
    }

    /// What can be paid now, if anything.
    fn terms(&self, answer: &Answer) -> Option<Terms> {
        self.due(answer).ok()
    }

    /// What can be paid now; otherwise why a payment would be rejected, so that a shopper approves none in vain.
    fn due(&self, answer: &Answer) -> Result<Terms, Rejection> {
        let (session, view) = (&answer.session, self.rendering.view);
        let quote = payable(session, view, self.rendering.now)?;
        if !view.checkout.agents.may_admit(self.user_agent) {
            return Err(Rejection::Shopper(ShopperRejection::AgentRefused));
        }
        let terms = Terms::of(session, quote, view, self.base);
        if terms.expires <= self.rendering.now {
            return Err(Rejection::Shopper(ShopperRejection::QuoteExpired));
        }
        Ok(terms)
    }

    fn challenged(&self, terms: &Terms, problem: ProblemType, said: &str) -> Reply {
        let challenge = Challenge::new(terms, self.keyring);
        let body = json!({
            "type": problem.uri(),
            "title": problem.title(),
            "status": 402,
            "detail": said,
            "challengeId": challenge.id,
        });
        let reply = problem_json((402, problem.code()), said, &body);
        Reply { challenge: Some(challenge), ..reply }
    }

    /// The order; the receipt belongs to the wallet that paid it.
    fn paid(&self, answer: &Answer) -> Reply {
        let Rendering { now, .. } = self.rendering;
        let Some(placed) = &answer.order else { return in_progress() };
        let body = if answer.is_closed(now) && !answer.repeats_payment {
            Completion::long_paid(&placed.order, self.rendering).to_json()
        } else {
            placed.completion.clone()
        };
        let paid = answer.session.paid().map(|(_, payment)| payment).filter(|_| answer.repeats_payment);
        Reply {
            receipt: paid.map(|payment| Receipt::of(payment, placed.order.created)),
            ..json_reply(200, "paid", body)
        }
    }
}

/// The reply to a request above the shop's limits.
#[must_use]
pub fn too_many_requests(retry_after: u32) -> Reply {
    let said = "There are too many requests at once. Nothing was charged by this one.";
    problem_reply(429, "too_many_requests", "Too many requests", said).retried_after(retry_after)
}

/// The reply to a body that is too long. A body means nothing here.
#[must_use]
pub fn body_too_large() -> Reply {
    problem_reply(413, "body_too_large", "Body too large", "The request needs no body.")
}

fn ended(state: &'static str) -> Reply {
    let said = Wording::for_model().rejection(&Rejection::Shopper(ShopperRejection::Ended(state)));
    problem_reply(410, "ended", "Checkout ended", &said)
}

fn in_progress() -> Reply {
    json_reply(202, "in_progress", json!({ "status": "in_progress" }).to_string()).retried_after(ASK_AGAIN)
}

fn unavailable(said: &str) -> Reply {
    problem_reply(503, "unavailable", "Not available now", said).retried_after(TRY_AGAIN)
}

fn not_payable(said: &str) -> Reply {
    problem_reply(409, "not_payable", "Not payable", said)
}

fn json_reply(status: u16, outcome: &'static str, body: String) -> Reply {
    Reply {
        status,
        challenge: None,
        receipt: None,
        retry_after: None,
        media_type: "application/json",
        body,
        detail: None,
        outcome,
        code: None,
    }
}

fn problem_json((status, outcome): (u16, &'static str), said: &str, body: &Value) -> Reply {
    let detail = Some(said.to_owned());
    Reply { media_type: "application/problem+json", detail, ..json_reply(status, outcome, body.to_string()) }
}

/// A problem that the protocol has no type for.
fn problem_reply(status: u16, outcome: &'static str, title: &str, said: &str) -> Reply {
    let body = json!({ "type": "about:blank", "title": title, "status": status, "detail": said });
    problem_json((status, outcome), said, &body)
}

/// A problem of the protocol without a challenge.
fn typed(problem: ProblemType, said: &str) -> Reply {
    let status = problem.status();
    let body = json!({ "type": problem.uri(), "title": problem.title(), "status": status, "detail": said });
    problem_json((status, problem.code()), said, &body)
}

impl Reply {
    fn retried_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}
