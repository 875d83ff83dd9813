// The shop's own page of a checkout as a host: tools are called at the shop itself, and paying goes on in the same tab.
//
// Invariants: nothing but the page's own origin is asked; what can be paid is posted as the page's own form posts it, with
// the revision that is shown, and checked again there.

import { type Host, type HostContext, type HostListener, NO_CONTEXT, openTab, type ShopPage } from './host';

const PROTOCOL = '2026-07-28';

/** How a document says that it is such a page: `<html data-host="checkout">`. */
const MARK = 'checkout';

export type PageWindow = Pick<Window, 'document' | 'fetch' | 'history' | 'location' | 'navigator' | 'open'>;

interface Message {
  readonly result?: unknown;
  readonly error?: { readonly message?: unknown };
}

export class CheckoutPageHost implements Host, ShopPage {
  readonly isConnected = true;
  /** Theme and language are the browser's. */
  readonly context: HostContext = { ...NO_CONTEXT, displayMode: 'fullscreen' };
  readonly canPay = false;
  readonly shopPage = this;
  /** The document says which checkout it shows, as if it had been left here. */
  readonly saved: unknown;
  private readonly endpoint: string;
  private lastId = 0;

  constructor(private readonly window: PageWindow) {
    const [, shop = ''] = /^(.*)\/checkout\/[^/]+$/.exec(window.location.pathname) ?? [];
    // The address has only the checkout's name, which no tool takes.
    const session = window.document.getElementById('app')?.dataset['session'] ?? null;
    this.endpoint = `${shop}/mcp`;
    this.saved = { version: 1, session };
  }

  /** Whether a document is the shop's page. */
  static owns(document: Document): boolean {
    return document.documentElement.dataset['host'] === MARK;
  }

  start(listener: HostListener): void {
    listener.changed();
  }

  /** A request of MCP 2026-07-28, which says everything about itself. */
  async callTool(name: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.lastId += 1;
    const meta = {
      'io.modelcontextprotocol/protocolVersion': PROTOCOL,
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'merchant-gateway-checkout-page', version: '1' },
      'openai/locale': this.window.navigator.language,
    };
    const answer = await this.window.fetch(this.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': PROTOCOL,
        'mcp-method': 'tools/call',
        'mcp-name': name,
      },
      body: JSON.stringify({
        jsonrpc: '2.0', id: this.lastId, method: 'tools/call', params: { name, arguments: args, _meta: meta },
      }),
      // The page's address holds its key.
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
      redirect: 'error',
    });
    const { result, error } = (await answer.json()) as Message;
    if (error) throw new Error(typeof error.message === 'string' ? error.message : 'refused');
    if (!answer.ok || result === undefined) throw new Error(`the shop answered ${answer.status}`);
    return result;
  }

  async pay(): Promise<unknown> {
    throw new Error('the page has no payment sheet');
  }

  async openLink(url: string): Promise<void> {
    openTab(this.window, url);
  }

  goOn(page: string, revision: number): void {
    const { document } = this.window;
    const action = new URL(page);
    action.pathname += '/pay';
    const form = document.createElement('form');
    form.method = 'post';
    form.action = action.href;
    form.hidden = true;
    const shown = document.createElement('input');
    shown.type = 'hidden';
    shown.name = 'revision';
    shown.value = String(revision);
    form.append(shown);
    document.body.append(form);
    form.submit();
    form.remove();
  }

  become(page: string): void {
    const { history, location } = this.window;
    // The ended checkout's page has nothing left to go back to.
    if (new URL(page).origin === location.origin) history.replaceState(null, '', page);
    else location.assign(page);
  }

  save(): void {
    // The address is what is kept.
  }

  resize(): void {
    // The page scrolls by itself.
  }
}
