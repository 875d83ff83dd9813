// The one face of whatever shows the widget: an assistant, or the shop's own page of a checkout.
//
// Invariant: the widget knows its host through this interface alone; what a host can do is said by `canPay`, `shopPage`,
// `isConnected` and refusals, never guessed from its name.

/** How the host shows the widget. */
export interface HostContext {
  readonly theme: 'light' | 'dark' | null;
  /** BCP 47. */
  readonly locale: string | null;
  readonly displayMode: 'inline' | 'fullscreen' | 'pip' | null;
  /** Pixels that the widget may be high. */
  readonly maxHeight: number | null;
  readonly safeArea: { readonly top: number; readonly right: number; readonly bottom: number; readonly left: number } | null;
  /** Style variables of MCP Apps, by name. */
  readonly variables: Readonly<Record<string, string>>;
}

export const NO_CONTEXT: HostContext = {
  theme: null, locale: null, displayMode: null, maxHeight: null, safeArea: null, variables: {},
};

/** What the host tells the widget. */
export interface HostListener {
  /** The result of the tool that the widget was opened by; hosts repeat it. `input` is that tool's arguments. */
  result(result: unknown, input: unknown): void;
  /** The tool's call was given up. */
  cancelled(): void;
  /** Context, capabilities or connection are not what they were. */
  changed(): void;
}

/** What can be done where the widget is the shop's own page of an order, and no guest of an assistant's. */
export interface ShopPage {
  /** Leaves for the payment of a revision, in this tab. `page` is the order's page. */
  goOn(page: string, revision: number): void;
  /** Another order is shown from now on: this is its page. */
  become(page: string): void;
}

export interface Host {
  readonly isConnected: boolean;
  readonly context: HostContext;
  /** Whether the host has a payment sheet. */
  readonly canPay: boolean;
  /** `null` beside a chat. */
  readonly shopPage: ShopPage | null;
  /** What `save` was given in an earlier life of this widget; `undefined` where hosts keep nothing. */
  readonly saved: unknown;
  start(listener: HostListener): void;
  /** Calls a tool of the shop; resolves with its result, rejects when there is none. */
  callTool(name: string, args: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Opens the payment sheet; rejects when it is closed unpaid or the host fails. */
  pay(sheet: unknown): Promise<unknown>;
  /** Opens a page beside the chat; rejects where the host or the browser does not let it. */
  openLink(url: string): Promise<void>;
  save(state: unknown): void;
  /** The height that the content wants, in pixels. */
  resize(height: number): void;
}

/** Opens a page beside this one, by the browser alone; throws where it is not let. */
export function openTab(window: Pick<Window, 'open'>, url: string): void {
  // With `noopener` the browser would not tell whether it opened anything.
  const tab = window.open(url, '_blank');
  if (!tab) throw new Error('the browser opens no other page from here');
  tab.opener = null;
}
