// The interface of the host that shows the widget: an assistant, or the shop's own checkout page.
//
// Invariant: the widget uses its host through this interface only. It learns the host's capabilities from `canPay`,
// `shopPage`, `isConnected` and rejected promises, and never derives them from the host's name.

/** How the host shows the widget. */
export interface HostContext {
  readonly theme: 'light' | 'dark' | null;
  /** BCP 47. */
  readonly locale: string | null;
  readonly displayMode: 'inline' | 'fullscreen' | 'pip' | null;
  /** The maximum height of the widget in pixels. */
  readonly maxHeight: number | null;
  readonly safeArea: { readonly top: number; readonly right: number; readonly bottom: number; readonly left: number } | null;
  /** The style variables of MCP Apps, by name. */
  readonly variables: Readonly<Record<string, string>>;
}

export const NO_CONTEXT: HostContext = {
  theme: null, locale: null, displayMode: null, maxHeight: null, safeArea: null, variables: {},
};

/** Receives the notifications of the host. */
export interface HostListener {
  /** The result of the tool call that opened the widget. Hosts may repeat it. `input` holds the call's arguments. */
  result(result: unknown, input: unknown): void;
  /** The host cancelled the tool call. */
  cancelled(): void;
  /** The context, the capabilities or the connection changed. */
  changed(): void;
}

/** The capabilities of the shop's own checkout page, which no assistant has. */
export interface ShopPage {
  /** Submits the payment of a revision in this tab. `page` is the URL of the order's page. */
  submitPayment(page: string, revision: number): void;
  /** Replaces this page with the page of another order. `page` is its URL. */
  replacePage(page: string): void;
}

export interface Host {
  readonly isConnected: boolean;
  readonly context: HostContext;
  /** Whether the host has a payment sheet. */
  readonly canPay: boolean;
  /** `null` in an assistant's chat. */
  readonly shopPage: ShopPage | null;
  /** The state that an earlier instance of this widget passed to `save`; `undefined` where the host keeps none. */
  readonly saved: unknown;
  start(listener: HostListener): void;
  /** Calls a tool of the shop. Resolves with its result, and rejects if there is none. */
  callTool(name: string, args: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Opens the payment sheet. Rejects if the shopper closes it without paying, or if the host fails. */
  pay(sheet: unknown): Promise<unknown>;
  /** Opens a page in another tab. Rejects if the host or the browser does not allow it. */
  openLink(url: string): Promise<void>;
  save(state: unknown): void;
  /** Reports the height of the content, in pixels. */
  resize(height: number): void;
}

/** Opens a page in another browser tab. Throws if the browser does not allow it. */
export function openTab(window: Pick<Window, 'open'>, url: string): void {
  // With `noopener`, the browser would not report whether it opened the tab.
  const tab = window.open(url, '_blank');
  if (!tab) throw new Error('the browser opens no other page from here');
  tab.opener = null;
}
