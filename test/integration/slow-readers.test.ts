import { connect, type Socket } from 'node:net';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { poolProbe } from '../../src/app/pool-probe.ts';
import { openDb } from '../../src/db/client.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { admin, ask, testServer, viewer } from '../support/http-harness.ts';
import { fileDatabase } from '../support/postgres.ts';
import { door, until } from '../support/until.ts';

const database = await fileDatabase({ beforeEach, afterAll });
await migrateDatabase(database.url);

const READERS = 40;

/** Asks for a download and never reads what comes, beyond the head of the answer. */
function slowReader(base: string, path: string): { socket: Socket; status: Promise<number>; closed: Promise<void> } {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: ${viewer.authorization}\r\n\r\n`);
  const status = new Promise<number>((resolve) => {
    socket.once('data', (head: Buffer) => {
      socket.pause();
      resolve(Number(/^HTTP\/1.1 (\d+)/.exec(head.toString('latin1'))?.[1]));
    });
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, status, closed };
}

/** A server with a request whose CSV does not fit into the buffers of a connection. */
async function stage(idleReaderMs: number) {
  const server = await testServer(database.url, { timings: { idleReaderMs } });
  const base = await server.app.listen({ host: '127.0.0.1', port: 0 });
  const submit = async () =>
    z
      .object({ id: z.string() })
      .parse((await ask(server.app, 'POST', '/v1/requests', { payload: { kind: 'buy', lines: [{ quantity: 1 }] } })).body);
  const { id } = await submit();
  await server.db.sql`
    insert into items (request_id, line_id, position, status, reason, updated_at)
    select i.request_id, i.line_id, n, 'failed', repeat('a long reason ', 20), now()
    from items i, generate_series(1, 40000) n where i.request_id = ${id}`;
  return { ...server, base, submit, path: `/v1/requests/${id}/items.csv` };
}

it('40 downloads that nobody reads take four places, hold no connection, and the work and the API go on', async () => {
  const server = await stage(60_000);
  const readers = Array.from({ length: READERS }, () => slowReader(server.base, server.path));
  const codes = await Promise.all(readers.map((r) => r.status));
  expect(codes.filter((code) => code === 200)).toHaveLength(4);
  expect(codes.filter((code) => code === 429)).toHaveLength(READERS - 4);
  const refused = await ask(server.app, 'GET', server.path, { headers: viewer });
  expect([refused.status, refused.body, refused.headers['retry-after']]).toEqual([
    429,
    { error: { code: 'too_many_streams', message: expect.stringContaining('"vera" has 4 downloads open'), details: [] } },
    '5',
  ]);
  const held = () => server.db.sql<{ n: number }[]>`
    select count(*)::int as n from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`;
  await until('no connection is held', async () => (await held())[0]?.n === 0);
  // The work, the API and another key.
  await Promise.all(Array.from({ length: 8 }, () => server.db.sql.begin((tx) => tx`select 1`)));
  await server.submit();
  expect((await ask(server.app, 'GET', server.path, { headers: admin })).text.length).toBeGreaterThan(10_000_000);
  for (const { socket } of readers) socket.destroy();
  await until(
    'their places are free',
    async () => (await ask(server.app, 'GET', server.path, { headers: viewer })).status === 200,
  );
  await server.close();
});

it('a reader that takes nothing is cut, and its place is free again', async () => {
  const server = await stage(3_000);
  const reader = slowReader(server.base, server.path);
  expect(await reader.status).toBe(200);
  await until('the server has cut it', () => server.logged().includes('a CSV was cut'));
  reader.socket.destroy();
  await reader.closed;
  await server.close();
});

it('a pool that gives nothing out is told by the probe and the metrics, and the other pool is not', async () => {
  const db = openDb(database.url, { maxConnections: 1 });
  const metrics = createMetrics();
  const probe = poolProbe(db, metrics, 200);
  await until('both pools have connections', async () => (await probe()).length === 0);
  const taken = door();
  const held = db.sql.begin(async (tx) => {
    await tx`select 1`;
    await taken.opened;
  });
  expect(await until('it is told', async () => ((await probe()).length > 0 ? probe() : null))).toEqual(['work']);
  expect(await metrics.registry.metrics()).toContain('provisioner_database_pool_stuck{pool="work"} 1');
  taken.open();
  await held;
  await until('it is over', async () => (await probe()).length === 0);
  expect(await metrics.registry.metrics()).toContain('provisioner_database_pool_stuck{pool="work"} 0');
  await db.close();
});
