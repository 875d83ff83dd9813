// Runs the widget: hands events to `step`, does the effects that come out, keeps what is to be kept.
//
// Invariant: no decision is made here; every end of an effect comes back as an event.

import type { Host } from './host/host';
import type { Effect, Event } from './shop/events';
import { FIRST, type Model } from './shop/model';
import { fields, readAnswer } from './shop/reading';
import { readSaved, step, toSave } from './shop/step';

/** How long a tool may take before its end counts as unknown. */
const PATIENCE = 45_000;

/** How long after the announced moment a session's expiry is looked at. */
const SLACK = 1500;

/** The longest timer of browsers. */
const LONGEST = 2_147_483_647;

export interface Clock {
  now(): number;
  after(milliseconds: number, ring: () => void): void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  after: (milliseconds, ring) => void setTimeout(ring, milliseconds),
};

export class Runtime {
  private present: Model = FIRST;
  private kept = '';

  constructor(
    private readonly host: Host,
    private readonly clock: Clock,
    private readonly changed: () => void,
  ) {}

  get model(): Model {
    return this.present;
  }

  start(): void {
    this.dispatch({ type: 'started', saved: readSaved(this.host.saved) });
    this.host.start({
      result: (result, input) => {
        const product = fields(input)?.['product'];
        const asked = typeof product === 'string' ? product : null;
        this.dispatch({ type: 'given', answer: readAnswer(result), asked });
      },
      cancelled: () => this.dispatch({ type: 'cancelled' }),
      changed: () => {
        const { isConnected: connected, canPay, shopPage } = this.host;
        this.dispatch({ type: 'capable', connected, canPay, ownPage: shopPage !== null });
      },
    });
  }

  readonly dispatch = (event: Event): void => {
    const { model, effects } = step(this.present, event);
    this.present = model;
    this.keep();
    for (const effect of effects) this.run(effect);
    this.changed();
  };

  private keep(): void {
    if (this.present.screen === 'waiting') return;
    const saved = toSave(this.present);
    const text = JSON.stringify(saved);
    if (text === this.kept) return;
    this.kept = text;
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
          (value) => this.dispatch({ type: 'paid', attempt, value }),
          () => this.dispatch({ type: 'unpaid', attempt }),
        );
        break;
      }
      case 'open_page':
        this.host.openLink(effect.url).catch(() => this.dispatch({ type: 'unopened' }));
        break;
      case 'go_on':
        this.host.shopPage?.goOn(effect.url, effect.revision);
        break;
      case 'become':
        this.host.shopPage?.become(effect.url);
        break;
      case 'wait':
        this.clock.after(effect.milliseconds, () => this.dispatch({ type: 'woken', timer: effect.timer }));
        break;
      case 'wait_until': {
        const left = Date.parse(effect.moment) - this.clock.now();
        const milliseconds = Math.min(Math.max(Number.isFinite(left) ? left : 0, 0) + SLACK, LONGEST);
        this.clock.after(milliseconds, () => this.dispatch({ type: 'woken', timer: effect.timer }));
        break;
      }
    }
  }

  private call(call: number, tool: string, args: Readonly<Record<string, unknown>>): void {
    // Whichever comes second finds its call no longer under way.
    this.clock.after(PATIENCE, () => this.dispatch({ type: 'lost', call }));
    this.host.callTool(tool, args).then(
      (result) => this.dispatch({ type: 'answered', call, answer: readAnswer(result) }),
      () => this.dispatch({ type: 'lost', call }),
    );
  }
}
