import { describe, expect, it } from 'vitest';
import { balanceShortfall, probeGate, refreshBalance } from '../../src/account/gate.ts';
import { type Account, closeGate, getAccount, openGate } from '../../src/db/account.ts';
import type { Fault } from '../../src/simulator/index.ts';
import { buying, ordering } from '../support/buys.ts';
import { calls, deliveredTo, expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const accountOf = (h: Harness): Promise<Account> => getAccount(h.db.sql);

const orderCalls = (h: Harness): number => Object.values(calls(h, 'POST /number_orders')).reduce((sum, n) => sum + n, 0);

async function closed(h: Harness): Promise<{ at: Date; account: Account }> {
  return until('the gate is closed', async () => {
    const account = await accountOf(h);
    return account.gateOpen || account.closedAt === null ? null : { at: account.closedAt, account };
  });
}

/** Waits until sweeps have run for `ms` after a moment; every sweep notes the limits in the account's row. */
async function sweptUntil(h: Harness, since: Date, ms: number): Promise<void> {
  await until('the sweep went on', async () => ((await accountOf(h)).limitsAt?.getTime() ?? 0) > since.getTime() + ms);
}

/** Nothing of the request is under way any more. */
async function allBack(h: Harness, id: string): Promise<void> {
  await until('what was under way is back', async () => (await h.chunks(id)).every((c) => c.state === 'planned'));
}

/** The balance that the account shows, under the control of the test, and how often it was asked for. */
function controlledBalance(h: Harness, credit: string): { credit: string; asked: number; restore(): void } {
  const { telnyx } = h.deps;
  const { balance } = telnyx;
  const control = { credit, asked: 0, restore: () => void Object.assign(telnyx, { balance }) };
  telnyx.balance = async () => {
    const real = await balance();
    control.asked += 1;
    return { ...real, balance: control.credit, availableCredit: control.credit };
  };
  return control;
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

describe('credit that comes back', () => {
  const PROBE_MS = 300;
  const h = useHarness(() => ({ limits: { orderSize: 10 }, timings: { fundsProbeMs: PROBE_MS, balanceMs: 100 } }));
  const lastGateEvent = async () =>
    (await h().db.sql`select cause, actor from events where subject = 'account' order by id desc limit 1`)[0];

  it('I6 after a refusal for lack of funds the probe opens the gate and the buy ends, with nobody doing anything', async () => {
    h().faults({ kind: 'insufficient_funds', times: 1 });
    const id = await h().submit(buying(20));
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 20 } });
    expect((await accountOf(h())).gateOpen).toBe(true);
    expect(await lastGateEvent()).toEqual({ cause: 'reopen', actor: 'probe' });
    await expectAgreement(h(), id);
  });

  it('I5 the probe leaves the gate closed while there is no credit', async () => {
    const account = controlledBalance(h(), '0.00');
    try {
      const now = new Date();
      await closeGate(h().db.sql, { code: 'insufficient_funds', reason: 'no funds', at: now, probeAt: now });
      const before = orderCalls(h());
      const id = await h().submit(buying(10));
      await until('three probes have asked', () => account.asked >= 3);
      expect((await accountOf(h())).gateOpen).toBe(false);
      expect(orderCalls(h())).toBe(before);
      expect(await h().view(id)).toMatchObject({ counts: { pending: 10, failed: 0 } });
      account.credit = '1000.00';
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
      expect(await lastGateEvent()).toEqual({ cause: 'reopen', actor: 'probe' });
      await expectAgreement(h(), id);
    } finally {
      account.restore();
    }
  });

  it('I5 a buy dearer than the credit waits whole, says so on the request, and goes on by itself when there is credit', async () => {
    const account = controlledBalance(h(), '5.00');
    try {
      const before = orderCalls(h());
      const id = await h().submit(buying(20));
      const error = await until('the request says what it waits for', async () => (await h().view(id)).error);
      expect(error.code).toBe('insufficient_funds');
      expect(error.message).toMatch(/^the account has 5\.00 USD of credit, .*these numbers cost \d+\.\d\d upfront/);
      await until('it was looked at again', () => account.asked >= 3);
      expect(await h().view(id)).toMatchObject({ counts: { pending: 20, failed: 0 }, chunks: { total: 0 }, finished_at: null });
      expect([orderCalls(h()), (await accountOf(h())).gateOpen], 'not even tried, and others may buy').toEqual([before, true]);
      // Cheap enough for the credit: it does not stand behind the dear one.
      expect(await h().run(buying(2, '773'))).toMatchObject({ status: 'succeeded' });
      expect(await deliveredTo(h(), id)).toEqual([]);
      account.credit = '1000.00';
      const view = await h().ended(id);
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 20 }, error: null });
      await expectAgreement(h(), id);
    } finally {
      account.restore();
    }
  });

  it('a credit that is no amount stops a purchase as a bug: it counts neither as nothing nor as enough', async () => {
    const { deps } = h();
    const account = controlledBalance(h(), 'NaN');
    try {
      await refreshBalance(deps);
      await expect(balanceShortfall(deps, 1n)).rejects.toMatchObject({ code: 'unreadable_money', disposition: 'bug' });
      expect((await accountOf(h())).gateOpen).toBe(true);
    } finally {
      account.restore();
      await refreshBalance(deps);
    }
    expect(await balanceShortfall(deps, 1n)).toBeNull();
  });

  it('I5 a bad key is never opened by a probe, whatever the credit; a person opens it', async () => {
    h().faults({ kind: 'error_before', match: ordering, status: 401, code: '10009', times: 1 });
    const id = await h().submit(buying(10));
    const { at, account } = await closed(h());
    expect([account.reasonCode, account.probeAt]).toEqual(['bad_key', null]);
    await sweptUntil(h(), at, 4 * PROBE_MS);
    expect(await probeGate(h().deps)).toBe('not_due');
    expect((await accountOf(h())).gateOpen).toBe(false);
    expect(await h().view(id)).toMatchObject({ counts: { pending: 10, failed: 0 } });
    await openGate(h().db.sql, { actor: 'anna', at: new Date() });
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    await expectAgreement(h(), id);
  });

  it('the inventory is what the account owns after all of these', async () => {
    await expectInventory(h());
  });
});
