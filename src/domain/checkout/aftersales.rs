//! What happens to a session that is paid: refunds, disputes, goods that are sent.
//!
//! A refund is like an attempt: durable before its request leaves, sent under one idempotency key, sent again while nobody
//! knows, then looked for. What happened at Stripe without us is found by looking there: soon when somebody hints at it,
//! and now and then in any case. Invariants: nothing is taken for refunded that Stripe does not show; nothing is asked for
//! twice; more than what was paid is never asked for.
//! Source: Stripe API `2026-09-30.preview`, Refunds and Disputes.

use sha2::{Digest, Sha256};

use super::attempt::{IdempotencyKey, Unknown};
use super::command::Rejection;
use super::session::{Session, State};
use super::settle::{LONGEST_PAUSE, pause};
use super::step::{Context, Effect, Event, OrderEffect, Transition, Work};
use crate::domain::ids::{
    AccountId, DisputeId, PaymentIntentId, Reference, RefundId, RefundNumber, SessionId,
};
use crate::domain::money::Money;
use crate::domain::order::{
    Asking, Book, Dispute, Fulfilled, Fulfillment, Refund, RefundReason, RefundRequest, RefundState,
    RefundStatus,
};
use crate::domain::pricing::Quote;
use crate::domain::time::{Span, Timestamp};

/// How long the request for a refund is repeated; Stripe would remember its key for a day.
const REPEAT: Span = Span::hours(1);

/// After this many tries a replayed server error is all that its key will ever answer.
const REPLAYED_ERRORS: u32 = 3;

/// How long after the last possible send a look that finds nothing begins to count.
const ABSENCE_MARGIN: Span = Span::minutes(2);

/// How far apart the two looks must be that together say that it was never made.
const ABSENCE_INTERVAL: Span = Span::seconds(30);

/// When a paid order is looked at in any case, from when its checkout began: a dispute may come for months.
const LOOKS: [Span; 7] = [
    Span::hours(24),
    Span::hours(24 * 7),
    Span::hours(24 * 14),
    Span::hours(24 * 30),
    Span::hours(24 * 60),
    Span::hours(24 * 90),
    Span::hours(24 * 120),
];

/// The longest pause between two looks at something that Stripe has still to decide.
const LONGEST_WATCH: Span = Span::hours(6);

/// A refund that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundWish {
    /// What its asker calls it: the same reference asks for the same refund.
    pub reference: Reference,
    /// How much, in minor units; `None`: all that is left.
    pub amount: Option<i64>,
    /// Why.
    pub reason: Option<RefundReason>,
}

/// A refund that is about to be committed: everything that its request is made of.
#[derive(Clone, Debug)]
pub struct RefundIntent {
    /// Its number within the session.
    pub number: RefundNumber,
    /// The session.
    pub session: SessionId,
    /// The payment that it is of.
    pub payment: PaymentIntentId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: Option<RefundReason>,
    /// The Stripe account.
    pub account: AccountId,
    /// Makes repeats of the request one refund.
    pub idempotency_key: IdempotencyKey,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when the request may be sent.
    pub repeat_until: Timestamp,
}

/// Something that a merchant is told of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A refund stands elsewhere than before.
    Refunded(RefundId),
    /// A dispute does.
    Disputed(DisputeId),
    /// Goods were sent.
    Fulfilled(Reference),
}

/// What one look at Stripe showed of a paid order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderSeen {
    /// The answer to the request for a refund.
    Asked {
        /// Which.
        number: RefundNumber,
        /// What was answered.
        answer: RefundAnswer,
    },
    /// Every refund and dispute of the payment.
    Read {
        /// The refunds.
        refunds: Vec<RefundSeen>,
        /// The disputes.
        disputes: Vec<Dispute>,
        /// When the looking began: what it says is no younger.
        asked: Timestamp,
    },
    /// A look that did not come to its end.
    Unread,
}

