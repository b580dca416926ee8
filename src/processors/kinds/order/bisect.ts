import type { WorkDeps } from '../../../account/deps.ts';
import { hasUndecidedPart, wasAccepted } from '../../../db/chunks.ts';
import { countLosses } from '../../../db/lines.ts';
import type { ProvisioningError } from '../../../domain/errors.ts';
import { historyOf } from '../../../domain/evidence.ts';
import type { Refusal } from '../../chunk/kind.ts';
import { lossOf, searchOf } from '../../lines/losses.ts';
import type { OrderChunk } from './owned.ts';

/** Refusals that speak of the settings of the order, never of its numbers. */
const ABOUT_SETTINGS: ReadonlySet<string> = new Set(['invalid_connection', 'invalid_messaging_profile', 'forbidden']);

/** So many single numbers of a line are replaced while no order with these settings was accepted: the settings may be at fault. */
const MOST_REPLACED = 3;
/** So many when one was accepted: settings may be refused later. */
const MOST_REPLACED_ACCEPTED = 50;

/** The reason under which a line keeps the numbers that Telnyx refused one by one. */
const REFUSED = 'refused_by_telnyx';

/**
 * Halves an order that Telnyx refused for a reason that names no numbers, to find out what is refused. When both halves are refused
 * too, the settings are at fault and all numbers fail with the words of Telnyx. When an order with these settings is accepted, a
 * number is at fault, and halving goes on until it is found.
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

/** True when this half was refused and the other half may still prove that the settings are accepted. Then this one waits for it. */
export async function waitsForOtherHalf(deps: WorkDeps, chunk: OrderChunk): Promise<boolean> {
  const half = historyOf(chunk.evidence).bisect;
  if (half?.refused === undefined) return false;
  return hasUndecidedPart(deps.db.sql, { requestId: chunk.requestId, id: half.of }, chunk.id);
}

/** Another number replaces a single number of a search. A number that the user listed fails with the words of Telnyx. */
async function replacement(deps: WorkDeps, chunk: OrderChunk, failure: ProvisioningError, accepted: boolean): Promise<Refusal> {
  const { lineId } = chunk;
  if (lineId === null || (await searchOf(deps, chunk)) === null) return { kind: 'by_disposition' };
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
