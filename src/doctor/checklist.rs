//! What only a person can do, and where.

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// What is to be done.
    pub task: &'static str,
    /// Where.
    pub place: &'static str,
}

/// The steps in order, for live merchants too or in test mode alone.
#[must_use]
pub fn steps(is_live: bool) -> Vec<Step> {
    let mut steps = vec![
        Step {
            task: "create the Stripe profile and accept the seller terms for agentic commerce",
            place: "Stripe Dashboard; search it for agentic commerce",
        },
        Step {
            task: "authorise OpenAI to grant tokens for this seller",
            place: "Stripe Dashboard, the same page",
        },
        Step {
            task: "copy the profile's Network ID into stripe.network_id; test and live have different ones",
            place: "Stripe Dashboard, the profile",
        },
        Step {
            task: "connect the shop's MCP endpoint and buy with a test card",
            place: "ChatGPT, settings, developer mode",
        },
    ];
    if is_live {
        steps.extend([
            Step {
                task: "buy for a small amount with a real card, and refund it",
                place: "ChatGPT, then the admin API's refunds",
            },
            Step {
                task: "verify the domain by chatgpt.challenge, and submit the app for review",
                place: "OpenAI's platform, app submission",
            },
        ]);
    }
    steps
}
