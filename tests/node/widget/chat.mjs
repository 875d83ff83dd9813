// A stand-in for a chat: a page that shows the widget in a sandboxed frame, with the policy that hosts put on it, and
// a `window.openai` inside whose tools and payment sheet are a scenario's.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { translate } from './translate.mjs';

const WIDGET = new URL('../../../widget/dist/buy.html', import.meta.url);
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src https://img.example.com https://gone.example.com";

const PICTURES = { huila: '#a0522d', mug: '#4a7c9b', logo: '#0b4f6c' };

/** The browser, to be closed at the end. */
export function browser() {
  return chromium.launch({
    executablePath: process.env.TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
}

/** Serves pages on loopback: `routes` gives body and headers by path. */
export async function serve(routes) {
  const server = createServer((request, response) => {
    const route = routes[new URL(request.url, 'http://localhost').pathname];
    response.writeHead(route ? 200 : 404, { 'content-type': 'text/html; charset=utf-8', ...route?.headers });
    response.end(route?.body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** The stand-in's two pages. */
export async function serveChat() {
  const widget = await readFile(process.env.WIDGET_FILE ?? WIDGET, 'utf8');
  const frame = '<iframe id="widget" src="/widget" sandbox="allow-scripts" style="border:0;width:100%;height:100vh;display:block"></iframe>';
  return serve({
    '/': { body: `<!doctype html><title>Chat</title><body style="margin:0">${frame}</body>` },
    '/widget': { body: widget, headers: { 'content-security-policy': POLICY } },
  });
}

/**
 * Opens the widget in a chat. `pay(sheet)` is the payment sheet, absent for a host that has none; what it throws
 * rejects the widget's promise. `links` tells whether the host opens pages.
 */
export async function openChat(chromium, origin, { shop, toolOutput, pay, links = 'opened', toolInput = {}, globals = {}, width = 720, height = 900, ...rest }) {
  const context = await chromium.newContext({ viewport: { width, height }, locale: 'en-US', timezoneId: 'UTC', ...rest });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const chat = new Chat(page);
  page.on('pageerror', (error) => chat.problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && chat.console.push(message.text()));
  await page.route(/^https:\/\//, (route) => {
    const name = /\/(\w+)\.svg$/.exec(route.request().url())?.[1];
    if (!(name in PICTURES)) return route.abort();
    const body = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 5"><rect width="8" height="5" fill="${PICTURES[name]}"/></svg>`;
    return route.fulfill({ contentType: 'image/svg+xml', body });
  });
  await page.exposeFunction('standInTool', (name, args) => shop.call(name, args));
  await page.exposeFunction('standInPay', async (sheet) => {
    chat.sheets.push(sheet);
    try {
      return { value: await pay(sheet) };
    } catch (error) {
      return { rejected: String(error.message) };
    }
  });
  await page.exposeFunction('standInHears', (what, value) => chat.heard.push({ what, value }));
  await page.addInitScript(install, {
    toolOutput: toolOutput.structuredContent, metadata: { mcp_tool_result: toolOutput }, toolInput,
    globals: { theme: 'light', locale: 'en-US', displayMode: 'inline', maxHeight: null, ...globals }, paying: Boolean(pay), links,
  });
  await page.goto(origin);
  return chat;
}

/** Runs in the frame before the widget does. */
function install({ toolOutput, metadata, toolInput, globals, paying, links }) {
  if (location.pathname !== '/widget') return;
  const openai = {
    toolInput, toolOutput, toolResponseMetadata: metadata, widgetState: null, ...globals,
    callTool: (name, args) => window.standInTool(name, args),
    openExternal: async ({ href }) => {
      window.standInHears('link', href);
      if (links === 'refused') throw new Error('not from here');
    },
    notifyIntrinsicHeight: (height) => window.standInHears('height', height),
    setWidgetState: (state) => {
      openai.widgetState = state;
      window.standInHears('state', state);
    },
  };
  if (paying) {
    openai.requestCheckout = async (session) => {
      const { value, rejected } = await window.standInPay(session);
      if (rejected !== undefined) throw new Error(rejected);
      return value;
    };
  }
  Object.assign(openai, globals);
  window.openai = openai;
}

class Chat {
  sheets = [];
  heard = [];
  problems = [];
  console = [];

  constructor(page) {
    this.page = page;
    this.widget = page.frameLocator('#widget');
  }

  get frame() {
    return this.page.frames().find((frame) => frame.url().endsWith('/widget'));
  }

  /** What the host was told last of a kind. */
  last(what) {
    return this.heard.findLast((known) => known.what === what)?.value;
  }

  button(name) {
    return this.widget.getByRole('button', { name, exact: typeof name === 'string' });
  }

  click(name) {
    return this.button(name).click();
  }

  choose(name) {
    return this.widget.getByRole('radio', { name }).click();
  }

  /** Waits until a text can be read. */
  see(text) {
    return this.widget.getByText(text).filter({ visible: true }).first().waitFor();
  }

  async fillAddress({ state = 'NY' } = {}) {
    const { widget } = this;
    await widget.getByLabel('Full name').fill('Ada Lovelace');
    await widget.getByLabel('Street and number').fill('12 Analytical Way');
    await widget.getByLabel('City').fill('New York');
    await widget.getByLabel('State').selectOption(state);
    await widget.getByLabel('ZIP code').fill('10001');
  }

  /** Something about the host changes, as ChatGPT announces it. */
  async setGlobals(globals) {
    await this.frame.evaluate((changed) => {
      Object.assign(window.openai, changed);
      window.dispatchEvent(new CustomEvent('openai:set_globals', { detail: { globals: changed } }));
    }, globals);
  }

  /** The shopper turns to another tab, or back to this one. */
  async turn(visibility) {
    await this.frame.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
      document.dispatchEvent(new Event('visibilitychange'));
    }, visibility);
  }

  /** Does to the page's texts what a browser's translation does. Tells how many there were. */
  translate() {
    return this.frame.evaluate(translate);
  }

  async shot(name) {
    if (process.env.WIDGET_SHOTS) await this.page.screenshot({ path: `${process.env.WIDGET_SHOTS}/${name}.png` });
  }

  async close() {
    await this.page.context().close();
  }
}
