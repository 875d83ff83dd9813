// The end of the order: the button to pay, and what became of pressing it.

import type { JSX } from 'preact';
import { isEditable, payable, renewable } from '../shop/model';
import { totalOf } from '../shop/review';
import type { Session } from '../shop/wire';
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
  if (session.status === 'ready_for_payment' && !model.canPay) {
    return <div class="notice cannot-pay" role="status"><p>{text.cannot_pay}</p></div>;
  }
  if (session.status === 'ready_for_payment' && total !== null) {
    return (
      <div class="pay">
        <button type="button" class="main" disabled={!payable(model)} onClick={() => dispatch({ type: 'pay' })}>
          {model.flight && <Spinner />}
          {text.pay(amount)}
        </button>
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
