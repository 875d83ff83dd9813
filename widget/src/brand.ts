// Sanitizes the shop's colour and logo and the host's style. Pure, except `applyStyle`.

import type { HostContext } from './host/host';

export type Theme = 'light' | 'dark';

type Rgb = readonly [number, number, number];

/** The card's background in each theme, as in the style sheet. */
const SURFACE: Readonly<Record<Theme, Rgb>> = { light: [255, 255, 255], dark: [33, 33, 33] };
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [13, 13, 13];

/** The minimum contrast between a button and the card (WCAG 2.2, 1.4.11). */
const MIN_CONTRAST = 3;

export interface Accent {
  readonly fill: string;
  readonly text: string;
}

/** The shop's colour for a theme, made lighter or darker until it has enough contrast. `null` if it is not `#rrggbb`. */
export function accentFor(color: string | null, theme: Theme): Accent | null {
  const parsed = parseColor(color);
  if (!parsed) return null;
  const towards = theme === 'dark' ? WHITE : BLACK;
  let fill = parsed;
  for (let share = 0.1; contrast(fill, SURFACE[theme]) < MIN_CONTRAST && share < 1; share += 0.1) {
    fill = mix(parsed, towards, share);
  }
  const text = contrast(WHITE, fill) >= contrast(BLACK, fill) ? WHITE : BLACK;
  return { fill: toHex(fill), text: toHex(text) };
}

function parseColor(color: string | null): Rgb | null {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color ?? '');
  if (!match) return null;
  const [red = 0, green = 0, blue = 0] = match.slice(1).map((part) => Number.parseInt(part, 16));
  return [red, green, blue];
}

function toHex(color: Rgb): string {
  return `#${color.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}

function mix(one: Rgb, other: Rgb, share: number): Rgb {
  const part = (at: 0 | 1 | 2): number => Math.round(one[at] + (other[at] - one[at]) * share);
  return [part(0), part(1), part(2)];
}

/** The contrast ratio of WCAG 2.2. */
export function contrast(one: Rgb, other: Rgb): number {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The URL of a picture, if it is https. The page's policy can then name its host. */
export function pictureUrl(url: string | null | undefined): string | null {
  return url && /^https:\/\/[^\s"'<>]+$/i.test(url) ? url : null;
}

/** The host's style variables that the widget adopts, and the widget's variables that they set. */
const VARIABLES: Readonly<Record<string, string>> = {
  '--color-background-primary': '--surface',
  '--color-background-secondary': '--surface-soft',
  '--color-text-primary': '--text',
  '--color-text-secondary': '--text-soft',
  '--color-border-primary': '--line',
  '--font-sans': '--font',
};

/** The variables whose values cannot load a resource or close a rule. */
export function safeStyles(variables: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const safe = Object.entries(VARIABLES).flatMap(([theirs, ours]) => {
    const value = variables[theirs];
    const plain = value !== undefined && /^[\w\s#.,%()'"/-]{1,300}$/.test(value) && !/url|image|element/i.test(value);
    return plain ? [[ours, value] as const] : [];
  });
  return new Map(safe);
}

/** Applies theme, host variables, the shop's colour and the available space to the page. */
export function applyStyle(root: HTMLElement, context: HostContext, theme: Theme, color: string | null): void {
  root.dataset['theme'] = theme;
  root.dataset['mode'] = context.displayMode ?? 'inline';
  const accent = accentFor(color, theme);
  const styles = safeStyles(context.variables);
  const wanted = new Map<string, string | null>([
    ...Object.values(VARIABLES).map((name) => [name, styles.get(name) ?? null] as const),
    ['--accent', accent?.fill ?? null],
    ['--on-accent', accent?.text ?? null],
    ['--max-height', context.maxHeight === null ? null : `${context.maxHeight}px`],
    ...(['top', 'right', 'bottom', 'left'] as const).map(
      (edge) => [`--safe-${edge}`, context.safeArea ? `${Number(context.safeArea[edge]) || 0}px` : null] as const,
    ),
  ]);
  for (const [name, value] of wanted) {
    if (value === null) root.style.removeProperty(name);
    else root.style.setProperty(name, value);
  }
}
