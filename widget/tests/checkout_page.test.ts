import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckoutPageHost } from '../src/host/checkout_page';
import type { HostListener } from '../src/host/host';
import { PlainPage } from '../src/plain_page';
import { readSaved } from '../src/shop/step';

interface Element {
  readonly children: Element[];
  [name: string]: unknown;
}

interface Asked {
  readonly url: string;
  readonly init: RequestInit & { readonly headers: Record<string, string> };
}

/** The window of a checkout's page; the test is the shop. */
function page(path = '/t/mugs/checkout/chk_1', answer: () => unknown = () => ({ result: {} })) {
  const asked: Asked[] = [];
  const left: string[] = [];
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
      createElement, body,
      getElementById: (id: string) => (id === 'app' ? { dataset: path.includes('/checkout/') ? { session: 'chk_1_a2' } : {} } : null),
    },
    fetch: async (url: string, init: Asked['init']) => {
      asked.push({ url, init });
      const { status = 200, ...message } = answer() as { status?: number };
      return { ok: status === 200, status, json: async () => message };
    },
    history: { replaceState: (_: unknown, __: string, url: string) => left.push(`replace ${url}`) },
    location: { pathname: path, origin: 'https://mugs.example', assign: (url: string) => left.push(`assign ${url}`) },
    navigator: { language: 'de-AT' },
    open: (url: string) => ({ at: left.push(`tab ${url}`) }),
  };
  return { window, asked, left, submitted, body, host: new CheckoutPageHost(window as never) };
}

test('the page is told by its document', () => {
  const document = (host?: string): Document => ({ documentElement: { dataset: host ? { host } : {} } }) as never;
  assert.deepEqual([CheckoutPageHost.owns(document('checkout')), CheckoutPageHost.owns(document())], [true, false]);
});

test('its address names the checkout, which is read when the widget starts', () => {
  const { host } = page();
  assert.equal(readSaved(host.saved)?.session, 'chk_1_a2', 'what tools take, not the name in the address');
  assert.equal(readSaved(page('/orders/ord_1').host.saved)?.session, null);
  const told: string[] = [];
  const listener: HostListener = {
    result: () => told.push('result'), cancelled: () => told.push('cancelled'), changed: () => told.push('changed'),
  };
  host.start(listener);
  assert.deepEqual([told, host.canPay, host.isConnected, host.shopPage], [['changed'], false, true, host]);
});

test('a tool is called at the shop itself, by a request that says everything', async () => {
  const { host, asked } = page('/t/mugs/checkout/chk_1', () => ({ jsonrpc: '2.0', id: 1, result: { content: [] } }));
  assert.deepEqual(await host.callTool('get_checkout', { checkout_session_id: 'chk_1' }), { content: [] });
  const [{ url, init }] = asked as [Asked];
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
  assert.notEqual((JSON.parse(String(asked[1]?.init.body)) as { id: number }).id, id);
});

test('on a host of its own the shop is at the root', async () => {
  const { host, asked } = page('/checkout/chk_1');
  await host.callTool('search_products', {});
  assert.equal(asked[0]?.url, '/mcp');
});

test('an error, a refusal by HTTP and an answer without a result reject', async () => {
  const refused = page('/checkout/chk_1', () => ({ error: { code: -32602, message: 'no such tool' } }));
  await assert.rejects(refused.host.callTool('x', {}), /no such tool/);
  await assert.rejects(page('/checkout/chk_1', () => ({ status: 503, result: {} })).host.callTool('x', {}), /503/);
  await assert.rejects(page('/checkout/chk_1', () => ({})).host.callTool('x', {}), /200/);
  const down = page('/checkout/chk_1', () => { throw new Error('offline'); });
  await assert.rejects(down.host.callTool('x', {}), /offline/);
  await assert.rejects(down.host.pay());
});

test('paying posts the shown revision from this tab, and leaves no form behind', () => {
  const { host, submitted, body, left } = page();
  host.goOn('https://mugs.example/t/mugs/checkout/chk_1?key=abc', 3);
  const [form] = submitted as [Element];
  assert.deepEqual([form['method'], form['action']], ['post', 'https://mugs.example/t/mugs/checkout/chk_1/pay?key=abc']);
  assert.deepEqual(form.children.map(({ name, type, value }) => ({ name, type, value })), [
    { name: 'revision', type: 'hidden', value: '3' },
  ]);
  assert.deepEqual([body.children, left], [[], []]);
});

test('links open another tab; another order takes over the address', async () => {
  const { host, left } = page();
  await host.openLink('https://mugs.example/terms');
  host.become('https://mugs.example/checkout/chk_2?key=def');
  host.become('https://elsewhere.example/checkout/chk_2?key=def');
  assert.deepEqual(left, [
    'tab https://mugs.example/terms',
    'replace https://mugs.example/checkout/chk_2?key=def',
    'assign https://elsewhere.example/checkout/chk_2?key=def',
  ]);
});

/** A document that holds forms, and who hears of them. */
function holding(active: object | null = null) {
  const heard: Record<string, () => void> = {};
  const gone: string[] = [];
  const part = (id: string): object => ({
    remove: () => gone.push(id),
    removeAttribute: (name: string) => gone.push(`${id} ${name}`),
    contains: (one: object) => one === active && one !== null,
    addEventListener: (sign: string, listener: () => void) => { heard[sign] = listener; },
  });
  const parts: Record<string, object> = { plain: part('plain'), 'plain-style': part('plain-style'), 'app-style': part('app-style') };
  const document = { getElementById: (id: string) => parts[id] ?? null, activeElement: active };
  return { plain: new PlainPage(document as never), heard, gone };
}

test('the forms stay until the widget has something to show, and then go with their style', () => {
  const { plain, gone } = holding();
  assert.deepEqual([plain.stays(false), plain.stays(true)], [true, false]);
  assert.equal(plain.giveWay(), false);
  assert.deepEqual(gone, ['plain', 'plain-style', 'app-style media']);
  plain.giveWay();
  assert.deepEqual([gone.length, plain.stays(false)], [3, false], 'once and for all');
});

test('who has begun to fill in a form, or has sent one, keeps it', () => {
  for (const sign of ['input', 'submit']) {
    const { plain, heard } = holding();
    heard[sign]?.();
    assert.equal(plain.stays(true), true, sign);
  }
});

test('the focus that was within the forms is told, and a document without forms is the widget’s at once', () => {
  assert.equal(holding({}).plain.giveWay(), true);
  const bare = new PlainPage({ getElementById: () => null } as never);
  assert.deepEqual([bare.stays(false), bare.giveWay()], [false, false]);
});
