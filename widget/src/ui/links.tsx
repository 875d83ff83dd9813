// Links to the shop's pages. The host opens them; the widget's page does not navigate.

import type { JSX } from 'preact';
import type { Session } from '../shop/wire';
import { useView } from './view';

const LINK_TYPES = ['terms_of_use', 'privacy_policy', 'support_url'] as const;

export function Links({ session }: { session: Session }): JSX.Element | null {
  const { text } = useView();
  const links = LINK_TYPES.flatMap((type) => {
    const link = session.links.find((known) => known.type === type);
    return link ? [{ url: link.url, word: text[type] }] : [];
  });
  if (links.length === 0) return null;
  return <p class="links">{links.map(({ url, word }) => <Link key={url} url={url}>{word}</Link>)}</p>;
}

export function Link({ url, children, button = false }: { url: string; children: string; button?: boolean }): JSX.Element {
  const { openLink } = useView();
  return (
    <a
      class={button ? 'button' : undefined} href={url} target="_blank" rel="noopener noreferrer"
      onClick={(event) => {
        event.preventDefault();
        openLink(url);
      }}
    >
      {children}
    </a>
  );
}
