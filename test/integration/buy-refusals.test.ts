import { describe, expect, it } from 'vitest';
import { getAccount } from '../../src/db/account.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { seenIn } from '../../src/domain/evidence.ts';
import type { Fault } from '../../src/simulator/index.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { buying, causesOf, ordering } from '../support/buys.ts';
import { calls, deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const gone = (count: number, shape: Fault['shape'] = '10027'): Fault => ({
  kind: 'sold_to_other',
  count,
  shape,
  mode: 'order',
  times: 1,
});

/** How many order calls were answered since the last reading, by status. */
function orderCalls(h: Harness): () => Record<string, number> {
  const before = { ...calls(h, 'POST /number_orders') };
  return () => {
    const now = calls(h, 'POST /number_orders');
    return Object.fromEntries(
      Object.entries(now)
        .map(([s, n]) => [s, n - (before[s] ?? 0)])
        .filter(([, n]) => n !== 0),
    );
  };
}

async function onSale(h: Harness, nationalDestinationCode: string, limit: number): Promise<string[]> {
  const criteria = { countryCode: 'US', phoneNumberType: 'local', nationalDestinationCode, bestEffort: false, limit: 200 };
  const { offers } = await h.deps.telnyx.search(criteria);
  return offers
    .filter((o) => Number(o.upfrontCost) <= 2 && Number(o.monthlyCost) <= 2)
    .map((o) => o.phoneNumber)
    .slice(0, limit);
}

describe('an order refused for numbers that are gone', () => {
  // A settling window so long that whoever waits for one is not done in time.
  const h = useHarness(() => ({ limits: { orderSize: 40 }, timings: { settleMs: 60_000 } }));

  it('10027: the named numbers leave the order, the rest is ordered at once, and the lost are replaced', async () => {
    h().faults(gone(3));
    const since = orderCalls(h());
    const view = await h().run(buying(40), { withinMs: 10_000 });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 40 } });
    expect(since()).toEqual({ 422: 1, 200: 2 });
    expect((await h().chunks(view.id)).map((c) => c.numbers.length).sort((a, b) => a - b)).toEqual([3, 37, 40]);
    await expectAgreement(h(), view.id);
  });

  it('85001 without names: the numbers are searched again, those off sale leave the order, and nothing is halved', async () => {
    h().faults(gone(3, '85001'));
    const since = orderCalls(h());
    const view = await h().run(buying(40, '773'), { withinMs: 10_000 });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 40 } });
    expect(since()).toEqual({ 409: 1, 200: 2 });
    await expectAgreement(h(), view.id);
  });

  it('85001 although all are still on sale: the order is halved', async () => {
    h().faults({ kind: 'error_before', match: ordering, status: 409, code: '85001', times: 1 });
    const since = orderCalls(h());
    const view = await h().run(buying(40, '872'), { withinMs: 10_000 });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 40 } });
    expect(since()).toEqual({ 409: 1, 200: 2 });
    expect((await h().chunks(view.id)).map((c) => c.numbers.length)).toEqual([40, 20, 20]);
    await expectAgreement(h(), view.id);
  });

  it('a listed number that is named fails, one that a fresh search still offers is ordered again, and the rest is bought', async () => {
    const listed = await onSale(h(), '415', 6);
    // One is really gone, one was only not searched lately.
    h().faults(gone(1));
    const [unsearched = ''] = listed.slice(-1);
    const { createOrder } = h().deps.telnyx;
    let first = true;
    const naming: TelnyxGateway['createOrder'] = async (...args) => {
      try {
        return await createOrder(...args);
      } catch (error) {
        if (!first || !(error instanceof ProvisioningError)) throw error;
        first = false;
        throw new ProvisioningError(error.code, error.disposition, error.message, { numbers: [...error.numbers, unsearched] });
      }
    };
    h().deps.telnyx.createOrder = naming;
    try {
      const view = await h().run({ kind: 'buy', phone_numbers: listed }, { withinMs: 10_000 });
      expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 5, failed: 1 } });
      const lost = (await h().items(view.id)).filter((i) => i.status === 'failed');
      expect(lost.map((i) => i.reasonCode)).toEqual(['number_unavailable']);
      expect(lost[0]?.phoneNumber).toBe(h().sim.ledger().sold_to_others.at(-1));
      await expectAgreement(h(), view.id);
    } finally {
      h().deps.telnyx.createOrder = createOrder;
    }
  });

  it('10027 that names all numbers, all still on sale: they are searched and ordered once more', async () => {
    const { createOrder } = h().deps.telnyx;
    let first = true;
    h().deps.telnyx.createOrder = async (numbers, ...args) => {
      if (!first) return createOrder(numbers, ...args);
      first = false;
      throw new ProvisioningError('numbers_unrecognized', 'rejected', 'not searched', { numbers });
    };
    try {
      const view = await h().run(buying(5, '646'), { withinMs: 10_000 });
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
      const [refused, again] = await h().chunks(view.id);
      expect(again?.numbers).toEqual(refused?.numbers);
      await expectAgreement(h(), view.id);
    } finally {
      h().deps.telnyx.createOrder = createOrder;
    }
  });

  it('a number that is named again after a search that still offered it is replaced, and not asked for ever', async () => {
    const { createOrder } = h().deps.telnyx;
    let stale: string | undefined;
    h().deps.telnyx.createOrder = async (numbers, ...args) => {
      stale ??= numbers[0];
      const named = numbers.filter((n) => n === stale);
      if (named.length === 0) return createOrder(numbers, ...args);
      throw new ProvisioningError('numbers_unrecognized', 'rejected', 'a stale search', { numbers: named });
    };
    try {
      const view = await h().run(buying(1, '347'), { withinMs: 10_000 });
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 1 } });
      expect((await h().chunks(view.id)).filter((c) => c.numbers.includes(stale ?? ''))).toHaveLength(2);
      await expectAgreement(h(), view.id);
    } finally {
      h().deps.telnyx.createOrder = createOrder;
    }
  });

  it('I5 an order that was doubled on its way: its refusal names all numbers, and the window finds the first one', async () => {
    const { createOrder } = h().deps.telnyx;
    let doubled = false;
    h().faults({ kind: 'lag', orders: 700, ownership: 700 });
    h().deps.telnyx.createOrder = async (...args) => {
      if (!doubled) {
        doubled = true;
        await createOrder(...args);
      }
      return createOrder(...args);
    };
    try {
      const view = await h().run(buying(6, '718'), { withinMs: 10_000 });
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 6 } });
      expect(await causesOf(h(), view.id)).toEqual(['planned', 'claim', 'maybe_ours_already', 'found', 'finished']);
      await expectAgreement(h(), view.id);
    } finally {
      h().deps.telnyx.createOrder = createOrder;
    }
  });
});

