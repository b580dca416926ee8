import Telnyx from 'telnyx';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault, FaultKind } from '../../src/simulator/index.ts';
import { Bench } from '../support/simulator-bench.ts';

// Every kind of fault there is, struck once in the plainest way. The record is complete by its type: a new kind without a
// strike does not compile. Finer points of single kinds are in the other files beside this one.

let on: Bench;
beforeEach(async () => {
  on = await Bench.open();
});
afterEach(() => on.close());

type Strike = readonly [fault: Omit<Fault, 'kind'>, see: () => Promise<void>];

const POST_ORDER = { method: 'POST', path: '/number_orders' };
const lost = (type: unknown) => async () => {
  await expect(on.order(1000)).rejects.toBeInstanceOf(type);
  expect(on.sim.ledger().orders, 'it took effect').toHaveLength(1);
};
const refused = (status: number, orders: number) => async () => {
  await expect(on.order()).rejects.toMatchObject({ status });
  expect(on.sim.ledger().orders).toHaveLength(orders);
};
const orderEnds = (status: string, bought: number) => async () => {
  const { status: seen } = await on.endOfOrder();
  expect([seen, on.sim.ledger().bought.length]).toEqual([status, bought]);
};
const jobEnds = (status: string, listed: number, done: number) => async () => {
  const job = await on.endOfJob();
  const { length } = [...(job.successful_operations ?? []), ...(job.failed_operations ?? [])];
  expect([job.status, length, on.sim.ledger().changed.length]).toEqual([status, listed, done]);
};
const events = (kinds: string[]) => async () => {
  await on.receive();
  await on.endOfOrder();
  await on.until(() =>
    expect(
      on.sim
        .ledger()
        .webhooks.map((sent) => sent.kind)
        .sort(),
    ).toEqual(kinds),
  );
};
const number = async () => (await on.client.phoneNumbers.retrieve(on.owned()[0] ?? '')).data;
const ADDRESS = '1315261609962112019';
const emergency = (status: string, address: string | null) => async () => {
  await on.client.phoneNumbers.actions.enableEmergency(on.owned()[0] ?? '', {
    emergency_enabled: true,
    emergency_address_id: ADDRESS,
  });
  on.pass(3_600_000);
  expect(await number()).toMatchObject({ emergency_status: status, emergency_address_id: address });
};
const paperwork = (status: string) => async () => {
  on.sim.faults({ faults: [{ kind: 'paperwork', times: 1 }] });
  expect((await on.endOfOrder()).status).toBe(status);
};

