// The shipping options and the totals, as the shop sent them.

import type { JSX } from 'preact';
import { isChanging, wantedOption } from '../shop/model';
import type { Session, ShippingOption, TotalRow } from '../shop/wire';
import { type Texts, fill } from '../text/catalogue';
import { classes, useMoney, useView } from './view';

export function Shipping({ session, editable }: { session: Session; editable: boolean }): JSX.Element | null {
  const { model, dispatch, text, locale } = useView();
  const money = useMoney(session.currency);
  const chosen = wantedOption(model);
  if (session.options.length === 0) return null;
  return (
    <fieldset class="shipping" disabled={!editable}>
      <legend>{text.shipping}</legend>
      {session.options.map((option) => (
        <label key={option.id} class="option">
          <input
            type="radio" name="shipping" checked={option.id === chosen}
            onChange={() => dispatch({ type: 'shipping', id: option.id })}
          />
          <span class="option-words">
            <span>{[option.title, option.subtitle].filter(Boolean).join(' · ')}</span>
            {option.earliest && <span class="soft small">{fill(text.arrives, { date: deliveryDates(option, locale) })}</span>}
          </span>
          <span>{option.total === 0 ? text.free : money(option.total)}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** The range of delivery dates. */
function deliveryDates({ earliest, latest }: ShippingOption, locale: string): string {
  const from = new Date(earliest ?? '');
  const until = new Date(latest ?? earliest ?? '');
  const days = new Intl.DateTimeFormat(locale, { weekday: 'short', month: 'short', day: 'numeric' });
  return Number.isNaN(from.getTime()) || Number.isNaN(until.getTime()) ? '' : days.formatRange(from, until);
}

export function Totals({ session }: { session: Session }): JSX.Element {
  const { model, text } = useView();
  const money = useMoney(session.currency);
  return (
    <dl class={classes('totals', isChanging(model) && 'pending')} aria-label={text.totals}>
      {session.totals.map((row) => (
        <div key={row.type} class={classes('sum', row.type === 'total' && 'total')}>
          <dt>{labelOf(row, text)}</dt>
          {/* The shop sends discounts as positive amounts. The sign is for display. */}
          <dd>{isDiscount(row) && row.amount > 0 ? `−${money(row.amount)}` : money(row.amount)}</dd>
        </div>
      ))}
    </dl>
  );
}

function isDiscount({ type }: TotalRow): boolean {
  return type === 'items_discount' || type === 'discount';
}

/** The label of a row: from the catalogue, else the shop's own text. */
function labelOf(row: TotalRow, text: Texts): string {
  const key = `row_${row.type}`;
  return Object.hasOwn(text, key) ? text[key as keyof Texts] : row.text;
}
