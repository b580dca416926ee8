import type { WorkDeps } from '../../account/deps.ts';
import { readNumbers } from '../../account/read-numbers.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import type { ItemEnd } from '../../db/items.ts';
import { changeNumbers } from '../../db/numbers.ts';
import { backoff } from '../../domain/clock.ts';
import type { ReasonCode } from '../../domain/codes.ts';
import { type EmergencyVerdict, judgeEmergency } from '../../domain/emergency.ts';
import { type Check, seeing, seenIn } from '../../domain/evidence.ts';
import type { StepOf } from '../../domain/step.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import type { ChunkKind, ChunkOf, Judgement } from '../chunk/kind.ts';
import type { Settlement } from '../chunk/settle.ts';
import { readyIfOwn } from '../guards/own-numbers.ts';
import {
  type BatchResult,
  batchRefused,
  endsOfFailed,
  findJobs,
  firstPollOfJob,
  MOST_ATTEMPTS,
  observeJob,
} from './batch-job.ts';

type EmergencyStep = StepOf<'emergency'>;

/** One batch job sets or clears the emergency address of up to 1,000 numbers. */
export const emergency: ChunkKind<EmergencyStep, BatchResult> = {
  holdsSlot: true,
  buys: false,
  prepare: readyIfOwn,
  send: (telnyx, { numbers, step }, lastCheck) =>
    telnyx.updateEmergency(numbers, step.emergency_enabled, step.emergency_address_id, lastCheck),
  refused: batchRefused,
  firstPoll: firstPollOfJob,
  observe: observeJob,
  judge,
  find: (deps, chunk) => findJobs(deps, chunk, 'update_emergency_settings'),
};

/** A number that the batch job did not report as failed, with its state in the account. */
interface Shown {
  phoneNumber: string;
  shown: AccountNumber | undefined;
  verdict: EmergencyVerdict;
  /** True when the batch job reported the number as succeeded. */
  said: boolean;
}

/**
 * Judges each number by what the account shows after the batch job, because a succeeded job only means that Telnyx accepted the
 * change. Reads lag, so a number that does not show the wanted state is checked again over the settling window. A change that is
 * still in progress ends as succeeded with `emergency_pending`. The inventory records only what was read.
 */
async function judge(deps: WorkDeps, chunk: ChunkOf<EmergencyStep>, result: BatchResult): Promise<Judgement> {
  const { step } = chunk;
  const numbers = await readBack(deps, chunk, result);
  // A release that follows waits longer and checks again, so a reported success is enough here.
  const isDoubtful = (n: Shown): boolean =>
    (n.verdict === 'not_shown' || n.verdict === 'refused') && !(n.said && chunk.nextSteps.length > 0);
  const doubtful = numbers.filter(isDoubtful);
  const before = seenIn(chunk.evidence, 'final')?.checks ?? [];
  if (doubtful.length > 0 && !isWindowOver(deps, before)) {
    const now = deps.clock.now();
    const checks = [...before, { at: now.toISOString(), found: [], owned: numbers.length - doubtful.length }];
    const delayMs = backoff(before.length, deps.timings.checkMinMs, deps.timings.checkMaxMs);
    const evidence = seeing(chunk.evidence, { phase: 'final', checks });
    return { kind: 'check_again', evidence, delayMs, reason: 'not shown as asked yet', givesSlotBack: true };
  }
  // The batch job did not report these numbers, and the account does not show the change. The call sets values, so it is safe to
  // send them again.
  const again = chunk.attempt < MOST_ATTEMPTS ? doubtful.filter((n) => !n.said && n.verdict === 'not_shown') : [];
  const succeeded = numbers.filter((n) => !isDoubtful(n));
  const ended = [...endsOfFailed(chunk, result), ...doubtful.filter((n) => !again.includes(n)).map((n) => failureOf(step, n))];
  const settlement: Settlement = {
    cause: 'finished',
    succeeded: succeeded.map((n) => successOf(step, n)),
    ended,
    ...(again.length > 0 && { again: [{ numbers: again.map((n) => n.phoneNumber), attempt: chunk.attempt }] }),
    detail: { status: result.status, succeeded: succeeded.length, failed: ended.length, again: again.length },
    inventory: (tx) => noteShown(tx, chunk, numbers, deps.clock.now()),
  };
  return { kind: 'settle', settlement, said: `settled: ${succeeded.length} taken by Telnyx, ${ended.length} failed` };
}

