import { describe, expect, it } from 'vitest';
import { getAccount, openGate } from '../../src/db/account.ts';
import { cancelRequest } from '../../src/producers/actions/cancel.ts';
import type { Fault } from '../../src/simulator/index.ts';
import { buying, ordering, ordersOf } from '../support/buys.ts';
import { calls, deliveredTo, expectAgreement, expectChunkHistories, expectInventory } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

describe('an order that waits for paperwork', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  const waitingOrder = async (quantity: number) => {
    h().faults({ kind: 'paperwork', times: 1 });
    const id = await h().submit(buying(quantity, '305'));
    await until('the request waits', async () => (await h().view(id)).status === 'waiting');
    const [order] = await ordersOf(h(), id);
    return { id, orderId: order?.id ?? '' };
  };

  it('shows as waiting, and goes on when it is approved', async () => {
    const { id, orderId } = await waitingOrder(3);
    expect(await h().view(id)).toMatchObject({ status: 'waiting', counts: { in_flight: 3 } });
    h().sim.decideOrder(orderId, 'approve');
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    await expectAgreement(h(), id);
  });

  it('fails with the reason when it is declined, without buying others', async () => {
    const { id, orderId } = await waitingOrder(3);
    h().sim.decideOrder(orderId, 'decline');
    expect(await h().ended(id)).toMatchObject({ status: 'failed', counts: { failed: 3 } });
    expect((await h().items(id)).map((i) => i.reasonCode)).toEqual(Array(3).fill('requirements_not_met'));
    expect(await ordersOf(h(), id)).toHaveLength(1);
    await expectAgreement(h(), id);
  });

  it('is cancelled at Telnyx when the request is cancelled', async () => {
    const { id } = await waitingOrder(4);
    await cancelRequest(h().deps, id, 'anna');
    expect(await h().ended(id)).toMatchObject({ status: 'cancelled', counts: { cancelled: 4 } });
    expect((await ordersOf(h(), id)).map((o) => o.status)).toEqual(['cancelled']);
    await expectAgreement(h(), id);
  });

  it('ends when Telnyx cancels it, such as at its deadline', async () => {
    const { id, orderId } = await waitingOrder(2);
    h().sim.decideOrder(orderId, 'cancel');
    expect(await h().ended(id)).toMatchObject({ status: 'failed', counts: { failed: 2 } });
    await expectAgreement(h(), id);
  });

  it('holds no worker: more of them than there are workers hinder nobody', async () => {
    h().faults({ kind: 'paperwork', times: 9 });
    const waiting = await h().submit(buying(90, '773'));
    await until('all wait', async () => (await h().chunks(waiting)).filter((c) => c.waiting).length === 9);
    const view = await h().run(buying(10, '312'), { withinMs: 6_000 });
    expect(view.status).toBe('succeeded');
    await cancelRequest(h().deps, waiting, 'anna');
    expect(await h().ended(waiting)).toMatchObject({ status: 'cancelled' });
    await expectAgreement(h(), waiting);
  });
});

