import type { Harness } from './harness.ts';

/** Returns owned numbers, each only once, so that the tests of a file never share a number. */
export function unusedNumbers(h: () => Harness): (count: number) => string[] {
  let used = 0;
  let all: string[] = [];
  return (count) => {
    if (all.length === 0) all = h().sim.ownedNumbers();
    used += count;
    return all.slice(used - count, used);
  };
}
