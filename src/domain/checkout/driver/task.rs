//! The driver's tasks and their progress.

use super::RequestId;
use crate::domain::checkout::model::{
    AttemptObservation, Command, Effect, Event, Notice, Rejection, Session, ShopperRejection, StripeAnswer,
    TokenFacts, TokenReadError,
};
use crate::domain::ids::SptHash;

/// A task for the lane.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) kind: TaskKind,
    /// How often it has been tried before.
    pub(super) tries: u32,
}

#[derive(Debug)]
pub(super) enum TaskKind {
    Request(Box<CallerRequest>),
    /// An observation from Stripe.
    Outcome {
        event: Box<Event>,
        answer: StripeAnswer,
    },
    /// A check for due work.
    Due,
    /// Callers are answered from the store.
    Report {
        requests: Vec<RequestId>,
        notice: Option<Notice>,
    },
}

/// A caller's request.
#[derive(Debug)]
pub(super) struct CallerRequest {
    pub(super) request: RequestId,
    pub(super) command: Command,
    /// The result of reading the payment's token, once that was done.
    pub(super) facts: Option<Result<TokenFacts, TokenReadError>>,
    /// The observation of the payment that a decision is about, once it was read.
    pub(super) verified: Option<Box<AttemptObservation>>,
}

impl CallerRequest {
    /// The rejection for a request that was not checked. A payment may repeat one that is in progress or done, so its
    /// caller must not be told that no payment was made.
    pub(super) fn not_checked(&self, otherwise: Rejection) -> Rejection {
        if self.pays() { Rejection::Shopper(ShopperRejection::Undecided) } else { otherwise }
    }

    /// Whether it is a request for payment.
    const fn pays(&self) -> bool {
        matches!(self.command, Command::Complete(_) | Command::OpenStripeCheckout { .. })
    }
}

impl Task {
    pub(super) const fn new(kind: TaskKind) -> Self {
        Self { kind, tries: 0 }
    }

    pub(super) const fn again(kind: TaskKind, tries: u32) -> Self {
        Self { kind, tries: tries + 1 }
    }

    /// The same task once more, without the facts gathered for it, which are out of date.
    pub(super) fn afresh(mut self) -> Self {
        if let TaskKind::Request(ask) = &mut self.kind {
            ask.facts = None;
            ask.verified = None;
        }
        Self::again(self.kind, self.tries)
    }

    /// The token whose use must be read with the session.
    pub(super) fn token(&self) -> Option<SptHash> {
        match &self.kind {
            TaskKind::Request(ask) => match &ask.command {
                Command::Complete(payment) => Some(payment.token.hash().clone()),
                Command::Create { .. }
                | Command::Update { .. }
                | Command::Cancel
                | Command::Read
                | Command::OpenStripeCheckout { .. }
                | Command::Refund(_)
                | Command::Fulfill(_)
                | Command::CheckStripe(_)
                | Command::Decide(_) => None,
            },
            TaskKind::Outcome { .. } | TaskKind::Due | TaskKind::Report { .. } => None,
        }
    }

    /// The details of the Stripe answer that it carries.
    pub(super) const fn answer(&self) -> Option<&StripeAnswer> {
        match &self.kind {
            TaskKind::Outcome { answer, .. } => Some(answer),
            TaskKind::Request(_) | TaskKind::Due | TaskKind::Report { .. } => None,
        }
    }

    /// Whether it carries an observation, which may decide the work in progress.
    pub(super) const fn is_outcome(&self) -> bool {
        matches!(self.kind, TaskKind::Outcome { .. })
    }

    /// Whether it is a request for payment.
    pub(super) const fn pays(&self) -> bool {
        matches!(&self.kind, TaskKind::Request(ask) if ask.pays())
    }

    /// The rejection for its caller if it was not checked.
    pub(super) fn not_checked(&self, otherwise: Rejection) -> Rejection {
        match &self.kind {
            TaskKind::Request(ask) => ask.not_checked(otherwise),
            TaskKind::Outcome { .. } | TaskKind::Due | TaskKind::Report { .. } => otherwise,
        }
    }

    /// The caller that waits for it.
    pub(super) fn caller(&self) -> Option<RequestId> {
        match &self.kind {
            TaskKind::Request(ask) => Some(ask.request),
            TaskKind::Outcome { .. } | TaskKind::Due | TaskKind::Report { .. } => None,
        }
    }

    pub(super) fn is_of(&self, caller: RequestId) -> bool {
        matches!(&self.kind, TaskKind::Request(ask) if ask.request == caller)
    }
}

/// The single place where a session is read and written.
#[derive(Debug)]
pub(super) enum Lane {
    Free,
    Loading(Task),
    Committing { task: Task, committed: Box<Committed> },
}

/// What follows once a commit is durable.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) session: Session,
    pub(super) effect: Option<Effect>,
    /// What happens to its caller next.
    pub(super) follow: Follow,
}

/// What happens to a caller whose request was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    /// It gets the session in the reply.
    Tell,
    /// It waits for the attempt or the refund that has begun.
    Wait,
    /// It gets the order in the reply.
    Report,
    /// Its request waits until the Stripe Checkout is closed, and is then retried.
    Retry,
}
