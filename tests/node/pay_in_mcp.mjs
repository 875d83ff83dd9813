// The official TypeScript SDK, wrapped by the client of the Machine Payments Protocol: the call that pays is answered with
// a challenge, which the wrapper answers by itself.
//
// usage: pay_in_mcp.mjs MCP_URL STRIPE_BASE_URL SECRET_KEY CHECKOUT_SESSION_ID
//
// Prints the results of two such calls, and of one that only reads, as JSON; any surprise is an uncaught exception.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { stripe } from "mppx/client";
import { McpClient } from "mppx/mcp/client";

const [endpoint, stripeBase, key, session] = process.argv.slice(2);

async function createToken({ amount, currency, networkId, expiresAt }) {
  const form = new URLSearchParams({
    payment_method: "pm_card_visa",
    "usage_limits[currency]": currency,
    "usage_limits[max_amount]": amount,
    "usage_limits[expires_at]": String(expiresAt),
  });
  const granted = await fetch(`${stripeBase}/v1/test_helpers/shared_payment/granted_tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "stripe-version": "2026-09-30.preview" },
    body: form,
  });
  const token = await granted.json();
  if (!granted.ok) throw new Error(JSON.stringify(token));
  return token.id;
}

let asked = 0;
const client = new Client({ name: "pay-in-mcp", version: "1.0.0" });
await client.connect(new StreamableHTTPClientTransport(new URL(endpoint)));
McpClient.wrap(client, {
  methods: [stripe.charge({ createToken, paymentMethod: "pm_card_visa" })],
  onPaymentRequired: () => {
    asked += 1;
    return true;
  },
});
const call = (name) => client.callTool({ name, arguments: { checkout_session_id: session } });
const read = await call("get_checkout");
const askedByReading = asked;
const paid = await call("complete_checkout");
const again = await call("complete_checkout");
const offered = client.getServerCapabilities().experimental?.payment ?? null;
await client.close();
console.log(JSON.stringify({ offered, askedByReading, asked, read: read.structuredContent, paid, again }));
