import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostListener } from '../src/host/host';
import { McpAppsHost } from '../src/host/mcp_apps';
import { OpenAiHost, type OpenAi } from '../src/host/openai';

type MessageHandler = (event: { source: unknown; data: unknown }) => void;

/** A window that the test embeds. */
function embedded() {
  const sent: Record<string, unknown>[] = [];
  const parent = { postMessage: (message: Record<string, unknown>) => sent.push(message) };
  let handler: MessageHandler = () => undefined;
  const opened: string[] = [];
  const open = (url: string): object => ({ at: opened.push(url) });
  const window = { parent, addEventListener: (_: string, listener: MessageHandler) => { handler = listener; }, open, navigator: { language: 'en-GB' } };
  const say = (data: unknown, source: unknown = parent): void => handler({ source, data: { jsonrpc: '2.0', ...(data as object) } });
  return { window: window as never, sent, say, opened };
}

function listener() {
  const notified: unknown[] = [];
  const listening: HostListener = {
    result: (result, input) => notified.push(['result', result, input]),
    cancelled: () => notified.push(['cancelled']),
    changed: () => notified.push(['changed']),
  };
  return { listening, notified };
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

test('an MCP Apps host is initialized, and its tool result reaches the listener with the arguments', async () => {
  const { window, sent, say } = embedded();
  const { listening, notified } = listener();
  const host = new McpAppsHost(window);
  host.start(listening);
  assert.equal(sent[0]?.['method'], 'ui/initialize');
  assert.equal(host.isConnected, false);
  say({ id: sent[0]?.['id'], result: { hostContext: { theme: 'dark', locale: 'de' }, hostCapabilities: {} } });
  await turn();
  assert.equal(host.isConnected && host.context.theme, 'dark');
  assert.equal(sent[1]?.['method'], 'ui/notifications/initialized');
  say({ method: 'ui/notifications/tool-input', params: { arguments: { product: 'mug' } } });
  say({ method: 'ui/notifications/tool-result', params: { content: [] } });
  say({ method: 'ui/notifications/host-context-changed', params: { theme: 'light' } });
  assert.deepEqual(notified, [['changed'], ['result', { content: [] }, { product: 'mug' }], ['changed']]);
  assert.deepEqual([host.context.theme, host.context.locale], ['light', 'de']);
  await assert.rejects(host.pay());
});

test('only messages of the embedding window count, and unknown requests get an error', async () => {
  const { window, sent, say } = embedded();
  const { listening, notified } = listener();
  new McpAppsHost(window).start(listening);
  say({ method: 'ui/notifications/tool-result', params: {} }, {});
  assert.deepEqual(notified, []);
  say({ id: 'x', method: 'ui/format-disk' });
  assert.deepEqual((sent.at(-1)?.['error'] as { code: number }).code, -32601);
  say({ id: 'y', method: 'ping' });
  assert.deepEqual(sent.at(-1)?.['result'], {});
});

test('a tool call that the host refuses rejects with the host’s message', async () => {
  const { window, sent, say } = embedded();
  const host = new McpAppsHost(window);
  host.start(listener().listening);
  await assert.rejects(host.callTool('get_checkout', {}), /no host/);
  say({ id: sent[0]?.['id'], result: {} });
  await turn();
  const calling = host.callTool('get_checkout', { checkout_session_id: 'chk_1' });
  say({ id: sent.at(-1)?.['id'], error: { code: -1, message: 'not now' } });
  await assert.rejects(calling, /not now/);
});

test('a tool call tells the locale of the host, else that of the browser', async () => {
  const { window, sent, say } = embedded();
  const host = new McpAppsHost(window);
  host.start(listener().listening);
  say({ id: sent[0]?.['id'], result: {} });
  await turn();
  const calledWith = (): unknown => {
    void host.callTool('get_checkout', { checkout_session_id: 'chk_1' });
    return sent.at(-1)?.['params'];
  };
  const params = (locale: string): object => ({
    name: 'get_checkout', arguments: { checkout_session_id: 'chk_1' }, _meta: { 'openai/locale': locale },
  });
  assert.deepEqual(calledWith(), params('en-GB'));
  say({ method: 'ui/notifications/host-context-changed', params: { locale: 'de-CH' } });
  assert.deepEqual(calledWith(), params('de-CH'));
});

test('the host reads window.openai each time, and the object may appear late', () => {
  const listeners: Record<string, () => void> = {};
  const window = { addEventListener: (name: string, listen: () => void) => { listeners[name] = listen; }, open: () => null } as {
    addEventListener: (name: string, listen: () => void) => void; open: () => null; openai?: OpenAi;
  };
  const { listening, notified } = listener();
  const host = new OpenAiHost(window as never);
  host.start(listening);
  assert.deepEqual([host.isConnected, host.canPay, notified.length], [false, false, 0]);
  window.openai = { toolOutput: { products: [] }, toolInput: { query: 'mug' }, requestCheckout: async () => 'paid', theme: 'blue' };
  listeners['openai:set_globals']?.();
  assert.equal(notified.length, 2);
  assert.deepEqual([host.isConnected, host.canPay, host.context.theme], [true, true, null]);
});

test('an MCP Apps host opens links if it declares that, and else the browser does', async () => {
  const { window, sent, say, opened } = embedded();
  const host = new McpAppsHost(window);
  host.start(listener().listening);
  await host.openLink('https://shop.example/a');
  assert.deepEqual(opened, ['https://shop.example/a']);
  say({ id: sent[0]?.['id'], result: { hostCapabilities: { openLinks: {} } } });
  await turn();
  for (const [url, answer] of [['b', { result: {} }], ['c', { result: { isError: true } }], ['d', { error: { code: -1 } }]] as const) {
    const opening = host.openLink(`https://shop.example/${url}`);
    assert.deepEqual([sent.at(-1)?.['method'], sent.at(-1)?.['params']], ['ui/open-link', { url: `https://shop.example/${url}` }]);
    say({ id: sent.at(-1)?.['id'], ...answer });
    await opening;
  }
  assert.deepEqual(opened, ['https://shop.example/a', 'https://shop.example/c', 'https://shop.example/d']);
});

test('a link that nobody opens rejects, and ChatGPT gets the exact URL', async () => {
  const notified: unknown[] = [];
  const window = { addEventListener: () => undefined, open: () => null } as { addEventListener: () => void; open: () => null; openai?: OpenAi };
  const host = new OpenAiHost(window as never);
  await assert.rejects(host.openLink('https://shop.example/a'), /opens no other page/);
  window.openai = { openExternal: (target) => notified.push(target) };
  await host.openLink('https://shop.example/a');
  assert.deepEqual(notified, [{ href: 'https://shop.example/a', redirectUrl: false }]);
  window.openai = { openExternal: () => { throw new Error('not from here'); } };
  await assert.rejects(host.openLink('https://shop.example/a'), /not from here/);
});
