import type { SqlOrTx } from '../db/client.ts';
import { createIncoming, duplicatesIncoming, stageNumbers } from '../db/incoming.ts';
import { type ErrorDetail, invalid } from '../domain/errors.ts';
import { phoneNumberProblem } from './validate.ts';

/** One number of a list with the place where the user wrote it, such as `row 17`. */
export interface NumberRow {
  number: string;
  at: string;
}

const SLICE = 5_000;
const MOST_PROBLEMS = 100;

/**
 * Streams a list into the staging table of this transaction: checked, counted, never held. Wrong numbers are collected (the
 * first hundred), then duplicates, and thrown together; the caller's transaction leaves nothing behind. Returns how many.
 */
export async function stageList(
  sql: SqlOrTx,
  rows: AsyncIterable<NumberRow> | Iterable<NumberRow>,
  onNumber: (n: string) => void,
): Promise<number> {
  await createIncoming(sql);
  const problems: ErrorDetail[] = [];
  let slice: string[] = [];
  let staged = 0;
  const flush = async () => {
    await stageNumbers(sql, slice, staged);
    staged += slice.length;
    slice = [];
  };
  for await (const row of rows) {
    onNumber(row.number);
    const problem = phoneNumberProblem(row.number);
    if (problem !== null) problems.push({ path: row.at, message: problem });
    if (problems.length >= MOST_PROBLEMS) break;
    if (problems.length === 0) slice.push(row.number);
    if (slice.length === SLICE) await flush();
  }
  if (problems.length > 0) throw invalid(problems);
  if (slice.length > 0) await flush();
  const twice = await duplicatesIncoming(sql, MOST_PROBLEMS);
  if (twice.length > 0) {
    throw invalid(
      twice.map((d) => ({
        path: `entry ${d.places.join(', ')}`,
        message: `"${d.phoneNumber}" is in the list ${d.places.length} times`,
      })),
    );
  }
  return staged;
}

/** A list in a JSON body as rows. */
export function* rowsOf(numbers: string[]): Generator<NumberRow> {
  for (const [i, number] of numbers.entries()) yield { number, at: `phone_numbers.${i}` };
}
