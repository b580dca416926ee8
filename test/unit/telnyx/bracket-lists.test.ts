import { describe, expect, it } from 'vitest';
import { bracketLists } from '../../../src/telnyx/bracket-lists.ts';

const BASE = 'http://telnyx/v2/available_phone_numbers';
const key = encodeURIComponent('filter[features][]');
const plain = encodeURIComponent('filter[features]');

describe('the address of a search', () => {
  it.each([
    [`${BASE}?${plain}=sms%2Cvoice`, `${BASE}?${key}=sms&${key}=voice`],
    [`${BASE}?${plain}=sms,voice&a=1`, `${BASE}?${key}=sms&${key}=voice&a=1`],
    [`${BASE}?filter[features]=sms`, `${BASE}?${key}=sms`],
  ])('%s becomes one value a key', (address, expected) => {
    expect(bracketLists(address)).toBe(expected);
  });

  it.each([
    [BASE],
    [`${BASE}?`],
    [`${BASE}?filter%5Blocality%5D=Washington%2C%20DC&filter%5Blimit%5D=10`],
    [`${BASE}?filter%5Bphone_number%5D=%2B13125550101,%2B13125550102&flag`],
  ])('%s stays byte for byte as it is', (address) => {
    expect(bracketLists(address)).toBe(address);
  });
});
