"""Stripe's own Python package reads back what a gateway made.

usage: stripe_reads_back.py BASE_URL SECRET_KEY

Prints the account's Checkout Sessions and refunds as JSON; any surprise is an uncaught exception.
"""

import json
import sys

import stripe


def main(base_url, secret_key):
    client = stripe.StripeClient(secret_key, base_addresses={"api": base_url}, max_network_retries=0)
    sessions = [
        {
            "id": session.id,
            "status": session.status,
            "payment_status": session.payment_status,
            "amount_total": session.amount_total,
            "checkout_session": session.metadata["checkout_session"],
            "lines": sum(
                line.amount_total for line in client.v1.checkout.sessions.line_items.list(session.id).auto_paging_iter()
            ),
            "payment_intent": client.v1.checkout.sessions.retrieve(
                session.id, {"expand": ["payment_intent"]}
            ).payment_intent.id,
        }
        for session in client.v1.checkout.sessions.list().auto_paging_iter()
    ]
    refunds = []
    for listed in client.v1.refunds.list().auto_paging_iter():
        refund = client.v1.refunds.retrieve(listed.id)
        assert isinstance(refund, stripe.Refund), refund
        refunds.append(
            {
                "id": refund.id,
                "amount": refund.amount,
                "status": refund.status,
                "reason": refund.reason,
                "payment_intent": refund.payment_intent,
                "checkout_session": refund.metadata["checkout_session"],
                "checkout_refund": refund.metadata["checkout_refund"],
            }
        )
    print(json.dumps({"sessions": sessions, "refunds": refunds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
