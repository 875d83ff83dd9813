// What a shopper does, scene by scene, and what must then be seen. Run by purchase.mjs, in this order.

import assert from 'node:assert/strict';
import { openChat } from './chat.mjs';
import { HUILA, MUG, StandInShop, refused } from './stand_in_shop.mjs';

/** Opens the widget on a product or on a checkout. */
async function open({ chromium, origin, chats }, { shop = new StandInShop(), on = HUILA, pay, ...rest } = {}) {
  const toolOutput = rest.toolOutput ?? (on.id ? shop.show(on) : shop.checkout(on));
  const chat = await openChat(chromium, origin, { shop, toolOutput, pay: pay && ((sheet) => pay(sheet, shop)), ...rest });
  chats.push(chat);
  return { chat, shop };
}

/** A checkout that can be paid. */
async function openPayable(world, { on = [{ id: MUG.id, quantity: 1 }], ...rest } = {}) {
  const { chat, shop } = await open(world, { on, ...rest });
  if (on.id) await chat.click('Continue');
  await chat.fillAddress();
  await chat.click('Show shipping and total');
  await chat.button(/^Pay /).and(chat.widget.locator(':enabled')).waitFor();
  return { chat, shop };
}

async function waitUntil(holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const paid = (sheet, shop) => shop.pay(shop.session(sheet.id));

export async function a_whole_purchase(world) {
  const { chat, shop } = await open(world, { pay: paid });
  await chat.see('Huila Washed');
  await chat.see('$18.50');
  await chat.shot('product');
  world.shown('the product is shown with its price, its picture and its choices');

  await chat.choose('1 kg');
  await chat.see('$62.00');
  await chat.choose(/^Filter/);
  await chat.see('This combination is not available.');
  assert(await chat.button('Continue').isDisabled());
  await chat.shot('unavailable');
  world.shown('a combination that cannot be bought is said to be so, and cannot be bought');

  await chat.choose(/^Whole bean/);
  await chat.click('One more');
  await chat.click('Continue');
  await chat.see('Your order');
  assert.deepEqual(shop.calls.at(-1), { name: 'create_checkout', args: { items: [{ id: 'huila-1000-beans', quantity: 2 }] } });
  await chat.see('$124.00');
  await chat.shot('order-without-address');
  world.shown('the choice is in an order of the shop');

  await chat.click('Show shipping and total');
  assert.equal(await chat.widget.getByText('Please fill this in.').count(), 5);
  assert.equal(await chat.widget.locator(':focus').getAttribute('name'), 'name');
  world.shown('an empty address is refused field by field, and the first one has the focus');

  await chat.fillAddress();
  await chat.click('Show shipping and total');
  await chat.button('Pay $139.91').waitFor();
  assert.deepEqual(shop.calls.at(-1).args.fulfillment_address, {
    country: 'US', name: 'Ada Lovelace', line_one: '12 Analytical Way', city: 'New York', state: 'NY', postal_code: '10001',
  });
  await chat.see('Arrives Thu, Nov 26 – Sat, Nov 28');
  await chat.choose(/Express · UPS/);
  await chat.button('Pay $148.91').waitFor();
  await chat.shot('order-ready');
  world.shown('shipping, tax and total are the rows of the shop');

  await chat.click('Pay $148.91');
  await chat.see('Thank you. Your order is paid.');
  assert.deepEqual(chat.sheets, [{ ...shop.sheet(shop.session(chat.sheets[0].id)), status: 'ready_for_payment' }]);
  assert.equal(shop.charges, 1);
  await chat.see('$148.91');
  await chat.see('Order 1001');
  assert.equal(await chat.widget.getByText('ord_').count(), 0);
  assert.equal(shop.calls.at(-1).name, 'get_checkout');
  world.shown('the host is given the payment sheet untouched, and the receipt is the shop’s, with its number of the order');

  await chat.widget.getByRole('link', { name: 'Order status' }).click();
  assert.match(chat.last('link'), /^https:\/\/harbor\.example\.com\/orders\/chk_/);
  await chat.shot('receipt');
  world.shown('the order page is opened by the host');
}

export async function a_decline_and_then_success(world) {
  const luck = [
    (sheet, shop) => {
      const session = shop.session(sheet.id);
      session.notice = { code: 'payment_declined', text: 'Your card was declined.' };
      return shop.completion(session);
    },
    paid,
  ];
  const { chat, shop } = await openPayable(world, { pay: (sheet, there) => luck.shift()(sheet, there) });
  await chat.click('Pay $31.91');
  await chat.see('The payment was declined');
  assert.equal(await chat.widget.getByText('Your card was declined.').count(), 1);
  await chat.button('Pay $31.91').and(chat.widget.locator(':enabled')).waitFor();
  await chat.shot('declined');
  world.shown('a decline is told once, and the order can be paid again');

  await chat.click('Pay $31.91');
  await chat.see('Thank you. Your order is paid.');
  assert.equal(chat.sheets[0].id, chat.sheets[1].id);
  assert.equal(shop.charges, 1);
  world.shown('the second payment is of the same session, and is paid');
}

export async function a_closed_sheet(world) {
  let offline = false;
  const { chat, shop } = await openPayable(world, {
    pay: (_, there) => {
      if (offline) there.before.push(() => { throw new Error('offline'); });
      throw new Error('user_cancelled');
    },
  });
  await chat.page.clock.install();
  const calls = shop.calls.length;
  await chat.click('Pay $31.91');
  await chat.see('No payment was taken. You can try again.');
  assert.equal(shop.calls[calls].name, 'get_checkout');
  await chat.button('Pay $31.91').and(chat.widget.locator(':enabled')).waitFor();
  world.shown('a closed sheet leads back to the order, once the shop was asked');

  offline = true;
  await chat.click('Pay $31.91');
  await chat.see('We could not find out whether the payment was made.');
  assert.equal(await chat.button(/^Pay/).count(), 0);
  await chat.shot('unsure');
  world.shown('where the shop cannot be asked, nothing is said about money, and nothing can be paid');

  shop.pay(shop.session(chat.sheets[0].id));
  await chat.page.clock.fastForward(30_000);
  await chat.see('Thank you. Your order is paid.');
  assert.equal(shop.charges, 1);
  world.shown('an order that was paid after all is found by itself');
}

export async function an_order_that_the_host_made_up(world) {
  const made = { id: 'ord_made_up', checkout_session_id: 'chk_1_r1', permalink_url: 'https://host.example.com/ord_made_up' };
  const luck = [(sheet) => ({ ...sheet, status: 'completed', order: made, messages: [] }), paid];
  const { chat, shop } = await openPayable(world, { pay: (sheet, there) => luck.shift()(sheet, there) });
  await chat.click('Pay $31.91');
  await chat.see('The shop has received no payment for this order.');
  assert.equal(await chat.widget.getByText('Thank you.').count(), 0);
  assert.equal(shop.charges, 0);
  await chat.shot('made-up');
  world.shown('an order that the shop does not know is no receipt');

  await chat.click('Pay $31.91');
  await chat.see('Thank you. Your order is paid.');
  assert.equal(shop.charges, 1);
  world.shown('and can be paid');
}

export async function a_sheet_that_pays_after_it_was_closed(world) {
  const { chat, shop } = await openPayable(world, { pay: () => { throw new Error('timeout'); } });
  await chat.page.clock.install();
  await chat.click('Pay $31.91');
  await chat.see('No payment was taken. You can try again.');
  shop.pay(shop.session(chat.sheets[0].id));
  await chat.click('Add another product');
  await chat.page.clock.fastForward(30_000);
  await chat.see('Thank you. Your order is paid.');
  assert.equal(shop.charges, 1);
  world.shown('a payment that arrives after its sheet was given up is shown by itself');
}

export async function a_host_that_gives_nothing(world) {
  for (const toolOutput of [{}, { structuredContent: { weather: 'fine' } }]) {
    const { chat } = await open(world, { toolOutput });
    await chat.page.clock.install();
    await chat.page.clock.fastForward(6000);
    await chat.see('Stoneware Mug');
    assert.equal(await chat.widget.getByText('One moment…').count(), 0);
    await chat.shot('nothing-given');
  }
  world.shown('without a result, or with another tool’s, the shop’s products are shown');
}

export async function a_translated_page(world) {
  const { chat } = await openPayable(world, { pay: paid });
  assert(await chat.translate() > 20);
  await chat.see('⟦Your order⟧');
  await chat.see('⟦$31.91⟧');
  await chat.choose(/Express/);
  await chat.button(/^Pay \$40\.91/).and(chat.widget.locator(':enabled')).waitFor();
  assert.match(await chat.widget.locator('.totals .total').innerText(), /\$40\.91/);
  assert.equal(await chat.widget.getByText('$31.91').count(), 0);
  await chat.shot('translated');
  world.shown('an amount that changes is the new one, however the browser translated the old one');

  await chat.translate();
  await chat.turn('visible');
  await chat.see('⟦$40.91⟧');
  world.shown('what does not change stays translated');

  await chat.click('One more');
  await chat.button(/^Pay \$66\.83/).and(chat.widget.locator(':enabled')).waitFor();
  await chat.translate();
  await chat.click(/Pay \$66\.83/);
  await chat.see('Thank you. Your order is paid.');
  await chat.see('$66.83');
  world.shown('and a whole purchase goes on translated');
}

export async function a_payment_in_progress(world) {
  const { chat, shop } = await openPayable(world, {
    pay: (sheet, there) => {
      there.session(sheet.id).state = 'in_progress';
      return { ...there.completion(there.session(sheet.id)), line_items: [], totals: [], fulfillment_options: [] };
    },
  });
  await chat.page.clock.install();
  const session = () => shop.session(chat.sheets[0].id);
  await chat.click('Pay $31.91');
  await chat.see('The payment is being confirmed');
  await chat.see('$31.91');
  assert.equal(await chat.button(/^Pay/).count(), 0);
  await chat.shot('confirming');
  world.shown('an undecided payment is told as such, and cannot be paid again');

  const looks = shop.calls.length;
  for (let at = 0; at < 8; at += 1) {
    await chat.page.clock.fastForward(30_000);
    await waitUntil(() => shop.calls.length === looks + at + 1);
    await chat.see('The payment is being confirmed');
  }
  await chat.button('Check again').waitFor();
  await chat.see('This takes longer than usual.');
  assert.equal(shop.calls.length, looks + 8);
  world.shown('it is looked at eight times, then the shopper is asked to');

  shop.pay(session());
  await chat.click('Check again');
  await chat.see('Thank you. Your order is paid.');
  await chat.see('$31.91');
  world.shown('the result is shown when it is known');
}

export async function a_price_that_changed(world) {
  const luck = [
    (sheet, shop) => {
      shop.setPrice(MUG.id, 2600);
      shop.reprice(shop.session(sheet.id));
      return { code: 'expired', message: 'The prices shown have expired; refresh the checkout with update_checkout and show it again.' };
    },
    paid,
  ];
  const { chat } = await openPayable(world, { pay: (sheet, there) => luck.shift()(sheet, there) });
  await chat.click('Pay $31.91');
  await chat.see('Please look at your order again');
  await chat.see('The total is now $34.07; it was $31.91.');
  await chat.see('Stoneware Mug now costs $26.00 instead of $24.00.');
  await chat.see('The shop has received no payment for this order.');
  assert.equal(await chat.widget.getByText('The prices shown have expired').count(), 0);
  assert(await chat.button('Pay $34.07').isDisabled());
  await chat.shot('review');
  world.shown('a changed price is told with the new total, in no words of the host, and paying waits until it was seen');

  await chat.click('I have seen it');
  await chat.click('Pay $34.07');
  await chat.see('Thank you. Your order is paid.');
  world.shown('then the new total is paid');
}

export async function an_item_that_is_gone(world) {
  const on = [{ id: MUG.id, quantity: 1 }, { id: 'huila-250-beans', quantity: 1 }];
  const { chat, shop } = await openPayable(world, {
    on,
    pay: (sheet, there) => {
      if (there.gone.has(MUG.id)) return paid(sheet, there);
      there.gone.add(MUG.id);
      there.reprice(there.session(sheet.id));
      return there.completion(there.session(sheet.id));
    },
  });
  await chat.click(/^Pay/);
  await chat.see('Something in your order is not available');
  await chat.see('Stoneware Mug is not available at the moment.');
  const marked = chat.widget.locator('.line', { has: chat.widget.getByText('Not available', { exact: true }) });
  assert.deepEqual(await marked.locator('.row-title').allInnerTexts(), ['Stoneware Mug']);
  assert.equal(await chat.button(/^Pay/).count(), 0);
  await chat.shot('gone');
  world.shown('an item that is gone is named and marked, and the order cannot be paid');

  await chat.click('Remove Stoneware Mug');
  await chat.button('Pay $25.97').and(chat.widget.locator(':enabled')).waitFor();
  assert.deepEqual(shop.calls.at(-1).args.items, [{ id: 'huila-250-beans', quantity: 1 }]);
  await chat.click('Pay $25.97');
  await chat.see('Thank you. Your order is paid.');
  world.shown('without it the rest is paid');
}

export async function a_double_click(world) {
  let finish;
  const { chat, shop } = await openPayable(world, {
    pay: (sheet, there) => new Promise((resolve) => { finish = () => resolve(paid(sheet, there)); }),
  });
  await chat.button('Pay $31.91').dblclick();
  await chat.see('Waiting for the payment…');
  assert(await chat.button('Waiting for the payment…').isDisabled());
  assert.equal(await chat.button('One more').count(), 0);
  assert.equal(chat.sheets.length, 1);
  await chat.shot('paying');
  world.shown('a double click opens one sheet, behind which nothing can be edited');

  await chat.click('The window is closed? Look what came of it');
  await chat.button('Pay $31.91').and(chat.widget.locator(':enabled')).waitFor();
  world.shown('a host that never answers can be left');

  finish();
  await chat.see('Thank you. Your order is paid.');
  assert.equal(shop.charges, 1);
  world.shown('an order that comes late is asked for all the same');
}

export async function several_lines(world) {
  const { chat, shop } = await openPayable(world, { pay: paid });
  await chat.click('Add another product');
  await chat.see('Hand Grinder');
  await chat.shot('list');
  await chat.widget.getByRole('searchbox').fill('huila');
  await chat.widget.getByText('Stoneware Mug').waitFor({ state: 'detached' });
  await chat.click(/^Huila Washed/);
  await chat.click('Add to order');
  await chat.button('Pay $51.89').and(chat.widget.locator(':enabled')).waitFor();
  assert.deepEqual(shop.calls.at(-1).args.items, [{ id: MUG.id, quantity: 1 }, { id: 'huila-250-beans', quantity: 1 }]);
  await chat.shot('two-lines');
  world.shown('another product is searched for and added');

  await chat.click(/^Change options of Huila/);
  await chat.choose('1 kg');
  await chat.click('Change order');
  await chat.button('Pay $98.87').waitFor();
  assert.deepEqual(shop.calls.at(-1).args.items, [{ id: MUG.id, quantity: 1 }, { id: 'huila-1000-beans', quantity: 1 }]);
  world.shown('a line is changed to another variant');

  await chat.widget.getByLabel('Quantity of Stoneware Mug').getByRole('textbox').fill('3');
  await chat.widget.getByLabel('Quantity of Stoneware Mug').getByRole('textbox').press('Enter');
  await chat.button('Pay $150.71').waitFor();
  await chat.click('Remove Huila Washed (1 kg, Whole bean)');
  await chat.button('Pay $83.75').waitFor();
  world.shown('quantities are typed and lines are removed');

  await chat.click('Remove Stoneware Mug');
  await chat.click('Keep it');
  await chat.click('Cancel order');
  await chat.widget.getByRole('alertdialog').getByRole('button', { name: 'Cancel order' }).click();
  await chat.see('This checkout was canceled. Nothing was charged.');
  await chat.shot('canceled');
  await chat.click('Start again');
  await chat.button('Pay $83.75').waitFor();
  assert.deepEqual(shop.calls.at(-1).args.items, [{ id: MUG.id, quantity: 3 }]);
  world.shown('an order is cancelled only after asking, and begun again with the same goods and address');
}

export async function late_answers(world) {
  const { chat, shop } = await openPayable(world, { pay: paid });
  let release;
  shop.before.push(() => new Promise((resolve) => { release = resolve; }));
  await chat.click('One more');
  await waitUntil(() => release);
  await chat.click('One more');
  await chat.click('One more');
  await chat.see('Updating…');
  assert(await chat.button(/^Pay/).isDisabled());
  assert.equal(await chat.widget.getByLabel('Quantity of Stoneware Mug').getByRole('textbox').inputValue(), '4');
  const sent = shop.calls.length;
  release();
  await chat.button('Pay $109.67').and(chat.widget.locator(':enabled')).waitFor();
  assert.equal(shop.calls.length, sent + 1);
  assert.deepEqual(shop.calls.at(-1).args.items, [{ id: MUG.id, quantity: 4 }]);
  assert.equal(shop.calls.at(-1).args.revision, 3);
  world.shown('edits during a call are sent as one afterwards, and paying waits for the last answer');
}

export async function a_conflict(world) {
  const { chat, shop } = await openPayable(world, { pay: paid });
  const session = [...shop.sessions.values()][0];
  shop.edit(session, { items: [{ id: MUG.id, quantity: 5 }] });
  await chat.choose(/Express/);
  await chat.see('The order was changed elsewhere. This is how it stands now.');
  await chat.see('The total is now $135.59; it was $31.91.');
  assert.equal(await chat.widget.getByLabel('Quantity of Stoneware Mug').getByRole('textbox').inputValue(), '5');
  world.shown('a change made elsewhere is read and told, not run over');
}

export async function expired_prices(world) {
  const { chat, shop } = await openPayable(world, {
    pay: (sheet, there) => {
      there.expire(there.session(sheet.id));
      return there.completion(there.session(sheet.id));
    },
  });
  await chat.click('Pay $31.91');
  await chat.see('The prices have expired');
  await chat.click('Refresh prices');
  assert.deepEqual(Object.keys(shop.calls.at(-1).args), ['checkout_session_id', 'revision']);
  await chat.see('The prices are up to date.');
  await chat.button('Pay $31.91').and(chat.widget.locator(':enabled')).waitFor();
  world.shown('expired prices are renewed by an empty update, and that is said');
}

export async function an_error_in_words(world) {
  const { chat, shop } = await openPayable(world, { pay: paid });
  shop.before.push(() => { throw new Error('lost'); });
  await chat.click('One more');
  await chat.see('The shop did not answer.');
  await chat.button('Pay $31.91').and(chat.widget.locator(':enabled')).waitFor();
  world.shown('a call without an answer is told, and the order is read again');

  const forModels = 'Too many requests at once; repeat update_checkout in a moment.';
  shop.refusals.push(refused(forModels, 'The shop is busy. "update_checkout" is a name; please try again.'));
  await chat.click('One more');
  await chat.see('The shop could not do this');
  await chat.see('The shop is busy. "update_checkout" is a name; please try again.');
  await chat.button('Pay $31.91').and(chat.widget.locator(':enabled')).waitFor();
  await chat.shot('refused');
  shop.refusals.push(refused(forModels));
  await chat.click('One more');
  await chat.widget.getByText('The shop is busy.').waitFor({ state: 'detached' });
  await chat.see('The shop could not do this');
  assert.equal(await chat.widget.getByText('Too many requests').count(), 0);
  await chat.button('Pay $31.91').and(chat.widget.locator(':enabled')).waitFor();
  world.shown('a refusal is told in the shop’s words for shoppers, never in those for models, and the order is as it was');
}

export async function a_second_life(world) {
  const { chat, shop } = await openPayable(world, { on: HUILA, pay: paid });
  const state = chat.last('state');
  assert.equal(state.session, [...shop.sessions.keys()][0]);
  assert(!JSON.stringify(state).includes('Analytical'), 'the model may read this state');
  const { chat: again } = await open(world, { shop, on: HUILA, pay: paid, globals: { widgetState: state } });
  await again.button(/^Pay \$/).and(again.widget.locator(':enabled')).waitFor();
  await again.see('12 Analytical Way');
  world.shown('drawn anew, the widget finds its order again, and keeps no address with the host');

  shop.pay([...shop.sessions.values()][0]);
  const { chat: later } = await open(world, { shop, on: HUILA, globals: { widgetState: state } });
  await later.see('Thank you. Your order is paid.');
  world.shown('and its receipt');
}

export async function a_host_without_a_sheet(world) {
  const { chat } = await open(world, { on: [{ id: MUG.id, quantity: 1 }] });
  await chat.fillAddress();
  await chat.click('Show shipping and total');
  await chat.see('This assistant cannot take the payment here yet. Nothing was charged.');
  await chat.see('$31.91');
  assert.equal(await chat.button(/^Pay/).count(), 0);
  await chat.shot('no-sheet');
  world.shown('a host without a payment sheet shows totals and says that it cannot pay');
}

const PAGE = 'Pay on the page of Harbor Coffee Roasters';
const onItsPage = () => new StandInShop({ offered: ['payment_sheet', 'hosted'] });

export async function a_payment_on_the_shops_page(world) {
  const { chat, shop } = await openPayable(world, { shop: onItsPage() });
  const [session] = shop.sessions.values();
  await chat.page.clock.install();
  await chat.shot('page-offered');
  await chat.click(PAGE);
  await chat.see('Finish the payment on the page of Harbor Coffee Roasters');
  assert.deepEqual(shop.calls.at(-1), { name: 'start_hosted_checkout', args: { checkout_session_id: session.id } });
  assert.equal(chat.last('link'), shop.page(session));
  assert.equal(await chat.button('One more').count(), 0);
  await chat.shot('away');
  world.shown('without a sheet the shop’s page is opened by the host, and nothing can be edited meanwhile');

  const looks = shop.calls.length;
  for (const [at, pause] of [2000, 3000, 5000, 8000, 13_000, 20_000, 30_000, 30_000].entries()) {
    await chat.page.clock.fastForward(pause);
    await waitUntil(() => shop.calls.length === looks + at + 1);
    await chat.see('Finish the payment on the page of Harbor Coffee Roasters');
  }
  assert.equal(shop.calls.at(-1).name, 'get_checkout');
  world.shown('the shop is asked again and again, at least every half minute');

  await chat.turn('hidden');
  await chat.page.clock.fastForward(120_000);
  assert.equal(shop.calls.length, looks + 8);
  session.state = 'in_progress';
  await chat.turn('visible');
  await chat.see('The payment is being confirmed');
  assert.equal(shop.calls.length, looks + 9);
  assert.equal(await chat.button(/page/).count(), 0);
  world.shown('nobody is asked while nobody looks, and at once when the shopper comes back');

  shop.pay(session);
  await chat.page.clock.fastForward(2000);
  await chat.see('Thank you. Your order is paid.');
  assert.equal(shop.charges, 1);
  world.shown('the receipt appears by itself');
}

export async function a_page_that_is_not_paid(world) {
  const { chat, shop } = await openPayable(world, { shop: onItsPage() });
  const [session] = shop.sessions.values();
  await chat.click(PAGE);
  await chat.click('Open the payment page again');
  await waitUntil(() => chat.heard.filter(({ what }) => what === 'link').length === 2);
  assert.equal(chat.last('link'), shop.page(session));
  world.shown('the page can be opened again');

  await chat.click('Back to your order');
  await chat.button(PAGE).and(chat.widget.locator(':enabled')).waitFor();
  await chat.click('One more');
  await chat.see('$57.83');
  world.shown('a shopper who does not want to pay there has the order back');

  await chat.click(PAGE);
  await chat.button('Open the payment page again').waitFor();
  shop.expire(session);
  await chat.turn('visible');
  await chat.see('No payment was taken. You can try again.');
  await chat.see('The prices have expired');
  await chat.shot('page-closed');
  await chat.click('Refresh prices');
  await chat.button(PAGE).and(chat.widget.locator(':enabled')).waitFor();
  world.shown('a page that ended unpaid is told, and the order can be paid again');
}

export async function a_page_that_the_host_does_not_open(world) {
  const { chat, shop } = await openPayable(world, { shop: onItsPage(), links: 'refused' });
  const [session] = shop.sessions.values();
  await chat.click(PAGE);
  const address = chat.widget.getByLabel('Copy its address into your browser');
  assert.equal(await address.inputValue(), shop.page(session));
  await address.focus();
  assert.equal(await address.evaluate((field) => field.selectionEnd - field.selectionStart), shop.page(session).length);
  await chat.shot('page-blocked');
  world.shown('where the host opens nothing, the page’s address is there to be copied');

  shop.pay(session);
  await chat.turn('visible');
  await chat.see('Thank you. Your order is paid.');
  world.shown('and the result is found all the same');
}

export async function an_order_that_changed_before_leaving(world) {
  const { chat, shop } = await openPayable(world, { shop: onItsPage() });
  const [session] = shop.sessions.values();
  shop.edit(session, { items: [{ id: MUG.id, quantity: 5 }] });
  await chat.click(PAGE);
  await chat.see('The order was changed elsewhere. This is how it stands now.');
  await chat.see('The total is now $135.59; it was $31.91.');
  assert.equal(chat.last('link'), undefined);
  await chat.click('I have seen it');
  shop.before.push(() => { throw new Error('offline'); });
  await chat.click(PAGE);
  await chat.see('The shop did not answer.');
  await chat.button(PAGE).and(chat.widget.locator(':enabled')).waitFor();
  assert.equal(chat.last('link'), undefined);
  world.shown('the page is opened only for the order that is shown, and only where the shop gave it');
}

export async function away_and_drawn_anew(world) {
  const { chat, shop } = await openPayable(world, { shop: onItsPage() });
  await chat.click(PAGE);
  await chat.button('Open the payment page again').waitFor();
  const state = chat.last('state');
  assert(!JSON.stringify(state).includes('key='), 'the address of the page is not kept with the host');
  const { chat: again } = await open(world, { shop, on: [{ id: MUG.id, quantity: 1 }], globals: { widgetState: state } });
  await again.button('Open the payment page again').waitFor();
  shop.pay([...shop.sessions.values()][0]);
  await again.turn('visible');
  await again.see('Thank you. Your order is paid.');
  world.shown('drawn anew while the shopper pays, the widget goes on waiting');
}

export async function a_sheet_or_the_page(world) {
  const luck = [() => { throw new Error('not for this shop'); }, paid];
  const { chat, shop } = await openPayable(world, { shop: onItsPage(), pay: (sheet, there) => luck.shift()(sheet, there) });
  assert.equal(await chat.button(PAGE).count(), 0);
  await chat.click('Pay $31.91');
  await chat.see('No payment was taken. You can try again.');
  await chat.click(PAGE);
  await chat.button('Open the payment page again').waitFor();
  assert.equal(shop.calls.at(-1).name, 'start_hosted_checkout');
  world.shown('the sheet goes first; where it comes to nothing, the page is offered too');
}

export async function text_that_looks_like_markup(world) {
  const shop = new StandInShop();
  shop.card.name = '<b>Shop</b>';
  const title = '<img src=x onerror="document.title=1">';
  const { chat } = await open(world, { shop, on: { ...MUG, title, images: ['javascript:alert(1)', 'http://img.example.com/a.svg'] } });
  await chat.see(title);
  await chat.see('<b>Shop</b>');
  assert.equal(await chat.widget.locator('.product img').count(), 0);
  world.shown('markup in data is read as text, and pictures come by https alone');
}

export async function narrow_dark_and_german(world) {
  const { chat } = await open(world, { width: 320, height: 900, globals: { theme: 'dark', locale: 'de-DE' }, pay: paid });
  await chat.see('vor Steuern und Versand');
  await chat.see('18,50 $');
  await noSideways(chat);
  await chat.shot('narrow-dark-product');
  await chat.click('Weiter');
  await chat.widget.getByLabel('Vor- und Nachname').fill('Ada Lovelace');
  await chat.widget.getByLabel('Straße und Hausnummer').fill('12 Analytical Way');
  await chat.widget.getByLabel('Ort').fill('New York');
  await chat.widget.getByLabel('Bundesstaat').selectOption('NY');
  await chat.widget.getByLabel('ZIP-Code').fill('10001');
  await noSideways(chat);
  await chat.shot('narrow-dark-address');
  await chat.click('Versand und Summe anzeigen');
  await chat.button(/bezahlen$/).waitFor();
  await noSideways(chat);
  await chat.shot('narrow-dark-order');
  const background = await chat.frame.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(background, 'rgb(33, 33, 33)');
  assert.equal(await chat.frame.evaluate(() => document.documentElement.lang), 'de');
  world.shown('320 pixels wide, dark and German, nothing is cut off');

  await chat.setGlobals({ theme: 'light', locale: 'en-GB', maxHeight: 500 });
  await chat.see('Delivery address');
  assert.equal(await chat.frame.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
  assert.equal(await chat.frame.evaluate(() => document.getElementById('app').clientHeight), 500);
  assert(chat.last('height') > 500);
  world.shown('the host’s theme, language and height are followed as they change, and the wanted height is told');
}

/** Nothing is wider than the page. */
async function noSideways(chat) {
  const [wanted, there] = await chat.frame.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(wanted <= there, `${wanted} pixels wanted, ${there} there`);
}
