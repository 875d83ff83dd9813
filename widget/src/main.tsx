// Starts the widget in its page.

import { render } from 'preact';
import { applyStyle, type Theme } from './brand';
import { detect } from './host/detect';
import { PlainPage } from './plain_page';
import { Runtime, SYSTEM_CLOCK } from './runtime';
import './styles/base.css';
import './styles/controls.css';
import './styles/screens.css';
import { localizationFor } from './text/catalogue';
import { Translation } from './translation';
import { App } from './ui/app';

/** How long a host may take to connect before the page reports that it needs one, in milliseconds. */
const HOST_TIMEOUT = 8000;

const root = document.documentElement;
const container = document.getElementById('app');
const plain = new PlainPage(document);
const host = detect(window);
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const translation = container && new Translation(container);
let awaitsHost = true;
let reported = '';

const runtime = new Runtime(host, SYSTEM_CLOCK, draw);

function draw(): void {
  const { context } = host;
  const { model, dispatch } = runtime;
  if (!container || plain.stays(model.screen !== 'waiting')) return;
  const focused = plain.giveWay();
  const localization = localizationFor(context.locale ?? navigator.language);
  const theme: Theme = context.theme ?? (dark.matches ? 'dark' : 'light');
  root.lang = localization.language;
  root.dir = localization.direction;
  applyStyle(root, context, theme, model.shop?.color ?? null);
  const view = { ...localization, model, dispatch, openLink };
  const app = <App view={view} connected={awaitsHost || host.isConnected} />;
  translation?.around(() => render(app, container));
  if (focused) container.querySelector('h1')?.focus();
  measure();
}

/** Opens a link of the shop. If the host opens none, the shopper can still copy the URL. */
function openLink(url: string): void {
  host.openLink(url).catch(() => undefined);
}

/** Reports the height of the content to the host when it changes. */
function measure(): void {
  const page = container?.firstElementChild;
  const now = page ? Math.ceil(page.getBoundingClientRect().height) : 0;
  // A host that connected just now does not know the height yet.
  const measured = `${now} ${host.isConnected}`;
  if (now === 0 || measured === reported) return;
  reported = measured;
  host.resize(now);
}

/** Reports whether the page is visible. A frame also receives `focus` when the whole window gets the focus. */
function reportVisibility(): void {
  runtime.dispatch({ type: 'visibility', visible: document.visibilityState === 'visible' });
}

runtime.start();
draw();
document.addEventListener('visibilitychange', reportVisibility);
window.addEventListener('focus', reportVisibility);
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted) runtime.dispatch({ type: 'page_restored' });
});
dark.addEventListener('change', draw);
setTimeout(() => {
  awaitsHost = false;
  draw();
}, HOST_TIMEOUT);
if (container?.firstElementChild) new ResizeObserver(measure).observe(container.firstElementChild);
