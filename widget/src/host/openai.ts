// ChatGPT's own bridge, `window.openai` (OpenAI's plugin reference).
//
// The object may appear late and its members may change, so the widget reads it each time. The event `openai:set_globals`
// announces changes of its data.

import { type Host, type HostContext, type HostListener, NO_CONTEXT, openTab } from './host';

/** The members that the widget uses. Each may be missing. */
export interface OpenAi {
  readonly toolInput?: unknown;
  readonly toolOutput?: unknown;
  readonly toolResponseMetadata?: unknown;
  readonly widgetState?: unknown;
  readonly theme?: unknown;
  readonly locale?: unknown;
  readonly displayMode?: unknown;
  readonly maxHeight?: unknown;
  readonly safeArea?: unknown;
  callTool?(name: string, args: unknown): Promise<unknown>;
  requestCheckout?(session: unknown): Promise<unknown>;
  openExternal?(target: { href: string; redirectUrl?: false }): unknown;
  setWidgetState?(state: unknown): unknown;
  notifyIntrinsicHeight?(height: number): unknown;
}

export type OpenAiWindow = Pick<Window, 'addEventListener' | 'open'> & { readonly openai?: OpenAi };

type Members = Readonly<Record<string, unknown>>;

function members(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

export class OpenAiHost implements Host {
  readonly shopPage = null;

  constructor(private readonly window: OpenAiWindow) {}

  private get openai(): OpenAi {
    return this.window.openai ?? {};
  }

  get isConnected(): boolean {
    return this.window.openai !== undefined;
  }

  get canCallTools(): boolean {
    return typeof this.openai.callTool === 'function';
  }

  get canOpenLinks(): boolean {
    return typeof this.openai.openExternal === 'function';
  }

  get canResize(): boolean {
    return typeof this.openai.notifyIntrinsicHeight === 'function';
  }

  get canPay(): boolean {
    return typeof this.openai.requestCheckout === 'function';
  }

  get saved(): unknown {
    return this.openai.widgetState ?? undefined;
  }

  get context(): HostContext {
    const { theme, locale, displayMode, maxHeight, safeArea } = this.openai;
    return {
      ...NO_CONTEXT,
      theme: theme === 'dark' || theme === 'light' ? theme : null,
      locale: typeof locale === 'string' && locale !== '' ? locale : null,
      displayMode: displayMode === 'inline' || displayMode === 'fullscreen' || displayMode === 'pip' ? displayMode : null,
      maxHeight: typeof maxHeight === 'number' && maxHeight > 0 ? maxHeight : null,
      safeArea: insets(members(safeArea)['insets']),
    };
  }

  start(listener: HostListener): void {
    const notify = (): void => {
      listener.changed();
      const result = this.result();
      if (result !== null) listener.result(result, this.openai.toolInput);
    };
    this.window.addEventListener('openai:set_globals', notify);
    if (this.isConnected) notify();
  }

  /** The tool result in the form of MCP. ChatGPT passes its parts separately, or the whole result in the metadata. */
  private result(): unknown {
    const metadata = members(this.openai.toolResponseMetadata);
    const whole = members(metadata['mcp_tool_result'] ?? metadata['call_tool_result']);
    const structuredContent = this.openai.toolOutput ?? whole['structuredContent'];
    if (structuredContent === undefined || structuredContent === null) return whole['isError'] === true ? whole : null;
    const meta = whole['_meta'] ?? metadata['_meta'] ?? metadata;
    return { structuredContent, _meta: meta, isError: whole['isError'] === true, content: whole['content'] };
  }

  async callTool(name: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { openai } = this;
    if (!openai.callTool) throw new Error('this host calls no tools');
    return openai.callTool(name, args);
  }

  async pay(sheet: unknown): Promise<unknown> {
    const { openai } = this;
    if (!openai.requestCheckout) throw new Error('this host has no payment sheet');
    return openai.requestCheckout(sheet);
  }

  async openLink(url: string): Promise<void> {
    const { openai } = this;
    // `redirectUrl: false` keeps ChatGPT from adding a return URL to the shop's URL.
    if (openai.openExternal) await openai.openExternal({ href: url, redirectUrl: false });
    else openTab(this.window, url);
  }

  save(state: unknown): void {
    void this.openai.setWidgetState?.(state);
  }

  resize(height: number): void {
    void this.openai.notifyIntrinsicHeight?.(height);
  }
}

function insets(value: unknown): HostContext['safeArea'] {
  const { top, right, bottom, left } = members(value);
  const pixels = (edge: unknown): number => (typeof edge === 'number' && edge > 0 ? edge : 0);
  return value ? { top: pixels(top), right: pixels(right), bottom: pixels(bottom), left: pixels(left) } : null;
}
