// The order: lines, delivery address, shipping and totals.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { hasEnded, isChanging, isConfirming, isEditable, needsAddress } from '../shop/model';
import type { Session } from '../shop/wire';
import { AddressForm, AddressSummary } from './address';
import { Plus, Spinner } from './icons';
import { Lines } from './lines';
import { Links } from './links';
import { Notices, ReviewNotice } from './notices';
import { Pay } from './pay';
import { Shipping, Totals } from './sums';
import { useView } from './view';

export function OrderScreen({ session }: { session: Session }): JSX.Element {
  const { model, dispatch, text } = useView();
  const [leaving, setLeaving] = useState(false);
  if (hasEnded(session)) return <EndedOrder session={session} />;
  const editable = isEditable(model);
  const withAddress = needsAddress(session);
  const form = editable && withAddress && (model.editingAddress || (session.address === null && !session.partial));
  const confirming = isConfirming(model, session);
  return (
    <section class="order">
      <h1 tabIndex={-1}>{text.order} {isChanging(model) && <span class="soft small updating"><Spinner /> {text.updating}</span>}</h1>
      <ReviewNotice />
      {!confirming && <Notices />}
      <div class="columns">
        <div class="column">
          <Lines session={session} editable={editable} onRemoveLast={() => setLeaving(true)} />
          {editable && (
            <button type="button" class="quiet add" onClick={() => dispatch({ type: 'browse' })}><Plus /> {text.add_another}</button>
          )}
          {withAddress && (
            <section class="block">
              <h2>{text.delivery}</h2>
              {form ? (
                <AddressForm session={session} />
              ) : (
                <AddressSummary
                  address={session.address}
                  onEdit={editable ? () => dispatch({ type: 'address_edit', open: true }) : null}
                />
              )}
            </section>
          )}
          <Shipping session={session} editable={editable && !form} />
        </div>
        <div class="column sums">
          <Totals session={session} />
          {form && session.options.length === 0 && <p class="soft small">{text.address_first}</p>}
          <Pay session={session} />
          <Links session={session} />
          {editable && <CancelOrder open={leaving} setOpen={setLeaving} />}
        </div>
      </div>
    </section>
  );
}

/** Cancels the order after a confirmation. */
function CancelOrder({ open, setOpen }: { open: boolean; setOpen: (open: boolean) => void }): JSX.Element {
  const { model, dispatch, text } = useView();
  if (!open) return <button type="button" class="quiet leave" onClick={() => setOpen(true)}>{text.cancel_order}</button>;
  return (
    <div class="notice" role="alertdialog" aria-label={text.cancel_order}>
      <div>
        <p>{text.cancel_sure}</p>
        <div class="ways">
          <button type="button" disabled={model.inFlight !== null} onClick={() => dispatch({ type: 'cancel' })}>{text.cancel_order}</button>
          <button type="button" class="quiet" ref={(button) => button?.focus()} onClick={() => setOpen(false)}>{text.cancel_keep}</button>
        </div>
      </div>
    </div>
  );
}

/** An order that ended without a payment. */
function EndedOrder({ session }: { session: Session }): JSX.Element {
  const { model, dispatch, text } = useView();
  return (
    <section class="order">
      <h1 tabIndex={-1}>{text.ended}</h1>
      <Notices />
      <Lines session={session} editable={false} onRemoveLast={() => undefined} />
      <button type="button" class="main" disabled={model.inFlight !== null} onClick={() => dispatch({ type: 'restart' })}>
        {model.inFlight && <Spinner />}
        {text.start_again}
      </button>
    </section>
  );
}
