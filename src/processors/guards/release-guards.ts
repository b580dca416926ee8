import type { WorkDeps } from '../../account/deps.ts';
import { readNumbersSoon } from '../../account/read-numbers.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { ItemEnd } from '../../db/items.ts';
import { getNumbers, type PhoneNumber } from '../../db/numbers.ts';
import { getRequest } from '../../db/requests.ts';
import type { GuardCode } from '../../domain/codes.ts';
import { type GuardVerdict, guardDelete } from '../../domain/delete-guard.ts';
import { liftedNote } from '../../domain/lifted.ts';
import type { Obstacle, Step } from '../../domain/step.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import { nothingToSend, type Prepared } from '../chunk/prepared.ts';
import { waitForReady } from './wait-until-shown.ts';

type DeleteStep = Extract<Step, { kind: 'delete' }>;
type Keep = Extract<GuardVerdict, { kind: 'keep' }>;
/** `unread`: the list does not show the number, and nothing is released unread. */
type Verdict = GuardVerdict | { kind: 'unread' };

const keep = (code: GuardCode, reason: string): Keep => ({ kind: 'keep', code, reason });
const NOT_READABLE = keep('not_readable', 'Telnyx does not show this number in its list; nothing is released unread');
const STILL_DISABLING = keep('emergency_not_disabled', 'emergency services of the number are still being disabled');

/**
 * The guards before a release: only numbers whose full object was read just now and whom neither lock, protection nor emergency
 * services keep. What must be unlocked or disabled first becomes a chunk of its own that comes back here afterwards; what cannot be
 * read, or stays half disabled, is waited for over a window and then kept.
 */
export async function prepareDelete(deps: WorkDeps, chunk: Chunk, numbers: string[], step: DeleteStep): Promise<Prepared> {
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
    delayMs: deps.timings.lookMinMs,
    reason: `${by.unread.length} numbers could not be read; nothing is released unread`,
  };
  const lifts = { delayMs: deps.timings.pollMaxMs, reason: 'a lock or emergency services are being lifted' };
  const wait = await waitForReady(deps, chunk, [...by.unread, ...by.wait], inventory, by.unread.length > 0 ? reads : lifts);
  if (wait !== null) return { kind: 'stop', outcome: wait };
  by.keep.push(...by.unread.map((n) => kept(step, n, NOT_READABLE)), ...by.wait.map((n) => kept(step, n, STILL_DISABLING)));
  const untouched = by.keep.length === 0 && by.unlock.length === 0 && by.disable.length === 0;
  if (untouched) return { kind: 'ready', chunk, send: { numbers: by.release, step } };
  const again = [
    ...(by.release.length > 0 ? [{ numbers: by.release }] : []),
    ...(by.unlock.length > 0
      ? [
          {
            numbers: by.unlock,
            step: { kind: 'update' as const, settings: { deletion_lock_enabled: false } },
            nextSteps: [freedOf(step, 'lock'), ...chunk.nextSteps],
          },
        ]
      : []),
    ...(by.disable.length > 0
      ? [
          {
            numbers: by.disable,
            step: { kind: 'emergency' as const, emergency_enabled: false, emergency_address_id: null },
            nextSteps: [freedOf(step, 'emergency'), ...chunk.nextSteps],
          },
        ]
      : []),
  ];
  const outcome = await nothingToSend(deps, chunk, {
    cause: again.length === 0 ? 'nothing_to_send' : 'split',
    succeeded: [],
    ended: by.keep,
    again,
    detail: { kept: by.keep.length, unlock: by.unlock.length, disable_emergency: by.disable.length },
  });
  return { kind: 'stop', outcome };
}

const freedOf = (step: DeleteStep, obstacle: Obstacle): DeleteStep => ({ ...step, freed: [...(step.freed ?? []), obstacle] });

/** Whether one number may be released, by what Telnyx showed just now, by our inventory and by when it was asked for. */
function verdictOf(
  deps: WorkDeps,
  chunk: Chunk,
  step: DeleteStep,
  n: { shown: AccountNumber | undefined; ours: PhoneNumber | undefined; asked: Date },
): Verdict {
  if (n.shown === undefined) return { kind: 'unread' };
  if (n.ours?.state !== 'owned') return keep('not_in_inventory', 'the inventory does not call this number ours');
  const bought = Math.max(n.ours.purchasedAt?.getTime() ?? 0, Date.parse(n.shown.purchasedAt ?? '') || 0);
  // Another life of the number: whoever asked meant the one before.
  if (bought > n.asked.getTime())
    return keep(
      'bought_after_request',
      `the number was bought at ${new Date(bought).toISOString()}, after its release was asked for`,
    );
  // A tag that only one side knows protects as well.
  const facts = { ...n.shown, tags: n.shown.tags && [...n.shown.tags, ...n.ours.tags] };
  const may = { includeLocked: step.include_locked, includeEmergency: step.include_emergency };
  return onlyOnce(deps, chunk, step, guardDelete(facts, may));
}

/**
 * A lock or emergency service that was lifted and still shows: reads lag, so it is looked at over the settling window; then the
 * number is kept, or the same job would be sent for ever.
 */
function onlyOnce(deps: WorkDeps, chunk: Chunk, step: DeleteStep, verdict: GuardVerdict): GuardVerdict {
  const obstacle: Obstacle | null =
    verdict.kind === 'unlock_first' ? 'lock' : verdict.kind === 'disable_emergency_first' ? 'emergency' : null;
  if (obstacle === null || step.freed?.includes(obstacle) !== true) return verdict;
  if (deps.clock.now().getTime() - chunk.createdAt.getTime() < deps.timings.settleMs) return { kind: 'wait' };
  return obstacle === 'lock'
    ? keep('still_locked', 'the deletion lock was lifted, but Telnyx still shows it')
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

function groupVerdicts(step: DeleteStep, verdicts: [string, Verdict][]): Groups {
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

/** The end of a number that is not released, with what was lifted from it for nothing. */
function kept(step: DeleteStep, phoneNumber: string, v: Keep): ItemEnd {
  const said: Obstacle | undefined =
    v.code === 'still_locked' ? 'lock' : v.code === 'emergency_not_disabled' ? 'emergency' : undefined;
  return { phoneNumber, status: 'skipped', reasonCode: v.code, reason: `${v.reason}${liftedNote(step, said)}` };
}
