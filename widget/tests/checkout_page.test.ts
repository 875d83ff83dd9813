import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckoutPageHost } from '../src/host/checkout_page';
import type { HostListener } from '../src/host/host';
import { PlainPage } from '../src/plain_page';
import { readSavedState } from '../src/shop/step';

interface Element {
  readonly children: Element[];
  [name: string]: unknown;
}

interface FetchCall {
  readonly url: string;
  readonly init: RequestInit & { readonly headers: Record<string, string> };
}

/** The window of a checkout page. The test acts as the shop. */
function page(path = '/t/mugs/checkout/chk_1', answer: () => unknown = () => ({ result: {} }), lang = '') {
  const requests: FetchCall[] = [];
  const navigations: string[] = [];
  const body: Element = { children: [], append: (child: unknown) => void body.children.push(child as Element) };
  const submitted: Element[] = [];
  const createElement = (name: string): Element => {
    const element: Element = {
      name, children: [],
      append: (child: unknown) => void element.children.push(child as Element),
      submit: () => void submitted.push(element),
      remove: () => void body.children.splice(body.children.indexOf(element), 1),
    };
    return element;
  };
  const window = {
    document: {
      createElement, body, documentElement: { lang },
      getElementById: (id: string) => (id === 'app' ? { dataset: path.includes('/checkout/') ? { session: 'chk_1_a2' } : {} } : null),
    },
    fetch: async (url: string, init: FetchCall['init']) => {
      requests.push({ url, init });
      const { status = 200, ...message } = answer() as { status?: number };
      return { ok: status === 200, status, json: async () => message };
    },
    history: { replaceState: (_: unknown, __: string, url: string) => navigations.push(`replace ${url}`) },
    location: { pathname: path, origin: 'https://mugs.example', assign: (url: string) => navigations.push(`assign ${url}`) },
    navigator: { language: 'de-AT' },
    open: (url: string) => ({ at: navigations.push(`tab ${url}`) }),
  };
  return { window, requests, navigations, submitted, body, host: new CheckoutPageHost(window as never) };
}

test('a marker in the document identifies the page', () => {
  const document = (host?: string): Document => ({ documentElement: { dataset: host ? { host } : {} } }) as never;
  assert.deepEqual([CheckoutPageHost.owns(document('checkout')), CheckoutPageHost.owns(document())], [true, false]);
});

test('the document names the checkout, which the widget reads at the start', () => {
  const { host } = page();
  assert.equal(readSavedState(host.saved)?.session, 'chk_1_a2', 'the id that tools accept, not the name in the URL');
  assert.equal(readSavedState(page('/orders/ord_1').host.saved)?.session, null);
  const notified: string[] = [];
  const listener: HostListener = {
    result: () => notified.push('result'), cancelled: () => notified.push('cancelled'), changed: () => notified.push('changed'),
  };
  host.start(listener);
  assert.deepEqual([notified, host.canPay, host.isConnected, host.shopPage], [['changed'], false, true, host]);
});

test('the host calls a tool at the shop with a self-contained request', async () => {
  const { host, requests } = page('/t/mugs/checkout/chk_1', () => ({ jsonrpc: '2.0', id: 1, result: { content: [] } }));
  assert.deepEqual(await host.callTool('get_checkout', { checkout_session_id: 'chk_1' }), { content: [] });
  const [{ url, init }] = requests as [FetchCall];
  assert.deepEqual([url, init.method, init.referrerPolicy], ['/t/mugs/mcp', 'POST', 'no-referrer']);
  assert.deepEqual(init.headers, {
    'content-type': 'application/json', accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'get_checkout',
  });
  const { id, params } = JSON.parse(String(init.body)) as { id: number; params: { _meta: object } };
  assert.deepEqual(params, {
    name: 'get_checkout', arguments: { checkout_session_id: 'chk_1' },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'merchant-gateway-checkout-page', version: '1' },
      'openai/locale': 'de-AT',
    },
  });
  await host.callTool('search_products', {});
  assert.notEqual((JSON.parse(String(requests[1]?.init.body)) as { id: number }).id, id);
});

test('a tool call tells the language that the shop wrote the document in, whatever the widget makes of it later', async () => {
  const { host, requests, window } = page('/checkout/chk_1', undefined, 'en');
  window.document.documentElement.lang = 'fr';
  await host.callTool('search_products', {});
  const { params } = JSON.parse(String(requests[0]?.init.body)) as { params: { _meta: Record<string, unknown> } };
  assert.equal(params._meta['openai/locale'], 'en');
});

