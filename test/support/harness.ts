import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, onTestFailed } from 'vitest';
import type { WorkDeps } from '../../src/account/deps.ts';
import { openWork } from '../../src/app/compose.ts';
import { openFoundation } from '../../src/app/foundation.ts';
import { createLifecycle, type Lifecycle } from '../../src/app/lifecycle.ts';
import { workerServices } from '../../src/app/roles.ts';
import { loadConfig } from '../../src/config/config.ts';
import { type Chunk, chunksOfRequest } from '../../src/db/chunks.ts';
import type { Db } from '../../src/db/client.ts';
import type { Item } from '../../src/db/items.ts';
import { type Drift, listDrift } from '../../src/db/queries/drift.ts';
import { getRequest } from '../../src/db/requests.ts';
import { getRun, type Run } from '../../src/db/runs.ts';
import { RATE_FAMILIES, type RateFamily } from '../../src/domain/rate-families.ts';
import { hasEnded } from '../../src/domain/request.ts';
import { DEFAULT_TIMINGS, type Timings } from '../../src/domain/timings.ts';
import { createLog } from '../../src/observability/log.ts';
import type { Metrics } from '../../src/observability/metrics.ts';
import type { Handlers } from '../../src/processors/context.ts';
import { createHandlers } from '../../src/processors/handlers.ts';
import { acceptRun } from '../../src/producers/actions/accept-run.ts';
import { startRun } from '../../src/producers/actions/start-run.ts';
import type { Limits } from '../../src/producers/deps.ts';
import { type SubmitOptions, submitRequest } from '../../src/producers/intake/submit.ts';
import { readRequest } from '../../src/producers/read/read.ts';
import type { RequestView } from '../../src/producers/read/views.ts';
import type { QueueBackend } from '../../src/queues/backend.ts';
import type { Queues } from '../../src/queues/queues.ts';
import { reconcileInventory } from '../../src/reconcile/walk.ts';
import { type Fault, type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/index.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { hasRedis, redisUrl } from './redis.ts';
import { ensureTemplate } from './template.ts';
import { somethingHappened, until } from './until.ts';

/**
 * Waits that are short enough for tests, in the proportions of the real ones. Every lag of the simulator is shorter than
 * `settleMs`.
 */
export const FAST: Timings = {
  ...DEFAULT_TIMINGS,
  leaseMs: 4_000,
  settleMs: 900,
  checkMinMs: 50,
  checkMaxMs: 300,
  pollMinMs: 50,
  pollMaxMs: 300,
  listEveryMs: 50,
  hotPollMs: 5_000,
  coldPollMs: 600,
  backoffMs: 100,
  orphanMs: 800,
  sweepMs: 200,
};

/** The key of the simulated account. It has the shape of a real key, so that the secret scan would find a leak. */
export const API_KEY = 'KEY0123456789ABCDEF_simulated-account';

/** Only a hanging request takes this long, even when other test files run. */
const ENDS_WITHIN_MS = 45_000;
/** Requests a second. */
const UNLIMITED = 500;
/** How many chunks the error of a request that does not end lists. */
const MOST_SHOWN = 20;

export interface HarnessOptions {
  /** Redis where there is one: it is what production uses, and it costs a test a third less. `core.test.ts` runs on both. */
  backend?: 'postgres' | 'redis';
  /** A Redis that only this test uses and may flush. */
  redis?: string;
  simulator?: SimulatorOptions;
  /** A database of the caller's own, such as one of an older version. */
  database?: TestDatabase;
  timings?: Partial<Timings>;
  limits?: Partial<Limits>;
  jobSlots?: number;
  /** See `JobPresence`. */
  asleepMs?: number;
  /** Requests a second of single families. The other families are practically unlimited. */
  rates?: Record<string, number>;
  /** The total deadline of every call to Telnyx, in milliseconds. */
  deadlineMs?: number;
}

/** The product on a simulated Telnyx, in its shipped composition, with shorter waits. */
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
  /** Stops both, as the end of a process does. `start` begins again on the same rows. */
  stop(): Promise<void>;
  faults(...faults: Fault[]): void;
  /** Returns the id of the request. */
  submit(body: object, options?: SubmitOptions): Promise<string>;
  view(id: string): Promise<RequestView>;
  ended(id: string, options?: { withinMs?: number }): Promise<RequestView>;
  /** Submits a request and waits for its end. */
  run(body: object, options?: { withinMs?: number }): Promise<RequestView>;
  items(id: string): Promise<Item[]>;
  chunks(id: string): Promise<Chunk[]>;
  /** Copies the numbers of the account into the inventory. */
  learnInventory(): Promise<void>;
  /** Runs one reconciliation by the workers and returns it with its drift. */
  reconcile(options?: { repair?: boolean }): Promise<{ run: Run; drift: Drift[] }>;
  /** Runs a reconciliation and accepts all its drift, so that the account's state becomes the wanted one. */
  takeOver(): Promise<void>;
  close(): Promise<void>;
}

