// A purchase on the shop's page of a checkout, which is the widget: address, shipping, Stripe's page, back from there, one
// more of it, Stripe's page again, the receipt. Then the page knows that the order is paid.
//
//   node with_scripts.mjs CHECKOUT_URL CHROMIUM [SCREENSHOTS]

import { Shopper } from "../host/shopper.mjs";
import { translate } from "../widget/translate.mjs";
import { must, payAtStripe, withTab } from "./tab.mjs";

await withTab(async ({ checkout, context, page, picture }) => {
  // Before the widget there are forms.
  const shopper = new Shopper(page.locator("#app"));
  const payable = async () => {
    await page.getByText("Updating").filter({ visible: true }).first().waitFor({ state: "detached" });
    await shopper.payButton.and(page.locator(":enabled")).waitFor();
    return (await shopper.payButton.textContent()).replace(/^Pay /, "");
  };

  await page.goto(checkout);
  await shopper.field("line_one").waitFor();
  must((await page.locator("#plain, #plain-style").count()) === 0, "the forms and their style are gone");
  must(await page.getByText("Test shop").isVisible(), "the widget shows the shop");
  await picture("page-1-address");
  await shopper.giveAddress();
  await shopper.press("Show shipping and total");
  await shopper.payButton.waitFor();
  const standard = await payable();
  must((await page.evaluate(translate)) > 20, "the browser has translated the page");
  await page.getByText(`⟦${standard}⟧`).first().waitFor();
  await page.getByRole("radio", { name: /Express/ }).check();
  await page.getByRole("button", { name: /^Pay / }).filter({ hasNotText: standard }).waitFor();
  const express = await payable();
  must(/^\$\d+\.\d\d$/.test(express), `the button says what is paid: ${express}`);
  const shown = await page.locator(".totals .total").innerText();
  must(shown.includes(express), `translated, the page goes on showing ${shown}, and ${express} is paid`);
  await picture("page-2-payable");
  await shopper.pay();

  await page.waitForURL(/\/c\/pay\//);
  must(context.pages().length === 1, "no other tab was opened");
  await page.goBack();
  await page.waitForURL(checkout);
  must((await payable()) === express, "back on the page, the order is as it was");
  await shopper.press("One more");
  await page.getByRole("button", { name: /^Pay / }).filter({ hasNotText: express }).waitFor();
  const total = await payable();
  await picture("page-3-back");
  await shopper.pay();
  await payAtStripe(page);
  const receipt = await page.locator("body").textContent();
  must(receipt.includes(total.replace("$", "")), `the receipt does not say ${total}: ${receipt}`);

  await page.goto(checkout);
  await shopper.seesPaid();
  await picture("page-4-paid");
  const opened = context.waitForEvent("page");
  await shopper.openOrder();
  const order = await opened;
  await order.waitForURL(/\/orders\//);
  must(page.url() === checkout, "the order's page is another tab");
  const [, session] = checkout.match(/\/checkout\/(chk_[0-9a-z]+)/);
  console.log(JSON.stringify({ session, amount: Number(total.replace(/\D/g, "")), currency: "usd" }));
});
