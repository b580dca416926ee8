import Telnyx from 'telnyx';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/index.ts';
import { Bench } from '../support/simulator-bench.ts';

// Numbers that come up in a search and are sold to others before they are ordered.

let on: Bench;
beforeEach(async () => {
  on = await Bench.open();
});
afterEach(() => on.close());

function order(numbers: readonly string[]): PromiseLike<Telnyx.NumberOrderCreateResponse> {
  return on.client.numberOrders.create({ phone_numbers: numbers.map((phone_number) => ({ phone_number })) });
}

/** The numbers that the refusal of an order names. */
async function namedBy(call: PromiseLike<unknown>): Promise<string[]> {
  const error = await Promise.resolve(call).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof Telnyx.UnprocessableEntityError)) throw new Error('no refusal', { cause: error });
  return JSON.stringify(error.error).match(/\+\d+/g) ?? [];
}

async function reservable(limit: number): Promise<string[]> {
  const filter = { country_code: 'US', phone_number_type: 'local' as const, reservable: true, limit };
  return ((await on.client.availablePhoneNumbers.list({ filter })).data ?? []).flatMap((row) => row.phone_number ?? []);
}

const SELL: Fault = { kind: 'sell_between', fraction: 0.25 };

it('sell_between sells a share of the numbers, each when it is first ordered: then it is out of the stock', async () => {
  on.sim.faults({ faults: [SELL] });
  const numbers = await on.found(100);
  expect(await on.found(100), 'searches alone change nothing').toEqual(numbers);
  expect(on.sim.ledger().sold_to_others).toEqual([]);
  const gone = await namedBy(order(numbers));
  expect(gone.length).toBeGreaterThan(15);
  expect(gone.length).toBeLessThan(35);
  expect(on.sim.ledger().sold_to_others).toEqual(gone);
  expect((await on.found(200)).filter((e164) => gone.includes(e164))).toEqual([]);
  expect(await namedBy(order(gone.slice(0, 3)))).toEqual(gone.slice(0, 3));
  const rest = numbers.filter((e164) => !gone.includes(e164));
  await order(rest);
  on.pass(1200);
  expect(on.sim.ledger().bought.map((bought) => bought.phone_number)).toEqual(rest);
});

it('which numbers it sells is a matter of the seed and the number alone', async () => {
  const sold = async (seed: number, batch: number): Promise<string[]> => {
    on.sim.reset();
    on.sim.faults({ seed, faults: [SELL] });
    const numbers = await on.found(60);
    const gone: string[] = [];
    for (let n = 0; n < numbers.length; n += batch) {
      await order(numbers.slice(n, n + batch)).then(
        () => undefined,
        () => undefined,
      );
      gone.splice(0, gone.length, ...on.sim.ledger().sold_to_others);
    }
    return gone.sort();
  };
  const once = await sold(3, 60);
  expect(await sold(3, 7)).toEqual(once);
  expect(await sold(4, 60)).not.toEqual(once);
});

it('with a stale index a fresh search keeps showing them, though orders and reservations refuse them for good', async () => {
  on.sim.faults({ faults: [{ ...SELL, stale: true, times: 1 }] });
  const numbers = await reservable(40);
  const gone = await namedBy(order(numbers));
  expect(gone.length).toBeGreaterThan(3);
  expect(await reservable(40)).toEqual(numbers);
  expect(await namedBy(order(numbers))).toEqual(gone);
  const reserved = await on.client.numberReservations.create({ phone_numbers: [{ phone_number: gone[0] ?? '' }] });
  expect(reserved.data?.status).toBe('failure');
  await order(numbers.filter((e164) => !gone.includes(e164)));
});

it('reserving one finds out as well', async () => {
  on.sim.faults({ faults: [{ ...SELL, fraction: 1 }] });
  const [e164 = ''] = await reservable(1);
  const reserved = await on.client.numberReservations.create({ phone_numbers: [{ phone_number: e164 }] });
  expect([reserved.data?.status, on.sim.ledger().sold_to_others]).toEqual(['failure', [e164]]);
});

it('as lines that fail, and in another shape', async () => {
  on.sim.faults({ faults: [{ ...SELL, mode: 'line' }] });
  const { data } = await order(await on.found(40));
  on.pass(1200);
  const ended = (await on.client.numberOrders.retrieve(data?.id ?? '')).data;
  const failed = ended?.phone_numbers?.filter((line) => line.status === 'failure').map((line) => line.phone_number);
  expect(failed).toEqual(on.sim.ledger().sold_to_others);
  on.sim.faults({ clear: true, faults: [{ ...SELL, shape: 'conflict' }] });
  await expect(order(await on.found(40))).rejects.toMatchObject({ status: 409, error: { errors: [{ title: 'Conflict' }] } });
});
