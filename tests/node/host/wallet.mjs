// At every merchant that wallets can pay, a purchase with one: read, declined by its owner, declined by the bank, and paid
// with another card. The widget shows the receipt. Tells each receipt, and each merchant that wallets cannot pay.
//
//   node wallet.mjs HOST_URL CHROMIUM [SCREENSHOTS]

import { must, tell, withHost } from "./session.mjs";

await withHost(async (host, { picture, context }) => {
  const merchants = await host.merchants();
  for (const merchant of merchants) {
    const name = merchant.toLowerCase().replace(/\W+/g, "-");
    await host.choose(merchant);
    must(!(await host.walletButton.isVisible()), "nothing is to be paid yet");
    await host.showEverything();
    const shopper = await host.show(host.buyable().first());
    await shopper.makePayable();
    if (!(await host.latestAnswer(/_checkout$/)).payment_methods_offered.includes("wallet")) {
      must(!(await host.walletButton.isVisible()), `${merchant} offers no payment with a wallet`);
      tell({ merchant, wallet: false });
      continue;
    }

    // Read, and declined by the owner.
    await host.walletButton.click();
    await host.walletStep("Challenge");
    must(await host.wallet.getByText("The shop's challenge").evaluate((node) => node === document.activeElement),
      "the step's heading has the focus");
    const amount = await fact("Amount");
    must((await host.wallet.locator("details pre").textContent()).includes("WWW-Authenticate: Payment id="), "the raw header");
    await host.wallet.getByText("The header as it was sent").click();
    await picture(`${name}-wallet-1-challenge`);
    await press("Continue to the approval");
    await host.walletStep("Approval");
    const asked = await host.wallet.textContent();
    must(asked.includes(amount) && asked.includes(merchant) && asked.includes("One order from the shop"), asked);
    await picture(`${name}-wallet-2-approval`);
    await press("Decline");
    await host.said(/You declined the payment in the wallet/);
    must(await host.walletButton.evaluate((node) => node === document.activeElement), "the focus is back at the button");

    // Left with the keyboard.
    await host.walletButton.press("Enter");
    await host.walletStep("Challenge");
    await host.page.keyboard.press("Escape");
    await host.wallet.waitFor({ state: "hidden" });

    // Declined by the bank, then paid with another card.
    await host.walletButton.click();
    await press("Continue to the approval");
    await host.wallet.getByRole("radio", { name: /0002/ }).check();
    await press("Approve");
    await host.wallet.getByRole("alert").getByText(/declined/i).waitFor();
    await host.walletStep("Outcome");
    await picture(`${name}-wallet-3-declined`);
    await press("Try again with another card");
    await press("Continue to the approval");
    await press("Approve");
    await host.wallet.getByRole("heading", { name: "Paid" }).waitFor();
    must((await fact("Amount")) === amount, "the receipt has the amount of the challenge");
    must((await fact("Payment at Stripe")).startsWith("pi_"), "the receipt names the payment");
    const number = await fact("Order");
    await picture(`${name}-wallet-4-paid`);
    await press("Done");

    // The host, the widget and the shop's own page say the same.
    await host.said(`Order ${number}`);
    await host.said(`Paid ${amount} to ${merchant} with a wallet.`);
    await host.walletButton.waitFor({ state: "hidden" });
    await (await host.widget()).seesPaid();
    await picture(`${name}-wallet-5-widget`);
    const link = host.page.getByRole("link", { name: "Order status page" }).last();
    const page = await context.newPage();
    await page.goto(await link.getAttribute("href"));
    const text = await page.locator("body").textContent();
    must(text.includes(number) && text.includes(amount), `the order's page says: ${text}`);
    await page.close();

    const entries = (await host.transcript()).filter((entry) => entry.startsWith("wallet "));
    must(entries.slice(-3).join() === "wallet GET, after the approval,wallet token granted,wallet GET, with the credential",
      `the transcript ends so: ${entries}`);
    must(!/spt_[0-9A-Za-z]{8}/.test(await host.page.locator("body").textContent()), "a token reached the page");
    await tellReceipt(merchant);
  }

  // Goods that go to an email address, in a dark theme.
  await host.choose(merchants[0]);
  await host.page.getByRole("switch", { name: "Dark theme" }).click();
  await host.showEverything();
  await (await host.show(host.buyable().filter({ hasText: "Gift Card" }))).makePayable();
  await host.walletButton.click();
  await host.wallet.getByRole("alert").getByText(/email/).waitFor();
  await picture("wallet-6-email");
  await press("Tell the shop ada@example.com");
  await press("Continue to the approval");
  await picture("wallet-7-dark");
  await press("Approve");
  await host.wallet.getByRole("heading", { name: "Paid" }).waitFor();
  await press("Done");
  await (await host.widget()).seesPaid();
  await tellReceipt(merchants[0]);

  // An offer belongs to one merchant.
  await host.showEverything();
  await (await host.show(host.buyable().first())).makePayable();
  await host.walletButton.waitFor();
  await host.choose(merchants.at(-1));
  await host.walletButton.waitFor({ state: "hidden" });

  async function tellReceipt(merchant) {
    const granted = JSON.parse(await host.exchanges("token granted").last().locator("pre").textContent());
    const { order } = await host.latestAnswer(/^get_checkout$/);
    const currency = granted.currency.toUpperCase();
    tell({ merchant, wallet: true, session: order.checkout_session_id, amount: granted.amount, currency });
  }

  async function press(button) {
    await host.wallet.getByRole("button", { name: button, exact: true }).click();
  }

  // A line of the wallet's screen.
  async function fact(line) {
    const term = host.page.locator("dt").getByText(line, { exact: true });
    return host.wallet.locator(".row").filter({ has: term }).locator("dd").textContent();
  }
});
