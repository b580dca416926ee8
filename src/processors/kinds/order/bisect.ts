import type { WorkDeps } from '../../../account/deps.ts';
import { hasUndecidedPart, wasAccepted } from '../../../db/chunks.ts';
import { openItemsOfChunk } from '../../../db/items.ts';
import { countLosses } from '../../../db/lines.ts';
import type { ProvisioningError } from '../../../domain/errors.ts';
import { historyOf } from '../../../domain/evidence.ts';
import type { Refusal } from '../../chunk/kind.ts';
import { lossOf, searchOfChunk } from '../../lines/losses.ts';
import type { OrderChunk } from './owned.ts';

/** Refusals that concern the settings of the order, never its numbers. */
const ABOUT_SETTINGS: ReadonlySet<string> = new Set(['invalid_connection', 'invalid_messaging_profile', 'forbidden']);

/**
 * How many refused single numbers of a buy line are replaced while Telnyx has accepted no order with these settings. The settings
 * may be at fault.
 */
const MOST_REPLACED = 3;
/**
 * The same after Telnyx has accepted an order with these settings. There is still a limit, because Telnyx may refuse the settings
 * later.
 */
const MOST_REPLACED_ACCEPTED = 50;

/** The cause under which the losses of a buy line record numbers that Telnyx refused one by one. */
const REFUSED = 'refused_by_telnyx';

/**
 * Halves an order that Telnyx refused without naming numbers, to find out what Telnyx refuses. When both halves are refused too,
 * the settings are at fault, and all numbers fail with the text of Telnyx. When Telnyx accepts an order with these settings, one
 * number is at fault, and the refused half is halved again until that number is alone.
 */
export async function bisected(deps: WorkDeps, chunk: OrderChunk, failure: ProvisioningError): Promise<Refusal> {
  if (ABOUT_SETTINGS.has(failure.code) || failure.disposition === 'bug') return { kind: 'by_disposition' };
  const accepted = await wasAccepted(deps.db.sql, chunk.requestId, chunk.step);
  const half = historyOf(chunk.evidence).bisect;
  if (chunk.numbers.length === 1 && (accepted || half === undefined)) return replacement(deps, chunk, failure, accepted);
  if (half === undefined || accepted) return { kind: 'split', history: { bisect: { of: chunk.id } } };
  if (await hasUndecidedPart(deps.db.sql, { requestId: chunk.requestId, id: half.of }, chunk.id))
    return { kind: 'retry', history: { bisect: { ...half, refused: failure.code } } };
  return { kind: 'by_disposition' };
}

/**
 * True when this half was refused and the other half is undecided. This half then waits, because the other one may still prove
 * that the settings are accepted.
 */
export async function waitsForOtherHalf(deps: WorkDeps, chunk: OrderChunk): Promise<boolean> {
  const half = historyOf(chunk.evidence).bisect;
  if (half?.refused === undefined) return false;
  return hasUndecidedPart(deps.db.sql, { requestId: chunk.requestId, id: half.of }, chunk.id);
}

/**
 * Replaces a refused single number by another number of the search. A number that the user listed fails with the text of Telnyx.
 */
async function replacement(deps: WorkDeps, chunk: OrderChunk, failure: ProvisioningError, accepted: boolean): Promise<Refusal> {
  const [item] = await openItemsOfChunk(deps.db.sql, chunk.id);
  const lineId = item?.lineId ?? chunk.lineId;
  if (lineId === null || (await searchOfChunk(deps, chunk)) === null) return { kind: 'by_disposition' };
  const before = await countLosses(deps.db.sql, lineId, REFUSED);
  if (before >= (accepted ? MOST_REPLACED_ACCEPTED : MOST_REPLACED)) return { kind: 'by_disposition' };
  const why = { code: failure.code, reason: failure.message };
  const settlement = {
    cause: 'refused' as const,
    ...(await lossOf(deps, chunk, chunk.numbers, why, { cause: REFUSED })),
    patch: { errorCode: failure.code, error: failure.message },
    detail: { code: failure.code, details: failure.details, replaced: true },
  };
  return { kind: 'settle', settlement, said: 'replaced' };
}
