// JSON-RPC 2.0 over postMessage with the window that embeds this one.
//
// Invariant: only messages from that window count.

export type Params = Readonly<Record<string, unknown>>;

export type RpcWindow = Pick<Window, 'addEventListener'> & {
  readonly parent: Pick<Window, 'postMessage'>;
};

interface PendingRequest {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface Message {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message?: unknown };
}

export class JsonRpc {
  private readonly pending = new Map<number, PendingRequest>();
  private lastId = 0;

  /** `answerRequest` returns the result of a request from the other side; `undefined` for an unknown method. */
  constructor(
    private readonly window: RpcWindow,
    private readonly handleNotification: (method: string, params: Params) => void,
    private readonly answerRequest: (method: string) => Params | undefined,
  ) {
    window.addEventListener('message', (event) => this.handleMessage(event));
  }

  request(method: string, params: Params): Promise<unknown> {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.post({ id, method, params });
    });
  }

  notify(method: string, params: Params): void {
    this.post({ method, params });
  }

  private post(message: Params): void {
    // A sandboxed page does not know the origin of the embedding window. Whoever embeds the page is its host.
    this.window.parent.postMessage({ jsonrpc: '2.0', ...message }, '*');
  }

  private handleMessage(event: MessageEvent): void {
    const message = event.data as Message | null;
    if (event.source !== this.window.parent || typeof message !== 'object' || message?.jsonrpc !== '2.0') return;
    const { id, method } = message;
    if (typeof method !== 'string') this.settle(message);
    else if (id === undefined) this.handleNotification(method, (message.params ?? {}) as Params);
    else this.reply(id, method);
  }

  private settle({ id, result, error }: Message): void {
    const pending = this.pending.get(id as number);
    if (!pending) return;
    this.pending.delete(id as number);
    if (error) pending.reject(new Error(typeof error.message === 'string' ? error.message : 'refused'));
    else pending.resolve(result);
  }

  private reply(id: unknown, method: string): void {
    const result = this.answerRequest(method);
    this.post(result ? { id, result } : { id, error: { code: -32601, message: `Method not found: ${method}` } });
  }
}
