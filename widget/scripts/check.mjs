// Fails when dist/ is not what the source builds to, or when the page is larger than its budget.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const BUDGET = 40_000;
const root = new URL('..', import.meta.url).pathname;

const folder = mkdtempSync(join(tmpdir(), 'widget-'));
try {
  process.chdir(root);
  await build({ root, build: { outDir: folder, emptyOutDir: true } });
  const built = readFileSync(join(folder, 'buy.html'));
  const committed = readFileSync(join(root, 'dist/buy.html'));
  if (!built.equals(committed)) {
    fail('dist/buy.html is not what the source builds to; run `npm run build` in widget/ and commit the result');
  }
  const size = gzipSync(built, { level: 9 }).length;
  if (size > BUDGET) fail(`the page is ${size} bytes gzipped; its budget is ${BUDGET}`);
  console.log(`widget: dist/buy.html is up to date, ${size} of ${BUDGET} bytes gzipped`);
} finally {
  rmSync(folder, { recursive: true });
}

function fail(why) {
  console.error(`widget: ${why}`);
  process.exitCode = 1;
}
