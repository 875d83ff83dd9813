// A checkout page whose prices have expired, in a browser that runs no script, in English and in German.
//
//   node expired.mjs CHECKOUT_URL CHROMIUM

import { chromium } from "playwright-core";

const [checkout, executablePath] = process.argv.slice(2);

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const shown = [];
  for (const locale of ["en-US", "de-DE"]) {
    const context = await browser.newContext({ javaScriptEnabled: false, locale });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(checkout);
    shown.push(await page.locator("body").innerText());
    await context.close();
  }
  console.log(JSON.stringify(shown));
} finally {
  await browser.close();
}
