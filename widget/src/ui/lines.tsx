// The lines of the order.

import type { JSX } from 'preact';
import { isEditable, productOf, wantedItems } from '../shop/model';
import type { Line, Session } from '../shop/wire';
import { fill } from '../text/catalogue';
import { Bin } from './icons';
import { Picture } from './picture';
import { Quantity } from './quantity';
import { classes, useMoney, useView } from './view';

interface LinesProps {
  readonly session: Session;
  readonly editable: boolean;
  /** Removing the last line cancels the order, so the shopper confirms it first. */
  readonly onRemoveLast: () => void;
}

export function Lines({ session, editable, onRemoveLast }: LinesProps): JSX.Element {
  const { model, dispatch } = useView();
  const wanted = wantedItems(model);
  const kept = session.lines.filter((line) => !editable || wanted.some(({ id }) => id === line.id));
  const remove = (id: string): void => (wanted.length > 1 ? dispatch({ type: 'line_remove', id }) : onRemoveLast());
  return (
    <ul class="rows lines">
      {kept.map((line) => (
        <LineRow
          key={line.id} line={line} currency={session.currency} gone={session.unavailableItems.includes(line.id)}
          quantity={wanted.find(({ id }) => id === line.id)?.quantity ?? line.quantity}
          editable={editable && isEditable(model)} onRemove={() => remove(line.id)}
        />
      ))}
    </ul>
  );
}

interface LineRowProps {
  readonly line: Line;
  readonly currency: string;
  readonly quantity: number;
  readonly gone: boolean;
  readonly editable: boolean;
  readonly onRemove: () => void;
}

function LineRow({ line, currency, quantity, gone, editable, onRemove }: LineRowProps): JSX.Element {
  const { model, dispatch, text } = useView();
  const money = useMoney(currency);
  const product = productOf(model, line.id);
  const hasForms = product === null ? line.name.includes('(') : product.variants.length > 1;
  const pending = quantity !== line.quantity;
  return (
    <li class={classes('line', gone && 'gone')}>
      <Picture url={line.images[0]} alt="" kind="small" />
      <div class="line-words">
        <p class="row-title">{line.name}</p>
        {gone && <p class="unavailable">{text.out_of_stock}</p>}
        {!editable && <p class="soft">{fill(text.line_count, { count: line.quantity })}</p>}
        {editable && (
          <div class="line-tools">
            <Quantity
              label={fill(text.line_quantity, { name: line.name })} value={quantity} disabled={false}
              onChange={(wanted) => dispatch({ type: 'line_quantity', id: line.id, quantity: wanted })}
            />
            <button
              type="button" class="quiet square" aria-label={fill(text.line_remove, { name: line.name })} onClick={onRemove}
            >
              <Bin />
            </button>
            {hasForms && (
              <button
                type="button" class="quiet" aria-label={fill(text.line_change, { name: line.name })}
                onClick={() => dispatch({ type: 'line_change', id: line.id })}
              >
                {text.line_change_short}
              </button>
            )}
          </div>
        )}
      </div>
      <div class={classes('line-amount', pending && 'pending')}>
        {line.discount > 0 && <s class="soft">{money(line.baseAmount)}</s>}
        <span>{money(line.subtotal)}</span>
        {line.discount > 0 && <span class="soft small">{fill(text.discount_of, { amount: money(line.discount) })}</span>}
      </div>
    </li>
  );
}
