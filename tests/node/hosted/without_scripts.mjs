// A purchase in a browser that runs no script: the shop's checkout page, Stripe's page with a decline and a payment, the
// receipt.
//
//   node without_scripts.mjs CHECKOUT_URL CHROMIUM [SCREENSHOTS]

import { join } from "node:path";
import { chromium } from "playwright-core";

const [checkout, executablePath, pictures] = process.argv.slice(2);

function must(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints = [];
  // The two refusals on the way, 400 and 402, are meant.
  const meant = /status of 40[02]/;
  page.on("console", (message) => {
    if (message.type() === "error" && !meant.test(message.text())) complaints.push(message.text());
  });
  const picture = async (name) => {
    if (pictures) await page.screenshot({ path: join(pictures, `hosted-${name}.png`), fullPage: true });
  };

  await page.goto(checkout);
  await page.getByText("A delivery address is needed").waitFor();
  must((await page.locator("html").getAttribute("data-host")) === "checkout", "the widget is in waiting");
  await picture("1-address");
  await page.getByLabel("Mail address").fill("ada@example.com");
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByLabel("Street").fill("12 Mill Lane");
  await page.getByLabel("State or region").fill("CA");
  await page.getByLabel("Postal code").fill("90001");
  await page.getByRole("button", { name: "Update" }).click();
  await page.getByText("Please fill this in: city.").waitFor();
  await page.getByLabel("City").fill("Los Angeles");
  await page.getByRole("button", { name: "Update" }).click();
  await page.getByRole("button", { name: "Pay now" }).waitFor();
  const total = (await page.getByRole("row", { name: "Total" }).locator("th").last().textContent()).trim();
  await picture("2-payable");
  await page.getByRole("button", { name: "Pay now" }).click();

  await page.waitForURL(/\/c\/pay\//);
  await picture("3-stripe");
  await page.locator("input[name=payment_method][value=pm_card_chargeDeclined]").check();
  await page.locator("button[type=submit]").click();
  await page.getByRole("alert").waitFor();
  await picture("4-declined");
  await page.locator("input[name=payment_method][value=pm_card_visa]").check();
  await page.locator("button[type=submit]").click();

  await page.waitForURL(/\/orders\//, { timeout: 30_000 });
  const receipt = await page.locator("body").textContent();
  must(receipt.includes(total), `the receipt does not say ${total}: ${receipt}`);
  await picture("5-receipt");
  must(complaints.length === 0, `the browser complains: ${complaints.join("; ")}`);
  const [, session] = checkout.match(/\/checkout\/(chk_[0-9a-z]+)/);
  const [digits, currency] = total.split(" ");
  console.log(JSON.stringify({ session, amount: Number(digits.replace(/\D/g, "")), currency }));
} finally {
  await browser.close();
}