/// What the request for a refund was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// It is made.
    Made(RefundSeen),
    /// Stripe will not make it.
    Refused {
        /// Stripe's code and parameter.
        why: String,
    },
    /// The idempotency key is known with another request.
    Conflict,
    /// 401 or 403, or the key opens another account.
    KeyRefused,
    /// 409, 429, 5xx, timeout, reset, unreadable: nothing is known.
    Unknown(Unknown),
}

/// A refund as Stripe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundSeen {
    /// Its id.
    pub id: RefundId,
    /// Where it stands.
    pub status: RefundStatus,
    /// How much.
    pub amount: Money,
    /// When it was made.
    pub created: Timestamp,
    /// Why.
    pub reason: Option<RefundReason>,
    /// The session that its metadata names.
    pub session: Option<SessionId>,
    /// The number that its metadata names.
    pub number: Option<RefundNumber>,
}

/// Stripe's `Idempotency-Key` of a refund: recomputable, different for every refund.
fn key_of(
    context: &Context<'_>,
    account: &AccountId,
    session: &SessionId,
    refund: &Refund,
) -> IdempotencyKey {
    let tenant = context.view.tenant();
    let number = refund.request.as_ref().map_or(0, |request| request.number.0).to_string();
    let minor = refund.amount.minor.to_string();
    let parts = [
        "refund",
        tenant.merchant.as_str(),
        account.as_str(),
        tenant.mode.as_str(),
        session.as_str(),
        &number,
        &minor,
        refund.amount.currency.code(),
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    IdempotencyKey::from_stored(format!("mg1-{}", hex::encode(hash.finalize())))
}

/// What a paid session was paid with and for.
fn paid(session: &Session) -> Result<(&Quote, &PaymentIntentId), Rejection> {
    match &session.state {
        State::Completed { quote, intent, .. } => Ok((quote, intent)),
        State::Open { .. }
        | State::Ready { .. }
        | State::Charging(_)
        | State::OpeningHosted(_)
        | State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Frozen { .. }
        | State::Canceled { .. }
        | State::Expired => Err(Rejection::NotPaid(session.state.name())),
    }
}

/// The refund that was asked for in these words before, if any; `Err` when its reference stands for another.
pub(super) fn asked_before<'a>(
    session: &'a Session,
    wish: &RefundWish,
) -> Result<Option<&'a Refund>, Rejection> {
    match session.book.refund_of(&wish.reference) {
        None => Ok(None),
        Some(known) => {
            let same =
                wish.amount.is_none_or(|amount| amount == known.amount.minor) && wish.reason == known.reason;
            if same { Ok(Some(known)) } else { Err(Rejection::ReferenceTaken(wish.reference.clone())) }
        }
    }
}

/// Money is to go back.
pub(super) fn refund(
    session: &Session,
    wish: &RefundWish,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let (quote, payment) = paid(session)?;
    if asked_before(session, wish)?.is_some() {
        return Ok(Transition::to(session.clone()));
    }
    if session.book.asking().is_some() {
        return Err(Rejection::RefundUnderWay);
    }
    let account = session.account.as_ref().ok_or(Rejection::AccountUnknown)?;
    if context.view.account.as_ref() != Some(account) {
        return Err(Rejection::AccountUnknown);
    }
    let left = quote.total.minor.saturating_sub(session.book.refunded());
    let minor = wish.amount.unwrap_or(left);
    if minor <= 0 || minor > left {
        return Err(Rejection::RefundTooLarge { left: Money::new(left.max(0), quote.total.currency) });
    }
    let now = context.moment.now;
    let asked = session.book.refunds.iter().filter(|refund| refund.request.is_some()).count();
    let number = RefundNumber(u32::try_from(asked).unwrap_or(u32::MAX).saturating_add(1));
    let asking =
        Asking { repeat_until: now + REPEAT, looking: false, absent_since: None, tries: 0, next_try: now };
    let refund = Refund {
        request: Some(RefundRequest { number, reference: wish.reference.clone() }),
        amount: Money::new(minor, quote.total.currency),
        reason: wish.reason,
        created: now,
        state: RefundState::Asking(asking),
    };
    let intent = RefundIntent {
        number,
        session: session.id.clone(),
        payment: payment.clone(),
        amount: refund.amount,
        reason: refund.reason,
        account: account.clone(),
        idempotency_key: key_of(context, account, &session.id, &refund),
        started: now,
        repeat_until: now + REPEAT,
    };
    let mut next = session.clone();
    next.book.refunds.push(refund);
    Ok(Transition {
        refund: Some(Box::new(intent)),
        effect: Some(Effect::Order(OrderEffect::Refund(number))),
        ..Transition::to(next)
    })
}

