import type { Hash } from 'node:crypto';
import type { SqlOrTx } from '../../db/client.ts';
import { createIncoming, dropRepeats, duplicatesIncoming, stageNumbers } from '../../db/incoming.ts';
import { type ErrorDetail, invalid, ProvisioningError } from '../../domain/errors.ts';
import { listCheck, MOST_PROBLEMS, phoneNumberProblem, repeatProblem } from './validate.ts';

/** One number of a list with the place where the user wrote it, such as `row 17`. */
export interface NumberRow {
  number: string;
  at: string;
  /** The problem of the number, when its reader knows more than the number itself shows. */
  problem?: string;
}

/** Whether a repeated number is an error of the list, or counts once and is reported. */
export type OnRepeat = 'refuse' | 'once';

/** Repeated numbers of a list: how many rows are too many, and some examples. */
export interface Repeats {
  count: number;
  sample: { phoneNumber: string; place: string; first: string }[];
}

/** A list without repeated numbers. */
export const NO_REPEATS: Repeats = { count: 0, sample: [] };

/** How many numbers the staging table holds, each counted once. */
export interface Staged {
  count: number;
  repeats: Repeats;
}

/** How to stage a list. */
export interface ListOptions {
  /** True when the numbers come from Telnyx by way of the inventory. They are then not checked by the numbering plan. */
  known: boolean;
  repeats: OnRepeat;
  /** The hash of the body without its numbers. It is copied and not changed. */
  bodyHash: Hash;
}

/** How many examples of repeated numbers are shown when they are no error. */
const SAMPLE = 5;
/** Numbers in one COPY. */
const SLICE = 10_000;

/**
 * Streams a list into the staging table of this transaction: checked, counted, never held in memory. `listHash` is the hash of
 * the body with every number of the list, in order. Throws `validation_failed` with the first hundred wrong or repeated numbers;
 * the transaction of the caller then leaves nothing behind.
 */
export async function stageList(
  sql: SqlOrTx,
  rows: AsyncIterable<NumberRow> | Iterable<NumberRow>,
  options: ListOptions,
): Promise<Staged & { listHash: Hash }> {
  await createIncoming(sql);
  const listHash = options.bodyHash.copy();
  const problems: ErrorDetail[] = [];
  let slice: NumberRow[] = [];
  let staged = 0;
  const flush = async () => {
    if (slice.length > 0) await stageNumbers(sql, slice, staged);
    staged += slice.length;
    slice = [];
  };
  for await (const row of readable(rows, problems)) {
    listHash.update(row.number);
    const problem = options.known ? null : (row.problem ?? phoneNumberProblem(row.number));
    if (problem === null) slice.push(row);
    else problems.push({ path: row.at, message: problem });
    if (problems.length >= MOST_PROBLEMS) break;
    if (slice.length === SLICE) await flush();
  }
  await flush();
  const refuses = options.repeats === 'refuse';
  const sample = await duplicatesIncoming(sql, refuses ? Math.max(0, MOST_PROBLEMS - problems.length) : SAMPLE);
  if (refuses) problems.push(...sample.map((r) => ({ path: r.place, message: repeatProblem(r.phoneNumber, r.first) })));
  if (problems.length > 0) throw invalid(problems);
  const dropped = sample.length === 0 ? 0 : await dropRepeats(sql);
  return { count: staged - dropped, repeats: { count: dropped, sample }, listHash };
}

/** What people should know about repeated numbers; `null` when there are none. */
export function noteOfRepeats({ count, sample }: Repeats): string | null {
  if (count === 0) return null;
  const shown = sample.map((r) => `${r.phoneNumber} (${r.place}, first at ${r.first})`).join(', ');
  const more = count > sample.length ? `, and ${count - sample.length} more` : '';
  return `${count} repeated ${count === 1 ? 'number is' : 'numbers are'} counted once: ${shown}${more}`;
}

/** The first hundred problems of a list, for a request that is refused anyway. Nothing is stored. */
export async function listProblems(
  rows: AsyncIterable<NumberRow> | Iterable<NumberRow>,
  repeats: OnRepeat,
): Promise<ErrorDetail[]> {
  const problems: ErrorDetail[] = [];
  const check = listCheck(repeats);
  for await (const row of readable(rows, problems)) {
    const problem = check(row);
    if (problem !== null) problems.push(problem);
    if (problems.length >= MOST_PROBLEMS) break;
  }
  return problems;
}

/** The rows up to the point where the list itself cannot be read. That problem is added to `problems`. */
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
