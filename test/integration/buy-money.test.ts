import { describe, expect, it } from 'vitest';
import { closeGate, openGate } from '../../src/db/account.ts';
import type { Chunk } from '../../src/db/chunks.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import type { JobContext } from '../../src/processors/context.ts';
import { cancelRequest } from '../../src/producers/actions/cancel.ts';
import { resolveChunk } from '../../src/producers/actions/decide.ts';
import { retryRequest } from '../../src/producers/actions/retry.ts';
import { chunkJob } from '../../src/producers/enqueue.ts';
import { requeueOrphans } from '../../src/recovery/requeue-lost.ts';
import type { Offer, TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const ordering = { method: 'POST', path: '/number_orders' };
const buying = (quantity: number, ndc = '312', more: object = {}) => ({
  kind: 'buy',
  lines: [{ national_destination_code: ndc, quantity, ...more }],
});
const ctxOf = (h: Harness): JobContext => ({
  log: h.deps.log,
  signal: new AbortController().signal,
  attempt: 1,
  lastAttempt: false,
});

async function causesOf(h: Harness, id: string): Promise<string[]> {
  const rows = await h.db.sql<{ cause: string }[]>`
    select cause from events where subject = 'chunk' and request_id = ${id} order by id`;
  return rows.map((r) => r.cause);
}

/** Replaces methods of the gateway while `work` runs. */
async function withGateway(h: Harness, methods: Partial<TelnyxGateway>, work: () => Promise<void>): Promise<void> {
  const { telnyx } = h.deps;
  const before = { ...telnyx };
  Object.assign(telnyx, methods);
  try {
    await work();
  } finally {
    Object.assign(telnyx, before);
  }
}

/** A buy whose numbers are claimed and cut into orders, none of which was sent; the workers are stopped. */
async function claimedOnly(h: Harness, body: object): Promise<{ id: string; fill: () => Promise<unknown>; chunks: Chunk[] }> {
  await h.stop();
  const id = await h.submit(body);
  const [line] = await h.db.sql<{ id: string }[]>`select id from lines where request_id = ${id}`;
  const fill = () => h.handlers['line.fill']({ lineId: line?.id ?? '', requestId: id }, ctxOf(h));
  await fill();
  return { id, fill, chunks: await h.chunks(id) };
}

const offersIn = async (h: Harness, nationalDestinationCode: string): Promise<Offer[]> => {
  const criteria = { countryCode: 'US', phoneNumberType: 'local', nationalDestinationCode, bestEffort: false, limit: 200 };
  return (await h.deps.telnyx.search(criteria)).offers.filter((o) => Number(o.upfrontCost) <= 2 && Number(o.monthlyCost) <= 2);
};

describe('a refusal that may come from our own earlier order', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  it('I5 an order call that was doubled on its way is bought once, although its reply is the refusal of the second', async () => {
    const { createOrder } = h().deps.telnyx;
    let doubled = false;
    const twice: TelnyxGateway['createOrder'] = async (...args) => {
      if (!doubled) {
        doubled = true;
        await createOrder(...args);
      }
      return createOrder(...args);
    };
    await withGateway(h(), { createOrder: twice }, async () => {
      const view = await h().run(buying(1, '646'));
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 1 } });
      expect(await deliveredTo(h(), view.id)).toHaveLength(1);
      await expectAgreement(h(), view.id);
    });
  });

  it('I5 a person said "not sent", and it was: the repeat collides with it and nothing is bought twice', async () => {
    h().faults({ kind: 'accept_then_drop', match: ordering, times: 1 }, { kind: 'lag', orders: 60_000, ownership: 60_000 });
    const id = await h().submit(buying(1, '718'));
    const chunk = await until('the reply was lost', async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous'));
    await h().stop();
    await h().db.sql`update chunks set state = 'needs_attention', next_run_at = null where id = ${chunk.id}`;
    await resolveChunk(h().deps, id, chunk.id, { kind: 'not_sent' }, 'anna');
    await h().start();
    await until('the repeat was refused', async () => (await causesOf(h(), id)).includes('maybe_ours_already'));
    h().faults();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    expect(await deliveredTo(h(), id)).toHaveLength(1);
  });

  it('I5 an order called a failure while some of its lines are open is not replaced: those may still deliver', async () => {
    const { getOrder } = h().deps.telnyx;
    h().faults({ kind: 'order_pending', ms: 1_500, times: 1 });
    const halfWay: TelnyxGateway['getOrder'] = async (id) => {
      const order = await getOrder(id);
      return order.status === 'pending' ? { ...order, status: 'failure' } : order;
    };
    await withGateway(h(), { getOrder: halfWay }, async () => {
      const view = await h().run(buying(4, '773'));
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 4 } });
      expect(await causesOf(h(), view.id)).toEqual(['planned', 'claim', 'accepted', 'finished']);
      await expectAgreement(h(), view.id);
    });
  });
});

