import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLane } from '../../../../src/telnyx/pacing/lane.ts';
import { clampRate, goalOf, raised, recovered, slotRate, slowed } from '../../../../src/telnyx/pacing/pace.ts';
import { readRateHeaders, retryAfterMs } from '../../../../src/telnyx/pacing/rate-headers.ts';

const now = new Date('2026-10-01T00:00:00Z');
const read = (headers: Record<string, string>) => readRateHeaders(new Headers(headers), now);

describe('rate-limit headers', () => {
  it('are read as plain figures and as lists with windows', () => {
    expect(read({ 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '4' })).toEqual({
      announced: '60',
      limit: 60,
      window: null,
      remaining: 0,
      resetMs: 4_000,
    });
    expect(read({ 'x-ratelimit-limit': '2000, 2000;w=1' })).toMatchObject({ limit: 2_000, window: { calls: 2_000, ms: 1_000 } });
    expect(read({ 'x-ratelimit-limit': '10, 10;w=1, 60;w=60' }).window).toEqual({ calls: 60, ms: 60_000 });
  });

  it('that ask for an absurd wait are capped', () => {
    expect(read({ 'x-ratelimit-reset': '999999999' }).resetMs).toBe(600_000);
    expect(read({ 'x-ratelimit-reset': '9999999999' }).resetMs).toBe(600_000);
  });

  it('that name a moment are read by the clock of the answer, because ours may be wrong', () => {
    const reset = String(Date.parse('2026-10-01T05:00:12Z') / 1_000);
    const date = 'Thu, 01 Oct 2026 05:00:10 GMT';
    expect(read({ 'x-ratelimit-reset': reset, date }).resetMs).toBe(1_500);
    expect(retryAfterMs(new Headers({ 'x-ratelimit-reset': reset, date }), now)).toBe(2_000);
    expect(read({ 'x-ratelimit-reset': '7', date: 'yesterday' }).resetMs).toBe(7_000);
  });

  it('that are missing or unreadable say nothing', () => {
    expect(read({ 'x-ratelimit-limit': 'many', 'x-ratelimit-reset': '-3' })).toEqual({
      announced: 'many',
      limit: null,
      window: null,
      remaining: null,
      resetMs: null,
    });
  });
});

describe('the rate of a family', () => {
  const range = { start: 2, cap: null, announced: null };

  it('rises by a tenth of the start while there is room, up to five times the start', () => {
    const room = read({ 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '80' });
    expect(raised(2, room, range)).toBeCloseTo(2.2);
    expect(raised(9.95, room, range)).toBe(10);
  });

  it('stays when the room is small or unknown', () => {
    expect(raised(4, read({ 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '20' }), range)).toBe(4);
    expect(raised(4, read({}), range)).toBe(4);
  });

  it('is halved by a 429, below the start too, and never below a tenth of it', () => {
    expect(slowed(8, null, range)).toBe(4);
    expect(slowed(2, 0, range)).toBe(1);
    expect([1, 0.5, 0.25, 0.2].map((rate) => slowed(rate, 60_000, range))).toEqual([0.5, 0.25, 0.2, 0.2]);
  });

  it('below an announced limit, a first 429 takes a tenth of it, and one soon after takes half', () => {
    const announced = { start: 2, cap: null, announced: 10 };
    expect(slowed(10, null, announced)).toBe(9);
    expect(slowed(9, 60_000, announced)).toBeCloseTo(8.1);
    expect(slowed(9, 5_000, announced)).toBe(4.5);
  });

  it('at the announced limit hands out slots a little faster, because the window holds it; a slowed rate is kept by its slots', () => {
    const announced = { start: 2, cap: null, announced: 10 };
    expect([10, 9, 5].map((rate) => slotRate(rate, announced))).toEqual([12, 9, 5]);
    expect(slotRate(2, range)).toBe(2);
  });

  it('recovers to the announced limit, far above its start too', () => {
    const announced = { start: 2, cap: null, announced: 12 };
    expect([0, 5_000, 25_000].map((ms) => recovered(6, ms, announced).toFixed(1))).toEqual(['6.0', '7.2', '12.0']);
    expect(clampRate(20, { start: 2, cap: null, announced: 12 })).toBe(12);
  });

  it('recovers by time alone, from a tenth up to the start and no further', () => {
    const aged = (ms: number) => recovered(0.2, ms, range);
    expect([0, 4_999, 5_000, 20_000].map(aged).map((r) => r.toFixed(1))).toEqual(['0.2', '0.2', '0.4', '1.0']);
    expect([aged(45_000), aged(3_600_000)]).toEqual([2, 2]);
    expect(recovered(8, 3_600_000, range), 'what was announced stays').toBe(8);
    expect(recovered(0.2, 3_600_000, { start: 2, cap: null, announced: 1 })).toBe(1);
  });

  it('rises below the start as well while there is room', () => {
    const room = read({ 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '80' });
    expect(raised(0.5, room, range)).toBeCloseTo(0.7);
    expect(raised(0.5, read({}), range)).toBe(0.5);
  });

  it('never exceeds what Telnyx announces, even below the start', () => {
    expect(clampRate(9, { start: 2, cap: null, announced: 3 })).toBe(3);
    expect(clampRate(2, { start: 2, cap: null, announced: 1 })).toBe(1);
  });
});