describe('I5 money while an order is taken apart', () => {
  const h = useHarness(() => ({ limits: { orderSize: 40 }, timings: { settleMs: 2_500 } }));

  it('refused numbers count against the budget until their window is over: only then are they replaced', async () => {
    // The cap leaves numbers of one price only, so that the budget is exactly what ten of them cost.
    const upfront = '1.00';
    const budget = { max_upfront_cost: '10.00', max_number_cost: upfront };
    h().faults(gone(2));
    const id = await h().submit({ ...buying(10, '312'), ...budget });
    const refused = await until('an order was refused', async () => {
      const [row] = await h().db.sql<{ at: Date }[]>`
        select at from events where request_id = ${id} and cause = 'maybe_ours_already'`;
      return row?.at;
    });
    const view = await h().ended(id);
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    const [, , replacement] = await h().chunks(id);
    expect(replacement?.numbers).toHaveLength(2);
    expect((replacement?.createdAt.getTime() ?? 0) - refused.getTime()).toBeGreaterThanOrEqual(2_500);
    await expectAgreement(h(), id);
  });
});

describe('a 409 that does not say why', () => {
  const h = useHarness(() => ({ limits: { orderSize: 20 }, timings: { settleMs: 900 } }));

  it.each(['conflict', 'conflict_10012'] as const)(
    '%s: one settling window, then the order is taken apart, never sent again unchanged',
    async (shape) => {
      h().faults(gone(2, shape));
      const since = orderCalls(h());
      const view = await h().run(buying(20, shape === 'conflict' ? '312' : '773'));
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 20 } });
      expect(since()).toEqual({ 409: 1, 200: 2 });
      expect((await h().chunks(view.id)).every((c) => c.attempt === 1)).toBe(true);
      await expectAgreement(h(), view.id);
    },
  );

  it('its parts open no window of their own: a stale number is found by halving in seconds, and is replaced', async () => {
    const { createOrder } = h().deps.telnyx;
    let stale: string | undefined;
    h().deps.telnyx.createOrder = async (numbers, ...args) => {
      stale ??= numbers[3];
      if (!numbers.includes(stale ?? '')) return createOrder(numbers, ...args);
      throw new ProvisioningError('conflict', 'ambiguous', 'a conflict');
    };
    try {
      const view = await h().run(buying(20, '872'));
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 20 } });
      const windows = (await h().chunks(view.id)).filter((c) => (seenIn(c.evidence, 'unknown')?.checks.length ?? 0) >= 3);
      expect(windows, 'chunks that waited a whole window').toHaveLength(1);
      expect((await h().view(view.id)).status).not.toBe('needs_attention');
      await expectAgreement(h(), view.id);
    } finally {
      h().deps.telnyx.createOrder = createOrder;
    }
  });
});

