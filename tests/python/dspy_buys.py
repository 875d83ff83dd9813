"""DSPy, a framework for agents, loads every tool of each merchant and buys with them.

usage: dspy_buys.py STRIPE_BASE_URL SHOPS

SHOPS is a list of objects as JSON: url of MCP, key at Stripe, order (the arguments of create_checkout).

Prints what it bought of each as JSON; any surprise is an uncaught exception. DSPy reads the tools' schemas itself, and
holds every argument against them before it calls.
"""

import asyncio
import json
import sys

import dspy
import mcp

from mcp_official import grant


async def loaded(client):
    listed = (await client.list_tools()).tools
    tools = [dspy.Tool.from_mcp_tool(client, tool, result_mode="structured") for tool in listed]
    for tool in tools:
        function = tool.format_as_litellm_function_call()["function"]
        assert function["name"] == tool.name and function["description"], function
    return {tool.name: tool for tool in tools}


async def buys(base, shop):
    async with mcp.Client(shop["url"]) as client:
        tools = await loaded(client)
        found = await tools["search_products"].acall(available_only=True)
        assert found["products"], found
        created = await tools["create_checkout"].acall(**shop["order"])
        sheet = created["checkout_session"]
        total = next(row["amount"] for row in sheet["totals"] if row["type"] == "total")
        paid = await tools["complete_checkout"].acall(
            checkout_session_id=sheet["id"],
            buyer={"name": "Ada Lovelace", "email": "ada@example.com"},
            payment_data={
                "token": grant(base, shop["key"], sheet["currency"].lower(), total),
                "provider": "stripe",
                "billing_address": None,
            },
        )
        return {"tools": sorted(tools), "total": total, "status": paid["status"]}


async def main(base, shops):
    return [await buys(base, shop) for shop in json.loads(shops)]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
