import type { WorkDeps } from '../../account/deps.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { ItemEnd } from '../../db/items.ts';
import { getLine } from '../../db/lines.ts';
import type { ReasonCode } from '../../domain/codes.ts';
import { type SearchCriteriaLine, searchOf } from '../../domain/request.ts';
import type { Settlement } from '../chunk/settle.ts';

/** The search of the buy line of a chunk; `null` for a list of numbers. A search can replace lost numbers. */
export async function searchOfChunk(deps: WorkDeps, chunk: Chunk): Promise<SearchCriteriaLine | null> {
  return searchOf(chunk.lineId === null ? null : await getLine(deps.db.sql, chunk.lineId));
}

/**
 * How numbers of a buy end that are proven not ours. Numbers of a search free their slots, and the buy line searches for others.
 * Numbers that the user listed cannot be replaced and fail with the reason.
 */
export async function lossOf(
  deps: WorkDeps,
  chunk: Chunk,
  numbers: string[],
  why: { code: ReasonCode; reason: string },
  how: { cause?: string; heldUntil?: Date } = {},
): Promise<Required<Pick<Settlement, 'ended' | 'lost'>>> {
  const replace = (await searchOfChunk(deps, chunk)) !== null;
  const { cause = 'taken_by_others', ...held } = how;
  const failed = (phoneNumber: string): ItemEnd => ({ phoneNumber, status: 'failed', reasonCode: why.code, reason: why.reason });
  return { ended: replace ? [] : numbers.map(failed), lost: { numbers, cause, replace, ...held } };
}
