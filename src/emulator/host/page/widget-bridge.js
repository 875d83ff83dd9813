// `window.openai`, as ChatGPT gives it to a widget. The server puts this function into the widget's document before every
// other script and calls it with what the widget begins with: the page's origin, the globals, whether there is a payment
// sheet. From then on it talks to the page by postMessage; what is allowed is decided there, never here.
//
// Not offered, so that widgets must look before they use them: uploadFile, selectFiles, getFileDownloadUrl, requestModal.
function giveOpenai(setup) {
  "use strict";
  const host = window.parent;
  const globals = setup.globals;
  const waiting = new Map();
  let calls = 0;

  // JSON and nothing else crosses the border, as in a host whose other end is another process.
  const plain = (value) => (value === undefined ? null : JSON.parse(JSON.stringify(value)));
  const send = (message) => host.postMessage({ openai: 1, ...message }, setup.page);
  const tell = (method, params) => send({ method, params: plain(params) });

  function ask(method, params) {
    return new Promise((resolve, reject) => {
      const message = { call: calls + 1, method, params: plain(params) };
      calls += 1;
      waiting.set(message.call, { resolve, reject });
      send(message);
    });
  }

  window.addEventListener("message", ({ source, origin, data }) => {
    if (source !== host || origin !== setup.page || data?.openai !== 1) return;
    if (data.globals) {
      Object.assign(globals, data.globals);
      const detail = { globals: data.globals };
      window.dispatchEvent(new CustomEvent("openai:set_globals", { detail }));
    }
    const asked = waiting.get(data.call);
    if (!asked) return;
    waiting.delete(data.call);
    if (data.error) asked.reject(new Error(data.error));
    else asked.resolve(data.result);
  });

  const openai = {
    callTool: (name, args) => ask("callTool", { name, args: args ?? {} }),
    setWidgetState(state) {
      globals.widgetState = plain(state);
      tell("setWidgetState", state);
    },
    sendFollowUpMessage: (message) => ask("sendFollowUpMessage", message),
    openExternal: (target) => ask("openExternal", target),
    requestDisplayMode: (wish) => ask("requestDisplayMode", wish),
    notifyIntrinsicHeight: (height) => tell("notifyIntrinsicHeight", height),
    setOpenInAppUrl: (target) => ask("setOpenInAppUrl", target),
    requestClose: () => tell("requestClose"),
  };
  if (setup.paymentSheet) openai.requestCheckout = (session) => ask("requestCheckout", session);
  for (const name of Object.keys(globals)) {
    Object.defineProperty(openai, name, { enumerable: true, get: () => globals[name] });
  }
  Object.defineProperty(window, "openai", { value: openai });
}
