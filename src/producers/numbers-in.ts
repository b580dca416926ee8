import type { SqlOrTx } from '../db/client.ts';
import { createIncoming, duplicatesIncoming, stageNumbers } from '../db/incoming.ts';
import { type ErrorDetail, invalid, ProvisioningError } from '../domain/errors.ts';
import { listCheck, MOST_PROBLEMS, phoneNumberProblem, repeatProblem } from './validate.ts';

/** One number of a list with the place where the user wrote it, such as `row 17`. */
export interface NumberRow {
  number: string;
  at: string;
}

export interface ListOptions {
  /** Called with each number, in order. */
  onNumber: (number: string) => void;
  /** The numbers come from the inventory, so Telnyx gave them: they are not judged by the numbering plan. */
  known: boolean;
}

const SLICE = 5_000;

/**
 * Streams a list into the staging table of this transaction: checked, counted, never held. Wrong numbers and repeated ones are
 * collected (the first hundred) and thrown together; the caller's transaction leaves nothing behind. Returns how many.
 */
export async function stageList(
  sql: SqlOrTx,
  rows: AsyncIterable<NumberRow> | Iterable<NumberRow>,
  options: ListOptions,
): Promise<number> {
  await createIncoming(sql);
  const problems: ErrorDetail[] = [];
  let slice: NumberRow[] = [];
  let staged = 0;
  const flush = async () => {
    if (slice.length > 0) await stageNumbers(sql, slice, staged);
    staged += slice.length;
    slice = [];
  };
  for await (const row of readable(rows, problems)) {
    options.onNumber(row.number);
    const problem = options.known ? null : phoneNumberProblem(row.number);
    if (problem === null) slice.push(row);
    else problems.push({ path: row.at, message: problem });
    if (problems.length >= MOST_PROBLEMS) break;
    if (slice.length === SLICE) await flush();
  }
  await flush();
  const repeated = await duplicatesIncoming(sql, Math.max(0, MOST_PROBLEMS - problems.length));
  problems.push(...repeated.map((r) => ({ path: r.place, message: repeatProblem(r.phoneNumber, r.first) })));
  if (problems.length > 0) throw invalid(problems);
  return staged;
}

/** What is wrong with a list (the first hundred problems), for a request that is refused anyway; nothing is stored. */
export async function listProblems(rows: AsyncIterable<NumberRow> | Iterable<NumberRow>): Promise<ErrorDetail[]> {
  const problems: ErrorDetail[] = [];
  const check = listCheck();
  for await (const row of readable(rows, problems)) {
    const problem = check(row);
    if (problem !== null) problems.push(problem);
    if (problems.length >= MOST_PROBLEMS) break;
  }
  return problems;
}

/** The rows up to where the list itself is broken; what is wrong there is one problem more. */
async function* readable(
  rows: AsyncIterable<NumberRow> | Iterable<NumberRow>,
  problems: ErrorDetail[],
): AsyncGenerator<NumberRow> {
  try {
    yield* rows;
  } catch (error) {
    if (!(error instanceof ProvisioningError) || error.code !== 'validation_failed') throw error;
    problems.push(...error.details);
  }
}

/** A list in a JSON body as rows. */
export function* rowsOf(numbers: string[]): Generator<NumberRow> {
  for (const [i, number] of numbers.entries()) yield { number, at: `phone_numbers.${i}` };
}
