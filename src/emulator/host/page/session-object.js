// The session object that a widget hands to requestCheckout, held against what ChatGPT's payment sheet expects: ACP
// 2025-09-29's session with OpenAI's additions. Knows no page, so that it can be tested by itself.
//
// A problem is { at, says, essential }. Without what is essential the sheet cannot open; the rest is reported and the
// sheet opens, because no required list is published.

const STATUSES = ["not_ready_for_payment", "ready_for_payment", "completed", "canceled", "in_progress"];
const ROWS = ["items_base_amount", "items_discount", "subtotal", "discount", "fulfillment", "tax", "fee", "total"];
const LINKS = ["terms_of_use", "privacy_policy", "seller_shop_policies", "support_url"];
const ADDED_BY_THE_HOST = ["merchant", "logo_url", "conversation_id", "connector_id", "ecosystem_app_uri"];
const KNOWN = [
  "id", "payment_provider", "payment_mode", "status", "currency", "line_items", "totals", "fulfillment_options",
  "fulfillment_option_id", "fulfillment_address", "messages", "links", "metadata", "buyer",
];

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value) => typeof value === "string" && value !== "";
const isAmount = (value) => Number.isSafeInteger(value) && value >= 0;

export function totalOf(session) {
  return session.totals.find((row) => row.type === "total").amount;
}

export function problemsOf(session) {
  const problems = [];
  const report = (at, says, essential = false) => problems.push({ at, says, essential });
  if (!isObject(session)) {
    report("session", "must be an object", true);
    return problems;
  }
  checkHead(session, report);
  checkLines(session, report);
  checkTotals(session, report);
  checkFulfillment(session, report);
  checkMessagesAndLinks(session, report);
  for (const key of Object.keys(session)) {
    if (ADDED_BY_THE_HOST.includes(key)) report(key, "is added by the host and must not be sent");
    else if (!KNOWN.includes(key)) report(key, "is no field of the payment sheet");
  }
  if (session.metadata !== undefined && !Object.values(session.metadata ?? { null: 0 }).every((value) => typeof value === "string")) {
    report("metadata", "must be an object of strings");
  }
  return problems;
}

function checkHead(session, report) {
  if (!isText(session.id)) report("id", "must be a text", true);
  if (session.status !== "ready_for_payment") {
    const known = STATUSES.includes(session.status) ? "" : ", and is no status at all";
    report("status", `is "${session.status}" and not "ready_for_payment"${known}`, true);
  }
  if (!/^[A-Z]{3}$/.test(session.currency ?? "")) {
    report("currency", "must be an ISO 4217 code in upper case", !/^[a-z]{3}$/i.test(session.currency ?? ""));
  }
  if (session.payment_mode !== "test") {
    report("payment_mode", "must be \"test\" here: absent means live, and this host moves no real money", true);
  }
  const provider = session.payment_provider;
  if (!isObject(provider)) {
    report("payment_provider", "must be an object", true);
    return;
  }
  if (!isText(provider.provider)) report("payment_provider.provider", "must be a text such as \"stripe\"", true);
  if (!isText(provider.merchant_id)) report("payment_provider.merchant_id", "must be the merchant's id there", true);
  const methods = provider.supported_payment_methods;
  const isMethod = (method) => isText(method) || isText(method?.type);
  if (!Array.isArray(methods) || !methods.length || !methods.every(isMethod)) {
    report("payment_provider.supported_payment_methods", "must list methods, each {type} or a text");
  } else if (!methods.some((method) => (method.type ?? method) === "card")) {
    report("payment_provider.supported_payment_methods", "must hold card: this sheet has only cards", true);
  }
}

function checkLines(session, report) {
  if (!Array.isArray(session.line_items) || !session.line_items.length) {
    report("line_items", "must be a list with what is bought");
    return;
  }
  session.line_items.forEach((line, index) => {
    const at = `line_items[${index}]`;
    if (!isText(line?.id)) report(`${at}.id`, "must be a text");
    if (!isText(line?.item?.id)) report(`${at}.item.id`, "must be a text");
    if (!Number.isSafeInteger(line?.item?.quantity) || line.item.quantity < 1) {
      report(`${at}.item.quantity`, "must be a whole number above 0");
    }
    const amounts = ["base_amount", "discount", "subtotal", "tax", "total"];
    const wrong = amounts.filter((name) => !isAmount(line?.[name]));
    for (const name of wrong) report(`${at}.${name}`, "must be a whole number of minor units, not negative");
    if (wrong.length) return;
    if (line.subtotal !== line.base_amount - line.discount) report(`${at}.subtotal`, "is not base_amount − discount");
    if (line.total !== line.subtotal + line.tax) report(`${at}.total`, "is not subtotal + tax");
  });
}

