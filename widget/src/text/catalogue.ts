// The catalogues, and which one a host's locale gets. A new language is one file and one line here.

import { de } from './de';
import { type Messages, en } from './en';

export type { Messages };

const CATALOGUES: Readonly<Record<string, Messages>> = { en, de };

/** Languages written from right to left: the page turns only for a catalogue that it has. */
const RIGHT_TO_LEFT = new Set(['ar', 'fa', 'he', 'ur']);

export interface Speech {
  /** The language of the words. */
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly text: Messages;
  /** How numbers, dates and countries are written: the host's locale, where the words are of its language. */
  readonly locale: string;
}

/** Words for a locale such as `de-AT`; English for a language without a catalogue. */
export function speechFor(locale: string): Speech {
  const [primary = ''] = locale.toLowerCase().split(/[-_]/);
  const text = Object.hasOwn(CATALOGUES, primary) ? CATALOGUES[primary] : undefined;
  if (!text) return { language: 'en', direction: 'ltr', text: en, locale: 'en-US' };
  const direction = RIGHT_TO_LEFT.has(primary) ? 'rtl' : 'ltr';
  return { language: primary, direction, text, locale: canonical(locale.replaceAll('_', '-')) ?? primary };
}

function canonical(locale: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(locale)[0];
  } catch {
    return undefined;
  }
}
