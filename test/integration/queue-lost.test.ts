import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../src/db/chunks.ts';
import { hasEnded } from '../../src/domain/request.ts';
import { acceptWebhook } from '../../src/producers/actions/accept-webhook.ts';
import { chunkJob } from '../../src/producers/enqueue.ts';
import { buying } from '../support/buys.ts';
import { expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { type Harness, openHarness, useHarness } from '../support/harness.ts';
import { hasRedis, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

/** Work of all kinds, in the middle of it. */
async function startWork(h: Harness): Promise<string[]> {
  h.faults({ kind: 'order_pending', ms: 700, probability: 0.5 }, { kind: 'job_hang', ms: 700, probability: 0.5 });
  const owned = h.sim.ownedNumbers();
  const ids = [
    await h.submit({ ...buying(60), assign: { tags: ['flushed'] } }),
    await h.submit({ kind: 'update', phone_numbers: owned.slice(0, 60), set: { tags: ['u'], customer_reference: 'u' } }),
    await h.submit({ kind: 'delete', phone_numbers: owned.slice(60, 80), expected_count: 20 }),
  ];
  await until('the buy and a job are at Telnyx', async () => {
    const [row] = await h.db.sql<{ n: number }[]>`select count(distinct kind)::int as n from chunks where state = 'submitted'`;
    return (row?.n ?? 0) >= 2;
  });
  return ids;
}

/** The loss is real: of the open chunks the queue knows hardly any job. A sweep may put the first back at any moment. */
async function expectForgotten(h: Harness): Promise<void> {
  const open = await h.db.sql<Chunk[]>`select * from chunks where state not in ('settled', 'cancelled')`;
  const known = await Promise.all(open.map((c) => h.queues.presence(chunkJob(c).name, chunkJob(c).id)));
  expect(open.length).toBeGreaterThan(0);
  expect(known).toContain('missing');
}

async function expectAllRight(h: Harness, ids: string[]): Promise<void> {
  for (const id of ids) {
    expect(await h.ended(id, { withinMs: 30_000 })).toMatchObject({ status: 'succeeded' });
    await expectAgreement(h, id);
  }
  expect(h.sim.ledger().bought.every((b) => b.duplicate_attempts === 0)).toBe(true);
  await expectInventory(h);
}

describe('a queue that loses everything', () => {
  it('I6 on Postgres: all requests end right, unaided, and nothing is done twice', async () => {
    const h = await openHarness({
      backend: 'postgres',
      simulator: { owned: 150, numbers: 2_000 },
      limits: { orderSize: 10, batchSize: 20 },
    });
    try {
      await h.learnInventory();
      await h.start();
      const ids = await startWork(h);
      for (const queue of h.queues.all()) await queue.obliterate({ force: true });
      await expectForgotten(h);
      await expectAllRight(h, ids);
    } finally {
      await h.close();
    }
  });

  it.skipIf(!hasRedis())('I6 on Redis (FLUSHALL): all requests end right, unaided, and nothing is done twice', async () => {
    const redis = await startRedis();
    const h = await openHarness({
      backend: 'redis',
      redis: redis.url,
      simulator: { owned: 150, numbers: 2_000 },
      limits: { orderSize: 10, batchSize: 20 },
    });
    try {
      await h.learnInventory();
      await h.start();
      const ids = await startWork(h);
      expect(await h.backend.redis?.flushall()).toBe('OK');
      await expectForgotten(h);
      await expectAllRight(h, ids);
    } finally {
      await h.close();
      await redis.stop();
    }
  });
});

describe('webhooks', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 }, timings: { pollMinMs: 60_000, pollMaxMs: 60_000 } }));

  it('I6 a webhook wakes the poll of its order; a repeat of it does nothing', async () => {
    const id = await h().submit(buying(5));
    const chunk = await until('it is ordered', async () => (await h().chunks(id)).find((c) => c.state === 'submitted'));
    const orderId = chunk.telnyxId;
    const event = { id: 'evt-1', eventType: 'number_order.complete', orderId, customerReference: null, occurredAt: new Date() };
    await until(
      'the order is complete',
      () =>
        h()
          .sim.ledger()
          .orders.find((o) => o.id === orderId)?.status === 'success',
    );
    expect(await acceptWebhook(h().deps, event)).toBe('new');
    expect(await acceptWebhook(h().deps, event)).toBe('known');
    expect(await h().ended(id, { withinMs: 10_000 })).toMatchObject({ status: 'succeeded' });
    expect(await h().db.sql`select outcome from webhook_events where id = 'evt-1'`).toEqual([{ outcome: 'woke_poll' }]);
    await expectAgreement(h(), id);
  });

  it('I6 an event as Telnyx documents it, without id and status, wakes the poll by our reference, also after a lost reply', async () => {
    h().faults({ kind: 'accept_then_drop', match: { method: 'POST', path: '/number_orders' }, times: 1 });
    // So long that nothing looks by itself within this test.
    const looked = { ...h().deps.timings };
    Object.assign(h().deps.timings, { checkMinMs: 60_000, pollMinMs: 60_000 });
    try {
      const id = await h().submit(buying(5, '872'));
      const chunk = await until('its reply is lost', async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous'));
      const documented = { eventType: 'number_order.complete', orderId: null, customerReference: chunk.customerReference };
      await until(
        'the order list shows it',
        async () => (await h().deps.telnyx.findOrders(chunk.customerReference)).length === 1,
      );
      await acceptWebhook(h().deps, { ...documented, id: 'evt-found', occurredAt: null });
      await until('it is followed', async () => (await h().chunks(id))[0]?.state !== 'ambiguous');
      for (let n = 1; !hasEnded((await h().view(id)).status); n += 1) {
        await acceptWebhook(h().deps, { ...documented, id: `evt-over-${n}`, occurredAt: null });
        await until(
          'it is applied',
          async () =>
            (await h().db.sql`select 1 from webhook_events where id = ${`evt-over-${n}`} and applied_at is not null`).length,
        );
      }
      expect(await h().view(id)).toMatchObject({ status: 'succeeded' });
      await expectAgreement(h(), id);
    } finally {
      Object.assign(h().deps.timings, looked);
    }
  });

  it('I8 an event about an order that is not ours, or that lies, changes nothing', async () => {
    h().faults({ kind: 'order_pending' });
    const id = await h().submit(buying(5));
    const chunk = await until('it is ordered', async () => (await h().chunks(id)).find((c) => c.state === 'submitted'));
    await acceptWebhook(h().deps, {
      id: 'evt-foreign',
      eventType: 'number_order.complete',
      orderId: '00000000-0000-4000-8000-000000000009',
      customerReference: null,
      occurredAt: null,
    });
    await acceptWebhook(h().deps, {
      id: 'evt-lie',
      eventType: 'number_order.complete',
      orderId: chunk.telnyxId,
      customerReference: null,
      occurredAt: null,
    });
    await until(
      'both are applied',
      async () =>
        (await h().db.sql`select 1 from webhook_events where applied_at is not null and id in ('evt-foreign', 'evt-lie')`)
          .length === 2,
    );
    await until('the order was asked for', async () => ((await h().chunks(id))[0]?.polls ?? 0) > 0);
    expect(await h().view(id)).toMatchObject({ status: 'running', counts: { in_flight: 5, succeeded: 0 } });
    expect((await h().db.sql`select outcome from webhook_events where id = 'evt-foreign'`)[0]).toEqual({
      outcome: 'no_open_order',
    });
  });
});
