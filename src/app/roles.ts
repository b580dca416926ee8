import { setFlagsFromString } from 'node:v8';
import { type Config, secretsOf } from '../config/config.ts';
import { packageVersion } from '../config/version.ts';
import { takeSoleWorker } from '../db/locks.ts';
import { asError, ProvisioningError } from '../domain/errors.ts';
import type { RootLog } from '../observability/log.ts';
import { createScrubber } from '../observability/scrub.ts';
import { EMERGENCY_AT_ONCE, MESSAGING_AT_ONCE, placesFor, type QueueName } from '../queues/catalogue.ts';
import { refuseEviction } from '../queues/redis.ts';
import { startWorkers, type Workers } from '../queues/workers.ts';
import { aliveFile } from './alive-file.ts';
import { announcer } from './announcer.ts';
import { liveBy } from './clock.ts';
import type { Work, WorkOptions } from './compose.ts';
import { type Foundation, type FoundationOptions, openFoundation } from './foundation.ts';
import { heartbeat } from './heartbeat.ts';
import { createLifecycle, type Lifecycle, runUntilSignal, type Service } from './lifecycle.ts';
import { sweeper } from './sweeper.ts';
import { type Health, watchdog } from './watchdog.ts';

export type Role = 'worker' | 'serve' | 'up';

/** Longest drain. A call to Telnyx that is in flight may end within it. */
const DRAIN_MS = 50_000;

/**
 * A worker that is silent for this long in the middle of a transaction is frozen or gone. Postgres then ends its locks, as its
 * leases end. Other processes have no such limit, because they store requests while they read numbers from a user's pipe.
 */
const SILENT_WORKER_MS = 60_000;

export interface Running {
  foundation: Foundation;
  lifecycle: Lifecycle;
  /** The address of the HTTP server, when the role has one. */
  url: () => string | null;
}

export interface WorkerOptions {
  /** Only for tests: see `WorkersOptions`. */
  lockMs?: number;
  /** Only for tests: see `WorkersOptions`. */
  stalledMs?: number;
  /** Only for tests: jobs at once of single queues. */
  concurrency?: Partial<Record<QueueName, number>>;
}

export interface RoleOptions extends FoundationOptions, WorkOptions, WorkerOptions {
  /** Only for tests: how often the process reads its own health, in milliseconds. */
  healthEveryMs?: number;
}

/** Builds the services of a role; nothing runs until `lifecycle.start()`. */
export async function buildRole(role: Role, config: Config, log: RootLog, options: RoleOptions = {}): Promise<Running> {
  const silent = role === 'serve' ? {} : { idleInTransactionMs: SILENT_WORKER_MS };
  const foundation = await openFoundation(config, log, { ...silent, ...options });
  const services: Service[] = [{ name: 'database and queue', stop: foundation.close, stopWithinMs: 20_000 }];
  let url: string | null = null;
  let workers: Workers | null = null;
  try {
    const dog = watchdog(foundation, role !== 'serve', () => workers, options.healthEveryMs);
    services.push(dog);
    if (role !== 'serve') {
      const { openWork } = await import('./compose.ts');
      const work = openWork(foundation, options);
      services.push(...workerServices(foundation, work, { ...options, role, started: (w) => (workers = w) }));
    }
    if (role !== 'serve' && config.aliveFile !== null) services.push(aliveFile(config.aliveFile, dog, log));
    if (role !== 'worker') services.push(await httpService(foundation, log, dog, (at) => (url = at)));
    return { foundation, lifecycle: createLifecycle(services, log), url: () => url };
  } catch (error) {
    await foundation.close();
    throw error;
  }
}

/**
 * By default V8 lets garbage grow to a multiple of the live data before it collects. A walk over 100,000 numbers then doubles the
 * memory of a process whose live data stays the same. This share above the live data is enough.
 */
const HEAP_GROWTH_PERCENT = 25;

/** Runs a role until a signal asks to stop; resolves to the exit code. */
export async function runRole(role: Role, config: Config, log: RootLog): Promise<number> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const { foundation, lifecycle, url } = await buildRole(role, config, log);
  liveBy(foundation.deps.clock);
  const exit = new Promise<number>((resolve, reject) => {
    const host = { on: process.on.bind(process), off: process.off.bind(process), exit: resolve };
    runUntilSignal({ lifecycle, log, process: host, beforeExit: log.flush }).then(
      () => log.info({ role, ...(url() !== null && { url: url() ?? '' }) }, url() === null ? 'working' : `listening on ${url()}`),
      (error: unknown) => {
        // What a person can put right is one line of the command, without a stack.
        if (error instanceof ProvisioningError && error.disposition === 'rejected') return reject(error);
        log.error({ err: error, role }, 'not started');
        resolve(1);
      },
    );
  });
  return exit;
}

/** Loaded by a process that works, and not by one that only serves; the server the other way round. Each takes long to load. */
const workingParts = () => Promise.all([import('../processors/handlers.ts'), import('../processors/run-job.ts')]);

