//! What shoppers and the shop's people do, and what happens to an order at Stripe without any of them.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::driver::{Input, RequestId};
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    Answer, Command, Patch, Payment, RefundRequest, Rejection, Session, ShopperRejection, State,
    StripeNotification,
};
use merchant_gateway::domain::ids::{Revision, SessionId};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::Fulfillment;
use merchant_gateway::domain::origin::TokenDoor;
use merchant_gateway::domain::time::Span;

use super::{Event, Simulation};
use crate::simulation::checks::Told;
use test_support::model_stripe::{CARDS, Card, ODD_CARDS, Token};
use test_support::shop;

impl Simulation {
    /// A caller does something that fits the session as it stands, or does not.
    pub(super) fn call(
        &mut self,
        process: usize,
        session: &SessionId,
        command: Command,
    ) -> Result<(), String> {
        let command = if matches!(command, Command::Read) { self.request(session) } else { command };
        self.asked += 1;
        let request = RequestId(self.asked);
        self.tell(|| format!("caller {} asks {session} of process {process}: {command:?}", request.0));
        self.waiting.insert(request.0, (process, self.processes[process].life));
        self.told.push(Told::asked(request, session, &command));
        self.feed(process, session, Input::Requested { request, command: Box::new(command) })?;
        if self.goes_wrong() && self.waiting.remove(&request.0).is_some() {
            self.count("caller gave up");
            self.feed(process, session, Input::GivenUp(request))?;
        }
        Ok(())
    }

    fn request(&mut self, session: &SessionId) -> Command {
        let row = self.store.rows.get(session).map(|(_, row, _)| row.clone());
        let Some(row) = row else { return shop::create(shop::two_mugs()) };
        if matches!(row.state, State::Completed { .. }) && self.racing.is_none() && self.chance.per_mille(700)
        {
            return self.aftersale(&row);
        }
        match if self.racing.is_some() { 9 } else { self.chance.below(10) } {
            0 => Command::Read,
            1 => Command::Update { revision: None, patch: Patch::default() },
            2 if self.chance.per_mille(300) => Command::Cancel,
            3 | 4 => Command::OpenStripeCheckout { revision: Some(row.revision) },
            _ => {
                // Sometimes the same token again, sometimes one that was meant for the other session.
                let owner = if self.chance.per_mille(50) {
                    self.chance.pick(&self.sessions.clone()).clone()
                } else {
                    session.clone()
                };
                let number = match self.racing {
                    // The sheet and the wallet take turns.
                    Some(first) => (first + self.asked) % 2,
                    None => self.chance.below(self.token_balance),
                };
                let token = format!("spt_{}{number:04}", &owner.as_str()[owner.as_str().len() - 4..]);
                let total = row.quote().map_or_else(|| Money::new(4361, shop::usd()), |quote| quote.total);
                if !self.stripe.tokens.contains_key(&token) {
                    // Who has many cards has them because they do not pay.
                    let good = if self.token_balance > 3 { 50 } else { 500 };
                    let card = match self.stripe.odd {
                        // Two who race where nothing goes wrong both could pay.
                        _ if self.racing.is_some() && self.fault == 0 => Card::Pays,
                        true if self.chance.per_mille(300) => *self.chance.pick(&ODD_CARDS),
                        _ if self.chance.per_mille(good) => Card::Pays,
                        _ if self.token_balance > 3 => Card::Declines,
                        _ => *self.chance.pick(&CARDS),
                    };
                    let larger = self.view.checkout.tokens.allow_larger && self.chance.per_mille(600);
                    let minor = if larger { total.minor * 4 } else { total.minor };
                    let limit = Money::new(minor, total.currency);
                    let expires = self.now + Span::millis(self.chance.millis(60_000, 7_200_000));
                    self.stripe
                        .tokens
                        .insert(token.clone(), Token { card, limit, used: 0, expires, revoked: false });
                }
                if self.goes_wrong() {
                    self.stripe.tokens.get_mut(&token).unwrap().revoked = true;
                }
                let stale = self.chance.per_mille(50);
                let revision = if stale { Revision(row.revision.0 + 1) } else { row.revision };
                let buyer = Buyer::default();
                // Every other token is a wallet's.
                let is_of_wallet = token.ends_with(['1', '3', '5', '7', '9']);
                let door = if is_of_wallet { TokenDoor::Wallet } else { TokenDoor::PaymentSheet };
                Command::Complete(Payment {
                    door,
                    user_agent: None,
                    challenge: None,
                    revision: Some(revision),
                    token: token.parse().unwrap(),
                    buyer,
                })
            }
        }
    }

