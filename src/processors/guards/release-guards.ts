import type { WorkDeps } from '../../account/deps.ts';
import { readNumbersSoon } from '../../account/read-numbers.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { ItemEnd } from '../../db/items.ts';
import { getNumbers, type PhoneNumber } from '../../db/numbers.ts';
import { getRequest } from '../../db/requests.ts';
import { clearedNote } from '../../domain/blockers.ts';
import type { GuardCode } from '../../domain/codes.ts';
import { type GuardVerdict, guardDelete } from '../../domain/delete-guard.ts';
import type { Blocker, Step, StepOf } from '../../domain/step.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import type { Prepared } from '../chunk/kind.ts';
import type { Again } from '../chunk/settle.ts';
import { waitUntilShown } from './wait-until-shown.ts';

type ReleaseStep = StepOf<'delete'>;
type Keep = Extract<GuardVerdict, { kind: 'keep' }>;
/** `unread`: the list does not show the number. A number is never released unread. */
type Verdict = GuardVerdict | { kind: 'unread' };

const keep = (code: GuardCode, reason: string): Keep => ({ kind: 'keep', code, reason });
export const NOT_READABLE = keep(
  'not_readable',
  'Telnyx does not show this number in its list, and a number is released only after it was read',
);
const STILL_DISABLING = keep('emergency_not_disabled', 'emergency services of the number are still being disabled');

/**
 * Guards a release number by number. A number is released only when its full object was read just now, and no lock, protection
 * tag or emergency service keeps it. A number with a blocker that the user allows to remove goes into a chunk of its own, which
 * removes the blocker and then comes back here. A number that cannot be read, or whose emergency services are still being
 * disabled, is waited for over the settling window and then kept.
 */
export async function guardRelease(deps: WorkDeps, chunk: Chunk, numbers: string[], step: ReleaseStep): Promise<Prepared> {
  const seen = await readNumbersSoon(deps, numbers);
  if (seen === null) return { kind: 'too_slow', chunk, numbers };
  const inventory = await getNumbers(deps.db.sql, numbers);
  const request = await getRequest(deps.db.sql, chunk.requestId);
  const asked = request?.createdAt ?? chunk.createdAt;
  const by = groupVerdicts(
    step,
    numbers.map((n) => [n, verdictOf(deps, chunk, step, { shown: seen.get(n), ours: inventory.get(n), asked })]),
  );
  const reads = {
    delayMs: deps.timings.checkMinMs,
    reason: `${by.unread.length} numbers could not be read, and a number is released only after it was read`,
  };
  const clears = { delayMs: deps.timings.pollMaxMs, reason: 'a deletion lock or emergency services are being removed' };
  const wait = await waitUntilShown(deps, chunk, [...by.unread, ...by.wait], inventory, by.unread.length > 0 ? reads : clears);
  if (wait !== null) return wait;
  by.keep.push(...by.unread.map((n) => kept(step, n, NOT_READABLE)), ...by.wait.map((n) => kept(step, n, STILL_DISABLING)));
  const untouched = by.keep.length === 0 && by.unlock.length === 0 && by.disable.length === 0;
  if (untouched) return { kind: 'ready', chunk, numbers: by.release, payload: {} };
  const again = inParts(chunk, step, by);
  const settlement = {
    cause: again.length === 0 ? ('nothing_to_send' as const) : ('split' as const),
    ended: by.keep,
    again,
    detail: { kept: by.keep.length, unlock: by.unlock.length, disable_emergency: by.disable.length },
  };
  return { kind: 'settle', chunk, settlement };
}

/** The new chunks: numbers that may be released now, and numbers whose blocker is removed first. */
function inParts(chunk: Chunk, step: ReleaseStep, by: Groups): Again[] {
  const clearing = (numbers: string[], first: Step, blocker: Blocker): Again[] => {
    const release: ReleaseStep = { ...step, cleared: [...(step.cleared ?? []), blocker] };
    return numbers.length === 0 ? [] : [{ numbers, step: first, nextSteps: [release, ...chunk.nextSteps] }];
  };
  return [
    ...(by.release.length === 0 ? [] : [{ numbers: by.release }]),
    ...clearing(by.unlock, { kind: 'update', settings: { deletion_lock_enabled: false } }, 'lock'),
    ...clearing(by.disable, { kind: 'emergency', emergency_enabled: false, emergency_address_id: null }, 'emergency'),
  ];
}

