// The product list.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Product } from '../shop/wire';
import { fill } from '../text/catalogue';
import { Back, Forward, Search, Spinner } from './icons';
import { Picture } from './picture';
import { classes, useMoney, useView } from './view';

/** The pause in typing after which the search starts, in milliseconds. */
const SEARCH_DELAY = 350;

export function List(): JSX.Element {
  const { model, dispatch, text } = useView();
  const { listing } = model;
  const waits = listing.call !== null;
  return (
    <section>
      {model.session && (
        <button type="button" class="quiet back" onClick={() => dispatch({ type: 'back' })}>
          <Back /> {text.back_to_order}
        </button>
      )}
      <h1 tabIndex={-1}>{text.products}</h1>
      <SearchField />
      {listing.failed && (
        <div class="notice error" role="alert">
          <p>{text.list_failed}</p>
          <button type="button" onClick={() => dispatch({ type: 'search', query: listing.query })}>{text.try_again}</button>
        </div>
      )}
      <ul class="rows" aria-busy={waits}>
        {listing.products.map((product) => <Row key={product.id} product={product} />)}
      </ul>
      {waits && <p class="soft waiting"><Spinner /> {text.loading}</p>}
      {!waits && !listing.failed && listing.products.length === 0 && <p class="soft">{text.no_products}</p>}
      {listing.cursor !== null && !waits && (
        <button type="button" class="wide" onClick={() => dispatch({ type: 'load_more' })}>{text.more}</button>
      )}
    </section>
  );
}

function SearchField(): JSX.Element {
  const { model, dispatch, text } = useView();
  const [query, setQuery] = useState(model.listing.query);
  const searched = useRef(model.listing.query);
  const search = (): void => {
    if (query.trim() === searched.current) return;
    searched.current = query.trim();
    dispatch({ type: 'search', query });
  };
  useEffect(() => {
    const timer = setTimeout(search, SEARCH_DELAY);
    return () => clearTimeout(timer);
  }, [query]);
  return (
    <label class="search">
      <Search />
      <input
        type="search" aria-label={text.search} placeholder={text.search} value={query} maxLength={200}
        onInput={(event) => setQuery(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Enter' && search()}
      />
    </label>
  );
}

function Row({ product }: { product: Product }): JSX.Element {
  const { dispatch, text } = useView();
  const price = useMoney(product.price.currency)(product.price.amount);
  const shown = product.priceVaries ? fill(text.from, { price }) : price;
  return (
    <li>
      <button
        type="button" class={classes('row', !product.available && 'gone')}
        onClick={() => dispatch({ type: 'open', product: product.id })}
      >
        <Picture url={product.images[0]} alt="" kind="small" />
        <span class="row-text">
          <span class="row-title">{product.title}</span>
          <span class="soft">{product.available ? shown : text.out_of_stock}</span>
        </span>
        <Forward />
      </button>
    </li>
  );
}
