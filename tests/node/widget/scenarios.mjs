// What a shopper does, scene by scene, and what must then be seen. Run by purchase.mjs, in this order.

import assert from 'node:assert/strict';
import { openChat } from './chat.mjs';
import { HUILA, MUG, StandInShop } from './stand_in_shop.mjs';

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
  await chat.fillAddress();
  await chat.click('Show shipping and total');
  await chat.button(/^Pay \$/).and(chat.widget.locator(':enabled')).waitFor();
  return { chat, shop };
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
  world.shown('the host is given the payment sheet untouched, and the receipt names the order');

  await chat.widget.getByRole('link', { name: 'Order status' }).click();
  assert.match(chat.last('link'), /^https:\/\/harbor\.example\.com\/orders\/chk_/);
  await chat.shot('receipt');
  world.shown('the order page is opened by the host');
}
