import type { WorkDeps } from '../../account/deps.ts';
import { type Chunk, hasUndecidedPart, wasAccepted } from '../../db/chunks.ts';
import { countLosses, getLine } from '../../db/lines.ts';
import type { ErrorCode } from '../../domain/codes.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { done, type Outcome } from '../../domain/outcome.ts';
import { failAll, movedByOthers, tryLater } from '../chunk/after-send.ts';
import { lossOf, settleChunk, settleHalved } from '../chunk/settle.ts';

/** Refusals that speak of the settings of the order, never of its numbers. */
const ABOUT_SETTINGS: ReadonlySet<string> = new Set<ErrorCode>(['invalid_connection', 'invalid_messaging_profile', 'forbidden']);

/** So many single numbers of a line are replaced while no order with these settings was accepted: the settings may be at fault. */
const MOST_REPLACED = 3;
/** So many when one was accepted: settings may be refused later. */
const MOST_REPLACED_ACCEPTED = 50;

/** The reason under which a line keeps the numbers that Telnyx refused one by one. */
const REFUSED = 'refused_by_telnyx';

/**
 * An order that is refused for a reason that names no numbers is halved, to find out what is refused. When both halves are refused
 * too, the settings are at fault and all numbers fail with the words of Telnyx. When an order with these settings is accepted, a
 * number is at fault, and halving goes on until it is found.
 */
export async function bisectRefused(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  if (ABOUT_SETTINGS.has(failure.code) || failure.disposition === 'bug') return failAll(deps, chunk, failure);
  const accepted = await wasAccepted(deps.db.sql, chunk.requestId, chunk.step);
  if (chunk.numbers.length === 1 && (accepted || chunk.evidence?.bisect === undefined))
    return replaceOrFail(deps, chunk, failure, accepted);
  const half = chunk.evidence?.bisect;
  if (half === undefined || accepted) return halve(deps, chunk, failure);
  const refused = { ...half, refused: failure.code };
  if (await hasUndecidedPart(deps.db.sql, { requestId: chunk.requestId, id: half.of }, chunk.id))
    return tryLater(deps, chunk, asRetry(failure), { countAttempt: true, lineage: { bisect: refused } });
  return failAll(deps, chunk, failure);
}

/** Whether this half was refused and the other half may still prove that the settings are accepted: then this one waits for it. */
export async function waitsForOtherHalf(deps: WorkDeps, chunk: Chunk): Promise<boolean> {
  const half = chunk.evidence?.bisect;
  if (half?.refused === undefined) return false;
  return hasUndecidedPart(deps.db.sql, { requestId: chunk.requestId, id: half.of }, chunk.id);
}

async function halve(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  const settled = await settleHalved(deps, chunk, {
    cause: 'refused_split',
    detail: { code: failure.code },
    lineage: { bisect: { of: chunk.id } },
  });
  return settled ? done(`halved: ${failure.code}`) : movedByOthers;
}

/** A single number of a search line is replaced by another; one that the user listed fails with the words of Telnyx. */
async function replaceOrFail(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError, accepted: boolean): Promise<Outcome> {
  const { lineId } = chunk;
  const line = lineId === null ? null : await getLine(deps.db.sql, lineId);
  if (line === null || line.criteria.kind !== 'search') return failAll(deps, chunk, failure);
  const before = await countLosses(deps.db.sql, line.id, REFUSED);
  if (before >= (accepted ? MOST_REPLACED_ACCEPTED : MOST_REPLACED)) return failAll(deps, chunk, failure);
  const why = { code: failure.code, reason: failure.message };
  const settled = await settleChunk(deps, chunk, {
    cause: 'refused',
    succeeded: [],
    ...(await lossOf(deps, chunk, chunk.numbers, why, { cause: REFUSED })),
    patch: { errorCode: failure.code, error: failure.message },
    detail: { code: failure.code, details: failure.details, replaced: true },
  });
  return settled ? done(`replaced: ${failure.code}`) : movedByOthers;
}

/** The same refusal as one that passes: the call had no effect, and this half may be sent again. */
const asRetry = (failure: ProvisioningError): ProvisioningError =>
  new ProvisioningError(failure.code, 'retry', failure.message, { details: failure.details });
