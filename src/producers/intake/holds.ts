import { after } from '../../domain/clock.ts';
import { invalid } from '../../domain/errors.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { RequestBody } from './request-shapes.ts';

/** The farthest start, in milliseconds. A later one is a typing error. */
const FARTHEST_START_MS = 366 * 86_400_000;

/** What a canary is measured by, and the time. */
interface Situation {
  asked: number;
  batchSize: number;
  now: Date;
}

/**
 * What holds back the calls of a request, from its body. A repeat of an idempotency key does not get here, so its moment may be over.
 * Errors: `validation_failed` for a moment that is over or too far away, and for a canary that leaves nothing behind it.
 */
export function holdsOf(body: RequestBody, { asked, batchSize, now }: Situation) {
  if (body.kind === 'delete') return { startAt: null, canary: null, stopAbove: null, allOrNothing: false };
  const canary = body.canary ?? null;
  const most = Math.min(batchSize, asked - 1);
  // Without numbers, the body is refused for that.
  if (canary !== null && asked > 0 && canary > most) throw invalid([{ path: 'canary', message: canaryText(asked, batchSize) }]);
  return {
    startAt: startOf(body.start_at, now),
    canary,
    stopAbove: body.stop_above ?? null,
    allOrNothing: body.kind === 'buy' && body.all_or_nothing === true,
  };
}

const canaryText = (asked: number, batchSize: number): string =>
  asked <= batchSize ? `must be less than the ${asked} numbers that are asked for` : `must be at most ${batchSize}`;

function startOf(text: string | undefined, now: Date): Date | null {
  if (text === undefined) return null;
  const startAt = new Date(text);
  const problem = startAt <= now ? 'is over' : startAt > after(now, FARTHEST_START_MS) ? 'is more than a year away' : null;
  if (problem !== null) throw invalid([{ path: 'start_at', message: `the moment ${text} ${problem}` }]);
  return startAt;
}

/** The queue jobs, with the wait until the start of their request. */
export const delayed = (jobs: AnyEnqueue[], startAt: Date | null, now: Date): AnyEnqueue[] =>
  startAt === null ? jobs : jobs.map((job) => ({ ...job, delayMs: Math.max(0, startAt.getTime() - now.getTime()) }));
