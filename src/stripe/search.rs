//! The search for the payments of attempts among all payments of an account in a time, page by page.
//!
//! Invariants: a search that was not read to its end has no result; its result is valid for the moment when it began,
//! even if it continued later, and it contains that moment.

use super::answers::{List, PaymentIntent};
use super::observation::{CallResult, Noted};
use super::transport::Reply;
use super::{StripeAccount, outcome};
use crate::domain::checkout::model::{AttemptObservation, Observation};
use crate::domain::ids::{AttemptNumber, SessionId};
use crate::domain::time::{Span, Timestamp};

/// How long before the first attempt's time a search begins, because clocks differ.
const MARGIN: Span = Span::minutes(10);

/// An attempt whose PaymentIntent is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// The session that the PaymentIntent's metadata must name.
    pub session: SessionId,
    pub attempt: AttemptNumber,
    /// When the attempt was committed.
    pub started: Timestamp,
    /// The last moment at which the PaymentIntent can have been made; `None` if that is not known.
    pub made_by: Option<Timestamp>,
}

/// A search and its progress.
#[derive(Debug)]
pub struct Search {
    sought: Vec<Sought>,
    began: Timestamp,
    /// The filters of every page.
    from: Timestamp,
    to: Option<Timestamp>,
    /// The last payment that was read: the next page begins after it.
    behind: Option<String>,
    found: Vec<PaymentIntent>,
    clocks_agree: bool,
}

/// The result of one more page of a search.
#[derive(Debug)]
pub enum Searched {
    /// There are more pages.
    More,
    /// It was the last page: the observation of each attempt, in their order.
    Whole(Vec<CallResult<AttemptObservation>>),
}

/// Why a page was not read.
#[derive(Debug)]
pub struct Stopped {
    /// The observation in its place.
    pub observed: Box<CallResult>,
    /// Whether the same page may be requested later; if not, the search cannot end and must begin again.
    pub may_go_on: bool,
}

impl Search {
    /// A search for some attempts that begins now.
    #[must_use]
    pub fn new(sought: Vec<Sought>, now: Timestamp) -> Self {
        let first = sought.iter().map(|sought| sought.started).min();
        // If one of them has no known end, the whole search has none.
        let to = sought.iter().map(|sought| sought.made_by).collect::<Option<Vec<_>>>();
        Self {
            sought,
            began: now,
            from: first.unwrap_or(now) - MARGIN,
            to: to.and_then(|ends| ends.into_iter().max()),
            behind: None,
            found: Vec::new(),
            clocks_agree: true,
        }
    }

    /// The attempts that it searches for.
    #[must_use]
    pub fn sought(&self) -> &[Sought] {
        &self.sought
    }

    /// Whether it covers this attempt, in at least the requested time.
    #[must_use]
    pub fn covers(&self, wanted: &Sought) -> bool {
        let is_wanted =
            |sought: &Sought| sought.session == wanted.session && sought.attempt == wanted.attempt;
        let long_enough = self.to.is_none_or(|to| wanted.made_by.is_some_and(|made_by| made_by <= to));
        self.sought.iter().any(is_wanted) && wanted.started - MARGIN >= self.from && long_enough
    }

    /// When it began.
    #[must_use]
    pub const fn began(&self) -> Timestamp {
        self.began
    }

    fn is_sought(&self, intent: &PaymentIntent) -> bool {
        self.sought.iter().any(|sought| intent.is_of(&sought.session))
    }

    /// Adds a page that was read.
    fn take(
        &mut self,
        List { data, has_more }: List<PaymentIntent>,
        reply: &Reply,
    ) -> Result<Searched, Stopped> {
        let last = data.last().map(|intent| intent.id.clone());
        // Stripe says that there are more objects, and gives none to continue from: this is not a complete reading.
        if has_more && (last.is_none() || last == self.behind) {
            let cause = Some("the listing did not come to its end".to_owned());
            let noted = Noted { cause, ..Noted::default() };
            let observed = CallResult { noted, ..CallResult::of(Observation::ReadFailed, reply) };
            return Err(Stopped { observed: Box::new(observed), may_go_on: false });
        }
        self.clocks_agree &= reply.clock_agrees;
        let found: Vec<_> = data.into_iter().filter(|intent| self.is_sought(intent)).collect();
        self.found.extend(found);
        if has_more {
            self.behind = last;
            return Ok(Searched::More);
        }
        Ok(Searched::Whole(self.sought.iter().map(|sought| self.seen(sought, reply)).collect()))
    }

    /// The observation of an attempt from all pages together.
    fn seen(&self, sought: &Sought, last: &Reply) -> CallResult<AttemptObservation> {
        let of_session = self.found.iter().filter(|intent| intent.is_of(&sought.session));
        let seen = outcome::of_listing(of_session, sought.attempt, self.began);
        let seen = if self.clocks_agree { seen } else { seen.without_absence() };
        CallResult { seen, request_id: last.request_id.clone(), noted: Noted::default() }
    }
}