describe('a rate that the operator set', () => {
  const capped = { start: 4, cap: 4, announced: null };
  const room = read({ 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '90' });

  it('is never exceeded, whatever Telnyx shows or announces', () => {
    expect(raised(4, room, capped)).toBe(4);
    expect(goalOf({ ...capped, announced: 50 })).toBe(4);
    expect(recovered(40, 3_600_000, { ...capped, announced: 50 })).toBe(4);
    expect(slotRate(4, { ...capped, announced: 50 })).toBe(4);
    expect(slotRate(3.9, { ...capped, announced: 3.9 })).toBe(4);
  });

  it('is lowered by a lower limit that Telnyx announces, and by a 429, and comes back to the lower of both', () => {
    expect(goalOf({ ...capped, announced: 1.5 })).toBe(1.5);
    expect(slowed(4, null, capped)).toBe(2);
    expect(recovered(2, 3_600_000, capped)).toBe(4);
    expect(recovered(1, 3_600_000, { ...capped, announced: 1.5 })).toBe(1.5);
  });
});

describe('a lane', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const tooLong = (): Error => new Error('too long');

  it('serves first come, first served, and asks for one slot at a time', async () => {
    let asking = 0;
    let most = 0;
    const nextSlot = async (): Promise<void> => {
      most = Math.max(most, ++asking);
      await Promise.resolve();
      asking -= 1;
    };
    const lane = createLane({ maxInFlight: 2, maxWaitMs: 1_000, nextSlot, tooLong });
    const order: number[] = [];
    await Promise.all([1, 2, 3, 4, 5].map((n) => lane.run(async () => void order.push(n))));
    expect(order).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(1);
  });

  it('never has more calls under way than it may', async () => {
    let running = 0;
    let most = 0;
    const lane = createLane({ maxInFlight: 3, maxWaitMs: 10_000, nextSlot: () => Promise.resolve(), tooLong });
    const work = Array.from({ length: 10 }, () =>
      lane.run(async () => {
        most = Math.max(most, ++running);
        await new Promise((r) => setTimeout(r, 5));
        running -= 1;
      }),
    );
    await vi.runAllTimersAsync();
    await Promise.all(work);
    expect(most).toBe(3);
  });

  it('sends a caller away that waits too long, without making its call later', async () => {
    let free: () => void = () => undefined;
    const nextSlot = (): Promise<void> => new Promise((resolve) => (free = resolve));
    const lane = createLane({ maxInFlight: 1, maxWaitMs: 100, nextSlot, tooLong });
    const call = vi.fn(() => Promise.resolve());
    const waiting = expect(lane.run(call)).rejects.toThrow('too long');
    await vi.advanceTimersByTimeAsync(150);
    await waiting;
    free();
    await vi.advanceTimersByTimeAsync(0);
    expect(call).not.toHaveBeenCalled();
  });

  it('tells everybody in the queue when the limiter is broken, and works again afterwards', async () => {
    let broken = true;
    const nextSlot = (): Promise<void> => (broken ? Promise.reject(new Error('away')) : Promise.resolve());
    const lane = createLane({ maxInFlight: 1, maxWaitMs: 1_000, nextSlot, tooLong });
    const results = await Promise.allSettled([lane.run(async () => 1), lane.run(async () => 2)]);
    expect(results.map((r) => r.status)).toEqual(['rejected', 'rejected']);
    broken = false;
    await expect(lane.run(async () => 3)).resolves.toBe(3);
  });

  it('closing sends those away who wait, lets the call under way end, and only then is closed', async () => {
    const lane = createLane({ maxInFlight: 1, maxWaitMs: 1_000, nextSlot: () => Promise.resolve(), tooLong });
    let answer: (text: string) => void = () => undefined;
    const underWay = lane.run(() => new Promise<string>((resolve) => (answer = resolve)));
    await vi.advanceTimersByTimeAsync(0);
    const call = vi.fn(() => Promise.resolve());
    const waiting = expect(lane.run(call)).rejects.toThrow('stopping');
    let isClosed = false;
    const closed = lane.close(new Error('stopping')).then(() => (isClosed = true));
    await waiting;
    await expect(lane.run(call)).rejects.toThrow('stopping');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(isClosed).toBe(false);
    answer('taken');
    await expect(underWay).resolves.toBe('taken');
    await closed;
    expect(call).not.toHaveBeenCalled();
  });

  it('a failing call gives its place back', async () => {
    const lane = createLane({ maxInFlight: 1, maxWaitMs: 1_000, nextSlot: () => Promise.resolve(), tooLong });
    await expect(lane.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(lane.run(async () => 'next')).resolves.toBe('next');
  });
});
