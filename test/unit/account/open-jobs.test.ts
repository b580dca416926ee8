import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type OpenJob, watchOpenJobs } from '../../../src/account/open-jobs.ts';
import { ProvisioningError } from '../../../src/domain/errors.ts';
import { createLog } from '../../../src/observability/log.ts';

const timings = { listEveryMs: 1_000, pollMinMs: 2_000, pollMaxMs: 30_000, backoffMs: 3_000 };
const log = createLog({ level: 'error', format: 'json', secrets: [] });

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Telnyx with these open jobs. Every list call is noted with its time. */
function telnyxWith(open: Set<string>) {
  const lists: number[] = [];
  let failure: ProvisioningError | null = null;
  const listOpenJobs = async (): Promise<Set<string>> => {
    lists.push(Date.now());
    if (failure !== null) throw failure;
    return new Set(open);
  };
  return { lists, listOpenJobs, failWith: (error: ProvisioningError | null) => (failure = error) };
}

const job = (id: string): OpenJob => ({ id, kind: 'update', numbers: 10, sentAt: new Date(Date.now()), polls: 0 });

/** Waits for each job and notes when a fetch becomes worthwhile. */
function follow(watch: ReturnType<typeof watchOpenJobs>, ids: readonly string[]): Map<string, number> {
  const woken = new Map<string, number>();
  for (const id of ids) void watch.wait(job(id)).wake.then(() => woken.set(id, Date.now()));
  return woken;
}

describe('the open batch jobs of a process', () => {
  it('are told by one list call for all of them, and only those that are over are fetched', async () => {
    const open = new Set(['a', 'b', 'c']);
    const telnyx = telnyxWith(open);
    const watch = watchOpenJobs({ telnyx, timings, log });
    for (const id of open) watch.accepted({ id, createdAt: '2026-01-01T00:00:00Z', etc: '2026-01-01T00:00:05Z' });
    const woken = follow(watch, [...open]);
    await vi.advanceTimersByTimeAsync(4_990);
    expect(telnyx.lists).toEqual([]);
    open.delete('a');
    open.delete('c');
    await vi.advanceTimersByTimeAsync(20);
    expect(telnyx.lists).toEqual([5_000]);
    expect([...woken.keys()]).toEqual(['a', 'c']);
    watch.close();
  });

  it('are listed at most once a second, however many are due', async () => {
    const open = new Set(Array.from({ length: 15 }, (_, i) => `j-${i}`));
    const telnyx = telnyxWith(open);
    const watch = watchOpenJobs({ telnyx, timings, log });
    follow(watch, [...open]);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(telnyx.lists.length).toBeGreaterThan(3);
    const gaps = telnyx.lists.slice(1).map((at, i) => at - (telnyx.lists[i] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(timings.listEveryMs);
    watch.close();
  });

  it('are each fetched in time when Telnyx refuses the list', async () => {
    const telnyx = telnyxWith(new Set());
    telnyx.failWith(new ProvisioningError('feature_not_permitted', 'rejected', 'no list for this key'));
    const watch = watchOpenJobs({ telnyx, timings, log });
    const woken = follow(watch, ['a', 'b']);
    await vi.advanceTimersByTimeAsync(2_010);
    expect([...woken]).toEqual([
      ['a', 2_000],
      ['b', 2_000],
    ]);
    watch.close();
  });

  it('are listed again soon when the list did not answer', async () => {
    const telnyx = telnyxWith(new Set());
    telnyx.failWith(new ProvisioningError('rate_limited', 'retry', 'later', { retryAfterMs: 1_500 }));
    const watch = watchOpenJobs({ telnyx, timings, log });
    const woken = follow(watch, ['a', 'b']);
    await vi.advanceTimersByTimeAsync(2_010);
    telnyx.failWith(null);
    expect(woken.size).toBe(0);
    await vi.advanceTimersByTimeAsync(1_500);
    expect([...woken]).toEqual([
      ['a', 3_500],
      ['b', 3_500],
    ]);
    watch.close();
  });

  it('are fetched without the list when there is only one', async () => {
    const telnyx = telnyxWith(new Set(['a']));
    const watch = watchOpenJobs({ telnyx, timings, log });
    watch.accepted({ id: 'a', createdAt: '2026-01-01T00:00:00Z', etc: '2026-01-01T00:00:05Z' });
    const woken = follow(watch, ['a']);
    await vi.advanceTimersByTimeAsync(5_010);
    expect([[...woken], telnyx.lists]).toEqual([[['a', 5_000]], []]);
    watch.close();
  });

  it('are fetched without the list too, so one that it shows as open for ever is noticed', async () => {
    const telnyx = telnyxWith(new Set(['a']));
    const watch = watchOpenJobs({ telnyx, timings, log });
    expect(watch.wait(job('a')).delayMs).toBeLessThanOrEqual(timings.pollMaxMs);
    watch.close();
  });

  it('that the list does not show yet are not fetched at every check', async () => {
    const open = new Set(['b']);
    const telnyx = telnyxWith(open);
    const watch = watchOpenJobs({ telnyx, timings, log });
    let fetches = 0;
    const again = (): void => {
      void watch.wait({ ...job('a'), sentAt: new Date(0) }).wake.then(() => {
        fetches += 1;
        again();
      });
    };
    again();
    follow(watch, ['b']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(telnyx.lists.length).toBeGreaterThan(4);
    expect(fetches).toBeLessThanOrEqual(telnyx.lists.length);
    watch.close();
  });

  it('that another process fetched are forgotten, and nobody asks Telnyx about them any more', async () => {
    const telnyx = telnyxWith(new Set());
    const watch = watchOpenJobs({ telnyx, timings, log });
    follow(watch, ['a', 'b']);
    await vi.advanceTimersByTimeAsync(2_010);
    const asked = telnyx.lists.length;
    expect(watch.expectedEnds()).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(timings.pollMaxMs);
    expect([telnyx.lists.length, watch.expectedEnds()]).toEqual([asked, []]);
    watch.close();
  });
});
