import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decimal, exponent, formatMoney } from '../src/money';

test('the currency determines the decimal mark, without arithmetic', () => {
  const cases: [number, string, string][] = [
    [1850, 'USD', '18.50'], [5, 'usd', '0.05'], [0, 'EUR', '0.00'], [-250, 'USD', '-2.50'],
    [25301, 'JPY', '25301'], [1, 'jpy', '1'], [12345, 'KWD', '12.345'], [7, 'TND', '0.007'],
    [99999999999999, 'USD', '999999999999.99'],
  ];
  for (const [minor, currency, text] of cases) assert.equal(decimal(minor, currency), text);
});

test('exponents follow Stripe and not ISO', () => {
  assert.deepEqual(['MGA', 'ISK', 'UGX', 'KRW', 'BHD'].map(exponent), [0, 2, 2, 0, 3]);
});

test('an amount is formatted for its locale', () => {
  assert.equal(formatMoney(149900, 'USD', 'en-US'), '$1,499.00');
  assert.equal(formatMoney(25301, 'JPY', 'en-US'), '¥25,301');
  assert.match(formatMoney(1850, 'USD', 'de-DE'), /^18,50/);
  assert.equal(formatMoney(1850, 'not one', 'en-US'), '18.50 not one');
});
