// At every merchant, in a host without a payment sheet: the widget leads to the shop's page, which is the widget as well,
// and that to Stripe's; the widget in the chat shows the receipt by itself. Once it is left unpaid before. Tells each
// receipt.
//
//   node pay-elsewhere.mjs HOST_URL CHROMIUM [SCREENSHOTS]

import { payAtStripe } from "../hosted/tab.mjs";
import { must, tell, withHost } from "./session.mjs";
import { Shopper } from "./shopper.mjs";

// In front of the widget that the shop's page is; before that there are forms.
const onPage = (page) => new Shopper(page.locator("#app"));

const digits = (text) => text.replace(/\D/g, "");

await withHost(async (host, { picture }) => {
  await host.usePaymentSheet(false);
  for (const merchant of await host.merchants()) {
    const name = merchant.toLowerCase().replace(/\W+/g, "-");
    await host.choose(merchant);
    await host.showEverything();
    const shopper = await host.show(host.buyable().first());
    await shopper.makePayable();
    const label = await shopper.payButton.textContent();
    must(label.startsWith("Pay on ") && label.includes(merchant), `the button says "${label}"`);
    await shopper.pay();
    let page = await host.follow();
    await shopper.sees(/Finish the payment on /);
    await picture(`${name}-elsewhere-1-away`);

    // Left for the order, changed, and left for the page again: the widget leads there whatever was open before.
    await onPage(page).pay();
    await page.waitForURL(/\/c\/pay\//);
    await page.close();
    await shopper.press("Back to your order");
    await shopper.press("One more");
    await shopper.payAgain();
    page = await host.follow();

    const { session } = page.url().match(/\/checkout\/(?<session>chk_[0-9a-z]+)\?key=/).groups;
    const due = await onPage(page).payButton.textContent();
    await onPage(page).pay();
    await payAtStripe(page);
    const total = (await page.getByRole("row", { name: "Total" }).locator("th").last().textContent()).trim();
    must(digits(due) === digits(total), `"${due}" was pressed, and ${total} paid`);

    // Nobody touches the widget: it looks by itself.
    await shopper.seesPaid();
    await picture(`${name}-elsewhere-2-paid`);
    await page.close();
    tell({ merchant, session, amount: Number(digits(total)), currency: total.split(" ")[1] });
  }
  const entries = await host.transcript();
  for (const entry of ["widget start_hosted_checkout", "widget openExternal", "widget get_checkout"]) {
    must(entries.includes(entry), `the transcript lacks "${entry}": ${entries.join(", ")}`);
  }
});
