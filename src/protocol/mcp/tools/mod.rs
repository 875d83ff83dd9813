//! The tools of every merchant: one file each, with its descriptor, its arguments and its rendering.
//!
//! Invariants: descriptors hold no merchant's text, so `tools/list` is the same bytes for all merchants of a contract
//! version; an argument is believed only after [`arguments`] has read it; what a tool emits fits its `outputSchema`.

mod arguments;
mod cancel_checkout;
mod checkout_input;
mod checkout_session;
mod complete_checkout;
mod create_checkout;
mod descriptor;
mod get_checkout;
mod result;
mod schema;
mod search_products;
mod session_answer;
mod show_product;
mod start_hosted_checkout;
mod tidied;
mod update_checkout;

use std::sync::LazyLock;

use serde_json::{Map, Value};

pub use arguments::ArgumentError;
pub use result::ToolResult;
pub use search_products::SearchProducts;
pub use show_product::ShowProduct;

use super::era::Era;
use super::result_meta::{Cache, tail};
use crate::domain::channels::ContractVersion;
use crate::domain::checkout::model::{Answer, Command, Patch, Rejection};
use crate::domain::language::Language;
use crate::domain::merchant::MerchantView;
use crate::protocol::apps::messages::Message;
use crate::protocol::capability::Capability;
use crate::protocol::rendering::Rendering;
use crate::protocol::texts::model;
use crate::protocol::texts::shopper::ShopperTexts;

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolName {
    /// Words and filters over the catalog.
    SearchProducts,
    /// One product, in the widget.
    ShowBuyProductWidget,
    /// OpenAI's product-checkout contract: items, in the widget.
    CheckoutSession,
    /// A new checkout, for the widget.
    CreateCheckout,
    /// A change to one, for the widget.
    UpdateCheckout,
    /// The payment, for the host.
    CompleteCheckout,
    /// Where it can be paid on the shop's own page, for the widget.
    StartHostedCheckout,
    /// Where a checkout stands.
    GetCheckout,
    /// The end of one, for the widget.
    CancelCheckout,
}

impl ToolName {
    /// All, in the order listed.
    pub const ALL: [Self; 9] = [
        Self::SearchProducts,
        Self::ShowBuyProductWidget,
        Self::CheckoutSession,
        Self::CreateCheckout,
        Self::UpdateCheckout,
        Self::CompleteCheckout,
        Self::StartHostedCheckout,
        Self::GetCheckout,
        Self::CancelCheckout,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SearchProducts => "search_products",
            Self::ShowBuyProductWidget => "show-buy-product-widget",
            Self::CheckoutSession => "checkout_session",
            Self::CreateCheckout => "create_checkout",
            Self::UpdateCheckout => "update_checkout",
            Self::CompleteCheckout => "complete_checkout",
            Self::StartHostedCheckout => "start_hosted_checkout",
            Self::GetCheckout => "get_checkout",
            Self::CancelCheckout => "cancel_checkout",
        }
    }

    /// The tool of this name; names are case-sensitive.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.as_str() == name)
    }

    fn descriptor(self) -> Value {
        match self {
            Self::SearchProducts => search_products::descriptor(),
            Self::ShowBuyProductWidget => show_product::descriptor(),
            Self::CheckoutSession => checkout_session::descriptor(),
            Self::CreateCheckout => create_checkout::descriptor(),
            Self::UpdateCheckout => update_checkout::descriptor(),
            Self::CompleteCheckout => complete_checkout::descriptor(),
            Self::StartHostedCheckout => start_hosted_checkout::descriptor(),
            Self::GetCheckout => get_checkout::descriptor(),
            Self::CancelCheckout => cancel_checkout::descriptor(),
        }
    }
}

/// A call whose arguments are in order.
#[derive(Debug)]
pub enum ToolCall {
    /// Answered from the view, by [`answer_from_view`].
    Read(ReadCall),
    /// Answered by a session.
    Session(Box<SessionCall>),
}

/// A call that needs nothing but the view.
#[derive(Debug)]
pub enum ReadCall {
    /// `search_products`.
    SearchProducts(SearchProducts),
    /// `show-buy-product-widget`.
    ShowProduct(ShowProduct),
}

