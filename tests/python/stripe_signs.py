"""Stripe's own Python package signs an event, as Stripe does, and reads it back.

usage: stripe_signs.py SECRET EVENT

EVENT is the event as JSON. Prints {"body", "signature", "stale", "other"}: the body, its signature, one that is too old, and
one of another secret; any surprise is an uncaught exception.
"""

import json
import sys
import time

import stripe

TOLERANCE = stripe.Webhook.DEFAULT_TOLERANCE


def main(secret, event):
    body = json.dumps(json.loads(event), indent=2, ensure_ascii=False)
    sign = stripe.WebhookSignature.generate_signature_header
    signature = sign(body, secret)
    assert stripe.Webhook.construct_event(body, signature, secret).id == json.loads(event)["id"]
    stale = sign(body, secret, timestamp=int(time.time()) - TOLERANCE - 30)
    other = sign(body, secret + "x")
    print(json.dumps({"body": body, "signature": signature, "stale": stale, "other": other}))


if __name__ == "__main__":
    main(*sys.argv[1:])
