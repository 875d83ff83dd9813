//! The data of a checkout: plain types, their stored form, and accessors; no rules.

mod answer;
mod attempt;
mod change;
mod command;
mod context;
mod decision;
mod effect;
mod event;
mod expected_payment;
mod flag;
mod idempotency_key;
mod notice;
mod notification;
mod observation;
mod order;
mod personal_data;
mod refused_field;
mod rejection;
mod restored;
mod session;
mod state;
mod stripe_checkout;
mod timeline;
mod token;
mod transition;
mod unconfirmed;
mod work;

pub use answer::{Answer, NewOrder, PlacedOrder};
pub use attempt::{Attempt, AttemptEnd, AttemptIntent, Charging, PaymentSource, Phase};
pub use change::{AttemptMove, Change, Loaded, TokenUse};
pub use command::{Command, Patch, Payment};
pub use context::{Context, Moment};
pub use decision::{Decision, Verification};
pub use effect::{CancelCause, Effect, OrderEffect};
pub use event::{Event, StepError};
pub use expected_payment::ExpectedPayment;
pub use flag::{Flag, FlagReason};
pub use idempotency_key::IdempotencyKey;
pub use notice::{DeclineReason, Notice, NoticeCode};
pub use notification::{Affected, StripeNotification, UnmatchedPayment};
pub use observation::{
    AnsweredWith, AttemptObservation, Inconclusive, Observation, PaymentIntentSnapshot, PaymentIntentStatus,
    StripeCheckoutSnapshot, StripeCheckoutStatus,
};
pub use order::{OrderChange, OrderObservation, RefundAnswer, RefundIntent, RefundRequest, RefundSnapshot};
pub use refused_field::RefusedField;
pub use rejection::{
    HostRejection, NotOffered, NotPayable, OperatorRejection, Rejection, ShopRejection, ShopperRejection,
    Unverified,
};
pub use restored::{RestoreEvidence, ShownByStripe};
pub use session::{
    CheckoutInputs, MAX_ATTEMPTS, MAX_OPENINGS, MAX_STRIPE_CHECKOUTS, PendingWork, Session, Version,
};
pub use state::{CancelReason, FreezeReason, State};
pub use stripe_checkout::{CloseReason, StripeCheckout, StripeCheckoutPayment};
pub use timeline::{EDITS_KEPT, NotBegun, StripeAnswer, TimelineEntry, TimelineEvent};
pub use token::{Deactivation, SharedPaymentToken, TokenFacts, TokenProblem, TokenReadError};
pub use transition::Transition;
pub use unconfirmed::Unconfirmed;
pub use work::{Priority, Work};
