import type Telnyx from 'telnyx';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench } from '../support/simulator-bench.ts';

// An account that Telnyx has not verified, and rows that come masked.

let on: Bench;
beforeEach(async () => {
  on = await Bench.open();
});
afterEach(() => on.close());

const order = (numbers: readonly string[]) =>
  on.client.numberOrders.create({ phone_numbers: numbers.map((phone_number) => ({ phone_number })) });

const search = (filter: Telnyx.AvailablePhoneNumberListParams.Filter) =>
  on.client.availablePhoneNumbers.list({ filter: { country_code: 'US', phone_number_type: 'local', limit: 5, ...filter } });

const forbidden = (code: string) => ({ status: 403, error: { errors: [{ code }] } });

describe.each([
  ['by its setting', () => on.sim.behave({ level: 'unverified' })],
  ['by a fault', () => on.sim.faults({ faults: [{ kind: 'account_unverified' }] })],
])('an unverified account, %s', (_how, become) => {
  it('sees every number masked, and ordering one is refused as not recognized', async () => {
    const before = await on.found(3);
    become();
    const masked = await on.found(40);
    expect(masked).toHaveLength(40);
    for (const row of masked) expect(row).toMatch(/^\+1312\dx{6}$/);
    const refusal = { status: 422, error: { errors: [{ code: '10027', detail: expect.stringContaining(`['${masked[0]}']`) }] } };
    await expect(order(masked.slice(0, 1))).rejects.toMatchObject(refusal);
    await order(before);
  });

  it('may not reserve, nor search by features or first digits', async () => {
    const [e164 = ''] = await on.found(1);
    const { data } = await on.client.numberReservations.create({ phone_numbers: [{ phone_number: e164 }] });
    become();
    const { numberReservations: reservations } = on.client;
    for (const call of [
      () => reservations.create({ phone_numbers: [{ phone_number: e164 }] }),
      () => reservations.list(),
      () => reservations.retrieve(data?.id ?? ''),
      () => reservations.actions.extend(data?.id ?? ''),
      () => search({ phone_number: { starts_with: '312' } }),
    ])
      await expect(call()).rejects.toMatchObject(forbidden('10038'));
    await expect(search({ features: ['sms'] })).rejects.toMatchObject(forbidden('10039'));
    await search({ phone_number: { contains: '12' } });
    await on.client.phoneNumbers.list();
  });
});

it('a masked search does not make a number known: ordering it by its true digits is refused', async () => {
  const [e164 = ''] = await on.found(1);
  on.sim.reset();
  on.sim.faults({ faults: [{ kind: 'masked_numbers', times: 1 }] });
  await on.found(1);
  await expect(order([e164])).rejects.toMatchObject({ status: 422, error: { errors: [{ code: '10027' }] } });
  await on.found(1);
  await order([e164]);
});

it('masked_numbers can mask a share of the rows, always the same ones', async () => {
  on.sim.faults({ faults: [{ kind: 'masked_numbers', fraction: 0.5 }] });
  const rows = await on.found(40);
  const masked = rows.filter((row) => row.includes('x')).length;
  expect(masked).toBeGreaterThan(10);
  expect(masked).toBeLessThan(30);
  expect(await on.found(40)).toEqual(rows);
  await order(rows.filter((row) => !row.includes('x')));
});