/// A call to a session.
#[derive(Debug)]
pub struct SessionCall {
    /// Which session.
    pub target: Target,
    /// What is asked of it.
    pub command: Command,
}

/// Which session is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One that is yet to be made.
    New,
    /// The one that this opens, once its MAC is checked.
    Existing(Capability),
}

/// What came of a call.
#[derive(Debug)]
pub enum CallOutcome {
    /// A read call's answer.
    Read(ToolResult),
    /// A session's answer. Charging and frozen sessions are told as `in_progress`.
    Session(Box<Answer>),
    /// The session did not do it.
    Refused(Rejection),
    /// The caller's deadline came first; the session goes on.
    InProgress(Capability),
}

impl From<Result<Answer, Rejection>> for CallOutcome {
    fn from(result: Result<Answer, Rejection>) -> Self {
        match result {
            Ok(answer) => Self::Session(Box::new(answer)),
            Err(rejection) => Self::Refused(rejection),
        }
    }
}

/// Answers a read call: pure, no handle, no mailbox.
#[must_use]
pub fn answer_from_view(call: &ReadCall, view: &MerchantView) -> CallOutcome {
    CallOutcome::Read(match call {
        ReadCall::SearchProducts(call) => call.answer(view),
        ReadCall::ShowProduct(call) => call.answer(view),
    })
}

/// Reads what a shopper wishes of a checkout, from the arguments that `update_checkout` takes.
pub fn patch(mut arguments: Map<String, Value>) -> Result<Patch, ArgumentError> {
    tidied::tidy(&mut arguments);
    checkout_input::patch(&arguments::Object::root(&arguments))
}

/// What opens the session that these arguments name, whatever else is wrong with them.
pub(super) fn claimed(arguments: &Map<String, Value>) -> Option<Capability> {
    checkout_input::session(&arguments::Object::root(arguments)).ok()
}

/// Reads a tool's arguments.
pub(super) fn parse(tool: ToolName, arguments: &Map<String, Value>) -> Result<ToolCall, ArgumentError> {
    let root = arguments::Object::root(arguments);
    let session = |call| ToolCall::Session(Box::new(call));
    match tool {
        ToolName::SearchProducts => {
            Ok(ToolCall::Read(ReadCall::SearchProducts(SearchProducts::parse(&root)?)))
        }
        ToolName::ShowBuyProductWidget => {
            Ok(ToolCall::Read(ReadCall::ShowProduct(ShowProduct::parse(&root)?)))
        }
        ToolName::CheckoutSession => checkout_session::parse(&root).map(session),
        ToolName::CreateCheckout => create_checkout::parse(&root).map(session),
        ToolName::UpdateCheckout => update_checkout::parse(&root).map(session),
        ToolName::CompleteCheckout => complete_checkout::parse(&root).map(session),
        ToolName::StartHostedCheckout => start_hosted_checkout::parse(&root).map(session),
        ToolName::GetCheckout => get_checkout::parse(&root).map(session),
        ToolName::CancelCheckout => cancel_checkout::parse(&root).map(session),
    }
}

/// Puts what is written in several ways into the one that is meant, before any of it is read.
pub(super) fn tidy(arguments: &mut Map<String, Value>) {
    tidied::tidy(arguments);
}

/// The answer to arguments that are not in order.
pub(super) fn wrong(
    tool: ToolName,
    error: &ArgumentError,
    view: &MerchantView,
    language: Language,
) -> ToolResult {
    let shopper = ShopperTexts::of(view, language);
    let texts = shopper.messages();
    let told = match tool {
        ToolName::CompleteCheckout if view.checkout.method.opens_stripe_checkouts() => {
            texts.payment_not_taken_pay_on_page.clone()
        }
        ToolName::CompleteCheckout => texts.payment_not_taken.clone(),
        ToolName::SearchProducts
        | ToolName::ShowBuyProductWidget
        | ToolName::CheckoutSession
        | ToolName::CreateCheckout
        | ToolName::UpdateCheckout
        | ToolName::StartHostedCheckout
        | ToolName::GetCheckout
        | ToolName::CancelCheckout => {
            shopper.field(error.field(), error.is_missing).unwrap_or_else(|| texts.not_done.clone())
        }
    };
    let for_model = match tool {
        ToolName::CompleteCheckout => complete_checkout::not_taken(error, view),
        ToolName::SearchProducts
        | ToolName::ShowBuyProductWidget
        | ToolName::CheckoutSession
        | ToolName::CreateCheckout
        | ToolName::UpdateCheckout
        | ToolName::StartHostedCheckout
        | ToolName::GetCheckout
        | ToolName::CancelCheckout => error.to_string(),
    };
    refused(for_model, &told)
}

