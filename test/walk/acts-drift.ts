import { ProvisioningError } from '../../src/domain/errors.ts';
import { DRIFT_SELECTORS } from '../../src/domain/reconciliation.ts';
import { acceptRun } from '../../src/producers/actions/accept-run.ts';
import type { DriftChoice } from '../../src/producers/actions/choose-drift.ts';
import { repairRun } from '../../src/producers/actions/repair-run.ts';
import { count, type Notes, tell, Violation } from './notes.ts';

/** A person settles the drift of some run, also of an old one, or a part of it. */
export async function settleDrift(notes: Notes): Promise<void> {
  const { choice, known } = notes;
  const open = [...known.drift.values()].filter((d) => d.state === 'open');
  const runId = choice.maybe(open)?.run_id ?? choice.maybe(known.runs)?.id;
  if (runId === undefined) return;
  if (open.length === 0) count(notes, 'drift:nothing open');
  const what: DriftChoice = {
    ...(choice.chance(0.3) && { only: [choice.one(DRIFT_SELECTORS), choice.one(DRIFT_SELECTORS)] }),
    ...(choice.chance(0.3) && {
      numbers: choice.some(open, 3).map((d) => ({ number: d.phone_number, at: 'walk' })),
    }),
  };
  try {
    await (choice.chance(0.6) ? repair(notes, runId, what) : accept(notes, runId, what));
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    tell(notes, `drift of ${nameOf(notes, runId)} refused: ${error.code}`);
  }
}

/** Ids differ each time a seed is walked. */
const nameOf = ({ known }: Notes, runId: string): string => `run ${known.runs.findIndex((r) => r.id === runId) + 1}`;

/** When nothing is in work any more, accepts the drift that is left, one reconciliation run after the other. */
export async function acceptAllDrift(notes: Notes): Promise<void> {
  const runs = new Set([...notes.known.drift.values()].flatMap((d) => (d.state === 'open' ? [d.run_id] : [])));
  for (const id of runs) await accept(notes, id, {});
}

async function repair(notes: Notes, runId: string, what: DriftChoice): Promise<void> {
  const done = await repairRun(notes.world.deps, runId, { ...what, actor: 'walk' });
  if (done.failures.length > 0) throw new Violation('drift', 'a repair could not be filed', done);
  for (const { id } of done.filed) notes.requests.push(id);
  count(notes, `repair:${done.filed.length > 0 ? 'filed' : 'nothing'}`);
  const asked = done.filed.map((f) => `${f.numbers} ${JSON.stringify(f.set)}`).join(' ');
  tell(notes, `repair ${nameOf(notes, runId)} ${JSON.stringify(what.only ?? 'all')}: ${asked} (${done.busy} in work)`);
}

async function accept(notes: Notes, runId: string, what: DriftChoice): Promise<void> {
  const done = await acceptRun(notes.world.deps, runId, what, 'walk');
  count(notes, `accept:${Object.values(done.accepted).some((n) => n > 0) ? 'some' : 'nothing'}`);
  tell(notes, `accept ${nameOf(notes, runId)} ${JSON.stringify(what.only ?? 'all')}: ${JSON.stringify(done)}`);
  if (what.only !== undefined || what.numbers !== undefined || done.busy > 0) return;
  const left = await notes.world.sql`
    select * from drift where state = 'open' and id in (
      select id from drift where run_id = ${runId} union all select drift_id from drift_again where run_id = ${runId})`;
  if (left.length > 0) throw new Violation('drift', 'a run has open drift although all of it was accepted', left);
}
