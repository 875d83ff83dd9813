// The end of the order: the button to pay, and what became of pressing it.

import type { JSX } from 'preact';
import { type Model, type Way, isConfirming, isEditable, payable, renewable, waysToPay } from '../shop/model';
import { totalOf } from '../shop/review';
import type { Session } from '../shop/wire';
import { Away } from './away';
import { Spinner } from './icons';
import { useMoney, useView } from './view';

export function Pay({ session }: { session: Session }): JSX.Element | null {
  const { model, dispatch, text } = useView();
  const total = totalOf(session);
  const amount = useMoney(session.currency)(total ?? 0);
  switch (model.payment.kind) {
    case 'open':
      return (
        <div class="pay">
          <button type="button" class="main" disabled aria-busy><Spinner /> {text.paying}</button>
          <p class="soft small">{text.paying_hint}</p>
          <button type="button" class="quiet" onClick={() => dispatch({ type: 'check' })}>{text.sheet_gone}</button>
        </div>
      );
    case 'checking':
      return <div class="pay"><button type="button" class="main" disabled aria-busy><Spinner /> {text.checking}</button></div>;
    case 'leaving':
      return <div class="pay"><button type="button" class="main" disabled aria-busy><Spinner /> {text.leaving}</button></div>;
    case 'away':
      return isConfirming(model, session) ? <Confirming waits /> : <Away session={session} opened={model.payment.opened} />;
    case 'confirming':
      return <Confirming waits={model.payment.timer !== null || model.flight !== null} />;
    case 'unsure':
      return (
        <div class="pay">
          <div class="notice error" role="alert"><p>{text.unsure}</p></div>
          <button type="button" class="main" onClick={() => dispatch({ type: 'check' })}>{text.check_again}</button>
        </div>
      );
    case 'idle':
      break;
  }
  const [way, other] = waysToPay(model);
  if (session.status === 'ready_for_payment' && !way) {
    return <div class="notice cannot-pay" role="status"><p>{model.ownPage ? text.no_page : text.cannot_pay}</p></div>;
  }
  const words = (to: Way): string =>
    to === 'sheet' || model.ownPage ? text.pay(amount) : text.pay_page(model.shop?.name ?? null);
  if (session.status === 'ready_for_payment' && way && total !== null) {
    return (
      <div class="pay">
        <button type="button" class="main" disabled={!payable(model)} onClick={() => dispatch({ type: 'pay', way })}>
          {model.flight && <Spinner />}
          {words(way)}
        </button>
        {other && isSheetVain(model, session) && (
          <button type="button" class="quiet" disabled={!payable(model)} onClick={() => dispatch({ type: 'pay', way: other })}>
            {words(other)}
          </button>
        )}
      </div>
    );
  }
  if (!renewable(session) || model.stale) return null;
  return (
    <div class="pay">
      <button
        type="button" class="main" disabled={!isEditable(model) || model.flight !== null}
        onClick={() => dispatch({ type: 'renew' })}
      >
        {model.flight && <Spinner />}
        {text.renew}
      </button>
    </div>
  );
}

/** The sheet came to nothing: it may be one that this shop cannot use. */
function isSheetVain({ notices }: Model, { messages }: Session): boolean {
  const told = notices.some((notice) =>
    notice.kind === 'message' || (notice.kind === 'own' && (notice.key === 'sheet_closed' || notice.key === 'not_received')));
  return told || messages.some(({ code }) => code === 'payment_declined' || code === 'requires_3ds');
}

function Confirming({ waits }: { waits: boolean }): JSX.Element {
  const { model, dispatch, text } = useView();
  return (
    <div class="pay confirming" role="status">
      <p class="waiting">{waits && <Spinner />} {text.confirming}</p>
      <p class="soft">{waits ? text.confirming_hint : text.confirming_over}</p>
      {!waits && (
        <button type="button" class="main" disabled={model.flight !== null} onClick={() => dispatch({ type: 'check' })}>
          {text.check_again}
        </button>
      )}
    </div>
  );
}
