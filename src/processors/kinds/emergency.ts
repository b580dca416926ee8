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
import { ownNumbers } from '../guards/own-numbers.ts';
import { type BatchResult, batchRefused, endsOfFailed, findJobs, MOST_ATTEMPTS, observeJob } from './batch-job.ts';

type EmergencyStep = StepOf<'emergency'>;

/** Emergency services of up to 1,000 numbers by one batch job, which sets or clears the emergency address. */
export const emergency: ChunkKind<EmergencyStep, BatchResult> = {
  holdsSlot: true,
  buys: false,
  prepare: async (deps, planned) => {
    const own = await ownNumbers(deps, planned);
    return own.kind === 'own' ? { ...own, kind: 'ready', payload: {} } : own;
  },
  send: async (telnyx, { numbers, step }, lastCheck) =>
    (await telnyx.updateEmergency(numbers, step.emergency_enabled, step.emergency_address_id, lastCheck)).id,
  refused: batchRefused,
  observe: observeJob,
  judge,
  find: (deps, chunk) => findJobs(deps, chunk, 'update_emergency_settings'),
};

/** A number that the job did not refuse, with what Telnyx shows of it by now. */
interface Shown {
  phoneNumber: string;
  shown: AccountNumber | undefined;
  verdict: EmergencyVerdict;
  /** The job said that it succeeded. */
  said: boolean;
}

/**
 * Judges an emergency batch by what Telnyx shows of each number after the job, because a job that succeeded only says that Telnyx took
 * the change. Reads lag, so a number that is not shown as asked is checked again over the settling window. A change that is on its way
 * by then ends as succeeded with `emergency_pending`. The inventory gets what was read, and nothing else.
 */
async function judge(deps: WorkDeps, chunk: ChunkOf<EmergencyStep>, result: BatchResult): Promise<Judgement> {
  const { step } = chunk;
  const numbers = await readBack(deps, chunk, result);
  // A release that follows checks for itself, and has more patience.
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
  // The job said nothing of these, and nothing shows. Values are set, so they go out again.
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

/** True when the settling window since the first check is over. */
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
  const job = said ? 'the job ended as succeeded' : 'the job named no result';
  return end('emergency_not_shown', `asked for ${asked}; ${job}, but ${found}`);
}

/** Numbers of which the same is shown share a statement. What is not shown is left as it is. */
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