describe('an earlier order that takes effect late', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 }, timings: { settleMs: 1_200 } }));

  it('I5 the parts of an order that was resent wait their window: what the first call delivers meanwhile is not replaced', async () => {
    const { createOrder } = h().deps.telnyx;
    let sends = 0;
    let ancestor: Promise<unknown> | undefined;
    h().faults(
      { kind: 'lag', orders: 600, ownership: 600, inventory: 600 },
      { kind: 'order_partial', count: 5, return_to_pool: true, times: 1 },
    );
    h().deps.telnyx.createOrder = async (...args) => {
      sends += 1;
      const [numbers, reference] = args;
      if (sends === 1) throw new ProvisioningError('unknown_outcome', 'ambiguous', 'the reply was lost');
      if (sends === 2) throw new ProvisioningError('numbers_gone', 'rejected', 'one of them is gone');
      // The first call arrives now, after the order was halved, and delivers a part of its numbers.
      ancestor ??= (async () => {
        const [whole] = await h().db.sql<{ numbers: string[]; customerReference: string }[]>`
          select numbers, customer_reference from chunks where numbers @> ${[numbers[0] ?? '']}::text[] and customer_reference <> ${reference}
          order by id limit 1`;
        await createOrder(whole?.numbers ?? [], whole?.customerReference ?? '', {});
      })();
      await ancestor;
      return createOrder(...args);
    };
    try {
      const view = await h().run(buying(10, '646'));
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
      const bought = h()
        .sim.ledger()
        .bought.filter((b) => b.phone_number.startsWith('+1646'));
      expect(bought.map((b) => b.phone_number).sort()).toEqual((await h().items(view.id)).map((i) => i.phoneNumber).sort());
      expect(await deliveredTo(h(), view.id)).toHaveLength(10);
    } finally {
      h().deps.telnyx.createOrder = createOrder;
    }
  });
});

