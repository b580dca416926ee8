import type { openProducer } from './app/producer.ts';
import { loadConfig } from './config/config.ts';
import { notFound, ProvisioningError } from './domain/errors.ts';
import { LIBRARY_ACTOR } from './domain/key-space.ts';
import { hasEnded } from './domain/request.ts';
import { silentLog } from './observability/log.ts';
import { startRun } from './producers/actions/start-run.ts';
import { type RunReport, readRequest, readRun, reportRun } from './producers/read/read.ts';
import type { RequestView } from './producers/read/views.ts';
import { waitForEnd } from './producers/read/wait.ts';

export type { ErrorCode, ReasonCode } from './domain/codes.ts';
export { ProvisioningError } from './domain/errors.ts';
export type { RunReport } from './producers/read/read.ts';
export type { RequestView } from './producers/read/views.ts';

export interface ProvisionerOptions {
  /** `postgres://…`; without it `DATABASE_URL` counts. */
  databaseUrl?: string | undefined;
  /** `redis://…`; without it `REDIS_URL` counts, and without that the queue is in Postgres. As for the worker. */
  redisUrl?: string | undefined;
}

/** A request body as in the HTTP API, without `kind`. */
export type Body = Record<string, unknown>;

export interface CallOptions {
  /** The same key with the same body gives the same request. */
  idempotencyKey?: string;
  /** Who asks, as requests and history show it; `library` without it. */
  actor?: string;
}

export interface Provisioner {
  buy(body: Body, options?: CallOptions): Promise<RequestView>;
  update(body: Body, options?: CallOptions): Promise<RequestView>;
  delete(body: Body, options?: CallOptions): Promise<RequestView>;
  /** Starts a run; `run` tells what has become of it. */
  reconcile(): Promise<RunReport>;
  /** `null` when there is no such run. */
  run(id: string): Promise<RunReport | null>;
  /** `null` when there is no such request. */
  request(id: string): Promise<RequestView | null>;
  /** Resolves when the request has ended. Errors: `not_found`, `wait_timed_out` (the request goes on). */
  waitFor(id: string, options?: { timeoutMs?: number }): Promise<RequestView>;
  close(): Promise<void>;
}

const CHECK_EVERY_MS = 500;

/**
 * For a campaign launcher in another process: writes rows and enqueues; the workers do the rest. Needs no Telnyx key. The
 * environment is read as by the commands, so price cap, approval and batch size hold here too; options win over it. Throws
 * `invalid_config` with every problem.
 */
export function createProvisioner(options: ProvisionerOptions = {}): Provisioner {
  const { databaseUrl, redisUrl } = options;
  const config = loadConfig({
    ...process.env,
    // The log is the caller's own business, and so are variables that call themselves that.
    LOG_LEVEL: undefined,
    LOG_FORMAT: undefined,
    ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }),
    ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
  });
  let opened: ReturnType<typeof openProducer> | undefined;
  const producer = () => {
    opened ??= import('./app/producer.ts')
      .then((app) => app.openProducer(config, silentLog))
      .catch((error: unknown) => {
        // A database that was away at the first call may be there at the next.
        opened = undefined;
        throw error;
      });
    return opened;
  };
  const view = async (id: string) => readRequest((await producer()).deps.db, id);
  const submit = async (kind: string, body: Body, call: CallOptions = {}) => {
    const { deps } = await producer();
    const { submitRequest } = await import('./producers/intake/submit.ts');
    const { request } = await submitRequest(deps, { ...body, kind }, { ...call, keySpace: 'library' });
    return mustFind(await view(request.id), request.id);
  };
  return {
    buy: (body, call) => submit('buy', body, call),
    update: (body, call) => submit('update', body, call),
    delete: (body, call) => submit('delete', body, call),
    reconcile: async () => {
      const { deps } = await producer();
      return reportRun(deps.db, await startRun(deps, 'manual', false, LIBRARY_ACTOR));
    },
    run: async (id) => readRun((await producer()).deps.db, id),
    request: view,
    waitFor: async (id, { timeoutMs = 600_000 } = {}) => {
      const { db } = (await producer()).deps;
      const request = mustFind(await waitForEnd(db, id, { everyMs: CHECK_EVERY_MS, timeoutMs }), id);
      if (hasEnded(request.status)) return request;
      throw new ProvisioningError('wait_timed_out', 'rejected', `request ${id} is still ${request.status}; it goes on`);
    },
    close: async () => {
      await (await opened?.catch(() => undefined))?.close();
    },
  };
}

function mustFind(request: RequestView | null, id: string): RequestView {
  if (request === null) throw notFound(`there is no request ${id}`);
  return request;
}
