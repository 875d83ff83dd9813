//! A refusal of Stripe's that names a field of the order is told by that field.

use merchant_gateway::domain::address::ContactField;
use merchant_gateway::domain::checkout::model::{Notice, Observation, RefusedField, State};

use test_support::driver_harness::DriverHarness;

use super::nothing_known;

const STREET: &str = "code parameter_invalid_string_blank, parameter shipping[address][line1]";

#[test]
fn a_refused_field_is_named_and_leaves_the_session_payable() {
    for (detail, field) in [
        (STREET, Some(RefusedField::Contact(ContactField::LineOne))),
        ("code email_invalid, parameter receipt_email", Some(RefusedField::Contact(ContactField::Email))),
        ("code none, parameter none", None),
    ] {
        let (mut harness, paying) = DriverHarness::charging();
        harness.see(Observation::RequestRefused { detail: detail.to_owned() });
        assert!(matches!(harness.session().state, State::Ready { .. }), "{detail}");
        assert_eq!(harness.answer(paying).unwrap().notice, Some(Notice::RequestRefused { field }));
    }
}

#[test]
fn a_stored_refusal_names_its_field_too() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(nothing_known());
    harness.wait_and_wake();
    harness.see(Observation::RefusedForGood { detail: STREET.to_owned() });
    let notice = Notice::PaymentRefused { field: Some(RefusedField::Contact(ContactField::LineOne)) };
    assert_eq!(harness.answer(paying).unwrap().notice, Some(notice));
}
