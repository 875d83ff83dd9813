// A paid order.

import type { JSX } from 'preact';
import type { Session } from '../shop/wire';
import { AddressSummary } from './address';
import { Check } from './icons';
import { Lines } from './lines';
import { Link, Links } from './links';
import { Totals } from './sums';
import { useView } from './view';

export function Receipt({ session }: { session: Session }): JSX.Element {
  const { text } = useView();
  const { order, address } = session;
  return (
    <section class="receipt">
      <div class="done">
        <span class="done-mark"><Check /></span>
        <div>
          <h1 tabIndex={-1}>{text.paid}</h1>
          {order?.number && <p class="soft small order-id">{text.order_number} <span>{order.number}</span></p>}
        </div>
      </div>
      <Lines session={session} editable={false} onRemoveLast={() => undefined} />
      <Totals session={session} />
      {address && (
        <section class="block">
          <h2>{text.sent_to}</h2>
          <AddressSummary address={address} onEdit={null} />
        </section>
      )}
      {order?.url && <Link url={order.url} button>{text.order_status}</Link>}
      <Links session={session} />
    </section>
  );
}
