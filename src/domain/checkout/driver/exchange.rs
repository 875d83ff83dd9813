//! What goes into a driver and what comes out of it.

use crate::domain::checkout::model::{
    Answer, AttemptObservation, Change, Command, Effect, Loaded, Observation, OrderObservation, Rejection,
    SharedPaymentToken, StripeAnswer, TokenFacts, TokenReadError, Verification, Version,
};
use crate::domain::ids::{AttemptNumber, PaymentIntentId, SptHash};
use crate::domain::time::Span;

/// Who asked, as the actor numbers its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A task that waits for facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId(pub(super) u64);

/// What happens to a driver.
#[derive(Debug)]
pub enum Input {
    /// A caller asks.
    Requested {
        /// Who.
        request: RequestId,
        /// For what.
        command: Box<Command>,
    },
    /// A caller has gone; what is not committed for it is dropped.
    GivenUp(RequestId),
    /// The load came back; `Err` when the store failed.
    Loaded(Result<Box<Loaded>, StoreFailed>),
    /// The facts about a token came back.
    Gathered {
        /// For which task.
        task: TaskId,
        /// What Stripe told.
        facts: Result<TokenFacts, TokenReadError>,
    },
    /// The commit came back.
    Committed(Result<Version, CommitFailed>),
    /// An effect came to its end.
    AttemptObserved {
        /// The attempt that it was for.
        attempt: AttemptNumber,
        /// What was seen.
        seen: Box<AttemptObservation>,
        /// What was answered, or why nothing was.
        answer: StripeAnswer,
    },
    /// An effect for a paid order came to its end.
    OrderObserved {
        /// What was seen.
        seen: Box<OrderObservation>,
        /// What was answered, or why nothing was.
        answer: StripeAnswer,
    },
    /// A payment that the session cannot account for was looked at.
    PaymentObserved {
        /// Which.
        payment: PaymentIntentId,
        /// What was seen.
        seen: Box<Observation>,
        /// What was answered, or why nothing was.
        answer: StripeAnswer,
    },
    /// What a decision is about was looked at.
    Verified {
        /// For which task.
        task: TaskId,
        /// What was seen.
        seen: Box<AttemptObservation>,
    },
    /// The armed timer, the sweeper or a start asks to go on.
    Woken,
}

/// The store failed; nothing is known of the write that it was asked for, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFailed;

/// Why a commit did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFailed {
    /// Another commit came first.
    Conflict,
    /// The token has started an attempt already.
    TokenUsed,
    /// The store failed, and the commit was not done for certain.
    NotDone,
    /// The store failed; the commit may or may not have been done.
    Unheard,
}

/// What a driver wants done.
#[derive(Debug)]
pub enum Output {
    /// Read the session, and what is known of this token.
    Load(Option<SptHash>),
    /// Ask Stripe about a token.
    Gather {
        /// Who wants to pay.
        request: RequestId,
        /// For which task.
        task: TaskId,
        /// The token.
        token: SharedPaymentToken,
    },
    /// Look at the payment that a decision is about.
    Verify {
        /// For which task.
        task: TaskId,
        /// What to look at.
        verification: Verification,
    },
    /// Write a change.
    Commit(Box<Change>),
    /// Do something at Stripe.
    Run(Effect),
    /// Answer a caller.
    Reply(RequestId, Result<Box<Answer>, Rejection>),
    /// Wake the driver after this span at the latest; the earliest of several wishes counts.
    WakeAfter(Span),
}
