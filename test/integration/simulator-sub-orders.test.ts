import type Telnyx from 'telnyx';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Bench } from '../support/simulator-bench.ts';

// Orders with more sub orders than one page of their list shows.

let on: Bench;
beforeEach(async () => {
  on = await Bench.open();
});
afterEach(() => on.close());

/** An order of 45 numbers in three sub orders of 20 lines at most, or as many as there are lines. */
async function order(subOrderSize: number): Promise<string> {
  on.sim.behave({ subOrderSize });
  on.sim.faults({ faults: [{ kind: 'order_pending' }] });
  const phone_numbers = (await on.found(45)).map((phone_number) => ({ phone_number }));
  return (await on.client.numberOrders.create({ phone_numbers })).data?.id ?? '';
}

type List = Telnyx.SubNumberOrderListResponse;

function list(id: string, page: Record<string, number> = {}, more: object = {}): Promise<List> {
  const options = { query: { filter: { order_request_id: id, ...more }, ...page } };
  return Promise.resolve(on.client.subNumberOrders.list(undefined, options));
}

const counts = (answer: List) => answer.data?.map((sub) => sub.phone_numbers_count);

it('an order is split by count as well as by country and type', async () => {
  const id = await order(20);
  expect(counts(await list(id))).toEqual([20, 20, 5]);
  const { data } = await on.client.numberOrders.retrieve(id);
  expect(data?.sub_number_orders_ids).toHaveLength(3);
  const foreign = await on.client.availablePhoneNumbers.list({
    filter: { country_code: 'GB', phone_number_type: 'local', limit: 3 },
  });
  const mixed = [...(await on.found(3)), ...(foreign.data ?? []).flatMap((row) => row.phone_number ?? [])];
  on.sim.behave({ subOrderSize: 2 });
  const { data: two } = await on.client.numberOrders.create({
    phone_numbers: mixed.map((phone_number) => ({ phone_number })),
  });
  const split = await list(two?.id ?? '');
  expect(split.data?.map((sub) => [sub.country_code, sub.phone_numbers_count])).toEqual([
    ['US', 2],
    ['US', 1],
    ['GB', 2],
    ['GB', 1],
  ]);
});

it('their list has pages, and goes on where it is asked to', async () => {
  const id = await order(1);
  const first = await list(id);
  expect([first.data?.length, first.meta]).toEqual([20, { page_number: 1, total_pages: 3, page_size: 20, total_results: 45 }]);
  const pages = [first, await list(id, { 'page[number]': 2 }), await list(id, { 'page[number]': 3 })];
  const ids = pages.flatMap((page) => page.data?.map((sub) => sub.id) ?? []);
  expect(new Set(ids).size).toBe(45);
  expect((await list(id, { 'page[size]': 250 })).data?.map((sub) => sub.id)).toEqual(ids);
  expect((await list(id, { 'page[number]': 4 })).data).toEqual([]);
});

it('or shows the first page whatever is asked: what is cancelled makes room in a list of the pending', async () => {
  const id = await order(1);
  on.sim.behave({ subOrderPages: 'ignored' });
  const first = await list(id);
  const again = await list(id, { 'page[number]': 2, 'page[size]': 250 });
  expect(again).toEqual(first);
  expect([first.data?.length, first.meta?.total_pages]).toEqual([20, 3]);
  const lines = await on.client.numberOrderPhoneNumbers.list({}, { query: { 'page[number]': 2 } });
  expect([lines.data?.length, lines.meta?.page_number, lines.meta?.total_pages]).toEqual([20, 1, 3]);
  const cancelled = new Set<string>();
  for (let rows = first.data ?? []; rows.length > 0; rows = (await list(id, {}, { status: 'pending' })).data ?? []) {
    for (const sub of rows) {
      await on.client.subNumberOrders.cancel(sub.id ?? '');
      cancelled.add(sub.id ?? '');
    }
  }
  expect(cancelled.size).toBe(45);
  expect(on.sim.ledger()).toMatchObject({ bought: [], orders: [{ status: 'cancelled' }] });
});
