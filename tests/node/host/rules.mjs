// The page's rules by themselves: who may call a tool, and what a session object must be.
//
//   node rules.mjs

import assert from "node:assert/strict";
import { money } from "../../../src/emulator/host/page/money.js";
import { resultOf } from "../../../src/emulator/host/page/payment-sheet.js";
import { problemsOf, totalOf } from "../../../src/emulator/host/page/session-object.js";
import { checkoutOf, offerIn } from "../../../src/emulator/host/page/wallet-offer.js";
import { whyNot, widgetOf } from "../../../src/emulator/host/page/tool-access.js";

// ------------------------------------------------------------------------------------------------ who may call a tool
const tool = (visibility, accessible, more = {}) => ({
  _meta: { ...(visibility && { ui: { visibility } }), "openai/widgetAccessible": accessible, ...more },
});
for (const [who, described, may] of [
  ["model", tool(undefined, false), true],
  ["model", tool(["app"], true), false],
  ["model", tool(["model"], false), true],
  ["model", tool(undefined, false, { "openai/visibility": "private" }), false],
  ["widget", tool(undefined, true), true],
  ["widget", tool(undefined, false), false],
  ["widget", tool(undefined, undefined), false],
  ["widget", tool(["app"], true), true],
  ["widget", tool(["model"], true), false],
  ["host", tool(["app"], false), true],
  ["host", tool(undefined, undefined), true],
  ["model", {}, true],
  ["widget", {}, false],
]) assert.equal(whyNot(who, "t", described) === null, may, `${who} ${JSON.stringify(described)}`);
for (const who of ["model", "widget", "host"]) assert.match(whyNot(who, "t", undefined), /no tool "t"/);
assert.equal(widgetOf({ _meta: { ui: { resourceUri: "ui://a" }, "openai/outputTemplate": "ui://b" } }), "ui://a");
assert.equal(widgetOf({ _meta: { "openai/outputTemplate": "ui://b" } }), "ui://b");
assert.equal(widgetOf({}), null);

// ---------------------------------------------------------------------------------------------------- session objects
const session = () => ({
  id: "chk_1_r1",
  payment_provider: { provider: "stripe", merchant_id: "profile_test_a", supported_payment_methods: [{ type: "card" }] },
  payment_mode: "test",
  status: "ready_for_payment",
  currency: "USD",
  line_items: [{ id: "a", item: { id: "a", quantity: 2 }, name: "A", base_amount: 3200, discount: 200, subtotal: 3000, tax: 300, total: 3300 }],
  totals: [
    { type: "items_base_amount", display_text: "Items", amount: 3200 },
    { type: "items_discount", display_text: "Discount", amount: 200 },
    { type: "subtotal", display_text: "Subtotal", amount: 3000 },
    { type: "fulfillment", display_text: "Shipping", amount: 550 },
    { type: "tax", display_text: "Tax", amount: 300 },
    { type: "total", display_text: "Total", amount: 3850 },
  ],
  fulfillment_options: [{ type: "shipping", id: "post", title: "Post", subtotal: 500, tax: 50, total: 550 }],
  fulfillment_option_id: "post",
  fulfillment_address: { name: "A", line_one: "1", city: "C", state: "", country: "US", postal_code: "" },
  messages: [],
  links: [{ type: "terms_of_use", url: "https://a.example/t" }, { type: "privacy_policy", url: "https://a.example/p" }],
});
assert.deepEqual(problemsOf(session()), []);
assert.equal(totalOf(session()), 3850);
const digital = { ...session(), fulfillment_options: [], fulfillment_option_id: undefined, fulfillment_address: null };
digital.totals = digital.totals.filter((row) => row.type !== "fulfillment");
digital.totals.at(-1).amount = 3300;
assert.deepEqual(problemsOf(digital), []);
const older = session();
older.payment_provider.supported_payment_methods = ["card", "apple_pay"];
assert.deepEqual(problemsOf(older), []);

