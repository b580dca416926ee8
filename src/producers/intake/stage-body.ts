import type { Tx } from '../../db/client.ts';
import { createIncoming } from '../../db/incoming.ts';
import { stageInventory } from '../../db/numbers.ts';
import { invalid } from '../../domain/errors.ts';
import { hashOfBody } from './body-hash.ts';
import type { Where } from './filter-shapes.ts';
import type { RequestBody } from './request-shapes.ts';
import { MAX_ASKED } from './size-limits.ts';
import { NO_REPEATS, type NumberRow, type OnRepeat, rowsOfBody, type Staged, stageList } from './stage-numbers.ts';
import { askedProblem } from './validate.ts';

/** The numbers of a body in the staging table. */
export interface StagedBody extends Staged {
  /** The hash of the whole body, with the numbers that it lists. */
  bodyHash: string;
  /** True when the body lists or selects numbers. False for a buy that only searches. */
  listed: boolean;
}

export interface StageOptions {
  /** Numbers outside the body. The stream is read once and never held. */
  numbers?: AsyncIterable<NumberRow>;
  /** Reads the numbers within this transaction. */
  numbersIn?: (tx: Tx) => AsyncIterable<NumberRow>;
  /** What to do with a repeated number of the list: `refuse` (the default) or count it `once`. */
  repeats?: OnRepeat;
  /** True when the numbers come from Telnyx and not from a user. */
  known: boolean;
}

/** Copies the numbers that the body lists or selects into the staging table of this transaction. Throws `validation_failed`. */
export async function stageBody(tx: Tx, body: RequestBody, options: StageOptions): Promise<StagedBody> {
  const hash = hashOfBody(body);
  const nothing = { count: 0, repeats: NO_REPEATS, byRow: false, bodyHash: hash.copy().digest('hex'), listed: false };
  // The hash contains the filter and not the numbers that match it now, so the same filter is the same body.
  if (body.kind !== 'buy' && body.where !== undefined)
    return { ...nothing, count: await stageWhere(tx, body.where), listed: true };
  const numbers = options.numbersIn?.(tx) ?? options.numbers;
  if (body.kind === 'buy' && body.phone_numbers.length === 0 && numbers === undefined) return nothing;
  const rows = upTo(body.kind === 'buy' ? MAX_ASKED - searchedFor(body) : null, numbers ?? rowsOfBody(body));
  const { known, repeats = 'refuse' } = options;
  const { listHash, ...staged } = await stageList(tx, rows, { known, repeats, bodyHash: hash });
  return { ...staged, bodyHash: listHash.digest('hex'), listed: true };
}

async function stageWhere(tx: Tx, where: Where): Promise<number> {
  await createIncoming(tx);
  return stageInventory(tx, where);
}

/** How many numbers a body asks for without naming them. */
export const searchedFor = (body: RequestBody): number =>
  body.kind === 'buy' ? body.lines.reduce((sum, line) => sum + line.quantity, 0) : 0;

/** The rows of a list. Refuses the list at the first row after `most`, without reading on. `null` sets no limit. */
async function* upTo(most: number | null, rows: AsyncIterable<NumberRow> | Iterable<NumberRow>): AsyncGenerator<NumberRow> {
  let n = 0;
  for await (const row of rows) {
    n += 1;
    const tooMany = most !== null && n > most ? askedProblem(MAX_ASKED + 1) : null;
    if (tooMany !== null) throw invalid([tooMany]);
    yield row;
  }
}
