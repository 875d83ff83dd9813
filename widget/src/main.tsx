// Starts the widget in its page.

import { render } from 'preact';
import { applyStyle, type Theme } from './brand';
import { detect } from './host/detect';
import { PlainPage } from './plain_page';
import { Runtime, SYSTEM_CLOCK } from './runtime';
import './styles/base.css';
import './styles/controls.css';
import './styles/screens.css';
import { speechFor } from './text/catalogue';
import { Translation } from './translation';
import { App } from './ui/app';

/** How long a host may take to show itself before the page says that it needs one. */
const PATIENCE = 8000;

const root = document.documentElement;
const place = document.getElementById('app');
const plain = new PlainPage(document);
const host = detect(window);
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const translation = place && new Translation(place);
let patient = true;
let told = '';

const runtime = new Runtime(host, SYSTEM_CLOCK, draw);

function draw(): void {
  const { context } = host;
  const { model, dispatch } = runtime;
  if (!place || plain.stays(model.screen !== 'waiting')) return;
  const focused = plain.giveWay();
  const speech = speechFor(context.locale ?? navigator.language);
  const theme: Theme = context.theme ?? (dark.matches ? 'dark' : 'light');
  root.lang = speech.language;
  root.dir = speech.direction;
  applyStyle(root, context, theme, model.shop?.color ?? null);
  const view = { ...speech, model, dispatch, openLink };
  const app = <App view={view} connected={patient || host.isConnected} />;
  translation?.around(() => render(app, place));
  if (focused) place.querySelector('h1')?.focus();
  measure();
}

/** A link of the shop's. Where the host opens none, its address can still be copied. */
function openLink(url: string): void {
  host.openLink(url).catch(() => undefined);
}

/** Tells the host how high the content is, when that changes. */
function measure(): void {
  const page = place?.firstElementChild;
  const now = page ? Math.ceil(page.getBoundingClientRect().height) : 0;
  // A host that has just come to life has not heard it yet.
  const news = `${now} ${host.isConnected}`;
  if (now === 0 || news === told) return;
  told = news;
  host.resize(now);
}

/** The shopper looks at the page, or away from it. A frame hears of the focus when the whole window returns, too. */
function seen(): void {
  runtime.dispatch({ type: 'seen', visible: document.visibilityState === 'visible' });
}

runtime.start();
draw();
document.addEventListener('visibilitychange', seen);
window.addEventListener('focus', seen);
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted) runtime.dispatch({ type: 'returned' });
});
dark.addEventListener('change', draw);
setTimeout(() => {
  patient = false;
  draw();
}, PATIENCE);
if (place?.firstElementChild) new ResizeObserver(measure).observe(place.firstElementChild);
