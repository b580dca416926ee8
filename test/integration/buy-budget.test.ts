import { describe, expect, it } from 'vitest';
import { closeGate, openGate } from '../../src/db/account.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { cancelRequest } from '../../src/producers/actions/cancel.ts';
import { retryRequest } from '../../src/producers/actions/retry.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { buying, causesOf, claimedOnly, withGateway } from '../support/buys.ts';
import { deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

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
      const { request } = await retryRequest(h().deps, first, 'anna');
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
