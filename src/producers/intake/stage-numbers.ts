import type { Hash } from 'node:crypto';
import type { SqlOrTx } from '../../db/client.ts';
import { createIncoming, dropRepeats, duplicatesIncoming, stageNumbers } from '../../db/incoming.ts';
import { createProblems, type ErrorDetail, invalid, type Problems, ProvisioningError } from '../../domain/errors.ts';
import type { RequestBody } from './request-shapes.ts';
import { rowValues } from './row-values.ts';
import { listCheck, MOST_PROBLEMS, otherValuesProblem, phoneNumberProblem, repeatProblem } from './validate.ts';

/** One number of a list with the place where the user wrote it, such as `row 17`. */
export interface NumberRow {
  number: string;
  at: string;
  /** The problem of the number, when its reader knows more than the number itself shows. */
  problem?: string;
  /** The steps for this number as JSON, in a list with values row by row. Equal values are equal texts. */
  steps?: string;
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
  /** True when each number has steps of its own. */
  byRow: boolean;
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
  const problems = createProblems();
  let slice: NumberRow[] = [];
  let staged = 0;
  let byRow = false;
  let copying: Promise<void> | null = null;
  /** Starts to copy what was read, while the next rows are read and checked. One COPY runs at a time. */
  const flush = async () => {
    await copying;
    copying = slice.length > 0 ? stageNumbers(sql, slice, staged) : null;
    // Its failure is thrown by whoever waits for it, which may be after many more rows.
    copying?.catch(() => undefined);
    staged += slice.length;
    slice = [];
  };
  try {
    for await (const row of readable(rows, problems)) {
      listHash.update(row.number);
      if (row.steps !== undefined) {
        listHash.update(row.steps);
        byRow = true;
      }
      const problem = options.known ? null : (row.problem ?? phoneNumberProblem(row.number));
      if (problem !== null) problems.add({ path: row.at, message: problem });
      // A list that is refused anyway is only read on, to count what is wrong.
      else if (!problems.full) slice.push(row);
      if (slice.length === SLICE) await flush();
    }
    await flush();
  } finally {
    // The transaction may only end when nothing is copied any more.
    await copying;
  }
  const repeats = await repeatsOf(sql, options.repeats, byRow, problems);
  if (problems.count > 0) throw invalid(problems.list());
  if (repeats.count > 0) await dropRepeats(sql);
  return { count: staged - repeats.count, repeats, byRow, listHash };
}

/** Finds the repeated numbers of the staged list. Those that are refused become problems. */
async function repeatsOf(sql: SqlOrTx, on: OnRepeat, byRow: boolean, problems: Problems): Promise<Repeats> {
  if (on === 'once') {
    // Without values row by row, no two rows can differ in them, and the list need not be sorted for it.
    const twoValues = byRow ? (await duplicatesIncoming(sql, 'with other values', MOST_PROBLEMS)).first : [];
    for (const r of twoValues) problems.add({ path: r.place, message: otherValuesProblem(r.phoneNumber, r.first) });
    const { count, first } = await duplicatesIncoming(sql, 'all', SAMPLE);
    return { count, sample: first };
  }
  const room = Math.max(0, MOST_PROBLEMS - problems.count);
  const { first } = await duplicatesIncoming(sql, 'all', room);
  for (const r of first) problems.add({ path: r.place, message: repeatProblem(r.phoneNumber, r.first) });
  return NO_REPEATS;
}

/** What people should know about repeated numbers; `null` when there are none. */
export function noteOfRepeats({ count, sample }: Repeats): string | null {
  if (count === 0) return null;
  const shown = sample.map((r) => `${r.phoneNumber} (${r.place}, first at ${r.first})`).join(', ');
  const more = count > sample.length ? `, and ${count - sample.length} more` : '';
  return `${count} repeated ${count === 1 ? 'number is' : 'numbers are'} counted once: ${shown}${more}`;
}

/** The problems of a list, for a request that is refused anyway. Nothing is stored. */
export async function listProblems(
  rows: AsyncIterable<NumberRow> | Iterable<NumberRow>,
  repeats: OnRepeat,
): Promise<ErrorDetail[]> {
  const problems = createProblems();
  const check = listCheck(repeats);
  for await (const row of readable(rows, problems)) {
    const problem = check(row);
    if (problem !== null) problems.add(problem);
  }
  return problems.list();
}

/** The rows up to the point where the list itself cannot be read. That problem is added to `problems`. */
async function* readable(rows: AsyncIterable<NumberRow> | Iterable<NumberRow>, problems: Problems): AsyncGenerator<NumberRow> {
  try {
    yield* rows;
  } catch (error) {
    if (!(error instanceof ProvisioningError) || error.code !== 'validation_failed') throw error;
    for (const detail of error.details) problems.add(detail);
  }
}

/** A list of numbers in a JSON body as rows. */
export function* rowsOf(numbers: readonly string[]): Generator<NumberRow> {
  for (const [i, number] of numbers.entries()) yield { number, at: `phone_numbers.${i}` };
}

/** The numbers that a body names, each with its own values when it has any. */
export function* rowsOfBody(body: RequestBody): Generator<NumberRow> {
  yield* rowsOf(body.phone_numbers ?? []);
  if (body.kind !== 'update') return;
  for (const [i, row] of (body.rows ?? []).entries())
    yield { number: row.phone_number, at: `rows.${i}`, ...rowValues(body.set, row.set) };
}
