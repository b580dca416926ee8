import { describe, expect, it } from 'vitest';
import { chunkJob } from '../../src/producers/enqueue.ts';
import { requeueOrphans } from '../../src/recovery/requeue-lost.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { buying, claimedOnly, ctxOf, ordinaryNumbers, withGateway } from '../support/buys.ts';
import { deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

describe('two rounds on one list', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 }, timings: { leaseMs: 300 } }));

  it('I4 a round that outlives its lease fails nothing that the next one has claimed', async () => {
    const numbers = await ordinaryNumbers(h(), '312', 5);
    await h().stop();
    const id = await h().submit({ kind: 'buy', phone_numbers: numbers });
    const [line] = await h().db.sql<{ id: string }[]>`select id from lines where request_id = ${id}`;
    const fill = () => h().handlers['line.fill']({ lineId: line?.id ?? '', requestId: id }, ctxOf(h()));
    const { search } = h().deps.telnyx;
    let asked = 0;
    let second: Promise<unknown> = Promise.resolve();
    const slow: TelnyxGateway['search'] = async (criteria) => {
      asked += 1;
      const result = await search(criteria);
      if (asked > 1) return result;
      const over = Date.now() + 350;
      await until('the lease is over', () => Date.now() > over);
      second = fill();
      await second;
      return result;
    };
    await withGateway(h(), { search: slow }, async () => {
      await fill();
      await second;
      expect(asked).toBe(2);
      expect((await h().items(id)).filter((i) => i.status === 'failed')).toEqual([]);
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
      await expectAgreement(h(), id);
    });
  });
});

describe('two buys over the same area', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  it('I4 one that slept between its search and its claims does not take what the other has bought and settled meanwhile', async () => {
    const { search } = h().deps.telnyx;
    let second: Promise<string> | null = null;
    const slow: TelnyxGateway['search'] = async (criteria) => {
      const result = await search(criteria);
      if (second !== null) return result;
      second = h().submit(buying(5, '347'));
      await h().ended(await second);
      return result;
    };
    await withGateway(h(), { search: slow }, async () => {
      const first = await h().run(buying(5, '347'));
      expect(first).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
      expect(h().sim.ledger().bought).toHaveLength(10);
      await expectAgreement(h(), first.id);
      await expectAgreement(h(), (await second) ?? '');
    });
  });

  it('I5 numbers that another request bought are no delivery of an order that was refused for them', async () => {
    const other = await h().run(buying(2, '646'));
    const taken = (await deliveredTo(h(), other.id)).map((b) => b.phone_number);
    const { id, chunks } = await claimedOnly(h(), buying(2, '646'));
    // As if the claims had let them through.
    await h().db.sql`update chunks set numbers = ${taken}::text[] where id = ${chunks[0]?.id ?? ''}`;
    await h().db.sql`
      update items i set phone_number = t.n from unnest(${taken}::text[]) with ordinality as t(n, ord)
      where i.request_id = ${id} and i.position = t.ord - 1`;
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
    const got = (await h().items(id)).map((i) => i.phoneNumber);
    expect(got.filter((n) => taken.includes(n ?? ''))).toEqual([]);
    expect(await deliveredTo(h(), id)).toHaveLength(2);
  });
});

describe('a long backlog', () => {
  const h = useHarness();

  it('I6 does not hide a job that the queue has lost: the next sweep brings it back', async () => {
    await h().stop();
    const numbers = Array.from({ length: 520 }, (_, i) => `+1312555${String(1_000 + i)}`);
    await h().db.sql`
      insert into phone_numbers (phone_number, state, created_at, updated_at)
      select n, 'owned', now(), now() from unnest(${numbers}::text[]) n`;
    h().deps.limits = { ...h().deps.limits, batchSize: 1 };
    await h().submit({ kind: 'update', phone_numbers: numbers, set: { tags: ['x'] } });
    const { chunks } = await claimedOnly(h(), buying(2, '585'));
    for (const queue of h().queues.all()) await queue.obliterate({ force: true });
    await h().db.sql`update chunks set next_run_at = now() - interval '1 minute'`;
    await requeueOrphans(h().deps);
    for (const chunk of chunks) {
      const job = chunkJob(chunk);
      expect(await h().queues.presence(job.name, job.id)).toBe('live');
    }
  });
});
