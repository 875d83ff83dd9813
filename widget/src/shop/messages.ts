// The messages to the shopper. The shop writes its texts for models as well, so the widget adapts them. Pure.

import type { Model } from './model';
import { productOf } from './model';
import type { Message } from './wire';

/** Matches clauses for models and hosts: they name a tool or a field, or tell what to send. */
const FOR_MODELS = /\b(?:[a-z_]+_(?:products|checkout|session_id|options|session|data)|show-buy-product-widget)\b|^Send /;

/** The text as a sentence for shoppers: without clauses for models, and with product names in place of ids. */
export function toShopperText(content: string, model: Model): string {
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

/** The ids of the order lines that error messages quote. */
export function unavailableLineIds(messages: readonly Message[]): ReadonlySet<string> {
  const about = messages.filter((message) => message.type === 'error' && message.param === 'line_items');
  return new Set(about.flatMap(({ content }) => [...content.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '')));
}

/** Whether a message only asks for the first address. The form already tells the shopper that. */
export function isFirstAddressRequest(message: Message): boolean {
  return message.code === 'missing' && message.param === 'fulfillment_address';
}

/** The messages to show, without duplicates: first those of notices, then those of the session. */
export function messagesToShow(model: Model): readonly Message[] {
  const happened = model.notices.flatMap((notice) => (notice.kind === 'message' ? [notice.message] : []));
  const all = [...happened, ...(model.session?.messages ?? [])].filter((message) => !isFirstAddressRequest(message));
  const contents = all.map(({ content }) => content);
  return all.filter(({ content }, at) => contents.indexOf(content) === at);
}
