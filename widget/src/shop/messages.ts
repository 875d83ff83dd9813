// The messages to the shopper. The shop writes them in the shopper's language, and the widget shows them unchanged. Pure.

import type { Model } from './model';
import type { Message } from './wire';

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
