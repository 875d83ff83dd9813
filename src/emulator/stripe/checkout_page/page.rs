//! The hosted page as HTML, for one moment of its session.
//!
//! Must not import the state. Invariants: every text of the seller or the shopper is escaped; the policy allows this
//! one style sheet, no script, and no form target except this server and the seller.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use url::Url;

use crate::stripe::objects::amounts;
use crate::stripe::objects::checkout_session::{CheckoutSession, SessionStatus};
use crate::stripe::objects::payment_intent::{PaymentIntent, Status};
use crate::stripe::objects::payment_source::{BANK_DEBIT, PaymentSource};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;\
color:#1a1f36}table{border-collapse:collapse;width:100%}td,th{padding:.4rem 0;text-align:left;border-bottom:1px \
solid #ddd}td:last-child,th:last-child{text-align:right}small{color:#555;display:block}label{display:block;\
padding:.3rem 0}fieldset{border:1px solid #ccc;border-radius:.5rem;margin:1rem 0}button{font:inherit;padding:.6rem \
1.2rem;border:0;border-radius:.4rem;background:#0b57d0;color:#fff}input[type=email]{font:inherit;width:100%;\
box-sizing:border-box;padding:.4rem}.test{background:#fff3cd;padding:.5rem 1rem}[role=alert]{background:#fde8e8;\
padding:.5rem 1rem}";

/// The cards on the page, with their results.
const CARDS: [(&str, &str); 5] = [
    ("pm_card_visa", "Visa •••• 4242 – pays"),
    ("pm_card_chargeDeclined", "Visa •••• 0002 – is declined"),
    ("pm_card_chargeDeclinedInsufficientFunds", "Visa •••• 9995 – has insufficient funds"),
    ("pm_card_authenticationRequired", "Visa •••• 3184 – asks to authenticate"),
    ("pm_card_createDispute", "Visa •••• 0259 – pays, and is disputed at once"),
];

/// The stage of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The shopper may pay.
    Pay,
    /// The shopper is asked to authenticate.
    Authenticate,
    /// The shopper is done.
    Complete,
    /// The session has expired.
    Expired,
}

/// The data that the page shows.
#[derive(Clone, Debug)]
pub(super) struct PayPage {
    /// Its stage.
    pub(super) stage: Stage,
    /// The address for a shopper who is done.
    pub(super) success_url: String,
    cancel_url: Option<String>,
    session: String,
    merchant: String,
    livemode: bool,
    email: Option<String>,
    rows: Vec<[String; 3]>,
    total: String,
    methods: Vec<(&'static str, &'static str)>,
}

impl PayPage {
    /// The page of a session at this moment.
    pub(super) fn of(session: &CheckoutSession, intent: Option<&PaymentIntent>, merchant: &str) -> Self {
        let order = &session.order;
        let asked = intent.is_some_and(|intent| intent.status == Status::RequiresAction);
        let stage = match session.status {
            SessionStatus::Open if asked => Stage::Authenticate,
            SessionStatus::Open => Stage::Pay,
            SessionStatus::Complete => Stage::Complete,
            SessionStatus::Expired => Stage::Expired,
        };
        let money = |amount| {
            let code = order.currency.to_ascii_uppercase();
            format!("{code} {}", amounts::major_units(amount, &order.currency))
        };
        let rows = order.lines.iter().map(|line| {
            let name = format!("{} × {}", line.quantity, line.name);
            [name, line.description.clone().unwrap_or_default(), money(line.unit_amount * line.quantity)]
        });
        let debit = (BANK_DEBIT, "Bank debit – is decided later");
        let offered = CARDS.into_iter().chain([debit]).filter(|(name, _)| {
            PaymentSource::find(name, &order.currency)
                .is_some_and(|payment_source| session.offers(payment_source))
        });
        Self {
            stage,
            success_url: session.success_url(),
            cancel_url: order.cancel_url.clone(),
            session: session.id.clone(),
            merchant: merchant.to_owned(),
            livemode: session.id.starts_with("cs_live"),
            email: session.email.clone(),
            rows: rows.collect(),
            total: money(order.total),
            methods: offered.collect(),
        }
    }

    /// Its `Content-Security-Policy`. Browsers hold the redirect that answers a form to `form-action` too.
    pub(super) fn policy(&self) -> String {
        let style = STANDARD.encode(Sha256::digest(STYLE));
        let seller = Url::parse(&self.success_url).map(|url| url.origin().ascii_serialization());
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; frame-ancestors 'none'; \
             form-action 'self' {}",
            seller.unwrap_or_default()
        )
    }

    /// The page, with a message for the shopper.
    pub(super) fn render(&self, message: Option<&str>) -> String {
        let test = if self.livemode { "" } else { "<p class=test>Test mode: no money moves.</p>" };
        let alert =
            message.map_or_else(String::new, |message| format!("<p role=alert>{}</p>", escape(message)));
        let back = self
            .cancel_url
            .as_ref()
            .filter(|_| self.stage != Stage::Complete)
            .map_or_else(String::new, |url| {
                format!("<p><a href=\"{}\" rel=noreferrer>Back to the shop</a></p>", escape(url))
            });
        format!(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <meta name=robots content=noindex><title>Pay {merchant}</title><style>{STYLE}</style>\
             <h1>{merchant}</h1>{test}<table>{rows}<tr><th>Total</th><th id=total>{total}</th></tr></table>\
             {alert}{stage}{back}</html>\n",
            merchant = escape(&self.merchant),
            rows = self.rows(),
            total = escape(&self.total),
            stage = self.stage(),
        )
    }

    fn rows(&self) -> String {
        let row = |[name, description, amount]: &[String; 3]| {
            let description = if description.is_empty() {
                String::new()
            } else {
                format!("<small>{}</small>", escape(description))
            };
            format!("<tr><td>{}{description}</td><td>{}</td></tr>", escape(name), escape(amount))
        };
        self.rows.iter().map(row).collect()
    }

    fn stage(&self) -> String {
        let address = format!("/c/pay/{}", escape(&self.session));
        match self.stage {
            Stage::Pay => format!(
                "<form method=post action=\"{address}\"><label>Email <input type=email name=email required \
                 value=\"{}\"></label><fieldset><legend>Pay with</legend>{}</fieldset>\
                 <button type=submit>Pay {}</button></form>",
                escape(self.email.as_deref().unwrap_or_default()),
                self.choices(),
                escape(&self.total),
            ),
            Stage::Authenticate => format!(
                "<form method=post action=\"{address}/authenticate\"><p>The bank that issued the card wants to \
                 know that it is you.</p><button type=submit name=answer value=complete>Authenticate</button> \
                 <button type=submit name=answer value=fail>Fail to authenticate</button></form>"
            ),
            Stage::Complete => format!(
                "<p>You are done here: this checkout is complete.</p><p><a href=\"{}\" rel=noreferrer>Go on to the \
                 shop</a></p>",
                escape(&self.success_url)
            ),
            Stage::Expired => {
                "<p>This checkout has expired. Nothing can be paid here any more.</p>".to_owned()
            }
        }
    }

    fn choices(&self) -> String {
        let choice = |(number, (name, label)): (usize, &(&str, &str))| {
            let checked = if number == 0 { " checked" } else { "" };
            format!("<label><input type=radio name=payment_method value={name}{checked}> {label}</label>")
        };
        self.methods.iter().enumerate().map(choice).collect()
    }
}

/// Text as HTML text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
