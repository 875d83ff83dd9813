//! Stripe's test payment methods (`pm_card_…`) and the result of a payment with each.
//!
//! Must not import anything else of the emulator. Names that begin with `pm_emulator_` are this emulator's own
//! extension, for results that Stripe has no test card for. Invariant: a result depends on the name alone.

/// The result of a confirmed payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CardOutcome {
    /// The money moves.
    Succeeds,
    /// The issuer refuses.
    Declines(Decline),
    /// The issuer wants 3D Secure.
    NeedsAuthentication,
    /// The money moves later, when the emulator is asked to decide the intent.
    Processes,
    /// Stripe answers 500 and nothing happens.
    Fails,
}

/// The events after a payment that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    /// None.
    Nothing,
    /// A refund is pending until it is decided.
    RefundPends,
    /// The shopper's bank disputes the payment at once.
    IsDisputed,
}

/// A refusal of the issuer.
#[expect(clippy::struct_field_names, reason = "the names are Stripe's")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decline {
    /// `error.code`.
    pub(crate) code: &'static str,
    /// `error.decline_code`.
    pub(crate) decline_code: &'static str,
    /// `error.message`.
    pub(crate) message: &'static str,
}

/// The refusal if 3D Secure is needed and no shopper is there.
pub(crate) const AUTHENTICATION_REQUIRED: Decline = Decline {
    code: "authentication_required",
    decline_code: "authentication_required",
    message: "Your card was declined. This transaction requires authentication.",
};

/// A test payment method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestCard {
    /// Its brand, as Stripe names it.
    pub(crate) brand: &'static str,
    /// The number's last four digits.
    pub(crate) last4: &'static str,
    /// The result of a payment with it.
    pub(crate) outcome: CardOutcome,
    /// Whether that takes long.
    pub(crate) slow: bool,
    /// The events after a success.
    pub(crate) later: Later,
}

impl TestCard {
    /// The card of this name; `None` for one that Stripe does not have either.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let card =
            |brand, last4, outcome| Some(Self { brand, last4, outcome, slow: false, later: Later::Nothing });
        let visa = |last4, outcome| card("visa", last4, outcome);
        // Stripe documents the declines both as `pm_card_chargeDeclined…` and as `pm_card_visa_chargeDeclined…`.
        let name = match name.strip_prefix("pm_card_visa_charge") {
            Some(rest) => &format!("pm_card_charge{rest}"),
            None => name,
        };
        match name {
            "pm_card_visa" | "pm_card_us" => visa("4242", CardOutcome::Succeeds),
            "pm_card_visa_debit" => visa("5556", CardOutcome::Succeeds),
            "pm_card_mastercard" => card("mastercard", "4444", CardOutcome::Succeeds),
            "pm_card_amex" => card("amex", "0005", CardOutcome::Succeeds),
            "pm_card_discover" => card("discover", "1117", CardOutcome::Succeeds),
            "pm_card_pendingRefund" => {
                visa("7726", CardOutcome::Succeeds).map(|card| Self { later: Later::RefundPends, ..card })
            }
            "pm_card_createDispute" => {
                visa("0259", CardOutcome::Succeeds).map(|card| Self { later: Later::IsDisputed, ..card })
            }
            // A refund succeeds, as with any card, and fails when the emulator is asked to fail it.
            "pm_card_refundFail" => visa("5126", CardOutcome::Succeeds),
            "pm_card_authenticationRequired" => visa("3184", CardOutcome::NeedsAuthentication),
            "pm_emulator_processing" => visa("4242", CardOutcome::Processes),
            "pm_emulator_api_error" => visa("4242", CardOutcome::Fails),
            "pm_emulator_slow" => visa("4242", CardOutcome::Succeeds).map(|card| Self { slow: true, ..card }),
            declined => {
                let (last4, decline) = decline(declined)?;
                visa(last4, CardOutcome::Declines(decline))
            }
        }
    }
}

fn decline(name: &str) -> Option<(&'static str, Decline)> {
    let declined = |decline_code, message| Decline { code: "card_declined", decline_code, message };
    let decline = match name {
        "pm_card_chargeDeclined" => ("0002", declined("generic_decline", "Your card was declined.")),
        "pm_card_chargeDeclinedInsufficientFunds" => {
            ("9995", declined("insufficient_funds", "Your card has insufficient funds."))
        }
        "pm_card_chargeDeclinedLostCard" => ("9987", declined("lost_card", "Your card was declined.")),
        "pm_card_chargeDeclinedStolenCard" => ("9979", declined("stolen_card", "Your card was declined.")),
        "pm_card_chargeDeclinedFraudulent" => ("0019", declined("fraudulent", "Your card was declined.")),
        "pm_card_chargeDeclinedExpiredCard" => (
            "0069",
            Decline { code: "expired_card", decline_code: "expired_card", message: "Your card has expired." },
        ),
        "pm_card_chargeDeclinedIncorrectCvc" => (
            "0127",
            Decline {
                code: "incorrect_cvc",
                decline_code: "incorrect_cvc",
                message: "Your card's security code is incorrect.",
            },
        ),
        "pm_card_chargeDeclinedProcessingError" => (
            "0119",
            Decline {
                code: "processing_error",
                decline_code: "processing_error",
                message: "An error occurred while processing your card. Try again in a little bit.",
            },
        ),
        _ => return None,
    };
    Some(decline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_decline_are_one_card() {
        let short = TestCard::find("pm_card_chargeDeclinedInsufficientFunds").unwrap();
        let long = TestCard::find("pm_card_visa_chargeDeclinedInsufficientFunds").unwrap();
        assert_eq!(short.outcome, long.outcome);
        assert!(TestCard::find("pm_card_imaginary").is_none());
    }
}
