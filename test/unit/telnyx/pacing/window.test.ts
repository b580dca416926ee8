import { afterEach, describe, expect, it, vi } from 'vitest';
import { localPaceStore } from '../../../../src/telnyx/pacing/pace-store.ts';
import { readRateHeaders } from '../../../../src/telnyx/pacing/rate-headers.ts';
import { holdOf, holdOfCap, paceOf, toRemember, waitFor, windowOf } from '../../../../src/telnyx/pacing/window.ts';

const now = new Date('2026-10-01T00:00:00Z');
const windowIn = (headers: Record<string, string>) => windowOf(readRateHeaders(new Headers(headers), now));

/** A small generator with a seed, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

describe('the window that Telnyx announces', () => {
  it('is named by the limit, or has the length of the reset', () => {
    expect(windowIn({ 'x-ratelimit-limit': '2000, 2000;w=1' })).toEqual({ calls: 2_000, ms: 1_000 });
    expect(windowIn({ 'x-ratelimit-limit': '5', 'x-ratelimit-reset': '60' })).toEqual({ calls: 5, ms: 60_000 });
    const epoch = String(now.getTime() / 1_000 + 2);
    expect(windowIn({ 'x-ratelimit-limit': '5', 'x-ratelimit-reset': epoch })).toEqual({ calls: 5, ms: 2_000 });
  });

  it('is unknown without a limit, without a reset, or when the reset is now', () => {
    expect(windowIn({ 'x-ratelimit-reset': '1' })).toBeNull();
    expect(windowIn({ 'x-ratelimit-limit': '5' })).toBeNull();
    expect(windowIn({ 'x-ratelimit-limit': '5', 'x-ratelimit-reset': '0' })).toBeNull();
  });

  it('gives way to a tighter one at once, and to a looser one when no answer has confirmed it for a while', () => {
    const known = { calls: 10, ms: 1_000 };
    const [tighter, looser] = [
      { calls: 60, ms: 60_000 },
      { calls: 20, ms: 1_000 },
    ];
    expect(toRemember(known, null, 0)).toBe(known);
    expect(toRemember(tighter, known, 0)).toBe(tighter);
    expect(toRemember(looser, known, 30_000)).toBeNull();
    expect(toRemember(looser, known, 70_000)).toBe(looser);
    expect(toRemember({ ...known }, known, 1_000), 'just confirmed').toBeNull();
    expect(toRemember({ ...known }, known, 70_000), 'confirmed again').toBe(known);
    expect(toRemember({ calls: 60, ms: 3_000 }, tighter, 70_000), 'the rest of the same window').toBeNull();
  });

  it('that is absurdly large or long is held by one of the same pace', () => {
    expect(windowIn({ 'x-ratelimit-limit': '100000, 100000;w=10' })).toEqual({ calls: 2_000, ms: 200 });
    expect(windowIn({ 'x-ratelimit-limit': '86400;w=86400' })).toEqual({ calls: 600, ms: 600_000 });
    expect(windowIn({ 'x-ratelimit-limit': '1;w=86400' })).toEqual({ calls: 1, ms: 600_000 });
    expect(windowIn({ 'x-ratelimit-limit': '2.5', 'x-ratelimit-reset': '1' })).toEqual({ calls: 2, ms: 1_000 });
    for (const odd of ['0', '-5', 'none', '0;w=1', ''])
      expect(windowIn({ 'x-ratelimit-limit': odd, 'x-ratelimit-reset': '1' })).toBeNull();
  });

  it('is used to more than nine tenths', () => {
    for (const calls of [1, 2, 5, 60, 2_000]) expect(paceOf({ calls, ms: 1_000 }) / calls).toBeGreaterThan(0.9);
  });

  it('never holds more calls than it may, wherever it begins and whenever the calls come', () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const next = random(seed);
      const window = { calls: 1 + Math.floor(next() * 6), ms: 1_000 * (1 + Math.floor(next() * 3)) };
      const times: number[] = [];
      let at = 0;
      for (let n = 0; n < 60; n += 1) {
        at += next() * next() * 500;
        at += waitFor(times, [holdOf(window)], at);
        times.push(at);
      }
      for (const [i, first] of times.entries()) {
        const within = times.slice(i).filter((t) => t < first + window.ms).length;
        expect(within, `seed ${seed}`).toBeLessThanOrEqual(window.calls);
      }
    }
  });
});

describe('the pace of one process', () => {
  afterEach(() => void vi.useRealTimers());

  it('counts calls that others made like ours, once', async () => {
    const store = localPaceStore();
    await store.setWindow('search', { calls: 3, ms: 1_000 });
    expect((await store.enter('search', 'ours', null)).fullMs).toBe(0);
    await store.used('search', 3, 0);
    await store.used('search', 3, 0);
    expect((await store.read('search')).fullMs).toBeGreaterThan(900);
  });

  it('lets one call go alone while nothing is known, and the others when it is over', async () => {
    const store = localPaceStore();
    expect((await store.enter('search', 'first', null)).fullMs).toBe(0);
    expect((await store.enter('search', 'second', null)).fullMs).toBeGreaterThan(0);
    await store.answered('search');
    expect((await store.enter('search', 'second', null)).fullMs).toBe(0);
  });

  it('keeps within the window and a cap at once, and forgets a window that nothing confirms', async () => {
    const store = localPaceStore();
    vi.useFakeTimers();
    await store.setWindow('search', { calls: 3, ms: 1_000 });
    const cap = holdOfCap(0.5);
    expect((await store.enter('search', 'one', cap)).fullMs).toBe(0);
    expect((await store.enter('search', 'two', cap)).fullMs).toBeGreaterThan(1_900);
    expect((await store.enter('search', 'two', null)).fullMs).toBe(0);
    vi.advanceTimersByTime(11 * 60_000);
    expect((await store.read('search')).window).toBeNull();
  });

  it('a call that leaves late counts from when it leaves', async () => {
    const store = localPaceStore();
    vi.useFakeTimers();
    await store.setWindow('search', { calls: 1, ms: 1_000 });
    await store.enter('search', 'late', null);
    const before = (await store.read('search')).fullMs;
    vi.advanceTimersByTime(300);
    await store.late('search', 'late');
    expect((await store.read('search')).fullMs).toBe(before);
  });
});
