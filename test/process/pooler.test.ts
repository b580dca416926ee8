import { afterAll, describe, expect, it } from 'vitest';
import { endOf } from '../support/child-process.ts';
import { hasProgram, type Pooler, startPgBouncer } from '../support/pgbouncer.ts';
import { type Stage, useStages } from '../support/process-stage.ts';
import { hasRedis } from '../support/redis.ts';

const stageWith = useStages('file');
const poolers: Pooler[] = [];
/** The server of the tests is told to be quick; a real one has this on. */
async function safeCommits(stage: Stage): Promise<void> {
  await stage.sql.unsafe(
    `alter database ${new URL(stage.env['DATABASE_URL'] ?? '').pathname.slice(1)} set synchronous_commit = on`,
  );
}
afterAll(async () => {
  for (const pooler of poolers) await pooler.stop();
});
async function pooled(url: string, settings: Record<string, string> = {}): Promise<string> {
  const pooler = await startPgBouncer(url, settings);
  poolers.push(pooler);
  return pooler.url;
}

/** What the runbook said for years; it must keep working. */
const AS_DOCUMENTED = { ignore_startup_parameters: 'extra_float_digits, idle_in_transaction_session_timeout' };

/** Every one of them made a query of ours wrong, an answer unreadable, or the process stop. */
const UNUSUAL = [
  `DateStyle = 'SQL, DMY'`,
  `TimeZone = 'Asia/Kathmandu'`,
  `search_path = pg_catalog`,
  `IntervalStyle = 'iso_8601'`,
  `bytea_output = 'escape'`,
  `extra_float_digits = -3`,
  `standard_conforming_strings = off`,
  `array_nulls = off`,
  `transform_null_equals = on`,
  `default_transaction_isolation = 'serializable'`,
  `default_transaction_read_only = on`,
  `statement_timeout = '5ms'`,
  `lock_timeout = '1ms'`,
  `idle_session_timeout = '300ms'`,
  `synchronous_commit = off`,
  `gin_fuzzy_search_limit = 3`,
  `enable_seqscan = off`,
  `plan_cache_mode = force_generic_plan`,
];

const hasPgBouncer = hasProgram('pgbouncer', 'PgBouncer');

describe.skipIf(!hasRedis()).concurrent('a database that is reached in an unusual way', { timeout: 240_000 }, () => {
  it.skipIf(!hasPgBouncer)(
    'PgBouncer in transaction mode: buy, update and reconcile end right, set up as documented and plainly',
    async () => {
      const stage = await stageWith();
      await safeCommits(stage);
      const [documented, plain] = [
        await pooled(stage.env['DATABASE_URL'] ?? '', AS_DOCUMENTED),
        await pooled(stage.env['DATABASE_URL'] ?? ''),
      ];
      const migrated = await stage.run(['migrate'], { env: { DATABASE_URL: plain } });
      expect([migrated.code, migrated.stderr]).toEqual([0, expect.any(String)]);
      stage.env['DATABASE_URL'] = documented;
      const workers = [await stage.worker(), await stage.worker({ DATABASE_URL: plain })];
      const doctor = JSON.parse((await stage.run(['doctor', '--json'])).stdout);
      expect(doctor.checks).toContainEqual(
        expect.objectContaining({ name: 'connections', status: 'ok', text: expect.stringContaining('pooler') }),
      );
      expect((await stage.run(['reconcile'])).code).toBe(0);
      const [buy, update] = [stage.buy('312=100'), stage.updateAll()];
      expect((await endOf(buy, 170_000)).code).toBe(0);
      expect((await endOf(update, 170_000)).code).toBe(0);
      expect(stage.simulator.ledger().bought).toHaveLength(100);
      expect(workers.map((w) => /prepared statement|unrecognized|startup parameter/.test(w.stdout + w.stderr))).toEqual([
        false,
        false,
      ]);
      expect(await stage.disagreements({ wholeInventory: true })).toEqual([]);
    },
  );

  it.skipIf(!hasPgBouncer)(
    'a queue on Postgres behind PgBouncer in transaction mode is refused with the cure, and doctor says so',
    async () => {
      const stage = await stageWith({ redis: false });
      await safeCommits(stage);
      stage.env['DATABASE_URL'] = await pooled(stage.env['DATABASE_URL'] ?? '', AS_DOCUMENTED);
      const worker = await stage.run(['worker']);
      expect([worker.code, worker.stdout + worker.stderr]).toEqual([
        expect.any(Number),
        expect.stringContaining('set REDIS_URL'),
      ]);
      expect(worker.code).not.toBe(0);
      const doctor = await stage.run(['doctor', '--json']);
      expect(JSON.parse(doctor.stdout).checks).toContainEqual(
        expect.objectContaining({ name: 'connections', status: 'failed', text: expect.stringContaining('set REDIS_URL') }),
      );
    },
  );

  it('settings of the role and the database reach nothing: buy, update and reconcile end right', async () => {
    const stage = await stageWith();
    const url = new URL(stage.env['DATABASE_URL'] ?? '');
    const name = url.pathname.slice(1);
    // Half of them are the role's, in this database only: the other tests have the same role.
    const owners = [`database ${name}`, `role "${url.username}" in database ${name}`];
    for (const [i, setting] of UNUSUAL.entries()) await stage.sql.unsafe(`alter ${owners[i % 2]} set ${setting}`);
    await Promise.all([stage.worker(), stage.worker()]);
    expect((await stage.run(['reconcile'])).code).toBe(0);
    const [buy, update] = [stage.buy('312=100'), stage.updateAll()];
    expect((await endOf(buy, 170_000)).code).toBe(0);
    expect((await endOf(update, 170_000)).code).toBe(0);
    expect(stage.simulator.ledger().bought).toHaveLength(100);
    expect(await stage.disagreements({ wholeInventory: true })).toEqual([]);
  });

  it.skipIf(!hasPgBouncer)(
    'settings that a pooler lets through are refused at the start, with the command that cures them',
    async () => {
      const stage = await stageWith();
      const direct = new URL(stage.env['DATABASE_URL'] ?? '');
      const name = direct.pathname.slice(1);
      for (const setting of [`search_path = pg_catalog`, `statement_timeout = '5s'`])
        await stage.sql.unsafe(`alter database ${name} set ${setting}`);
      stage.env['DATABASE_URL'] = await pooled(direct.href, AS_DOCUMENTED);
      const worker = await stage.run(['worker']);
      expect(worker.code).not.toBe(0);
      expect(worker.stdout + worker.stderr).toContain(`in database ${name} set search_path = 'public'`);
      const doctor = await stage.run(['doctor', '--json']);
      expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringContaining('set statement_timeout')]);
    },
  );
});
