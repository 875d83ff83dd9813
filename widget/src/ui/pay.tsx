// The Pay button and the state of the payment.

import type { JSX } from 'preact';
import {
  type Model, type PaymentMethod, isConfirming, isEditable, isPayable, isRenewable, paymentMethods,
} from '../shop/model';
import { totalOf } from '../shop/review';
import type { Session } from '../shop/wire';
import { fill } from '../text/catalogue';
import { HostedPayment } from './hosted_payment';
import { Spinner } from './icons';
import { useMoney, useView } from './view';

export function Pay({ session }: { session: Session }): JSX.Element | null {
  const { model, dispatch, text } = useView();
  const total = totalOf(session);
  const amount = useMoney(session.currency)(total ?? 0);
  switch (model.payment.kind) {
    case 'sheet_open':
      return (
        <div class="pay">
          <button type="button" class="main" disabled aria-busy><Spinner /> {text.paying}</button>
          <p class="soft small">{text.paying_hint}</p>
          <button type="button" class="quiet" onClick={() => dispatch({ type: 'check' })}>{text.sheet_gone}</button>
        </div>
      );
    case 'checking':
      return <div class="pay"><button type="button" class="main" disabled aria-busy><Spinner /> {text.checking}</button></div>;
    case 'opening_page':
      return <div class="pay"><button type="button" class="main" disabled aria-busy><Spinner /> {text.leaving}</button></div>;
    case 'hosted_payment':
      if (isConfirming(model, session)) return <Confirming waits />;
      return <HostedPayment session={session} opened={model.payment.opened} />;
    case 'confirming':
      return <Confirming waits={model.payment.timer !== null || model.inFlight !== null} />;
    case 'unknown':
      return (
        <div class="pay">
          <div class="notice error" role="alert"><p>{text.unsure}</p></div>
          <button type="button" class="main" onClick={() => dispatch({ type: 'check' })}>{text.check_again}</button>
        </div>
      );
    case 'idle':
      break;
  }
  const [method, other] = paymentMethods(model);
  if (session.status === 'ready_for_payment' && !method) {
    return <div class="notice cannot-pay" role="status"><p>{model.ownPage ? text.no_page : text.cannot_pay}</p></div>;
  }
  const words = (to: PaymentMethod): string => {
    if (to === 'sheet' || model.ownPage) return fill(text.pay, { total: amount });
    return model.shop ? fill(text.pay_page, { shop: model.shop.name }) : text.pay_page_unnamed;
  };
  if (session.status === 'ready_for_payment' && method && total !== null) {
    return (
      <div class="pay">
        <button type="button" class="main" disabled={!isPayable(model)} onClick={() => dispatch({ type: 'pay', method })}>
          {model.inFlight && <Spinner />}
          {words(method)}
        </button>
        {other && hasSheetFailed(model, session) && (
          <button type="button" class="quiet" disabled={!isPayable(model)} onClick={() => dispatch({ type: 'pay', method: other })}>
            {words(other)}
          </button>
        )}
      </div>
    );
  }
  if (!isRenewable(session) || model.stale) return null;
  return (
    <div class="pay">
      <button
        type="button" class="main" disabled={!isEditable(model) || model.inFlight !== null}
        onClick={() => dispatch({ type: 'renew' })}
      >
        {model.inFlight && <Spinner />}
        {text.renew}
      </button>
    </div>
  );
}

/** Whether the payment sheet led to no payment. This shop may be unable to use it. */
function hasSheetFailed({ notices }: Model, { messages }: Session): boolean {
  const isReported = notices.some((notice) =>
    notice.kind === 'message' ||
    (notice.kind === 'widget' && (notice.key === 'sheet_closed' || notice.key === 'not_received')));
  return isReported || messages.some(({ code }) => code === 'payment_declined' || code === 'requires_3ds');
}

function Confirming({ waits }: { waits: boolean }): JSX.Element {
  const { model, dispatch, text } = useView();
  return (
    <div class="pay confirming" role="status">
      <p class="waiting">{waits && <Spinner />} {text.confirming}</p>
      <p class="soft">{waits ? text.confirming_hint : text.confirming_over}</p>
      {!waits && (
        <button type="button" class="main" disabled={model.inFlight !== null} onClick={() => dispatch({ type: 'check' })}>
          {text.check_again}
        </button>
      )}
    </div>
  );
}
