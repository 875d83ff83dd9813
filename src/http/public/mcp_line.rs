//! The log line of one MCP message: the client, its protocol version, the tool and the outcome.
//!
//! Invariant: the line names a session by its id, and never by its capability.

use tokio::time::Instant;

use crate::actors::MerchantHandle;
use crate::domain::ids::SessionId;
use crate::protocol::mcp::{CallOutcome, Caller, Ended, Response, ToolName, Why};

/// The outcome of a message that the limits rejected.
pub(super) const RATE_LIMITED: &str = "rate_limited";

/// The contents of the line.
pub(super) struct Line<'a> {
    pub(super) merchant: &'a MerchantHandle,
    pub(super) caller: &'a Caller,
    pub(super) began: Instant,
    pub(super) tool: Option<ToolName>,
    pub(super) session: Option<SessionId>,
    /// The session's state in the reply.
    pub(super) state: Option<&'static str>,
    pub(super) outcome: &'static str,
    /// Why it was not done, or the kind of the shopper's message about a payment.
    pub(super) code: Option<&'static str>,
    /// The cause in words, if the message was wrong.
    pub(super) cause: Option<String>,
    pub(super) status: u16,
}

impl<'a> Line<'a> {
    /// A line for a message that arrived at `began`.
    pub(super) fn of(merchant: &'a MerchantHandle, caller: &'a Caller, began: Instant) -> Self {
        let outcome = Ended::Well.into_str();
        Self {
            merchant,
            caller,
            began,
            tool: caller.tool(),
            session: caller.claimed().and_then(|claimed| merchant.opened(claimed)).cloned(),
            state: None,
            outcome,
            code: None,
            cause: None,
            status: 200,
        }
    }

    /// The same, with the outcome of a call.
    pub(super) fn of_outcome(self, outcome: &CallOutcome) -> Self {
        match outcome {
            CallOutcome::Read(_) => self,
            CallOutcome::Session(answer) => Self {
                session: Some(answer.session.id.clone()),
                state: Some(answer.session.state.into_str()),
                code: answer.notice.as_ref().map(|notice| notice.code().into_str()),
                ..self
            },
            CallOutcome::Wallet(outcome) => {
                Self { code: outcome.reply.code.or(Some(outcome.reply.outcome)), ..self }
            }
            CallOutcome::Refused(rejection) => Self { code: Some(rejection.code()), ..self },
            CallOutcome::InProgress(_) => Self { code: Some("undecided"), ..self },
        }
    }

    /// The same, with the reply.
    pub(super) fn answered(self, response: &Response) -> Self {
        let (status, outcome) = (response.status, response.ended.into_str());
        match &response.why {
            Some(Why { code, cause }) => {
                Self { outcome, code: Some(code), cause: cause.clone(), status, ..self }
            }
            None => Self { outcome, status, ..self },
        }
    }

    pub(super) fn write(self) {
        let client = self.caller.client();
        tracing::info!(
            merchant = %self.merchant.tenant().merchant,
            session = self.session.as_ref().map(SessionId::as_str),
            era = self.caller.era().into_str(),
            version = self.caller.version().into_str(),
            method = self.caller.method(),
            tool = self.tool.map(|tool| tool.into_str()),
            client = client.map(|client| client.name.as_str()),
            client_version = client.and_then(|client| client.version.as_deref()),
            trace_id = self.caller.trace_id(),
            status = self.status,
            outcome = self.outcome,
            code = self.code,
            cause = self.cause,
            state = self.state,
            duration_ms = millis_since(self.began),
            "mcp_answered"
        );
    }
}

/// Milliseconds since a moment.
pub(super) fn millis_since(began: Instant) -> u64 {
    crate::telemetry::millis(began.elapsed())
}
