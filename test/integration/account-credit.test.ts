import { describe, expect, it } from 'vitest';
import { balanceShortfall, probeGate, refreshBalance } from '../../src/account/gate.ts';
import { closeGate, openGate } from '../../src/db/account.ts';
import { accountOf, closed, sweptUntil } from '../support/account-state.ts';
import { buying, orderCalls, ordering } from '../support/buys.ts';
import { deliveredTo, expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

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
