import type { Tx } from '../../db/client.ts';
import { notOwnedAmong } from '../../db/incoming.ts';
import { refused } from '../../domain/errors.ts';
import { noteOfRepeats, type Staged } from './stage-numbers.ts';
import { MOST_PROBLEMS } from './validate.ts';

/**
 * Refuses a release that names numbers that the inventory does not hold as ours, or another count of numbers than the user
 * expects. Numbers that `skip_gone` has ended count as named and are not refused. Throws `expected_count_mismatch` or
 * `not_in_inventory`.
 */
export async function guardDelete(tx: Tx, requestId: string, { count: asked, repeats }: Staged, expected: number): Promise<void> {
  if (asked !== expected) {
    const once = noteOfRepeats(repeats);
    throw refused(
      'expected_count_mismatch',
      `the request names ${asked} numbers, but ${expected} were expected; nothing was released${once === null ? '' : ` (${once})`}`,
      [{ path: 'expected_count', message: `is ${expected}, but ${asked} numbers are named` }],
    );
  }
  const { first, count, gone } = await notOwnedAmong(tx, requestId, MOST_PROBLEMS);
  if (count === 0) return;
  const details = first.map(({ phoneNumber, state }) => ({
    path: 'phone_numbers',
    message: state === null ? `${phoneNumber} is not in the inventory` : `${phoneNumber} left the account: it is ${state}`,
  }));
  if (count > first.length) details.push({ path: 'phone_numbers', message: `and ${count - first.length} more` });
  throw refused(
    'not_in_inventory',
    `${count} of the numbers are not ours by the inventory; nothing was released${cures(gone, count - gone)}`,
    details,
  );
}

function cures(gone: number, unknown: number): string {
  const skip = `; ${gone} left the account: skip_gone (--skip-gone) skips those and releases the others`;
  const learn = `; ${unknown} ${unknown === 1 ? 'was' : 'were'} never seen there: a reconciliation finds what was bought elsewhere`;
  return `${gone > 0 ? skip : ''}${unknown > 0 ? learn : ''}`;
}