describe('an order that Telnyx accepts and fails line by line', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 }, simulator: { unavailable: 'line' } }));

  it('I5 after a resend, its failed lines are looked up for the whole window: the first order has the numbers', async () => {
    h().faults(
      { kind: 'accept_then_drop', match: ordering, times: 1 },
      { kind: 'lag', orders: 1_700, ownership: 1_700, inventory: 1_700 },
    );
    const view = await h().run(buying(10, '646'));
    expect(view.counts.succeeded).toBe(10);
    expect(await causesOf(h(), view.id)).toContain('not_sent');
    await until('everything shows', () => h().sim.ownedNumbers().length >= 10);
    expect(h().sim.ledger().bought).toHaveLength(10);
  });
});

describe('an adopted order', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  async function parked(): Promise<{ id: string; chunk: Chunk }> {
    const id = await h().submit(buying(2, '347'));
    const chunk = await until('the reply was lost', async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous'));
    await h().stop();
    await h().db.sql`update chunks set state = 'needs_attention', next_run_at = null where id = ${chunk.id}`;
    return { id, chunk };
  }
  const parkedAgain = (id: string) =>
    until('it needs attention again', async () => (await h().chunks(id)).find((c) => c.state === 'needs_attention'));

  it('that is none of Telnyx comes back to the person instead of being asked for ever', async () => {
    h().faults({ kind: 'error_before', match: ordering, times: 1, status: 500 });
    const { id, chunk } = await parked();
    const refuse = async () => Promise.reject(new ProvisioningError('invalid_request', 'rejected', 'invalid id'));
    await withGateway(h(), { getOrder: refuse }, async () => {
      await resolveChunk(h().deps, id, chunk.id, { kind: 'adopt', telnyxId: 'oops' }, 'anna');
      await h().start();
      await parkedAgain(id);
    });
    await resolveChunk(h().deps, id, chunk.id, { kind: 'give_up' }, 'anna');
  });

  it('I5 that carries other numbers is not believed: ours are not lost, and nothing is bought in their place', async () => {
    const other = await h().deps.telnyx.createOrder([(await offersIn(h(), '773'))[0]?.phoneNumber ?? ''], 'by-hand', {});
    h().faults(
      { kind: 'accept_then_drop', match: ordering, times: 1 },
      { kind: 'order_pending', times: 1 },
      { kind: 'lag', orders: 60_000 },
    );
    const { id, chunk } = await parked();
    await resolveChunk(h().deps, id, chunk.id, { kind: 'adopt', telnyxId: other.id }, 'anna');
    await h().start();
    expect((await parkedAgain(id)).evidence?.seen).toHaveProperty(
      'conclusion',
      expect.stringContaining('does not carry 2 of the 2 numbers'),
    );
    const truth = h()
      .sim.ledger()
      .orders.find((o) => o.customer_reference === chunk.customerReference);
    h().sim.decideOrder(truth?.id ?? '', 'approve');
    h().faults();
    await resolveChunk(h().deps, id, chunk.id, { kind: 'adopt', telnyxId: truth?.id ?? '' }, 'anna');
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
    expect((await deliveredTo(h(), id)).map((b) => b.phone_number).sort()).toEqual(chunk.numbers);
  });
});

