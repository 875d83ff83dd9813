// Calls to the session and their answers. Pure.
//
// Invariants: an answer counts only while its call is the one under way, and never replaces a newer revision; after
// any call whose end is not known, the session is read before it is shown as settled.

import { AWAY, isPending, leave, linger, mayLeave } from './away';
import { type Patch, merged, toArguments } from './cart';
import { confirm } from './confirming';
import { type Effect, type Step, to } from './events';
import { type Ask, type Model, type Notice, asksForAddress, hasEnded, isEditable } from './model';
import { type Review, review } from './review';
import { watch } from './watching';
import type { Answer, Session } from './wire';

/** Starts a call; the caller has seen to it that none is under way. */
export function ask(model: Model, wanted: Ask): Step {
  const call = model.counter + 1;
  const next = { ...model, counter: call, flight: { call, ask: wanted } };
  return to(next, { type: 'call', call, ...request(model.session, wanted) });
}

function request(session: Session | null, wanted: Ask): { tool: string; args: Record<string, unknown> } {
  const named = { checkout_session_id: session?.bareId ?? '' };
  switch (wanted.kind) {
    case 'create':
      return { tool: 'create_checkout', args: toArguments(wanted.patch) };
    case 'update':
      // The revision that was shown: a change made elsewhere meanwhile is not run over.
      return { tool: 'update_checkout', args: { ...named, revision: session?.revision, ...toArguments(wanted.patch) } };
    case 'cancel':
      return { tool: 'cancel_checkout', args: named };
    case 'start':
      return { tool: 'start_hosted_checkout', args: named };
    case 'read':
      return { tool: 'get_checkout', args: { checkout_session_id: wanted.id } };
  }
}

/** Reads the present session. */
export function read(model: Model, why: Extract<Ask, { kind: 'read' }>['why'], then: readonly Notice[] = []): Step {
  return model.session ? ask(model, { kind: 'read', why, id: model.session.bareId, then }) : to(model);
}

/** The shopper changed something: sent now, or after the call under way. */
export function change(model: Model, patch: Patch): Step {
  if (!isEditable(model)) return to(model);
  // Acting on the order is having looked at it.
  const seen = { ...model, notices: [], review: null };
  if (seen.flight) return to({ ...seen, queued: merged(seen.queued, patch) });
  return send(seen, patch);
}

function send(model: Model, patch: Patch): Step {
  const { session } = model;
  if (session && !hasEnded(session)) return ask(model, { kind: 'update', patch, renew: false });
  return patch.items ? ask(model, { kind: 'create', patch }) : to(model);
}

/** An answer arrived. */
export function answered(model: Model, call: number, answer: Answer): Step {
  const flight = model.flight;
  if (flight?.call !== call) return to(model);
  const landed: Model = { ...model, flight: null, shop: answer.shop ?? model.shop };
  if (answer.session) return adopt(landed, flight.ask, answer.session);
  const text = answer.text;
  return failed(landed, flight.ask, answer.isError && text ? { kind: 'refused', text } : { kind: 'own', key: 'no_answer' });
}

/** No answer came in time, or the host gave up: the call may or may not have been carried out. */
export function lost(model: Model, call: number): Step {
  const flight = model.flight;
  if (flight?.call !== call) return to(model);
  return failed({ ...model, flight: null }, flight.ask, { kind: 'own', key: 'no_answer' });
}

/** Takes a session over as the one that is shown. */
export function adopt(model: Model, wanted: Ask, answer: Session): Step {
  const before = model.session?.bareId === answer.bareId ? model.session : null;
  const session = before ? joined(before, answer) : answer;
  const asked = wanted.kind === 'update' && !wanted.renew;
  // What a host handed over may be of any age: that it differs is no news.
  const given = wanted.kind === 'read' && wanted.why === 'given';
  const news = before && !given && !hasEnded(session) ? review(before, session, asked, removedBy(wanted, before)) : null;
  const next: Model = {
    ...model,
    session,
    stale: false,
    ...placeAfter(model, wanted, session),
    payment: isAwayAgain(model, wanted) ? AWAY : model.payment,
    review: hasEnded(session) ? null : (news ?? (asked ? null : model.review)),
    notices: noticesAfter(wanted, before, session, news),
    editingAddress: isEditingAfter(model, wanted, session),
  };
  const step = onward(next, wanted);
  const { pageUrl } = session;
  if (wanted.kind !== 'create' || !model.ownPage || !pageUrl) return step;
  return to(step.model, { type: 'become', url: pageUrl }, ...step.effects);
}

/** A newer state of the same session over an older one. */
function joined(before: Session, after: Session): Session {
  if (after.revision < before.revision) return before;
  const kept = { ...after, order: after.order ?? before.order, links: after.links.length > 0 ? after.links : before.links };
  if (!after.partial) return kept;
  // The same revision is the same object: the host then gets the whole one, with the address in it.
  const raw = after.id === before.id && after.status === before.status ? before.raw : after.raw;
  return { ...kept, address: before.address, raw };
}

/** Where the shopper is taken: to the order, once what was put into it is in. */
function placeAfter(model: Model, wanted: Ask, after: Session): Pick<Model, 'screen' | 'selection' | 'buying'> {
  const bought = model.buying && model.queued === null;
  // Drawn anew; or paid while the shopper was elsewhere.
  const restored = wanted.kind === 'read' && (wanted.why === 'restore' || (wanted.why === 'watch' && after.status === 'completed'));
  if (bought) return { screen: 'checkout', selection: null, buying: false };
  return { screen: restored ? 'checkout' : model.screen, selection: model.selection, buying: model.buying };
}

