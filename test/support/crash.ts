import { expect } from 'vitest';
import type { Child } from './child-process.ts';
import type { Stage } from './process-stage.ts';
import { until } from './until.ts';

/** Generous: a bound, not a wait. */
export const SOON = { withinMs: 60_000 };

export function boughtAtLeast(stage: Stage, n: number): Promise<boolean> {
  return until(`${n} numbers are bought`, () => stage.simulator.ledger().bought.length >= n, SOON);
}

/** Ends a process at once, as the machine would: it gets no chance to tidy up. */
export async function kill(child: Child): Promise<void> {
  child.send('SIGKILL');
  expect((await child.ended).signal).toBe('SIGKILL');
}
