//! `step(session, event, context)`: every transition of a checkout, pure and total.
//!
//! Nothing here asks the time, draws a number or does anything: effects are data. The rules for callers' events are
//! below; those for what Stripe said are in [`outcome`](super::outcome).

use super::aftersales::{self, OrderChange, RefundIntent};
use super::attempt::{AttemptIntent, ExpectedPayment, Flag, IdempotencyKey, PaymentSource};
use super::command::{Patch, Payment, Rejection};
use super::decision::decided;
use super::effect::Effect;
use super::event::Event;
use super::outcome::{apply_observation, read_from_now_on};
use super::session::{
    CancelReason, Charging, CheckoutInputs, FailedReads, Notice, NoticeCode, Phase, Session, State,
};
use super::snapshot::AttemptMove;
use super::token::TokenFacts;
use super::{hosted, notification, restored};
use crate::domain::address::Buyer;
use crate::domain::ids::{AttemptNumber, FlagId, ItemId, OrderId, Revision, SessionId};
use crate::domain::merchant::{MerchantStatus, MerchantView, PaymentsOff, Reconciliation};
use crate::domain::order::{Order, OrderActivity};
use crate::domain::pricing::{PricingInput, PricingProblem, quote};
use crate::domain::sends::Sends;
use crate::domain::time::{Span, Timestamp};

/// How long after the quote's expiry a request may still be repeated: its shopper paid in time.
const REPEAT_AFTER_EXPIRY: Span = Span::minutes(5);

/// Stripe forgets idempotency keys after 24 hours; an hour before, repeating ends in any case.
const REPEAT_LIMIT: Span = Span::hours(23);

/// More revisions than a checkout may have had that a restored database does not know.
const LOST_REVISIONS: u32 = 1000;

/// What a step may know besides the session.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The merchant, at this moment.
    pub view: &'a MerchantView,
    /// Time and chance.
    pub moment: Moment,
}

impl Context<'_> {
    /// Refuses what must not be done on records that may be older than what happened.
    pub(super) fn reliable_records(&self) -> Result<(), Rejection> {
        match self.view.records {
            Reconciliation::NotRestored | Reconciliation::Done { .. } => Ok(()),
            Reconciliation::Pending { until } => {
                Err(Rejection::Unreconciled { left: until.since(self.moment.now) })
            }
        }
    }

    /// The number of an edited session's quote: one that nobody was shown another quote under.
    fn next_revision(&self, session: &Session) -> Revision {
        match self.view.records {
            Reconciliation::Done { restored } if session.created < restored => {
                Revision(session.revision.0.saturating_add(LOST_REVISIONS))
            }
            Reconciliation::NotRestored | Reconciliation::Pending { .. } | Reconciliation::Done { .. } => {
                session.revision.next()
            }
        }
    }
}

/// Time and chance at one step, drawn beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The present.
    pub now: Timestamp,
    /// A number in `0.0..1.0`, to spread retries.
    pub jitter: f64,
    /// Random bits, for the id of an order or a flag made in this step.
    pub random: u128,
    /// Whether Stripe's webhooks about payments have reached this merchant lately, so that a payment is heard of soon though
    /// nobody looks.
    pub webhooks_arrive: bool,
}

impl Moment {
    pub(super) fn order_id(&self) -> OrderId {
        OrderId::from_random(self.random)
    }

    /// The id of the flag that is the `number`th of its step.
    pub(super) fn flag_id(&self, number: usize) -> FlagId {
        FlagId::from_random(self.random.wrapping_add(number as u128))
    }
}

/// Where a step leads.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The session as it is to stand.
    pub next: Session,
    /// What becomes of an attempt.
    pub attempt: Option<AttemptMove>,
    /// The order that is placed.
    pub order: Option<Order>,
    /// The refund that is begun.
    pub refund: Option<Box<RefundIntent>>,
    /// What the merchant is told of the order, beside that it came to be.
    pub news: Vec<OrderChange>,
    /// Payments for an operator to look at.
    pub flags: Vec<Flag>,
    /// What to do once the change is durable.
    pub effect: Option<Effect>,
}

impl Transition {
    /// A change of the session alone.
    pub(super) const fn to(next: Session) -> Self {
        Self {
            next,
            attempt: None,
            order: None,
            refund: None,
            news: Vec::new(),
            flags: Vec::new(),
            effect: None,
        }
    }