/// Goods were sent.
pub(super) fn fulfill(
    session: &Session,
    fulfillment: &Fulfillment,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let (quote, _) = paid(session)?;
    let book = &session.book;
    if let Some(known) = book.fulfillments.iter().find(|known| known.reference == fulfillment.reference) {
        let items = fulfillment.items.is_empty() || fulfillment.items == known.items;
        let again = Fulfillment { created: known.created, items: known.items.clone(), ..fulfillment.clone() };
        return if items && again == *known {
            Ok(Transition::to(session.clone()))
        } else {
            Err(Rejection::ReferenceTaken(fulfillment.reference.clone()))
        };
    }
    let left = unsent(quote, book);
    let items = if fulfillment.items.is_empty() { left.clone() } else { fulfillment.items.clone() };
    for sent in &items {
        let asked: u32 =
            items.iter().filter(|other| other.item == sent.item).map(|other| other.quantity).sum();
        let available = left.iter().find(|left| left.item == sent.item).map_or(0, |left| left.quantity);
        if sent.quantity == 0 || asked > available {
            return Err(Rejection::NotThatMany { item: sent.item.clone(), left: available });
        }
    }
    if items.is_empty() {
        return Err(Rejection::NothingToSend);
    }
    let mut next = session.clone();
    next.book.fulfillments.push(Fulfillment { items, created: context.moment.now, ..fulfillment.clone() });
    Ok(Transition { news: vec![News::Fulfilled(fulfillment.reference.clone())], ..Transition::to(next) })
}

/// What of an order has not been sent yet.
fn unsent(quote: &Quote, book: &Book) -> Vec<Fulfilled> {
    let mut left: Vec<Fulfilled> = Vec::new();
    for line in &quote.lines {
        match left.iter_mut().find(|known| known.item == line.item) {
            Some(known) => known.quantity = known.quantity.saturating_add(line.quantity),
            None => left.push(Fulfilled { item: line.item.clone(), quantity: line.quantity }),
        }
    }
    for known in &mut left {
        known.quantity = known.quantity.saturating_sub(book.sent(&known.item));
    }
    left.retain(|known| known.quantity > 0);
    left
}

/// When a paid session waits for something next.
pub(super) fn due(book: &Book) -> Option<Timestamp> {
    let asking = book.asking().map(|(_, asking)| asking.next_try);
    match (asking, book.next_look) {
        (Some(asking), Some(look)) => Some(asking.min(look)),
        (asking, look) => asking.or(look),
    }
}

/// Whether the next try of a refund is further off than any pause is long: then the clock was set back.
pub(super) fn beyond_any_pause(book: &Book, now: Timestamp) -> bool {
    book.asking().is_some_and(|(_, asking)| asking.next_try > now + LONGEST_PAUSE)
}

/// What is to be done for a paid session that is due.
pub(super) fn work(book: &Book, payment: &PaymentIntentId, now: Timestamp) -> Work {
    let unknown = |number, unknown| {
        let answer = RefundAnswer::Unknown(unknown);
        Work::Step(Box::new(Event::SawOrder(OrderSeen::Asked { number, answer })))
    };
    let due = |asking: &Asking| asking.next_try <= now || beyond_any_pause(book, now);
    match book.asking() {
        Some((number, asking)) if due(asking) && !asking.looking => {
            if now >= asking.repeat_until {
                unknown(number, Unknown { cannot_repeat: true, ..Unknown::default() })
            } else if asking.tries == 0 {
                // Due, and never told of: the answer to the first send died with the process that waited for it.
                unknown(number, Unknown::default())
            } else {
                Work::Run(Effect::Order(OrderEffect::Refund(number)))
            }
        }
        Some(_) | None => Work::Run(look(payment)),
    }
}

