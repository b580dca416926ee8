import type { WorkDeps } from '../../account/deps.ts';
import type { Chunk } from '../../db/chunks.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { liftedNote } from '../../domain/lifted.ts';
import { done, hold, type Outcome } from '../../domain/outcome.ts';
import type { Step } from '../../domain/step.ts';
import type { LastLook } from '../../telnyx/gateway.ts';
import {
  claimSubmission,
  failAll,
  failureOfSending,
  lastLook,
  movedByOthers,
  noteAccepted,
  noteReplyLost,
  tryLater,
} from '../chunk/after-send.ts';
import type { Send } from '../chunk/prepared.ts';
import { settleHalved } from '../chunk/settle.ts';

/** After this many refusals for foreign numbers that ownership does not show, the batch is halved to find the one. */
const PATIENCE_WITH_STRANGERS = 3;

/** Sends a prepared batch once: exact numbers and settings are committed first. */
export async function submitBatch(deps: WorkDeps, chunk: Chunk, send: Send): Promise<Outcome> {
  const claimed = await claimSubmission(deps, chunk, send);
  if (claimed === null) return movedByOthers;
  try {
    const telnyxId = await call(deps, claimed.numbers, claimed.step, lastLook(deps, claimed));
    return (await noteAccepted(deps, claimed, telnyxId)) === null ? movedByOthers : hold(deps.timings.pollMinMs, 'accepted');
  } catch (error) {
    return batchRefused(deps, claimed, error);
  }
}

async function call(deps: WorkDeps, numbers: string[], step: Step, look: LastLook): Promise<string> {
  switch (step.kind) {
    case 'update':
      return (await deps.telnyx.updateNumbers(numbers, step.settings, look)).id;
    case 'delete':
      return (await deps.telnyx.deleteNumbers(numbers, look)).id;
    case 'emergency':
      return (await deps.telnyx.updateEmergency(numbers, step.emergency_enabled, step.emergency_address_id, look)).id;
    case 'messaging':
      return (await deps.telnyx.updateMessaging(numbers, step.messaging_profile_id, look)).id;
    case 'order':
      throw new ProvisioningError('wrong_step', 'bug', 'an order is no batch job');
  }
}

async function batchRefused(deps: WorkDeps, chunk: Chunk, error: unknown): Promise<Outcome> {
  const failure = failureOfSending(error, 'batch');
  if (failure.disposition === 'ambiguous') {
    await noteReplyLost(deps, chunk, failure);
    return hold(deps.timings.lookMinMs, 'reply lost');
  }
  // A full house (job_cap) is back-pressure: the slot is given back and the chunk waits.
  if (failure.disposition === 'retry' || failure.disposition === 'account') return tryLater(deps, chunk, failure);
  if (failure.code === 'not_owned') return foreignNumber(deps, chunk, failure);
  if (failure.code === 'too_many_numbers' && chunk.numbers.length > 1) return halve(deps, chunk, failure);
  return failForGood(deps, chunk, failure);
}

/** A release that is refused must say what was lifted for it. */
function failForGood(deps: WorkDeps, chunk: Chunk, { code, disposition, message, details }: ProvisioningError): Promise<Outcome> {
  return failAll(deps, chunk, new ProvisioningError(code, disposition, `${message}${liftedNote(chunk.step)}`, { details }));
}

/** A number went away between the ownership look and the call: look again, at last halve until the one is found. */
async function foreignNumber(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  if (chunk.attempt < PATIENCE_WITH_STRANGERS) {
    return tryLater(deps, chunk, new ProvisioningError(failure.code, 'retry', failure.message), {
      countAttempt: true,
    });
  }
  return chunk.numbers.length > 1 ? halve(deps, chunk, failure) : failForGood(deps, chunk, failure);
}

async function halve(deps: WorkDeps, chunk: Chunk, failure: ProvisioningError): Promise<Outcome> {
  const settled = await settleHalved(deps, chunk, { cause: 'refused_split', detail: { code: failure.code } });
  return settled ? done('halved') : movedByOthers;
}