// Each change is noticed at its place; the essential ones keep the sheet shut.
for (const [at, essential, change] of [
  ["id", true, (s) => { delete s.id; }],
  ["payment_provider", true, (s) => { s.payment_provider = "stripe"; }],
  ["payment_provider.provider", true, (s) => { delete s.payment_provider.provider; }],
  ["payment_provider.merchant_id", true, (s) => { s.payment_provider.merchant_id = ""; }],
  ["payment_provider.supported_payment_methods", false, (s) => { s.payment_provider.supported_payment_methods = []; }],
  ["payment_provider.supported_payment_methods", true, (s) => { s.payment_provider.supported_payment_methods = ["apple_pay"]; }],
  ["payment_mode", true, (s) => { delete s.payment_mode; }],
  ["payment_mode", true, (s) => { s.payment_mode = "live"; }],
  ["status", true, (s) => { s.status = "not_ready_for_payment"; }],
  ["currency", false, (s) => { s.currency = "usd"; }],
  ["currency", true, (s) => { s.currency = "$"; }],
  ["line_items", false, (s) => { s.line_items = []; }],
  ["line_items[0].item.quantity", false, (s) => { s.line_items[0].item.quantity = 1.5; }],
  ["line_items[0].discount", false, (s) => { delete s.line_items[0].discount; }],
  ["line_items[0].subtotal", false, (s) => { s.line_items[0].subtotal = 1; s.line_items[0].total = 301; }],
  ["line_items[0].total", false, (s) => { s.line_items[0].total = 1; }],
  ["totals", true, (s) => { delete s.totals; }],
  ["totals", true, (s) => { s.totals.pop(); }],
  ["totals", true, (s) => { s.totals.push(s.totals.at(-1)); }],
  ["totals", false, (s) => { s.totals.at(-1).amount = 1; }],
  ["totals[5].amount", true, (s) => { s.totals[5].amount = 38.5; }],
  ["totals[0].type", false, (s) => { s.totals[0].type = "shipping"; }],
  ["totals[1].amount", false, (s) => { s.totals[1].amount = -200; }],
  ["fulfillment_options", false, (s) => { delete s.fulfillment_options; }],
  ["fulfillment_options[0].type", false, (s) => { s.fulfillment_options[0].type = "pickup"; }],
  ["fulfillment_option_id", false, (s) => { s.fulfillment_option_id = "drone"; }],
  ["fulfillment_option_id", false, (s) => { delete s.fulfillment_option_id; }],
  ["fulfillment_address.country", false, (s) => { s.fulfillment_address.country = "usa"; }],
  ["fulfillment_address.city", false, (s) => { delete s.fulfillment_address.city; }],
  ["messages", false, (s) => { delete s.messages; }],
  ["messages[0].code", false, (s) => { s.messages = [{ type: "error", content_type: "plain", content: "x" }]; }],
  ["links", false, (s) => { s.links.pop(); }],
  ["links[0].type", false, (s) => { s.links.push({ ...s.links[0] }); s.links[0].type = "terms_of_service"; }],
  ["links[1].url", false, (s) => { s.links[1].url = "/privacy"; }],
  ["metadata", false, (s) => { s.metadata = { a: 1 }; }],
  ["metadata", false, (s) => { s.metadata = null; }],
  ["merchant", false, (s) => { s.merchant = "A"; }],
  ["coupon", false, (s) => { s.coupon = "A"; }],
]) {
  const changed = session();
  change(changed);
  const problems = problemsOf(changed);
  assert.deepEqual(problems.map((problem) => [problem.at, problem.essential]), [[at, essential]], `${at}: ${change}`);
}
for (const nothing of [null, undefined, "x", []]) assert.equal(problemsOf(nothing)[0].essential, true);

// ------------------------------------------------------------------------------------- what an answer of payment means
const answer = (more) => ({ structuredContent: { id: "chk_1_r1", status: "ready_for_payment", messages: [], ...more } });
const error = (code) => ({ type: "error", code, content_type: "plain", content: `said ${code}` });
const paid = { status: "completed", order: { id: "ord_1" } };
assert.deepEqual(resultOf(answer(paid)), { value: answer(paid).structuredContent });
for (const code of ["payment_declined", "requires_3ds"]) {
  assert.deepEqual(resultOf(answer({ messages: [error(code)] })), { alert: `said ${code}` });
}
for (const other of [
  { messages: [error("out_of_stock")] },
  { status: "in_progress" },
  { status: "canceled", messages: [error("payment_declined")] },
]) assert.deepEqual(resultOf(answer(other)), { value: answer(other).structuredContent });
assert.throws(() => resultOf({ isError: true, content: [{ type: "text", text: "Too late." }] }), /Too late\./);
assert.throws(() => resultOf({ content: [] }), /says nothing/);

// ------------------------------------------------------------------------------------------------ an offer to a wallet
const offered = (checkout_session, more = {}) => ({ structuredContent: { checkout_session, ...more } });
const wallet_payment = { url: "http://127.0.0.1/wallet", amount: 5, currency: "usd" };
assert.equal(checkoutOf(offered({ id: "chk_1_key_with_r2_r3" })), "chk_1");
assert.deepEqual(offerIn(offered({ id: "chk_1_key_r3" }, { wallet_payment })),
  { ...wallet_payment, checkout: "chk_1", checkout_session_id: "chk_1_key" });
assert.equal(offerIn(offered({ id: "chk_1_key_r3", status: "completed" })), null);
assert.equal(offerIn(answer(paid)), null);
assert.equal(offerIn(answer({ messages: [error("payment_declined")] })), undefined);
for (const nothing of [null, undefined, {}, { structuredContent: { products: [] } }]) assert.equal(offerIn(nothing), undefined);

// -------------------------------------------------------------------------------------------------------------- money
for (const [amount, currency, text] of [
  [2583, "USD", "25.83 USD"], [5, "USD", "0.05 USD"], [1200, "JPY", "1200 JPY"], [1234567, "KWD", "1234.567 KWD"],
  [0, "USD", "0.00 USD"], [-150, "USD", "−1.50 USD"],
]) assert.equal(money(amount, currency), text);

console.log("the rules hold");