describe('the account gate', () => {
  const h = useHarness(
    () => ({ limits: { orderSize: 10 } }),
    (harness) => harness.learnInventory(),
  );

  const broken: [string, Fault, string][] = [
    ['no funds', { kind: 'insufficient_funds' }, 'insufficient_funds'],
    ['the key is refused', { kind: 'error_before', status: 401, code: '20002' }, 'bad_key'],
    ['the account is blocked', { kind: 'account_inactive', code: '20013', status: 403 }, 'account_blocked'],
  ];

  it.each(broken)('I5 %s: nothing is spent, no number fails, and all goes on once it is opened', async (_, fault, code) => {
    h().faults(fault);
    const id = await h().submit(buying(20));
    await until('the gate is closed', async () => !(await getAccount(h().db.sql)).gateOpen);
    expect((await getAccount(h().db.sql)).reasonCode).toBe(code);
    await until('what was under way is back', async () => (await h().chunks(id)).every((c) => c.state === 'planned'));
    const before = calls(h(), 'POST /number_orders');
    expect(await h().view(id)).toMatchObject({ counts: { pending: 20, failed: 0, succeeded: 0 } });
    expect(await deliveredTo(h(), id)).toEqual([]);
    h().faults();
    const another = await h().submit(buying(5));
    await until(
      'the new one was looked at',
      async () => (await h().db.sql`select 1 from lines where request_id = ${another} and updated_at > created_at`).length > 0,
    );
    expect(calls(h(), 'POST /number_orders'), 'a closed gate holds for new requests too').toEqual(before);
    await openGate(h().db.sql, { actor: 'anna', at: new Date() });
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 20 } });
    expect(await h().ended(another)).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
    await expectAgreement(h(), id);
    const events = await h().db.sql`select cause, actor from events where subject = 'account' order by id desc limit 2`;
    expect(events).toEqual([
      { cause: 'reopen', actor: 'anna' },
      { cause: code, actor: null },
    ]);
  });

  it('what spends nothing goes on while only the funds are lacking', async () => {
    const bought = await h().run(buying(5));
    h().faults({ kind: 'insufficient_funds' });
    const id = await h().submit(buying(5));
    await until('the gate is closed', async () => !(await getAccount(h().db.sql)).gateOpen);
    expect(await h().run({ kind: 'update', where: { bought_by: bought.id }, set: { tags: ['on'] } })).toMatchObject({
      status: 'succeeded',
    });
    await cancelRequest(h().deps, id, 'anna');
    expect(await h().ended(id)).toMatchObject({ status: 'cancelled' });
    await openGate(h().db.sql, { actor: 'anna', at: new Date() });
    await expectAgreement(h(), id);
  });
});

describe('a cancelled buy', () => {
  const h = useHarness(() => ({ limits: { orderSize: 5 } }));

  it('I7 keeps what is bought, cancels what was not sent, and the sums agree', async () => {
    h().faults({ kind: 'order_pending', ms: 800, after: 2 });
    const id = await h().submit({ ...buying(90), assign: { tags: ['half'] } });
    await until('some are bought', async () => (await deliveredTo(h(), id)).length > 0);
    await cancelRequest(h().deps, id, 'anna');
    const view = await h().ended(id);
    await expectAgreement(h(), id);
    expect(['partially_succeeded', 'cancelled']).toContain(view.status);
    const tagged = await h().db.sql`select 1 from phone_numbers where bought_by = ${id} and tags = '{half}'`;
    expect(tagged, 'what is bought is finished').toHaveLength((await deliveredTo(h(), id)).length);
    expect(view.counts.succeeded).toBe((await deliveredTo(h(), id)).length);
  });

  it('cancelling twice, or after the end, changes nothing', async () => {
    const done = await h().run(buying(3));
    await cancelRequest(h().deps, done.id, 'anna');
    await cancelRequest(h().deps, done.id, 'anna');
    expect(await h().view(done.id)).toEqual(done);
    await expectChunkHistories(h(), done.id);
  });
});

describe('an order that Telnyx delivers after all evidence said no', () => {
  const h = useHarness(() => ({ timings: { settleMs: 250, checkMinMs: 30, checkMaxMs: 60 } }));

  it('I5 is recorded as a surplus by the next reconciliation, never hidden and never released by itself', async () => {
    h().faults(
      { kind: 'accept_then_drop', match: ordering, times: 1 },
      { kind: 'lag', orders: 20_000, ownership: 20_000, inventory: 20_000 },
    );
    const id = await h().submit(buying(3, '415'));
    const first = await until('it is ordered', async () => (await h().chunks(id))[0]?.numbers);
    await until('the first numbers are given up', async () => (await h().db.sql`select 1 from line_losses`).length >= 3);
    h().faults();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    const { run, drift } = await h().reconcile();
    expect(run.counts).toMatchObject({ surplus: 3, adopted: 0 });
    expect(drift.map((d) => [d.kind, d.phoneNumber, d.requestId])).toEqual([...first].sort().map((n) => ['surplus', n, id]));
    const rows = await h().db
      .sql`select phone_number from phone_numbers where surplus and state = 'owned' and bought_by = ${id} order by 1`;
    expect(rows.map((r) => r['phoneNumber'])).toEqual([...first].sort());
    expect(h().sim.ledger().released).toEqual([]);
    await expectInventory(h());
  });
});
