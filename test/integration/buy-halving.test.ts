import { describe, expect, it } from 'vitest';
import { getAccount } from '../../src/db/account.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import type { Fault } from '../../src/simulator/index.ts';
import { buying, orderCallsFromNow, ordering, ordinaryNumbers } from '../support/buys.ts';
import { calls, deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';

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
    const since = orderCallsFromNow(h());
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
    const listed = await ordinaryNumbers(h(), '872', 6);
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
    const since = orderCallsFromNow(h());
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
    const since = orderCallsFromNow(h());
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
    ['a list', async (harness: Harness) => ({ kind: 'buy', phone_numbers: await ordinaryNumbers(harness, '773', 20) })],
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
