// What the shop says, made fit for a shopper: its texts are written for models as well. Pure.

import type { Model } from './model';
import { productOf } from './model';
import type { Message } from './wire';

/** Clauses that name a tool or a field tell a model or a host what to send. */
const FOR_MODELS = /\b(?:[a-z_]+_(?:products|checkout|session_id|options|session|data)|show-buy-product-widget)\b|^Send /;

/** The text without clauses for models, with products called by their names, as a sentence. */
export function forShopper(content: string, model: Model): string {
  const sentences = content.split(/(?<=[.!?])\s+/).map((sentence) => {
    const clauses = sentence.split(/;\s+/);
    return clauses.filter((clause) => !FOR_MODELS.test(clause)).join('; ');
  });
  const text = sentences.filter((sentence) => sentence !== '').join(' ');
  const named = text.replace(/"([^"]+)"/g, (quoted: string, id: string) => nameOf(model, id) ?? quoted);
  const whole = named.charAt(0).toUpperCase() + named.slice(1);
  return whole === '' || /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

function nameOf(model: Model, id: string): string | null {
  return model.session?.lines.find((line) => line.id === id)?.name ?? productOf(model, id)?.title ?? null;
}

/** The lines that a message is about, by the ids that it quotes. */
export function linesAbout(messages: readonly Message[]): ReadonlySet<string> {
  const about = messages.filter((message) => message.type === 'error' && message.param === 'line_items');
  return new Set(about.flatMap(({ content }) => [...content.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '')));
}

/** A message that only asks for the first address: the form itself says so. */
export function isInvitation(message: Message): boolean {
  return message.code === 'missing' && message.param === 'fulfillment_address';
}

/** What there is to tell: first what happened, then what the session says; nothing twice. */
export function messagesToShow(model: Model): readonly Message[] {
  const happened = model.notices.flatMap((notice) => (notice.kind === 'message' ? [notice.message] : []));
  const all = [...happened, ...(model.session?.messages ?? [])].filter((message) => !isInvitation(message));
  const contents = all.map(({ content }) => content);
  return all.filter(({ content }, at) => contents.indexOf(content) === at);
}