function checkTotals(session, report) {
  const rows = session.totals;
  if (!Array.isArray(rows)) {
    report("totals", "must be a list", true);
    return;
  }
  rows.forEach((row, index) => {
    if (!ROWS.includes(row?.type)) report(`totals[${index}].type`, `is none of ${ROWS.join(", ")}`);
    if (!isText(row?.display_text)) report(`totals[${index}].display_text`, "must be a text");
    if (!isAmount(row?.amount)) {
      report(`totals[${index}].amount`, "must be a whole number of minor units, not negative", row?.type === "total");
    }
  });
  const totals = rows.filter((row) => row?.type === "total");
  if (totals.length !== 1) {
    report("totals", `must have one row "total" and has ${totals.length}`, true);
    return;
  }
  if (rows.every((row) => isAmount(row?.amount)) && !addsUp(rows)) {
    report("totals", "does not add up: subtotal + fulfillment + tax + fee − discount is not the total");
  }
}

// What OpenAI's example does: the shipping row holds its own tax, the tax row the lines' alone.
function addsUp(rows) {
  const sum = (type) => rows.filter((row) => row.type === type).reduce((all, row) => all + row.amount, 0);
  const goods = rows.some((row) => row.type === "subtotal")
    ? sum("subtotal")
    : sum("items_base_amount") - sum("items_discount");
  return goods - sum("discount") + sum("fulfillment") + sum("tax") + sum("fee") === sum("total");
}

function checkFulfillment(session, report) {
  const options = session.fulfillment_options;
  if (!Array.isArray(options)) {
    report("fulfillment_options", "must be a list; an empty one where nothing is sent");
  } else {
    options.forEach((option, index) => {
      const at = `fulfillment_options[${index}]`;
      if (!["shipping", "digital"].includes(option?.type)) report(`${at}.type`, "must be shipping or digital");
      for (const name of ["id", "title"]) if (!isText(option?.[name])) report(`${at}.${name}`, "must be a text");
      for (const name of ["subtotal", "tax", "total"]) {
        if (!isAmount(option?.[name])) report(`${at}.${name}`, "must be a whole number of minor units");
      }
    });
    const chosen = session.fulfillment_option_id;
    if (chosen !== undefined && chosen !== null && !options.some((option) => option?.id === chosen)) {
      report("fulfillment_option_id", "is none of the fulfillment_options");
    }
    if (options.length && !isText(chosen)) report("fulfillment_option_id", "must name one of the fulfillment_options");
  }
  const address = session.fulfillment_address;
  if (address === undefined || address === null) return;
  for (const name of ["name", "line_one", "city", "country"]) {
    if (!isText(address[name])) report(`fulfillment_address.${name}`, "must be a text");
  }
  for (const name of ["state", "postal_code"]) {
    if (typeof address[name] !== "string") report(`fulfillment_address.${name}`, "must be a text, perhaps an empty one");
  }
  if (isText(address.country) && !/^[A-Z]{2}$/.test(address.country)) {
    report("fulfillment_address.country", "must be an ISO 3166-1 code of two capitals");
  }
}

function checkMessagesAndLinks(session, report) {
  if (!Array.isArray(session.messages)) {
    report("messages", "must be a list, perhaps an empty one");
  } else {
    session.messages.forEach((message, index) => {
      const at = `messages[${index}]`;
      if (!["info", "error"].includes(message?.type)) report(`${at}.type`, "must be info or error");
      if (message?.type === "error" && !isText(message.code)) report(`${at}.code`, "must be a text");
      if (!["plain", "markdown"].includes(message?.content_type)) report(`${at}.content_type`, "must be plain or markdown");
      if (!isText(message?.content)) report(`${at}.content`, "must be a text");
    });
  }
  if (!Array.isArray(session.links)) {
    report("links", "must be a list with terms_of_use and privacy_policy");
    return;
  }
  session.links.forEach((link, index) => {
    if (!LINKS.includes(link?.type)) report(`links[${index}].type`, `is none of ${LINKS.join(", ")}`);
    if (!/^https:\/\//.test(link?.url ?? "")) report(`links[${index}].url`, "must be an https address");
  });
  for (const type of ["terms_of_use", "privacy_policy"]) {
    if (!session.links.some((link) => link?.type === type)) report("links", `must hold ${type}`);
  }
}
