"""The official MCP client for Python buys something.

usage: mcp_official.py MCP_URL STRIPE_BASE_URL SECRET_KEY ORDER

ORDER is the arguments of create_checkout, as JSON.

Prints what it bought as JSON; any surprise is an uncaught exception.
"""

import asyncio
import json
import sys

import mcp
import stripe

def grant(base, key, currency, amount):
    client = stripe.StripeClient(key, base_addresses={"api": base})
    token = client.v1.test_helpers.shared_payment.granted_tokens.create(
        {"payment_method": "pm_card_visa", "usage_limits": {"currency": currency, "max_amount": amount}}
    )
    return token.id


async def works(client, tool, arguments):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return result.structured_content


async def main(url, base, key, order):
    async with mcp.Client(url) as client:
        tools = await client.list_tools()
        assert "complete_checkout" in [tool.name for tool in tools.tools], tools
        resources = await client.list_resources()
        page = await client.read_resource(resources.resources[0].uri)
        assert "<html" in page.contents[0].text, page
        found = await works(client, "search_products", {"available_only": True})
        assert found["products"], found
        created = await works(client, "create_checkout", json.loads(order))
        sheet = created["checkout_session"]
        total = next(row["amount"] for row in sheet["totals"] if row["type"] == "total")
        result = await works(
            client,
            "complete_checkout",
            {
                "checkout_session_id": sheet["id"],
                "buyer": {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"},
                "payment_data": {"token": grant(base, key, sheet["currency"].lower(), total), "provider": "stripe"},
            },
        )
        return {"protocol": client.protocol_version, "total": total, "result": result}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