impl StripeAccount {
    /// Reads the next page of a search (`GET /v1/payment_intents`; Stripe's own search lags behind and is not used).
    /// The search changes only when a page was read.
    pub(super) async fn next_page(&self, search: &mut Search) -> Result<Searched, Stopped> {
        let from = search.from.as_seconds().to_string();
        // Stripe counts whole seconds.
        let to = search.to.map(|to| (to.as_seconds() + 1).to_string());
        let mut query = vec![("created[gte]", from.as_str()), ("limit", "100")];
        query.extend(to.as_deref().map(|to| ("created[lte]", to)));
        query.extend(search.behind.as_deref().map(|behind| ("starting_after", behind)));
        let reply = match self.get("/v1/payment_intents", &query).await {
            Ok(reply) => reply,
            Err(error) => {
                let observed = Box::new(CallResult::unanswered(Observation::ReadFailed, &error));
                return Err(Stopped { observed, may_go_on: true });
            }
        };
        let seen = match reply.status {
            200 => match reply.json::<List<PaymentIntent>>() {
                Some(page) => return search.take(page, &reply),
                None => Observation::ReadFailed,
            },
            401 | 403 => Observation::KeyRefused,
            _ => Observation::ReadFailed,
        };
        // If Stripe cannot continue from here now, it never can.
        let may_go_on = !matches!(reply.status, 400 | 404);
        Err(Stopped { observed: Box::new(CallResult::of(seen, &reply)), may_go_on })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn sought(number: u128, made_by: Option<Timestamp>) -> Sought {
        let session = SessionId::from_random(number);
        Sought { session, attempt: AttemptNumber(1), started: NOW - Span::hours(1), made_by }
    }

    fn reply() -> Reply {
        Reply::of_text(200, "")
    }

    /// A page that contains one payment of a session.
    fn page(id: &str, session: u128, has_more: bool) -> List<PaymentIntent> {
        let payment = json!({
            "id": id, "status": "succeeded", "amount": 4361, "currency": "usd", "livemode": false,
            "created": 1_789_999_000,
            "metadata": { "checkout_session": SessionId::from_random(session), "checkout_attempt": "1" },
        });
        serde_json::from_value(json!({ "data": [payment], "has_more": has_more })).unwrap()
    }

    fn seen(searched: Result<Searched, Stopped>) -> Vec<Observation> {
        let Ok(Searched::Whole(observed)) = searched else { panic!("{searched:?}") };
        observed.into_iter().map(|observed| observed.seen.primary).collect()
    }

    #[test]
    fn a_search_keeps_its_first_page_and_dates_absence_at_its_start() {
        let mut search = Search::new(vec![sought(1, None), sought(2, None)], NOW);
        assert!(matches!(search.take(page("pi_1", 1, true), &reply()), Ok(Searched::More)));
        let seen = seen(search.take(page("pi_2", 9, false), &reply()));
        assert!(
            matches!(&seen[0], Observation::PaymentIntent(intent) if intent.id.as_str() == "pi_1"),
            "{seen:?}"
        );
        assert_eq!(seen[1], Observation::Absent { asked: NOW });
    }

    #[test]
    fn where_the_clocks_differ_on_any_page_no_absence_is_known() {
        let mut search = Search::new(vec![sought(2, None)], NOW);
        let differs = Reply { clock_agrees: false, ..reply() };
        assert!(matches!(search.take(page("pi_1", 1, true), &differs), Ok(Searched::More)));
        assert_eq!(seen(search.take(page("pi_2", 9, false), &reply())), [Observation::ReadFailed]);
    }

    #[test]
    fn a_search_that_goes_round_in_a_circle_is_not_gone_on_with() {
        let mut search = Search::new(vec![sought(1, None)], NOW);
        assert!(search.take(page("pi_1", 9, true), &reply()).is_ok());
        let stopped = search.take(page("pi_1", 9, true), &reply()).unwrap_err();
        assert!(!stopped.may_go_on && stopped.observed.seen == Observation::ReadFailed);
    }

    #[test]
    fn a_search_has_an_end_only_if_each_attempts_end_is_known() {
        let (early, late) = (NOW - Span::minutes(10), NOW);
        let search = |ends: &[Option<Timestamp>]| {
            let sought = (1..).zip(ends).map(|(number, made_by)| sought(number, *made_by)).collect();
            Search::new(sought, NOW)
        };
        assert_eq!(search(&[Some(early), Some(late)]).to, Some(late));
        assert_eq!(search(&[Some(early), None]).to, None);
        assert!(search(&[Some(early)]).covers(&sought(1, Some(early))));
        assert!(search(&[None]).covers(&sought(1, Some(late))));
        assert!(!search(&[Some(early)]).covers(&sought(1, Some(late))), "it ends too early");
        assert!(!search(&[Some(early)]).covers(&sought(1, None)), "it ends too early");
        assert!(!search(&[None]).covers(&sought(2, None)), "its first pages were not looked at for this one");
    }

    #[test]
    fn a_search_covers_who_began_no_earlier_than_it_goes_back() {
        let search = Search::new(vec![sought(1, None), sought(2, None)], NOW);
        let began = |earlier: Span| Sought { started: NOW - Span::hours(1) - earlier, ..sought(2, None) };
        assert!(search.covers(&began(Span::millis(0))));
        assert!(search.covers(&Sought { started: NOW, ..sought(2, None) }));
        assert!(!search.covers(&began(Span::millis(1))), "its payment may be older than what is listed");
        assert!(!search.covers(&sought(3, None)), "it looks for others");
    }
}
