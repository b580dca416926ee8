import { sweepOnce } from '../../src/recovery/sweep.ts';
import { settleDrift } from './acts-drift.ts';
import { pause, resume } from './acts-holds.ts';
import { cancel, reconcile, reopenGate, resolve, retry, shutGate, submit, webhook } from './acts-people.ts';
import { armFault, brokenAccount, changeLag, clearFaults, decidePaperwork, lateArrival, portalAct } from './acts-world.ts';
import { count, type Notes, tell } from './notes.ts';
import type { WalkJob } from './queue.ts';
import { runJob, runTogether } from './run.ts';

type Act = (notes: Notes) => Promise<void> | void;
interface Entry {
  name: string;
  weight: number;
  act: Act;
}

const LEAPS = [400, 2_000, 2_000, 5_000, 10_000, 31_000, 61_000, 125_000, 600_000, 7_200_000] as const;

export const advance: Act = (notes) => {
  const { choice, world } = notes;
  const due = world.queue.nextDue();
  // Mostly to the next due time, sometimes far beyond it.
  const ms = due !== null && choice.chance(0.6) ? Math.max(0, due - world.now()) : choice.one(LEAPS);
  world.advance(ms);
  tell(notes, `${ms} ms pass`);
};

export const sweep: Act = async (notes) => {
  const result = await sweepOnce(notes.world.deps);
  if (result !== null) {
    if (result.rescued > 0) count(notes, 'sweep:rescued');
    if (result.requeued > 0) count(notes, 'sweep:requeued');
    if (result.ended > 0) count(notes, 'sweep:ended');
  }
  tell(notes, `sweep ${JSON.stringify(result)}`);
};

/** Acts that may also happen in the middle of another run of a job. */
const SIMPLE: readonly Entry[] = [
  { name: 'run a job', weight: 30, act: (notes) => run(notes) },
  { name: 'advance the clock', weight: 9, act: advance },
  { name: 'sweep', weight: 7, act: sweep },
  { name: 'fault', weight: 8, act: armFault },
  { name: 'faults off', weight: 1, act: clearFaults },
  { name: 'lag', weight: 1.5, act: changeLag },
  { name: 'account broken', weight: 0.7, act: brokenAccount },
  { name: 'gate reopened', weight: 1.2, act: reopenGate },
  { name: 'queue flushed', weight: 1, act: flush },
  { name: 'restart', weight: 0.7, act: restart },
  { name: 'submit', weight: 5, act: submit },
  { name: 'cancel', weight: 1.2, act: cancel },
  { name: 'pause', weight: 1.5, act: pause },
  { name: 'resume', weight: 1.5, act: resume },
  { name: 'retry', weight: 0.5, act: retry },
  { name: 'reconcile', weight: 1.5, act: reconcileLagging },
  { name: 'drift settled', weight: 1.5, act: settleDrift },
  { name: 'webhook', weight: 2, act: webhook },
  { name: 'portal', weight: 3, act: portalAct },
  { name: 'paperwork', weight: 1, act: decidePaperwork },
  { name: 'resolve', weight: 1.5, act: async (notes) => void (await resolve(notes)) },
  { name: 'late arrival', weight: 3, act: (notes) => lateArrival(notes) },
];

/** While a worker sleeps, acts that it must notice when it wakes up are frequent. */
const MEANWHILE: readonly Entry[] = [
  ...SIMPLE,
  { name: 'cancel', weight: 5, act: cancel },
  { name: 'pause', weight: 4, act: pause },
  { name: 'gate closed', weight: 4, act: shutGate },
];

const ALL: readonly Entry[] = [
  ...SIMPLE,
  { name: 'run and crash', weight: 10, act: crash },
  { name: 'run, others meanwhile', weight: 10, act: interleave },
  { name: 'call held back', weight: 4, act: holdBack },
  { name: 'order doubled', weight: 1.5, act: doubleCall },
  { name: 'same job twice at once', weight: 1.2, act: twice },
  { name: 'two jobs at once', weight: 2.5, act: pair },
];