    /// Whether there is anything to write or to do.
    pub(super) fn changes(&self, session: &Session) -> bool {
        self.next != *session || self.attempt.is_some() || !self.flags.is_empty() || self.effect.is_some()
    }
}

/// A new session.
pub fn begin(id: SessionId, patch: Patch, context: &Context<'_>) -> Result<Session, Rejection> {
    if context.view.status == MerchantStatus::Suspended {
        return Err(Rejection::Suspended);
    }
    let now = context.moment.now;
    let Some(cart) = patch.cart else {
        return Err(Rejection::NotPayable("items must name at least one item".to_owned()));
    };
    let inputs = CheckoutInputs {
        cart,
        buyer: patch.buyer.unwrap_or_default(),
        address: patch.address,
        option_id: patch.option_id,
    };
    refuse_unknown_items(&inputs, context)?;
    let state = priced(&inputs, context);
    let expires = now + context.view.checkout.session_ttl;
    Ok(Session {
        id,
        created: now,
        expires,
        revision: Revision(1),
        inputs,
        attempts: 0,
        pages: 0,
        tokens: context.view.checkout.tokens,
        account: None,
        notice: None,
        state,
        activity: OrderActivity::default(),
        unmatched_payments: Vec::new(),
        unconfirmed: None,
        last_polls: Vec::new(),
        pages_not_asked: 0,
        notified: false,
        paid_late: false,
        ended: None,
    })
}

/// One transition. `Err` changes nothing.
pub fn step(session: &Session, event: Event, context: &Context<'_>) -> Result<Transition, Rejection> {
    if event.needs_reliable_records() {
        context.reliable_records()?;
    }
    match event {
        Event::Edited { revision, patch } => edit(session, revision, patch, context),
        Event::LineGone(item) => line_gone(session, item),
        Event::Paid { payment, facts } => pay(session, &payment, &facts, context),
        Event::StripeCheckoutRequested { revision } => hosted::open(session, revision, context),
        Event::CloseRequested(request) => hosted::close(session, request, context),
        Event::Canceled => cancel(session),
        Event::TimeOut => time_out(session, context),
        Event::RepeatingEnded => Ok(repeating_ended(session, context)),
        Event::Decided { decision, seen } => decided(session, &decision, seen, context),
        Event::AttemptObserved { attempt, seen } => Ok(apply_observation(session, attempt, seen, context)),
        Event::RefundRequested(request) => aftersales::refund::refund(session, &request, context),
        Event::Fulfilled(fulfillment) => aftersales::fulfillment::fulfill(session, &fulfillment, context),
        Event::Reconciled(evidence) => Ok(restored::reconciled(session, &evidence, context)),
        Event::OrderObserved(seen) => Ok(aftersales::apply_observation(session, seen, context)),
        Event::Notified(notification) => notification::notified(session, &notification, context),
        Event::PaymentObserved { payment, seen } => {
            Ok(notification::apply_observation(session, &payment, &seen, context))
        }
    }
}

/// Why a session in this state takes no edit, cancel or payment; `Ok` when it is still the shopper's.
fn shoppers(session: &Session) -> Result<(), Rejection> {
    match &session.state {
        State::Open { .. } | State::Ready { .. } => Ok(()),
        State::AwaitingHosted { .. } => Err(Rejection::StripeCheckoutOpen),
        State::Charging(_) | State::Frozen { .. } | State::OpeningHosted(_) | State::ClosingHosted { .. } => {
            Err(Rejection::Undecided)
        }
        State::Completed { .. } | State::Canceled { .. } | State::Expired => {
            Err(Rejection::Ended(session.state.name()))
        }
    }
}

fn edit(
    session: &Session,
    revision: Option<Revision>,
    patch: Patch,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let stale = revision.is_some_and(|seen| seen != session.revision);
    let standing = shoppers(session);
    if let Err(rejection) = &standing
        && *rejection != Rejection::StripeCheckoutOpen
    {
        return Err(rejection.clone());
    }
    if stale {
        return Err(Rejection::StaleRevision { current: session.revision });
    }
    let new_cart = patch.cart.is_some();
    let mut next = session.clone();
    next.inputs = patched(session.inputs.clone(), patch);
    if new_cart {
        refuse_unknown_items(&next.inputs, context)?;
    }
    // Last: for an edit that would be refused anyway no page is closed.
    standing?;
    next.revision = context.next_revision(session);
    next.notice = None;
    next.state = priced(&next.inputs, context);
    Ok(Transition::to(next))
}

