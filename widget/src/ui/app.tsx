// The whole page: the shop's header, one screen, and the status text for screen readers.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { pictureUrl } from '../brand';
import { type Model, isChanging } from '../shop/model';
import { totalOf } from '../shop/review';
import { formatMoney } from '../money';
import { Spinner } from './icons';
import { List } from './list';
import { Notices } from './notices';
import { OrderScreen } from './order';
import { ProductScreen } from './product';
import { Receipt } from './receipt';
import { type View, ViewContext, useView } from './view';

export function App({ view, connected }: { view: View; connected: boolean }): JSX.Element {
  const { model } = view;
  const page = useRef<HTMLDivElement>(null);
  const screen = screenOf(model);
  useFocus(page.current, screen);
  return (
    <ViewContext.Provider value={view}>
      <div class="page" ref={page}>
        <ShopHeader />
        <main>
          <Screen connected={connected} />
        </main>
        <p class="hidden" role="status" aria-live="polite">{statusText(view)}</p>
      </div>
    </ViewContext.Provider>
  );
}

/** The key of the current screen. A new key moves the focus. */
function screenOf(model: Model): string {
  return model.screen === 'checkout' && model.session ? `checkout-${statusGroup(model.session.status)}` : model.screen;
}

function statusGroup(status: string): string {
  return status === 'completed' || status === 'canceled' ? status : 'open';
}

/** Moves the focus to the heading of a new screen. The first screen leaves the focus in the chat. */
function useFocus(page: HTMLElement | null, screen: string): void {
  const last = useRef(screen);
  useEffect(() => {
    const before = last.current;
    last.current = screen;
    if (before === screen || before === 'waiting') return;
    page?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: false });
  }, [screen]);
}

function statusText({ model, text, locale }: View): string {
  const { session } = model;
  if (isChanging(model)) return text.updating;
  if (model.screen !== 'checkout' || !session) return '';
  const total = totalOf(session);
  return total === null ? '' : `${text.row_total}: ${formatMoney(total, session.currency, locale)}`;
}

function ShopHeader(): JSX.Element | null {
  const { model, text } = useView();
  const [broken, setBroken] = useState(false);
  const { shop } = model;
  if (!shop) return null;
  const logo = pictureUrl(shop.logo);
  return (
    <header class="head">
      {logo && !broken ? (
        <img class="logo" src={logo} alt="" referrerpolicy="no-referrer" onError={() => setBroken(true)} />
      ) : (
        <span class="logo initial" aria-hidden="true">{[...shop.name][0]}</span>
      )}
      <span class="shop-name">{shop.name}</span>
      {shop.testMode && <span class="badge" title={text.test_mode_hint}>{text.test_mode}</span>}
    </header>
  );
}

function Screen({ connected }: { connected: boolean }): JSX.Element {
  const { model, text } = useView();
  const closed = model.shop !== null && !model.shop.selling && model.session?.status !== 'completed';
  return (
    <>
      {closed && <div class="notice error" role="alert"><p>{text.not_selling}</p></div>}
      <ScreenContent connected={connected} />
    </>
  );
}

function ScreenContent({ connected }: { connected: boolean }): JSX.Element {
  const { model, text } = useView();
  const { session, selection, screen } = model;
  if (screen === 'list') return <List />;
  if (screen === 'product' && selection) return <ProductScreen selection={selection} />;
  if (screen === 'checkout' && session) {
    return session.status === 'completed' ? <Receipt session={session} /> : <OrderScreen session={session} />;
  }
  if (model.notices.length > 0) return <Notices />;
  return connected ? <p class="soft waiting"><Spinner /> {text.waiting}</p> : <p class="soft">{text.no_host}</p>;
}
