// How the shop's page of a checkout behaves beside the straight way: a shop that does not answer the widget, a form that
// somebody has begun to fill in, another product, the browser's language, a page that the browser shows again, and an order
// that is canceled, begun again and paid.
//
//   node conduct.mjs CHECKOUT_URL CHROMIUM [SCREENSHOTS]

import { Shopper } from "../host/shopper.mjs";
import { must, payAtStripe, withTab } from "./tab.mjs";

const MCP = "**/mcp";

// What the page was told by now is drawn.
const nextPicture = (page) => page.evaluate(() => new Promise((drawn) => {
  requestAnimationFrame(() => requestAnimationFrame(drawn));
}));

await withTab(async ({ checkout, page, picture, complaints }) => {
  const shopper = new Shopper(page.locator("#app"));
  const pay = page.getByRole("button", { name: /^Pay \$/ });

  // A shop that does not answer the widget: the forms stay, in their own style and language.
  await page.route(MCP, (route) => route.fulfill({ status: 503 }));
  const refused = page.waitForEvent("console", (message) => message.text().includes("status of 503"));
  await page.goto(checkout);
  await refused;
  await nextPicture(page);
  must(await page.getByText("A delivery address is needed").isVisible(), "the forms are shown");
  must((await page.locator("#app > *").count()) === 0, "nothing of the widget is shown");
  must((await page.locator("html").getAttribute("lang")) === "en", "the forms are English");
  await page.unroute(MCP);
  must(complaints.splice(0).length === 1, "that refusal is all that the browser complains of");

  // Somebody types while the shop takes its time: nothing that was typed is lost.
  let release;
  const typed = new Promise((resolve) => { release = resolve; });
  await page.route(MCP, async (route) => {
    await typed;
    await route.continue();
  });
  await page.goto(checkout);
  await page.getByLabel("Name").fill("Ada Lovelace");
  const answered = page.waitForResponse(MCP);
  release();
  await (await answered).finished();
  await nextPicture(page);
  await page.unroute(MCP);
  for (const [label, text] of [["Street", "12 Mill Lane"], ["City", "Los Angeles"], ["State or region", "CA"], ["Postal code", "90001"]]) {
    await page.getByLabel(label).fill(text);
  }
  must((await page.getByLabel("Name").inputValue()) === "Ada Lovelace", "the name is still there");
  await page.getByRole("button", { name: "Update" }).click();
  await pay.waitFor();
  must(page.url() === checkout, "the form leads back to the page, which is the widget");

  // Another product.
  const before = await pay.textContent();
  await shopper.press("Add another product");
  await page.locator(".row:not(.gone)").last().click();
  await shopper.press("Add to order");
  await pay.filter({ hasNotText: before }).waitFor();
  must((await page.locator(".line").count()) === 2, "two lines");
  await picture("page-5-another");

  // The browser shows the page as it was left, while the order has changed elsewhere.
  const total = await pay.textContent();
  const other = await page.context().newPage();
  await other.goto(checkout);
  await new Shopper(other.locator("#app")).press("One more");
  await other.getByRole("button", { name: /^Pay \$/ }).filter({ hasNotText: total }).waitFor();
  await other.close();
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await page.getByText("Please look at your order again").waitFor();
  await shopper.press("I have seen it");
  await pay.filter({ hasNotText: total }).waitFor();

  // Canceled and begun again: another order, at an address of its own.
  await shopper.press("Cancel order");
  await shopper.press("Cancel order");
  await page.getByText("This order has ended").waitFor();
  await picture("page-6-ended");
  await shopper.press("Start again");
  await pay.waitFor();
  const again = page.url();
  must(again !== checkout && /\/checkout\/chk_[0-9a-z]+\?key=/.test(again), `the address is ${again}`);
  await page.reload();
  await pay.waitFor();
  must(page.url() === again, "it is still that order's page");
  const due = (await pay.textContent()).replace(/^Pay /, "");
  await shopper.pay();
  await payAtStripe(page);
  await page.goto(checkout);
  await page.getByText("This order has ended").waitFor();
  const [, session] = again.match(/\/checkout\/(chk_[0-9a-z]+)/);
  console.log(JSON.stringify({ session, amount: Number(due.replace(/\D/g, "")), currency: "usd" }));
});

await withTab(async ({ checkout, page }) => {
  await page.goto(checkout);
  await page.getByRole("heading", { name: "Diese Bestellung ist beendet" }).waitFor();
  const html = page.locator("html");
  must((await html.getAttribute("lang")) === "de", "the page speaks the browser's language");
  must((await html.getAttribute("data-theme")) === "dark", "and has its theme");
}, { locale: "de-DE", colorScheme: "dark" });
