import { describe, expect, it } from 'vitest';
import { endOf } from '../support/child-process.ts';
import { boughtAtLeast, kill, SOON } from '../support/crash.ts';
import { useStages } from '../support/process-stage.ts';
import { hasRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const stageWith = useStages('file');

// Each has an installation of its own, and most of its time it waits for locks to run out: they run beside each other.
describe.skipIf(!hasRedis()).concurrent('a worker that dies', { timeout: 240_000 }, () => {
  it('kill -9 of one of two workers in the middle of a buy: nothing is bought twice and every number ends', async () => {
    const stage = await stageWith({ simulator: { latencyMs: { min: 40, max: 150 } } });
    const [doomed] = await Promise.all([stage.worker(), stage.worker()]);
    const buy = stage.buy('312=240', '773=160');
    await boughtAtLeast(stage, 40);
    await kill(doomed);
    await stage.endLeasesOfTheDead();
    const { code, stdout } = await endOf(buy, 170_000);
    expect({ code, status: JSON.parse(stdout).status }).toEqual({ code: 0, status: 'succeeded' });
    expect(stage.simulator.ledger().bought).toHaveLength(400);
    expect(await stage.disagreements()).toEqual([]);
  });

  it('kill -9 exactly while order calls are in flight: what was accepted is found, what was not is sent again, none twice', async () => {
    const stage = await stageWith();
    const orders = { method: 'POST', path: '^/number_orders$' };
    stage.simulator.faults({
      faults: [
        { kind: 'stall', effect: true, match: orders, times: 2 },
        { kind: 'stall', effect: false, match: orders, times: 2 },
        { kind: 'accept_then_drop', match: orders, times: 1 },
      ],
    });
    const doomed = await stage.worker();
    const buy = stage.buy('312=100');
    // Two orders were accepted and two never arrived, and the worker waits for all four replies.
    await until(
      'four orders are in flight',
      async () => {
        const [row] = await stage.sql<{ n: number }[]>`select count(*)::int as n from chunks where state = 'submitting'`;
        return row?.n === 4 && stage.simulator.ledger().bought.length >= 60;
      },
      SOON,
    );
    await kill(doomed);
    await stage.worker();
    expect(await stage.endLeasesOfTheDead()).toBe(4);
    expect((await endOf(buy, 170_000)).code).toBe(0);
    const ledger = stage.simulator.ledger();
    expect({ bought: ledger.bought.length, orders: ledger.orders.length }).toEqual({ bought: 100, orders: 5 });
    expect(await stage.disagreements()).toEqual([]);
  });

  it('a worker that was frozen for longer than its lock does nothing twice when it wakes up', async () => {
    const stage = await stageWith({ simulator: { latencyMs: { min: 40, max: 150 } } });
    const [frozen, other] = await Promise.all([stage.worker(), stage.worker()]);
    const buy = stage.buy('312=240', '646=160');
    await boughtAtLeast(stage, 40);
    frozen.send('SIGSTOP');
    await other.saw('a job of a lost worker is run again', 60_000);
    frozen.send('SIGCONT');
    expect((await endOf(buy, 170_000)).code).toBe(0);
    expect(frozen.running).toBe(true);
    expect(stage.simulator.ledger().bought).toHaveLength(400);
    expect(await stage.disagreements()).toEqual([]);
  });
});
