import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { QUEUE_NAMES } from '../../src/queues/catalogue.ts';
import { backendCases } from '../support/backends.ts';
import { queuesOn } from '../support/fake-handlers.ts';
import { ask, basic, testServer } from '../support/http-harness.ts';
import { createTestDatabase } from '../support/postgres.ts';

const database = await createTestDatabase();
await migrateDatabase(database.url);
afterAll(() => database.drop());

const boardShape = z.object({
  queues: z.array(
    z.object({ name: z.string(), readOnlyMode: z.boolean(), isPaused: z.boolean(), supportsGlobalRateLimit: z.boolean() }),
  ),
});
const viewer = basic('vera', 'viewer-key-1');
const operator = basic('otto', 'operator-key-1');

it.each(backendCases().filter((c) => c.available))(
  'on $name the dashboard needs a login, and viewers only look',
  async ({ open }) => {
    const { backend, dispose } = await open();
    const queues = queuesOn(backend);
    await queues.add([{ name: 'reconcile.run', payload: { runId: 'run_1' }, id: 'run_1-0' }]);
    const { app, close } = await testServer(database.url, { boardQueues: () => queues.all() });
    const seen = async (headers: Record<string, string>) =>
      boardShape.parse((await ask(app, 'GET', '/queues/api/queues', { headers })).body).queues;

    for (const url of ['/queues', '/queues/', '/queues/api/queues', '/queues/static/favicon-32x32.png', '/']) {
      const refused = await ask(app, 'GET', url, { headers: {} });
      expect([url, refused.status, refused.headers['www-authenticate']]).toEqual([
        url,
        401,
        'Basic realm="provisioner", charset="UTF-8"',
      ]);
      expect((await ask(app, 'GET', url, { headers: basic('vera', 'admin-key-1') })).status).toBe(401);
      expect((await ask(app, 'GET', url, { headers: viewer })).status).toBe(200);
    }
    expect((await ask(app, 'GET', '/queues', { headers: viewer })).headers['content-security-policy']).toContain(
      "font-src 'self'",
    );

    const pause = '/queues/api/queues/reconcile/pause';
    const spoofed = { ...viewer, 'x-provisioner-role': 'admin' };
    expect((await ask(app, 'PUT', pause, { headers: viewer })).status).toBe(405);
    expect((await ask(app, 'PUT', pause, { headers: spoofed })).status).toBe(405);
    const board = await seen(viewer);
    expect(board.map((q) => q.name).toSorted()).toEqual(QUEUE_NAMES.toSorted());
    expect(board.every((q) => q.readOnlyMode && !q.isPaused)).toBe(true);
    expect((await ask(app, 'PUT', pause, { headers: { ...operator, 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect((await ask(app, 'PUT', pause, { headers: operator })).status).toBe(200);
    expect((await seen(operator)).filter((q) => q.isPaused && !q.readOnlyMode).map((q) => q.name)).toEqual(['reconcile']);

    await close();
    await queues.close();
    await dispose();
  },
);

it.each(backendCases().filter((c) => c.available))(
  'on $name the dashboard offers no limits: they are refused to everybody, and the page shows no button for a rate',
  async ({ open }) => {
    const { backend, dispose } = await open();
    const queues = queuesOn(backend);
    const { app, close } = await testServer(database.url, { boardQueues: () => queues.all() });
    const put = async (path: string, payload: object) =>
      (await ask(app, 'PUT', `/queues/api/queues/buy/${path}`, { headers: basic('anna', 'admin-key-1'), payload })).status;
    expect(await put('concurrency', { concurrency: 1 })).toBe(405);
    expect(await put('rate-limit', { max: 1, duration: 3_600_000 })).toBe(405);
    const [buy] = queues.all();
    expect([await buy?.getGlobalConcurrency(), await buy?.getGlobalRateLimit()]).toEqual([null, null]);
    const { body } = await ask(app, 'GET', '/queues/api/queues', { headers: operator });
    expect(boardShape.parse(body).queues.map((q) => q.supportsGlobalRateLimit)).toEqual(QUEUE_NAMES.map(() => false));
    await close();
    await queues.close();
    await dispose();
  },
);
