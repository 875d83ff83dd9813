//! What the driver has to do, and how far it is with it.

use super::RequestId;
use crate::domain::checkout::model::{
    AttemptObservation, Command, Effect, Event, Notice, Rejection, Session, ShopperRejection, StripeAnswer,
    TokenFacts, TokenReadError,
};
use crate::domain::ids::SptHash;

/// Something to be worked on in the lane.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) kind: TaskKind,
    /// How often it has been tried before.
    pub(super) tries: u32,
}

#[derive(Debug)]
pub(super) enum TaskKind {
    /// A caller asks.
    Request(Box<CallerRequest>),
    /// Something was seen at Stripe.
    Outcome { event: Box<Event>, answer: StripeAnswer },
    /// Something may be due.
    Due,
    /// Callers are told what the store says.
    Report { requests: Vec<RequestId>, notice: Option<Notice> },
}

/// A caller's question.
#[derive(Debug)]
pub(super) struct CallerRequest {
    pub(super) request: RequestId,
    pub(super) command: Command,
    /// What Stripe told of the payment's token, once it was asked.
    pub(super) facts: Option<Result<TokenFacts, TokenReadError>>,
    /// What was seen of the payment that a decision is about, once it was looked at.
    pub(super) verified: Option<Box<AttemptObservation>>,
}

impl CallerRequest {
    /// What a caller hears whose question was not looked at. For a payment it may be the repeat of one that is under
    /// way or done, so nobody may be told that it was not made.
    pub(super) fn not_checked(&self, otherwise: Rejection) -> Rejection {
        if self.pays() { Rejection::Shopper(ShopperRejection::Undecided) } else { otherwise }
    }

    /// Whether it asks for a payment.
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

    /// The same once more, with nothing gathered for it yet: what was told of the world is old.
    pub(super) fn afresh(mut self) -> Self {
        if let TaskKind::Request(ask) = &mut self.kind {
            ask.facts = None;
            ask.verified = None;
        }
        Self::again(self.kind, self.tries)
    }

    /// The token that must be looked up with the session.
    pub(super) fn token(&self) -> Option<SptHash> {
        match &self.kind {
            TaskKind::Request(ask) => match &ask.command {
                Command::Complete(payment) => Some(payment.token.hash().clone()),
                Command::Create(_)
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

    /// The answer to the look at Stripe that it tells of.
    pub(super) const fn answer(&self) -> Option<&StripeAnswer> {
        match &self.kind {
            TaskKind::Outcome { answer, .. } => Some(answer),
            TaskKind::Request(_) | TaskKind::Due | TaskKind::Report { .. } => None,
        }
    }

    /// Whether it tells what was seen, which may decide what is under way.
    pub(super) const fn is_outcome(&self) -> bool {
        matches!(self.kind, TaskKind::Outcome { .. })
    }

    /// Whether somebody asks for a payment.
    pub(super) const fn pays(&self) -> bool {
        matches!(&self.kind, TaskKind::Request(ask) if ask.pays())
    }

    /// What its caller hears where it was not looked at.
    pub(super) fn not_checked(&self, otherwise: Rejection) -> Rejection {
        match &self.kind {
            TaskKind::Request(ask) => ask.not_checked(otherwise),
            TaskKind::Outcome { .. } | TaskKind::Due | TaskKind::Report { .. } => otherwise,
        }
    }

    /// Who waits for it.
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

/// The one place where a session is read and written.
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
    /// What becomes of its caller.
    pub(super) follow: Follow,
}

/// What becomes of a caller whose request was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    /// It is told how the session stands.
    Tell,
    /// It waits for the attempt or the refund that has begun.
    Wait,
    /// It is told how the order stands.
    Report,
    /// Its request waits for the page that is being closed for it, and then comes again.
    Retry,
}
