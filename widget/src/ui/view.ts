// What every component is given, and small things that they share.

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { formatMoney } from '../money';
import type { Event } from '../shop/events';
import type { Model } from '../shop/model';
import type { Speech } from '../text/catalogue';

export interface View extends Speech {
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

/** Writes amounts of a currency in the shopper's way. */
export function useMoney(currency: string): (amount: number) => string {
  const { locale } = useView();
  return (amount) => formatMoney(amount, currency, locale);
}

/** Class names, without those that do not apply. */
export function classes(...names: readonly (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(' ');
}
