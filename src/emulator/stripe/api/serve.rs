//! The processing of a request under `/v1`, from its bytes to its answer.
//!
//! Must not import the HTTP server. Order of the checks, as at Stripe: key, version, address and parameters,
//! idempotency key, execution. Invariant: a request that reaches its execution is executed, answered under its
//! idempotency key and recorded, even if the client has gone.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use super::requests;
use crate::clock::unix_seconds;
use crate::stripe::change::{Cause, TimeAndCause};
use crate::stripe::commands::Command;
use crate::stripe::error::StripeError;
use crate::stripe::faults::{Advice, Fault, RequestTraits, Transmission};
use crate::stripe::hold::{Gate, HoldPoint};
use crate::stripe::idempotency::{Admission, KeyStatus, Stored};
use crate::stripe::objects::accounts::{Caller, mask};
use crate::stripe::params::form::{self, Branch, Pairs};
use crate::stripe::records::{Exchange, ExchangeHeaders};
use crate::stripe::request_kind::RequestKind;
use crate::stripe::service::StripeService;
use crate::stripe::state::StripeState;
use crate::stripe::version::ApiVersion;

/// A received request, with its whole key: not to be printed.
pub(crate) struct IncomingRequest {
    /// `GET`, `POST` …
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// Still encoded.
    pub(crate) query: String,
    /// The body; `None` if it was too long.
    pub(crate) body: Option<Vec<u8>>,
    /// The whole key of `Authorization`.
    pub(crate) key: Option<String>,
    /// The other headers; `authorization` is filled in here.
    pub(crate) headers: ExchangeHeaders,
}

/// The response.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    /// HTTP status.
    pub(crate) status: u16,
    /// JSON body.
    pub(crate) body: Value,
    /// `Request-Id`.
    pub(crate) request_id: String,
    /// `Stripe-Version`, if the request's was readable.
    pub(crate) version: Option<String>,
    /// `Idempotency-Key`, if the request had a valid one.
    pub(crate) idempotency_key: Option<String>,
    /// `Original-Request`: the `Request-Id` of the answer that this one repeats.
    pub(crate) repeats: Option<String>,
    /// Its headers about retries.
    pub(crate) advice: Advice,
}

/// The response, and its transmission.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The answer; `None` where the request never arrived.
    pub(crate) answer: Option<HttpAnswer>,
    /// How it is transmitted.
    pub(crate) transmission: Transmission,
}

/// A request that passed all checks.
struct Accepted {
    caller: Caller,
    command: Command,
    gate: Option<Arc<Gate>>,
}

/// The handling of a request, with its fault.
struct Admitted {
    fault: Option<Fault>,
    handling: Handling,
}

enum Handling {
    /// It never arrives.
    Lost,
    /// It is rejected before it is parsed.
    Rejected(StripeError),
    Repeat(Stored),
    Execute(Box<Accepted>),
}

/// Status, body, and the `Request-Id` of the answer that this one repeats.
type Executed = (u16, Value, Option<String>);

impl StripeService {
    /// Answers a request. Must run in a task of its own: dropping the future would leave its key in use.
    pub(crate) async fn serve(&self, incoming: IncomingRequest) -> Sent {
        let request_id = self.state().ids.next("req");
        let query = form::pairs(incoming.query.as_bytes());
        let body_pairs = form::pairs(incoming.body.as_deref().unwrap_or_default());
        let version = ApiVersion::parse(incoming.headers.stripe_version.as_deref());
        let key = incoming.headers.idempotency_key.clone().filter(|_| incoming.method == "POST");
        let admitted = version
            .as_ref()
            .map_err(StripeError::clone)
            .and_then(|version| self.admit(&incoming, version, &query, &body_pairs));
        let (fault, (status, body, repeats)) = match admitted {
            Err(error) => (None, refused(&error)),
            Ok(Admitted { fault, handling }) => {
                let delivered = self.handle(handling, fault, key.as_deref(), &request_id).await;
                let transmission = fault.map_or(Transmission::Whole, Fault::transmission);
                let Some(outcome) = delivered else { return Sent { answer: None, transmission } };
                (fault, outcome)
            }
        };
        // Only status and body are stored under a key: the headers about retries belong to the first answer only.
        let advice = fault.filter(|_| repeats.is_none()).map_or_else(Advice::default, Fault::advice);
        let answer = HttpAnswer {
            status,
            body,
            request_id,
            version: version.ok().map(|version| version.as_str().to_owned()),
            idempotency_key: key,
            repeats,
            advice,
        };
        self.record(incoming, query, body_pairs, (&answer, fault));
        Sent { answer: Some(answer), transmission: fault.map_or(Transmission::Whole, Fault::transmission) }
    }

    fn admit(
        &self,
        incoming: &IncomingRequest,
        version: &ApiVersion,
        query: &Pairs,
        body_pairs: &Pairs,
    ) -> Result<Admitted, StripeError> {
        let now = self.now();
        let mut state = self.state();
        let account = incoming.headers.stripe_account.as_deref();
        let caller = state.keyring.authenticate(incoming.key.as_deref(), account)?;
        let params = parameters(incoming, query, body_pairs)?;
        let command = requests::parse(
            &incoming.method,
            &incoming.path,
            params.clone(),
            version,
            caller.mode,
            unix_seconds(now),
        )?;
        state.keyring.permit(incoming.key.as_deref(), &caller, command.kind())?;
        let key = incoming.headers.idempotency_key.as_deref().filter(|_| incoming.method == "POST");
        let fault = fault_of(&mut state, (&caller, &command), incoming, key, now);
        let admitted = |handling| Ok(Admitted { fault, handling });
        if fault.is_some_and(Fault::keeps_it_from_arriving) {
            return admitted(Handling::Lost);
        }
        if let Some(error) = fault.and_then(|fault| fault.turns_away(key)) {
            return admitted(Handling::Rejected(error));
        }
        if let Some(key) = key {
            match state.idempotency.admit(&caller.scope(), key, &incoming.path, &params, now)? {
                Admission::Repeat(stored) => return admitted(Handling::Repeat(stored)),
                Admission::First => {}
            }
        }
        let pays = command.kind() == RequestKind::CreateIntent;
        let gate = if pays { state.next_gate() } else { None };
        admitted(Handling::Execute(Box::new(Accepted { caller, command, gate })))
    }

