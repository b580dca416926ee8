import { setTimeout as sleep } from 'node:timers/promises';
import { buildRole } from '../../src/app/roles.ts';
import { loadConfig, secretsOf } from '../../src/config/config.ts';
import type { Db } from '../../src/db/client.ts';
import { getRun } from '../../src/db/runs.ts';
import type { Timings } from '../../src/domain/timings.ts';
import { createLog } from '../../src/observability/log.ts';
import { startRun } from '../../src/producers/actions/start-run.ts';
import type { ProducerDeps } from '../../src/producers/deps.ts';
import { submitRequest } from '../../src/producers/intake/submit.ts';
import { waitForEnd } from '../../src/producers/read/wait.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/index.ts';

export const KEY = 'KEY_SIM';
/** A rate so high that nothing waits for it, for benchmarks that count calls. */
export const NO_LIMIT = familiesAt(1_000);
const PATIENCE_MS = 240_000;
const POLL_MS = 100;

/** `PROVISIONER_RATE_LIMITS` with one rate for every family. */
export function familiesAt(perSecond: number): string {
  return ['search', 'orders', 'jobs', 'reads', 'messaging', 'ownership', 'reservations']
    .map((f) => `${f}=${perSecond}`)
    .join(',');
}

export interface StageOptions {
  databaseUrl: string;
  redisUrl: string | null;
  orderSize: number;
  simulator: SimulatorOptions;
  timings: Partial<Timings>;
  /** `PROVISIONER_RATE_LIMITS`. Without it no call waits for the rate. */
  rates?: string;
}

/** Simulator and worker in this process, on a real database and queue. */
export interface Stage {
  deps: ProducerDeps;
  simulator: Simulator;
  /** Counts the calls so far by endpoint, whatever the answer was. */
  calls(): Map<string, number>;
  /** Submits a request and waits for its end. Throws unless every number succeeded. */
  run(body: object): Promise<void>;
  /** Runs one reconciliation. Throws unless it saw the whole account. */
  reconcile(): Promise<void>;
  stop(): Promise<void>;
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const simulator = await startSimulator({ apiKey: KEY, ...options.simulator });
  const config = loadConfig({
    TELNYX_API_KEY: KEY,
    TELNYX_BASE_URL: simulator.url,
    DATABASE_URL: options.databaseUrl,
    ...(options.redisUrl !== null && { REDIS_URL: options.redisUrl }),
    PROVISIONER_RATE_LIMITS: options.rates ?? NO_LIMIT,
    PROVISIONER_ORDER_SIZE: String(options.orderSize),
    PROVISIONER_RECONCILE_CRON: 'off',
    LOG_LEVEL: 'error',
  });
  const log = createLog({ level: config.log.level, format: config.log.format, secrets: secretsOf(config) });
  const { foundation, lifecycle } = await buildRole('worker', config, log, {
    namespace: `provisioner-bench-${process.pid}-${options.orderSize}`,
    timings: options.timings,
  });
  await lifecycle.start();
  const { deps } = foundation;
  return {
    deps,
    simulator,
    calls: () => callsOf(simulator),
    run: async (body) => {
      const { request } = await submitRequest(deps, body);
      await untilSucceeded(deps.db, request.id, PATIENCE_MS);
    },
    reconcile: async () => {
      const { id } = await startRun(deps, 'manual', false);
      const run = await until(`run ${id}`, async () => {
        const now = await getRun(deps.db.sql, id);
        return now?.finishedAt == null ? null : now;
      });
      if (run.status !== 'completed') throw new Error(`the run ended as ${run.status}: ${run.error ?? ''}`);
    },
    stop: async () => {
      await lifecycle.stop('the benchmark is over');
      await simulator.stop();
    },
  };
}

export function callsOf(simulator: Simulator): Map<string, number> {
  const { by_endpoint } = simulator.ledger().calls;
  return new Map(Object.entries(by_endpoint).map(([name, by]) => [name, Object.values(by).reduce((sum, n) => sum + n, 0)]));
}

/** Waits for a request. Throws when it does not succeed within `timeoutMs` milliseconds. */
export async function untilSucceeded(db: Db, id: string, timeoutMs: number): Promise<void> {
  const view = await waitForEnd(db, id, { everyMs: POLL_MS, timeoutMs });
  if (view?.status !== 'succeeded')
    throw new Error(`request ${id} is ${view?.status ?? 'gone'} and has not succeeded: ${JSON.stringify(view?.counts)}`);
}

/** Looks until there is something. */
export async function until<T>(what: string, read: () => Promise<T | null>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const found = await read();
    if (found !== null) return found;
    await sleep(POLL_MS);
  }
  throw new Error(`${what} did not end within ${PATIENCE_MS / 1_000} s`);
}
