import { rm, writeFile } from 'node:fs/promises';
import { asError } from '../domain/errors.ts';
import type { Log } from '../observability/log.ts';
import type { Service } from './lifecycle.ts';
import { periodic } from './periodic.ts';
import type { Health } from './watchdog.ts';

const RENEW_EVERY_MS = 5_000;

/**
 * Renews a file while the process can do its part. A worker listens on no port, so an orchestrator checks the age of this file by
 * a command. An old file means a problem, or a frozen process. The start fails when the file cannot be written.
 */
export function aliveFile(path: string, health: Pick<Health, 'problems'>, log: Log): Service {
  const renew = (): Promise<void> => writeFile(path, `${new Date().toISOString()}\n`);
  let failing = false;
  const service = periodic('alive file', RENEW_EVERY_MS, async () => {
    if (health.problems().length > 0) return;
    try {
      await renew();
      failing = false;
    } catch (error) {
      if (!failing) log.warn({ err: asError(error), part: 'alive file' }, `${path} cannot be renewed: this worker looks dead`);
      failing = true;
    }
  });
  return {
    ...service,
    start: async () => {
      await renew();
      await service.start?.();
    },
    stop: async () => {
      await service.stop();
      await rm(path, { force: true });
    },
  };
}