const STRIKES: Readonly<Record<FaultKind, Strike>> = {
  accept_then_drop: [{ match: POST_ORDER }, lost(Telnyx.APIConnectionError)],
  accept_half_body: [{ match: POST_ORDER }, lost(TypeError)],
  accept_stall: [{ match: POST_ORDER }, lost(DOMException)],
  stall: [{ match: POST_ORDER, effect: true }, lost(Telnyx.APIUserAbortError)],
  refuse_connection: [{}, async () => expect(on.client.balance.retrieve()).rejects.toBeInstanceOf(Telnyx.APIConnectionError)],
  error_before: [{ match: POST_ORDER, status: 503 }, refused(503, 0)],
  error_after: [{ match: POST_ORDER, status: 408 }, refused(408, 1)],
  rate_limited: [{ match: POST_ORDER }, refused(429, 0)],
  conflict: [{ match: POST_ORDER, code: '85001' }, refused(409, 0)],
  html: [{ match: POST_ORDER }, async () => expect(await on.order()).toContain('<!doctype html>')],
  no_id: [
    { match: POST_ORDER },
    async () => expect((await on.order()).data).toEqual(expect.not.objectContaining({ id: expect.anything() })),
  ],
  slow: [
    { ms: 5_000 },
    async () => expect(on.client.balance.retrieve({ timeout: 500 })).rejects.toBeInstanceOf(Telnyx.APIConnectionTimeoutError),
  ],
  date_skewed: [
    { by: -600_000 },
    async () => {
      const { response } = await on.client.balance.retrieve().withResponse();
      expect(Math.abs(Date.parse(response.headers.get('date') ?? '') + 600_000 - Date.now())).toBeLessThan(30_000);
    },
  ],
  order_pending: [{ ms: 3_600_000 }, orderEnds('pending', 0)],
  order_failure: [{}, orderEnds('failure', 0)],
  order_cancelled: [{}, orderEnds('cancelled', 0)],
  order_partial: [{ count: 1 }, orderEnds('success', 3)],
  paperwork: [{}, orderEnds('pending', 0)],
  sold_to_other: [{ count: 1, mode: 'line' }, orderEnds('success', 3)],
  sell_between: [{ fraction: 1 }, refused(422, 0)],
  insufficient_funds: [{}, refused(402, 0)],
  account_inactive: [{}, refused(403, 0)],
  job_failed: [{ count: 2 }, jobEnds('failed', 3, 3)],
  job_expired: [{ count: 2 }, jobEnds('expired', 3, 3)],
  job_hang: [{}, jobEnds('pending', 0, 0)],
  job_duplicates: [{ count: 1 }, jobEnds('completed', 6, 5)],
  job_lost_entry: [{ count: 1 }, jobEnds('completed', 4, 5)],
  job_partial: [{ count: 1 }, jobEnds('completed', 5, 4)],
  foreign_jobs: [{}, async () => expect(on.endOfJob()).rejects.toMatchObject({ status: 422 })],
  emergency_stuck: [{}, emergency('provisioning', ADDRESS)],
  emergency_failed: [{}, emergency('provisioning-failed', ADDRESS)],
  emergency_address_kept: [{}, emergency('active', null)],
  messaging_partial: [
    { count: 1 },
    async () => {
      const { data } = await on.client.messagingNumbersBulkUpdates.create({
        messaging_profile_id: '',
        numbers: on.owned().slice(0, 3),
      });
      on.pass(1000);
      const { data: ended } = await on.client.messagingNumbersBulkUpdates.retrieve(data?.order_id ?? '');
      expect(ended?.failed).toHaveLength(1);
    },
  ],
  lag: [
    { orders: 60_000, ownership: 30_000 },
    async () => {
      await on.endOfOrder();
      expect([await on.listed('chunk-1'), await on.missing()]).toEqual([0, 4]);
      on.pass(30_000);
      expect([await on.listed('chunk-1'), await on.missing()]).toEqual([0, 0]);
      on.pass(30_000);
      expect(await on.listed('chunk-1')).toBe(1);
    },
  ],
  late_ids: [
    {},
    async () => {
      await on.endOfOrder();
      on.pass(3_600_000);
      expect(await on.missing()).toBe(4);
    },
  ],
  reference_prefix: [
    {},
    async () => {
      await on.endOfOrder();
      expect([await on.listed('chunk-'), await on.listed('hunk')]).toEqual([1, 0]);
    },
  ],
  unknown_enum: [{}, async () => expect((await number())?.status).toBe('not-seen-before')],
  masked_numbers: [{}, async () => expect((await on.found(1))[0]).toMatch(/x{6}$/)],
  account_unverified: [{}, async () => expect(on.client.numberReservations.list()).rejects.toMatchObject({ status: 403 })],
  limit_refused: [{ most: 3 }, async () => expect(on.found(4)).rejects.toMatchObject({ status: 400 })],
  rows_capped: [{ most: 3 }, async () => expect(await on.found(4)).toHaveLength(3)],
  underscore_statuses: [
    {},
    async () => {
      on.sim.setOwnedField(on.owned(), 'status', 'port-out-pending');
      expect((await number())?.status).toBe('port_out_pending');
    },
  ],
  unavailable_profile: [{}, async () => expect((await number())?.messaging_profile_id).toBe('UNAVAILABLE')],
  shifting_pages: [{ by: 1 }, async () => expect((await on.page(2)).data[0]?.id).toBe((await on.page(1)).data.at(-1)?.id)],
  total_off: [{ by: 2 }, async () => expect((await on.page(1)).meta).toMatchObject({ total_results: 42 })],
  page_fails: [
    { page: 2 },
    async () => {
      await on.page(1);
      await expect(on.page(2)).rejects.toMatchObject({ status: 500 });
    },
  ],
  rate_reset_epoch: [
    {},
    async () => {
      const { response } = await on.client.balance.retrieve().withResponse();
      expect(Number(response.headers.get('x-ratelimit-reset'))).toBeGreaterThan(1e9);
    },
  ],
  webhook_late: [
    { ms: 60_000 },
    async () => {
      await on.receive();
      await on.endOfOrder();
      await new Promise((resolve) => setTimeout(resolve, 80));
      expect(on.sim.ledger().webhooks).toEqual([]);
      on.pass(60_000);
      await on.until(() => expect(on.sim.ledger().webhooks).toHaveLength(1));
    },
  ],
  webhook_double: [{}, events(['genuine', 'genuine'])],
  webhook_forged: [{}, events(['forged', 'genuine'])],
  webhook_foreign_order: [{}, events(['foreign', 'genuine'])],
  webhook_out_of_order: [
    { times: 1 },
    async () => {
      await on.receive();
      const orders = [(await on.endOfOrder()).id, (await on.endOfOrder()).id];
      await on.until(() => expect(on.sim.ledger().webhooks.map((sent) => sent.order_id)).toEqual(orders.reverse()));
    },
  ],
  portal_release: [{ count: 3 }, async () => expect(on.owned()).toHaveLength(37)],
  portal_port_out: [{ fraction: 1 }, async () => expect((await number())?.status).toBe('ported-out')],
  portal_buy: [{ count: 2 }, async () => expect(on.owned()).toHaveLength(42)],
  portal_lock: [{ fraction: 1 }, async () => expect((await number())?.deletion_lock_enabled).toBe(true)],
  portal_tags: [{ fraction: 1, tags: ['x'] }, async () => expect((await number())?.tags).toEqual(['x'])],
  portal_emergency: [{ fraction: 1 }, async () => expect((await number())?.emergency_status).toBe('active')],
  portal_set: [
    { fraction: 1, field: 'connection_id', value: '7' },
    async () => expect((await number())?.connection_id).toBe('7'),
  ],
  portal_foreign_jobs: [{}, async () => expect(on.endOfJob()).rejects.toMatchObject({ status: 422 })],
  portal_foreign_jobs_end: [
    { afterMs: 10 },
    async () => {
      on.sim.openForeignJobs(20);
      on.pass(10);
      await on.endOfJob();
    },
  ],
  paperwork_approve: [{}, paperwork('success')],
  paperwork_decline: [{}, paperwork('failure')],
  paperwork_cancel: [{}, paperwork('cancelled')],
};

