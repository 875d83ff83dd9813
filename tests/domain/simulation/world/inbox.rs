//! Stripe's webhooks as they are kept and followed: lost on the way or sent again, followed by whichever process is alive.

use merchant_gateway::domain::checkout::driver::{Input, RequestId};
use merchant_gateway::domain::checkout::model::{Command, StripeNotification};
use merchant_gateway::domain::ids::{PaymentIntentId, SessionId};
use merchant_gateway::domain::time::{Span, Timestamp};

use super::{Event, Simulation};

/// How long whoever follows a webhook is waited for.
const PATIENCE: Span = Span::seconds(20);

/// Every webhook that was kept.
#[derive(Default)]
pub struct Inbox(Vec<Kept>);

struct Kept {
    session: SessionId,
    notification: StripeNotification,
    followed: bool,
    /// Who was asked to follow it, and when it was last tried.
    asked: Vec<RequestId>,
    last: Option<Timestamp>,
}

impl Inbox {
    /// Whether every webhook was followed.
    pub fn is_followed(&self) -> bool {
        self.0.iter().all(|kept| kept.followed)
    }

    /// Whether a request was one to follow a webhook; when it was done, that one is followed.
    pub fn answered(&mut self, request: RequestId, done: bool) -> bool {
        let of = |kept: &&mut Kept| kept.asked.contains(&request);
        let Some(kept) = self.0.iter_mut().find(of) else { return false };
        kept.followed |= done;
        true
    }

    /// The payments that a session was told of.
    pub fn payments<'a>(&'a self, session: &'a SessionId) -> impl Iterator<Item = &'a PaymentIntentId> {
        self.0
            .iter()
            .filter(move |kept| kept.session == *session)
            .filter_map(|kept| kept.notification.payment.as_ref())
    }
}

impl Simulation {
    /// A webhook arrives. Where it is not kept, Stripe sends it again.
    pub(super) fn webhook(
        &mut self,
        session: &SessionId,
        notification: StripeNotification,
    ) -> Result<(), String> {
        if self.goes_wrong() || !self.store.rows.contains_key(session) {
            self.count("webhook not kept");
            let again = Span::millis(self.chance.millis(1000, 600_000));
            if self.now < self.trouble_ends {
                self.at(again, Event::Webhook { session: session.clone(), notification });
            }
            return Ok(());
        }
        self.count("webhook");
        self.tell(|| format!("a webhook of {session} is kept: {notification:?}"));
        self.inbox.0.push(Kept {
            session: session.clone(),
            notification,
            followed: false,
            asked: Vec::new(),
            last: None,
        });
        let process = usize::try_from(self.chance.below(self.processes.len() as u64)).unwrap();
        let newest = self.inbox.0.len() - 1;
        self.follow(process, newest)
    }

    /// What nobody has followed for a while is followed now.
    pub(super) fn follow_up(&mut self, process: usize) -> Result<(), String> {
        for at in 0..self.inbox.0.len() {
            let kept = &self.inbox.0[at];
            let late = kept.last.is_none_or(|last| self.now >= last + PATIENCE);
            if !kept.followed && late {
                self.count("webhook followed up");
                self.follow(process, at)?;
            }
        }
        Ok(())
    }

    fn follow(&mut self, process: usize, at: usize) -> Result<(), String> {
        self.asked += 1;
        let request = RequestId(self.asked);
        let kept = &mut self.inbox.0[at];
        kept.asked.push(request);
        kept.last = Some(self.now);
        let (session, notification) = (kept.session.clone(), kept.notification.clone());
        self.tell(|| format!("process {process} tells {session} of {notification:?} as {}", request.0));
        self.feed(
            process,
            &session,
            Input::Requested { request, command: Box::new(Command::CheckStripe(notification)) },
        )
    }
}
