//! A refusal of Stripe's that names a field of the order is told by that field.

use merchant_gateway::domain::checkout::attempt::Seen;
use merchant_gateway::domain::checkout::session::{NoticeCode, State};

use crate::support::bench::Bench;

use super::nothing_known;

const STREET: &str = "code parameter_invalid_string_blank, parameter shipping[address][line1]";

#[test]
fn a_refusal_that_names_a_field_is_told_by_it_and_leaves_the_session_payable() {
    for (detail, told) in [
        (STREET, "The street in the delivery address was not accepted"),
        ("code email_invalid, parameter receipt_email", "The mail address was not accepted"),
        ("code none, parameter none", "The shop could not take this payment."),
    ] {
        let (mut bench, paying) = Bench::charging();
        bench.see(Seen::RequestRefused { detail: detail.to_owned() });
        assert!(matches!(bench.session().state, State::Ready { .. }), "{detail}");
        let notice = bench.answer(paying).unwrap().notice.unwrap();
        assert!(notice.code == NoticeCode::PaymentDeclined && notice.text.starts_with(told), "{notice:?}");
        assert!(notice.text.contains("Nothing was charged."), "{notice:?}");
    }
}

#[test]
fn a_stored_refusal_names_its_field_too() {
    let (mut bench, paying) = Bench::charging();
    bench.see(nothing_known());
    bench.wait_and_wake();
    bench.see(Seen::RefusedForGood { detail: STREET.to_owned() });
    let notice = bench.answer(paying).unwrap().notice.unwrap();
    assert!(notice.text.starts_with("The street in the delivery address"), "{notice:?}");
}
