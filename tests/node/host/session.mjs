// A browser with the host's page open, for one script. Whatever the page or a widget throws or logs as an error fails it,
// and so does a request to anywhere but this machine that is not refused by a policy.

import { chromium } from "playwright-core";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HostPage } from "./host-page.mjs";

// A picture that a sample shop names and that nobody serves is no fault of the page's.
const EXPECTED = /Failed to load resource: net::ERR_|ERR_BLOCKED_BY_CLIENT/;

// What a test names on the command line.
function named() {
  const [url, executablePath, screenshots] = process.argv.slice(2);
  return { url, executablePath, screenshots };
}

export async function withHost(run, options = named()) {
  const { url, executablePath, screenshots = mkdtempSync(join(tmpdir(), "host-")), scale = 1 } = options;
  mkdirSync(screenshots, { recursive: true });
  // Given to the browser as well, because a widget's frame is a process of its own and would be drawn at 1 and enlarged.
  const args = ["--no-sandbox", `--force-device-scale-factor=${scale}`];
  const browser = await chromium.launch({ executablePath, args });
  try {
    const viewport = { width: 1360, height: 900 };
    const context = await browser.newContext({ viewport, deviceScaleFactor: scale, locale: "en-US" });
    // Nothing outside this machine is asked for: what a widget's policy lets through ends here.
    await context.route(
      ({ hostname }) => !["127.0.0.1", "localhost"].includes(hostname),
      (route) => route.abort("blockedbyclient"),
    );
    const page = await context.newPage();
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !EXPECTED.test(message.text())) wrong.push(message.text());
    });
    const host = new HostPage(page, url);
    await host.open();
    const picture = (name) => host.screenshot(join(screenshots, `${name}.png`));
    try {
      await run(host, { picture, context });
    } catch (error) {
      await picture("failed");
      console.error(`the page is pictured in ${join(screenshots, "failed.png")}`);
      throw error;
    }
    if (wrong.length) throw new Error(`the page complained:\n${wrong.join("\n")}`);
  } finally {
    await browser.close();
  }
}

// What a test reads: one JSON object a line.
export function tell(fact) {
  console.log(JSON.stringify(fact));
}

export function must(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}
