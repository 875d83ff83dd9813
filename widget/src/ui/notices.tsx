// Notices to the shopper: the widget's notices, refusals, the session's messages, and changes to review.

import type { JSX } from 'preact';
import { useMoney, useView } from './view';
import type { Change } from '../shop/review';
import { messagesToShow } from '../shop/messages';
import type { Message } from '../shop/wire';
import { type Texts, fill } from '../text/catalogue';
import { Warning } from './icons';

/** The widget's notices that report no error. */
const INFORMATIONAL = new Set(['sheet_closed', 'reread', 'prices_fresh']);

export function Notices(): JSX.Element {
  const { model, text } = useView();
  const messages = model.session ? messagesToShow(model) : [];
  return (
    <>
      {model.notices.map((notice) => {
        if (notice.kind === 'widget') {
          return <Notice key={notice.key} informational={INFORMATIONAL.has(notice.key)} title={text[notice.key]} />;
        }
        if (notice.kind === 'message') return null;
        return <Notice key={notice.text} title={text.refused} detail={notice.text} />;
      })}
      {messages.map((message) => <MessageNotice key={message.content} message={message} />)}
      <ErrorNotice />
    </>
  );
}

/** The actions after an error that leaves the state of the session unknown. */
function ErrorNotice(): JSX.Element | null {
  const { model, dispatch, text } = useView();
  const lost = model.session ? model.stale : model.saved?.session !== null && model.saved !== null;
  if (!lost || model.inFlight || model.notices.length === 0) return null;
  return (
    <div class="ways">
      <button type="button" onClick={() => dispatch({ type: 'check' })}>{text.try_again}</button>
      <button type="button" class="quiet" onClick={() => dispatch({ type: 'restart' })}>{text.start_again}</button>
    </div>
  );
}

interface NoticeProps {
  readonly title: string;
  readonly detail?: string | null;
  readonly informational?: boolean;
}

function Notice({ title, detail = null, informational = false }: NoticeProps): JSX.Element {
  return (
    <div class={informational ? 'notice' : 'notice error'} role={informational ? 'status' : 'alert'}>
      {!informational && <Warning />}
      <div>
        <p>{title}</p>
        {detail && <p class="soft">{detail}</p>}
      </div>
    </div>
  );
}

function MessageNotice({ message }: { message: Message }): JSX.Element {
  const { text } = useView();
  const { content } = message;
  if (message.type === 'info') return <Notice informational title={content} />;
  const title = titleOf(message, text);
  return title === null ? <Notice title={content} /> : <Notice title={title} detail={content} />;
}

/** The title of an error message in the shopper's language. The shop's own text follows it. */
function titleOf({ code, param }: Message, text: Texts): string | null {
  if (code === 'payment_declined') return text.error_payment_declined;
  if (code === 'requires_3ds') return text.error_requires_3ds;
  if (code === 'out_of_stock') return text.error_out_of_stock;
  if (code === 'expired') return text.error_expired;
  if (param === 'fulfillment_address') return text.error_address;
  return param === null ? null : text.error_order;
}

/** The changes that the shopper did not make. The shopper acknowledges them before paying. */
export function ReviewNotice(): JSX.Element | null {
  const { model, dispatch, text } = useView();
  const money = useMoney(model.review?.currency ?? 'USD');
  if (!model.review) return null;
  const words = (change: Change): string => {
    switch (change.kind) {
      case 'total':
        return fill(text.review_total, { before: money(change.before), after: money(change.after) });
      case 'price':
        return fill(text.review_price, { name: change.name, before: money(change.before), after: money(change.after) });
      case 'gone':
        return fill(text.review_gone, { name: change.name });
    }
  };
  return (
    <div class="notice review" role="alert">
      <Warning />
      <div>
        <p>{text.review}</p>
        <ul>{model.review.changes.map((change, at) => <li key={at}>{words(change)}</li>)}</ul>
        <button type="button" onClick={() => dispatch({ type: 'dismiss_review' })}>{text.review_done}</button>
      </div>
    </div>
  );
}
