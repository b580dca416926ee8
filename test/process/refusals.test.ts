import { describe, expect, it } from 'vitest';
import { endOf, run } from '../support/child-process.ts';
import { useStages } from '../support/process-stage.ts';
import { hasRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const stageWith = useStages();

describe('what cannot work is refused at the start, with a word on what to do', { timeout: 240_000 }, () => {
  it('no database, one that is away, a wrong login', async () => {
    const away = 'postgres://someone:pa55-of-nobody@127.0.0.1:1/none';
    const stage = await stageWith({ redis: false, migrated: false });
    const stranger = new URL(stage.env['DATABASE_URL'] ?? '');
    stranger.password = 'pa55-of-nobody';
    const key = { TELNYX_API_KEY: 'KEY' };
    const [none, gone, worker, login] = await Promise.all([
      run(['requests'], key),
      run(['requests', '--json'], { ...key, DATABASE_URL: away }),
      run(['worker'], { ...key, DATABASE_URL: away }),
      run(['requests'], { ...key, DATABASE_URL: stranger.href }),
    ]);
    expect([none.code, gone.code, worker.code, login.code]).toEqual([2, 1, 1, 1]);
    expect(none.stderr).toContain('PROVISIONER_EMBEDDED=1');
    expect(JSON.parse(gone.stdout)).toMatchObject({ error: { code: 'database_unavailable' } });
    expect(worker.stderr).toContain('check DATABASE_URL');
    for (const ended of [gone, worker, login]) expect(`${ended.stdout}${ended.stderr}`).not.toContain('pa55-of-nobody');
  });

  it('a database that is not migrated; then three migrations at once all succeed', async () => {
    const stage = await stageWith({ redis: false, migrated: false });
    const [worker, buy] = await Promise.all([stage.run(['worker']), stage.run(['buy', '--ndc', '312=1', '--yes'])]);
    for (const ended of [worker, buy]) {
      expect(ended.code).toBe(1);
      expect(ended.stderr).toContain('provisioner migrate');
    }
    const all = await Promise.all([1, 2, 3].map(() => stage.run(['migrate'])));
    expect(all.map((ended) => ended.code)).toEqual([0, 0, 0]);
    expect((await stage.run(['requests', '--json'])).code).toBe(0);
  });

  it('no key, an unknown variable, a server on the network without keys', async () => {
    const stage = await stageWith({ redis: false });
    const [noKey, unknown, open] = await Promise.all([
      stage.run(['worker'], { env: { TELNYX_API_KEY: '' } }),
      stage.run(['worker'], { env: { PROVISIONER_ORDERSIZE: '5', PROVISIONER_JOB_SLOTS: 'many' } }),
      stage.run(['serve'], { env: { PROVISIONER_HOST: '0.0.0.0', PROVISIONER_API_KEYS: '' } }),
    ]);
    expect([noKey.code, unknown.code, open.code]).toEqual([2, 2, 2]);
    expect(noKey.stderr).toContain('TELNYX_API_KEY');
    // All problems at once.
    expect(unknown.stderr).toContain('PROVISIONER_ORDER_SIZE');
    expect(unknown.stderr).toContain('PROVISIONER_JOB_SLOTS');
    expect(open.stderr).toContain('PROVISIONER_API_KEYS');
  });

  it('a wrong key: nothing fails item by item, the request waits, and the account says why', async () => {
    const stage = await stageWith({ redis: false });
    await stage.worker({ TELNYX_API_KEY: 'KEY_wr0ng-key-of-tests' });
    const buy = await stage.run(['buy', '--ndc', '312=3', '--yes', '--wait', '--timeout', '6s', '--json']);
    expect({ code: buy.code, ...JSON.parse(buy.stdout) }).toMatchObject({ code: 7, counts: { pending: 3, failed: 0 } });
    const account = await stage.run(['account', '--json']);
    expect(account.stdout).toMatch(/bad_key|10009/);
    expect(`${buy.stderr}${account.stdout}`).not.toContain('wr0ng-key-of-tests');
  });
});

it.skipIf(!hasRedis())(
  'no Redis: a buy is kept in Postgres, a worker waits for Redis, and all goes on when it comes',
  async () => {
    const stage = await stageWith();
    await stage.redis?.kill();
    const worker = stage.start(['worker']);
    const buy = await stage.run(['buy', '--ndc', '312=5', '--yes', '--json']);
    expect({ code: buy.code, ...JSON.parse(buy.stdout) }).toMatchObject({ code: 0, status: 'queued' });
    expect(buy.stderr).toContain('the queue');
    await worker.saw('the queue store does not answer');
    expect(worker.running).toBe(true);
    await stage.redis?.start();
    const backAt = Date.now();
    const watched = await endOf(stage.start(['watch', JSON.parse(buy.stdout).id, '--timeout', '80s']), 90_000);
    expect(watched.code).toBe(0);
    expect(Date.now() - backAt).toBeLessThan(60_000);
    await until('the ledger has them', () => stage.simulator.ledger().bought.length === 5);
    expect(await stage.disagreements()).toEqual([]);
  },
  180_000,
);
