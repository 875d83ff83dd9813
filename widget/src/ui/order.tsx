// The order: what is bought, where it goes, how it is sent, what it costs.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { hasEnded, isChanging, isConfirming, isEditable, needsAddress } from '../shop/model';
import type { Session } from '../shop/wire';
import { AddressForm, AddressSummary } from './address';
import { Plus, Spinner } from './icons';
import { Lines } from './lines';
import { Links } from './links';
import { Notices, Reviewed } from './notices';
import { Pay } from './pay';
import { Shipping, Totals } from './sums';
import { useView } from './view';

export function OrderScreen({ session }: { session: Session }): JSX.Element {
  const { model, dispatch, text } = useView();
  const [leaving, setLeaving] = useState(false);
  if (hasEnded(session)) return <Ended session={session} />;
  const editable = isEditable(model);
  const withAddress = needsAddress(session);
  const form = editable && withAddress && (model.editingAddress || (session.address === null && !session.partial));
  const confirming = isConfirming(model, session);
  return (
    <section class="order">
      <h1 tabIndex={-1}>{text.order} {isChanging(model) && <span class="soft small updating"><Spinner /> {text.updating}</span>}</h1>
      <Reviewed />
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
          {editable && <Leave open={leaving} setOpen={setLeaving} />}
        </div>
      </div>
    </section>
  );
}

/** Gives the order up, after asking. */
function Leave({ open, setOpen }: { open: boolean; setOpen: (open: boolean) => void }): JSX.Element {
  const { model, dispatch, text } = useView();
  if (!open) return <button type="button" class="quiet leave" onClick={() => setOpen(true)}>{text.cancel_order}</button>;
  return (
    <div class="notice" role="alertdialog" aria-label={text.cancel_order}>
      <div>
        <p>{text.cancel_sure}</p>
        <div class="ways">
          <button type="button" disabled={model.flight !== null} onClick={() => dispatch({ type: 'cancel' })}>{text.cancel_order}</button>
          <button type="button" class="quiet" ref={(button) => button?.focus()} onClick={() => setOpen(false)}>{text.cancel_keep}</button>
        </div>
      </div>
    </div>
  );
}

/** An order that ended without a payment. */
function Ended({ session }: { session: Session }): JSX.Element {
  const { model, dispatch, text } = useView();
  return (
    <section class="order">
      <h1 tabIndex={-1}>{text.ended}</h1>
      <Notices />
      <Lines session={session} editable={false} onRemoveLast={() => undefined} />
      <button type="button" class="main" disabled={model.flight !== null} onClick={() => dispatch({ type: 'restart' })}>
        {model.flight && <Spinner />}
        {text.start_again}
      </button>
    </section>
  );
}
