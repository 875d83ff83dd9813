// The widget in the host of `@modelcontextprotocol/ext-apps`: its `AppBridge` embeds the page, and the official MCP
// client carries the widget's calls to a real shop.
//
//   node tests/node/widget/app_bridge.mjs MCP_URL ADDRESS_AS_JSON [WIDGET_FILE]
//
// Prints a line for each thing shown and exits 0 only when all were.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { rolldown } from 'rolldown';
import { browser, serve } from './chat.mjs';

const URI = 'ui://widget/buy-v1.html';
const [endpoint, addressText, file] = process.argv.slice(2);
const address = JSON.parse(addressText);
const shown = (sentence) => console.log(`app bridge: ${sentence}`);

const shop = new Client({ name: 'app-bridge-host', version: '1' }, { versionNegotiation: { mode: 'auto' } });
await shop.connect(new StreamableHTTPClientTransport(new URL(endpoint)));
const page = (await shop.readResource({ uri: URI })).contents[0];
assert.equal(page.mimeType, 'text/html;profile=mcp-app');
const html = file ? await readFile(file, 'utf8') : page.text;
const hosts = page._meta?.ui?.csp?.resourceDomains ?? [];
const policy = `default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src ${hosts.join(' ')}`;

const found = await shop.callTool({ name: 'search_products', arguments: { available_only: true } });
const product = found.structuredContent.products[0];
const input = { product: product.id };
const opened = await shop.callTool({ name: 'show-buy-product-widget', arguments: input });

const server = await serve({
  '/': { body: `<!doctype html><title>Host</title><iframe id="widget" sandbox="allow-scripts" src="/widget"
    style="border:0;width:720px;height:900px"></iframe><script type="module" src="/host.js"></script>` },
  '/host.js': { body: await hostScript(), headers: { 'content-type': 'text/javascript' } },
  '/widget': { body: html, headers: { 'content-security-policy': policy } },
});
const chromium = await browser();
try {
  const tab = await chromium.newPage({ viewport: { width: 760, height: 940 }, locale: 'en-US' });
  tab.setDefaultTimeout(20_000);
  const problems = [];
  tab.on('pageerror', (error) => problems.push(String(error)));
  await tab.route(/^https:\/\//, (route) => route.abort());
  const calls = [];
  const locales = new Set();
  await tab.exposeFunction('callShop', async (params) => {
    calls.push(params.name);
    locales.add(params._meta?.['openai/locale']);
    return shop.callTool(params);
  });
  await tab.exposeFunction('opened', () => ({ input, result: opened }));
  await tab.goto(server.origin);
  const widget = tab.frameLocator('#widget');
  const see = (text) => widget.getByText(text).filter({ visible: true }).first().waitFor();

  await widget.getByRole('heading', { name: product.title }).waitFor();
  shown(`the widget greets the host and shows ${product.title}`);

  await widget.getByRole('button', { name: 'Continue' }).click();
  await widget.getByLabel('Full name').fill(address.name);
  const country = widget.getByLabel('Country');
  if (await country.count() > 0) await country.selectOption(address.country);
  await widget.getByLabel(/^(Street and number|Address)/).first().fill(address.line_one);
  await widget.getByLabel(/^(City|Town)/).first().fill(address.city);
  const state = widget.getByLabel(/^(State|Province|Prefecture|Region)/).first();
  if (await state.count() > 0 && address.state) {
    const list = await state.evaluate((element) => element.tagName === 'SELECT');
    await (list ? state.selectOption(address.state) : state.fill(address.state));
  }
  await widget.getByLabel(/^(ZIP|Postal|Postcode)/).first().fill(address.postal_code);
  await widget.getByRole('button', { name: 'Show shipping and total' }).click();
  await tab.waitForFunction(() => window.lastSession()?.status === 'ready_for_payment');
  assert.ok(calls.includes('create_checkout'), `the shop was asked: ${calls}`);
  shown('an address leads to the totals of the shop');

  const session = await tab.evaluate(() => window.lastSession());
  const total = session.totals.find((row) => row.type === 'total').amount;
  const digits = String(total).replace(/^0+/, '');
  const text = (await widget.locator('body').innerText()).replaceAll(/[^0-9]/g, ' ').replaceAll(' ', '');
  assert.ok(text.includes(digits), `${digits} is shown`);
  shown(`the total is the server's: ${total} ${session.currency}`);

  await widget.getByRole('button', { name: /^Pay on the page of /  }).click();
  await see('Finish the payment on');
  const [link, ...others] = await tab.evaluate(() => window.links);
  assert.deepEqual(others, []);
  assert.match(link, new RegExp(`/checkout/${session.id.match(/^chk_[0-9a-f]{32}/)[0]}\\?key=`));
  assert.equal(calls.at(-1), 'start_hosted_checkout');
  shown('the host, which has no payment sheet, is asked to open the shop’s own page');
  assert.deepEqual([...locales], ['en-US']);
  shown('every call tells the host’s language');

  await tab.evaluate(() => { window.refusesLinks = true; });
  await widget.getByRole('button', { name: 'Open the payment page again' }).click();
  assert.equal(await widget.getByLabel('Copy its address').inputValue(), link);
  shown('where it refuses, the page’s address can be copied');
  const heights = await tab.evaluate(() => window.heights);
  assert.ok(heights.length > 0, 'the wanted height was told');
  assert.deepEqual(problems, []);
  if (process.env.WIDGET_SHOTS) await tab.screenshot({ path: `${process.env.WIDGET_SHOTS}/app-bridge.png` });
  shown('the host was told the height, and nothing failed');
} finally {
  await chromium.close();
  server.close();
  await shop.close();
}
console.log('all shown');

/** The host's side in the browser, bundled with the official package. */
async function hostScript() {
  const input = new URL('app_bridge_host.mjs', import.meta.url).pathname;
  const bundle = await rolldown({ input, logLevel: 'silent', platform: 'browser' });
  const { output } = await bundle.generate({ format: 'es', codeSplitting: false });
  await bundle.close();
  return output[0].code;
}
