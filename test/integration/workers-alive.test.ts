import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildRole, type Running } from '../../src/app/roles.ts';
import { runCli } from '../../src/cli/run.ts';
import { realServices } from '../../src/cli/services.ts';
import { loadConfig } from '../../src/config/config.ts';
import { type Db, openDb } from '../../src/db/client.ts';
import { liveWorkers } from '../../src/db/workers.ts';
import { NO_WORKER } from '../../src/observability/liveness.ts';
import { createLog } from '../../src/observability/log.ts';
import { testIo } from '../support/cli-runs.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { ensureTemplate } from '../support/template.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let db: Db;
let env: Record<string, string>;
const running: Running[] = [];

beforeAll(async () => {
  await ensureTemplate();
  database = await createTestDatabase();
  db = openDb(database.url, { maxConnections: 2 });
  env = {
    DATABASE_URL: database.url,
    // Nothing answers there: work stays open as long as the tests want it.
    TELNYX_API_KEY: 'KEY_SIM',
    TELNYX_BASE_URL: 'http://127.0.0.1:1/v2',
    PROVISIONER_PORT: '0',
    PROVISIONER_RECONCILE_CRON: 'off',
    LOG_LEVEL: 'silent',
  };
});
afterAll(async () => {
  for (const one of running) await one.lifecycle.stop('the tests are over');
  await db.close();
  await database.drop();
});

async function run(...argv: string[]): Promise<{ exit: number; out: string; err: string }> {
  const { io, out, err } = testIo('', env);
  const exit = await runCli(argv, io, realServices);
  return { exit, out: out(), err: err() };
}

async function start(role: 'worker' | 'serve' | 'up', lines: string[] = []): Promise<Running> {
  const log = createLog({ level: 'info', format: 'json', destination: { write: (line: string) => void lines.push(line) } });
  const started = await buildRole(role, loadConfig(env), log, { healthEveryMs: 500 });
  running.push(started);
  await started.lifecycle.start();
  return started;
}

const readyz = async (of: Running): Promise<unknown> => {
  const answer = await fetch(new URL('/readyz', of.url() ?? ''));
  return { code: answer.status, ...((await answer.json()) as object) };
};

describe('waiting without a worker', () => {
  let id: string;

  it('is told by every command that submits, waits or looks, with the command that starts one', async () => {
    const bought = await run('buy', '--ndc', '312=2', '--yes', '--json');
    id = JSON.parse(bought.out).id;
    const startedAt = Date.now();
    const waited = await run('buy', '--ndc', '312=2', '--yes', '--wait', '--timeout', '3s');
    expect(waited.exit).toBe(5);
    expect(Date.now() - startedAt).toBeLessThan(8_000);
    const all = [
      bought,
      waited,
      await run('watch', id, '--timeout', '1s'),
      await run('requests', '--json'),
      await run('request', id),
      await run('doctor'),
    ];
    for (const said of all) expect(`${said.out}${said.err}`).toContain(NO_WORKER);
    expect(all.map((said) => said.err.split(NO_WORKER).length - 1)).toEqual([1, 1, 1, 1, 1, 0]);
    // A request that has ended, or that waits for a person, needs no worker.
    expect((await run('requests', '--status', 'awaiting_approval')).err).toBe('');
  });

  it('is told by the body of /readyz, which stays 200: there must be an API to submit to', async () => {
    const serve = await start('serve');
    await until('the watchdog has looked', async () => JSON.stringify(await readyz(serve)).includes(NO_WORKER));
    expect(await readyz(serve)).toEqual({ code: 200, status: 'ready', problems: [], notices: [NO_WORKER] });
    await serve.lifecycle.stop('enough seen');
  });

  it('is no alarm of a worker that has just come, and ends with it; a worker that stops is missed at once', async () => {
    // Everything has waited for ten minutes, and nobody has swept.
    await db.sql`update lines set next_run_at = next_run_at - interval '10 minutes'`;
    await db.sql`update events set at = at - interval '10 minutes'`;
    const lines: string[] = [];
    const up = await start('up', lines);
    await until('the watchdog has looked', async () =>
      /provisioner_open_items\{/.test(await up.foundation.metrics.registry.metrics()),
    );
    expect(await readyz(up)).toEqual({ code: 200, status: 'ready', problems: [], notices: [] });
    expect(lines.filter((line) => /no worker|stands still/.test(line))).toEqual([]);
    await until('it is seen', async () => (await liveWorkers(db.sql)).length === 1);
    expect((await run('request', id)).err).not.toContain(NO_WORKER);
    await up.lifecycle.stop('enough seen');
    expect(await liveWorkers(db.sql)).toEqual([]);
  });

  it('is noticed within seconds when the worker was killed', async () => {
    const worker = await start('worker');
    await until('it is seen', async () => (await liveWorkers(db.sql)).length === 1);
    expect((await liveWorkers(db.sql))[0]).toMatchObject({ role: 'worker', pid: process.pid });
    await worker.lifecycle.stop('as if it had been killed');
    // What a killed one leaves behind: its row, last written a while ago.
    await db.sql`insert into workers values ('wrk_killed', 'worker', 'h', 1, '1', now() - interval '1 hour', now() - interval '13 seconds')`;
    expect(await liveWorkers(db.sql)).toEqual([]);
    await db.sql`update workers set seen_at = now() - interval '9 seconds'`;
    expect(await liveWorkers(db.sql)).toHaveLength(1);
  });
});
