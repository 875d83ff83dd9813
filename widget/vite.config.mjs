// Builds the page: one HTML file that needs nothing else.

import { defineConfig } from 'vite';
import { onePage } from './scripts/one_page.mjs';
import { tables } from './scripts/tables.mjs';

export default defineConfig({
  // Environment files and public folders would let the surroundings into the bytes.
  envDir: false,
  publicDir: false,
  logLevel: 'warn',
  plugins: [tables(), onePage()],
  // By default, the form of the texts in the page would depend on how large the server's sections of the files are.
  json: { stringify: false },
  build: {
    target: ['chrome111', 'safari16.4', 'firefox115'],
    outDir: 'dist',
    emptyOutDir: true,
    modulePreload: false,
    reportCompressedSize: false,
    cssCodeSplit: false,
    rolldownOptions: {
      input: 'src/main.tsx',
      output: { format: 'iife' },
    },
  },
});