describe('the price of an order that waited', () => {
  const OLD = '3 days';
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));
  const makeOld = (id: string) => h().db.sql`update items set searched_at = now() - ${OLD}::interval where request_id = ${id}`;

  it('I5 is looked at again: what became dearer than it was claimed at is replaced, never ordered above cap or budget', async () => {
    const { id } = await claimedOnly(h(), { ...buying(3, '773', { max_number_cost: '2.00' }), max_upfront_cost: '6.00' });
    await makeOld(id);
    const dearer = (await h().chunks(id))[0]?.numbers[0];
    const { search } = h().deps.telnyx;
    const risen: TelnyxGateway['search'] = async (criteria) => {
      const result = await search(criteria);
      return { ...result, offers: result.offers.map((o) => (o.phoneNumber === dearer ? { ...o, upfrontCost: '500.00' } : o)) };
    };
    await withGateway(h(), { search: risen }, async () => {
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
      expect((await deliveredTo(h(), id)).map((b) => b.phone_number)).not.toContain(dearer);
      await expectAgreement(h(), id);
    });
  });

  it('a search that is refused for good ends the numbers with a reason instead of looping', async () => {
    const { id } = await claimedOnly(h(), buying(2, '516'));
    await makeOld(id);
    const refuse = async () => Promise.reject(new ProvisioningError('invalid_request', 'rejected', 'no such type here'));
    await withGateway(h(), { search: refuse }, async () => {
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'failed', counts: { failed: 2 } });
      expect((await h().items(id))[0]).toMatchObject({ reasonCode: 'invalid_request' });
    });
  });
});

describe('the recent-search rule', () => {
  const GOOD_FOR_MS = 1_500;
  const h = useHarness(() => ({ limits: { orderSize: 10 }, simulator: { recentSearchMs: GOOD_FOR_MS, unsearched: '85000' } }));

  it('85000: the same numbers are searched again and then ordered; without the search Telnyx would refuse for ever', async () => {
    const { id, chunks } = await claimedOnly(h(), buying(3, '415'));
    const old = Date.now() + GOOD_FOR_MS;
    await until('the search is too old for Telnyx', () => Date.now() > old);
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    expect(await causesOf(h(), id)).toEqual(['planned', 'claim', 'try_later', 'claim', 'accepted', 'finished']);
    expect((await deliveredTo(h(), id)).map((b) => b.phone_number).sort()).toEqual(chunks[0]?.numbers);
  });

  it('10027: numbers whose search is too old are searched again and then ordered, the same ones', async () => {
    h().sim.behave({ unsearched: '10027' });
    const { id, chunks } = await claimedOnly(h(), buying(3, '415'));
    const old = Date.now() + GOOD_FOR_MS;
    await until('the search is too old for Telnyx', () => Date.now() > old);
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    expect((await deliveredTo(h(), id)).map((b) => b.phone_number).sort()).toEqual(chunks[0]?.numbers);
    h().sim.behave({ unsearched: '85000' });
  });

  it('a search that fails after 85000 is tried again, and the order was surely not sent meanwhile', async () => {
    const { id } = await claimedOnly(h(), buying(3, '415'));
    const old = Date.now() + GOOD_FOR_MS;
    await until('the search is too old for Telnyx', () => Date.now() > old);
    const { search } = h().deps.telnyx;
    let failures = 0;
    const flaky: TelnyxGateway['search'] = async (criteria) => {
      failures += 1;
      if (failures === 1) throw new ProvisioningError('rate_limited', 'retry', 'paused', { retryAfterMs: 100 });
      return search(criteria);
    };
    await withGateway(h(), { search: flaky }, async () => {
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
      expect(await causesOf(h(), id)).not.toContain('lease_expired');
    });
  });
});

