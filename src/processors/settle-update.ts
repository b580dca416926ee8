import type { Chunk } from '../db/chunks.ts';
import type { Tx } from '../db/client.ts';
import type { ItemEnd } from '../db/items.ts';
import { changeNumbers, noteSettings } from '../db/numbers.ts';
import { done, type Outcome } from '../domain/outcome.ts';
import type { NumberSettings, Step } from '../domain/step.ts';
import { sameTags } from '../domain/tags.ts';
import type { WorkDeps } from '../reconcile/deps.ts';
import { readNumbers } from '../reconcile/read-numbers.ts';
import type { AccountNumber } from '../telnyx/gateway.ts';
import type { BatchResult } from './batch-result.ts';
import { settleChunk } from './settle.ts';
import { movedByOthers } from './submission.ts';

/** Values are set, so numbers that a job left undone go out again, at most this often. */
const MOST_ATTEMPTS = 4;

/** Settles an update, messaging or emergency batch number by number; what is in neither result list is read back. */
export async function settleUpdate(deps: WorkDeps, chunk: Chunk, step: Step, result: BatchResult): Promise<Outcome> {
  const unknown = chunk.numbers.filter((n) => !result.succeeded.has(n) && !result.failed.has(n));
  const seen = unknown.length === 0 ? new Map<string, AccountNumber>() : await readNumbers(deps, unknown);
  const applied = new Set(unknown.filter((n) => isApplied(seen.get(n), step)));
  const undone = unknown.filter((n) => !applied.has(n));
  const succeeded = chunk.numbers.filter((n) => result.succeeded.has(n) || applied.has(n));
  const mayRepeat = chunk.attempt < MOST_ATTEMPTS;
  const ended: ItemEnd[] = [...result.failed]
    .filter(([n]) => chunk.numbers.includes(n))
    .map(([phoneNumber, why]) => ({ phoneNumber, status: 'failed', reasonCode: why.code, reason: why.message }));
  if (!mayRepeat) {
    const reason = `Telnyx ended the job as ${result.status} without changing this number, ${chunk.attempt} times`;
    ended.push(...undone.map((phoneNumber) => ({ phoneNumber, status: 'failed' as const, reasonCode: 'not_applied', reason })));
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

async function noteResult(tx: Tx, chunk: Chunk, step: Step, numbers: string[], at: Date): Promise<void> {
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
  if (step.kind === 'emergency') {
    await changeNumbers(
      tx,
      numbers,
      { emergencyEnabled: step.emergency_enabled, emergencyAddressId: step.emergency_address_id },
      because,
    );
  }
}

/** Whether the account shows what the step sets. What it does not show (voice settings) counts as not applied: setting again is safe. */
function isApplied(n: AccountNumber | undefined, step: Step): boolean {
  if (n === undefined) return false;
  if (step.kind === 'messaging')
    return n.messagingProfileId !== undefined && (n.messagingProfileId ?? '') === step.messaging_profile_id;
  if (step.kind === 'emergency') return n.emergencyEnabled === step.emergency_enabled;
  return step.kind === 'update' && step.settings.voice === undefined && showsSettings(n, step.settings);
}

function showsSettings(n: AccountNumber, s: NumberSettings): boolean {
  const same = <T>(wanted: T | undefined, shown: T | null | undefined) => wanted === undefined || wanted === shown;
  return (
    same(s.connection_id, n.connectionId) &&
    same(s.billing_group_id, n.billingGroupId) &&
    same(s.customer_reference, n.customerReference) &&
    same(s.external_pin, n.externalPin) &&
    same(s.hd_voice_enabled, n.hdVoiceEnabled) &&
    same(s.deletion_lock_enabled, n.deletionLockEnabled) &&
    (s.tags === undefined || (n.tags !== undefined && sameTags(s.tags, n.tags)))
  );
}
