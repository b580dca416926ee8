import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { type Harness, openHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

interface Shown {
  name: string;
  outcome: string;
  reason: string;
}

describe('what the dashboard says of a job', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await openHarness({ simulator: { owned: 5 } });
    await h.start();
  });
  afterAll(() => h.close());

  /** The result of the first job of everything that ended so far, by the id of its chunk, line or run. */
  async function shown(id: string): Promise<Shown> {
    for (const queue of h.queues.all()) {
      for (const job of await queue.getCompleted(0, 500)) {
        if (!JSON.stringify(job.data).includes(id)) continue;
        const { outcome, reason } = job.returnvalue as { outcome: string; reason?: string };
        return { name: job.name, outcome, reason: reason ?? '' };
      }
    }
    throw new Error(`no ended job is for ${id}`);
  }
  const done = (reason: string) => ({ outcome: 'done', reason: expect.stringContaining(reason) });

  it('done, with what was done: a buy, an update, a release and a reconciliation', async () => {
    await h.learnInventory();
    const bought = await h.run({ kind: 'buy', lines: [{ national_destination_code: '312', quantity: 3 }] });
    expect(bought.status).toBe('succeeded');
    const [order] = await h.chunks(bought.id);
    await until('it is shown', () => shown(order?.id ?? '').catch(() => null));
    expect(await shown(order?.id ?? '')).toMatchObject(done('settled: 3 bought, 0 lost'));
    expect(await shown(order?.lineId ?? '')).toMatchObject(done('the buy line has all its numbers'));

    const numbers = h.sim.ownedNumbers().slice(0, 5);
    const updated = await h.run({ kind: 'update', phone_numbers: numbers, set: { customer_reference: 'new' } });
    const [update] = await h.chunks(updated.id);
    await until('it is shown', () => shown(update?.id ?? '').catch(() => null));
    expect(await shown(update?.id ?? '')).toMatchObject(done('settled: 5 changed, 0 failed'));

    const released = await h.run({ kind: 'delete', phone_numbers: numbers.slice(0, 2), expected_count: 2 });
    const [release] = await h.chunks(released.id);
    await until('it is shown', () => shown(release?.id ?? '').catch(() => null));
    expect(await shown(release?.id ?? '')).toMatchObject(done('settled: 2 released, 0 kept'));

    const { run } = await h.reconcile();
    await until('it is shown', () => shown(run.id).catch(() => null));
    expect(await shown(run.id)).toMatchObject(done('seen 6'));
  });

  it('skipped, when there is nothing to do: a chunk that is final, a line that is full, a run that has ended', async () => {
    const [chunk] = await h.db.sql<{ id: string; requestId: string; lineId: string }[]>`
      select id, request_id, line_id from chunks where kind = 'order' limit 1`;
    const [run] = await h.db.sql<{ id: string }[]>`select id from reconciliation_runs limit 1`;
    const { id: chunkId = '', requestId = '', lineId = '' } = chunk ?? {};
    const ctx = { log: h.deps.log, signal: new AbortController().signal, attempt: 1, lastAttempt: false };
    expect([
      await h.handlers['order.run']({ chunkId, requestId }, ctx),
      await h.handlers['line.fill']({ lineId, requestId }, ctx),
      await h.handlers['reconcile.run']({ runId: run?.id ?? '' }, ctx),
    ]).toMatchObject([{ kind: 'skipped' }, { kind: 'skipped' }, { kind: 'skipped' }]);
  });

  it('failed, with the reason, when a reconciliation is given up because the account is refused', async () => {
    h.deps.telnyx.listNumbers = async () => {
      throw new ProvisioningError('bad_key', 'account', 'the API key is not accepted');
    };
    const { run } = await h.reconcile();
    expect(run.status).toBe('failed');
    const job = await until('it is shown', async () => {
      for (const queue of h.queues.all())
        for (const found of await queue.getFailed()) if (JSON.stringify(found.data).includes(run.id)) return found;
      return null;
    });
    expect(job.failedReason).toContain('the API key is not accepted');
  });
});
