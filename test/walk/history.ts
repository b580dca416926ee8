import { randomStep, sweep } from './acts.ts';
import { acceptAllDrift, settleDrift } from './acts-drift.ts';
import { resumeAll } from './acts-holds.ts';
import { reconcile, reopenGate, resolve, submit } from './acts-people.ts';
import { clearFaults, decidePaperwork, lateArrival } from './acts-world.ts';
import { checkNothingOpen } from './check-drift.ts';
import { checkEnd, checkReconciled } from './check-end.ts';
import { checkAll } from './checks.ts';
import { type Notes, newNotes, tell, Violation } from './notes.ts';
import { Choice } from './random.ts';
import { runJob } from './run.ts';
import type { World } from './world.ts';

/** Rounds of the quiet end; a history that needs more hangs. */
const MOST_ROUNDS = 600;
/** In the quiet end time passes in steps of this length, because waits are long and polls are many. */
const STRIDE_MS = 20_000;
/** In the quiet end an authority decides only about orders that do not end by themselves. */
const AUTHORITY_MS = 600_000;

export interface Failure {
  seed: number;
  /** The planned number of random steps. A replay needs the same number. */
  length: number;
  step: number;
  invariant: string;
  text: string;
  rows: unknown;
  steps: string[];
}

export interface HistoryResult {
  steps: number;
  rounds: number;
  tally: Map<string, number>;
  told: string[];
  failure: Failure | null;
}

/** One history: random steps with checks after each, then a quiet time in which everything must end right. */
export async function runHistory(world: World, seed: number, steps: number): Promise<HistoryResult> {
  await world.reset();
  const notes = newNotes(world, new Choice(seed));
  let rounds = 0;
  try {
    await checkAll(notes);
    notes.initial = new Map(notes.known.numbers);
    await submit(notes, 'buy');
    await submit(notes);
    for (notes.step = 1; notes.step <= steps; notes.step += 1) {
      await randomStep(notes);
      await checkAll(notes);
    }
    rounds = await quietEnd(notes);
    return { steps, rounds, tally: notes.tally, told: notes.steps, failure: null };
  } catch (error) {
    const violation =
      error instanceof Violation ? error : new Violation('no error', String(error), error instanceof Error ? error.stack : error);
    const failure: Failure = {
      seed,
      length: steps,
      step: notes.step,
      invariant: violation.invariant,
      text: violation.message,
      rows: violation.rows,
      steps: notes.steps,
    };
    return { steps: notes.step, rounds, tally: notes.tally, told: notes.steps, failure };
  }
}

/** Without new faults, lost calls arrive, people decide and time passes. Then ledger = database = asked. */
async function quietEnd(notes: Notes): Promise<number> {
  tell(notes, '--- the quiet end');
  notes.holdBack = false;
  let rounds = await drain(notes);
  await checkEnd(notes);
  // Every lag is over by now, so the last reconciliation must agree with every row.
  notes.world.advance(3_600_000);
  await lateArrival(notes, true);
  notes.world.advance(3_600_000);
  for (let i = 0; i < 2; i += 1) {
    await reconcile(notes);
    rounds += await drain(notes);
  }
  rounds += await settleAllDrift(notes);
  await checkReconciled(notes);
  return rounds;
}

/** People repair some of the drift and accept the rest. The next reconciliation run must then find no drift. */
async function settleAllDrift(notes: Notes): Promise<number> {
  await settleDrift(notes);
  let rounds = await drain(notes);
  notes.world.advance(3_600_000);
  await acceptAllDrift(notes);
  await checkAll(notes);
  const last = await reconcile(notes);
  rounds += await drain(notes);
  checkNothingOpen(notes, last);
  return rounds;
}

async function drain(notes: Notes): Promise<number> {
  const { choice, world } = notes;
  clearFaults(notes);
  await checkAll(notes);
  for (let round = 1; round <= MOST_ROUNDS; round += 1) {
    notes.step += 1;
    const job = choice.maybe(world.queue.due());
    if (job !== undefined) await runJob(notes, job, { kind: 'none' });
    else if (isQuiet(notes)) return round;
    else await nudge(notes);
    await checkAll(notes);
  }
  const { requests, chunks, items, runs } = notes.known.rows();
  const open = requests.filter((r) => !r.ended);
  throw new Violation('I6', 'a request, a chunk or a run hangs', {
    open,
    runs: runs.filter((r) => r.status === 'queued' || r.status === 'running'),
    chunks: chunks.filter((c) => open.some((r) => r.id === c.request_id)),
    items: items.filter((i) => open.some((r) => r.id === i.request_id) && ['pending', 'in_flight'].includes(i.status)),
    queue: world.queue.live(),
  });
}

/** Nothing is due, so time passes, the sweep runs and a person acts. */
async function nudge(notes: Notes): Promise<void> {
  const { world, known } = notes;
  decidePaperwork(notes, AUTHORITY_MS);
  const isAsked = [...known.chunks.values()].some((c) => c.state === 'needs_attention');
  if (isAsked && (await resolve(notes))) return;
  await resumeAll(notes);
  const due = world.queue.nextDue();
  world.advance(Math.max(STRIDE_MS, due === null ? 0 : due - world.now()));
  // A lack of funds must heal by itself.
  if (known.closed !== null && known.closed !== 'insufficient_funds') await reopenGate(notes);
  await sweep(notes);
}

/** Judged by the snapshot after the last round. */
function isQuiet({ world, known }: Notes): boolean {
  const isOpen = [...known.requests.values()].some((r) => !r.ended);
  return !isOpen && world.queue.live().length === 0 && known.runs.every((r) => r.status !== 'queued' && r.status !== 'running');
}