/// The wishes with a patch laid over them.
fn patched(inputs: CheckoutInputs, patch: Patch) -> CheckoutInputs {
    // An option belongs to the address that it was offered for: a new address without an option starts afresh.
    let kept_option = if patch.address.is_some() { None } else { inputs.option_id };
    CheckoutInputs {
        cart: patch.cart.unwrap_or(inputs.cart),
        buyer: merged(patch.buyer.unwrap_or_default(), inputs.buyer),
        address: patch.address.or(inputs.address),
        option_id: patch.option_id.or(kept_option),
    }
}

/// What `first` says of a buyer, and where it is silent what `second` says.
pub(super) fn merged(first: Buyer, second: Buyer) -> Buyer {
    Buyer {
        name: first.name.or(second.name),
        email: first.email.or(second.email),
        phone_number: first.phone_number.or(second.phone_number),
    }
}

fn refuse_unknown_items(inputs: &CheckoutInputs, context: &Context<'_>) -> Result<(), Rejection> {
    for line in inputs.cart.lines() {
        context.view.catalog.sold(&line.id)?;
    }
    Ok(())
}

/// `ready` with a quote, or `open` with what is missing.
fn priced(inputs: &CheckoutInputs, context: &Context<'_>) -> State {
    let input = PricingInput {
        cart: &inputs.cart,
        address: inputs.address.as_ref(),
        option_id: inputs.option_id.as_ref(),
    };
    match quote(context.view, input, context.moment.now) {
        Ok(quote) => State::Ready { quote },
        Err(problem) => State::Open { problem: Some(problem) },
    }
}

fn line_gone(session: &Session, item: ItemId) -> Result<Transition, Rejection> {
    shoppers(session)?;
    let mut next = session.clone();
    let problem = PricingProblem::Unavailable(item);
    next.notice = Some(Notice { code: NoticeCode::OutOfStock, text: problem.to_string() });
    next.state = State::Open { problem: Some(problem) };
    Ok(Transition::to(next))
}

/// Why a session cannot be paid now by who has seen this revision of it, whatever it is to be paid with.
pub(super) fn payable(
    session: &Session,
    seen: Option<Revision>,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    context.reliable_records()?;
    let standing = shoppers(session);
    if !matches!(standing, Ok(()) | Err(Rejection::StripeCheckoutOpen)) {
        return standing;
    }
    seen_revision(session, seen)?;
    if session.late_payment().is_some() {
        // An operator looks into it; another payment might be the second one.
        return Err(Rejection::NotPayable(
            "a payment for it came in late and is being looked into; please do not pay again".to_owned(),
        ));
    }
    let Some(quote) = session.quote() else {
        return Err(Rejection::NotPayable(open_reason(&session.state)));
    };
    if quote.expires <= context.moment.now {
        return Err(Rejection::QuoteExpired);
    }
    if context.view.status == MerchantStatus::Suspended {
        return Err(Rejection::Suspended);
    }
    match &context.view.payments_off {
        None => {}
        Some(PaymentsOff::Unverified) => return Err(Rejection::AccountUnknown),
        Some(
            PaymentsOff::KeyRefused
            | PaymentsOff::NotPermitted { .. }
            | PaymentsOff::OtherAccount
            | PaymentsOff::AccountMisnamed
            | PaymentsOff::AccountTaken
            | PaymentsOff::Unreconciled
            | PaymentsOff::ClockDiffers,
        ) => return Err(Rejection::PaymentsOff),
    }
    let account = context.view.account.as_ref().ok_or(Rejection::AccountUnknown)?;
    if session.account.as_ref().is_some_and(|pinned| pinned != account) {
        return Err(Rejection::AccountUnknown);
    }
    // Last: a page is closed only for what can be done afterwards.
    standing
}

/// Whether a payment names the present revision.
pub(super) fn seen_revision(session: &Session, seen: Option<Revision>) -> Result<(), Rejection> {
    match seen {
        None => Err(Rejection::RevisionMissing),
        Some(seen) if seen != session.revision => Err(Rejection::StaleRevision { current: session.revision }),
        Some(_) => Ok(()),
    }
}

