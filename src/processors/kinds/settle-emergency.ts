import type { WorkDeps } from '../../account/deps.ts';
import { readNumbers } from '../../account/read-numbers.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import type { ItemEnd } from '../../db/items.ts';
import { changeNumbers } from '../../db/numbers.ts';
import { after } from '../../domain/clock.ts';
import type { ReasonCode } from '../../domain/codes.ts';
import { type EmergencyVerdict, judgeEmergency } from '../../domain/emergency.ts';
import { done, type Outcome, snooze } from '../../domain/outcome.ts';
import type { Step } from '../../domain/step.ts';
import { backoff } from '../../domain/submission.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import { movedByOthers } from '../chunk/after-send.ts';
import { type Settlement, settleChunk } from '../chunk/settle.ts';
import { type BatchResult, endOfRefused, MOST_ATTEMPTS } from './batch-result.ts';

type EmergencyStep = Extract<Step, { kind: 'emergency' }>;

/** A number that the job did not refuse, with what Telnyx shows of it by now. */
interface Looked {
  phoneNumber: string;
  shown: AccountNumber | undefined;
  verdict: EmergencyVerdict;
  /** The job said that it succeeded. */
  said: boolean;
}

/**
 * Settles an emergency batch by what Telnyx shows of each number after the job, because a job that succeeded only says that
 * Telnyx took the change. Reads lag, so what is not shown as asked is looked at again over the settling window. What is on its
 * way by then ends as succeeded with `emergency_pending`. The inventory gets what was read, and nothing else.
 */
export async function settleEmergency(deps: WorkDeps, chunk: Chunk, step: EmergencyStep, result: BatchResult): Promise<Outcome> {
  const looked = await look(deps, chunk, step, result);
  // A release that follows looks for itself, and has more patience.
  const isDoubtful = (n: Looked): boolean =>
    (n.verdict === 'not_shown' || n.verdict === 'refused') && !(n.said && chunk.nextSteps.length > 0);
  const doubtful = looked.filter(isDoubtful);
  if (doubtful.length > 0) {
    const delayMs = await waitForReads(deps, chunk, looked.length - doubtful.length);
    if (delayMs !== null) return snooze(delayMs, 'not shown as asked yet');
  }
  // Of these the job said nothing, and nothing shows: values are set, so they go out again.
  const again = chunk.attempt < MOST_ATTEMPTS ? doubtful.filter((n) => !n.said && n.verdict === 'not_shown') : [];
  const succeeded = looked.filter((n) => !isDoubtful(n));
  const ended = [...endOfRefused(chunk, result), ...doubtful.filter((n) => !again.includes(n)).map((n) => failureOf(step, n))];
  const settled = await settleChunk(deps, chunk, {
    cause: 'finished',
    succeeded: succeeded.map((n) => successOf(step, n)),
    ended,
    ...(again.length > 0 && { again: [{ numbers: again.map((n) => n.phoneNumber), attempt: chunk.attempt }] }),
    detail: { status: result.status, succeeded: succeeded.length, failed: ended.length, again: again.length },
    inventory: (tx) => noteShown(tx, chunk, looked, deps.clock.now()),
  });
  return settled ? done(`settled: ${succeeded.length} taken by Telnyx, ${ended.length} failed`) : movedByOthers;
}

async function look(deps: WorkDeps, chunk: Chunk, step: EmergencyStep, result: BatchResult): Promise<Looked[]> {
  const numbers = chunk.numbers.filter((n) => !result.failed.has(n));
  const seen = numbers.length === 0 ? new Map<string, AccountNumber>() : await readNumbers(deps, numbers);
  const wish = { enabled: step.emergency_enabled, addressId: step.emergency_address_id };
  return numbers.map((phoneNumber) => {
    const shown = seen.get(phoneNumber);
    return { phoneNumber, shown, verdict: judgeEmergency(wish, shown), said: result.succeeded.has(phoneNumber) };
  });
}

/** Notes a look and says when to look again; `null` when the settling window since the first one is over. */
async function waitForReads(deps: WorkDeps, chunk: Chunk, shown: number): Promise<number | null> {
  const { timings: t } = deps;
  const now = deps.clock.now();
  const before = chunk.evidence ?? { because: 'read back', looks: [] };
  const [first] = before.looks;
  if (first !== undefined && now.getTime() - Date.parse(first.at) >= t.settleMs) return null;
  const delayMs = backoff(before.looks.length, t.lookMinMs, t.lookMaxMs);
  const evidence = { ...before, looks: [...before.looks, { at: now.toISOString(), found: [], owned: shown }] };
  await touchChunk(deps.db.sql, chunk, now, { evidence, nextRunAt: after(now, delayMs) });
  return delayMs;
}

function successOf(step: EmergencyStep, { phoneNumber, verdict }: Looked): Settlement['succeeded'][number] {
  if (verdict === 'in_force') return { phoneNumber };
  const reason = step.emergency_enabled
    ? 'Telnyx has taken the emergency address and is still provisioning it; it is in force when its status says active'
    : 'Telnyx is still disabling the emergency services of this number';
  return { phoneNumber, reasonCode: 'emergency_pending', reason };
}

function failureOf(step: EmergencyStep, { phoneNumber, shown, verdict, said }: Looked): ItemEnd {
  const end = (reasonCode: ReasonCode, reason: string): ItemEnd => ({ phoneNumber, status: 'failed', reasonCode, reason });
  if (verdict === 'refused')
    return end('emergency_failed', 'Telnyx could not provision emergency services at this address (provisioning-failed)');
  const asked = step.emergency_enabled ? `emergency address ${step.emergency_address_id}` : 'no emergency services';
  const found =
    shown === undefined
      ? 'the list does not show the number'
      : `Telnyx shows address ${shown.emergencyAddressId ?? 'none'}, status ${shown.emergencyStatus ?? 'unknown'}`;
  const job = said ? 'the job ended as succeeded' : 'the job named no result';
  return end('emergency_not_shown', `asked for ${asked}; ${job}, but ${found}`);
}

/** Numbers of which the same is shown share a statement. What is not shown is left as it is. */
async function noteShown(tx: Tx, chunk: Chunk, looked: Looked[], at: Date): Promise<void> {
  const groups = new Map<string, { numbers: string[]; set: ReturnType<typeof emergencyFields> }>();
  for (const { phoneNumber, shown } of looked) {
    if (shown === undefined) continue;
    const set = emergencyFields(shown);
    const key = JSON.stringify(set);
    const group = groups.get(key) ?? { numbers: [], set };
    group.numbers.push(phoneNumber);
    groups.set(key, group);
  }
  const because = { cause: chunk.kind, at, requestId: chunk.requestId, chunkId: chunk.id };
  for (const { numbers, set } of groups.values()) await changeNumbers(tx, numbers, set, because);
}

function emergencyFields(n: AccountNumber) {
  return {
    emergencyAddressId: n.emergencyAddressId,
    ...(n.emergencyEnabled !== undefined && { emergencyEnabled: n.emergencyEnabled }),
    ...(n.emergencyStatus !== undefined && { emergencyStatus: n.emergencyStatus }),
  };
}
