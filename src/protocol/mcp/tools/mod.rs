//! The tools of every merchant: one file each, with its descriptor, its arguments and its rendering.
//!
//! Invariants: descriptors contain no merchant's text, so `tools/list` is the same bytes for all merchants of a
//! contract version; an argument is used only after [`arguments`] has parsed it; every tool result conforms to its
//! `outputSchema`.

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
use strum::{EnumString, IntoStaticStr, VariantArray};

pub use arguments::ArgumentError;
pub use result::ToolResult;
pub use search_products::SearchProducts;
pub use show_product::ShowProduct;

use super::era::Era;
use super::result_meta::{Cache, tail};
use crate::domain::channels::ContractVersion;
use crate::domain::checkout::model::{Answer, Command, Rejection};
use crate::domain::language::Language;
use crate::domain::merchant::MerchantView;
use crate::domain::origin::Host;
use crate::protocol::apps::messages::Message;
use crate::protocol::capability::Capability;
use crate::protocol::mpp::credential::{Credential, CredentialError};
use crate::protocol::mpp::reply::Reply;
use crate::protocol::rendering::Rendering;
use crate::protocol::texts::catalogue::{self, Messages};
use crate::protocol::texts::wording::Wording;

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ToolName {
    /// Searches the catalog by words and filters.
    SearchProducts,
    #[strum(serialize = "show-buy-product-widget")]
    ShowBuyProductWidget,
    /// Shows items in the widget, by OpenAI's product-checkout contract.
    CheckoutSession,
    /// Begins a checkout, for the widget.
    CreateCheckout,
    /// Changes a checkout, for the widget.
    UpdateCheckout,
    /// Pays a checkout, for the host.
    CompleteCheckout,
    /// Returns the shop's own page for paying a checkout, for the widget.
    StartHostedCheckout,
    /// Returns the state of a checkout.
    GetCheckout,
    /// Cancels a checkout, for the widget.
    CancelCheckout,
}

impl ToolName {
    /// The tool of this name; names are case-sensitive.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        name.parse().ok()
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

/// A call with valid arguments.
#[derive(Debug)]
pub enum ToolCall {
    /// Answered from the view, by [`answer_from_view`].
    Read(ReadCall),
    /// Answered by a session.
    Session(Box<SessionCall>),
    /// A payment by the Machine Payments Protocol inside MCP.
    Wallet(Box<WalletCall>),
}

/// A call that needs nothing but the view.
#[derive(Debug)]
pub enum ReadCall {
    SearchProducts(SearchProducts),
    /// `show-buy-product-widget`.
    ShowProduct(ShowProduct),
}

/// A call to a session.
#[derive(Debug)]
pub struct SessionCall {
    pub target: Target,
    pub command: Command,
}

/// A call that asks for a payment challenge, or answers one.
#[derive(Debug)]
pub struct WalletCall {
    pub session: Capability,
    pub credential: Result<Option<Credential>, CredentialError>,
    pub user_agent: Option<String>,
}

/// The session of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A new session.
    New,
    /// The session of this capability, once its MAC is checked.
    Existing(Capability),
}

/// The outcome of a call.
#[derive(Debug)]
pub enum CallOutcome {
    Read(ToolResult),
    /// A session's reply. Charging and frozen sessions have the status `in_progress`.
    Session(Box<Answer>),
    /// What a wallet is answered.
    Wallet(Box<WalletOutcome>),
    /// The session rejected the command.
    Refused(Rejection),
    /// The caller's deadline passed; the session continues.
    InProgress(Capability),
}

/// What a wallet is answered.
#[derive(Debug)]
pub struct WalletOutcome {
    pub session: Capability,
    /// The id of the challenge that it has answered.
    pub challenge: Option<String>,
    pub reply: Reply,
}

impl From<Result<Answer, Rejection>> for CallOutcome {
    fn from(result: Result<Answer, Rejection>) -> Self {
        match result {
            Ok(answer) => Self::Session(Box::new(answer)),
            Err(rejection) => Self::Refused(rejection),
        }
    }
}

/// Runs a read call: pure, without a handle or a mailbox.
#[must_use]
pub fn answer_from_view(call: &ReadCall, view: &MerchantView) -> CallOutcome {
    CallOutcome::Read(match call {
        ReadCall::SearchProducts(call) => call.answer(view),
        ReadCall::ShowProduct(call) => call.answer(view),
    })
}

/// The capability in these arguments, whatever else is wrong with them.
pub(super) fn claimed(arguments: &Map<String, Value>) -> Option<Capability> {
    checkout_input::session(&arguments::Object::root(arguments)).ok()
}

/// What the sender of a call says of itself.
#[derive(Debug)]
pub(super) struct Sender<'a> {
    /// Its own name and version.
    pub(super) host: Option<Host>,
    pub(super) user_agent: Option<&'a str>,
    /// The params of the call.
    pub(super) params: &'a Map<String, Value>,
}

