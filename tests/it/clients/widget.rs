//! The widget in a real browser: in a stand-in for ChatGPT, whose every word a scenario puts in its mouth, and in the host
//! that the makers of MCP Apps publish, with a real shop behind it.

use crate::support::node;
use crate::support::samples::Sample;
use crate::support::test_gateway::TestGateway;

#[test]
fn a_shopper_gets_through_every_turn_of_a_purchase() {
    if node::chromium().is_none() {
        return;
    }
    let Some(output) = node::run("widget/purchase.mjs", &[]) else { return };
    let said = node::said(&output);
    assert!(said.ends_with("all shown\n"), "{said}");
}

#[test]
fn a_host_without_a_payment_sheet_opens_the_shops_page() {
    if node::chromium().is_none() {
        return;
    }
    let samples = Sample::all();
    let world = TestGateway::of_samples(&samples);
    for sample in &samples {
        let endpoint = world.url(&sample.endpoint());
        let Some(output) = node::run("widget/app_bridge.mjs", &[&endpoint, &sample.address().to_string()])
        else {
            return;
        };
        let said = node::said(&output);
        assert!(said.ends_with("all shown\n"), "{}: {said}", sample.id());
    }
}
