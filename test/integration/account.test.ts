import { describe, expect, it } from 'vitest';
import { openGate } from '../../src/db/account.ts';
import type { Fault } from '../../src/simulator/index.ts';
import { accountOf, closed, sweptUntil } from '../support/account-state.ts';
import { buying, orderCalls, ordering } from '../support/buys.ts';
import { expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

/** Nothing of the request is under way any more. */
async function allBack(h: Harness, id: string): Promise<void> {
  await until('what was under way is back', async () => (await h.chunks(id)).every((c) => c.state === 'planned'));
}

describe('a failure of the account', () => {
  const WORKERS = 8;
  const h = useHarness(() => ({ limits: { orderSize: 1 } }));

  const failures: [string, Fault, string][] = [
    ['20100, no funds', { kind: 'insufficient_funds', code: '20100' }, 'insufficient_funds'],
    ['401 with 10009, a bad key', { kind: 'error_before', match: ordering, status: 401, code: '10009' }, 'bad_key'],
    ['20012, an inactive account', { kind: 'account_inactive', code: '20012' }, 'account_blocked'],
  ];

  it.each(failures)(
    'I5 %s: the gate closes within a second, not one order more leaves, and what was sent is still followed',
    async (_, fault, code) => {
      h().faults({ kind: 'order_pending', times: 1 });
      const sent = await h().submit(buying(1));
      const orderId = await until('one order is at Telnyx', async () => (await h().chunks(sent))[0]?.telnyxId);
      const before = orderCalls(h());
      const { telnyx } = h().deps;
      const { createOrder } = telnyx;
      const refusedAt: number[] = [];
      telnyx.createOrder = (...args) =>
        createOrder(...args).catch((error: unknown) => {
          refusedAt.push(Date.now());
          throw error;
        });
      try {
        h().faults(fault);
        const id = await h().submit(buying(24));
        const { at, account } = await closed(h());
        expect(account.reasonCode).toBe(code);
        expect(at.getTime() - Math.min(...refusedAt), 'from the first refusal to the closed gate').toBeLessThanOrEqual(1_000);

        await allBack(h(), id);
        const made = orderCalls(h());
        expect(made - before, 'only what the workers had under way had left').toBeLessThanOrEqual(WORKERS);
        await sweptUntil(h(), new Date(), 1_000);
        expect(orderCalls(h())).toBe(made);
        await allBack(h(), id);
        expect(await h().view(id)).toMatchObject({ counts: { pending: 24, in_flight: 0, failed: 0, succeeded: 0 } });

        const polls = (await h().chunks(sent))[0]?.polls ?? 0;
        await until('the order is polled on', async () => ((await h().chunks(sent))[0]?.polls ?? 0) > polls);
        h().sim.decideOrder(orderId, 'approve');
        expect(await h().ended(sent)).toMatchObject({ status: 'succeeded', counts: { succeeded: 1 } });
        expect((await accountOf(h())).gateOpen, 'all that with a closed gate').toBe(false);
        expect(orderCalls(h())).toBe(made);

        h().faults();
        await openGate(h().db.sql, { actor: 'anna', at: new Date() });
        expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 24 } });
        await expectAgreement(h(), sent);
        await expectAgreement(h(), id);
      } finally {
        Object.assign(telnyx, { createOrder });
      }
    },
  );

  it('the inventory is what the account owns after all of these', async () => {
    await expectInventory(h());
  });
});