export async function openHarness(options: HarnessOptions = {}): Promise<Harness> {
  await ensureTemplate();
  const database = options.database ?? (await createTestDatabase());
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
  const lines: string[] = [];
  const log = createLog({
    level: 'debug',
    format: 'json',
    secrets: [API_KEY],
    destination: { write: (line: string) => void lines.push(line) },
  });
  // From here on it opens what `buildRole('worker')` opens, with shorter waits.
  const foundation = await openFoundation(loadConfig(environment(options, database.url, sim.url)), log, {
    namespace: `test-${database.name}`,
    maxConnections: 6,
    ...(options.asleepMs !== undefined && { asleepMs: options.asleepMs }),
  });
  tellWhenJobsEnd(foundation.metrics);
  const work = openWork(foundation, {
    timings: { ...FAST, ...options.timings },
    deadlines: everyFamily(options.deadlineMs ?? 3_000),
  });
  // Tests call Telnyx after the workers have stopped, and start workers again on the same gateway.
  const stopCalls = work.stop;
  work.stop = async () => undefined;
  const { db, queues, backend } = foundation;
  const deps: WorkDeps = work;
  let running: Lifecycle | null = null;

  const h: Harness = {
    databaseUrl: database.url,
    sim,
    db,
    deps,
    queues,
    backend,
    handlers: createHandlers(work),
    logged: () => lines.join(''),
    start: async () => {
      const services = workerServices(foundation, work, {
        role: 'worker',
        concurrency: { buy: 8, webhooks: 4 },
        lockMs: 2_000,
        stalledMs: 700,
        started: () => undefined,
      });
      // The right to be the only worker ends with a connection. The connections of the harness stay open, so this right is not
      // taken.
      running = createLifecycle(
        services.filter(({ name }) => name !== 'sole worker'),
        log,
      );
      await running.start();
    },
    stop: async () => {
      await running?.stop('the test asked for it');
      running = null;
    },
    faults: (...faults) => sim.faults({ clear: true, faults }),
    submit: async (body, submitOptions) => (await submitRequest(deps, body, submitOptions)).request.id,
    view: async (id) => {
      const view = await readRequest(db, id);
      if (view === null) throw new Error(`no request ${id}`);
      return view;
    },
    ended: (id, { withinMs = ENDS_WITHIN_MS } = {}) => endedOr(h, id, withinMs),
    run: async (body, waitOptions) => endedOr(h, await h.submit(body), waitOptions?.withinMs ?? ENDS_WITHIN_MS),
    items: (id) => db.sql<Item[]>`select * from items where request_id = ${id} order by position`,
    chunks: (id) => chunksOfRequest(db.sql, id),
    learnInventory: async () => {
      const [run] = await db.sql<Run[]>`
        insert into reconciliation_runs (id, status, trigger, repair, created_at, started_at)
        values (${`run_${randomBytes(6).toString('hex')}`}, 'running', 'manual', false, now(), now()) returning *`;
      if (run === undefined) throw new Error('no run');
      await reconcileInventory(deps, run);
      // The adopted numbers now count as known since before the test's own actions.
      await db.sql`update phone_numbers set updated_at = updated_at - interval '1 hour', last_seen_at = now() - interval '1 hour'`;
    },
    reconcile: async ({ repair = false } = {}) => {
      const started = await startRun(deps, 'manual', repair);
      const run = await until('the reconciliation ends', async () => {
        const now = await getRun(db.sql, started.id);
        return now !== null && now.finishedAt !== null ? now : null;
      });
      return { run, drift: await listDrift(db.reads, run.id, 10_000, null) };
    },
    takeOver: async () => {
      const { run } = await h.reconcile();
      await acceptRun(deps, run.id, {}, 'test');
    },
    close: async () => {
      await h.stop();
      await stopCalls();
      await foundation.close();
      await sim.stop();
    },
  };
  return Object.assign(h, { database });
}

