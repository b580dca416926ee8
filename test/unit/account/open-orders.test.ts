import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type OpenOrder, type OrderReading, readOrdersTogether } from '../../../src/account/open-orders.ts';
import { ProvisioningError } from '../../../src/domain/errors.ts';
import type { ListedOrder, Order, OrdersQuery } from '../../../src/telnyx/gateway.ts';

const timings = { listEveryMs: 1_000, pollMaxMs: 30_000 };

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

const shown = (id: string): Omit<Order, 'lines' | 'unmetLineId'> => ({
  id,
  status: 'success',
  customerReference: id,
  requirementsMet: true,
  createdAt: null,
  updatedAt: null,
  subOrderIds: [],
});

/** Telnyx with these orders in its list. Every call is noted. */
function telnyxWith(listed: string[], failure: ProvisioningError | null = null) {
  const calls: string[] = [];
  return {
    calls,
    getOrder: async (id: string): Promise<Order> => {
      calls.push(`get ${id}`);
      return { ...shown(id), unmetLineId: null, lines: [] };
    },
    listOrders: async ({ ids, mostPages }: OrdersQuery): Promise<Map<string, ListedOrder>> => {
      calls.push(`list ${ids.length}, at most ${mostPages} pages`);
      if (failure !== null) throw failure;
      return new Map(listed.map((id) => [id, { ...shown(id), phoneNumbers: [] }]));
    },
  };
}

const order = (id: string, polls = 0): OpenOrder => ({
  id,
  numbers: 100,
  leftAt: new Date(Date.now()),
  acceptedAt: new Date(Date.now()),
  polls,
});

/** Accepts each order, and reads it when it is due. */
async function readWhenDue(telnyx: ReturnType<typeof telnyxWith>, ids: string[]): Promise<Map<string, OrderReading | Error>> {
  const open = readOrdersTogether(timings);
  const readings = new Map<string, OrderReading | Error>();
  for (const id of ids) {
    setTimeout(
      () => {
        open.read(telnyx, order(id)).then(
          (reading) => readings.set(id, reading),
          (error: Error) => readings.set(id, error),
        );
      },
      open.nextReadIn(order(id)),
    );
    await vi.advanceTimersByTimeAsync(30);
  }
  await vi.advanceTimersByTimeAsync(2_000);
  return readings;
}

const kinds = (readings: Map<string, OrderReading | Error>): string[] =>
  [...readings.values()].map((r) => (r instanceof Error ? r.message : r.kind));

it('one order alone is fetched, as soon as it is due', async () => {
  const telnyx = telnyxWith(['a']);
  expect(kinds(await readWhenDue(telnyx, ['a']))).toEqual(['fetched']);
  expect(telnyx.calls).toEqual(['get a']);
});

it('ten orders that are due together are told by one list call', async () => {
  const ids = Array.from({ length: 10 }, (_, i) => `o-${i}`);
  const telnyx = telnyxWith(ids.slice(1));
  expect(kinds(await readWhenDue(telnyx, ids)).sort()).toEqual([...Array<string>(9).fill('listed'), 'not_listed']);
  expect(telnyx.calls).toEqual(['list 10, at most 10 pages']);
});

it('when Telnyx refuses the list, each order is fetched by itself', async () => {
  const telnyx = telnyxWith([], new ProvisioningError('feature_not_permitted', 'rejected', 'no list for this key'));
  expect(kinds(await readWhenDue(telnyx, ['a', 'b', 'c']))).toEqual(['fetched', 'fetched', 'fetched']);
  expect(telnyx.calls.slice(1).sort()).toEqual(['get a', 'get b', 'get c']);
});

it('a list that does not answer says nothing of any order', async () => {
  const telnyx = telnyxWith([], new ProvisioningError('rate_limited', 'retry', 'later'));
  expect(kinds(await readWhenDue(telnyx, ['a', 'b', 'c']))).toEqual(['later', 'later', 'later']);
});

it('an order is first read when the fastest of the last ones was over', () => {
  const open = readOrdersTogether(timings);
  expect(open.nextReadIn(order('a'))).toBe(1_000);
  for (const s of [5, 3, 4]) open.ended(order('a'), { createdAt: '2026-01-01T00:00:00Z', updatedAt: `2026-01-01T00:00:0${s}Z` });
  expect(open.nextReadIn(order('b'))).toBe(3_000);
});
