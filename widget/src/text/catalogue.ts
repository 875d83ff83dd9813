// The widget's texts, and the choice of a language by locale. The texts are the section `widget` of the shop's catalogues,
// which the server's pages and messages use as well. A new language needs one file there and two lines here.

// Imported by name, so that the build leaves the server's sections out of the page.
import { widget as de } from '../../../src/protocol/texts/de.json';
import { widget as en } from '../../../src/protocol/texts/en.json';

/** The texts of a language. English is the reference: a catalogue that lacks one of its keys does not compile. */
export type Texts = Readonly<Record<keyof typeof en, string>>;

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

/** Puts values in place of the `{name}`s of a template. Braces within a value stay as they are. */
export function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (mark, name: string) => String(values[name] ?? mark));
}
