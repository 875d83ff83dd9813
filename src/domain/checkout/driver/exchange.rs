//! The inputs and outputs of a driver.

use crate::domain::checkout::model::{
    Answer, AttemptObservation, Change, Command, Effect, Loaded, Observation, OrderObservation, Rejection,
    SharedPaymentToken, StripeAnswer, TokenFacts, TokenReadError, Verification, Version,
};
use crate::domain::ids::{AttemptNumber, PaymentIntentId, SptHash};
use crate::domain::time::Span;

/// A caller, by the number that the actor gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A task that waits for an answer of Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId(pub(super) u64);

/// An input of the driver.
#[derive(Debug)]
pub enum Input {
    /// A caller sends a request.
    Requested {
        request: RequestId,
        command: Box<Command>,
    },
    /// A caller has gone; a request of it that is not committed is dropped.
    GivenUp(RequestId),
    /// The load came back; `Err` when the store failed.
    Loaded(Result<Box<Loaded>, StoreFailed>),
    /// The read of a token has ended.
    Gathered {
        task: TaskId,
        /// The answer of Stripe.
        facts: Result<TokenFacts, TokenReadError>,
    },
    Committed(Result<Version, CommitFailed>),
    /// An effect has ended.
    AttemptObserved {
        attempt: AttemptNumber,
        seen: Box<AttemptObservation>,
        /// The details of Stripe's answer, or why there is none.
        answer: StripeAnswer,
    },
    /// An effect for a paid order has ended.
    OrderObserved {
        seen: Box<OrderObservation>,
        /// The details of Stripe's answer, or why there is none.
        answer: StripeAnswer,
    },
    /// The read of an unmatched payment has ended.
    PaymentObserved {
        payment: PaymentIntentId,
        seen: Box<Observation>,
        /// The details of Stripe's answer, or why there is none.
        answer: StripeAnswer,
    },
    /// The payment that a decision is about was read.
    Verified {
        task: TaskId,
        seen: Box<AttemptObservation>,
    },
    /// The timer, the sweeper or a start asks the driver to continue.
    Woken,
}

/// The store failed. If a write was requested, it is not known whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFailed;

/// Why a commit failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFailed {
    /// Another commit came first.
    Conflict,
    /// The token has already started an attempt.
    TokenUsed,
    /// The store failed, and it is certain that the commit was not done.
    NotDone,
    /// The store failed; the commit may or may not have been done.
    Unheard,
}

/// An output of the driver.
#[derive(Debug)]
pub enum Output {
    /// Read the session, and the use of this token if one is given.
    Load(Option<SptHash>),
    /// Read a token at Stripe.
    Gather {
        /// The caller who wants to pay.
        request: RequestId,
        task: TaskId,
        token: SharedPaymentToken,
    },
    /// Read the payment that a decision is about.
    Verify {
        task: TaskId,
        /// What to verify.
        verification: Verification,
    },
    Commit(Box<Change>),
    /// Do something at Stripe.
    Run(Effect),
    Reply(RequestId, Result<Box<Answer>, Rejection>),
    /// Wake the driver after this span at the latest; of several such outputs the earliest counts.
    WakeAfter(Span),
}
