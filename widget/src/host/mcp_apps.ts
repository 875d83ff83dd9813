// A host of MCP Apps (2026-01-26), the vendor-neutral bridge. It has no payment sheet.

import { type Host, type HostContext, type HostListener, NO_CONTEXT, openTab } from './host';
import { JsonRpc, type Params, type RpcWindow } from './json_rpc';

const PROTOCOL = '2026-01-26';

type AppsWindow = RpcWindow & Pick<Window, 'navigator' | 'open'>;

export class McpAppsHost implements Host {
  readonly canPay = false;
  readonly shopPage = null;
  readonly saved = undefined;
  isConnected = false;
  context: HostContext = NO_CONTEXT;
  private raw: Params = {};
  private input: unknown = null;
  private canOpenLinks = false;
  private listener: HostListener | null = null;
  private readonly rpc: JsonRpc;

  constructor(private readonly window: AppsWindow) {
    // Both requests of the host need only an acknowledgement. The widget has nothing to finish before a teardown.
    const answered = new Set(['ping', 'ui/resource-teardown']);
    this.rpc = new JsonRpc(window, (method, params) => this.handleNotification(method, params), (method) =>
      answered.has(method) ? {} : undefined);
  }

  start(listener: HostListener): void {
    this.listener = listener;
    const hello = {
      protocolVersion: PROTOCOL,
      appInfo: { name: 'merchant-gateway-widget', version: '1' },
      appCapabilities: { availableDisplayModes: ['inline', 'fullscreen'] },
    };
    this.rpc.request('ui/initialize', hello).then(
      (result) => this.initialized((result ?? {}) as Params),
      // The embedding window does not support MCP Apps.
      () => undefined,
    );
  }

  private initialized(result: Params): void {
    this.isConnected = true;
    this.canOpenLinks = Boolean((result['hostCapabilities'] as Params | undefined)?.['openLinks']);
    this.mergeContext(result['hostContext']);
    this.rpc.notify('ui/notifications/initialized', {});
    this.listener?.changed();
  }

  private handleNotification(method: string, params: Params): void {
    switch (method) {
      case 'ui/notifications/tool-input':
        this.input = params['arguments'];
        break;
      case 'ui/notifications/tool-result':
        this.listener?.result(params, this.input);
        break;
      case 'ui/notifications/tool-cancelled':
        this.listener?.cancelled();
        break;
      case 'ui/notifications/host-context-changed':
        this.mergeContext(params);
        this.listener?.changed();
        break;
      default:
        // Notifications of later protocol revisions are ignored.
        break;
    }
  }

  /** Merges a context, or the changed part of it, into the known context. */
  private mergeContext(part: unknown): void {
    if (typeof part !== 'object' || part === null) return;
    this.raw = { ...this.raw, ...part };
    this.context = readContext(this.raw);
  }

  async callTool(name: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (!this.isConnected) throw new Error('no host');
    // The shop writes its messages in this language.
    const locale = this.context.locale ?? this.window.navigator.language;
    return this.rpc.request('tools/call', { name, arguments: args, _meta: { 'openai/locale': locale } });
  }

  async pay(): Promise<unknown> {
    throw new Error('this host has no payment sheet');
  }

  async openLink(url: string): Promise<void> {
    if (this.canOpenLinks && (await this.openByHost(url))) return;
    openTab(this.window, url);
  }

  /** Asks the host to open a URL. The host may refuse with an error or in its result. */
  private openByHost(url: string): Promise<boolean> {
    return this.rpc.request('ui/open-link', { url }).then(
      (result) => (result as Params | null)?.['isError'] !== true,
      () => false,
    );
  }

  save(): void {
    // MCP Apps keeps no state for a view. The tool result identifies the session again.
  }

  resize(height: number): void {
    if (this.isConnected) this.rpc.notify('ui/notifications/size-changed', { height });
  }
}

function readContext(raw: Params): HostContext {
  const { theme, locale, displayMode } = raw;
  const room = (raw['containerDimensions'] ?? {}) as Params;
  const height = room['maxHeight'] ?? room['height'];
  const area = raw['safeAreaInsets'] as HostContext['safeArea'] | undefined;
  const variables = ((raw['styles'] as Params | undefined)?.['variables'] ?? {}) as Params;
  return {
    theme: theme === 'light' || theme === 'dark' ? theme : null,
    locale: typeof locale === 'string' && locale !== '' ? locale : null,
    displayMode: displayMode === 'inline' || displayMode === 'fullscreen' || displayMode === 'pip' ? displayMode : null,
    maxHeight: typeof height === 'number' && height > 0 ? height : null,
    safeArea: area ?? null,
    variables: Object.fromEntries(
      Object.entries(variables).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
  };
}
