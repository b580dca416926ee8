import type { WorkDeps } from '../../account/deps.ts';
import { readNumbers } from '../../account/read-numbers.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import { changeNumbers, noteSettings } from '../../db/numbers.ts';
import { done, type Outcome } from '../../domain/outcome.ts';
import type { NumberSettings, Step } from '../../domain/step.ts';
import { sameTags } from '../../domain/tags.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import { movedByOthers } from '../chunk/after-send.ts';
import { settleChunk } from '../chunk/settle.ts';
import { type BatchResult, endOfRefused, MOST_ATTEMPTS } from './batch-result.ts';

type SettingStep = Extract<Step, { kind: 'update' | 'messaging' }>;

/** Settles an update or messaging batch number by number; what is in neither result list is read back. */
export async function settleUpdate(deps: WorkDeps, chunk: Chunk, step: SettingStep, result: BatchResult): Promise<Outcome> {
  const unknown = chunk.numbers.filter((n) => !result.succeeded.has(n) && !result.failed.has(n));
  const seen = unknown.length === 0 ? new Map<string, AccountNumber>() : await readNumbers(deps, unknown);
  const applied = new Set(unknown.filter((n) => isApplied(seen.get(n), step)));
  const undone = unknown.filter((n) => !applied.has(n));
  const succeeded = chunk.numbers.filter((n) => result.succeeded.has(n) || applied.has(n));
  const mayRepeat = chunk.attempt < MOST_ATTEMPTS;
  const ended = endOfRefused(chunk, result);
  if (!mayRepeat) {
    const reason = `Telnyx ended the job as ${result.status} without saying that this number was changed, ${chunk.attempt} times`;
    ended.push(
      ...undone.map((phoneNumber) => ({ phoneNumber, status: 'failed' as const, reasonCode: 'not_applied' as const, reason })),
    );
  }
  const settled = await settleChunk(deps, chunk, {
    cause: 'finished',
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
    inventory: (tx) => noteResult(tx, chunk, step, succeeded, deps.clock.now()),
  });
  return settled ? done(`settled: ${succeeded.length} changed, ${ended.length} failed`) : movedByOthers;
}

async function noteResult(tx: Tx, chunk: Chunk, step: SettingStep, numbers: string[], at: Date): Promise<void> {
  const because = { cause: step.kind, at, requestId: chunk.requestId, chunkId: chunk.id };
  if (step.kind === 'update') await noteSettings(tx, numbers, step.settings, because);
  if (step.kind === 'messaging') {
    await changeNumbers(
      tx,
      numbers,
      { messagingProfileId: step.messaging_profile_id === '' ? null : step.messaging_profile_id },
      because,
    );
  }
}

/** Whether the account shows what the step sets. What it does not show (voice settings) counts as not applied: setting again is safe. */
function isApplied(n: AccountNumber | undefined, step: SettingStep): boolean {
  if (n === undefined) return false;
  if (step.kind === 'messaging')
    return n.messagingProfileId !== undefined && (n.messagingProfileId ?? '') === step.messaging_profile_id;
  return step.settings.voice === undefined && showsSettings(n, step.settings);
}

function showsSettings(n: AccountNumber, s: NumberSettings): boolean {
  const same = (wanted: boolean | undefined, shown: boolean | undefined) => wanted === undefined || wanted === shown;
  // What was set to nothing is shown as null.
  const sameText = (wanted: string | undefined, shown: string | null) => wanted === undefined || wanted === (shown ?? '');
  return (
    sameText(s.connection_id, n.connectionId) &&
    sameText(s.billing_group_id, n.billingGroupId) &&
    sameText(s.customer_reference, n.customerReference) &&
    sameText(s.external_pin, n.externalPin) &&
    same(s.hd_voice_enabled, n.hdVoiceEnabled) &&
    same(s.deletion_lock_enabled, n.deletionLockEnabled) &&
    (s.tags === undefined || (n.tags !== undefined && sameTags(s.tags, n.tags)))
  );
}
