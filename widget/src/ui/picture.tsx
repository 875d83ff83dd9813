// Product pictures. They come from other hosts and may be missing, slow or broken. A placeholder replaces them then.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { pictureUrl } from '../brand';
import { fill } from '../text/catalogue';
import { Bag } from './icons';
import { classes, useView } from './view';

interface PictureProps {
  readonly url: string | null | undefined;
  /** The alternative text; empty where the text beside the picture describes it already. */
  readonly alt: string;
  readonly kind: 'large' | 'small';
}

export function Picture({ url, alt, kind }: PictureProps): JSX.Element {
  const [broken, setBroken] = useState<string | null>(null);
  const source = pictureUrl(url);
  const shown = source !== null && source !== broken;
  return (
    <div class={classes('picture', kind, !shown && 'empty')}>
      {shown ? (
        <img
          key={source} src={source} alt={alt} loading="lazy" decoding="async" referrerpolicy="no-referrer"
          onError={() => setBroken(source)}
        />
      ) : (
        <Bag />
      )}
    </div>
  );
}

/** A large picture, with thumbnails of the others. */
export function Gallery({ urls, title }: { urls: readonly string[]; title: string }): JSX.Element {
  const { text } = useView();
  const [at, setAt] = useState(0);
  return (
    <div class="gallery">
      <Picture url={urls[at] ?? urls[0]} alt={title} kind="large" />
      {urls.length > 1 && (
        <div class="thumbnails">
          {urls.slice(0, 6).map((url, place) => (
            <button
              key={url} type="button" class="thumbnail" aria-label={fill(text.picture, { number: place + 1, count: urls.length })}
              aria-pressed={place === at} onClick={() => setAt(place)}
            >
              <Picture url={url} alt="" kind="small" />
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
