import { describe, expect, it } from 'vitest';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { seenIn } from '../../src/domain/evidence.ts';
import type { Fault } from '../../src/simulator/index.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { buying, causesOf, orderCallsFromNow, ordering, ordinaryNumbers } from '../support/buys.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const gone = (count: number, shape: Fault['shape'] = '10027'): Fault => ({
  kind: 'sold_to_other',
  count,
  shape,
  mode: 'order',
  times: 1,
});

describe('an order refused for numbers that are gone', () => {
  // A settling window so long that whoever waits for one is not done in time.
  const h = useHarness(() => ({ limits: { orderSize: 40 }, timings: { settleMs: 60_000 } }));

  it('10027: the named numbers leave the order, the rest is ordered at once, and the lost are replaced', async () => {
    h().faults(gone(3));
    const since = orderCallsFromNow(h());
    const view = await h().run(buying(40), { withinMs: 10_000 });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 40 } });
    expect(since()).toEqual({ 422: 1, 200: 2 });
    expect((await h().chunks(view.id)).map((c) => c.numbers.length).sort((a, b) => a - b)).toEqual([3, 37, 40]);
    await expectAgreement(h(), view.id);
  });

  it('85001 without names: the numbers are searched again, those off sale leave the order, and nothing is halved', async () => {
    h().faults(gone(3, '85001'));
    const since = orderCallsFromNow(h());
    const view = await h().run(buying(40, '773'), { withinMs: 10_000 });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 40 } });
    expect(since()).toEqual({ 409: 1, 200: 2 });
    await expectAgreement(h(), view.id);
  });

  it('85001 although all are still on sale: the order is halved', async () => {
    h().faults({ kind: 'error_before', match: ordering, status: 409, code: '85001', times: 1 });
    const since = orderCallsFromNow(h());
    const view = await h().run(buying(40, '872'), { withinMs: 10_000 });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 40 } });
    expect(since()).toEqual({ 409: 1, 200: 2 });
    expect((await h().chunks(view.id)).map((c) => c.numbers.length)).toEqual([40, 20, 20]);
    await expectAgreement(h(), view.id);
  });

  it('a listed number that is named fails, one that a fresh search still offers is ordered again, and the rest is bought', async () => {
    const listed = await ordinaryNumbers(h(), '415', 6);
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
      const since = orderCallsFromNow(h());
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
