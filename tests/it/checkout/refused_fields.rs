//! A refusal of Stripe's that names a field of the order is told by that field.

use merchant_gateway::domain::checkout::model::{NoticeCode, Observation, State};

use crate::support::driver_harness::DriverHarness;

use super::nothing_known;

const STREET: &str = "code parameter_invalid_string_blank, parameter shipping[address][line1]";

#[test]
fn a_refusal_that_names_a_field_is_told_by_it_and_leaves_the_session_payable() {
    for (detail, told) in [
        (STREET, "The street in the delivery address was not accepted"),
        ("code email_invalid, parameter receipt_email", "The mail address was not accepted"),
        ("code none, parameter none", "The shop could not take this payment."),
    ] {
        let (mut harness, paying) = DriverHarness::charging();
        harness.see(Observation::RequestRefused { detail: detail.to_owned() });
        assert!(matches!(harness.session().state, State::Ready { .. }), "{detail}");
        let notice = harness.answer(paying).unwrap().notice.unwrap();
        assert!(notice.code == NoticeCode::PaymentDeclined && notice.text.starts_with(told), "{notice:?}");
        assert!(notice.text.contains("Nothing was charged."), "{notice:?}");
    }
}

#[test]
fn a_stored_refusal_names_its_field_too() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(nothing_known());
    harness.wait_and_wake();
    harness.see(Observation::RefusedForGood { detail: STREET.to_owned() });
    let notice = harness.answer(paying).unwrap().notice.unwrap();
    assert!(notice.text.starts_with("The street in the delivery address"), "{notice:?}");
}
