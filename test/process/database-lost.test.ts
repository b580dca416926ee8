import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { isLostWrite } from '../../src/db/lost-write.ts';
import { endOf } from '../support/child-process.ts';
import { openStage } from '../support/process-stage.ts';
import { programArguments } from '../support/program.ts';
import { hasRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

it.skipIf(!hasRedis())(
  'Postgres ends all connections again and again in the middle of a buy: no process dies, nothing is lost',
  async () => {
    const stage = await openStage({ simulator: { latencyMs: { min: 40, max: 150 } } });
    try {
      const worker = await stage.worker();
      const buy = stage.buy('312=200');
      for (const bought of [20, 60, 100, 140]) {
        await until(`${bought} are bought`, () => stage.simulator.ledger().bought.length >= bought, { withinMs: 90_000 });
        // Only those of the product, and also those in the middle of a transaction.
        await stage.sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'provisioner'`;
        // A round that lost its connection leaves its lease behind, of a minute: not waited for four times.
        await stage.sql`update lines set lease_until = now() - interval '1 second', next_run_at = now() where lease_until > now()`;
      }
      await stage.endLeasesOfTheDead();
      expect((await endOf(buy, 170_000)).code).toBe(0);
      expect(worker.running).toBe(true);
      expect(stage.simulator.ledger().bought).toHaveLength(200);
      expect(await stage.disagreements()).toEqual([]);
    } finally {
      await stage.end();
    }
  },
  300_000,
);

it('the program that is shipped holds the driver in a place where a write that it loses is recognized', () => {
  const folder = dirname(programArguments().at(-1) ?? '');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  // The function of the driver in which the write is lost. See src/db/lost-write.ts.
  const holders = files.filter((name) => readFileSync(join(folder, name), 'utf8').includes('function nextWrite('));
  expect(holders).toHaveLength(1);
  const lost = new TypeError("Cannot read properties of null (reading 'write')");
  lost.stack = `${lost.message}\n    at Immediate.nextWrite (${pathToFileURL(join(folder, holders[0] ?? '')).href}:8:14120)`;
  expect(isLostWrite(lost)).toBe(true);
});
