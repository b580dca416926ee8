import { hostname } from 'node:os';
import { packageVersion } from '../config/version.ts';
import { newWorkerId } from '../db/ids.ts';
import { BEAT_EVERY_MS, forgetWorker, noteWorker } from '../db/workers.ts';
import { endsWithin } from '../domain/deadline.ts';
import { asError } from '../domain/errors.ts';
import type { Foundation } from './foundation.ts';
import type { Service } from './lifecycle.ts';
import { periodic } from './periodic.ts';

const FORGET_MS = 2_000;

/**
 * Tells the other processes that this one takes up work. While the database is away, this worker looks dead to them, which is
 * true for them; so a failed beat is a log line and not an error. It stops before the workers, because a draining worker takes up
 * nothing more.
 */
export function heartbeat(f: Pick<Foundation, 'db' | 'log'>, role: string): Service {
  const self = { id: newWorkerId(), role, host: hostname(), pid: process.pid, version: packageVersion() };
  let failing = false;
  const beat = async (): Promise<void> => {
    try {
      await noteWorker(f.db.sql, self);
      failing = false;
    } catch (error) {
      if (!failing) f.log.warn({ err: asError(error), part: 'heartbeat' }, 'other processes cannot see that this worker lives');
      failing = true;
    }
  };
  const service = periodic('heartbeat', BEAT_EVERY_MS, beat);
  return {
    ...service,
    stop: async () => {
      await service.stop();
      // This may fail, because a row that is not renewed counts as gone within seconds.
      await endsWithin(forgetWorker(f.db.sql, self.id), FORGET_MS);
    },
  };
}
