// The status of the order while the shopper pays on the shop's hosted page.

import type { JSX } from 'preact';
import type { Session } from '../shop/wire';
import { fill } from '../text/catalogue';
import { Spinner } from './icons';
import { useView } from './view';

export function HostedPayment({ session, opened }: { session: Session; opened: boolean }): JSX.Element {
  const { model, dispatch, text } = useView();
  const title = model.shop ? fill(text.hosted_payment, { shop: model.shop.name }) : text.hosted_payment_unnamed;
  return (
    <div class="pay hosted-payment" role="status">
      {opened ? (
        <>
          <p class="waiting"><Spinner /> {title}</p>
          <p class="soft small">{text.hosted_payment_hint}</p>
        </>
      ) : (
        <PageAddress url={session.pageUrl ?? ''} />
      )}
      <button type="button" class="main" onClick={() => dispatch({ type: 'open_again' })}>{text.open_again}</button>
      <button type="button" class="quiet" onClick={() => dispatch({ type: 'check' })}>{text.back_to_order}</button>
    </div>
  );
}

/** The URL of the page, for the shopper to copy where the host cannot open it. */
function PageAddress({ url }: { url: string }): JSX.Element {
  const { text } = useView();
  return (
    <div class="field">
      <label for="page-address">{text.page_blocked}</label>
      <input id="page-address" type="text" readOnly value={url} onFocus={(event) => event.currentTarget.select()} />
    </div>
  );
}
