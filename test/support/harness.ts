import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, onTestFailed } from 'vitest';
import type { WorkDeps } from '../../src/account/deps.ts';
import type { Service } from '../../src/app/lifecycle.ts';
import { sweeper } from '../../src/app/sweeper.ts';
import { loadConfig, secret } from '../../src/config/config.ts';
import { type Chunk, chunksOfRequest } from '../../src/db/chunks.ts';
import { type Db, openDb } from '../../src/db/client.ts';
import { type Drift, listDrift } from '../../src/db/drift.ts';
import type { Item } from '../../src/db/items.ts';
import { getRun, type Run } from '../../src/db/runs.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { hasEnded } from '../../src/domain/request.ts';
import type { Timings } from '../../src/domain/timings.ts';
import { DEFAULT_TIMINGS } from '../../src/domain/timings.ts';
import { createLog } from '../../src/observability/log.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import type { Handlers } from '../../src/processors/context.ts';
import { createHandlers } from '../../src/processors/handlers.ts';
import { createRunJob } from '../../src/processors/run-job.ts';
import { acceptRun } from '../../src/producers/actions/accept-run.ts';
import { startRun } from '../../src/producers/actions/start-run.ts';
import type { Limits } from '../../src/producers/deps.ts';
import { type SubmitOptions, submitRequest } from '../../src/producers/intake/submit.ts';
import { lookAtRequest } from '../../src/producers/read/read.ts';
import type { RequestView } from '../../src/producers/read/views.ts';
import type { QueueBackend } from '../../src/queues/backend.ts';
import { postgresBackend } from '../../src/queues/postgres.ts';
import { openQueues, type Queues } from '../../src/queues/queues.ts';
import { redisBackend } from '../../src/queues/redis.ts';
import { startWorkers, type Workers } from '../../src/queues/workers.ts';
import { reconcileInventory } from '../../src/reconcile/walk.ts';
import { type Fault, type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/index.ts';
import { createTelnyxGateway } from '../../src/telnyx/client.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { redisUrl } from './redis.ts';
import { ensureTemplate } from './template.ts';
import { until } from './until.ts';

/** Waits short enough for tests, in the same proportions as the real ones: every lag of the simulator is shorter than `settleMs`. */
export const FAST: Timings = {
  ...DEFAULT_TIMINGS,
  leaseMs: 4_000,
  settleMs: 900,
  lookMinMs: 50,
  lookMaxMs: 300,
  pollMinMs: 50,
  pollMaxMs: 300,
  hotPollMs: 5_000,
  coldPollMs: 600,
  backoffMs: 100,
  orphanMs: 800,
  sweepMs: 200,
};

/** The key of the simulated account. It has the shape of a real one, so that a leak would be seen as such. */
export const API_KEY = 'KEY0123456789ABCDEF_simulated-account';

export interface HarnessOptions {
  backend?: 'postgres' | 'redis';
  /** A Redis of the caller's own, to flush. */
  redis?: string;
  simulator?: SimulatorOptions;
  /** A database of the caller's own, such as one of an older version. */
  database?: TestDatabase;
  timings?: Partial<Timings>;
  limits?: Partial<Limits>;
  jobSlots?: number;
  /** See `JobPresence`. */
  asleepMs?: number;
  /** Requests a second of single families; the others are practically unlimited. */
  rates?: Record<string, number>;
  /** Total deadline of every call to Telnyx. */
  deadlineMs?: number;
}

/** The product on a simulated Telnyx: database, queue, workers and sweep are the real ones. */
export interface Harness {
  databaseUrl: string;
  sim: Simulator;
  db: Db;
  deps: WorkDeps;
  queues: Queues;
  backend: QueueBackend;
  handlers: Handlers;
  logged(): string;
  /** Starts workers and sweep. */
  start(): Promise<void>;
  /** Stops both, as a process that ends; `start` begins anew on the same rows. */
  stop(): Promise<void>;
  faults(...faults: Fault[]): void;
  /** Returns the id of the request. */
  submit(body: object, options?: SubmitOptions): Promise<string>;
  view(id: string): Promise<RequestView>;
  ended(id: string, options?: { withinMs?: number }): Promise<RequestView>;
  /** Submits and waits for the end. */
  run(body: object, options?: { withinMs?: number }): Promise<RequestView>;
  items(id: string): Promise<Item[]>;
  chunks(id: string): Promise<Chunk[]>;
  /** Takes what the account owns into the inventory. */
  learnInventory(): Promise<void>;
  /** One reconciliation by the workers, with its drift. */
  reconcile(options?: { repair?: boolean }): Promise<{ run: Run; drift: Drift[] }>;
  /** A reconciliation of which everything is accepted: what the account shows now is what we want. */
  takeOver(): Promise<void>;
  close(): Promise<void>;
}

export async function openHarness(options: HarnessOptions = {}): Promise<Harness> {
  await ensureTemplate();
  const database = options.database ?? (await createTestDatabase());
  const lines: string[] = [];
  const log = createLog({
    level: 'debug',
    format: 'json',
    secrets: [API_KEY],
    destination: { write: (line: string) => void lines.push(line) },
  });
  const sim = await startSimulator({
    apiKey: API_KEY,
    numbers: 6_000,
    owned: 0,
    orderMs: 100,
    jobPendingMs: 50,
    jobPerNumberMs: 0,
    visibilityLagMs: { ownership: 100, orders: 100, inventory: 150, deletions: 50 },
    ...options.simulator,
  });
  const backend = openBackend(options, database.url);
  await backend.prepare();
  const db = openDb(database.url, { maxConnections: 12 });
  const queues = openQueues(backend, log, options.asleepMs === undefined ? {} : { asleepMs: options.asleepMs });
  const metrics = createMetrics();
  const deadline = options.deadlineMs ?? 3_000;
  const fast = 500;
  const telnyx = createTelnyxGateway({
    apiKey: API_KEY,
    baseURL: sim.url,
    redis: backend.redis,
    keyPrefix: `{test-${database.name}}`,
    rates: {
      search: fast,
      orders: fast,
      jobs: fast,
      reads: fast,
      messaging: fast,
      ownership: fast,
      reservations: fast,
      ...options.rates,
    },
    deadlines: {
      reads: deadline,
      search: deadline,
      orders: deadline,
      jobs: deadline,
      messaging: deadline,
      ownership: deadline,
      reservations: deadline,
    },
    log,
  });
  const deps: WorkDeps = {
    db,
    queue: queues,
    clock: systemClock,
    log,
    limits: { orderSize: 100, batchSize: 1_000, maxNumberCost: '5.00', approvalAbove: null, ...options.limits },
    telnyx,
    timings: { ...FAST, ...options.timings },
    pause: (ms) => sleep(ms),
  };
  const handlers = createHandlers(deps);
  const jobSlots = options.jobSlots ?? 5;
  const config = loadConfig({ PROVISIONER_RECONCILE_CRON: 'off', PROVISIONER_JOB_SLOTS: String(jobSlots) });
  let workers: Workers | null = null;
  let sweep: Service | null = null;

  const h: Harness = {
    databaseUrl: database.url,
    sim,
    db,
    deps,
    queues,
    backend,
    handlers,
    logged: () => lines.join(''),
    start: async () => {
      workers = startWorkers(backend, createRunJob({ handlers, log, metrics, backoffMs: deps.timings.backoffMs }), {
        concurrency: { buy: 8, 'batch-jobs': jobSlots, emergency: 8, messaging: 4, reconcile: 1, webhooks: 4, maintenance: 1 },
        log,
        lockMs: 2_000,
        stalledMs: 700,
      });
      sweep = sweeper(deps, queues, config, metrics);
      await sweep.start?.();
    },
    stop: async () => {
      await sweep?.stop?.();
      await workers?.close({ deadlineMs: 5_000 });
      workers = null;
      sweep = null;
    },
    faults: (...faults) => sim.faults({ clear: true, faults }),
    submit: async (body, submitOptions) => (await submitRequest(deps, body, submitOptions)).request.id,
    view: async (id) => {
      const view = await lookAtRequest(db, id);
      if (view === null) throw new Error(`no request ${id}`);
      return view;
    },
    ended: (id, { withinMs = 20_000 } = {}) => endedOr(h, id, withinMs),
    run: async (body, waitOptions) => endedOr(h, await h.submit(body), waitOptions?.withinMs ?? 20_000),
    items: (id) => db.sql<Item[]>`select * from items where request_id = ${id} order by position`,
    chunks: (id) => chunksOfRequest(db.sql, id),
    learnInventory: async () => {
      const [run] = await db.sql<Run[]>`
        insert into reconciliation_runs (id, status, trigger, repair, created_at, started_at)
        values (${`run_${randomBytes(6).toString('hex')}`}, 'running', 'manual', false, now(), now()) returning *`;
      if (run === undefined) throw new Error('no run');
      await reconcileInventory(deps, run);
      // What was adopted now counts as known since before anything that the test does.
      await db.sql`update phone_numbers set updated_at = updated_at - interval '1 hour', last_seen_at = now() - interval '1 hour'`;
    },
    reconcile: async ({ repair = false } = {}) => {
      const started = await startRun(deps, 'manual', repair);
      const run = await until('the reconciliation ends', async () => {
        const now = await getRun(db.sql, started.id);
        return now !== null && now.finishedAt !== null ? now : null;
      });
      return { run, drift: await listDrift(db.sql, run.id, 10_000, null) };
    },
    takeOver: async () => {
      const { run } = await h.reconcile();
      await acceptRun(deps, run.id, {}, 'test');
    },
    close: async () => {
      await h.stop();
      await queues.close();
      await telnyx.close();
      await backend.close();
      await db.close();
      await sim.stop();
    },
  };
  return Object.assign(h, { database });
}

function openBackend(options: HarnessOptions, databaseUrl: string): QueueBackend {
  const quiet = { onError: () => undefined };
  if (options.backend !== 'redis') return postgresBackend(secret(databaseUrl), quiet);
  const url = secret(options.redis ?? redisUrl());
  return redisBackend({ kind: 'single', url }, { ...quiet, namespace: `test-${randomBytes(4).toString('hex')}` });
}

/** Waits for the end of a request; when it does not come, the error says where it stands. */
async function endedOr(h: Harness, id: string, withinMs: number): Promise<RequestView> {
  try {
    return await until(
      `request ${id} ends`,
      async () => {
        const view = await h.view(id);
        return hasEnded(view.status) ? view : null;
      },
      { withinMs },
    );
  } catch (error) {
    const chunks = (await h.chunks(id)).map(
      (c) => `${c.kind} ${c.state} of ${c.numbers.length} (${c.error ?? '-'}; ${JSON.stringify(c.evidence)})`,
    );
    throw new Error(`${JSON.stringify(await h.view(id))}\n${chunks.join('\n')}`, { cause: error });
  }
}

/**
 * One harness for the tests of a file (or of a describe), started before and closed after them; faults are cleared between two
 * tests. Its database stays when a test failed: it is the evidence.
 */
export function useHarness(options: () => HarnessOptions = () => ({}), prepare?: (h: Harness) => Promise<void>): () => Harness {
  let harness: (Harness & { database?: { name: string; drop(): Promise<void> } }) | undefined;
  let failed = false;
  beforeAll(async () => {
    harness = await openHarness(options());
    await prepare?.(harness);
    await harness.start();
  });
  beforeEach(() => {
    onTestFailed(() => {
      failed = true;
    });
  });
  afterEach(() => {
    harness?.sim.closeForeignJobs();
    harness?.faults();
  });
  afterAll(async () => {
    await harness?.close();
    if (failed) process.stderr.write(`a test failed; its database is kept while the server runs: ${harness?.database?.name}\n`);
    else await harness?.database?.drop();
  });
  return () => {
    if (harness === undefined) throw new Error('the harness is there inside of tests only');
    return harness;
  };
}
