import type { Timings } from './timings.ts';

/** How many ends of each kind and size of job are remembered. */
const REMEMBERED = 8;
/** A job that is still open is checked again after this share of its age, so its end is noticed at most so much later. */
const SHARE_OF_AGE = 0.1;

/** What jobs of one kind and size took lately. A process learns it anew. */
export interface RecentJobs {
  note(kind: string, numbers: number, ms: number): void;
  /**
   * After how many milliseconds a job is checked first: what the fastest of the recent jobs like it took, or Telnyx's own estimate
   * when that is shorter. A job of which neither is known is checked after the shortest poll.
   */
  expected(kind: string, numbers: number, estimateMs: number | null, t: Pick<Timings, 'pollMinMs' | 'pollMaxMs'>): number;
}

export function recentJobs(): RecentJobs {
  const took = new Map<string, number[]>();
  return {
    note: (kind, numbers, ms) => {
      const key = keyOf(kind, numbers);
      took.set(key, [...(took.get(key) ?? []).slice(1 - REMEMBERED), ms]);
    },
    expected: (kind, numbers, estimateMs, t) => {
      const known = [...(took.get(keyOf(kind, numbers)) ?? []), ...(estimateMs === null ? [] : [estimateMs])];
      return known.length === 0 ? t.pollMinMs : Math.min(...known, t.pollMaxMs);
    },
  };
}

/** Sizes that are alike: up to 1, 2, 4, … 1,024 numbers. */
const keyOf = (kind: string, numbers: number): string => `${kind} ${Math.ceil(Math.log2(Math.max(1, numbers)))}`;

/** How long a finished job took by the clock of Telnyx, in milliseconds; `null` when its times do not say. */
export function jobDuration(job: { createdAt: string | null; updatedAt: string | null }): number | null {
  const ms = Date.parse(job.updatedAt ?? '') - Date.parse(job.createdAt ?? '');
  return ms > 0 ? ms : null;
}

/** When a job that is still open is checked again, all in milliseconds. */
export function nextCheck(now: number, sentAt: number, least: number, most: number): number {
  return now + Math.min(most, Math.max(least, (now - sentAt) * SHARE_OF_AGE));
}

/**
 * The moment of the next check of all jobs: not before `earliest`, and with at least `everyMs` until the one after it. A job that is
 * due before the check waits for it, and one that is due after it waits for the next one. The moment with the least waiting wins.
 */
export function bestCheck(dues: readonly number[], earliest: number, everyMs: number): number {
  const first = Math.max(earliest, Math.min(...dues));
  const candidates = [first, ...dues.filter((due) => due > first && due < first + everyMs)];
  const waits = (at: number): number =>
    dues.reduce((sum, due) => sum + (due <= at ? at - due : Math.max(0, at + everyMs - due)), 0);
  return candidates.reduce((best, at) => (waits(at) < waits(best) ? at : best));
}
