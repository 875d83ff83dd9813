// A host whose merchant does not answer says so, in words.
//
//   node unreachable.mjs HOST_URL CHROMIUM SCREENSHOTS

import { chromium } from "playwright-core";
import { join } from "node:path";

const [url, executablePath, screenshots] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  await page.goto(url);
  await page.getByRole("alert").getByText(/does not answer.*is the gateway running\?/).waitFor();
  await page.screenshot({ path: join(screenshots, "unreachable.png") });
} finally {
  await browser.close();
}
