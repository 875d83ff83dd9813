// Runs the widget: passes events to `step`, runs the resulting effects, and saves the state.
//
// Invariant: this module makes no decisions. Every outcome of an effect comes back as an event.

import type { Host } from './host/host';
import type { Effect, Event } from './shop/events';
import { INITIAL_MODEL, type Model } from './shop/model';
import { fields, readToolResult } from './shop/reading';
import { readSavedState, step, toSavedState } from './shop/step';

/** How long a tool call may take before its outcome counts as unknown, in milliseconds. */
const CALL_TIMEOUT = 45_000;

/** How long after the expiry of a session the widget reads it, in milliseconds. */
const EXPIRY_MARGIN = 1500;

/** The longest delay that browsers support for a timer, in milliseconds. */
const MAX_TIMER = 2_147_483_647;

export interface Clock {
  now(): number;
  after(milliseconds: number, callback: () => void): void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  after: (milliseconds, callback) => void setTimeout(callback, milliseconds),
};

export class Runtime {
  private current: Model = INITIAL_MODEL;
  private lastSaved = '';

  constructor(
    private readonly host: Host,
    private readonly clock: Clock,
    private readonly changed: () => void,
  ) {}

  get model(): Model {
    return this.current;
  }

  start(): void {
    this.dispatch({ type: 'started', saved: readSavedState(this.host.saved) });
    this.host.start({
      result: (result, input) => {
        const product = fields(input)?.['product'];
        const requestedItem = typeof product === 'string' ? product : null;
        this.dispatch({ type: 'tool_result', result: readToolResult(result), requestedItem });
      },
      cancelled: () => this.dispatch({ type: 'cancelled' }),
      changed: () => {
        const { isConnected: connected, canPay, shopPage } = this.host;
        this.dispatch({ type: 'capabilities', connected, canPay, ownPage: shopPage !== null });
      },
    });
  }

  readonly dispatch = (event: Event): void => {
    const { model, effects } = step(this.current, event);
    this.current = model;
    this.save();
    for (const effect of effects) this.run(effect);
    this.changed();
  };

  private save(): void {
    if (this.current.screen === 'waiting') return;
    const saved = toSavedState(this.current);
    const text = JSON.stringify(saved);
    if (text === this.lastSaved) return;
    this.lastSaved = text;
    this.host.save(saved);
  }

  private run(effect: Effect): void {
    switch (effect.type) {
      case 'call':
        this.call(effect.call, effect.tool, effect.args);
        break;
      case 'pay': {
        const { attempt } = effect;
        this.host.pay(effect.sheet).then(
          (value) => this.dispatch({ type: 'sheet_resolved', attempt, value }),
          () => this.dispatch({ type: 'sheet_rejected', attempt }),
        );
        break;
      }
      case 'open_page':
        this.host.openLink(effect.url).catch(() => this.dispatch({ type: 'open_page_failed' }));
        break;
      case 'submit_payment':
        this.host.shopPage?.submitPayment(effect.url, effect.revision);
        break;
      case 'replace_page':
        this.host.shopPage?.replacePage(effect.url);
        break;
      case 'wait':
        this.clock.after(effect.milliseconds, () => this.dispatch({ type: 'timer_fired', timer: effect.timer }));
        break;
      case 'wait_until': {
        const left = Date.parse(effect.moment) - this.clock.now();
        const milliseconds = Math.min(Math.max(Number.isFinite(left) ? left : 0, 0) + EXPIRY_MARGIN, MAX_TIMER);
        this.clock.after(milliseconds, () => this.dispatch({ type: 'timer_fired', timer: effect.timer }));
        break;
      }
    }
  }

  private call(call: number, tool: string, args: Readonly<Record<string, unknown>>): void {
    // The first of the two outcomes settles the call. The second finds it no longer in flight.
    this.clock.after(CALL_TIMEOUT, () => this.dispatch({ type: 'call_failed', call }));
    this.host.callTool(tool, args).then(
      (result) => this.dispatch({ type: 'call_answered', call, result: readToolResult(result) }),
      () => this.dispatch({ type: 'call_failed', call }),
    );
  }
}
