// Runs the unit tests. They are bundled first, because the oldest Node.js that is supported reads no TypeScript.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { tables } from './tables.mjs';

const root = new URL('..', import.meta.url).pathname;
const outDir = join(root, 'node_modules/.cache/tests');
const tests = readdirSync(join(root, 'tests')).filter((name) => name.endsWith('.test.ts'));

process.chdir(root);
await build({
  root,
  configFile: false,
  logLevel: 'warn',
  plugins: [tables()],
  build: {
    ssr: true,
    outDir,
    emptyOutDir: true,
    rolldownOptions: { input: tests.map((name) => join(root, 'tests', name)) },
  },
});

const files = tests.map((name) => join(outDir, name.replace(/\.ts$/, '.js')));
const run = spawnSync(process.execPath, ['--test', ...process.argv.slice(2), ...files], { stdio: 'inherit' });
process.exitCode = run.status ?? 1;
