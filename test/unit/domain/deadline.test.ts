import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { endsWithin, withinDeadline } from '../../../src/domain/deadline.ts';
import { defined } from '../../../src/domain/defined.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => undefined);
const late = (): Error => new Error('too late');

it('work that ends in time gives its result or its own error, and leaves no timer behind', async () => {
  expect(await withinDeadline(Promise.resolve('done'), 1_000, late)).toBe('done');
  await expect(withinDeadline(Promise.reject(new Error('failed')), 1_000, late)).rejects.toThrow('failed');
  expect(await endsWithin(Promise.resolve(), 1_000)).toBe(true);
  expect(await endsWithin(Promise.reject(new Error('failed')), 1_000)).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});

it('work that does not end is left at the deadline, and not before', async () => {
  const ends: string[] = [];
  void withinDeadline(never, 1_000, late).catch((error: Error) => ends.push(error.message));
  void endsWithin(never, 1_000).then((inTime) => ends.push(String(inTime)));
  await vi.advanceTimersByTimeAsync(999);
  expect(ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(ends.sort()).toEqual(['false', 'too late']);
});

it('work that fails after the deadline is no unhandled rejection', async () => {
  // Vitest fails the run for an unhandled rejection.
  const fails = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('failed late')), 2_000));
  const waited = withinDeadline(fails, 1_000, late).catch((error: Error) => error.message);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(await waited).toBe('too late');
});

it('defined leaves out what is undefined, and nothing else', () => {
  expect(Object.keys(defined({ a: undefined, b: null, c: 0, d: '', e: false }))).toEqual(['b', 'c', 'd', 'e']);
});
