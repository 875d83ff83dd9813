//! Why the emulator refuses a request of a test or of `demo`.
//!
//! Must not import anything of the emulator. Invariant: no message contains a whole secret key.

/// Why the emulator's handle did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such account was seeded.
    #[error("the emulator has no account {account}; add it with `add_account`")]
    UnknownAccount {
        /// The account that was named.
        account: String,
    },
    /// A seeded key does not look like one.
    #[error("{key} is not a secret key: it must begin with sk_test_, rk_test_, sk_live_ or rk_live_")]
    NotASecretKey {
        /// The key, masked.
        key: String,
    },
    /// A seeded key is in use.
    #[error("the key {key} belongs to another account")]
    KeyOfAnotherAccount {
        /// The key, masked.
        key: String,
    },
    /// A token cannot be granted like this.
    #[error("the token cannot be granted: {message}")]
    InvalidToken {
        /// Stripe's message.
        message: String,
    },
    /// There is no payment to decide.
    #[error("there is no payment intent {payment_intent} that is processing")]
    NotProcessing {
        /// The intent that was named.
        payment_intent: String,
    },
    /// A webhook endpoint is somewhere else.
    #[error("webhooks go to http addresses on this machine only, and {url} is none")]
    NotOnLoopback {
        /// The address that was named.
        url: String,
    },
    /// There is no such webhook endpoint.
    #[error("the emulator has no webhook endpoint {endpoint}")]
    UnknownEndpoint {
        /// The endpoint that was named.
        endpoint: String,
    },
    /// No money is left for the bank to take back.
    #[error("the payment intent {payment_intent} has no money left that a bank could take back")]
    NotDisputable {
        /// The intent that was named.
        payment_intent: String,
    },
    /// There is no dispute to decide.
    #[error("there is no dispute {dispute} that is open")]
    DisputeIsClosed {
        /// The dispute that was named.
        dispute: String,
    },
    /// There is no refund to decide.
    #[error("there is no refund {refund} that can be decided like this")]
    RefundIsDecided {
        /// The refund that was named.
        refund: String,
    },
    /// There is no such session.
    #[error("the emulator has no checkout session {session}")]
    UnknownSession {
        /// The session that was named.
        session: String,
    },
    /// It can no longer be paid there.
    #[error("the checkout session {session} is {status}: nothing can be paid there")]
    SessionNotOpen {
        /// The session that was named.
        session: String,
        /// `complete` or `expired`.
        status: &'static str,
    },
    /// The page does not offer this.
    #[error("the page of the checkout session {session} does not offer to pay with {payment_method}")]
    NotOffered {
        /// The session that was named.
        session: String,
        /// The payment method that the shopper chose.
        payment_method: String,
    },
    /// No authentication was requested.
    #[error("at the checkout session {session} nobody is asked to authenticate")]
    NotAuthenticating {
        /// The session that was named.
        session: String,
    },
}
