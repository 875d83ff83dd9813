// The context of every component, and helpers that components share.

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { formatMoney } from '../money';
import type { Event } from '../shop/events';
import type { Model } from '../shop/model';
import type { Localization } from '../text/catalogue';

export interface View extends Localization {
  readonly model: Model;
  readonly dispatch: (event: Event) => void;
  readonly openLink: (url: string) => void;
}

export const ViewContext = createContext<View | null>(null);

export function useView(): View {
  const view = useContext(ViewContext);
  if (!view) throw new Error('a component outside the view');
  return view;
}

/** Formats amounts of a currency in the shopper's locale. */
export function useMoney(currency: string): (amount: number) => string {
  const { locale } = useView();
  return (amount) => formatMoney(amount, currency, locale);
}

/** Joins class names and skips those that do not apply. */
export function classes(...names: readonly (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(' ');
}
