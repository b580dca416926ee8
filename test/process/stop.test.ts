import { describe, expect, it } from 'vitest';
import { endOf } from '../support/child-process.ts';
import { type Stage, useStages } from '../support/process-stage.ts';
import { hasRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const stageWith = useStages();

const listCalls = ({ simulator }: Stage): number =>
  Object.values(simulator.ledger().calls.by_endpoint['GET /phone_numbers'] ?? {}).reduce((sum, n) => sum + n, 0);

describe.skipIf(!hasRedis())('a worker that is told to stop', { timeout: 240_000 }, () => {
  it('SIGTERM drains: it exits 0 in time, gives its jobs back, and the requests go on in the other worker', async () => {
    const stage = await stageWith({ simulator: { jobPendingMs: 4_000 } });
    const leaving = await stage.worker();
    expect((await stage.run(['reconcile'])).code).toBe(0);
    const update = stage.updateAll();
    const buy = stage.buy('312=200');
    // Jobs are open and held, and orders are under way.
    await until(
      'work is under way',
      () => {
        const ledger = stage.simulator.ledger();
        return ledger.jobs.length === 6 && ledger.bought.length > 0;
      },
      { withinMs: 60_000 },
    );
    const staying = await stage.worker();
    const toldAt = Date.now();
    leaving.send('SIGTERM');
    expect(await endOf(leaving, 20_000)).toMatchObject({ code: 0, signal: null });
    expect(Date.now() - toldAt).toBeLessThan(15_000);
    expect((await endOf(buy, 90_000)).code).toBe(0);
    expect((await endOf(update, 90_000)).code).toBe(0);
    expect(staying.running).toBe(true);
    expect(stage.simulator.ledger().jobs).toHaveLength(6);
    expect(await stage.disagreements({ wholeInventory: true })).toEqual([]);
  });

  it('SIGTERM in the middle of reads that never end: no further call leaves, and it exits 0 in time', async () => {
    const stage = await stageWith();
    const leaving = await stage.worker();
    expect((await stage.run(['reconcile'])).code).toBe(0);
    // Each of these is given up after its deadline of 20 s, and made again, five times over.
    stage.simulator.faults({ faults: [{ kind: 'stall', effect: false, match: { method: 'GET', path: '^/phone_numbers$' } }] });
    const numbers = stage.simulator.ownedNumbers().slice(0, 30);
    const release = stage.start(
      ['delete', '--numbers', '-', '--expect', '30', '--yes', '--wait', '--timeout', '160s', '--json'],
      {},
      { stdin: numbers.join('\n') },
    );
    const before = listCalls(stage);
    await until('the first read hangs', () => listCalls(stage) > before, { withinMs: 60_000 });
    leaving.send('SIGTERM');
    expect(await endOf(leaving, 45_000)).toMatchObject({ code: 0, signal: null });
    // Those that were under way, and no other.
    expect(listCalls(stage) - before).toBeLessThanOrEqual(4);
    stage.simulator.faults({ clear: true });
    await stage.worker();
    expect((await endOf(release, 90_000)).code).toBe(0);
    expect(stage.simulator.ledger().released).toHaveLength(30);
    expect(await stage.disagreements({ wholeInventory: true })).toEqual([]);
  });

  it('a second SIGTERM exits at once, and what was in flight is looked up by the next worker', async () => {
    const stage = await stageWith();
    stage.simulator.faults({
      faults: [{ kind: 'stall', effect: true, match: { method: 'POST', path: '^/number_orders$' }, times: 1 }],
    });
    const stuck = await stage.worker();
    const buy = stage.buy('312=20');
    await until('the order is taken and its reply is held back', () => stage.simulator.ledger().bought.length === 20, {
      withinMs: 60_000,
    });
    stuck.send('SIGTERM');
    await stuck.saw('"stopping"');
    expect(stuck.running).toBe(true);
    const toldAt = Date.now();
    stuck.send('SIGTERM');
    expect((await endOf(stuck, 5_000)).code).toBe(130);
    expect(Date.now() - toldAt).toBeLessThan(2_000);
    await stage.worker();
    await stage.endLeasesOfTheDead();
    expect((await endOf(buy, 90_000)).code).toBe(0);
    expect(stage.simulator.ledger().orders).toHaveLength(1);
    expect(await stage.disagreements()).toEqual([]);
  });
});

it('a second worker on the Postgres backend is refused with a clear message', async () => {
  const stage = await stageWith({ redis: false });
  const first = await stage.worker();
  const second = await endOf(stage.start(['worker']), 60_000);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain('another worker runs on this database already');
  expect(second.stderr).toContain('set REDIS_URL to run several');
  expect(first.running).toBe(true);
  first.send('SIGTERM');
  expect((await endOf(first, 20_000)).code).toBe(0);
}, 240_000);
