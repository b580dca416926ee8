import { expect } from 'vitest';
import type { Child } from './child-process.ts';
import type { Stage } from './process-stage.ts';
import { until } from './until.ts';

/** A generous upper bound. The test does not wait that long. */
export const SOON = { withinMs: 60_000 };

export function boughtAtLeast(stage: Stage, n: number): Promise<boolean> {
  return until(`${n} numbers are bought`, () => stage.simulator.ledger().bought.length >= n, SOON);
}

/** Kills a process at once, as a crash does. It cannot clean up. */
export async function kill(child: Child): Promise<void> {
  child.send('SIGKILL');
  expect((await child.ended).signal).toBe('SIGKILL');
}
