import type { AnyEnqueue } from '../../src/queues/port.ts';
import { type Caller, guardCall } from './check-calls.ts';
import { type Boundary, Crash, type RunPlan } from './effects.ts';
import { count, type Notes, tell } from './notes.ts';
import type { Pass } from './turns.ts';

/**
 * What happens during a run of a job: nothing, a crash at a boundary, acts of others at a boundary, or turns with another run.
 */
export type Trouble =
  | { kind: 'none' }
  | { kind: 'crash'; boundary: number }
  | { kind: 'meanwhile'; boundary: number; act: () => Promise<void> }
  | { kind: 'turns'; pass: Pass };

export interface PlannedRun {
  plan: RunPlan;
  /** True when the worker has died, whatever its handler did with the error. */
  crashed(): boolean;
  /** Throws the error that must end the walk. Handlers catch what a call throws, so the error is kept and thrown after them. */
  rethrow(): void;
  /** Where the trouble struck, for the trace. */
  note(): string;
}

/** One run of one worker, with what will happen to it. */
export function planRun(notes: Notes, what: AnyEnqueue, label: string, trouble: Trouble): PlannedRun {
  let seen = 0;
  let hit = '';
  let crashed = false;
  let broken: { error: unknown } | null = null;
  const caller: Caller = {
    chunkId: 'chunkId' in what.payload ? what.payload.chunkId : null,
    step: notes.step,
    lastEvent: notes.known.lastEvent,
  };
  const orBreak = async (act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      broken ??= { error };
      throw error;
    }
  };
  const strike = async (b: Boundary): Promise<void> => {
    seen += 1;
    if (trouble.kind === 'none') return;
    if (trouble.kind === 'turns') return b.locked ? undefined : trouble.pass(`${label} stops at ${b.at} ${b.effect}`);
    if (seen !== trouble.boundary) return;
    // Others would wait for the locks of an open transaction, so they act at the next boundary.
    if (trouble.kind === 'meanwhile' && b.locked) {
      seen -= 1;
      return;
    }
    hit = ` at ${b.at} ${b.effect}`;
    if (trouble.kind === 'crash') {
      crashed = true;
      count(notes, `crash:${b.at} ${b.effect}`);
      throw new Crash();
    }
    tell(notes, `meanwhile, ${label}${hit}:`);
    notes.nesting += 1;
    await orBreak(trouble.act);
    notes.nesting -= 1;
  };
  const plan: RunPlan = {
    boundary: async (b) => {
      if (crashed || broken !== null) throw new Crash();
      await strike(b);
    },
    beforeCall: (name, args) => orBreak(() => guardCall(notes, name, args, caller)),
    lateCall: (name, args) => {
      if (!notes.holdBack || name === 'cancelOrder') return null;
      notes.holdBack = false;
      return (send) => {
        count(notes, `held back:${name}`);
        const numbers = Array.isArray(args[0]) ? args[0].map(String) : [];
        notes.late.push({ name, chunkId: caller.chunkId, numbers, leftAt: notes.world.now(), send });
        tell(notes, `${name} is lost on its way and will arrive later`);
      };
    },
    doubledCall: (name, args) => {
      // Only orders are doubled, because a doubled order is the one excuse that I5 names.
      if (!notes.doubleCall || name !== 'createOrder') return null;
      notes.doubleCall = false;
      return (send) => {
        const numbers = Array.isArray(args[0]) ? args[0].map(String) : [];
        notes.late.push({ name: 'doubled createOrder', chunkId: caller.chunkId, numbers, leftAt: notes.world.now(), send });
        tell(notes, `${name} is doubled on its way, and the copy will arrive later`);
      };
    },
  };
  return {
    plan,
    crashed: () => crashed,
    rethrow: () => {
      if (broken !== null) throw broken.error;
    },
    note: () => (hit === '' ? '' : `;${hit}`),
  };
}
