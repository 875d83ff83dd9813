// Icons, hidden from screen readers. The text beside an icon or the label of its button carries the meaning.

import type { JSX } from 'preact';

function Icon({ path }: { path: string }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
      <path d={path} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

export const Back = (): JSX.Element => <Icon path="M12 4.5 6.5 10l5.5 5.5" />;
export const Forward = (): JSX.Element => <Icon path="m8 4.5 5.5 5.5L8 15.5" />;
export const Minus = (): JSX.Element => <Icon path="M5 10h10" />;
export const Plus = (): JSX.Element => <Icon path="M10 5v10M5 10h10" />;
export const Bin = (): JSX.Element => (
  <Icon path="M4 6h12M8 6V4.5h4V6M5.5 6l.7 9a1 1 0 0 0 1 .9h5.6a1 1 0 0 0 1-.9l.7-9M8.5 9v4M11.5 9v4" />
);
export const Check = (): JSX.Element => <Icon path="m4.5 10.5 3.5 3.5 7.5-8" />;
export const Search = (): JSX.Element => <Icon path="M9 14A5 5 0 1 0 9 4a5 5 0 0 0 0 10Zm3.7-1.3L16 16" />;
export const Bag = (): JSX.Element => <Icon path="M5 7h10l.8 8.6H4.2L5 7Zm2.5 0V6a2.5 2.5 0 0 1 5 0v1" />;
export const Warning = (): JSX.Element => <Icon path="M10 6.5v4m0 2.6v.1M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Z" />;

/** Indicates progress. */
export const Spinner = (): JSX.Element => <span class="spinner" aria-hidden="true" />;