/// Parses a tool's arguments.
pub(super) fn parse(
    tool: ToolName,
    arguments: &Map<String, Value>,
    sender: Sender<'_>,
    view: &MerchantView,
) -> Result<ToolCall, ArgumentError> {
    let root = arguments::Object::root(arguments);
    let session = |call| ToolCall::Session(Box::new(call));
    match tool {
        ToolName::SearchProducts => {
            Ok(ToolCall::Read(ReadCall::SearchProducts(SearchProducts::parse(&root)?)))
        }
        ToolName::ShowBuyProductWidget => {
            Ok(ToolCall::Read(ReadCall::ShowProduct(ShowProduct::parse(&root)?)))
        }
        ToolName::CheckoutSession => checkout_session::parse(&root, sender.host).map(session),
        ToolName::CreateCheckout => create_checkout::parse(&root, sender.host).map(session),
        ToolName::UpdateCheckout => update_checkout::parse(&root).map(session),
        ToolName::CompleteCheckout
            if view.checkout.mcp_payment && complete_checkout::is_for_a_wallet(&root) =>
        {
            let call = complete_checkout::parse_for_a_wallet(&root, &sender)?;
            Ok(ToolCall::Wallet(Box::new(call)))
        }
        ToolName::CompleteCheckout => complete_checkout::parse(&root, sender.user_agent).map(session),
        ToolName::StartHostedCheckout => start_hosted_checkout::parse(&root).map(session),
        ToolName::GetCheckout => get_checkout::parse(&root).map(session),
        ToolName::CancelCheckout => cancel_checkout::parse(&root).map(session),
    }
}

/// Normalises different spellings of the same value, before any argument is parsed.
pub(super) fn tidy(arguments: &mut Map<String, Value>) {
    tidied::tidy(arguments);
}

/// The result for invalid arguments.
pub(super) fn wrong(
    tool: ToolName,
    error: &ArgumentError,
    view: &MerchantView,
    language: Language,
) -> ToolResult {
    let (shopper, model) = (Wording::for_shopper(view, language), Wording::for_model());
    if tool == ToolName::CompleteCheckout {
        let text = |to: Wording<'_>| {
            let Messages { payment_not_taken: again, payment_not_taken_pay_on_page: on_page, .. } =
                to.messages();
            if view.checkout.method.opens_stripe_checkouts() { on_page.clone() } else { again.clone() }
        };
        return refused(format!("{} {error}", text(model)), &text(shopper));
    }
    let field = error.contact.map(|field| catalogue::wrong_field(language, field, error.is_missing));
    refused(error.to_string(), &field.unwrap_or_else(|| shopper.messages().not_done.clone()))
}

/// The key in a result's `_meta` for the shopper's text of a failure, for the widget.
const SHOPPER_TEXT: &str = "merchant-gateway/shopper_text";

/// A failure, with texts for a model and for the shopper.
fn refused(for_model: String, for_shopper: &str) -> ToolResult {
    ToolResult::error(for_model).with_meta(SHOPPER_TEXT, &for_shopper)
}

/// Renders an outcome. `None` if a stored result is not JSON, which our own code never writes.
pub(super) fn render(tool: ToolName, outcome: CallOutcome, rendering: Rendering<'_>) -> Option<ToolResult> {
    let (shopper, model) = (rendering.shopper(), Wording::for_model());
    let failed = |text: fn(&Messages) -> &String| {
        Some(refused(text(model.messages()).clone(), text(shopper.messages())))
    };
    match (outcome, tool) {
        (CallOutcome::Read(result), _) => Some(result),
        (CallOutcome::Wallet(outcome), _) => complete_checkout::for_a_wallet(*outcome, rendering),
        (CallOutcome::Refused(rejection), _) => {
            Some(refused(model.rejection(&rejection), &shopper.rejection(&rejection)))
        }
        (CallOutcome::InProgress(session), ToolName::CompleteCheckout) => {
            complete_checkout::undecided(&session, rendering)
        }
        (CallOutcome::InProgress(_), _) => failed(|texts| &texts.still_working),
        (CallOutcome::Session(answer), ToolName::StartHostedCheckout) if answer.checkout_page.is_none() => {
            failed(|texts| &texts.not_offered_page)
        }
        (CallOutcome::Session(answer), ToolName::CompleteCheckout) => {
            complete_checkout::render(&answer, rendering)
        }
        (CallOutcome::Session(answer), ToolName::CheckoutSession | ToolName::GetCheckout) => {
            session_answer::for_model(&answer, rendering)
        }
        (CallOutcome::Session(answer), _) => session_answer::for_widget(&answer, rendering),
    }
}

/// The messages for a model, one after the other.
fn sentences(messages: &[Message]) -> String {
    messages.iter().map(|message| message.for_model.as_str()).collect::<Vec<_>>().join(" ")
}

/// `tools/list` of a contract version: the same bytes for every merchant, rendered once per era.
pub(super) fn list(contract: ContractVersion, era: Era) -> &'static str {
    static V1_MODERN: LazyLock<String> = LazyLock::new(|| build(Era::Modern));
    static V1_LEGACY: LazyLock<String> = LazyLock::new(|| build(Era::Legacy));
    match (contract, era) {
        (ContractVersion::V1, Era::Modern) => &V1_MODERN,
        (ContractVersion::V1, Era::Legacy) => &V1_LEGACY,
    }
}

fn build(era: Era) -> String {
    let tools: Vec<String> = ToolName::VARIANTS.iter().map(|tool| tool.descriptor().to_string()).collect();
    format!(r#"{{"tools":[{}]{}"#, tools.join(","), tail(era, Cache::List, ""))
}
