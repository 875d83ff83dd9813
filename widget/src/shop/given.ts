// What the host gives by itself: the tool result that the widget was opened with, and what the last life of the widget
// left behind. Pure.
//
// Invariant: a session that a host hands over may be old (hosts repeat results, and draw the widget anew long after),
// so it is read from the shop before it can be paid.

import { browse, open, remember } from './browsing';
import { type Step, to } from './events';
import { EMPTY_LISTING, type Model, type Saved } from './model';
import { choicesOf } from './options';
import { ask, read } from './session_calls';
import type { Answer, Product, Session } from './wire';

/** The widget begins; with a session from before, that is looked at first. */
export function started(model: Model, saved: Saved | null): Step {
  return saved?.session ? restore({ ...model, saved }, saved.session) : to({ ...model, saved });
}

export function restore(model: Model, id: string): Step {
  return ask({ ...model, notices: [] }, { kind: 'read', why: 'restore', id, then: [] });
}

/** The host gave a tool's result, perhaps again. */
export function given(model: Model, answer: Answer, asked: string | null): Step {
  const shop = answer.shop ?? model.shop;
  // Of two bridges, one may bring what the other leaves out.
  if (model.given && mark(model.given) === mark(answer)) return to({ ...model, shop });
  const first = model.given === null;
  const next: Model = { ...model, given: answer, shop };
  // What the shopper did since the first result counts for more than that result.
  if (first && model.saved?.session) return to(withProducts(next, answer));
  // It came so late that the shopper has chosen something meanwhile.
  if (first && !answer.session && (model.selection || model.session)) return to(remember(next, answer.products ?? []));
  return show(next, answer, asked);
}

/** Tells a repetition from news: the same things shown, in whatever words. */
function mark({ session, products, isError }: Answer): string {
  return JSON.stringify([session?.id, session?.status, products?.map(({ id }) => id), isError]);
}

/** Begins anew with what the host gave, forgetting the session of before. */
export function forget(model: Model): Step {
  const next: Model = { ...model, saved: null, session: null, stale: false, notices: [] };
  const step = model.given ? show(next, model.given, null) : browse(next);
  const empty = step.model.screen === 'waiting' || (step.model.screen === 'checkout' && !step.model.session);
  return empty && step.model.notices.length === 0 ? browse(step.model) : step;
}

function show(model: Model, answer: Answer, asked: string | null): Step {
  if (answer.session) return showSession(model, answer.session);
  if (answer.products) return showProducts(withProducts(model, answer), answer.products, asked);
  if (!answer.isError) return to(model);
  return to({ ...model, notices: [{ kind: 'refused', text: answer.text }] });
}

function showSession(model: Model, session: Session): Step {
  const { session: present } = model;
  if (present?.bareId === session.bareId) {
    // Our own calls bring their own answers; only a newer state that came about elsewhere is news.
    const news = session.revision > present.revision && model.payment.kind === 'idle' && model.flight === null;
    return news ? read(model, 'given') : to(model);
  }
  if (model.flight !== null || model.payment.kind !== 'idle') return to(model);
  return read({ ...model, session, stale: true, screen: 'checkout', review: null, editingAddress: false }, 'given');
}

function withProducts(model: Model, answer: Answer): Model {
  if (!answer.products) return model;
  const listing = { ...EMPTY_LISTING, products: answer.products, cursor: answer.nextCursor };
  return { ...remember(model, answer.products), listing };
}

function showProducts(model: Model, products: readonly Product[], asked: string | null): Step {
  const { saved } = model;
  const kept = products.find(({ id }) => id === saved?.product);
  if (saved && kept && saved.screen === 'product') {
    const variant = kept.variants.find(({ id }) => id === saved.item);
    const step = open(model, kept, saved.item, null, saved.quantity);
    if (!variant || !step.model.selection) return step;
    return to({ ...step.model, selection: { ...step.model.selection, chosen: choicesOf(kept, variant) } });
  }
  const [only, ...others] = products;
  return only && others.length === 0 ? open(model, only, asked) : to({ ...model, screen: 'list' });
}