/** One random step of a walk; returns its name. */
export async function randomStep(notes: Notes): Promise<string> {
  const entry = notes.choice.weighted(ALL.map((value) => ({ weight: value.weight, value })));
  if (entry === undefined) return '';
  count(notes, `act:${entry.name}`);
  await entry.act(notes);
  return entry.name;
}

/** A job that is due now. When none is, time passes until the next due time. */
function nextJob(notes: Notes): WalkJob | undefined {
  const { choice, world } = notes;
  const due = world.queue.nextDue();
  if (world.queue.due().length === 0 && due !== null && due > world.now()) world.advance(due - world.now());
  return choice.maybe(world.queue.due());
}

async function run(notes: Notes): Promise<void> {
  const job = nextJob(notes);
  if (job === undefined) return advance(notes);
  await runJob(notes, job, { kind: 'none' });
}

async function crash(notes: Notes): Promise<void> {
  const job = nextJob(notes);
  if (job === undefined) return advance(notes);
  await runJob(notes, job, { kind: 'crash', boundary: notes.choice.int(1, 16) });
}

/**
 * A worker stops in the middle for a while, as when its event loop hangs, and others act. Then it continues as if nothing had
 * happened.
 */
async function interleave(notes: Notes): Promise<void> {
  const { choice, world } = notes;
  const job = nextJob(notes);
  if (job === undefined) return advance(notes);
  const act = async (): Promise<void> => {
    // Its lock runs out meanwhile, and the queue gives the same job to another worker.
    if (choice.chance(0.4)) world.queue.snooze(job, 0);
    notes.asleep = 'requestId' in job.what.payload ? job.what.payload.requestId : null;
    for (let n = choice.int(1, 3); n > 0; n -= 1) {
      const entry = choice.weighted(MEANWHILE.map((value) => ({ weight: value.weight, value })));
      if (entry === undefined) break;
      count(notes, `meanwhile:${entry.name}`);
      await entry.act(notes);
    }
    notes.asleep = null;
  };
  await runJob(notes, job, { kind: 'meanwhile', boundary: choice.int(1, 14), act });
}

async function holdBack(notes: Notes): Promise<void> {
  notes.holdBack = true;
  tell(notes, 'the next mutating call will be lost on its way');
  await run(notes);
}

async function doubleCall(notes: Notes): Promise<void> {
  notes.doubleCall = true;
  tell(notes, 'the next order will be doubled on its way');
  await run(notes);
}

async function twice(notes: Notes): Promise<void> {
  const job = nextJob(notes);
  if (job === undefined) return advance(notes);
  tell(notes, 'the same job twice at once:');
  await runTogether(notes, [job, job]);
}

async function pair(notes: Notes): Promise<void> {
  const { choice, world } = notes;
  const due = world.queue.due();
  const job = choice.maybe(due);
  if (job === undefined) return advance(notes);
  // Jobs of the same kind conflict more often.
  const others = due.filter((other) => other !== job);
  const alike = others.filter((other) => other.what.name === job.what.name);
  const other = choice.maybe(alike.length > 0 && choice.chance(0.7) ? alike : others);
  tell(notes, 'two jobs at once:');
  await runTogether(notes, other === undefined ? [job] : [job, other]);
}

/** A reconciliation is most interesting when a list lags far behind. */
async function reconcileLagging(notes: Notes): Promise<void> {
  if (notes.choice.chance(0.3)) changeLag(notes, 'list');
  await reconcile(notes);
}

function flush(notes: Notes): void {
  notes.world.queue.flush();
  tell(notes, 'queue flushed');
}

function restart(notes: Notes): void {
  notes.world.queue.restart();
  if (notes.choice.chance(0.3)) notes.world.queue.forgetFinished();
  tell(notes, 'all workers restart');
}
