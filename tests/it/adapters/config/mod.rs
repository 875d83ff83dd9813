//! The configuration as an operator meets it: files in, merchants or explanations out.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod claims;
mod folders;
mod gateway;
mod log_filter;
mod mistakes;
mod schema;
mod secrets;
mod tenant;

use merchant_gateway::config::diagnostic::Diagnostic;

/// A merchant's file that is right, to which tests add a mistake.
const SHOP: &str = r#"
name = "Shop"
mode = "test"
hosts = ["shop.localhost"]
currency = "usd"
[stripe]
network_id = "profile_test_shop"
secret_key = "env:MERCHANT_SHOP__STRIPE_KEY"
[tax]
provider = "none"
[[products]]
id = "mug"
title = "Mug"
price = 1800
shippable = false
"#;

fn shown(problems: &[Diagnostic]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