/**
 * Decides whether one number may be released: by its state at Telnyx just now, by our inventory, and by the time at which its
 * release was requested.
 */
function verdictOf(
  deps: WorkDeps,
  chunk: Chunk,
  step: ReleaseStep,
  n: { shown: AccountNumber | undefined; ours: PhoneNumber | undefined; asked: Date },
): Verdict {
  const verdict = judgeRelease(step, n);
  return verdict.kind === 'unread' ? verdict : onlyOnce(deps, chunk, step, verdict);
}

/** Decides the same without regard to blockers that were removed before. A plan of a release shows this. */
export function judgeRelease(
  step: ReleaseStep,
  n: { shown: AccountNumber | undefined; ours: PhoneNumber | undefined; asked: Date },
): Verdict {
  if (n.shown === undefined) return { kind: 'unread' };
  if (n.ours?.state !== 'owned') return keep('not_in_inventory', 'the inventory does not hold this number as ours');
  const bought = Math.max(n.ours.purchasedAt?.getTime() ?? 0, Date.parse(n.shown.purchasedAt ?? '') || 0);
  // The number was released and bought again since. The request meant the earlier purchase.
  if (bought > n.asked.getTime())
    return keep(
      'bought_after_request',
      `the number was bought at ${new Date(bought).toISOString()}, after its release was requested`,
    );
  // A protection tag counts when only Telnyx or only the inventory knows it.
  const facts = { ...n.shown, tags: n.shown.tags && [...n.shown.tags, ...n.ours.tags] };
  const may = { includeLocked: step.include_locked, includeEmergency: step.include_emergency };
  return guardDelete(facts, may);
}

/**
 * Removes each blocker once only. A blocker that was removed and still shows is waited for over the settling window, because
 * reads lag. Then the number is kept; otherwise the same batch job would be sent for ever.
 */
function onlyOnce(deps: WorkDeps, chunk: Chunk, step: ReleaseStep, verdict: GuardVerdict): GuardVerdict {
  const blocker: Blocker | null =
    verdict.kind === 'unlock_first' ? 'lock' : verdict.kind === 'disable_emergency_first' ? 'emergency' : null;
  if (blocker === null || step.cleared?.includes(blocker) !== true) return verdict;
  if (deps.clock.now().getTime() - chunk.createdAt.getTime() < deps.timings.settleMs) return { kind: 'wait' };
  return blocker === 'lock'
    ? keep('still_locked', 'the deletion lock was removed, but Telnyx still shows it')
    : keep('emergency_not_disabled', 'emergency services were disabled, but Telnyx still shows them');
}

interface Groups {
  release: string[];
  unlock: string[];
  disable: string[];
  wait: string[];
  unread: string[];
  keep: ItemEnd[];
}

function groupVerdicts(step: ReleaseStep, verdicts: [string, Verdict][]): Groups {
  const groups: Groups = { release: [], unlock: [], disable: [], wait: [], unread: [], keep: [] };
  for (const [phoneNumber, v] of verdicts) {
    if (v.kind === 'release') groups.release.push(phoneNumber);
    else if (v.kind === 'unlock_first') groups.unlock.push(phoneNumber);
    else if (v.kind === 'disable_emergency_first') groups.disable.push(phoneNumber);
    else if (v.kind === 'wait') groups.wait.push(phoneNumber);
    else if (v.kind === 'unread') groups.unread.push(phoneNumber);
    else groups.keep.push(kept(step, phoneNumber, v));
  }
  return groups;
}

/** The end of a number that is not released. Its reason names the blockers that were removed and not restored. */
function kept(step: ReleaseStep, phoneNumber: string, v: Keep): ItemEnd {
  const said: Blocker | undefined =
    v.code === 'still_locked' ? 'lock' : v.code === 'emergency_not_disabled' ? 'emergency' : undefined;
  return { phoneNumber, status: 'skipped', reasonCode: v.code, reason: `${v.reason}${clearedNote(step, said)}` };
}
