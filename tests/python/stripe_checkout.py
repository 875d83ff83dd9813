"""Stripe's own Python package opens, reads, lists and expires Checkout Sessions of the emulator.

usage: stripe_checkout.py BASE_URL SECRET_KEY

Prints the session that was paid and its payment as JSON; any surprise is an uncaught exception.
"""

import json
import sys
import time
import urllib.parse
import urllib.request

import stripe

from stripe_official import expect


def order(now, **other):
    return {
        "mode": "payment",
        "line_items": [
            {
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 1250,
                    "product_data": {
                        "name": "Mug <blue>",
                        "description": "Holds coffee",
                        "images": ["https://shop.example/mug.png"],
                        "metadata": {"sku": "mug-1"},
                    },
                },
                "quantity": 2,
            },
            {"price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Post"}}, "quantity": 1},
        ],
        "client_reference_id": "chk_1",
        "customer_email": "ada@example.com",
        "metadata": {"session": "chk_1"},
        "payment_intent_data": {
            "description": "Order",
            "metadata": {"session": "chk_1"},
            "receipt_email": "ada@example.com",
            "shipping": {"name": "Ada", "address": {"line1": "1 Main St", "country": "US"}},
        },
        "adaptive_pricing": {"enabled": False},
        "ui_mode": "hosted_page",
        "expires_at": now + 31 * 60,
        "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/cart",
        **other,
    }


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def pay(url):
    """Sends the page's form as a browser does; the address that the shopper is sent to."""
    form = urllib.parse.urlencode({"payment_method": "pm_card_visa", "email": "ada@example.com"}).encode()
    opener = urllib.request.build_opener(NoRedirect)
    try:
        opener.open(url.split("#")[0], form)
    except urllib.error.HTTPError as answer:
        assert answer.code == 303, answer
        return answer.headers["Location"]
    raise AssertionError("the shopper was not sent on")


def main(base_url, secret_key):
    client = stripe.StripeClient(secret_key, base_addresses={"api": base_url}, max_network_retries=0)
    sessions = client.v1.checkout.sessions
    now = int(time.time())

    options = {"idempotency_key": "checkout-1"}
    opened = sessions.create(order(now), options)
    assert opened.status == "open" and opened.payment_status == "unpaid" and opened.payment_intent is None, opened
    assert opened.amount_total == 3000 and opened.currency == "usd", opened
    repeated = sessions.create(order(now), options)
    assert repeated.id == opened.id and repeated.last_response.headers["Idempotent-Replayed"] == "true"
    expect(stripe.IdempotencyError, lambda: sessions.create(order(now, client_reference_id="chk_2"), options))

    lines = sessions.line_items.list(opened.id, {"limit": 1})
    assert [line.description for line in lines.auto_paging_iter()] == ["Mug <blue>", "Post"], lines

    where = pay(opened.url)
    assert where == f"https://shop.example/done?session={opened.id}", where
    paid = sessions.retrieve(opened.id, {"expand": ["payment_intent.latest_charge", "line_items"]})
    assert paid.status == "complete" and paid.payment_status == "paid" and paid.url is None, paid
    assert paid.payment_intent.status == "succeeded" and paid.payment_intent.amount == 3000, paid
    assert paid.payment_intent.metadata["session"] == "chk_1" and paid.payment_intent.latest_charge.paid, paid
    assert len(paid.line_items.data) == 2, paid

    late = sessions.create(order(now, client_reference_id="chk_3"))
    expired = sessions.expire(late.id)
    assert expired.status == "expired" and expired.url is None, expired
    expect(stripe.InvalidRequestError, lambda: sessions.expire(late.id))
    for moment in (now + 29 * 60, now + 25 * 60 * 60):
        refused = expect(stripe.InvalidRequestError, lambda: sessions.create(order(now, expires_at=moment)))
        assert refused.param == "expires_at", refused

    everything = [found.id for found in sessions.list({"limit": 1}).auto_paging_iter()]
    assert everything == [late.id, opened.id], everything
    for query, found in [
        ({"status": "expired"}, [late.id]),
        ({"payment_intent": paid.payment_intent.id}, [opened.id]),
        ({"created": {"gte": now + 3600}}, []),
    ]:
        assert [each.id for each in sessions.list(query).data] == found, query
    print(json.dumps({"session": paid.id, "payment_intent": paid.payment_intent.id}))


if __name__ == "__main__":
    main(*sys.argv[1:])
