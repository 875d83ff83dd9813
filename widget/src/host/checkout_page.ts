// The shop's own checkout page as a host. It calls tools at the shop directly and submits the payment in the same tab.
//
// Invariants: the page sends requests only to its own origin. It posts a payment as the page's own form does, with the
// revision that it shows, and the server checks that revision again.

import { type Host, type HostContext, type HostListener, NO_CONTEXT, openTab, type ShopPage } from './host';

const PROTOCOL = '2026-07-28';

/** The marker of such a document: `<html data-host="checkout">`. */
const MARK = 'checkout';

export type PageWindow = Pick<Window, 'document' | 'fetch' | 'history' | 'location' | 'navigator' | 'open'>;

interface Message {
  readonly result?: unknown;
  readonly error?: { readonly message?: unknown };
}

export class CheckoutPageHost implements Host, ShopPage {
  readonly isConnected = true;
  /** The browser determines the theme, and the shop the language, by what the browser asks for. */
  readonly context: HostContext;
  readonly canPay = false;
  readonly shopPage = this;
  /** The checkout that the document names, in the form of a saved state. */
  readonly saved: unknown;
  private readonly endpoint: string;
  private readonly locale: string;
  private lastId = 0;

  constructor(private readonly window: PageWindow) {
    const [, shop = ''] = /^(.*)\/checkout\/[^/]+$/.exec(window.location.pathname) ?? [];
    // The URL holds only the checkout's public name, which no tool accepts.
    const session = window.document.getElementById('app')?.dataset['session'] ?? null;
    this.endpoint = `${shop}/mcp`;
    this.locale = localeOf(window.document.documentElement.lang, window.navigator.language);
    this.context = { ...NO_CONTEXT, displayMode: 'fullscreen', locale: this.locale };
    this.saved = { version: 1, session };
  }

  /** Whether a document is the shop's checkout page. */
  static owns(document: Document): boolean {
    return document.documentElement.dataset['host'] === MARK;
  }

  start(listener: HostListener): void {
    listener.changed();
  }

  /** Sends a self-contained request of MCP 2026-07-28. */
  async callTool(name: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.lastId += 1;
    const meta = {
      'io.modelcontextprotocol/protocolVersion': PROTOCOL,
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'merchant-gateway-checkout-page', version: '1' },
      'openai/locale': this.locale,
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
      // The page's URL holds its key.
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

  submitPayment(page: string, revision: number): void {
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

  replacePage(page: string): void {
    const { history, location } = this.window;
    // The page of the ended checkout is of no use in the history.
    if (new URL(page).origin === location.origin) history.replaceState(null, '', page);
    else location.assign(page);
  }

  save(): void {
    // The URL already identifies the checkout.
  }

  resize(): void {
    // The page scrolls by itself.
  }
}

/** The browser's locale where it is of the document's language: it has the region, for numbers and dates. */
function localeOf(language: string, browser: string): string {
  const isSame = browser.toLowerCase().split('-')[0] === language.toLowerCase().split('-')[0];
  return isSame || language === '' ? browser : language;
}
