import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { z } from 'zod';
import { secret } from '../../src/config/secret.ts';
import { type Db, openDb } from '../../src/db/client.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { buildServer, type HttpDeps } from '../../src/http/server.ts';
import type { ProducerDeps } from '../../src/producers/deps.ts';
import { QUEUE_NAMES } from '../../src/queues/catalogue.ts';
import type { AnyEnqueue, JobQueue } from '../../src/queues/port.ts';
import { fileDatabase } from './postgres.ts';

/** A queue that records what it gets and runs nothing. */
export interface MemoryQueue extends JobQueue {
  readonly jobs: AnyEnqueue[];
}

export function memoryQueue(): MemoryQueue {
  const jobs: AnyEnqueue[] = [];
  const none = { waiting: 0, active: 0, delayed: 0, failed: 0 };
  return {
    jobs,
    add: async (added) => void jobs.push(...added),
    presence: async (_name, id) => (jobs.some((j) => j.id === id) ? 'live' : 'missing'),
    wake: async () => undefined,
    counts: async () => {
      const [buy, batch, emergency, messaging, reconcile, webhooks, maintenance] = QUEUE_NAMES;
      const limited = { [buy]: none, [batch]: none, [emergency]: none, [messaging]: none };
      return { ...limited, [reconcile]: none, [webhooks]: none, [maintenance]: none };
    },
  };
}

export const KEYS: HttpDeps['apiKeys'] = [
  { name: 'anna', key: secret('admin-key-1'), role: 'admin' },
  { name: 'otto', key: secret('operator-key-1'), role: 'operator' },
  { name: 'vera', key: secret('viewer-key-1'), role: 'viewer' },
];
export const admin = { authorization: 'Bearer admin-key-1' };
export const operator = { authorization: 'Bearer operator-key-1' };
export const viewer = { authorization: 'Bearer viewer-key-1' };
export const basic = (name: string, key: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${key}`).toString('base64')}`,
});

export interface TestServer {
  app: FastifyInstance;
  db: Db;
  queue: MemoryQueue;
  /** Everything that was logged. */
  logged: () => string;
  close(): Promise<void>;
}

export type Overrides = Partial<Omit<HttpDeps, 'producer'>> & { producer?: Partial<ProducerDeps> };

/** Makes the real server on a real database. No worker runs. */
export async function testServer(url: string, overrides: Overrides = {}): Promise<TestServer> {
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const db = openDb(url, { maxConnections: 4 });
  const queue = memoryQueue();
  const clock = { now: () => new Date() };
  const limits = {
    orderSize: 100,
    batchSize: 1_000,
    maxNumberCost: '5.00',
    approvalAbove: '10000.00',
    selfApproval: false,
    budgets: {},
    prices: {},
  };
  const { producer, ...rest } = overrides;
  const app = await buildServer({
    producer: { db, queue, clock, log, limits, ...producer },
    apiKeys: KEYS,
    host: '127.0.0.1',
    webhookKeys: [],
    jobSlots: 15,
    boardQueues: () => [],
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'provisioner_account_gate_open 1\n' }),
    ready: () => ({ ok: true, problems: [] }),
    clock,
    log,
    ...rest,
  });
  const close = async (): Promise<void> => {
    await app.close();
    await db.close();
  };
  return { app, db, queue, logged: () => lines.join(''), close };
}

/** A server for the tests of one file, on a database of its own, with what such tests ask most. */
export async function fileServer(hooks: Parameters<typeof fileDatabase>[0]) {
  const database = await fileDatabase(hooks);
  await migrateDatabase(database.url);
  const server = await testServer(database.url);
  hooks.afterAll(() => server.close());
  return {
    ...server,
    database,
    submit: async (payload: object) => submitted.parse((await ask(server.app, 'POST', '/v1/requests', { payload })).body),
    requestCount: async () => (await server.db.sql<{ n: number }[]>`select count(*)::int as n from requests`)[0]?.n,
  };
}

/** `count` numbers of area code 312, the first of them the one at `from`. */
export const numbersFrom = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `+1312${5_000_000 + from + i}`);

/** Sends a request and returns status and parsed body. */
export async function ask(app: FastifyInstance, method: 'GET' | 'POST' | 'PUT', url: string, options: InjectOptions = {}) {
  const answer = await app.inject({ method, url, headers: admin, ...options });
  const type = String(answer.headers['content-type'] ?? '');
  const body: unknown = type.includes('json') ? answer.json() : answer.body;
  return { status: answer.statusCode, headers: answer.headers, text: answer.body, body };
}

/** Adds numbers to the inventory as if they had been bought. */
export async function own(db: Db, numbers: string[], fields: { tags?: string[]; connectionId?: string } = {}): Promise<void> {
  const at = new Date();
  await db.sql`
    insert into phone_numbers (phone_number, telnyx_id, state, status, tags, connection_id, created_at, updated_at)
    select n, 'id-' || n, 'owned', 'active', ${fields.tags ?? []}::text[], ${fields.connectionId ?? null}, ${at}, ${at}
    from unnest(${numbers}::text[]) as n`;
}

/** Ends all items of a request, as workers would. */
export async function endAll(db: Db, id: string, status: 'succeeded' | 'failed'): Promise<void> {
  await db.sql`
    update items set status = ${status}, reason_code = ${status === 'failed' ? 'inventory_exhausted' : null},
      reason = ${status === 'failed' ? 'nothing left' : null} where request_id = ${id}`;
  await db.sql`update requests set status = ${status}, finished_at = now(), updated_at = now() where id = ${id}`;
}

/** The answer to an accepted request. */
export const submitted = z.object({ id: z.string(), status: z.string(), counts: z.object({ asked: z.number() }) });

/** The shape of every error. */
export const failure = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    details: z.array(z.object({ path: z.string(), message: z.string() })),
  }),
});
export const codeOf = (body: unknown) => failure.parse(body).error.code;

/** The shape of every page of a list. */
export const page = z.object({ data: z.array(z.record(z.string(), z.unknown())), next_cursor: z.string().nullable() });

export const buy = (label: string, quantity = 3) => ({
  kind: 'buy',
  label,
  lines: [{ national_destination_code: '312', quantity }],
});
