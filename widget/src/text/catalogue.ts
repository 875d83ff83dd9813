// The text catalogues, and the choice of one by locale. A new language needs one file and one line here.

import { de } from './de';
import { type Texts, en } from './en';

export type { Texts };

const CATALOGUES: Readonly<Record<string, Texts>> = { en, de };

/** Languages written from right to left. The page changes direction only for a language with a catalogue. */
const RIGHT_TO_LEFT = new Set(['ar', 'fa', 'he', 'ur']);

export interface Localization {
  /** The language of the texts. */
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly text: Texts;
  /** The locale for numbers, dates and countries: the host's locale, if its language has a catalogue. */
  readonly locale: string;
}

/** The texts for a locale such as `de-AT`; English for a language without a catalogue. */
export function localizationFor(locale: string): Localization {
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
