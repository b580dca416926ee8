import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { secret } from '../src/config/secret.ts';
import { buildServer, type HttpDeps } from '../src/http/server.ts';

export const VIEWER = 'viewer-of-the-pages';
export const OPERATOR = 'operator-of-the-pages';

/**
 * The real server without a database, for pages that are made from it: its description, and its answers to calls that it refuses
 * before it reads anything. A call that would read the database fails.
 */
export async function describedServer(): Promise<FastifyInstance> {
  const none = { waiting: 0, active: 0, delayed: 0, failed: 0 };
  const counts = { buy: none, 'batch-jobs': none, emergency: none, messaging: none, reconcile: none, webhooks: none };
  const log = pino({ level: 'silent' });
  const clock = { now: () => new Date(0) };
  // The cast is sound for what this server is asked: the routes take the database apart when they are built, and use it later.
  const db = { sql: undefined, reads: undefined } as unknown as HttpDeps['producer']['db'];
  const queue: HttpDeps['producer']['queue'] = {
    add: async () => undefined,
    presence: async () => 'missing',
    wake: async () => undefined,
    counts: async () => ({ ...counts, maintenance: none }),
  };
  const limits = {
    orderSize: 100,
    batchSize: 1_000,
    maxNumberCost: '5.00',
    approvalAbove: null,
    selfApproval: false,
    budgets: {},
    prices: {},
  };
  return buildServer({
    producer: { db, queue, clock, log, limits },
    apiKeys: [
      { name: 'viewer', key: secret(VIEWER), role: 'viewer' },
      { name: 'operator', key: secret(OPERATOR), role: 'operator' },
    ],
    host: '127.0.0.1',
    webhookKeys: [],
    jobSlots: 15,
    boardQueues: () => [],
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    ready: () => ({ ok: true, problems: [] }),
    clock,
    log,
    version: '0.0.0',
  });
}
