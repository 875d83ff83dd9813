// What there is to tell: refusals and what they mean, what changed, what the shop says.

import type { JSX } from 'preact';
import { useMoney, useView } from './view';
import type { Change } from '../shop/review';
import { forShopper, messagesToShow } from '../shop/said';
import type { Message } from '../shop/wire';
import type { Messages } from '../text/catalogue';
import { Warning } from './icons';

/** Own notices that are only good to know. */
const CALM = new Set(['sheet_closed', 'reread', 'prices_fresh']);

export function Notices(): JSX.Element {
  const { model, text } = useView();
  const messages = model.session ? messagesToShow(model) : [];
  return (
    <>
      {model.notices.map((notice) => {
        if (notice.kind === 'own') {
          return <Notice key={notice.key} calm={CALM.has(notice.key)} title={text[notice.key]} />;
        }
        if (notice.kind === 'message') return null;
        return <Notice key={notice.text} title={text.refused} detail={forShopper(notice.text, model)} />;
      })}
      {messages.map((message) => <Said key={message.content} message={message} />)}
      <Trouble />
    </>
  );
}

/** The ways on from a session whose state is not known. */
function Trouble(): JSX.Element | null {
  const { model, dispatch, text } = useView();
  const lost = model.session ? model.stale : model.saved?.session !== null && model.saved !== null;
  if (!lost || model.flight || model.notices.length === 0) return null;
  return (
    <div class="ways">
      <button type="button" onClick={() => dispatch({ type: 'check' })}>{text.try_again}</button>
      <button type="button" class="quiet" onClick={() => dispatch({ type: 'restart' })}>{text.start_again}</button>
    </div>
  );
}

interface NoticeProps {
  readonly title: string;
  readonly detail?: string;
  readonly calm?: boolean;
}

function Notice({ title, detail = '', calm = false }: NoticeProps): JSX.Element {
  return (
    <div class={calm ? 'notice' : 'notice error'} role={calm ? 'status' : 'alert'}>
      {!calm && <Warning />}
      <div>
        <p>{title}</p>
        {detail && <p class="soft">{detail}</p>}
      </div>
    </div>
  );
}

function Said({ message }: { message: Message }): JSX.Element {
  const { model, text } = useView();
  const said = forShopper(message.content, model);
  if (message.type === 'info') return <Notice calm title={said} />;
  const title = titleOf(message, text);
  return title === null ? <Notice title={said} /> : <Notice title={title} detail={said} />;
}

/** What kind of trouble it is, in the shopper's language; the shop's own words follow. */
function titleOf({ code, param }: Message, text: Messages): string | null {
  if (code === 'payment_declined') return text.said_payment_declined;
  if (code === 'requires_3ds') return text.said_requires_3ds;
  if (code === 'out_of_stock') return text.said_out_of_stock;
  if (code === 'expired') return text.said_expired;
  if (param === 'fulfillment_address') return text.said_address;
  return param === null ? null : text.said_order;
}

/** What changed without the shopper's doing; paying waits until it was seen. */
export function Reviewed(): JSX.Element | null {
  const { model, dispatch, text } = useView();
  const money = useMoney(model.review?.currency ?? 'USD');
  if (!model.review) return null;
  const words = (change: Change): string => {
    switch (change.kind) {
      case 'total':
        return text.review_total(money(change.before), money(change.after));
      case 'price':
        return text.review_price(change.name, money(change.before), money(change.after));
      case 'gone':
        return text.review_gone(change.name);
    }
  };
  return (
    <div class="notice review" role="alert">
      <Warning />
      <div>
        <p>{text.review}</p>
        <ul>{model.review.changes.map((change, at) => <li key={at}>{words(change)}</li>)}</ul>
        <button type="button" onClick={() => dispatch({ type: 'reviewed' })}>{text.review_done}</button>
      </div>
    </div>
  );
}