describe('an order of many refused for another reason', () => {
  const h = useHarness(() => ({ limits: { orderSize: 8 } }));
  const refusal: Fault = {
    kind: 'error_before',
    match: ordering,
    status: 422,
    code: '10027',
    detail: 'This field is not reachable here',
  };

  it('is halved once; when both halves are refused too, all numbers fail with the words of Telnyx', async () => {
    h().faults(refusal);
    const since = orderCalls(h());
    const view = await h().run(buying(8));
    expect(view).toMatchObject({ status: 'failed', counts: { failed: 8 } });
    // Two halves that are refused at the same moment are each sent once more.
    expect(since()['422']).toBeLessThanOrEqual(5);
    for (const item of await h().items(view.id)) expect(item.reason).toContain('This field is not reachable here');
    await expectAgreement(h(), view.id);
  });

  it('when a half is accepted, the number at fault is found and replaced, and all others are bought', async () => {
    const { createOrder } = h().deps.telnyx;
    let odd: string | undefined;
    h().deps.telnyx.createOrder = async (numbers, ...args) => {
      odd ??= numbers[2];
      if (!numbers.includes(odd ?? '')) return createOrder(numbers, ...args);
      throw new ProvisioningError('invalid_request', 'rejected', 'Telnyx dislikes one number');
    };
    try {
      const view = await h().run(buying(8, '773'));
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 8 } });
      expect((await deliveredTo(h(), view.id)).map((b) => b.phone_number)).not.toContain(odd);
      await expectAgreement(h(), view.id);
    } finally {
      h().deps.telnyx.createOrder = createOrder;
    }
  });

  it('a listed number at fault fails with the words of Telnyx, and the others are bought', async () => {
    const listed = await onSale(h(), '872', 6);
    const { createOrder } = h().deps.telnyx;
    h().deps.telnyx.createOrder = async (numbers, ...args) => {
      if (!numbers.includes(listed[4] ?? '')) return createOrder(numbers, ...args);
      throw new ProvisioningError('invalid_request', 'rejected', 'Telnyx dislikes one number');
    };
    try {
      const view = await h().run({ kind: 'buy', phone_numbers: listed });
      expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 5, failed: 1 } });
      const [failed] = (await h().items(view.id)).filter((i) => i.status === 'failed');
      expect(failed).toMatchObject({
        phoneNumber: listed[4],
        reasonCode: 'invalid_request',
        reason: 'Telnyx dislikes one number',
      });
      await expectAgreement(h(), view.id);
    } finally {
      h().deps.telnyx.createOrder = createOrder;
    }
  });

  it('a 403 that points at a setting fails the numbers at once, names the field, and leaves the gate open', async () => {
    h().faults({ kind: 'error_before', match: ordering, status: 403, code: '10010', pointer: '/billing_group_id' });
    const since = orderCalls(h());
    const view = await h().run(buying(8, '646'));
    expect(view).toMatchObject({ status: 'failed', counts: { failed: 8 } });
    expect(since()).toEqual({ 403: 1 });
    for (const item of await h().items(view.id)) {
      expect(item).toMatchObject({ reasonCode: 'forbidden', reason: expect.stringContaining('/billing_group_id') });
    }
    expect((await getAccount(h().db.sql)).gateOpen).toBe(true);
  });

  it('a single number is replaced a few times only, and then fails with the words of Telnyx', async () => {
    h().faults(refusal);
    const since = orderCalls(h());
    const view = await h().run(buying(1, '415'));
    expect(view).toMatchObject({ status: 'failed', counts: { failed: 1 } });
    expect(since()).toEqual({ 422: 4 });
    await expectAgreement(h(), view.id);
  });
});

describe('an account that does not show numbers', () => {
  const h = useHarness();

  it.each([
    ['a search', async () => buying(50)],
    ['a list', async (harness: Harness) => ({ kind: 'buy', phone_numbers: await onSale(harness, '773', 20) })],
  ])('%s ends after the first answer, and says that the account must be verified', async (_, bodyOf) => {
    const body = await bodyOf(h());
    h().faults({ kind: 'masked_numbers' });
    const before = Object.values(calls(h(), 'GET /available_phone_numbers')).reduce((sum, n) => sum + n, 0);
    const view = await h().run(body);
    expect(view.status).toBe('failed');
    const after = Object.values(calls(h(), 'GET /available_phone_numbers')).reduce((sum, n) => sum + n, 0);
    expect(after - before).toBe(1);
    for (const item of await h().items(view.id)) {
      expect(item).toMatchObject({ reasonCode: 'numbers_masked', reason: expect.stringContaining('does not show numbers') });
    }
    await expectAgreement(h(), view.id);
  });
});