test("a browser of the document's language adds its region", async () => {
  const { host, requests } = page('/checkout/chk_1', undefined, 'de');
  await host.callTool('search_products', {});
  const { params } = JSON.parse(String(requests[0]?.init.body)) as { params: { _meta: Record<string, unknown> } };
  assert.equal(params._meta['openai/locale'], 'de-AT');
});

test('a shop with its own domain is at the root', async () => {
  const { host, requests } = page('/checkout/chk_1');
  await host.callTool('search_products', {});
  assert.equal(requests[0]?.url, '/mcp');
});

test('an error, an HTTP failure and an answer without a result reject', async () => {
  const refused = page('/checkout/chk_1', () => ({ error: { code: -32602, message: 'no such tool' } }));
  await assert.rejects(refused.host.callTool('x', {}), /no such tool/);
  await assert.rejects(page('/checkout/chk_1', () => ({ status: 503, result: {} })).host.callTool('x', {}), /503/);
  await assert.rejects(page('/checkout/chk_1', () => ({})).host.callTool('x', {}), /200/);
  const down = page('/checkout/chk_1', () => { throw new Error('offline'); });
  await assert.rejects(down.host.callTool('x', {}), /offline/);
  await assert.rejects(down.host.pay());
});

test('a payment posts the shown revision from this tab, and removes its form', () => {
  const { host, submitted, body, navigations } = page();
  host.submitPayment('https://mugs.example/t/mugs/checkout/chk_1?key=abc', 3);
  const [form] = submitted as [Element];
  assert.deepEqual([form['method'], form['action']], ['post', 'https://mugs.example/t/mugs/checkout/chk_1/pay?key=abc']);
  assert.deepEqual(form.children.map(({ name, type, value }) => ({ name, type, value })), [
    { name: 'revision', type: 'hidden', value: '3' },
  ]);
  assert.deepEqual([body.children, navigations], [[], []]);
});

test('links open another tab, and another order replaces the URL', async () => {
  const { host, navigations } = page();
  await host.openLink('https://mugs.example/terms');
  host.replacePage('https://mugs.example/checkout/chk_2?key=def');
  host.replacePage('https://elsewhere.example/checkout/chk_2?key=def');
  assert.deepEqual(navigations, [
    'tab https://mugs.example/terms',
    'replace https://mugs.example/checkout/chk_2?key=def',
    'assign https://elsewhere.example/checkout/chk_2?key=def',
  ]);
});

/** A document with forms, and the listeners on them. */
function holding(active: object | null = null) {
  const listeners: Record<string, () => void> = {};
  const removed: string[] = [];
  const part = (id: string): object => ({
    remove: () => removed.push(id),
    removeAttribute: (name: string) => removed.push(`${id} ${name}`),
    contains: (one: object) => one === active && one !== null,
    addEventListener: (sign: string, listener: () => void) => { listeners[sign] = listener; },
  });
  const parts: Record<string, object> = { plain: part('plain'), 'plain-style': part('plain-style'), 'app-style': part('app-style') };
  const document = { getElementById: (id: string) => parts[id] ?? null, activeElement: active };
  return { plain: new PlainPage(document as never), listeners, removed };
}

test('the forms stay until the widget has something to show, and disappear with their style sheet then', () => {
  const { plain, removed } = holding();
  assert.deepEqual([plain.stays(false), plain.stays(true)], [true, false]);
  assert.equal(plain.giveWay(), false);
  assert.deepEqual(removed, ['plain', 'plain-style', 'app-style media']);
  plain.giveWay();
  assert.deepEqual([removed.length, plain.stays(false)], [3, false], 'only once');
});

test('a form that the shopper has used stays', () => {
  for (const sign of ['input', 'submit']) {
    const { plain, listeners } = holding();
    listeners[sign]?.();
    assert.equal(plain.stays(true), true, sign);
  }
});

test('the widget learns whether the focus was in the forms, and replaces a document without forms at once', () => {
  assert.equal(holding({}).plain.giveWay(), true);
  const bare = new PlainPage({ getElementById: () => null } as never);
  assert.deepEqual([bare.stays(false), bare.giveWay()], [false, false]);
});
