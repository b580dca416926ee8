import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../src/db/chunks.ts';
import { sweepOnce } from '../../src/recovery/sweep.ts';
import { buying, ctxOf } from '../support/buys.ts';
import { deliveredTo, expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { openHarness, useHarness } from '../support/harness.ts';
import { door, until } from '../support/until.ts';

describe('recovery', () => {
  const h = useHarness(
    () => ({
      backend: 'postgres',
      simulator: { owned: 60, numbers: 3_000 },
      limits: { orderSize: 10 },
      timings: { leaseMs: 1_500 },
    }),
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

it('of two runs of one chunk at once, the second does not end the job while the chunk is open', async () => {
  const h = await openHarness({ simulator: { owned: 3 } });
  try {
    await h.learnInventory();
    const id = await h.submit({ kind: 'update', phone_numbers: h.sim.ownedNumbers(), set: { customer_reference: 'raced' } });
    const [chunk] = await h.chunks(id);
    if (chunk === undefined) throw new Error('no chunk');
    const run = () => h.handlers['batch.run']({ chunkId: chunk.id, requestId: id }, ctxOf(h));
    // Both have read the chunk as planned before one of them may claim it.
    const { check } = h.deps.ownership;
    const both = door();
    let arrived = 0;
    h.deps.ownership.check = async (telnyx, numbers) => {
      arrived += 1;
      if (arrived === 2) both.open();
      await both.opened;
      return check(telnyx, numbers);
    };
    const outcomes = await Promise.all([run(), run()]);
    expect((await h.chunks(id)).map((c) => c.state)).toEqual(['submitted']);
    expect(h.sim.ledger().jobs).toHaveLength(1);
    // One follows its job; the other comes again, and then sees what the row says by then.
    expect(outcomes.map((o) => o.kind).sort()).toEqual(['hold', 'snooze']);
  } finally {
    await h.close();
  }
});
