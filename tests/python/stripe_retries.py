"""Stripe's own Python package, with its own retries, as the client of an emulator on which things go wrong.

usage: stripe_retries.py BASE_URL SECRET_KEY

Prints, as JSON, what came of one payment per fault; any surprise is an uncaught exception.
"""

import json
import sys
import urllib.request

import stripe
from stripe._http_client import HTTPClient

# Its pauses between retries, shortened.
HTTPClient.INITIAL_DELAY = HTTPClient.MAX_DELAY = 0.01

RETRIES = 3

FAULTS = [
    {"fault": "key_in_use"},
    {"fault": "error_before"},
    {"fault": "error_after"},
    {"fault": "error_after", "should_retry": False},
    {"fault": "rate_limited"},
    {"fault": "rate_limited", "should_retry": True, "retry_after": 1},
    {"fault": "lock_timeout"},
    {"fault": "drop_before"},
    {"fault": "drop_after"},
    {"fault": "reset_before"},
    {"fault": "reset_after"},
    {"fault": "bad_gateway_before"},
    {"fault": "bad_gateway_after"},
]


def plan(base_url, fault):
    body = {"script": [{"requests": "create_intent", **fault}]}
    request = urllib.request.Request(f"{base_url}/_emulator/faults", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["scripted_left"] == 1


def pay(client, key):
    token = client.v1.test_helpers.shared_payment.granted_tokens.create(
        {"payment_method": "pm_card_visa", "usage_limits": {"currency": "usd", "max_amount": 2500}}
    )
    payment = {
        "amount": 2500,
        "currency": "usd",
        "confirm": True,
        "payment_method_data": {"shared_payment_granted_token": token.id},
        "metadata": {"case": key},
    }
    try:
        paid = client.v1.payment_intents.create(payment, {"idempotency_key": key})
    except stripe.StripeError as error:
        return type(error).__name__
    return paid.status


def main(base_url, secret_key):
    client = stripe.StripeClient(secret_key, base_addresses={"api": base_url}, max_network_retries=RETRIES)
    told = []
    for number, fault in enumerate(FAULTS):
        plan(base_url, fault)
        told.append(pay(client, f"case-{number}"))
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
