// One tab of a browser with the shop's page of a checkout. What a page throws or logs as an error, refusals by its policy
// among it, fails the script; nothing outside this machine is asked for.
//
//   node SCRIPT CHECKOUT_URL CHROMIUM [SCREENSHOTS]

import { join } from "node:path";
import { chromium } from "playwright-core";

// A picture that a sample shop names and that nobody serves is no fault of the page's.
const EXPECTED = /Failed to load resource: net::ERR_BLOCKED_BY_CLIENT/;

export async function withTab(run, options = {}) {
  const [checkout, executablePath, pictures] = process.argv.slice(2);
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const context = await browser.newContext({ locale: "en-US", ...options });
    await context.route(
      ({ hostname }) => !["127.0.0.1", "localhost"].includes(hostname),
      (route) => route.abort("blockedbyclient"),
    );
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const complaints = [];
    context.on("weberror", (error) => complaints.push(String(error.error())));
    context.on("console", (message) => {
      if (message.type() === "error" && !EXPECTED.test(message.text())) complaints.push(message.text());
    });
    const picture = async (name) => {
      if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
    };
    try {
      await run({ checkout, context, page, picture, complaints });
    } catch (error) {
      await picture("page-failed");
      const text = await page.locator("body").innerText();
      throw new Error(`${page.url()} says:\n${text}\n\ncomplaints: ${complaints.join("; ")}`, { cause: error });
    }
    must(complaints.length === 0, `the browser complains: ${complaints.join("; ")}`);
  } finally {
    await browser.close();
  }
}

export function must(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

// Pays on Stripe's page with the card that pays.
export async function payAtStripe(page) {
  await page.waitForURL(/\/c\/pay\//);
  await page.getByLabel("Email").fill("ada@example.com");
  await page.locator("input[name=payment_method][value=pm_card_visa]").check();
  await page.locator("button[type=submit]").click();
  await page.waitForURL(/\/orders\//, { timeout: 30_000 });
}
