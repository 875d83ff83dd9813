// Detects the host. The shop's own page carries a marker. ChatGPT supports both bridges, and either may connect first or
// deliver the first result, so the widget listens to both. For each request to the host, its own bridge takes precedence
// over MCP Apps.

import { CheckoutPageHost } from './checkout_page';
import type { Host, HostContext, HostListener } from './host';
import { McpAppsHost } from './mcp_apps';
import { OpenAiHost, type OpenAiWindow } from './openai';

class CombinedHost implements Host {
  readonly shopPage = null;

  constructor(
    private readonly openai: OpenAiHost,
    /** `null` for a page without an embedding window. */
    private readonly apps: McpAppsHost | null,
  ) {}

  get isConnected(): boolean {
    return this.openai.isConnected || this.apps?.isConnected === true;
  }

  get canPay(): boolean {
    return this.openai.canPay;
  }

  get saved(): unknown {
    return this.openai.saved;
  }

  get context(): HostContext {
    const { context } = this.openai;
    const common = this.apps?.context;
    if (!common) return context;
    return {
      theme: context.theme ?? common.theme,
      locale: context.locale ?? common.locale,
      displayMode: context.displayMode ?? common.displayMode,
      maxHeight: context.maxHeight ?? common.maxHeight,
      safeArea: context.safeArea ?? common.safeArea,
      variables: common.variables,
    };
  }

  start(listener: HostListener): void {
    this.openai.start(listener);
    this.apps?.start(listener);
  }

  callTool(name: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.openai.canCallTools || !this.apps ? this.openai.callTool(name, args) : this.apps.callTool(name, args);
  }

  pay(sheet: unknown): Promise<unknown> {
    return this.openai.pay(sheet);
  }

  openLink(url: string): Promise<void> {
    return this.openai.canOpenLinks || !this.apps ? this.openai.openLink(url) : this.apps.openLink(url);
  }

  save(state: unknown): void {
    this.openai.save(state);
  }

  resize(height: number): void {
    if (this.openai.canResize || !this.apps) this.openai.resize(height);
    else this.apps.resize(height);
  }
}

/** The host of this window. */
export function detect(window: Window): Host {
  if (CheckoutPageHost.owns(window.document)) return new CheckoutPageHost(window);
  const apps = window.parent === window ? null : new McpAppsHost(window);
  return new CombinedHost(new OpenAiHost(window as OpenAiWindow), apps);
}
