import { describe, expect, it } from 'vitest';
import { endOf } from '../support/child-process.ts';
import { boughtAtLeast, kill, SOON } from '../support/crash.ts';
import { useStages } from '../support/process-stage.ts';
import { hasRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const stageWith = useStages('file');

// Each has an installation of its own, and most of its time it waits for locks to run out: they run beside each other.
describe.skipIf(!hasRedis()).concurrent('work on Redis that something happens to', { timeout: 240_000 }, () => {
  it('kill -9 during an update: its open jobs are followed by the other worker, and no job is sent twice', async () => {
    const stage = await stageWith({ simulator: { jobPendingMs: 4_000 } });
    const [doomed] = await Promise.all([stage.worker(), stage.worker()]);
    expect((await stage.run(['reconcile'])).code).toBe(0);
    stage.simulator.faults({ faults: [{ kind: 'accept_then_drop', match: { method: 'POST', path: 'jobs/' }, times: 1 }] });
    const update = stage.updateAll();
    await until('jobs are open', () => stage.simulator.ledger().jobs.length >= 3, SOON);
    await kill(doomed);
    await stage.endLeasesOfTheDead();
    expect((await endOf(update, 170_000)).code).toBe(0);
    const ledger = stage.simulator.ledger();
    expect(ledger.jobs).toHaveLength(6);
    expect(new Set(ledger.changed.map((c) => c.phone_number)).size).toBe(600);
    expect(ledger.changed).toHaveLength(600);
    expect(await stage.disagreements({ wholeInventory: true })).toEqual([]);
  });

  it('FLUSHALL in the middle of a buy and an update: work goes on by itself within a minute', async () => {
    const stage = await stageWith({ simulator: { jobPendingMs: 3_000, latencyMs: { min: 40, max: 150 } } });
    await Promise.all([stage.worker(), stage.worker()]);
    expect((await stage.run(['reconcile'])).code).toBe(0);
    const update = stage.updateAll();
    const buy = stage.buy('312=400');
    await boughtAtLeast(stage, 40);
    await stage.redis?.flush();
    const flushedAt = Date.now();
    expect((await endOf(buy, 170_000)).code).toBe(0);
    expect((await endOf(update, 170_000)).code).toBe(0);
    expect(Date.now() - flushedAt).toBeLessThan(60_000);
    expect(await stage.disagreements({ wholeInventory: true })).toEqual([]);
  });
});