/// Whether the shop takes payments on the sheet.
pub(super) const fn takes_tokens(context: &Context<'_>) -> Result<(), Rejection> {
    if context.view.checkout.method.takes_tokens() {
        Ok(())
    } else {
        Err(Rejection::NotOffered(
            "on the payment sheet; pay on the checkout page, whose address start_hosted_checkout gives",
        ))
    }
}

fn open_reason(state: &State) -> String {
    match state {
        State::Open { problem: Some(problem) } => format!("{problem}. {}", problem.next_call()),
        State::Open { problem: None } => {
            "the last payment did not go through; refresh the checkout with update_checkout and show it again"
                .to_owned()
        }
        State::Ready { .. }
        | State::Charging(_)
        | State::OpeningHosted(_)
        | State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => format!("it is {}", state.name()),
    }
}

fn pay(
    session: &Session,
    payment: &Payment,
    facts: &TokenFacts,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    payable(session, payment.revision, context)?;
    takes_tokens(context)?;
    let (State::Ready { quote }, Some(account)) = (&session.state, &context.view.account) else {
        return Err(Rejection::AccountUnknown);
    };
    let now = context.moment.now;
    facts.check(context.view.mode, session.tokens, quote.total, now)?;
    // The one who pays is believed before what was said earlier.
    let buyer = merged(payment.buyer.clone(), session.inputs.buyer.clone());
    if !quote.is_sent() && buyer.email.is_none() {
        return Err(Rejection::EmailNeeded);
    }

    let number = AttemptNumber(session.attempts).next();
    let charge = ExpectedPayment {
        total: quote.total,
        session: session.id.clone(),
        revision: session.revision,
        attempt: number,
    };
    let repeat_until = (quote.expires + REPEAT_AFTER_EXPIRY).min(now + REPEAT_LIMIT);
    let mut next = session.clone();
    next.inputs.buyer = buyer;
    next.attempts = number.0;
    next.account = Some(account.clone());
    next.notice = None;
    next.state = State::Charging(Charging {
        quote: quote.clone(),
        attempt: number,
        started: now,
        repeat_until,
        charge: charge.clone(),
        intent: None,
        phase: Phase::Sending,
        tries: 0,
        sends: Sends::default(),
        failed_reads: FailedReads::default(),
        next_try: now,
    });
    let intent = AttemptIntent {
        number,
        idempotency_key: IdempotencyKey::of(&context.view.tenant(), account, payment.token.hash(), &charge),
        charge,
        means: PaymentSource::Token(payment.token.clone()),
        account: account.clone(),
        receipt_email: receipt_email(&next.inputs.buyer, context),
        shipping: session.inputs.address.clone(),
        carrier: quote.carrier(),
        started: now,
        repeat_until,
    };
    Ok(Transition {
        attempt: Some(AttemptMove::Start(Box::new(intent))),
        effect: Some(Effect::Charge(number)),
        ..Transition::to(next)
    })
}

/// Where Stripe is to send its receipt: where the merchant wants that, to the buyer.
pub(super) fn receipt_email(buyer: &Buyer, context: &Context<'_>) -> Option<String> {
    buyer.email.clone().filter(|_| context.view.checkout.receipt_email)
}

fn cancel(session: &Session) -> Result<Transition, Rejection> {
    shoppers(session)?;
    let mut next = session.clone();
    next.notice = None;
    next.state = State::Canceled { reason: CancelReason::Shopper };
    Ok(Transition::to(next))
}

fn time_out(session: &Session, context: &Context<'_>) -> Result<Transition, Rejection> {
    shoppers(session)?;
    let mut next = session.clone();
    if session.expires <= context.moment.now {
        next.notice = None;
        next.state = State::Expired;
    }
    Ok(Transition::to(next))
}

fn repeating_ended(session: &Session, context: &Context<'_>) -> Transition {
    match &session.state {
        State::Charging(charging) => read_from_now_on(session, charging, context),
        State::OpeningHosted(opening) => hosted::unopened(session, opening, context),
        State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Open { .. }
        | State::Ready { .. }
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => Transition::to(session.clone()),
    }
}
