"""Stripe's own Python package as the client of the emulator.

usage: stripe_official.py BASE_URL SECRET_KEY

Prints the one payment that succeeded as JSON; any surprise is an uncaught exception.
"""

import json
import sys

import stripe


def grant(client, payment_method):
    return client.v1.test_helpers.shared_payment.granted_tokens.create(
        {"payment_method": payment_method, "usage_limits": {"currency": "usd", "max_amount": 2500}}
    )


def payment(token, amount=2500):
    return {
        "amount": amount,
        "currency": "usd",
        "confirm": True,
        "error_on_requires_action": True,
        "payment_method_data": {"shared_payment_granted_token": token.id},
        "metadata": {"session": "chk_official"},
        "shipping": {"name": "Ada", "address": {"line1": "1 Main St", "country": "US"}},
        "expand": ["latest_charge"],
    }


def expect(error_type, call):
    try:
        call()
    except error_type as error:
        return error
    raise AssertionError(f"{error_type.__name__} was not raised")


def main(base_url, secret_key):
    client = stripe.StripeClient(secret_key, base_addresses={"api": base_url}, max_network_retries=0)
    intents = client.v1.payment_intents

    token = grant(client, "pm_card_visa")
    read = client.v1.shared_payment.granted_tokens.retrieve(token.id)
    assert read.usage_limits.max_amount == 2500 and read.deactivated_at is None, read

    options = {"idempotency_key": "official-1"}
    paid = intents.create(payment(token), options)
    assert paid.status == "succeeded" and paid.amount_received == 2500, paid
    assert paid.latest_charge.paid and paid.livemode is False, paid
    repeated = intents.create(payment(token), options)
    assert repeated.id == paid.id, repeated
    assert repeated.last_response.headers["Idempotent-Replayed"] == "true"
    expect(stripe.IdempotencyError, lambda: intents.create(payment(token, 2400), options))
    assert client.v1.shared_payment.granted_tokens.retrieve(token.id).deactivated_reason == "consumed"

    refused_card = grant(client, "pm_card_chargeDeclined")
    declined = expect(stripe.CardError, lambda: intents.create(payment(refused_card)))
    assert declined.http_status == 402 and declined.code == "card_declined", declined
    assert declined.error.payment_intent.status == "requires_payment_method", declined
    canceled = intents.cancel(declined.error.payment_intent.id, {"cancellation_reason": "abandoned"})
    assert canceled.status == "canceled", canceled

    revoked = grant(client, "pm_card_visa")
    client.v1.test_helpers.shared_payment.granted_tokens.revoke(revoked.id)
    refused = expect(stripe.InvalidRequestError, lambda: intents.create(payment(revoked)))
    assert refused.param == "payment_method_data[shared_payment_granted_token]", refused

    stranger = stripe.StripeClient("sk_test_unknown0000", base_addresses={"api": base_url}, max_network_retries=0)
    expect(stripe.AuthenticationError, lambda: stranger.v1.payment_intents.retrieve(paid.id))

    listed = intents.list({"limit": 1, "created": {"gte": paid.created}})
    assert [intent.id for intent in listed.auto_paging_iter()][-1] == paid.id, listed
    print(json.dumps({"payment_intent": paid.id}))


if __name__ == "__main__":
    main(*sys.argv[1:])
