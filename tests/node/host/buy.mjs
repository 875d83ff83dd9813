// At every merchant: a purchase, one after a decline, and one after a cancellation. Tells each receipt.
//
//   node buy.mjs HOST_URL CHROMIUM [SCREENSHOTS]

import { must, tell, withHost } from "./session.mjs";

await withHost(async (host, { picture, context }) => {
  for (const merchant of await host.merchants()) {
    const name = merchant.toLowerCase().replace(/\W+/g, "-");
    await host.choose(merchant);

    await host.showEverything();
    const shopper = await host.show(host.buyable().first());
    await picture(`${name}-1-widget`);
    await shopper.makePayable();
    await picture(`${name}-2-payable`);
    await shopper.pay();
    await host.payButton.waitFor();
    await picture(`${name}-3-sheet`);
    const total = await host.payWith(/^Visa ending in 4242 ?Pays/);
    await bought("straight away", merchant, shopper, total);
    await picture(`${name}-4-paid`);

    const declined = await host.show(host.buyable().nth(1));
    await declined.makePayable();
    await declined.pay();
    await host.payWith(/0002/);
    await host.sheet.getByRole("alert").getByText(/declined/i).waitFor();
    await picture(`${name}-5-declined`);
    await bought("after a decline", merchant, declined, await host.payWith(/^Visa ending in 4242 ?Pays/));

    const canceled = await host.show(host.buyable().first());
    await canceled.makePayable();
    await canceled.pay();
    await host.payButton.waitFor();
    await host.cancelSheet();
    await canceled.seesUnpaid();
    await picture(`${name}-6-canceled`);
    await canceled.pay();
    await bought("after a cancellation", merchant, canceled, await host.payWith(/^Visa ending in 4242 ?Pays/));
  }
  const ends = (await host.transcript()).filter((entry) => entry.startsWith("host requestCheckout "));
  must(ends.join().includes("rejects") && ends.join().includes("resolves"), `the sheets ended so: ${ends}`);

  // The widget, the host and the shop's own page must say the same.
  async function bought(how, merchant, shopper, total) {
    await host.sheet.waitFor({ state: "hidden" });
    const receipt = await host.receipt();
    must(receipt.paid === total, `the sheet said ${total}, the host says ${receipt.paid}`);
    await shopper.seesPaid();
    const order = await context.newPage();
    const response = await order.goto(receipt.permalink);
    must(response.ok(), `the order's page answers ${response.status()}`);
    const text = await order.locator("body").textContent();
    must(text.includes(receipt.order) && text.includes(total), `the order's page says: ${text}`);
    await order.close();
    tell({ merchant, how, ...receipt });
  }
});
