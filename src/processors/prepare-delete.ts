import type { Chunk } from '../db/chunks.ts';
import type { ItemEnd } from '../db/items.ts';
import { getNumbers } from '../db/numbers.ts';
import { type GuardVerdict, guardDelete } from '../domain/delete-guard.ts';
import type { Obstacle, Step } from '../domain/step.ts';
import type { WorkDeps } from '../reconcile/deps.ts';
import { readNumbers } from '../reconcile/read-numbers.ts';
import { nothingToSend, type Prepared } from './prepared.ts';
import { noteWait } from './submission.ts';

type DeleteStep = Extract<Step, { kind: 'delete' }>;

/**
 * The guards before a release: only numbers whose full object was read just now and whom neither lock, protection nor emergency
 * services keep. What must be unlocked or disabled first becomes a chunk of its own that comes back here afterwards.
 */
export async function prepareDelete(deps: WorkDeps, chunk: Chunk, numbers: string[], step: DeleteStep): Promise<Prepared> {
  const seen = await readNumbers(deps, numbers);
  const unseen = numbers.filter((n) => !seen.has(n));
  if (unseen.length > 0) {
    return {
      kind: 'stop',
      outcome: await noteWait(
        deps,
        chunk,
        deps.timings.lookMinMs,
        `${unseen.length} numbers could not be read; nothing is released unread`,
      ),
    };
  }
  const inventory = await getNumbers(deps.db.sql, numbers);
  const may = { includeLocked: step.include_locked, includeEmergency: step.include_emergency };
  const by = groupVerdicts(
    numbers.map((n) => {
      const facts = seen.get(n);
      const ours = inventory.get(n);
      if (facts === undefined || ours?.state !== 'owned')
        return [n, { kind: 'keep', code: 'not_in_inventory', reason: 'the inventory does not call this number ours' }];
      // A tag that only one side knows protects as well.
      const tags = facts.tags && [...facts.tags, ...ours.tags];
      return [n, onlyOnce(deps, chunk, step, guardDelete({ ...facts, tags }, may))];
    }),
  );
  if (by.wait.length > 0) {
    return {
      kind: 'stop',
      outcome: await noteWait(deps, chunk, deps.timings.pollMaxMs, 'a lock or emergency services are being lifted'),
    };
  }
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
    ? { kind: 'keep', code: 'still_locked', reason: 'the deletion lock was lifted, but Telnyx still shows it' }
    : { kind: 'keep', code: 'emergency_not_disabled', reason: 'emergency services were disabled, but Telnyx still shows them' };
}

interface Groups {
  release: string[];
  unlock: string[];
  disable: string[];
  wait: string[];
  keep: ItemEnd[];
}

function groupVerdicts(verdicts: [string, GuardVerdict][]): Groups {
  const groups: Groups = { release: [], unlock: [], disable: [], wait: [], keep: [] };
  for (const [phoneNumber, v] of verdicts) {
    if (v.kind === 'release') groups.release.push(phoneNumber);
    else if (v.kind === 'unlock_first') groups.unlock.push(phoneNumber);
    else if (v.kind === 'disable_emergency_first') groups.disable.push(phoneNumber);
    else if (v.kind === 'wait') groups.wait.push(phoneNumber);
    else groups.keep.push({ phoneNumber, status: 'skipped', reasonCode: v.code, reason: v.reason });
  }
  return groups;
}
