"""Stripe's own Python package verifies webhooks of the emulator, and reads the events behind them.

usage: stripe_webhooks.py BASE_URL SECRET_KEY FILE

FILE is a JSON list of {"body", "signature", "secrets"}, as an endpoint received them. Prints the kinds of event as JSON;
any surprise is an uncaught exception.
"""

import json
import sys

import stripe

from stripe_official import expect

SECRETS = ["whsec_one", "whsec_two"]


def verify(body, signature, secret):
    return stripe.Webhook.construct_event(body, signature, secret)


def main(base_url, secret_key, file):
    client = stripe.StripeClient(secret_key, base_addresses={"api": base_url}, max_network_retries=0)
    with open(file, encoding="utf-8") as source:
        received = json.load(source)
    kinds = []
    for each in received:
        body, signature = each["body"], each["signature"]
        for secret in SECRETS:
            if secret not in each["secrets"]:
                expect(stripe.SignatureVerificationError, lambda: verify(body, signature, secret))
                continue
            event = verify(body, signature, secret)
            tampered = body.replace("10000", "10001", 1)
            assert tampered != body
            expect(stripe.SignatureVerificationError, lambda: verify(tampered, signature, secret))
            moved = signature.replace("t=1", "t=2", 1)
            expect(stripe.SignatureVerificationError, lambda: verify(body, moved, secret))
            again = json.dumps(json.loads(body))
            expect(stripe.SignatureVerificationError, lambda: verify(again, signature, secret))
        read = client.v1.events.retrieve(event.id)
        assert read.type == event.type and read.data.object.id == event.data.object.id, read
        kinds.append(event.type)

    listed = client.v1.events.list({"types": ["payment_intent.succeeded"], "limit": 1})
    assert len(list(listed.auto_paging_iter())) == len(received), listed
    print(json.dumps(kinds))


if __name__ == "__main__":
    main(*sys.argv[1:])
