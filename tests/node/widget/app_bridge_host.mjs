// The host's side of `app_bridge.mjs`, in the browser.

import { AppBridge, PostMessageTransport } from '@modelcontextprotocol/ext-apps/app-bridge';

const frame = document.getElementById('widget');
window.heights = [];
let last = null;
window.lastSession = () => last;
const bridge = new AppBridge(null, { name: 'host', version: '1' }, { openLinks: {}, serverTools: {} },
  { hostContext: { theme: 'light', locale: 'en-US', displayMode: 'inline' } });
bridge.oncalltool = async (params) => {
  const result = await window.callShop(params);
  last = result.structuredContent?.checkout_session ?? last;
  return result;
};
window.links = [];
bridge.onopenlink = async ({ url }) => {
  if (window.refusesLinks) return { isError: true };
  window.links.push(url);
  return {};
};
bridge.onsizechange = ({ height }) => window.heights.push(height);
bridge.oninitialized = async () => {
  const { input, result } = await window.opened();
  await bridge.sendToolInput({ arguments: input });
  await bridge.sendToolResult(result);
};
await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
// The page may have said hello before anybody listened.
frame.src = frame.src;