    /// Handles a request; `None` if it never arrived.
    async fn handle(
        &self,
        handling: Handling,
        fault: Option<Fault>,
        key: Option<&str>,
        request_id: &str,
    ) -> Option<Executed> {
        match handling {
            Handling::Lost => None,
            Handling::Rejected(error) => Some(refused(&error)),
            Handling::Repeat(stored) => {
                pause(fault, HoldPoint::BeforeEffect).await;
                pause(fault, HoldPoint::AfterEffect).await;
                Some((stored.status, stored.body, Some(stored.request_id)))
            }
            Handling::Execute(accepted) => {
                let (status, body) = self.execute(*accepted, fault, key, request_id).await;
                Some((status, body, None))
            }
        }
    }

    async fn execute(
        &self,
        accepted: Accepted,
        fault: Option<Fault>,
        key: Option<&str>,
        request_id: &str,
    ) -> (u16, Value) {
        let Accepted { caller, command, gate } = accepted;
        if let Some(gate) = &gate {
            gate.pass(HoldPoint::BeforeEffect).await;
        }
        pause(fault, HoldPoint::BeforeEffect).await;
        let slow = self.state().is_slow(&caller, &command);
        if slow {
            tokio::time::sleep(self.slow_payment()).await;
        }
        let fails = |at| fault.is_some_and(|fault| fault.fails(at));
        let result = if fails(HoldPoint::BeforeEffect) {
            Err(StripeError::unknown())
        } else {
            let cause =
                Cause { request_id: Some(request_id.to_owned()), idempotency_key: key.map(str::to_owned) };
            let (result, first) = {
                let mut state = self.state();
                let first = state.webhooks.next_number();
                (state.execute(&caller, command, TimeAndCause { now: self.now(), cause }), first)
            };
            self.wait_for_webhooks_since(first).await;
            result
        };
        if let Some(gate) = &gate {
            gate.pass(HoldPoint::AfterEffect).await;
        }
        pause(fault, HoldPoint::AfterEffect).await;
        let result = if fails(HoldPoint::AfterEffect) { Err(StripeError::unknown()) } else { result };
        let (status, body) = match result {
            Ok(body) => (200, body),
            Err(error) => (error.status, error.to_json()),
        };
        if let Some(key) = key {
            let stored = Stored { status, body: body.clone(), request_id: request_id.to_owned() };
            self.state().idempotency.complete(&caller.scope(), key, stored);
        }
        (status, body)
    }

    fn record(
        &self,
        incoming: IncomingRequest,
        query: Pairs,
        body_pairs: Pairs,
        (answer, fault): (&HttpAnswer, Option<Fault>),
    ) {
        let body = form::tree(&body_pairs).map_or(Value::Null, |tree| form::to_json(&tree));
        let headers =
            ExchangeHeaders { authorization: incoming.key.as_deref().map(mask), ..incoming.headers };
        self.state().record(Exchange {
            method: incoming.method,
            path: incoming.path,
            query,
            body_pairs,
            body,
            headers,
            status: answer.status,
            response: answer.body.clone(),
            request_id: answer.request_id.clone(),
            replayed: answer.repeats.is_some(),
            fault,
        });
    }
}

/// The planned fault of a request.
fn fault_of(
    state: &mut StripeState,
    (caller, command): (&Caller, &Command),
    incoming: &IncomingRequest,
    key: Option<&str>,
    now: SystemTime,
) -> Option<Fault> {
    let address = || format!("{} {}", incoming.method, incoming.path);
    let identity =
        format!("{} {:?} {}", caller.account, caller.mode, key.map_or_else(address, str::to_owned));
    let status = key.map_or(KeyStatus::New, |key| state.idempotency.status(&caller.scope(), key, now));
    state.faults.choose(&RequestTraits {
        kind: command.kind(),
        identity: &identity,
        has_key: key.is_some(),
        is_first: status == KeyStatus::New,
        is_answered: status == KeyStatus::Answered,
    })
}

async fn pause(fault: Option<Fault>, at: HoldPoint) {
    if let Some(span) = fault.and_then(|fault| fault.delay(at)) {
        tokio::time::sleep(span).await;
    }
}

fn refused(error: &StripeError) -> Executed {
    (error.status, error.to_json(), None)
}

/// The parameters of a request: its query's and its body's together, as at Stripe.
fn parameters(incoming: &IncomingRequest, query: &Pairs, body_pairs: &Pairs) -> Result<Branch, StripeError> {
    const FORM: &str = "application/x-www-form-urlencoded";
    if incoming.body.is_none() {
        return Err(StripeError::invalid_request(format!(
            "The request body is longer than {} bytes.",
            form::MAX_BODY
        )));
    }
    let is_form = |content_type: &String| content_type.to_ascii_lowercase().starts_with(FORM);
    if !body_pairs.is_empty() && !incoming.headers.content_type.as_ref().is_some_and(is_form) {
        return Err(StripeError::invalid_request(format!(
            "Invalid request: the Content-Type of a request body must be {FORM}."
        )));
    }
    let pairs: Pairs = query.iter().chain(body_pairs).cloned().collect();
    form::tree(&pairs)
}
