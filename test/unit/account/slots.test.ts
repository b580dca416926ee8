import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSlots, type SlotCount, type SlotsOptions } from '../../../src/account/slots.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

const WAIT_MS = 30_000;

function open(options: Partial<SlotsOptions> = {}) {
  const slots = openSlots({
    most: 2,
    clock: { now: () => new Date(Date.now()) },
    count: null,
    followedHere: () => 0,
    ...options,
  });
  const woken: string[] = [];
  const wait = (id: string, position: number): void => void slots.wait({ id, position }, WAIT_MS).then(() => woken.push(id));
  return { slots, woken, wait };
}

describe('a freed job slot', () => {
  it('goes to the smallest position first, so a small request does not wait for a large one', async () => {
    const { slots, woken, wait } = open();
    wait('large-40', 40);
    wait('large-41', 41);
    wait('small', 0);
    slots.freed();
    await vi.advanceTimersByTimeAsync(0);
    expect(woken).toEqual(['small']);
    expect(slots.isNext({ id: 'large-41', position: 41 })).toBe(false);
    expect(slots.isNext({ id: 'large-40', position: 40 })).toBe(true);
    slots.freed();
    await vi.advanceTimersByTimeAsync(0);
    expect(woken).toEqual(['small', 'large-40']);
  });

  it('of another process is noticed within 100 ms', async () => {
    let count: SlotCount = { taken: 2, neglected: 0 };
    const { woken, wait, slots } = open({ count: async () => count });
    wait('a', 1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(woken).toEqual([]);
    count = { taken: 1, neglected: 0 };
    await vi.advanceTimersByTimeAsync(100);
    expect(woken).toEqual(['a']);
    slots.close();
  });

  it('that a chunk was woken for wakes no other chunk, which would find it taken', async () => {
    const { woken, wait, slots } = open({ count: async () => ({ taken: 1, neglected: 0 }) });
    wait('a', 1);
    wait('b', 2);
    slots.freed();
    await vi.advanceTimersByTimeAsync(400);
    expect(woken).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(300);
    expect(woken, 'the first one was lost').toEqual(['a', 'b']);
    slots.close();
  });

  it('is not asked for in the rows while this process has all of them', async () => {
    const count = vi.fn(async () => ({ taken: 2, neglected: 0 }));
    const { wait, slots } = open({ count, followedHere: () => 2 });
    wait('a', 1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(count).not.toHaveBeenCalled();
    slots.close();
  });
});

describe('chunks that wait for a slot', () => {
  it('give their places back while chunks with a slot wait for a place, or both would wait for ever', async () => {
    let count: SlotCount = { taken: 2, neglected: 1 };
    const { woken, wait, slots } = open({ count: async () => count });
    wait('a', 1);
    wait('b', 2);
    await vi.advanceTimersByTimeAsync(100);
    expect(woken).toEqual(['a', 'b']);
    expect(slots.mustYield()).toBe(true);
    slots.leave('a');
    slots.leave('b');
    await vi.advanceTimersByTimeAsync(500);
    expect(slots.mustYield()).toBe(true);
    count = { taken: 2, neglected: 0 };
    await vi.advanceTimersByTimeAsync(100);
    expect(slots.mustYield()).toBe(false);
    slots.close();
  });

  it('whose run was lost keep nobody waiting for long', () => {
    const { slots, wait } = open();
    wait('lost', 0);
    expect(slots.isNext({ id: 'b', position: 1 })).toBe(false);
    vi.setSystemTime(2 * WAIT_MS + 1);
    expect(slots.isNext({ id: 'b', position: 1 })).toBe(true);
  });
});

it('only a few chunks are prepared at once, in the order of their arrival', async () => {
  const { slots } = open({ most: 15 });
  const ends: (() => void)[] = [];
  const begun: number[] = [];
  const works = Array.from({ length: 8 }, (_, i) =>
    slots.prepare(async () => {
      begun.push(i);
      await new Promise<void>((resolve) => ends.push(resolve));
    }),
  );
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  ends[2]?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
  while (begun.length < 8 || ends.length > 0) {
    ends.shift()?.();
    await vi.advanceTimersByTimeAsync(0);
  }
  await Promise.all(works);
});
