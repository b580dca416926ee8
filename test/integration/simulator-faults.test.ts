import Telnyx from 'telnyx';
import { describe, expect, it } from 'vitest';
import type { Fault, Simulator } from '../../src/simulator/index.ts';
import { eachWithSimulator } from '../support/simulator.ts';

let clock = Date.parse('2026-10-01T00:00:00Z');
let simulator: Simulator;
let client: Telnyx;

eachWithSimulator({ numbers: 2000, owned: 60, now: () => clock }, (started, itsClient) => {
  simulator = started;
  client = itsClient;
});

async function found(limit: number): Promise<string[]> {
  const filter = { country_code: 'US', phone_number_type: 'local' as const, national_destination_code: '312', limit };
  return ((await client.availablePhoneNumbers.list({ filter })).data ?? []).flatMap((row) => row.phone_number ?? []);
}

/** Orders `count` numbers with one fault set; gives back what the caller saw. */
async function orderUnder(fault: Fault, count = 4, patienceMs = 10_000): Promise<Telnyx.NumberOrderCreateResponse | Error> {
  const phone_numbers = (await found(count)).map((phone_number) => ({ phone_number }));
  simulator.faults({ clear: true, faults: [fault] });
  return client.numberOrders
    .create({ phone_numbers, customer_reference: 'chunk-1' }, { signal: AbortSignal.timeout(patienceMs) })
    .catch((error: unknown) => error as Error);
}

async function endOf(seen: Telnyx.NumberOrderCreateResponse | Error): Promise<Telnyx.NumberOrderWithPhoneNumbers> {
  clock += 1200;
  if (seen instanceof Error) throw seen;
  const { data } = await client.numberOrders.retrieve(seen.data?.id ?? '');
  return data ?? {};
}

const orders = { method: 'POST', path: '/number_orders' };

describe('replies that never arrive whole', () => {
  it.each([
    ['accept_then_drop', Telnyx.APIConnectionError, 'dropped'],
    ['accept_half_body', TypeError, 'cut'],
  ] as const)('%s takes effect', async (kind, type, outcome) => {
    expect(await orderUnder({ kind, match: orders, times: 1 })).toBeInstanceOf(type);
    clock += 5000;
    expect(simulator.ledger()).toMatchObject({
      charged: { lines: 4 },
      calls: { by_endpoint: { 'POST /number_orders': { [outcome]: 1 } } },
    });
    expect((await client.numberOrders.list({ filter: { customer_reference: 'chunk-1' } })).data).toHaveLength(1);
  });

  it.each([
    [{ kind: 'stall' }, 0],
    [{ kind: 'stall', effect: true }, 1],
    [{ kind: 'accept_stall' }, 1],
  ] as const)('%o never answers', async (fault, made) => {
    const seen = await orderUnder({ ...fault, match: orders }, 2, 500);
    expect(seen).toBeInstanceOf(Error);
    expect(simulator.ledger().orders).toHaveLength(made);
  });

  it('refuses connections for a while, but not its control', async () => {
    simulator.faults({ faults: [{ kind: 'refuse_connection', forMs: 1000 }] });
    await expect(client.balance.retrieve()).rejects.toBeInstanceOf(Telnyx.APIConnectionError);
    expect((await fetch(`${simulator.controlUrl}/_sim/ledger`)).status).toBe(200);
    clock += 1000;
    await client.balance.retrieve();
  });
});

