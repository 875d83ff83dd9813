// What the host does beside selling: words, items for a checkout, refusals, errors on the sheet and off it, theme, links,
// and a host without a payment sheet. Tells its one receipt.
//
//   node conduct.mjs HOST_URL CHROMIUM [SCREENSHOTS]

import { must, tell, withHost } from "./session.mjs";

await withHost(async (host, { picture }) => {
  const [merchant] = await host.merchants();
  await host.choose(merchant);

  // Words go to the shop as they are.
  await host.ask("zeppelin quasar");
  await host.said(/No product fits/);
  await host.showEverything();
  const title = await host.buyable().first().locator("strong").textContent();
  await host.ask(title);
  must((await host.results().count()) >= 1, `nothing found for ${title}`);

  // Items that the shopper picked, in the widget that the checkout contract names.
  await host.showEverything();
  await host.buyable().nth(0).getByRole("button", { name: /^Add / }).click();
  await host.buyable().nth(0).getByRole("button", { name: /^Add / }).click();
  await host.buyable().nth(1).getByRole("button", { name: /^Add / }).click();
  await picture("conduct-1-basket");
  await host.page.getByRole("button", { name: "Start a checkout" }).click();
  const shopper = await host.widget();
  await shopper.makePayable();

  // What a widget may not do.
  const refused = await shopper.callTool("complete_checkout", { checkout_session_id: "chk_1" });
  must(/Refused by the host/.test(refused), `a widget may pay by itself: ${refused}`);
  const unknown = await shopper.callTool("no_such_tool", {});
  must(/no tool "no_such_tool"/.test(unknown), unknown);
  const hidden = await shopper.callTool("checkout_session", {});
  must(/openai\/widgetAccessible/.test(hidden), hidden);

  // The theme reaches the widget.
  must((await shopper.global("theme")) === "light", "the browser asks for a light theme");
  await host.page.getByRole("switch", { name: "Dark theme" }).click();
  must((await shopper.global("theme")) === "dark", "the theme was switched to dark");
  await picture("conduct-2-dark");

  // Errors that the sheet shows, on one session, with another card each time.
  await shopper.pay();
  for (const [card, said] of [[/9995/, /not enough money/i], [/3184/, /asks for a confirmation/i], [/expired token/, /expired/i]]) {
    await host.payWith(card);
    await host.sheet.getByRole("alert").getByText(said).waitFor();
  }
  await picture("conduct-3-sheet");
  const total = await host.payWith(/^Visa ending in 4242 ?Pays/);
  const receipt = await host.receipt();
  await shopper.seesPaid();
  must(receipt.paid === total, `the sheet said ${total}, the host says ${receipt.paid}`);
  tell({ merchant, how: "items for a checkout", ...receipt });

  // A link leads out only through the host.
  await shopper.openOrder();
  const leave = host.page.getByRole("dialog", { name: "Leave the conversation" });
  must((await leave.getByRole("link").getAttribute("href")) === receipt.permalink, "the link is another than the order's");
  await picture("conduct-4-leave");
  await leave.getByRole("button", { name: "Stay here" }).click();

  // Every exchange is written down, with who asked for it.
  const entries = await host.transcript();
  for (const entry of [
    "host server/discover", "host tools/list", "model side search_products", "model side checkout_session",
    "host resources/read ui://widget/checkout-session.html", "widget complete_checkout", "widget requestCheckout",
    "host complete_checkout", "host requestCheckout resolves",
  ]) must(entries.includes(entry), `the transcript lacks "${entry}": ${entries.join(", ")}`);
  const calls = host.exchanges("complete_checkout");
  await calls.last().locator("summary").click();
  const json = await calls.last().textContent();
  must(json.includes('"spt_…') && !/spt_[0-9a-z]/i.test(json), "a payment token is in the page");
  await picture("conduct-5-transcript");

  // A host that takes no payments.
  await host.usePaymentSheet(false);
  await host.showEverything();
  const elsewhere = await host.show(host.buyable().first());
  await elsewhere.widget.locator("body").waitFor();
  must((await elsewhere.global("requestCheckout")) === undefined, "requestCheckout is still there");
  await picture("conduct-6-no-sheet");
});
