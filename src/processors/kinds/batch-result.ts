import type { Chunk } from '../../db/chunks.ts';
import type { ItemEnd } from '../../db/items.ts';
import type { ReasonCode } from '../../domain/codes.ts';

/** What Telnyx says of each number of a batch that is over. */
export interface BatchResult {
  succeeded: Set<string>;
  failed: Map<string, { code: ReasonCode; message: string }>;
  /** How the job ended: `completed`, `failed`, `expired`, or `done` for a messaging update. */
  status: string;
}

/** Values are set, so numbers that a job left undone go out again, at most this often. */
export const MOST_ATTEMPTS = 4;

/** The ends of the numbers that Telnyx named as failed, in its words. */
export function endOfRefused(chunk: Chunk, result: BatchResult): ItemEnd[] {
  return [...result.failed]
    .filter(([n]) => chunk.numbers.includes(n))
    .map(([phoneNumber, why]) => ({ phoneNumber, status: 'failed', reasonCode: why.code, reason: why.message }));
}