describe('wrong replies', () => {
  it.each([
    [{ kind: 'error_before', status: 503, code: '10037' }, 503, 0],
    [{ kind: 'error_after', status: 408, code: '10008' }, 408, 1],
    [{ kind: 'error_after' }, 500, 1],
    [{ kind: 'conflict', code: '85001' }, 409, 0],
    [{ kind: 'account_inactive' }, 403, 0],
    [{ kind: 'insufficient_funds' }, 402, 0],
  ] as const)('%o', async (fault, status, made) => {
    expect(await orderUnder({ ...fault, match: orders, times: 1 })).toMatchObject({ status });
    expect(simulator.ledger().orders).toHaveLength(made);
    await client.balance.retrieve();
  });

  it.each([
    ['seconds', '7'],
    ['epoch', undefined],
    ['none', null],
  ] as const)('429 with its reset as %s', async (reset, expected) => {
    simulator.faults({ faults: [{ kind: 'rate_limited', reset, seconds: 7, after: 1, times: 1 }] });
    await client.balance.retrieve();
    const error = await client.balance.retrieve().catch((caught: unknown) => caught);
    if (!(error instanceof Telnyx.RateLimitError)) throw new Error('no 429');
    expect(error.headers.get('x-ratelimit-reset')).toBe(expected === undefined ? String(clock / 1000 + 7) : expected);
    await client.balance.retrieve();
  });

  it('html and no_id are successes without an id', async () => {
    expect(await orderUnder({ kind: 'html', match: orders })).toContain('<!doctype html>');
    expect(await orderUnder({ kind: 'no_id', match: orders })).toMatchObject({ data: { status: 'pending' } });
    expect(simulator.ledger().orders).toHaveLength(2);
  });

  it('slow answers after the time-out, with effect', async () => {
    const phone_numbers = (await found(1)).map((phone_number) => ({ phone_number }));
    simulator.faults({ faults: [{ kind: 'slow', ms: 400 }] });
    await expect(client.numberOrders.create({ phone_numbers }, { timeout: 100 })).rejects.toBeInstanceOf(
      Telnyx.APIConnectionTimeoutError,
    );
    expect(simulator.ledger().orders).toHaveLength(1);
  });
});

describe('orders', () => {
  it.each([
    [{ kind: 'order_partial', fraction: 0.5 }, 'success', 2],
    [{ kind: 'order_partial', count: 1, order_status: 'failure' }, 'failure', 3],
    [{ kind: 'order_failure' }, 'failure', 0],
    [{ kind: 'order_cancelled' }, 'cancelled', 0],
    [{ kind: 'sold_to_other', mode: 'line', count: 1 }, 'success', 3],
    [{ kind: 'order_pending' }, 'pending', 0],
    [{ kind: 'paperwork' }, 'pending', 0],
  ] as const)('%o', async (fault, status, bought) => {
    const order = await endOf(await orderUnder(fault));
    expect(order.status).toBe(status);
    expect(order.phone_numbers?.filter((line) => line.status === 'success')).toHaveLength(bought);
    expect(simulator.ledger().charged.lines).toBe(bought);
    expect(order.requirements_met).toBe(fault.kind !== 'paperwork');
  });

  it('sold_to_other refuses the whole order unless told otherwise', async () => {
    expect(await orderUnder({ kind: 'sold_to_other', count: 1 })).toMatchObject({ status: 422 });
    expect(simulator.ledger().orders).toEqual([]);
    expect(await found(4)).toHaveLength(4);
  });

  it('reference_prefix and lag bend the order list', async () => {
    await orderUnder({ kind: 'lag', orders: 60_000 }, 1);
    clock += 30_000;
    const found = async (customer_reference: string) =>
      (await client.numberOrders.list({ filter: { customer_reference } })).data.length;
    expect(await found('chunk-1')).toBe(0);
    simulator.faults({ clear: true, faults: [{ kind: 'reference_prefix' }] });
    expect([await found('chunk-1'), await found('chunk'), await found('x')]).toEqual([1, 1, 0]);
  });

  it('late_ids keeps bought numbers out of sight', async () => {
    const order = await endOf(await orderUnder({ kind: 'late_ids', ms: 30_000 }, 1));
    const numbers = order.phone_numbers?.flatMap((line) => line.phone_number ?? []) ?? [];
    clock += 29_999;
    expect((await client.phoneNumbers.actions.verifyOwnership({ phone_numbers: numbers })).data?.not_found).toEqual(numbers);
    clock += 1;
    expect((await client.phoneNumbers.actions.verifyOwnership({ phone_numbers: numbers })).data?.not_found).toEqual([]);
  });
});