describe('budget, credit and cancel', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 }, timings: { fundsProbeMs: 300, balanceMs: 100 } }));

  it('a buy whose budget fits the credit does not wait for the credit of all that was asked', async () => {
    const { balance } = h().deps.telnyx;
    const poor = async () => ({ ...(await balance()), balance: '50.00', availableCredit: '50.00' });
    await withGateway(h(), { balance: poor }, async () => {
      await h().db.sql`update account set balance_at = null`;
      const view = await h().run({ ...buying(100, '646'), max_upfront_cost: '10.00' });
      expect(view.counts.succeeded).toBeGreaterThan(3);
      expect(Number(view.cost.upfront)).toBeLessThanOrEqual(10);
      await expectAgreement(h(), view.id);
    });
  });

  it('I7 a buy that is cancelled while its only number is refused ends as cancelled', async () => {
    await h().stop();
    const id = await h().submit(buying(1));
    const refuse: TelnyxGateway['createOrder'] = async () => {
      await cancelRequest(h().deps, id, 'anna');
      throw new ProvisioningError('numbers_gone', 'rejected', 'gone');
    };
    await withGateway(h(), { createOrder: refuse }, async () => {
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'cancelled', counts: { cancelled: 1 } });
    });
  });

  it('a retry keeps what each line asked for, line by line', async () => {
    const group = '3fa85f64-5717-4562-b3fc-2c963f66afa7';
    const { createOrder } = h().deps.telnyx;
    const refuse: TelnyxGateway['createOrder'] = async () =>
      Promise.reject(new ProvisioningError('invalid_connection', 'rejected', 'no'));
    const asked = { ...buying(2, '312', { max_number_cost: '1.50', requirement_group_id: group }), max_upfront_cost: '20.00' };
    let first = '';
    await withGateway(h(), { createOrder: refuse }, async () => {
      first = (await h().run(asked)).id;
    });
    const seen: unknown[] = [];
    const watch: TelnyxGateway['createOrder'] = (...args) => {
      seen.push(args[2]);
      return createOrder(...args);
    };
    await withGateway(h(), { createOrder: watch }, async () => {
      const { request } = await retryRequest(h().deps, first);
      expect(await h().ended(request.id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
      expect(seen).toEqual([expect.objectContaining({ requirement_group_id: group })]);
      const [line] = await h().db.sql<{ criteria: object }[]>`select criteria from lines where request_id = ${request.id}`;
      expect(line?.criteria).toMatchObject({ kind: 'search', max_number_cost: '1.50' });
      expect(request.maxUpfrontCost).toBe('20.000000');
    });
  });
});

describe('an account with a credit limit', () => {
  const h = useHarness();

  it('an account whose balance is negative buys on its credit', async () => {
    const balance = async () => ({ balance: '-40.00', availableCredit: '60.00', currency: 'USD' });
    await withGateway(h(), { balance }, async () => {
      const view = await h().run(buying(3, '312'));
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
      await expectAgreement(h(), view.id);
    });
  });
});

describe('a gate that closes while orders wait for their turn', () => {
  const h = useHarness(() => ({ limits: { orderSize: 1 }, rates: { orders: 2 } }));

  it('I5 not one of those that wait leaves afterwards, however long the queue of the limiter', async () => {
    const id = await h().submit(buying(12));
    await until('two orders have left', () => h().sim.ledger().orders.length >= 2);
    await closeGate(h().db.sql, { code: 'account_blocked', reason: 'blocked', at: new Date(), probeAt: null });
    const left = h().sim.ledger().orders.length;
    await until('all others are back', async () =>
      (await h().chunks(id)).every((c) => !['submitting', 'submitted'].includes(c.state)),
    );
    // One may have been on its way in the very moment.
    expect(h().sim.ledger().orders.length - left).toBeLessThanOrEqual(1);
    expect(await causesOf(h(), id)).toContain('try_later');
    await openGate(h().db.sql, { actor: 'anna', at: new Date() });
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 12 } });
    await expectAgreement(h(), id);
  });
});

