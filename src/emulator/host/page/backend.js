// What the page asks of its own server. Every failure is an Error with a sentence for people.

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The emulated host's own server does not answer. Is the demo still running?");
  }
  const body = await response.json().catch(() => ({ error: `the host's server answered HTTP ${response.status}` }));
  if (!response.ok) throw new Error(sentence(body.error));
  return body;
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;

const post = (path, body) =>
  request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const describeHost = () => request("/api/host");

const ofMerchant = (merchant, what) => `/api/merchants/${encodeURIComponent(merchant)}/${what}`;

export const sendMessage = (merchant, message) => post(ofMerchant(merchant, "messages"), message);

export const prepareWidget = (merchant, widget) => post(ofMerchant(merchant, "widgets"), widget);

export const approvePayment = (merchant, approval) => post(ofMerchant(merchant, "payments"), approval);

export const askForChallenge = (merchant, url) => post(ofMerchant(merchant, "wallet/challenges"), { url });

export const payWithWallet = (merchant, approval) => post(ofMerchant(merchant, "wallet/payments"), approval);
