//! The way of a request under `/v1`, from its bytes to its answer.
//!
//! Must not import the HTTP server. Order of the checks, as at Stripe: key, version, address and parameters,
//! idempotency key, execution. Invariant: a request that got as far as its execution is carried out, answered under its
//! idempotency key and recorded, whoever still listens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::domain::time::{Span, Timestamp};
use crate::ports::Clock;

use super::accounts::{Caller, mask};
use super::error::StripeError;
use super::form::{self, Branch, Pairs};
use super::hold::{Gate, HoldPoint};
use super::idempotency::{Admission, Stored};
use super::records::{Exchange, ExchangeHeaders};
use super::requests::{self, Command};
use super::version::ApiVersion;
use super::world::World;

/// What the server's threads and the handle share.
pub(super) struct Shared {
    clock: Arc<dyn Clock>,
    slow_payment: Span,
    world: Mutex<World>,
}

/// A request as it came, with its whole key: not to be printed.
pub(super) struct Arrival {
    /// `GET`, `POST` …
    pub(super) method: String,
    /// Without the query.
    pub(super) path: String,
    /// Still encoded.
    pub(super) query: String,
    /// The body, or `None` when it was too long to read.
    pub(super) body: Option<Vec<u8>>,
    /// The whole key of `Authorization`.
    pub(super) key: Option<String>,
    /// The other headers; `authorization` is filled in here.
    pub(super) headers: ExchangeHeaders,
}

/// What is sent back.
#[derive(Debug)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// JSON body.
    pub(super) body: Value,
    /// `Request-Id`.
    pub(super) request_id: String,
    /// `Stripe-Version`, when the request's could be read.
    pub(super) version: Option<String>,
    /// `Idempotency-Key`, when the request had one that counts.
    pub(super) idempotency_key: Option<String>,
    /// `Original-Request`: the `Request-Id` of the answer that this one repeats.
    pub(super) repeats: Option<String>,
}

/// A request that passed all checks.
struct Accepted {
    caller: Caller,
    command: Command,
    gate: Option<Arc<Gate>>,
}

enum Admitted {
    Execute(Box<Accepted>),
    Repeat(Stored),
}

impl Shared {
    /// A world, its clock, and how long its slow payments take.
    pub(super) fn new(clock: Arc<dyn Clock>, slow_payment: Span, world: World) -> Self {
        Self { clock, slow_payment, world: Mutex::new(world) }
    }

    /// The present moment.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The state. After a panic the emulator goes on with it: one failed request must not fail all others.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request. To be run in a task of its own: dropping the future would leave its key in use.
    pub(super) async fn serve(&self, arrival: Arrival) -> Answer {
        let request_id = self.world().ids.next("req");
        let query = form::pairs(arrival.query.as_bytes());
        let body_pairs = form::pairs(arrival.body.as_deref().unwrap_or_default());
        let version = ApiVersion::parse(arrival.headers.stripe_version.as_deref());
        let idempotency_key = arrival.headers.idempotency_key.clone().filter(|_| arrival.method == "POST");
        let admitted = version
            .as_ref()
            .map_err(StripeError::clone)
            .and_then(|version| self.admit(&arrival, version, &query, &body_pairs));
        let (status, body, repeats) = match admitted {
            Err(error) => (error.status, error.to_json(), None),
            Ok(Admitted::Repeat(stored)) => (stored.status, stored.body, Some(stored.request_id)),
            Ok(Admitted::Execute(accepted)) => {
                let (status, body) = self.execute(*accepted, idempotency_key.as_deref(), &request_id).await;
                (status, body, None)
            }
        };
        let answer = Answer {
            status,
            body,
            request_id,
            version: version.ok().map(|version| version.as_str().to_owned()),
            idempotency_key,
            repeats,
        };
        self.record(arrival, query, body_pairs, &answer);
        answer
    }

    fn admit(
        &self,
        arrival: &Arrival,
        version: &ApiVersion,
        query: &Pairs,
        body_pairs: &Pairs,
    ) -> Result<Admitted, StripeError> {
        let now = self.now();
        let mut world = self.world();
        let account = arrival.headers.stripe_account.as_deref();
        let caller = world.keyring.authenticate(arrival.key.as_deref(), account)?;
        let params = parameters(arrival, query, body_pairs)?;
        let command = requests::parse(
            &arrival.method,
            &arrival.path,
            params.clone(),
            version,
            caller.mode,
            now.as_seconds(),
        )?;
        let key = arrival.headers.idempotency_key.as_deref().filter(|_| arrival.method == "POST");
        if let Some(key) = key {
            match world.idempotency.admit(&caller.scope(), key, &arrival.path, &params, now)? {
                Admission::Repeat(stored) => return Ok(Admitted::Repeat(stored)),
                Admission::First => {}
            }
        }
        let gate = match command {
            Command::CreateIntent(_) => world.next_gate(),
            Command::ReadAccount
            | Command::MintToken(_)
            | Command::RevokeToken(_)
            | Command::ReadToken(_)
            | Command::ReadIntent { .. }
            | Command::ListIntents(_)
            | Command::CancelIntent { .. } => None,
        };
        Ok(Admitted::Execute(Box::new(Accepted { caller, command, gate })))
    }

    async fn execute(&self, accepted: Accepted, key: Option<&str>, request_id: &str) -> (u16, Value) {
        let Accepted { caller, command, gate } = accepted;
        if let Some(gate) = &gate {
            gate.pass(HoldPoint::BeforeEffect).await;
        }
        let slow = self.world().is_slow(&caller, &command);
        if slow {
            tokio::time::sleep(self.slow_payment.to_duration()).await;
        }
        let result = self.world().execute(&caller, command, self.now());
        if let Some(gate) = &gate {
            gate.pass(HoldPoint::AfterEffect).await;
        }
        let (status, body) = match result {
            Ok(body) => (200, body),
            Err(error) => (error.status, error.to_json()),
        };
        if let Some(key) = key {
            let stored = Stored { status, body: body.clone(), request_id: request_id.to_owned() };
            self.world().idempotency.complete(&caller.scope(), key, stored);
        }
        (status, body)
    }

    fn record(&self, arrival: Arrival, query: Pairs, body_pairs: Pairs, answer: &Answer) {
        let body = form::tree(&body_pairs).map_or(Value::Null, |tree| form::to_json(&tree));
        let headers = ExchangeHeaders { authorization: arrival.key.as_deref().map(mask), ..arrival.headers };
        self.world().record(Exchange {
            method: arrival.method,
            path: arrival.path,
            query,
            body_pairs,
            body,
            headers,
            status: answer.status,
            response: answer.body.clone(),
            request_id: answer.request_id.clone(),
            replayed: answer.repeats.is_some(),
        });
    }
}

/// The parameters of a request: its query's and its body's, as Stripe takes them together.
fn parameters(arrival: &Arrival, query: &Pairs, body_pairs: &Pairs) -> Result<Branch, StripeError> {
    const FORM: &str = "application/x-www-form-urlencoded";
    if arrival.body.is_none() {
        return Err(StripeError::invalid_request(format!(
            "The request body is longer than {} bytes.",
            form::MAX_BODY
        )));
    }
    let is_form = |content_type: &String| content_type.to_ascii_lowercase().starts_with(FORM);
    if !body_pairs.is_empty() && !arrival.headers.content_type.as_ref().is_some_and(is_form) {
        return Err(StripeError::invalid_request(format!(
            "Invalid request: the Content-Type of a request body must be {FORM}."
        )));
    }
    let pairs: Pairs = query.iter().chain(body_pairs).cloned().collect();
    form::tree(&pairs)
}
