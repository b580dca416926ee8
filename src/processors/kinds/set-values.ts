import type { WorkDeps } from '../../account/deps.ts';
import { readNumbers } from '../../account/read-numbers.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import type { Judgement } from '../chunk/kind.ts';
import { type BatchResult, endsOfFailed, MOST_ATTEMPTS } from './batch-job.ts';

/** The values that a call sets on every number of a chunk. */
export interface SetValues {
  /**
   * True when the account shows the values. Values that the list does not show count as not applied, because setting them again
   * is safe.
   */
  isApplied(shown: AccountNumber): boolean;
  /** Writes the values into the inventory. */
  note(tx: Tx, numbers: string[]): Promise<void>;
}

/**
 * Judges a call that sets values, number by number. A number that Telnyx did not report is read back, and goes out again when it
 * lacks the values.
 */
export async function judgeValues(deps: WorkDeps, chunk: Chunk, result: BatchResult, values: SetValues): Promise<Judgement> {
  const unknown = chunk.numbers.filter((n) => !result.succeeded.has(n) && !result.failed.has(n));
  const seen = unknown.length === 0 ? new Map<string, AccountNumber>() : await readNumbers(deps, unknown);
  const applied = new Set(
    unknown.filter((n) => {
      const shown = seen.get(n);
      return shown !== undefined && values.isApplied(shown);
    }),
  );
  const undone = unknown.filter((n) => !applied.has(n));
  const succeeded = chunk.numbers.filter((n) => result.succeeded.has(n) || applied.has(n));
  const mayRepeat = chunk.attempt < MOST_ATTEMPTS;
  const ended = endsOfFailed(chunk, result);
  if (!mayRepeat) {
    const reason = `Telnyx did not report that this number was changed, in ${chunk.attempt} calls; the last one ended as ${result.status}`;
    ended.push(
      ...undone.map((phoneNumber) => ({ phoneNumber, status: 'failed' as const, reasonCode: 'not_applied' as const, reason })),
    );
  }
  const settlement = {
    cause: 'finished' as const,
    succeeded: succeeded.map((phoneNumber) => ({ phoneNumber })),
    ended,
    ...(mayRepeat && undone.length > 0 && { again: [{ numbers: undone, attempt: chunk.attempt }] }),
    detail: {
      status: result.status,
      succeeded: succeeded.length,
      failed: ended.length,
      read_back: unknown.length,
      again: mayRepeat ? undone.length : 0,
    },
    inventory: (tx: Tx) => values.note(tx, succeeded),
  };
  return { kind: 'settle', settlement, said: `settled: ${succeeded.length} changed, ${ended.length} failed` };
}
