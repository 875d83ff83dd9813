//! Stripe's error object, and how each kind of failure is worded.
//!
//! Must not import the state or the HTTP server. Invariant: `type` and `code` are values of Stripe's published enums,
//! so a client that parses them closed still understands every answer.

use serde_json::{Map, Value, json};

/// Stripe's `error.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorType {
    /// Stripe itself failed.
    Api,
    /// The card could not be charged.
    Card,
    /// An idempotency key was used again for something else.
    Idempotency,
    /// The request is wrong.
    InvalidRequest,
}

impl ErrorType {
    const fn name(self) -> &'static str {
        match self {
            Self::Api => "api_error",
            Self::Card => "card_error",
            Self::Idempotency => "idempotency_error",
            Self::InvalidRequest => "invalid_request_error",
        }
    }
}

/// An answer that is not a success.
#[derive(Clone, Debug)]
pub(crate) struct StripeError {
    /// The HTTP status.
    pub(crate) status: u16,
    kind: ErrorType,
    message: String,
    code: Option<&'static str>,
    decline_code: Option<&'static str>,
    param: Option<String>,
    objects: Map<String, Value>,
}

impl StripeError {
    /// An error of this status and type, without a code.
    pub(crate) fn new(status: u16, kind: ErrorType, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            code: None,
            decline_code: None,
            param: None,
            objects: Map::new(),
        }
    }

    /// 400 `invalid_request_error`.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(400, ErrorType::InvalidRequest, message)
    }

    /// 401: no key, or one that Stripe does not take.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, ErrorType::InvalidRequest, message)
    }

    /// 403: the key may not do this.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, ErrorType::InvalidRequest, message)
    }

    /// 402: the card was not charged.
    pub(crate) fn card(code: &'static str, decline_code: &'static str, message: &str) -> Self {
        let error = Self::new(402, ErrorType::Card, message).with_code(code);
        Self { decline_code: Some(decline_code), ..error }
    }

    /// 409: a request under this key is being executed.
    pub(crate) fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you \
             submitted twice, and the other request is still going through): {key}. Please try again later."
        );
        Self::new(409, ErrorType::InvalidRequest, message).with_code("idempotency_key_in_use")
    }

    /// 429: too many requests.
    pub(crate) fn rate_limited() -> Self {
        let message = "Request rate limit exceeded. Send fewer requests at a time, and try again later.";
        Self::new(429, ErrorType::InvalidRequest, message).with_code("rate_limit")
    }

    /// 429: another request has the object.
    pub(crate) fn lock_timeout() -> Self {
        let message = "This object cannot be accessed right now because another API request or Stripe process is \
                       currently accessing it. Try again later.";
        Self::new(429, ErrorType::InvalidRequest, message).with_code("lock_timeout")
    }

    /// 500: Stripe failed.
    pub(crate) fn unknown() -> Self {
        Self::new(500, ErrorType::Api, "An unknown error occurred.")
    }

    /// 404: the path names an object that this account and mode do not have.
    pub(crate) fn no_such_object(kind: &str, id: &str, param: &str) -> Self {
        Self::new(404, ErrorType::InvalidRequest, format!("No such {kind}: '{id}'"))
            .with_code("resource_missing")
            .with_param(param)
    }

    /// 404: there is nothing at this address.
    pub(crate) fn unrecognized_url(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
             https://support.stripe.com/."
        );
        Self::new(404, ErrorType::InvalidRequest, message)
    }

    /// 400: parameters that Stripe's API does not have.
    pub(crate) fn unknown_parameters(names: &[String]) -> Self {
        let plural = if names.len() == 1 { "" } else { "s" };
        let error =
            Self::invalid_request(format!("Received unknown parameter{plural}: {}", names.join(", ")))
                .with_code("parameter_unknown");
        match names.first() {
            Some(first) => error.with_param(first),
            None => error,
        }
    }

    /// 400: a required parameter is absent.
    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::invalid_request(format!("Missing required param: {name}."))
            .with_code("parameter_missing")
            .with_param(name)
    }

    /// 400: something that Stripe can do and this emulator cannot.
    pub(crate) fn not_emulated(name: &str, what: &str) -> Self {
        Self::invalid_request(format!("The emulator does not support {what}; Stripe itself does."))
            .with_param(name)
    }

    /// Adds `error.code`.
    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds `error.param`.
    pub(crate) fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Adds a whole object under its name, as Stripe nests the PaymentIntent into a decline.
    pub(crate) fn with_object(mut self, name: &str, object: Value) -> Self {
        self.objects.insert(name.to_owned(), object);
        self
    }

    /// The sentence for a person.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The fields that Stripe also keeps as an intent's `last_payment_error`.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("type".to_owned(), self.kind.name().into());
        fields.insert("message".to_owned(), self.message.as_str().into());
        if let Some(code) = self.code {
            fields.insert("code".to_owned(), code.into());
            let page = code.replace('_', "-");
            fields.insert("doc_url".to_owned(), format!("https://stripe.com/docs/error-codes/{page}").into());
        }
        if let Some(decline_code) = self.decline_code {
            fields.insert("decline_code".to_owned(), decline_code.into());
        }
        if let Some(param) = &self.param {
            fields.insert("param".to_owned(), param.as_str().into());
        }
        fields.extend(self.objects.clone());
        fields
    }

    /// The whole answer.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "error": self.fields() })
    }
}