/// The look that tells what became of an order.
pub(super) fn look(payment: &PaymentIntentId) -> Effect {
    Effect::Order(OrderEffect::Read(payment.clone()))
}

/// When a newly paid session is looked at first.
pub(super) fn first_look(session: &Session, now: Timestamp) -> Option<Timestamp> {
    LOOKS.iter().map(|span| session.created + *span).find(|at| *at > now)
}

/// Applies what was seen of a paid order.
pub(super) fn settle(session: &Session, seen: OrderSeen, context: &Context<'_>) -> Transition {
    let mut next = session.clone();
    let mut news = Vec::new();
    if paid(session).is_err() {
        return Transition::to(next);
    }
    match seen {
        OrderSeen::Asked { answer: RefundAnswer::Made(seen), .. } => {
            take_refund(&mut next.book, &session.id, seen, &mut news);
            if next.book.is_unsettled() {
                schedule(&mut next, true, context);
            }
        }
        OrderSeen::Asked { number, answer } => answered(&mut next.book, number, answer, context),
        OrderSeen::Read { refunds, disputes, asked } => {
            for seen in refunds {
                take_refund(&mut next.book, &session.id, seen, &mut news);
            }
            for seen in disputes {
                take_dispute(&mut next.book, seen, &mut news);
            }
            missed(&mut next.book, asked, context);
            schedule(&mut next, !news.is_empty(), context);
        }
        OrderSeen::Unread => {
            if let Some(asking) = asking_mut(&mut next.book) {
                again(asking, None, context);
            }
            let pause = watch(next.book.looks, context);
            next.book.looks = next.book.looks.saturating_add(1);
            next.book.next_look = next.book.next_look.map(|due| due.max(context.moment.now + pause));
        }
    }
    Transition { news, ..Transition::to(next) }
}

fn asking_mut(book: &mut Book) -> Option<&mut Asking> {
    book.refunds.iter_mut().find_map(|refund| match &mut refund.state {
        RefundState::Asking(asking) => Some(asking),
        RefundState::Made { .. } | RefundState::Refused { .. } => None,
    })
}

/// A refund that Stripe shows: one that was asked for, one that is known, or one that was made elsewhere.
fn take_refund(book: &mut Book, session: &SessionId, seen: RefundSeen, news: &mut Vec<News>) {
    let made = RefundState::Made { id: seen.id.clone(), status: seen.status };
    let known = |refund: &Refund| matches!(&refund.state, RefundState::Made { id, .. } if *id == seen.id);
    let ours = seen.session.as_ref() == Some(session);
    // Also one that was taken for refused: what Stripe shows is what counts.
    let expected = |refund: &Refund| {
        let number = refund.request.as_ref().map(|request| request.number);
        ours && number.is_some() && number == seen.number && !matches!(refund.state, RefundState::Made { .. })
    };
    let at = book.refunds.iter().position(known).or_else(|| book.refunds.iter().position(expected));
    match at.and_then(|at| book.refunds.get_mut(at)) {
        Some(refund) if refund.state == made => return,
        Some(refund) => {
            refund.amount = seen.amount;
            refund.state = made;
        }
        None => book.refunds.push(Refund {
            request: None,
            amount: seen.amount,
            reason: seen.reason,
            created: seen.created,
            state: made,
        }),
    }
    news.push(News::Refunded(seen.id));
}

fn take_dispute(book: &mut Book, seen: Dispute, news: &mut Vec<News>) {
    let id = seen.id.clone();
    match book.disputes.iter_mut().find(|known| known.id == seen.id) {
        Some(known) if known.status == seen.status => return,
        Some(known) => *known = seen,
        None => book.disputes.push(seen),
    }
    news.push(News::Disputed(id));
}