/// The key in a result's `_meta` under which the widget finds what the shopper is told of a failure.
const SHOPPER_TEXT: &str = "merchant-gateway/shopper_text";

/// A failure: in words for a model, and for the shopper.
fn refused(for_model: String, for_shopper: &str) -> ToolResult {
    ToolResult::error(for_model).with_meta(SHOPPER_TEXT, &for_shopper)
}

/// Renders an outcome. `None` when a stored answer is not JSON, which no writer of ours makes.
pub(super) fn render(tool: ToolName, outcome: CallOutcome, rendering: Rendering<'_>) -> Option<ToolResult> {
    match outcome {
        CallOutcome::Read(result) => Some(result),
        CallOutcome::Refused(rejection) => Some(refused(
            sentence(&model::rejection(&rejection)),
            &rendering.shopper().rejection(&rejection),
        )),
        CallOutcome::InProgress(session) => match tool {
            ToolName::CompleteCheckout => complete_checkout::undecided(&session, rendering),
            ToolName::SearchProducts
            | ToolName::ShowBuyProductWidget
            | ToolName::CheckoutSession
            | ToolName::CreateCheckout
            | ToolName::UpdateCheckout
            | ToolName::StartHostedCheckout
            | ToolName::GetCheckout
            | ToolName::CancelCheckout => Some(refused(
                "The shop is still working on this checkout. Look again in a moment with get_checkout."
                    .to_owned(),
                &rendering.shopper().messages().still_working,
            )),
        },
        CallOutcome::Session(answer) => match tool {
            ToolName::StartHostedCheckout if answer.checkout_page.is_none() => Some(refused(
                "This shop takes payments on the payment sheet only; it has no page of its own to pay on. Call \
                 complete_checkout with the sheet's token."
                    .to_owned(),
                &rendering.shopper().messages().not_offered_page,
            )),
            ToolName::CompleteCheckout => complete_checkout::render(&answer, rendering),
            ToolName::CheckoutSession | ToolName::GetCheckout => {
                session_answer::for_model(&answer, rendering)
            }
            ToolName::SearchProducts
            | ToolName::ShowBuyProductWidget
            | ToolName::CreateCheckout
            | ToolName::UpdateCheckout
            | ToolName::StartHostedCheckout
            | ToolName::CancelCheckout => session_answer::for_widget(&answer, rendering),
        },
    }
}

/// A text that begins with a capital and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut sentence: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    sentence.push_str(letters.as_str());
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// Messages as a model reads them: each a sentence, whatever it begins and ends with.
fn sentences(messages: &[Message]) -> String {
    messages.iter().map(|message| sentence(&message.for_model)).collect::<Vec<_>>().join(" ")
}

/// `tools/list` of a contract version: the same bytes for every merchant, made once per era.
pub(super) fn list(contract: ContractVersion, era: Era) -> &'static str {
    static V1_MODERN: LazyLock<String> = LazyLock::new(|| build(Era::Modern));
    static V1_LEGACY: LazyLock<String> = LazyLock::new(|| build(Era::Legacy));
    match (contract, era) {
        (ContractVersion::V1, Era::Modern) => &V1_MODERN,
        (ContractVersion::V1, Era::Legacy) => &V1_LEGACY,
    }
}

fn build(era: Era) -> String {
    let tools: Vec<String> = ToolName::ALL.iter().map(|tool| tool.descriptor().to_string()).collect();
    format!(r#"{{"tools":[{}]{}"#, tools.join(","), tail(era, Cache::List, ""))
}
