import type { WorkDeps } from '../account/deps.ts';
import { readAgain } from '../account/read-numbers.ts';
import type { Tx } from '../db/client.ts';
import { extendRunLease, type LeasedRun, lockLeasedRun } from '../db/runs.ts';
import { after, backoff } from '../domain/clock.ts';
import { ProvisioningError } from '../domain/errors.ts';

/** How long a worker may hold a reconciliation run without extending its lease, in milliseconds. */
export const RUN_LEASE_MS = 60_000;
/** A reconciliation run is given up when it could read nothing for this many milliseconds. The next run starts anew. */
const PATIENCE_MS = 3_600_000;
/** A run is also given up after this many failed reads in a row. */
const MOST_TRIES = 65;
const LONGEST_PAUSE_MS = 60_000;
/** The lease is extended at most this often, because a write for every page would cost more than the page. */
const EXTEND_EVERY_MS = 5_000;
/** In a long pause, the run checks every so many milliseconds whether the process stops. */
const NAP_MS = 500;

/** The right of one worker to work on a reconciliation run for minutes or hours. */
export interface RunHold {
  /** Extends the lease when it has grown shorter by some seconds. Throws `stopping` or `lease_lost` (both retry) when this worker must let go of the run. */
  keep(): Promise<void>;
  /**
   * Changes rows in a transaction in which no other worker can take the run. Throws `lease_lost`, with nothing changed, when
   * another worker has it.
   */
  change(work: (tx: Tx) => Promise<void>): Promise<void>;
  /**
   * Reads until an answer comes, also through outages, and keeps the lease meanwhile. Several reads may be under way at once. Each
   * counts its own failures. Throws `account_unreadable` when it gives up.
   */
  read<T>(call: () => Promise<T>): Promise<T>;
}

/** Holds a leased reconciliation run. `signal` fires when the process stops. */
export function holdRun(deps: WorkDeps, run: LeasedRun, signal?: AbortSignal): RunHold {
  let readAt = deps.clock.now().getTime();
  let leasedUntil = 0;
  const goOn = (): void => {
    if (signal?.aborted === true)
      throw new ProvisioningError('stopping', 'retry', 'the process stops; the reconciliation run starts again later');
  };
  const keepFor = async (ms: number): Promise<void> => {
    goOn();
    const until = after(deps.clock.now(), ms + RUN_LEASE_MS);
    if (until.getTime() < leasedUntil + EXTEND_EVERY_MS) return;
    if (!(await extendRunLease(deps.db.sql, run, until))) throw lost(run);
    leasedUntil = until.getTime();
  };
  const rest = async (error: ProvisioningError, tries: number): Promise<void> => {
    const silentMs = deps.clock.now().getTime() - readAt;
    if (silentMs >= PATIENCE_MS || tries >= MOST_TRIES) throw unreadable(error, tries, silentMs);
    const ms = error.retryAfterMs ?? backoff(tries - 1, deps.timings.backoffMs, LONGEST_PAUSE_MS);
    await keepFor(ms);
    for (let left = ms; left > 0; left -= NAP_MS) {
      await deps.pause(Math.min(left, NAP_MS));
      goOn();
    }
  };
  return {
    keep: () => keepFor(0),
    change: async (work) => {
      await deps.db.sql.begin(async (tx) => {
        if (!(await lockLeasedRun(tx, run))) throw lost(run);
        await work(tx);
      });
    },
    read: async (call) => {
      await keepFor(0);
      const answer = await readAgain(call, rest);
      readAt = deps.clock.now().getTime();
      return answer;
    },
  };
}

function lost(run: LeasedRun): ProvisioningError {
  return new ProvisioningError('lease_lost', 'retry', `reconciliation run ${run.id} has ended, or another worker has it`);
}

function unreadable(cause: ProvisioningError, tries: number, silentMs: number): ProvisioningError {
  const minutes = Math.round(silentMs / 60_000);
  const text = `the account could not be read for ${minutes} minutes, ${tries} times in a row: ${cause.message}`;
  return new ProvisioningError('account_unreadable', 'rejected', text, { cause });
}
