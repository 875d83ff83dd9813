// One product: its options and the quantity.

import type { JSX } from 'preact';
import { type Selection, hasEnded, isEditable } from '../shop/model';
import { type Axis, axesOf, isOffered, selectedItem, variantOf } from '../shop/options';
import { fill } from '../text/catalogue';
import { Back, Spinner } from './icons';
import { Notices } from './notices';
import { Gallery } from './picture';
import { Quantity } from './quantity';
import { classes, useMoney, useView } from './view';

/** An axis with more values than this is a drop-down list. */
const MAX_CHIPS = 8;

export function ProductScreen({ selection }: { selection: Selection }): JSX.Element {
  const { model, dispatch, text } = useView();
  const { product, chosen, quantity } = selection;
  const variant = variantOf(product, chosen);
  const item = selectedItem(product, chosen);
  const price = variant?.price ?? product.price;
  const shown = useMoney(price.currency)(price.amount);
  const hasOrder = model.session !== null && !hasEnded(model.session);
  const leads = hasOrder || model.listing.products.length > 1;
  const busy = model.buying || !isEditable(model);
  const axes = axesOf(product);
  return (
    <section class="product">
      {leads && (
        <button type="button" class="quiet back" onClick={() => dispatch({ type: 'back' })}><Back /> {text.back}</button>
      )}
      <div class="product-top">
        <Gallery key={product.id} urls={product.images} title={product.title} />
        <div class="product-words">
          <h1 tabIndex={-1}>{product.title}</h1>
          <p class="price">
            {variant === null && product.priceVaries ? fill(text.from, { price: shown }) : shown}{' '}
            <span class="soft small">{text.before_tax}</span>
          </p>
          {product.description && <p class="description soft">{product.description}</p>}
        </div>
      </div>
      {axes.map((axis) => <Choices key={axis.name} axis={axis} selection={selection} disabled={busy} />)}
      <Notices />
      <div class="product-end">
        <Quantity
          label={text.quantity} value={quantity} disabled={busy}
          onChange={(wanted) => dispatch({ type: 'set_quantity', quantity: wanted })}
        />
        <button
          type="button" class="main" disabled={busy || !item?.available} aria-busy={model.buying}
          onClick={() => dispatch({ type: 'buy' })}
        >
          {model.buying && <Spinner />}
          {selection.replaces !== null ? text.change : hasOrder ? text.add : text.buy}
        </button>
      </div>
      {!item?.available && (
        <p class="unavailable" role="status">{axes.length > 0 && product.available ? text.no_such_combination : text.out_of_stock}</p>
      )}
    </section>
  );
}

interface ChoicesProps {
  readonly axis: Axis;
  readonly selection: Selection;
  readonly disabled: boolean;
}

function Choices({ axis, selection, disabled }: ChoicesProps): JSX.Element {
  const { dispatch, text } = useView();
  const { product, chosen } = selection;
  const name = axis.name || text.variant;
  const choose = (value: string): void => dispatch({ type: 'choose_option', axis: axis.name, value });
  const offered = (value: string): boolean => isOffered(product, chosen, axis.name, value);
  if (axis.values.length > MAX_CHIPS) {
    return (
      <label class="field">
        <span>{name}</span>
        <select value={chosen[axis.name]} disabled={disabled} onChange={(event) => choose(event.currentTarget.value)}>
          {axis.values.map((value) => (
            <option key={value} value={value}>{offered(value) ? value : `${value} – ${text.unavailable}`}</option>
          ))}
        </select>
      </label>
    );
  }
  return (
    <fieldset class="choices" disabled={disabled}>
      <legend>{name}</legend>
      <div class="chips">
        {axis.values.map((value) => (
          <label key={value} class={classes('chip', !offered(value) && 'gone')}>
            <input
              type="radio" name={`axis-${axis.name}`} checked={chosen[axis.name] === value} onChange={() => choose(value)}
            />
            <span>
              {value}
              {!offered(value) && <span class="hidden">, {text.unavailable}</span>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