/** The services of a process that takes up work, in the order in which they start. `started` gets the workers once they run. */
export function workerServices(
  f: Foundation,
  work: Work,
  options: WorkerOptions & { role: Role; started: (workers: Workers) => void },
): Service[] {
  const { config, log, backend, queues, metrics } = f;
  let release: (() => Promise<void>) | null = null;
  let workers: Workers | null = null;
  return [
    {
      name: 'redis policy',
      start: async () => {
        if (config.queue.redis !== null && !config.queue.allowEviction) await refuseEviction(config.queue.redis);
      },
      stop: async () => undefined,
      stopWithinMs: 1_000,
    },
    {
      // Without Redis nothing coordinates the request rate between processes, so only one worker may run.
      name: 'sole worker',
      start: async () => {
        if (backend.profile.manyProcesses) return;
        release = await takeSoleWorker(f.db.sql);
        if (release !== null) return;
        throw new ProvisioningError(
          'second_worker',
          'rejected',
          'another worker runs on this database already; without Redis there may be one only: set REDIS_URL to run several',
        );
      },
      stop: async () => release?.(),
      stopWithinMs: 5_000,
    },
    { name: 'calls', stop: work.stop, stopWithinMs: 10_000 },
    {
      name: 'workers',
      start: async () => {
        const [{ createHandlers }, { createRunJob }] = await workingParts();
        const runJob = createRunJob({
          handlers: createHandlers(work),
          log,
          metrics,
          scrub: createScrubber(secretsOf(config)),
          backoffMs: work.timings.backoffMs,
        });
        workers = startWorkers(backend, runJob, {
          concurrency: {
            buy: 20,
            'batch-jobs': placesFor(config.queue.jobSlots),
            emergency: EMERGENCY_AT_ONCE,
            messaging: MESSAGING_AT_ONCE,
            reconcile: 1,
            webhooks: 10,
            maintenance: 1,
            ...options.concurrency,
          },
          log,
          ...(options.lockMs !== undefined && { lockMs: options.lockMs }),
          ...(options.stalledMs !== undefined && { stalledMs: options.stalledMs }),
        });
        options.started(workers);
      },
      stop: async () => {
        // First no new queue jobs, then no new calls. So each job ends with the call that it waits for.
        const drained = workers?.close({ deadlineMs: DRAIN_MS });
        await Promise.all([drained, work.stop()]);
        if ((await drained) !== false) return;
        const left = workers?.running() ?? [];
        throw new Error(
          left.length > 0
            ? `jobs were left to be taken over: ${left.join(', ')}`
            : 'the queue store did not take the last answers',
        );
      },
      stopWithinMs: DRAIN_MS + 5_000,
    },
    sweeper(work, queues, config, metrics),
    announcer(f),
    heartbeat(f, options.role),
  ];
}

/** Why a server may not listen. */
const LISTEN_PROBLEMS: { readonly [code: string]: string } = {
  EADDRINUSE: 'is in use by another program; choose another with --port or PROVISIONER_PORT',
  EACCES: 'may not be used by this user; choose another with --port or PROVISIONER_PORT',
  EADDRNOTAVAIL: 'cannot be used, because this machine does not have that address; correct PROVISIONER_HOST',
};

/** Turns the usual errors of listening into `invalid_config` with what to do. Any other error stays as it is. */
function listenProblem(error: Error, host: string, port: number): Error {
  const why = 'code' in error ? LISTEN_PROBLEMS[String(error.code)] : undefined;
  return why === undefined ? error : new ProvisioningError('invalid_config', 'rejected', `port ${port} of ${host} ${why}`);
}

async function httpService(f: Foundation, log: RootLog, health: Health, listening: (url: string) => void): Promise<Service> {
  const { config } = f;
  let stopping = false;
  const { buildServer } = await import('../http/server.ts');
  const server = await buildServer({
    producer: f.deps,
    apiKeys: config.http.apiKeys,
    host: config.http.host,
    webhookKeys: config.telnyx.publicKeys,
    jobSlots: config.queue.jobSlots,
    version: packageVersion(),
    boardQueues: () => f.queues.all(),
    metrics: async () => ({ contentType: f.metrics.registry.contentType, text: await f.metrics.registry.metrics() }),
    ready: () => {
      const problems = [...(stopping ? ['stopping'] : []), ...health.problems()];
      return { ok: problems.length === 0, problems, notices: health.notices() };
    },
    clock: f.deps.clock,
    log: log.pino,
  });
  return {
    name: 'http',
    start: async () => {
      const { host, port } = config.http;
      listening(
        await server.listen({ host, port }).catch((error: unknown) => Promise.reject(listenProblem(asError(error), host, port))),
      );
    },
    stop: async () => {
      stopping = true;
      await server.close();
    },
    stopWithinMs: 15_000,
  };
}
