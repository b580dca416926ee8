import { secretsOf } from '../config/config.ts';
import { getAccount } from '../db/account.ts';
import { findStandstill, openBacklog } from '../db/health.ts';
import { liveWorkers } from '../db/workers.ts';
import { withinDeadline } from '../domain/deadline.ts';
import { asError } from '../domain/errors.ts';
import { type Consumption, evaluateConsumption, NO_WORKER, STUCK_AFTER_MS, whyStandstill } from '../observability/liveness.ts';
import { createScrubber } from '../observability/scrub.ts';
import { QUEUE_NAMES, type QueueName } from '../queues/catalogue.ts';
import type { QueueCounts } from '../queues/port.ts';
import type { Workers } from '../queues/workers.ts';
import type { Foundation } from './foundation.ts';
import type { Service } from './lifecycle.ts';
import { periodic } from './periodic.ts';
import { POOL_MS, poolProbe } from './pool-probe.ts';

const CHECK_EVERY_MS = 5_000;
const PAUSED_BY_HAND = 'paused by hand; its work waits until somebody resumes it on the dashboard';
/** A reading may take this long. A longer one counts as a problem of its own, and must not delay the next reading. */
const CHECK_MS = 5_000;

/** What the process knows about its own health. `/readyz` shows it. */
export interface Health {
  /** Why this process cannot do its part. */
  problems(): string[];
  /** What a person should know, although this process can do its part. */
  notices(): string[];
}

/**
 * Reads database and queue every few seconds, keeps the gauges, and reports "work waits, nothing is consumed" by a metric and an
 * error in the log. It judges by the rows, whatever the queue says, and by each queue that answers. A process that works is then
 * not ready. A process that only serves stays ready, because it stores requests: without it, nothing could be submitted.
 */
export function watchdog(
  f: Foundation,
  works: boolean,
  workers: () => Workers | null,
  everyMs = CHECK_EVERY_MS,
): Service & Health {
  const startedAt = f.deps.clock.now();
  const probe = poolProbe(f.db, f.metrics);
  const checking = new Set<'database' | 'queue'>();
  let stuckPools: string[] = [];
  const scrub = createScrubber(secretsOf(f.config));
  const states = new Map<QueueName, Consumption>();
  const stuck = new Set<QueueName>();
  const paused = new Set<QueueName>();
  const troubles = new Map<'database' | 'queue', string>();
  let standstill: string | null = null;
  let alone = false;
  const attempt = async (what: 'database' | 'queue', check: () => Promise<void>): Promise<void> => {
    try {
      // A reading that still waits is not started a second time.
      if (checking.has(what)) throw noAnswer(what);
      checking.add(what);
      const answer = check().finally(() => checking.delete(what));
      await withinDeadline(answer, CHECK_MS, () => noAnswer(what));
      troubles.delete(what);
    } catch (error) {
      if (!troubles.has(what)) f.log.error({ err: asError(error), part: what }, `the ${what} does not answer`);
      // Everybody may read this text, and an error may quote an address with its password.
      troubles.set(what, scrub(`${what}: ${asError(error).message || asError(error).name}`));
    }
  };
  /** A pause by a person is not a problem of the process, but people must not forget it. */
  const notePaused = (names: QueueName[]): void => {
    for (const name of QUEUE_NAMES) {
      const isPaused = names.includes(name);
      f.metrics.queuePaused.set({ queue: name }, isPaused ? 1 : 0);
      if (isPaused && !paused.has(name)) f.log.warn({ queue: name }, PAUSED_BY_HAND);
      if (!isPaused && paused.delete(name)) f.log.info({ queue: name }, 'the queue was resumed');
      if (isPaused) paused.add(name);
    }
  };
  const judge = (counts: Record<QueueName, QueueCounts>): void => {
    const processed = workers()?.processed();
    for (const name of QUEUE_NAMES) {
      const seen = { ...counts[name], processed: processed?.[name] ?? 0 };
      for (const state of ['waiting', 'active', 'delayed', 'failed'] as const)
        f.metrics.queueDepth.set({ queue: name, state }, seen[state]);
      const { verdict, state } = evaluateConsumption(states.get(name) ?? null, seen, Date.now());
      states.set(name, state);
      f.metrics.queueStuck.set({ queue: name }, verdict === 'stuck' && !paused.has(name) ? 1 : 0);
      if (verdict === 'ok' || paused.has(name)) stuck.delete(name);
      else if (!stuck.has(name)) {
        stuck.add(name);
        f.log.error({ queue: name, count: seen.waiting }, 'work waits in this queue and nothing consumes it');
      }
    }
  };
  const checkPools = async (): Promise<void> => {
    const found = (await probe()).map((pool) => `database: no connection for ${pool} was free for ${POOL_MS / 1_000} s`);
    for (const text of found) if (!stuckPools.includes(text)) f.log.error({ part: 'watchdog' }, text);
    stuckPools = found;
    f.metrics.clockAhead.set(f.clockAheadMs() / 1_000);
  };
  const round = async (): Promise<void> => {
    await checkPools();
    await attempt('queue', async () => {
      notePaused(await f.queues.paused());
      judge(await f.queues.counts());
    });
    await attempt('database', async () => {
      await refreshGauges(f);
      const now = f.deps.clock.now().getTime();
      const seen = await findStandstill(f.db.sql, new Date(now - STUCK_AFTER_MS));
      // Before its first heartbeat, this process already counts as a worker.
      const workersSince = (await liveWorkers(f.db.sql))[0]?.startedAt ?? (works ? startedAt : null);
      alone = workersSince === null;
      const why = whyStandstill({ ...seen, queueAnswers: !troubles.has('queue'), workersSince }, now);
      f.metrics.workStuck.set(why === null ? 0 : 1);
      if (why !== null && standstill === null) f.log.error({ part: 'watchdog' }, why);
      standstill = why;
    });
  };
  const unconsumed = (): string[] => [
    ...(standstill === null ? (alone ? [NO_WORKER] : []) : [standstill]),
    ...[...stuck].map((q) => `queue ${q}: work waits and nothing is consumed`),
  ];
  return {
    ...periodic('watchdog', everyMs, round),
    problems: () => [...stuckPools, ...troubles.values(), ...(works ? unconsumed() : [])],
    notices: () => [
      ...[...paused].map((q) => `queue ${q}: ${PAUSED_BY_HAND}`),
      ...(works ? [] : unconsumed()),
      ...f.clockNotice(),
    ],
  };
}

function noAnswer(what: string): Error {
  return new Error(`no answer within ${CHECK_MS / 1_000} s (${what})`);
}

async function refreshGauges(f: Foundation): Promise<void> {
  const { items, needsAttention } = await openBacklog(f.db.sql);
  f.metrics.itemsByStatus.reset();
  for (const row of items) f.metrics.itemsByStatus.set({ kind: row.kind, status: row.status }, row.n);
  f.metrics.chunksNeedingAttention.set(needsAttention);
  f.metrics.gateOpen.set((await getAccount(f.db.sql)).gateOpen ? 1 : 0);
}
