// Who may call a tool, by what its descriptor says. Knows no network and no page, so that it can be tested by itself.
//
// `ui.visibility` is the standard (default: model and app); ChatGPT also wants `openai/widgetAccessible` on what a
// widget calls, and its older `openai/visibility: private` hides a tool from the model. The host's own calls, such as
// complete_checkout after the payment sheet, are bound by neither.

// Why `who` ("model", "widget" or "host") may not call a tool; null when it may.
export function whyNot(who, name, tool) {
  if (!tool) return `this shop has no tool "${name}"`;
  const meta = tool._meta ?? {};
  const visibility = meta.ui?.visibility ?? ["model", "app"];
  if (who === "model") {
    if (!visibility.includes("model")) return `${name} is hidden from the model: its ui.visibility lacks "model"`;
    if (meta["openai/visibility"] === "private") return `${name} is hidden from the model: openai/visibility is private`;
  }
  if (who === "widget") {
    if (!visibility.includes("app")) return `${name} is closed to widgets: its ui.visibility lacks "app"`;
    if (meta["openai/widgetAccessible"] !== true) return `${name} is closed to widgets: it lacks openai/widgetAccessible`;
  }
  return null;
}

// The widget that shows a tool's results, if any.
export function widgetOf(tool) {
  return tool?._meta?.ui?.resourceUri ?? tool?._meta?.["openai/outputTemplate"] ?? null;
}