/** Drawn anew while the shopper is on the shop's page. */
function isAwayAgain(model: Model, wanted: Ask): boolean {
  return wanted.kind === 'read' && wanted.why === 'restore' && model.saved?.away === true;
}

function removedBy(wanted: Ask, before: Session): readonly string[] {
  const items = wanted.kind === 'update' ? wanted.patch.items : undefined;
  return items ? before.lines.map(({ id }) => id).filter((id) => items.every((item) => item.id !== id)) : [];
}

function noticesAfter(wanted: Ask, before: Session | null, after: Session, news: Review | null): readonly Notice[] {
  if (after.status === 'completed') return [];
  if (wanted.kind === 'update' && wanted.renew) {
    return news === null && after.status === 'ready_for_payment' ? [{ kind: 'own', key: 'prices_fresh' }] : [];
  }
  const moved = before !== null && after.revision !== before.revision;
  if (wanted.kind === 'start') {
    if (moved) return [{ kind: 'own', key: 'changed_elsewhere' }];
    return after.status === 'ready_for_payment' && after.pageUrl === null ? [{ kind: 'own', key: 'no_page' }] : [];
  }
  if (wanted.kind !== 'read') return [];
  if (wanted.why === 'page') {
    if (moved) return [{ kind: 'own', key: 'changed_elsewhere' }];
    return isPending(after) || hasEnded(after) ? [] : [{ kind: 'own', key: 'sheet_closed' }];
  }
  if ((wanted.why === 'error' || wanted.why === 'watch') && after.status === 'canceled') return [];
  if (wanted.why === 'watch' && moved) return [{ kind: 'own', key: 'changed_elsewhere' }];
  // A refusal because of a newer revision is told by what it means.
  if (wanted.why === 'error' && moved) {
    const uncertain = wanted.then.some((notice) => notice.kind === 'own');
    return [{ kind: 'own', key: uncertain ? 'reread' : 'changed_elsewhere' }];
  }
  return wanted.then;
}

function isEditingAfter(model: Model, wanted: Ask, session: Session): boolean {
  if (asksForAddress(session)) return true;
  const sent = (wanted.kind === 'update' || wanted.kind === 'create') && wanted.patch.address !== undefined;
  return model.editingAddress && !sent && !hasEnded(session) && session.address !== null;
}

/** What follows from the state of the session that was taken over. */
function onward(model: Model, wanted: Ask): Step {
  const { session, queued, payment } = model;
  if (wanted.kind === 'start' && mayLeave(model)) return leave(model);
  const quiet = model.notices.length === 0 && model.review === null;
  if (payment.kind === 'away' && session && isPending(session) && quiet) return linger(model);
  if (session?.status === 'in_progress') {
    return confirm({ ...model, queued: null, watch: null }, wanted.kind === 'read' && wanted.why === 'poll');
  }
  const idle: Model = { ...model, payment: { kind: 'idle' }, queued: null };
  if (hasEnded(session)) return to({ ...idle, watch: null });
  const step = queued ? send(idle, queued) : watchExpiry(idle);
  if (wanted.kind !== 'read' || !LOOKED_ON_AFTER.has(wanted.why)) return step;
  const looks = wanted.why === 'watch' ? (model.watch?.looks ?? 0) : 0;
  return also(step, watch(step.model, looks));
}

/** What is read because of a payment that may still be made. */
const LOOKED_ON_AFTER: ReadonlySet<string> = new Set(['payment', 'page', 'watch']);

/** One step, and another that goes on from its model. */
function also(first: Step, second: Step): Step {
  return to(second.model, ...first.effects, ...second.effects);
}

/** Looks again when the prices expire. Once per revision: this machine's clock may be wrong, the shop's is not. */
function watchExpiry(model: Model): Step {
  const { session, expiry } = model;
  if (!session?.expiresAt || session.status !== 'ready_for_payment' || expiry?.id === session.id) return to(model);
  const timer = model.counter + 1;
  const effect: Effect = { type: 'wait_until', timer, moment: session.expiresAt };
  return to({ ...model, counter: timer, expiry: { timer, id: session.id } }, effect);
}

/** A call came to nothing: what waited behind it is dropped, and a session that may have changed is read again. */
function failed(model: Model, wanted: Ask, why: Notice): Step {
  // Nothing was opened, so nothing is being paid.
  const payment = wanted.kind === 'start' ? ({ kind: 'idle' } as const) : model.payment;
  const next: Model = { ...model, queued: null, buying: false, payment };
  if (wanted.kind === 'create') return to({ ...next, notices: [why] });
  if (wanted.kind !== 'read') return read({ ...next, stale: true }, 'error', [why]);
  switch (wanted.why) {
    case 'restore':
      return to({ ...next, notices: [why] });
    case 'poll':
      return confirm(next, true);
    case 'page':
      return linger({ ...next, notices: [why] });
    case 'payment':
      return watch({ ...next, payment: { kind: 'unsure' }, notices: why.kind === 'refused' ? [why] : [] });
    case 'given':
    case 'error':
    case 'expiry':
    case 'watch':
    case 'asked':
      return to({ ...next, stale: true, notices: [...wanted.then, why] });
  }
}
