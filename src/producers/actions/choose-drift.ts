import type { Tx } from '../../db/client.ts';
import { addNamed, chooseDrift, createNamed } from '../../db/drift.ts';
import { getRun, type Run } from '../../db/runs.ts';
import { createProblems, invalid, notFound, refused } from '../../domain/errors.ts';
import { DRIFT_SELECTORS, type DriftSelector } from '../../domain/reconciliation.ts';
import type { ProducerDeps } from '../deps.ts';
import type { NumberRow } from '../intake/stage-numbers.ts';
import { phoneNumberProblem } from '../intake/validate.ts';

/** Which differences of a reconciliation run a person means: all open ones, those of some fields, or those of some numbers. */
export interface DriftChoice {
  only?: readonly string[];
  /** The stream is read once and never held. A repeated number counts once. */
  numbers?: AsyncIterable<NumberRow> | Iterable<NumberRow>;
}

const SLICE = 5_000;

/** Returns a reconciliation run that has ended. Errors: `not_found`, `not_ended`. */
export async function endedRun(deps: ProducerDeps, runId: string): Promise<Run> {
  const run = await getRun(deps.db.sql, runId);
  if (run === null) throw notFound(`there is no reconciliation ${runId}`);
  if (run.finishedAt === null)
    throw refused('not_ended', `reconciliation ${runId} is ${run.status}; its drift can be settled when it has ended`);
  return run;
}

/**
 * Chooses differences within the transaction. Returns how many named numbers have no open difference in the run. Errors:
 * `validation_failed`.
 */
export async function choose(tx: Tx, runId: string, choice: DriftChoice): Promise<number> {
  const only = selectors(choice.only ?? []);
  if (choice.numbers !== undefined) await stageNamed(tx, choice.numbers);
  return chooseDrift(tx, runId, { only, named: choice.numbers !== undefined });
}

function selectors(words: readonly string[]): DriftSelector[] {
  const known = (word: string): word is DriftSelector => DRIFT_SELECTORS.some((s) => s === word);
  const problems = words
    .filter((word) => !known(word))
    .map((word) => ({ path: 'only', message: `"${word}" is no field of drift; the fields are ${DRIFT_SELECTORS.join(', ')}` }));
  if (problems.length > 0) throw invalid(problems);
  return words.filter(known);
}

async function stageNamed(tx: Tx, rows: AsyncIterable<NumberRow> | Iterable<NumberRow>): Promise<void> {
  await createNamed(tx);
  const problems = createProblems();
  const slice: string[] = [];
  for await (const { number, at, problem } of rows) {
    const message = problem ?? phoneNumberProblem(number);
    if (message !== null) problems.add({ path: at, message });
    else if (!problems.full) slice.push(number);
    if (slice.length >= SLICE) await addNamed(tx, slice.splice(0));
  }
  if (problems.count > 0) throw invalid(problems.list());
  await addNamed(tx, slice);
}
