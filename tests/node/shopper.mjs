// One purchase, over whatever client of MCP it is given: from the shop's own list to its order.
//
// A client is { listTools, readResource, listResources, callTool }: the methods that the official ones have, under the
// same names. Nothing here names a product: the first one that can be bought is bought.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

/** What a script was called with: the shop's endpoint, Stripe's, the shop's key there, an address to send to. */
export function task() {
  const [endpoint, stripe, key, address, ...more] = process.argv.slice(2);
  return { endpoint: new URL(endpoint), stripe, key, address: JSON.parse(address), more };
}

/** Buys two of the first product for sale; gives what was paid and the final result's data. */
export async function buy(client, { stripe, key, address }) {
  // Listed first, because the clients then hold every result against the tool's own outputSchema.
  const { tools } = await client.listTools();
  assert.ok(tools.some((tool) => tool.name === "complete_checkout"));
  const { resources } = await client.listResources();
  const page = await client.readResource({ uri: resources[0].uri });
  assert.match(page.contents[0].text, /<html/);

  const works = async (name, args) => {
    const result = await client.callTool({ name, arguments: args });
    assert.notEqual(result.isError, true, JSON.stringify(result));
    return result.structuredContent;
  };
  const found = await works("search_products", { available_only: true });
  const product = found.products[0];
  const item = product.variants?.find((variant) => variant.availability === "in_stock") ?? product;
  const shown = await works("show-buy-product-widget", { product: product.id });
  assert.equal(shown.product.id, product.id);

  const created = await works("create_checkout", { items: [{ id: item.id, quantity: 2 }] });
  const updated = await works("update_checkout", {
    checkout_session_id: created.checkout_session.id,
    fulfillment_address: address,
  });
  const sheet = updated.checkout_session;
  assert.equal(sheet.status, "ready_for_payment", JSON.stringify(updated));
  const total = sheet.totals.find((row) => row.type === "total").amount;
  const result = await works("complete_checkout", {
    checkout_session_id: sheet.id,
    buyer: { first_name: "Ada", last_name: "Lovelace", email: "ada@example.com" },
    payment_data: { token: await grant(stripe, key, sheet.currency, total), provider: "stripe" },
  });
  const seen = await works("get_checkout", { checkout_session_id: sheet.id });
  assert.equal(seen.checkout_session.status, "completed");
  assert.deepEqual(seen.order, result.order);
  return { total, currency: sheet.currency, session: result.order.checkout_session_id, status: result.status };
}

/** A Shared Payment Token of the shop's, good for exactly this much. */
async function grant(stripe, key, currency, amount) {
  const body = new URLSearchParams({
    payment_method: "pm_card_visa",
    "usage_limits[currency]": currency.toLowerCase(),
    "usage_limits[max_amount]": String(amount),
  });
  const answer = await fetch(`${stripe}/v1/test_helpers/shared_payment/granted_tokens`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "stripe-version": "2026-09-30.preview",
      "idempotency-key": randomUUID(),
    },
    body,
  });
  const token = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(token));
  return token.id;
}
