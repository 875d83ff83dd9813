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
use super::faults::{Advice, Fault, Journey, Occasion, RequestKind};
use super::form::{self, Branch, Pairs};
use super::hold::{Gate, HoldPoint};
use super::idempotency::{Admission, Standing, Stored};
use super::records::{Exchange, ExchangeHeaders};
use super::requests::{self, Command};
use super::turn::{Cause, Moment};
use super::version::ApiVersion;
use super::world::World;

/// What the server's threads and the handle share.
pub(super) struct EmulatorState {
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
pub(super) struct HttpAnswer {
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
    /// What it says of trying again.
    pub(super) advice: Advice,
}

/// What is sent back, and what becomes of it on its way.
#[derive(Debug)]
pub(super) struct Sent {
    /// The answer; `None` where the request never arrived.
    pub(super) answer: Option<HttpAnswer>,
    /// Its way.
    pub(super) journey: Journey,
}

/// A request that passed all checks.
struct Accepted {
    caller: Caller,
    command: Command,
    gate: Option<Arc<Gate>>,
}

/// What is done with a request, and what goes wrong with it.
struct Admitted {
    fault: Option<Fault>,
    course: Course,
}

enum Course {
    /// It never arrives.
    Lost,
    /// It is turned away before it is looked at.
    TurnedAway(StripeError),
    Repeat(Stored),
    Execute(Box<Accepted>),
}

/// Status, body, and the `Request-Id` of the answer that this one repeats.
type Executed = (u16, Value, Option<String>);

impl EmulatorState {
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
    pub(super) async fn serve(&self, arrival: Arrival) -> Sent {
        let request_id = self.world().ids.next("req");
        let query = form::pairs(arrival.query.as_bytes());
        let body_pairs = form::pairs(arrival.body.as_deref().unwrap_or_default());
        let version = ApiVersion::parse(arrival.headers.stripe_version.as_deref());
        let key = arrival.headers.idempotency_key.clone().filter(|_| arrival.method == "POST");
        let admitted = version
            .as_ref()
            .map_err(StripeError::clone)
            .and_then(|version| self.admit(&arrival, version, &query, &body_pairs));
        let (fault, (status, body, repeats)) = match admitted {
            Err(error) => (None, refused(&error)),
            Ok(Admitted { fault, course }) => {
                let delivered = self.take_course(course, fault, key.as_deref(), &request_id).await;
                let journey = fault.map_or(Journey::Whole, Fault::journey);
                let Some(outcome) = delivered else { return Sent { answer: None, journey } };
                (fault, outcome)
            }
        };
        // What is stored under a key are status and body: advice is given with the first answer only.
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
        self.record(arrival, query, body_pairs, (&answer, fault));
        Sent { answer: Some(answer), journey: fault.map_or(Journey::Whole, Fault::journey) }
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
        world.keyring.permit(arrival.key.as_deref(), &caller, command.kind())?;
        let key = arrival.headers.idempotency_key.as_deref().filter(|_| arrival.method == "POST");
        let fault = fault_of(&mut world, (&caller, &command), arrival, key, now);
        let admitted = |course| Ok(Admitted { fault, course });
        if fault.is_some_and(Fault::keeps_it_from_arriving) {
            return admitted(Course::Lost);
        }
        if let Some(error) = fault.and_then(|fault| fault.turns_away(key)) {
            return admitted(Course::TurnedAway(error));
        }
        if let Some(key) = key {
            match world.idempotency.admit(&caller.scope(), key, &arrival.path, &params, now)? {
                Admission::Repeat(stored) => return admitted(Course::Repeat(stored)),
                Admission::First => {}
            }
        }
        let pays = command.kind() == RequestKind::CreateIntent;
        let gate = if pays { world.next_gate() } else { None };
        admitted(Course::Execute(Box::new(Accepted { caller, command, gate })))
    }

    /// Does what is done with a request; `None` when it never arrived.
    async fn take_course(
        &self,
        course: Course,
        fault: Option<Fault>,
        key: Option<&str>,
        request_id: &str,
    ) -> Option<Executed> {
        match course {
            Course::Lost => None,
            Course::TurnedAway(error) => Some(refused(&error)),
            Course::Repeat(stored) => {
                pause(fault, HoldPoint::BeforeEffect).await;
                pause(fault, HoldPoint::AfterEffect).await;
                Some((stored.status, stored.body, Some(stored.request_id)))
            }
            Course::Execute(accepted) => {
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
        let slow = self.world().is_slow(&caller, &command);
        if slow {
            tokio::time::sleep(self.slow_payment.to_duration()).await;
        }
        let fails = |at| fault.is_some_and(|fault| fault.fails(at));
        let result = if fails(HoldPoint::BeforeEffect) {
            Err(StripeError::unknown())
        } else {
            let cause =
                Cause { request_id: Some(request_id.to_owned()), idempotency_key: key.map(str::to_owned) };
            let (result, first) = {
                let mut world = self.world();
                let first = world.webhooks.next_number();
                (world.execute(&caller, command, Moment { now: self.now(), cause }), first)
            };
            self.told_since(first).await;
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
            self.world().idempotency.complete(&caller.scope(), key, stored);
        }
        (status, body)
    }

    /// Waits for the webhooks from this number on that arrive before an answer.
    pub(super) async fn told_since(&self, number: u64) {
        let mut changes = self.world().webhooks.changes();
        while !self.world().webhooks.may_answer_since(number) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn record(
        &self,
        arrival: Arrival,
        query: Pairs,
        body_pairs: Pairs,
        (answer, fault): (&HttpAnswer, Option<Fault>),
    ) {
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
            fault,
        });
    }
}

/// What goes wrong with a request by plan.
fn fault_of(
    world: &mut World,
    (caller, command): (&Caller, &Command),
    arrival: &Arrival,
    key: Option<&str>,
    now: Timestamp,
) -> Option<Fault> {
    let address = || format!("{} {}", arrival.method, arrival.path);
    let identity =
        format!("{} {:?} {}", caller.account, caller.mode, key.map_or_else(address, str::to_owned));
    let standing = key.map_or(Standing::New, |key| world.idempotency.standing(&caller.scope(), key, now));
    world.faults.choose(&Occasion {
        kind: command.kind(),
        identity: &identity,
        has_key: key.is_some(),
        is_first: standing == Standing::New,
        is_answered: standing == Standing::Answered,
    })
}

async fn pause(fault: Option<Fault>, at: HoldPoint) {
    if let Some(span) = fault.and_then(|fault| fault.delay(at)) {
        tokio::time::sleep(span.to_duration()).await;
    }
}

fn refused(error: &StripeError) -> Executed {
    (error.status, error.to_json(), None)
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
