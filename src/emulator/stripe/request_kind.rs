//! The kinds of request that the emulator answers: plans of faults and the permissions of keys name them.
//!
//! Must not import anything of the emulator.

use serde::{Deserialize, Serialize};

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// `GET /v1/account`.
    ReadAccount,
    /// `POST /v1/test_helpers/shared_payment/granted_tokens`.
    MintToken,
    /// `POST /v1/test_helpers/shared_payment/granted_tokens/{id}/revoke`.
    RevokeToken,
    /// `GET /v1/shared_payment/granted_tokens/{id}`.
    ReadToken,
    /// `POST /v1/payment_intents`.
    CreateIntent,
    /// `GET /v1/payment_intents/{id}`.
    ReadIntent,
    /// `GET /v1/payment_intents`.
    ListIntents,
    /// `POST /v1/payment_intents/{id}/cancel`.
    CancelIntent,
    /// `POST /v1/checkout/sessions`.
    CreateSession,
    /// `GET /v1/checkout/sessions/{id}`.
    ReadSession,
    /// `GET /v1/checkout/sessions`.
    ListSessions,
    /// `POST /v1/checkout/sessions/{id}/expire`.
    ExpireSession,
    /// `GET /v1/checkout/sessions/{id}/line_items`.
    ListSessionLines,
    /// `POST /v1/refunds`.
    CreateRefund,
    /// `GET /v1/refunds/{id}`.
    ReadRefund,
    /// `GET /v1/refunds`.
    ListRefunds,
    /// `GET /v1/charges/{id}`.
    ReadCharge,
    /// `GET /v1/disputes/{id}`.
    ReadDispute,
    /// `GET /v1/disputes`.
    ListDisputes,
    /// `GET /v1/events/{id}`.
    ReadEvent,
    /// `GET /v1/events`.
    ListEvents,
    /// `POST /v1/webhook_endpoints`.
    CreateWebhookEndpoint,
    /// `GET /v1/webhook_endpoints`.
    ListWebhookEndpoints,
    /// `POST /v1/webhook_endpoints/{id}`.
    UpdateWebhookEndpoint,
}
