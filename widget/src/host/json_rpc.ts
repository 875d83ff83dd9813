// JSON-RPC 2.0 over postMessage with the window that embeds this one.
//
// Invariant: only messages of that very window are heard.

export type Params = Readonly<Record<string, unknown>>;

export type RpcWindow = Pick<Window, 'addEventListener'> & {
  readonly parent: Pick<Window, 'postMessage'>;
};

interface Waiting {
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
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  /** `answer` gives the result of a request of the other side, `undefined` for a method that is not known. */
  constructor(
    private readonly window: RpcWindow,
    private readonly notified: (method: string, params: Params) => void,
    private readonly answer: (method: string) => Params | undefined,
  ) {
    window.addEventListener('message', (event) => this.hear(event));
  }

  request(method: string, params: Params): Promise<unknown> {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.post({ id, method, params });
    });
  }

  notify(method: string, params: Params): void {
    this.post({ method, params });
  }

  private post(message: Params): void {
    // The embedding window's origin is not known to a sandboxed page; whoever embeds it is its host.
    this.window.parent.postMessage({ jsonrpc: '2.0', ...message }, '*');
  }

  private hear(event: MessageEvent): void {
    const message = event.data as Message | null;
    if (event.source !== this.window.parent || typeof message !== 'object' || message?.jsonrpc !== '2.0') return;
    const { id, method } = message;
    if (typeof method !== 'string') this.settle(message);
    else if (id === undefined) this.notified(method, (message.params ?? {}) as Params);
    else this.reply(id, method);
  }

  private settle({ id, result, error }: Message): void {
    const waiting = this.waiting.get(id as number);
    if (!waiting) return;
    this.waiting.delete(id as number);
    if (error) waiting.reject(new Error(typeof error.message === 'string' ? error.message : 'refused'));
    else waiting.resolve(result);
  }

  private reply(id: unknown, method: string): void {
    const result = this.answer(method);
    this.post(result ? { id, result } : { id, error: { code: -32601, message: `Method not found: ${method}` } });
  }
}