describe('every kind of fault strikes', () => {
  it.each(Object.entries(STRIKES))('%s', async (kind, [how, see]) => {
    on.sim.faults({ faults: [{ kind: kind as FaultKind, ...how }] });
    await see();
    const state = on.sim.faultStates().find(({ fault }) => fault.kind === kind);
    expect(state?.struck).toBeGreaterThan(0);
  });
});

describe('429', () => {
  it.each([
    [{ reset: 'seconds', seconds: 2, retry_after: 9 }, '9', '2'],
    [{ reset: 'seconds', seconds: 9, retry_after: 2 }, '2', '9'],
    [{ reset: 'epoch', seconds: 9, retry_after: 2 }, '2', String(Date.parse('2026-10-01T00:00:09Z') / 1000)],
    [{ reset: 'none', retry_after: 5 }, '5', null],
    [{ seconds: 5 }, null, '5'],
  ] as const)('with two times that differ: %j', async (how, retryAfter, reset) => {
    on.sim.faults({ faults: [{ kind: 'rate_limited', ...how }] });
    const error: unknown = await on.client.balance.retrieve().catch((caught: unknown) => caught);
    if (!(error instanceof Telnyx.RateLimitError)) throw new Error('no 429');
    expect([error.headers.get('retry-after'), error.headers.get('x-ratelimit-reset')]).toEqual([retryAfter, reset]);
  });

  it('a burst of three, and then it goes on', async () => {
    on.sim.faults({ faults: [{ kind: 'rate_limited', times: 3, reset: 'none' }] });
    const once = () =>
      on.client.balance.retrieve().then(
        () => 200,
        (error: unknown) => (error as { status: number }).status,
      );
    expect([await once(), await once(), await once(), await once()]).toEqual([429, 429, 429, 200]);
  });

  it('that never ends on one family leaves the others alone', async () => {
    on.sim.faults({ faults: [{ kind: 'rate_limited', match: { family: 'orders' }, reset: 'epoch', seconds: 5 }] });
    for (let n = 0; n < 5; n += 1) {
      await expect(on.order()).rejects.toMatchObject({ status: 429 });
      await on.client.balance.retrieve();
      on.pass(3_600_000);
    }
    expect(on.sim.ledger().orders).toEqual([]);
  });
});

it('every answer has a date, refusals too, and the fault bends each', async () => {
  const off = async (path: string, headers: Record<string, string>) => {
    const answer = await fetch(on.sim.url + path, { headers });
    const minutes = (Date.parse(answer.headers.get('date') ?? '') - Date.now()) / 60_000;
    return [answer.status, Math.round(minutes) + 0];
  };
  const all = async () => [
    await off('/balance', { authorization: 'Bearer KEY_SIM' }),
    await off('/balance', {}),
    await off('/nothing', { authorization: 'Bearer KEY_SIM' }),
    await off('/phone_numbers', { authorization: 'Bearer KEY_SIM' }),
  ];
  on.sim.faults({ faults: [{ kind: 'rate_limited', match: { path: '/phone_numbers' } }] });
  const seen = [200, 401, 404, 429];
  expect(await all()).toEqual(seen.map((status) => [status, 0]));
  on.sim.faults({ faults: [{ kind: 'date_skewed', by: 420_000 }] });
  expect(await all()).toEqual(seen.map((status) => [status, 7]));
});

it('the cap of jobs is shared with those of others: as many as they leave free', async () => {
  on.sim.faults({ faults: [{ kind: 'portal_foreign_jobs', count: 18 }] });
  const update = () => on.client.phoneNumbers.jobs.updateBatch({ phone_numbers: on.owned().slice(0, 1), tags: [] });
  await update();
  await update();
  await expect(update()).rejects.toMatchObject({ status: 422, error: { errors: [{ source: { pointer: '/base' } }] } });
  on.pass(10_000);
  await update();
  expect(on.sim.ledger()).toMatchObject({ max_open_jobs: 2, jobs: { length: 3 } });
});
