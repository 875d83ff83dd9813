// What the order says while the shopper pays on the shop's own page.

import type { JSX } from 'preact';
import type { Session } from '../shop/wire';
import { Spinner } from './icons';
import { useView } from './view';

export function Away({ session, opened }: { session: Session; opened: boolean }): JSX.Element {
  const { model, dispatch, text } = useView();
  return (
    <div class="pay away" role="status">
      {opened ? (
        <>
          <p class="waiting"><Spinner /> {text.away(model.shop?.name ?? null)}</p>
          <p class="soft small">{text.away_hint}</p>
        </>
      ) : (
        <Address url={session.pageUrl ?? ''} />
      )}
      <button type="button" class="main" onClick={() => dispatch({ type: 'open_again' })}>{text.open_again}</button>
      <button type="button" class="quiet" onClick={() => dispatch({ type: 'check' })}>{text.back_to_order}</button>
    </div>
  );
}

/** The page's address, to be copied where it cannot be opened. */
function Address({ url }: { url: string }): JSX.Element {
  const { text } = useView();
  return (
    <div class="field">
      <label for="page-address">{text.page_blocked}</label>
      <input id="page-address" type="text" readOnly value={url} onFocus={(event) => event.currentTarget.select()} />
    </div>
  );
}
