// The picture of README.md: the buy widget in the demo's page, with an order that can be paid. `make picture` runs it.
//
//   node picture.mjs CHROMIUM FILE COMMAND [ARGUMENT…]
//
// The command is the demo, on ports of its own choice. It is stopped when the picture is taken.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { must, withHost } from "./session.mjs";

const MERCHANT = "Harbor Coffee Roasters";
const PRODUCT = "Huila Washed";
// What is left of the page around the widget, in CSS pixels.
const MARGIN = 16;

const [executablePath, file, program, ...given] = process.argv.slice(2);
const data = mkdtempSync(join(tmpdir(), "demo-"));
const ports = ["--port", "--admin-port", "--host-port"].flatMap((port) => [port, "0"]);
const demo = spawn(program, [...given, ...ports, "--data", data], { stdio: ["ignore", "pipe", "inherit"] });
const ended = new Promise((resolve) => demo.once("close", resolve));
try {
  const url = await pageOf(demo);
  mkdirSync(dirname(file), { recursive: true });
  await withHost(takePicture, { url, executablePath, scale: 2 });
} finally {
  demo.kill();
  await ended;
  rmSync(data, { recursive: true });
}

// The address of the host's page, which the demo prints.
async function pageOf({ stdout }) {
  let url;
  for await (const line of createInterface({ input: stdout })) {
    url = line.match(/^ +page +(http:\S+)$/)?.[1];
    if (url) break;
  }
  must(url, "the demo ended without an address of its page");
  stdout.resume();
  return url;
}

async function takePicture(host) {
  const { page } = host;
  await host.choose(MERCHANT);
  await host.ask(PRODUCT);
  const shopper = await host.show(host.results().first());
  await shopper.makePayable();
  await page.mouse.move(0, 0);
  const asked = await page.getByText(`Show me ${PRODUCT}.`).last().boundingBox();
  const widget = await page.getByRole("region", { name: "Widget", exact: true }).last().boundingBox();
  const top = asked.y - MARGIN;
  const clip = {
    x: widget.x - MARGIN, y: top,
    width: widget.width + 2 * MARGIN, height: widget.y + widget.height + MARGIN - top,
  };
  await page.screenshot({ path: file, clip });
}