const everyFamily = <T>(value: T): Record<RateFamily, T> =>
  // Sound: the entries are those of all families.
  Object.fromEntries(RATE_FAMILIES.map((family) => [family, value])) as Record<RateFamily, T>;

/** Returns the variables that a user would set to get this harness. */
function environment(options: HarnessOptions, databaseUrl: string, simulatorUrl: string): Record<string, string> {
  const { orderSize, batchSize, maxNumberCost, approvalAbove, budgets, prices } = options.limits ?? {};
  const rates = Object.entries({ ...everyFamily(UNLIMITED), ...options.rates });
  const backend = options.backend ?? (hasRedis() ? 'redis' : 'postgres');
  return {
    DATABASE_URL: databaseUrl,
    TELNYX_API_KEY: API_KEY,
    TELNYX_BASE_URL: simulatorUrl,
    PROVISIONER_RATE_LIMITS: rates.map(([family, perSecond]) => `${family}=${perSecond}`).join(','),
    PROVISIONER_JOB_SLOTS: String(options.jobSlots ?? 5),
    PROVISIONER_RECONCILE_CRON: 'off',
    ...(backend === 'redis' && { REDIS_URL: options.redis ?? redisUrl() }),
    ...(orderSize !== undefined && { PROVISIONER_ORDER_SIZE: String(orderSize) }),
    ...(batchSize !== undefined && { PROVISIONER_BATCH_SIZE: String(batchSize) }),
    ...(maxNumberCost !== undefined && { PROVISIONER_MAX_NUMBER_COST: maxNumberCost }),
    ...(approvalAbove != null && { PROVISIONER_APPROVAL_ABOVE: approvalAbove }),
    ...(budgets && { PROVISIONER_BUDGETS: listOf(budgets, (name, amount) => `${name}:${amount}/month`) }),
    ...(prices && { PROVISIONER_PRICES: listOf(prices, (name, amount) => `${name}=${amount}`) }),
  };
}

const listOf = (of: Readonly<Record<string, string>>, entry: (name: string, amount: string) => string): string =>
  Object.entries(of)
    .map(([name, amount]) => entry(name, amount))
    .join(',');

/** Signals the end of every attempt of a queue job, so that waiting tests check at once. */
function tellWhenJobsEnd({ jobsProcessed }: Metrics): void {
  jobsProcessed.inc = new Proxy(jobsProcessed.inc, {
    apply: (count, counter, given) => {
      Reflect.apply(count, counter, given);
      somethingHappened();
    },
  });
}

/** Waits for the end of a request. When it does not end, the error describes its state. */
async function endedOr(h: Harness, id: string, withinMs: number): Promise<RequestView> {
  try {
    return await until(
      `request ${id} ends`,
      async () => {
        // One statement, because this is asked hundreds of times. The view costs five.
        const request = await getRequest(h.db.sql, id);
        return request !== null && hasEnded(request.status) ? await h.view(id) : null;
      },
      { withinMs },
    );
  } catch (error) {
    const open = (await h.chunks(id)).filter((c) => c.state !== 'settled' && c.state !== 'cancelled');
    const chunks = open.map(
      (c) => `${c.kind} ${c.state} of ${c.numbers.length} (${c.error ?? '-'}; ${JSON.stringify(c.evidence)})`,
    );
    const more = open.length > MOST_SHOWN ? [`and ${open.length - MOST_SHOWN} more open chunks`] : [];
    throw new Error([JSON.stringify(await h.view(id)), ...chunks.slice(0, MOST_SHOWN), ...more].join('\n'), { cause: error });
  }
}

/**
 * Opens one harness for the tests of a file (or a describe) and closes it after them. Faults are cleared between two tests. The
 * database stays when a test failed, because it is the evidence.
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
