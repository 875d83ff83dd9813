"""Stripe's own Python package refunds a payment of the emulator.

usage: stripe_refunds.py BASE_URL SECRET_KEY

Prints the refunds as JSON; any surprise is an uncaught exception.
"""

import json
import sys

import stripe

from stripe_official import expect, grant, payment


def main(base_url, secret_key):
    client = stripe.StripeClient(secret_key, base_addresses={"api": base_url}, max_network_retries=0)
    refunds = client.v1.refunds
    paid = client.v1.payment_intents.create(payment(grant(client, "pm_card_visa")))

    part = {"payment_intent": paid.id, "amount": 1000, "reason": "requested_by_customer", "metadata": {"flag": "f1"}}
    first = refunds.create(part, {"idempotency_key": "refund-1"})
    assert first.status == "succeeded" and first.amount == 1000 and first.charge == paid.latest_charge.id, first
    assert refunds.create(part, {"idempotency_key": "refund-1"}).id == first.id
    expect(stripe.InvalidRequestError, lambda: refunds.create({"payment_intent": paid.id, "amount": 1501}))
    rest = refunds.create({"charge": paid.latest_charge.id})
    assert rest.amount == 1500, rest
    assert client.v1.charges.retrieve(paid.latest_charge.id).refunded is True
    over = expect(stripe.InvalidRequestError, lambda: refunds.create({"payment_intent": paid.id}))
    assert over.code == "charge_already_refunded", over

    assert refunds.retrieve(first.id).metadata["flag"] == "f1"
    listed = [refund.id for refund in refunds.list({"payment_intent": paid.id, "limit": 1}).auto_paging_iter()]
    assert listed == [rest.id, first.id], listed
    print(json.dumps(listed))


if __name__ == "__main__":
    main(*sys.argv[1:])
