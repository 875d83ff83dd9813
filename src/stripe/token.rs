//! The result of reading a token.

use super::answers::{ErrorBody, GrantedToken};
use super::transport::Reply;
use crate::domain::checkout::model::{TokenFacts, TokenReadError};

/// The result of the answer. An error in Stripe's own form is a definite answer, even if its code is not known here.
pub(super) fn of_reading(reply: &Reply) -> Result<TokenFacts, TokenReadError> {
    if !reply.clock_agrees {
        return Err(TokenReadError::ClockDiffers);
    }
    match reply.status {
        200 => reply.json::<GrantedToken>().and_then(|token| token.facts()).ok_or(TokenReadError::ReadFailed),
        404 => Err(TokenReadError::Foreign),
        401 | 403 => Err(TokenReadError::KeyRefused),
        429 => Err(TokenReadError::Limited),
        400..=499 if reply.json::<ErrorBody>().is_some() => Err(TokenReadError::Refused),
        _ => Err(TokenReadError::ReadFailed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Money;

    #[test]
    fn every_refusal_of_stripes_own_is_an_answer_and_nothing_else_is() {
        let error = r#"{"error": {"type": "invalid_request_error", "code": "parameter_invalid"}}"#;
        let html = "<html>Bad request</html>";
        for (status, body, expected) in [
            (400, error, TokenReadError::Refused),
            (402, error, TokenReadError::Refused),
            (409, error, TokenReadError::Refused),
            (422, error, TokenReadError::Refused),
            (400, html, TokenReadError::ReadFailed),
            (408, html, TokenReadError::ReadFailed),
            (401, error, TokenReadError::KeyRefused),
            (403, error, TokenReadError::KeyRefused),
            (404, error, TokenReadError::Foreign),
            (429, error, TokenReadError::Limited),
            (500, error, TokenReadError::ReadFailed),
            (200, "{}", TokenReadError::ReadFailed),
            (302, html, TokenReadError::ReadFailed),
        ] {
            let reply = Reply::of_text(status, body);
            assert_eq!(of_reading(&reply), Err(expected), "{status} {body}");
        }
    }

    fn facts(changes: &[(&str, serde_json::Value)]) -> Result<TokenFacts, TokenReadError> {
        let mut token = serde_json::json!({ "id": "spt_1", "livemode": false });
        for (name, value) in changes {
            token[name] = value.clone();
        }
        of_reading(&Reply::of_text(200, &token.to_string()))
    }

    #[test]
    fn a_token_that_is_off_says_why() {
        use crate::domain::checkout::model::Deactivation;
        for (reason, at, expected) in [
            (Some("consumed"), Some(1), Some(Deactivation::Consumed)),
            (Some("expired"), Some(1), Some(Deactivation::Expired)),
            (Some("revoked"), Some(1), Some(Deactivation::Revoked)),
            (Some("consumed"), None, Some(Deactivation::Consumed)),
            (Some("a reason of tomorrow"), None, Some(Deactivation::Other)),
            (None, Some(1), Some(Deactivation::Other)),
            (None, None, None),
        ] {
            let token = [("deactivated_reason", reason.into()), ("deactivated_at", at.into())];
            assert_eq!(facts(&token).unwrap().deactivated, expected, "{reason:?}, {at:?}");
        }
    }

    #[test]
    fn any_insight_that_says_block_recommends_blocking_the_payment() {
        for (first, second, block) in [
            ("block", "block", true),
            ("block", "continue", true),
            ("continue", "block", true),
            ("continue", "manual_review", false),
        ] {
            let insights = serde_json::json!({
                "fraudulent_dispute": { "recommended_action": first }, "stolen_card": { "recommended_action": second },
                "bot": null,
            });
            let token = [("risk_details", serde_json::json!({ "insights": insights }))];
            assert_eq!(facts(&token).unwrap().block_recommended, block, "{first}, {second}");
        }
        assert!(!facts(&[]).unwrap().block_recommended);
    }

    #[test]
    fn the_agent_that_granted_a_token_is_named_if_stripe_names_it() {
        let named = |details: serde_json::Value| facts(&[("agent_details", details)]).unwrap().agent_profile;
        let link = serde_json::json!({ "network_business_profile": "profile_link" });
        assert_eq!(named(link).as_deref(), Some("profile_link"));
        assert_eq!(named(serde_json::json!({ "network_business_profile": null })), None);
        assert_eq!(named(serde_json::json!({ "network_business_profile": { "id": "profile_link" } })), None);
        assert_eq!(named(serde_json::json!(null)), None);
        assert_eq!(facts(&[]).unwrap().agent_profile, None);
    }

    #[test]
    fn what_was_captured_is_taken_off_a_tokens_limit() {
        let usd = |minor| Money::new(minor, "usd".parse().unwrap());
        let remaining = |captured: serde_json::Value| {
            let limits = serde_json::json!({ "currency": "usd", "max_amount": 5_000 });
            let details = serde_json::json!({ "amount_captured": captured });
            facts(&[("usage_limits", limits), ("usage_details", details)]).map(|facts| facts.remaining)
        };
        assert_eq!(remaining(serde_json::json!({ "currency": "usd", "value": 1_500 })), Ok(Some(usd(3_500))));
        assert_eq!(remaining(serde_json::json!({ "currency": "", "value": 0 })), Ok(Some(usd(5_000))));
        assert_eq!(remaining(serde_json::json!(null)), Ok(Some(usd(5_000))));
        let contradiction = remaining(serde_json::json!({ "currency": "eur", "value": 1 }));
        assert_eq!(contradiction, Err(TokenReadError::ReadFailed));
        assert_eq!(facts(&[]).unwrap().remaining, None);
    }
}
