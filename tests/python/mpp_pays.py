"""pympp, a client of the Machine Payments Protocol, pays a checkout over HTTP 402.

usage: mpp_pays.py WALLET_URL STRIPE_BASE_URL SECRET_KEY

Prints the answer and the receipt as JSON; any surprise is an uncaught exception.
"""

import asyncio
import json
import sys

from mpp import Receipt
from mpp.client import Mpp
from mpp.methods.stripe import client as stripe

from mcp_official import grant


async def pays(url, base, key):
    async def create_token(challenge):
        return grant(base, key, challenge.currency, int(challenge.amount))

    method = stripe.charge(create_token=create_token, payment_method="pm_card_visa")
    async with Mpp(methods=[method]) as client:
        answer = await client.fetch(url, method="POST")
        receipt = Receipt.from_payment_receipt(answer.headers["payment-receipt"])
        told = {"method": receipt.method, "reference": receipt.reference, "status": receipt.status}
        return {"status": answer.status_code, "order": answer.json(), "receipt": told}


print(json.dumps(asyncio.run(pays(*sys.argv[1:]))))