describe('jobs', () => {
  async function deleteUnder(fault: Fault): Promise<Telnyx.PhoneNumbers.PhoneNumbersJob> {
    simulator.faults({ faults: [fault] });
    const { data } = await client.phoneNumbers.jobs.deleteBatch({
      phone_numbers: simulator.ownedNumbers().slice(0, 10),
    });
    clock += 10_000;
    return (await client.phoneNumbers.jobs.retrieve(data?.id ?? '')).data ?? {};
  }

  it.each([
    [{ kind: 'job_partial', fraction: 0.3 }, 'completed', 7, 3, 7],
    [{ kind: 'job_failed', fraction: 0.4 }, 'failed', 6, 0, 6],
    [{ kind: 'job_expired', count: 4 }, 'expired', 6, 0, 6],
    [{ kind: 'job_expired', count: 4, effect: true }, 'expired', 6, 0, 10],
    [{ kind: 'job_hang' }, 'pending', 0, 0, 0],
    [{ kind: 'job_duplicates' }, 'completed', 11, 0, 10],
    [{ kind: 'job_lost_entry' }, 'completed', 9, 0, 10],
    [{ kind: 'job_lost_entry', effect: false }, 'completed', 9, 0, 9],
  ] as const)('%o', async (fault, status, successful, failed, released) => {
    const job = await deleteUnder(fault);
    expect([job.status, job.successful_operations?.length, job.failed_operations?.length]).toEqual([status, successful, failed]);
    expect(simulator.ledger().released).toHaveLength(released);
  });

  it('foreign_jobs fill the slots at the worst moment', async () => {
    await expect(deleteUnder({ kind: 'foreign_jobs', count: 20, times: 1 })).rejects.toMatchObject({ status: 422 });
    expect(simulator.ledger().jobs).toEqual([]);
  });

  it('messaging_partial fails a share', async () => {
    simulator.faults({ faults: [{ kind: 'messaging_partial', count: 2 }] });
    const { data } = await client.messagingNumbersBulkUpdates.create({
      messaging_profile_id: '',
      numbers: simulator.ownedNumbers().slice(0, 5),
    });
    clock += 1000;
    expect((await client.messagingNumbersBulkUpdates.retrieve(data?.order_id ?? '')).data?.failed).toHaveLength(2);
  });
});

describe('reads', () => {
  async function firstUnder(fault: Fault): Promise<Record<string, unknown>> {
    simulator.faults({ clear: true, faults: [fault] });
    const [row] = (await client.phoneNumbers.list()).data;
    return { ...row };
  }

  it('disguises numbers', async () => {
    expect(await firstUnder({ kind: 'unavailable_profile' })).toMatchObject({
      messaging_profile_id: 'UNAVAILABLE',
      messaging_campaign_id: 'UNAVAILABLE',
    });
    expect(await firstUnder({ kind: 'unknown_enum' })).toMatchObject({ status: 'not-seen-before' });
    simulator.setOwnedField(simulator.ownedNumbers(), 'status', 'port-out-pending');
    expect(await firstUnder({ kind: 'underscore_statuses' })).toMatchObject({ status: 'port_out_pending' });
    simulator.faults({ clear: true, faults: [{ kind: 'masked_numbers' }] });
    expect((await found(1))[0]).toMatch(/^\+1312\dx{6}$/);
  });

  it('breaks paging', async () => {
    const page = (number: number) => client.phoneNumbers.list({ 'page[size]': 20, 'page[number]': number });
    simulator.faults({ faults: [{ kind: 'shifting_pages', by: 1 }] });
    const [first, second] = [await page(1), await page(2)];
    expect(second.data[0]?.id).toBe(first.data.at(-1)?.id);
    simulator.faults({ clear: true, faults: [{ kind: 'page_fails', page: 2, times: 1 }] });
    await expect(page(2)).rejects.toMatchObject({ status: 500 });
    await page(2);
    simulator.faults({ clear: true, faults: [{ kind: 'total_off', by: 5 }] });
    expect((await page(1)).meta).toMatchObject({ total_results: 65 });
  });

  it('strikes at random but the same for a seed', async () => {
    const run = async (): Promise<string> => {
      simulator.faults({ clear: true, seed: 7, faults: [{ kind: 'error_before', probability: 0.5 }] });
      let seen = '';
      for (let n = 0; n < 12; n += 1)
        seen += await client.balance.retrieve().then(
          () => 'o',
          () => 'x',
        );
      return seen;
    };
    const once = await run();
    expect(once).toMatch(/o.*x|x.*o/);
    expect(await run()).toBe(once);
  });
});
