// A shopper at the widget in a real browser, in a stand-in for ChatGPT.
//
//   node tests/node/widget/purchase.mjs [SCENARIO…]
//
// Prints a line for each thing shown and exits 0 only when all were. TEST_CHROMIUM names another browser,
// WIDGET_FILE another page, WIDGET_SHOTS a folder for pictures.

import { browser, serveChat } from './chat.mjs';
import * as scenarios from './scenarios.mjs';

const wanted = process.argv.slice(2);
const chromium = await browser();
const server = await serveChat();
try {
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const chats = [];
    const shown = (sentence) => console.log(`${name}: ${sentence}`);
    try {
      await scenario({ chromium, origin: server.origin, shown, chats });
    } catch (error) {
      for (const chat of chats) {
        const seen = await chat.widget.locator('body').innerText({ timeout: 1000 }).catch(() => '(nothing)');
        console.error(`${name}: the widget shows:\n${seen}\nproblems: ${JSON.stringify([chat.problems, chat.console])}`);
        await chat.shot(`failed-${name}`);
      }
      throw error;
    }
    for (const chat of chats) {
      if (chat.problems.length > 0) throw new Error(`${name}: ${chat.problems.join('\n')}`);
      await chat.close();
    }
  }
} finally {
  await chromium.close();
  server.close();
}
console.log('all shown');