describe('two rounds on one list', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 }, timings: { leaseMs: 300 } }));

  it('I4 a round that outlives its lease fails nothing that the next one has claimed', async () => {
    const numbers = (await offersIn(h(), '312')).slice(0, 5).map((o) => o.phoneNumber);
    await h().stop();
    const id = await h().submit({ kind: 'buy', phone_numbers: numbers });
    const [line] = await h().db.sql<{ id: string }[]>`select id from lines where request_id = ${id}`;
    const fill = () => h().handlers['line.fill']({ lineId: line?.id ?? '', requestId: id }, ctxOf(h()));
    const { search } = h().deps.telnyx;
    let asked = 0;
    let second: Promise<unknown> = Promise.resolve();
    const slow: TelnyxGateway['search'] = async (criteria) => {
      asked += 1;
      const result = await search(criteria);
      if (asked > 1) return result;
      const over = Date.now() + 350;
      await until('the lease is over', () => Date.now() > over);
      second = fill();
      await second;
      return result;
    };
    await withGateway(h(), { search: slow }, async () => {
      await fill();
      await second;
      expect(asked).toBe(2);
      expect((await h().items(id)).filter((i) => i.status === 'failed')).toEqual([]);
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
      await expectAgreement(h(), id);
    });
  });
});

describe('two buys over the same area', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  it('I4 one that slept between its search and its claims does not take what the other has bought and settled meanwhile', async () => {
    const { search } = h().deps.telnyx;
    let second: Promise<string> | null = null;
    const slow: TelnyxGateway['search'] = async (criteria) => {
      const result = await search(criteria);
      if (second !== null) return result;
      second = h().submit(buying(5, '347'));
      await h().ended(await second);
      return result;
    };
    await withGateway(h(), { search: slow }, async () => {
      const first = await h().run(buying(5, '347'));
      expect(first).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
      expect(h().sim.ledger().bought).toHaveLength(10);
      await expectAgreement(h(), first.id);
      await expectAgreement(h(), (await second) ?? '');
    });
  });

  it('I5 numbers that another request bought are no delivery of an order that was refused for them', async () => {
    const other = await h().run(buying(2, '646'));
    const taken = (await deliveredTo(h(), other.id)).map((b) => b.phone_number);
    const { id, chunks } = await claimedOnly(h(), buying(2, '646'));
    // As if the claims had let them through.
    await h().db.sql`update chunks set numbers = ${taken}::text[] where id = ${chunks[0]?.id ?? ''}`;
    await h().db.sql`
      update items i set phone_number = t.n from unnest(${taken}::text[]) with ordinality as t(n, ord)
      where i.request_id = ${id} and i.position = t.ord - 1`;
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
    const got = (await h().items(id)).map((i) => i.phoneNumber);
    expect(got.filter((n) => taken.includes(n ?? ''))).toEqual([]);
    expect(await deliveredTo(h(), id)).toHaveLength(2);
  });
});

describe('a long backlog', () => {
  const h = useHarness();

  it('I6 does not hide a job that the queue has lost: the next sweep brings it back', async () => {
    await h().stop();
    const numbers = Array.from({ length: 520 }, (_, i) => `+1312555${String(1_000 + i)}`);
    await h().db.sql`
      insert into phone_numbers (phone_number, state, created_at, updated_at)
      select n, 'owned', now(), now() from unnest(${numbers}::text[]) n`;
    h().deps.limits = { ...h().deps.limits, batchSize: 1 };
    await h().submit({ kind: 'update', phone_numbers: numbers, set: { tags: ['x'] } });
    const { chunks } = await claimedOnly(h(), buying(2, '585'));
    for (const queue of h().queues.all()) await queue.obliterate({ force: true });
    await h().db.sql`update chunks set next_run_at = now() - interval '1 minute'`;
    await requeueOrphans(h().deps);
    for (const chunk of chunks) {
      const job = chunkJob(chunk);
      expect(await h().queues.presence(job.name, job.id)).toBe('live');
    }
  });
});