    /// Whoever runs the shop wants something of a paid order; often the same again.
    fn aftersale(&mut self, row: &Session) -> Command {
        let number = self.chance.below(3);
        let total = row.quote().map_or(0, |quote| quote.total.minor);
        let reference = format!("r{number}").parse().unwrap();
        if self.chance.per_mille(150) {
            let (carrier, tracking_number, tracking_url) = (Some("Post".to_owned()), None, None);
            let (items, created) = (Vec::new(), self.now);
            let sent = Fulfillment {
                reference,
                items,
                rest: false,
                carrier,
                tracking_number,
                tracking_url,
                created,
            };
            return Command::Fulfill(sent);
        }
        if self.elsewhere && self.chance.per_mille(300) {
            let when = Span::millis(self.chance.millis(1000, 600_000));
            self.at(when, Event::Elsewhere(row.id.clone()));
        }
        let mistaken = self.chance.per_mille(50);
        let amount = match number {
            0 => Some(total / 3),
            1 => Some(total / 2 + i64::from(mistaken)),
            _ => None,
        };
        Command::Refund(RefundRequest { reference, amount, reason: None })
    }

    /// Something happens to a payment at Stripe that nobody here asked for; perhaps a webhook tells, once or twice, or
    /// before the answer to a request that is under way.
    pub(super) fn happens_elsewhere(&mut self, session: &SessionId) {
        let Some((_, row, _)) = self.store.rows.get(session) else { return };
        let State::Completed { intent, .. } = row.state.clone() else { return };
        if self.chance.per_mille(500) {
            self.count("refunded elsewhere");
            self.stripe.refund_elsewhere(&intent, self.now);
        } else {
            self.count("disputed");
            self.stripe.dispute(&intent, self.now, &mut self.chance);
        }
        for _ in 0..self.chance.below(3) {
            let when = Span::millis(self.chance.millis(1, 60_000));
            let notification = StripeNotification { affected: Affected::Order, payment: None };
            self.at(when, Event::Webhook { session: session.clone(), notification });
        }
    }

    /// A shopper who is given a page's address may pay there, at any time while the page is open, and after.
    pub(super) fn shop_on_page(&mut self, answer: &Result<Box<Answer>, Rejection>) {
        let Ok(answer) = answer else { return };
        let State::AwaitingStripeCheckout { checkout, .. } = &answer.session.state else { return };
        self.count("page shown");
        if self.racing.is_some() {
            let when = Span::millis(self.chance.millis(1, 5000));
            self.at(when, Event::PaysOnPage { page: checkout.id.clone(), card: Card::Pays });
            return;
        }
        if !self.chance.per_mille(600) {
            return;
        }
        let longest = if self.chance.per_mille(800) { 120_000 } else { 2_400_000 };
        let when = Span::millis(self.chance.millis(1000, longest));
        let card = if self.chance.per_mille(600) { Card::Pays } else { *self.chance.pick(&CARDS) };
        let card = if self.stripe.odd && self.chance.per_mille(200) { Card::PaysHalf } else { card };
        self.at(when, Event::PaysOnPage { page: checkout.id.clone(), card });
    }

    pub(super) fn note(&mut self, answer: &Result<Box<Answer>, Rejection>) {
        self.count(match answer {
            Ok(answer) if answer.order.is_some() => "answer: paid",
            Ok(_) => "answer: a session",
            Err(Rejection::Shopper(ShopperRejection::Undecided)) => "answer: undecided",
            Err(_) => "answer: a refusal",
        });
    }
}
