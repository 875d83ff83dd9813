// The step that makes one page of the bundle, and the guards over what may be in it.

import { readFileSync } from 'node:fs';

const PAGE = new URL('../src/page.html', import.meta.url);

/** What must not be in the page: a way to write markup or to run text from data, and references to the outside. */
const FORBIDDEN = [/innerHTML/, /outerHTML/, /insertAdjacentHTML/, /document\.write/, /\beval\(/, /new Function/, /src="http/, /<link/, /@import/, /url\(/];

/** A Vite plugin. */
export function onePage() {
  return {
    name: 'one-page',
    enforce: 'post',

    // Preact's only way to write markup becomes a way to write text, so that no mistake of ours can open it.
    transform(code, id) {
      if (!id.includes('/node_modules/preact/')) return null;
      return { code: code.replaceAll('.innerHTML', '.textContent'), map: null };
    },

    generateBundle(_options, bundle) {
      let script = '';
      let style = '';
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type === 'chunk') script += file.code;
        else if (name.endsWith('.css')) style += file.source;
        else throw new Error(`the page cannot hold ${name}`);
        delete bundle[name];
      }
      const source = page(script.trim(), style.trim());
      for (const pattern of FORBIDDEN) {
        if (pattern.test(source)) throw new Error(`the page must not hold ${pattern}`);
      }
      this.emitFile({ type: 'asset', fileName: 'buy.html', source });
    },
  };
}

function page(script, style) {
  const parts = {
    '<!-- style -->': `<style>${style.replaceAll('</', '<\\/')}</style>`,
    // Inside a script element only these two would end it or change how it is read.
    '<!-- script -->': `<script>${script.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')}</script>`,
  };
  const template = readFileSync(PAGE, 'utf8');
  return Object.entries(parts).reduce((text, [mark, part]) => {
    const [before, after, ...more] = text.split(mark);
    if (after === undefined || more.length > 0) throw new Error(`src/page.html must hold ${mark} once`);
    return before + part + after;
  }, template);
}
