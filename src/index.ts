import type { openProducer } from './app/producer.ts';
import { loadConfig } from './config/config.ts';
import type { Provisioner, ProvisionerOptions } from './library/interface.ts';
import { verbs } from './library/verbs.ts';
import { silentLog } from './observability/log.ts';

export type { ErrorCode, ReasonCode } from './domain/codes.ts';
export { type ErrorDetail, ProvisioningError } from './domain/errors.ts';
export type {
  ApplyOptions,
  BuyBody,
  CallOptions,
  Decision,
  DeleteBody,
  PlanOptions,
  Provisioner,
  ProvisionerOptions,
  UpdateBody,
} from './library/interface.ts';
export type * from './library/types.ts';

/**
 * For a campaign launcher in another process: writes rows and enqueues; the workers do the rest. Needs no Telnyx key. The
 * environment is read as by the commands, so price cap, approval and batch size hold here too; options win over it. Nothing is
 * opened before the first call. Throws `invalid_config` with every problem.
 */
export function createProvisioner(options: ProvisionerOptions = {}): Provisioner {
  const { databaseUrl, redisUrl, actor = 'library' } = options;
  const config = loadConfig({
    ...process.env,
    // The log is the caller's own business, and so are variables that call themselves that.
    LOG_LEVEL: undefined,
    LOG_FORMAT: undefined,
    ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }),
    ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
  });
  let opened: ReturnType<typeof openProducer> | undefined;
  const open = async () => {
    opened ??= import('./app/producer.ts')
      .then((app) => app.openProducer(config, silentLog))
      .catch((error: unknown) => {
        // A database that was away at the first call may be there at the next.
        opened = undefined;
        throw error;
      });
    return { deps: (await opened).deps, jobSlots: config.queue.jobSlots };
  };
  return {
    ...verbs(open, actor),
    close: async () => {
      await (await opened?.catch(() => undefined))?.close();
    },
  };
}