/// A request for a refund was answered by anything but a refund.
fn answered(book: &mut Book, number: RefundNumber, answer: RefundAnswer, context: &Context<'_>) {
    let asked =
        |refund: &&mut Refund| refund.request.as_ref().is_some_and(|request| request.number == number);
    let Some(refund) = book.refunds.iter_mut().find(asked) else { return };
    let RefundState::Asking(asking) = &mut refund.state else { return };
    match answer {
        // No other send of it may have made it: one whose answer was lost.
        RefundAnswer::Refused { why } if asking.tries == 0 && !asking.looking => {
            refund.state = RefundState::Refused { why };
        }
        RefundAnswer::Unknown(unknown) if !asking.looking => {
            let hopeless = unknown.cannot_repeat
                || unknown.replayed_error && asking.tries >= REPLAYED_ERRORS
                || unknown.should_retry == Some(false)
                || context.moment.now >= asking.repeat_until;
            if hopeless { look_for(asking, context) } else { again(asking, unknown.retry_after, context) }
        }
        RefundAnswer::Refused { .. } | RefundAnswer::Conflict => look_for(asking, context),
        RefundAnswer::KeyRefused | RefundAnswer::Unknown(_) | RefundAnswer::Made(_) => {
            again(asking, None, context);
        }
    }
}

/// The request is sent no more: from now on it is looked for.
fn look_for(asking: &mut Asking, context: &Context<'_>) {
    if !asking.looking {
        asking.looking = true;
        asking.tries = 0;
    }
    asking.next_try = context.moment.now;
}

fn again(asking: &mut Asking, at_least: Option<Span>, context: &Context<'_>) {
    asking.next_try = context.moment.now + pause(asking.tries, at_least, context);
    asking.tries = asking.tries.saturating_add(1);
    if !asking.looking {
        // When the last moment to send has come, looking begins: no pause outlasts it.
        asking.next_try = asking.next_try.min(asking.repeat_until.max(context.moment.now));
    }
}

/// A complete look, begun at `asked`, did not find the refund that is asked for.
fn missed(book: &mut Book, asked: Timestamp, context: &Context<'_>) {
    let Some(refund) = book.refunds.iter_mut().find(|refund| matches!(refund.state, RefundState::Asking(_)))
    else {
        return;
    };
    let RefundState::Asking(asking) = &mut refund.state else { return };
    if !asking.looking || asked < asking.repeat_until + ABSENCE_MARGIN {
        if asking.looking {
            again(asking, None, context);
        }
        return;
    }
    match asking.absent_since {
        Some(first) if asked >= first + ABSENCE_INTERVAL => {
            let why = "it never reached Stripe; nothing went back".to_owned();
            refund.state = RefundState::Refused { why };
        }
        Some(_) => again(asking, Some(ABSENCE_INTERVAL), context),
        None => {
            asking.absent_since = Some(asked);
            again(asking, Some(ABSENCE_INTERVAL), context);
        }
    }
}

/// When the next look is due: soon while Stripe has something to decide, else when it is time for the next in any case.
fn schedule(session: &mut Session, anything_new: bool, context: &Context<'_>) {
    let now = context.moment.now;
    let looks = if anything_new { 0 } else { session.book.looks };
    session.book.looks = looks.saturating_add(1);
    let in_any_case = first_look(session, now);
    session.book.next_look = if session.book.is_unsettled() {
        let soon = now + watch(looks, context);
        Some(in_any_case.map_or(soon, |at| at.min(soon)))
    } else {
        in_any_case
    };
}

/// A pause that doubles from look to look, from a minute to [`LONGEST_WATCH`].
fn watch(looks: u32, context: &Context<'_>) -> Span {
    let longest = LONGEST_WATCH.as_millis();
    let doubled = LONGEST_PAUSE.as_millis().saturating_mul(1 << looks.min(16)).min(longest);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "at most six hours of milliseconds"
    )]
    let spread = (doubled as f64 * (0.5 + context.moment.jitter / 2.0)) as i64;
    Span::millis(spread)
}
