import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildRole, type Running } from '../../src/app/roles.ts';
import { loadConfig } from '../../src/config/config.ts';
import { forgetWorker, noteWorker } from '../../src/db/workers.ts';
import { NO_WORKER } from '../../src/observability/liveness.ts';
import { createLog } from '../../src/observability/log.ts';
import { submitRequest } from '../../src/producers/intake/submit.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type PrivateRedis, startRedis } from '../support/redis.ts';
import { redisProgram } from '../support/redis-server.ts';
import { ensureTemplate } from '../support/template.ts';
import { until } from '../support/until.ts';

// Workers are gone and leave their jobs behind as running, or the queue is: the rows must tell.
describe.skipIf(redisProgram() === null)('work that waits while nothing is consumed', () => {
  let redis: PrivateRedis;
  let database: TestDatabase;
  let serve: Running;
  const lines: string[] = [];
  const worker = { id: 'wrk_another', role: 'worker', host: 'another', pid: 1, version: '1' };

  beforeAll(async () => {
    await ensureTemplate();
    [redis, database] = [await startRedis(), await createTestDatabase()];
    const config = loadConfig({ DATABASE_URL: database.url, REDIS_URL: redis.url, PROVISIONER_PORT: '0' });
    const destination = { write: (line: string) => void lines.push(line) };
    serve = await buildRole('serve', config, createLog({ level: 'info', format: 'json', secrets: [], destination }), {
      namespace: 'watched',
      healthEveryMs: 500,
    });
    await serve.lifecycle.start();
  });
  afterAll(async () => {
    await serve.lifecycle.stop('the test is over');
    await database.drop();
    await redis.stop();
  });

  const sql = () => serve.foundation.db.sql;
  const errors = (): string[] => lines.filter((line) => line.includes('"level":"error"') || line.includes('"level":50'));
  async function told(): Promise<{ status: number; problems: string[]; notices: string[]; stuck: boolean }> {
    const answer = await fetch(new URL('/readyz', serve.url() ?? ''));
    const { problems, notices } = (await answer.json()) as { problems: string[]; notices: string[] };
    const stuck = /^provisioner_work_stuck 1$/m.test(await serve.foundation.metrics.registry.metrics());
    return { status: answer.status, problems, notices, stuck };
  }
  /** A minute goes by without a move of anything. */
  async function minutePasses(): Promise<void> {
    await sql()`update chunks set next_run_at = next_run_at - interval '1 minute', updated_at = updated_at - interval '1 minute'`;
    await sql()`update events set at = at - interval '1 minute'`;
  }

  it('is told by metric, error log and /readyz, although the queue shows the job of a dead worker as running', async () => {
    const numbers = ['+13125550100', '+13125550101'];
    await sql()`
      insert into phone_numbers (phone_number, state, created_at, updated_at)
      select n, 'owned', now(), now() from unnest(${numbers}::text[]) n`;
    await submitRequest(serve.foundation.deps, { kind: 'update', phone_numbers: numbers, set: { tags: ['x'] } });
    const alone = await until('it is told that no worker runs', async () => ((await told()).notices.length > 0 ? told() : null));
    expect(alone).toEqual({ status: 200, problems: [], notices: [NO_WORKER], stuck: false });
    for (const queue of serve.foundation.queues.all()) await queue.obliterate({ force: true });
    await minutePasses();
    const seen = await until('it is told', async () => ((await told()).stuck ? told() : null));
    // Not 503: what is submitted is stored, and this is where it is submitted to.
    expect(seen).toEqual({ status: 200, problems: [], notices: [`work waits and ${NO_WORKER}`], stuck: true });
    expect(errors().filter((line) => line.includes(NO_WORKER))).toHaveLength(1);
  });

  it('is no alarm while a worker lives: what waits may have its reasons', async () => {
    await noteWorker(sql(), worker);
    const seen = await until('all is well', async () => ((await told()).stuck ? null : told()));
    expect(seen).toEqual({ status: 200, problems: [], notices: [], stuck: false });
  });

  it('is told when somebody has paused the queue, as a notice and by metric, and no longer when it is resumed', async () => {
    const buy = serve.foundation.queues.all().find(({ name }) => name === 'buy');
    const pausedNow = async () =>
      /^provisioner_queue_paused\{queue="buy"\} 1$/m.test(await serve.foundation.metrics.registry.metrics());
    await buy?.pause();
    await until('it is told', pausedNow, { withinMs: 15_000 });
    const notice = 'queue buy: paused by hand; its work waits until somebody resumes it on the dashboard';
    // Other notices may stand beside it on a busy machine; the pause alone makes nothing unready.
    expect(await told()).toMatchObject({ status: 200, problems: [], notices: expect.arrayContaining([notice]), stuck: false });
    await buy?.resume();
    await until('it is no longer told', async () => !(await pausedNow()), { withinMs: 15_000 });
    expect((await told()).notices).not.toContain(notice);
  });

  it('is told when the queue is away, and no longer when it is back', async () => {
    await forgetWorker(sql(), worker.id);
    await redis.kill();
    await until('it is told', async () => (await told()).notices.includes('work waits and the queue does not answer'), {
      withinMs: 30_000,
    });
    expect(errors().some((line) => line.includes('the queue does not answer'))).toBe(true);
    await redis.start();
    await until('all is well', async () => (await told()).status === 200, { withinMs: 30_000 });
  });
});
