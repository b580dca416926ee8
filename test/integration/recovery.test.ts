import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { secret } from '../../src/config/secret.ts';
import { getAccount } from '../../src/db/account.ts';
import type { Chunk } from '../../src/db/chunks.ts';
import { hasEnded } from '../../src/domain/request.ts';
import { buildServer } from '../../src/http/server.ts';
import { createLog } from '../../src/observability/log.ts';
import type { JobContext } from '../../src/processors/context.ts';
import { acceptWebhook } from '../../src/producers/actions/accept-webhook.ts';
import { chunkJob } from '../../src/producers/enqueue.ts';
import { sweepOnce } from '../../src/recovery/sweep.ts';
import { deliveredTo, expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { API_KEY, type Harness, openHarness, useHarness } from '../support/harness.ts';
import { hasRedis, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const buying = (quantity: number, ndc = '312') => ({ kind: 'buy', lines: [{ national_destination_code: ndc, quantity }] });
const ctxOf = (h: Harness): JobContext => ({
  log: h.deps.log,
  signal: new AbortController().signal,
  attempt: 1,
  lastAttempt: false,
});

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
    const h = await openHarness({ simulator: { owned: 150, numbers: 2_000 }, limits: { orderSize: 10, batchSize: 20 } });
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

describe('recovery', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 60, numbers: 3_000 }, limits: { orderSize: 10 }, timings: { leaseMs: 1_500 } }),
    (x) => x.learnInventory(),
  );

  it('I6 work that was stored while no worker ran, and was never enqueued, is done', async () => {
    await h().stop();
    const id = await h().submit(buying(20));
    for (const queue of h().queues.all()) await queue.obliterate({ force: true });
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    await expectAgreement(h(), id);
  });

  it.each([
    ['had arrived', true],
    ['had not arrived', false],
  ])('I3 a submission whose worker died is looked up, never sent again blindly: the order %s', async (_, arrived) => {
    const id = await h().submit(buying(10, '773'));
    await h().ended(id);
    await h().stop();
    // As if the worker had died between the claim and the reply.
    const numbers = (
      await h().deps.telnyx.search({
        countryCode: 'US',
        phoneNumberType: 'local',
        nationalDestinationCode: '646',
        bestEffort: false,
        limit: 100,
      })
    ).offers
      .map((o) => o.phoneNumber)
      .slice(0, 5);
    const dead = await h().submit({ kind: 'buy', phone_numbers: numbers });
    const [line] = await h().db.sql<{ id: string }[]>`select id from lines where request_id = ${dead}`;
    const fill = () => h().handlers['line.fill']({ lineId: line?.id ?? '', requestId: dead }, ctxOf(h()));
    await fill();
    await fill();
    const [chunk] = await h().chunks(dead);
    if (chunk === undefined) throw new Error('no chunk');
    await h().db.sql.begin(async (tx) => {
      await tx`update chunks set state = 'submitting', generation = generation + 1, attempt = 1, lease_token = 'dead', submitting_at = now(),
        lease_until = now() + interval '300 ms', next_run_at = now() where id = ${chunk.id}`;
      await tx`update items set status = 'in_flight' where chunk_id = ${chunk.id}`;
      await tx`insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id)
        values (now(), 'chunk', ${chunk.id}, 'planned', 'submitting', 'claim', ${dead}, ${chunk.id})`;
    });
    if (arrived) await h().deps.telnyx.createOrder(chunk.numbers, chunk.customerReference, {});
    await h().start();
    expect(await h().ended(dead)).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
    await expectAgreement(h(), dead);
    const causes = (
      await h().db.sql`select cause from events where subject = 'chunk' and subject_id = ${chunk.id} order by id`
    ).map((r) => String(r['cause']));
    expect(causes.slice(0, 4)).toEqual(['planned', 'claim', 'lease_expired', arrived ? 'found' : 'not_sent']);
    expect((await deliveredTo(h(), dead)).every((b) => b.duplicate_attempts === 0)).toBe(true);
  });

  it('I6 a reply that comes after the lease ran out ends the doubt', async () => {
    h().faults(
      { kind: 'slow', ms: 2_000, match: { method: 'POST', path: '/number_orders' }, times: 1 },
      { kind: 'lag', orders: 5_000, ownership: 2_500, inventory: 2_500 },
    );
    const view = await h().run(buying(5, '646'));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
    await expectAgreement(h(), view.id);
    expect((await deliveredTo(h(), view.id)).map((b) => b.duplicate_attempts)).toEqual([0, 0, 0, 0, 0]);
  });

  it('I4 a job that is delivered several times at once does its work once', async () => {
    await h().stop();
    const buy = await h().submit(buying(20, '872'));
    const owned = h().sim.ownedNumbers().slice(0, 10);
    const update = await h().submit({ kind: 'update', phone_numbers: owned, set: { tags: ['once'] } });
    const release = await h().submit({ kind: 'delete', phone_numbers: h().sim.ownedNumbers().slice(20, 25), expected_count: 5 });
    const three = (run: () => Promise<unknown>) => Promise.all([run(), run(), run()]);
    const [line] = await h().db.sql<{ id: string }[]>`select id from lines where request_id = ${buy}`;
    await three(() => h().handlers['line.fill']({ lineId: line?.id ?? '', requestId: buy }, ctxOf(h())));
    const before = h().sim.ledger();
    for (const requestId of [buy, update, release]) {
      await until('it is settled', async () => {
        const open = (await h().chunks(requestId)).filter((c) => c.state !== 'settled');
        for (const { id: chunkId, kind } of open)
          await three(() => h().handlers[kind === 'order' ? 'order.run' : 'batch.run']({ chunkId, requestId }, ctxOf(h())));
        return open.length === 0;
      });
      await expectAgreement(h(), requestId);
    }
    const after = h().sim.ledger();
    expect([after.orders.length - before.orders.length, after.jobs.length - before.jobs.length]).toEqual([2, 2]);
    expect(after.bought.every((b) => b.duplicate_attempts === 0)).toBe(true);
    await h().start();
  });

  it('I1 exact numbers, settings and reference are committed before any changing call leaves', async () => {
    const { telnyx, db } = h().deps;
    const { createOrder, updateNumbers, deleteNumbers } = telnyx;
    const seen: string[] = [];
    const note = async (kind: string, numbers: string[], reference?: string): Promise<void> => {
      const rows = await db.sql<Chunk[]>`
        select * from chunks where kind = ${kind} and state = 'submitting' and numbers @> ${numbers}::text[] and numbers <@ ${numbers}::text[]`;
      seen.push(
        `${kind}: ${rows.length} ${rows[0]?.leaseToken === null ? 'free' : 'leased'} ${(reference ?? rows[0]?.customerReference) === rows[0]?.customerReference}`,
      );
    };
    telnyx.createOrder = async (numbers, reference, settings) => {
      await note('order', numbers, reference);
      return createOrder(numbers, reference, settings);
    };
    telnyx.updateNumbers = async (numbers, settings) => {
      await note('update', numbers);
      return updateNumbers(numbers, settings);
    };
    telnyx.deleteNumbers = async (numbers) => {
      await note('delete', numbers);
      return deleteNumbers(numbers);
    };
    try {
      const bought = await h().run({ ...buying(10, '415'), assign: { tags: ['i1'] } });
      const numbers = (await h().items(bought.id)).flatMap((i) => i.phoneNumber ?? []);
      await h().run({ kind: 'delete', phone_numbers: numbers, expected_count: 10 });
      expect(seen).toEqual(['order: 1 leased true', 'update: 1 leased true', 'delete: 1 leased true']);
    } finally {
      Object.assign(telnyx, { createOrder, updateNumbers, deleteNumbers });
    }
  });

  it('I6 sweeps run at the same time do their work once', async () => {
    const results = await Promise.all([sweepOnce(h().deps), sweepOnce(h().deps), sweepOnce(h().deps), sweepOnce(h().deps)]);
    // Whoever did not get the lock did nothing; nothing is left to heal in any case.
    expect(results.every((r) => r === null || (r.rescued === 0 && r.ended === 0))).toBe(true);
  });

  it('the inventory is what the account owns after all of these', async () => {
    await expectInventory(h());
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
    Object.assign(h().deps.timings, { lookMinMs: 60_000, pollMinMs: 60_000 });
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

describe('secrets', () => {
  const h = useHarness();

  it('I11 the key is in no log line, no job, no row and no error body, whatever goes wrong', async () => {
    h().faults(
      { kind: 'accept_then_drop', match: { method: 'POST', path: '/number_orders' }, times: 1 },
      { kind: 'html', match: { family: 'search' }, times: 1 },
      { kind: 'error_before', match: { family: 'ownership' }, times: 1, status: 500, detail: `the key ${API_KEY} was seen` },
    );
    await h().run(buying(10));
    h().faults({ kind: 'error_before', status: 401, code: '20002', detail: `Bearer ${API_KEY} is revoked` });
    await h().submit(buying(5));
    await until('the gate is closed', async () => !(await getAccount(h().db.sql)).gateOpen);
    const told = [API_KEY, API_KEY.slice(3)];
    const jobs = await Promise.all(
      h()
        .queues.all()
        .map((q) => q.getJobs()),
    );
    const kept = JSON.stringify(jobs.flat().map((j) => [j.data, j.failedReason, j.stacktrace, j.returnvalue]));
    const tables = ['requests', 'lines', 'chunks', 'items', 'events', 'account', 'phone_numbers', 'claims'];
    const rows = await Promise.all(tables.map((t) => h().db.sql`select to_jsonb(x)::text as text from ${h().db.sql(t)} x`));
    const stored = rows
      .flat()
      .map((r) => String(r['text']))
      .join('\n');
    expect(h().logged()).toContain('account gate closed');
    for (const text of told) {
      expect(h().logged().includes(text), 'log').toBe(false);
      expect(kept.includes(text), 'jobs').toBe(false);
      expect(stored.includes(text), 'rows').toBe(false);
    }
    for (const job of jobs.flat())
      expect(
        Object.keys(job.data as object).every((k) => k.endsWith('Id')),
        'jobs carry ids only',
      ).toBe(true);
    const log = createLog({ level: 'silent', format: 'json', destination: { write: () => undefined } });
    const app = await buildServer({
      producer: h().deps,
      apiKeys: [{ name: 'anna', key: secret('operators-own-key'), role: 'admin' }],
      host: '127.0.0.1',
      jobSlots: 5,
      webhookKeys: [],
      boardQueues: () => h().queues.all(),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      ready: () => ({ ok: true, problems: [] }),
      clock: h().deps.clock,
      log: log.pino,
    });
    try {
      for (const url of ['/v1/account', '/v1/requests', '/v1/requests/nope', '/v1/nowhere', '/queues']) {
        for (const headers of [{ authorization: 'Bearer operators-own-key' }, { authorization: 'Bearer wrong-but-secret-key' }]) {
          const answer = await app.inject({ method: 'GET', url, headers });
          for (const text of [...told, 'operators-own-key', 'wrong-but-secret-key'])
            expect(answer.body.includes(text), url).toBe(false);
        }
      }
    } finally {
      await app.close();
    }
  });

  it('I11 a webhook that is signed with another key is refused before it is stored', async () => {
    const ours = generateKeyPairSync('ed25519');
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const publicKey = ours.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
    const log = createLog({ level: 'silent', format: 'json', destination: { write: () => undefined } });
    const app = await buildServer({
      producer: h().deps,
      apiKeys: [],
      host: '127.0.0.1',
      jobSlots: 5,
      webhookKeys: [publicKey],
      boardQueues: () => [],
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      ready: () => ({ ok: true, problems: [] }),
      clock: h().deps.clock,
      log: log.pino,
    });
    try {
      const body = JSON.stringify({ data: { id: 'evt-forged', event_type: 'number_order.complete', payload: { id: 'x' } } });
      const timestamp = String(Math.floor(Date.now() / 1_000));
      const send = (key: typeof stranger) =>
        app.inject({
          method: 'POST',
          url: '/webhooks/telnyx',
          payload: body,
          headers: {
            'content-type': 'application/json',
            'telnyx-timestamp': timestamp,
            'telnyx-signature-ed25519': sign(null, Buffer.from(`${timestamp}|${body}`), key).toString('base64'),
          },
        });
      expect((await send(stranger)).statusCode).toBe(401);
      expect(await h().db.sql`select 1 from webhook_events where id = 'evt-forged'`).toEqual([]);
      expect((await send(ours.privateKey)).statusCode).toBe(200);
    } finally {
      await app.close();
    }
  });
});

it('of two runs of one chunk at once, the second does not end the job while the chunk is open', async () => {
  const h = await openHarness({ simulator: { owned: 3 } });
  try {
    await h.learnInventory();
    const id = await h.submit({ kind: 'update', phone_numbers: h.sim.ownedNumbers(), set: { customer_reference: 'raced' } });
    const [chunk] = await h.chunks(id);
    if (chunk === undefined) throw new Error('no chunk');
    const run = () => h.handlers['batch.run']({ chunkId: chunk.id, requestId: id }, ctxOf(h));
    const outcomes = await Promise.all([run(), run()]);
    expect((await h.chunks(id)).map((c) => c.state)).toEqual(['submitted']);
    expect(h.sim.ledger().jobs).toHaveLength(1);
    // One follows its job; the other comes again, and then sees what the row says by then.
    expect(outcomes.map((o) => o.kind).sort()).toEqual(['hold', 'snooze']);
  } finally {
    await h.close();
  }
});
