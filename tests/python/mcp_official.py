"""The official MCP client for Python buys something.

usage: mcp_official.py MCP_URL STRIPE_BASE_URL SECRET_KEY

Prints what it bought as JSON; any surprise is an uncaught exception.
"""

import asyncio
import json
import sys

import mcp
import stripe

ADDRESS = {
    "name": "Ada Lovelace",
    "line_one": "12 Mill Lane",
    "city": "Los Angeles",
    "state": "CA",
    "country": "US",
    "postal_code": "90001",
}


def grant(base, key, amount):
    client = stripe.StripeClient(key, base_addresses={"api": base})
    token = client.v1.test_helpers.shared_payment.granted_tokens.create(
        {"payment_method": "pm_card_visa", "usage_limits": {"currency": "usd", "max_amount": amount}}
    )
    return token.id


async def works(client, tool, arguments):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return result.structured_content


async def main(url, base, key):
    async with mcp.Client(url) as client:
        tools = await client.list_tools()
        assert "complete_checkout" in [tool.name for tool in tools.tools], tools
        resources = await client.list_resources()
        page = await client.read_resource(resources.resources[0].uri)
        assert "<html" in page.contents[0].text, page
        found = await works(client, "search_products", {"query": "guji", "available_only": True})
        variant = found["products"][0]["variants"][0]["id"]
        created = await works(
            client,
            "create_checkout",
            {"items": [{"id": variant, "quantity": 1}], "fulfillment_address": ADDRESS},
        )
        sheet = created["checkout_session"]
        total = next(row["amount"] for row in sheet["totals"] if row["type"] == "total")
        result = await works(
            client,
            "complete_checkout",
            {
                "checkout_session_id": sheet["id"],
                "buyer": {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"},
                "payment_data": {"token": grant(base, key, total), "provider": "stripe"},
            },
        )
        return {"protocol": client.protocol_version, "total": total, "result": result}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