/** Reads every number that did not fail, and judges its emergency state. */
async function readBack(deps: WorkDeps, chunk: ChunkOf<EmergencyStep>, result: BatchResult): Promise<Shown[]> {
  const { step } = chunk;
  const numbers = chunk.numbers.filter((n) => !result.failed.has(n));
  const seen = numbers.length === 0 ? new Map<string, AccountNumber>() : await readNumbers(deps, numbers);
  const wish = { enabled: step.emergency_enabled, addressId: step.emergency_address_id };
  return numbers.map((phoneNumber) => {
    const shown = seen.get(phoneNumber);
    return { phoneNumber, shown, verdict: judgeEmergency(wish, shown), said: result.succeeded.has(phoneNumber) };
  });
}

/** True when the settling window has passed since the first check. */
function isWindowOver(deps: WorkDeps, [first]: Check[]): boolean {
  return first !== undefined && deps.clock.now().getTime() - Date.parse(first.at) >= deps.timings.settleMs;
}

function successOf(step: EmergencyStep, { phoneNumber, verdict }: Shown): NonNullable<Settlement['succeeded']>[number] {
  if (verdict === 'in_force') return { phoneNumber };
  const reason = step.emergency_enabled
    ? 'Telnyx has taken the emergency address and is still provisioning it; it is in force when its status says active'
    : 'Telnyx is still disabling the emergency services of this number';
  return { phoneNumber, reasonCode: 'emergency_pending', reason };
}

function failureOf(step: EmergencyStep, { phoneNumber, shown, verdict, said }: Shown): ItemEnd {
  const end = (reasonCode: ReasonCode, reason: string): ItemEnd => ({ phoneNumber, status: 'failed', reasonCode, reason });
  if (verdict === 'refused')
    return end('emergency_failed', 'Telnyx could not provision emergency services at this address (provisioning-failed)');
  const asked = step.emergency_enabled ? `emergency address ${step.emergency_address_id}` : 'no emergency services';
  const found =
    shown === undefined
      ? 'the list does not show the number'
      : `Telnyx shows address ${shown.emergencyAddressId ?? 'none'}, status ${shown.emergencyStatus ?? 'unknown'}`;
  const job = said ? 'the batch job reported success' : 'the batch job reported no result';
  return end('emergency_not_shown', `asked for ${asked}; ${job}, but ${found}`);
}

/**
 * Writes what was read into the inventory, with one statement for all numbers that show the same. A field that Telnyx did not
 * return stays as it is.
 */
async function noteShown(tx: Tx, chunk: Chunk, numbers: Shown[], at: Date): Promise<void> {
  const groups = new Map<string, { numbers: string[]; set: ReturnType<typeof emergencyFields> }>();
  for (const { phoneNumber, shown } of numbers) {
    if (shown === undefined) continue;
    const set = emergencyFields(shown);
    const key = JSON.stringify(set);
    const group = groups.get(key) ?? { numbers: [], set };
    group.numbers.push(phoneNumber);
    groups.set(key, group);
  }
  const because = { cause: 'emergency', at, requestId: chunk.requestId, chunkId: chunk.id };
  for (const { numbers: same, set } of groups.values()) await changeNumbers(tx, same, set, because);
}

function emergencyFields(n: AccountNumber) {
  return {
    emergencyAddressId: n.emergencyAddressId,
    ...(n.emergencyEnabled !== undefined && { emergencyEnabled: n.emergencyEnabled }),
    ...(n.emergencyStatus !== undefined && { emergencyStatus: n.emergencyStatus }),
  };
}
