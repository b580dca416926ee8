import type { Tx } from '../../db/client.ts';
import { notOwnedAmong } from '../../db/incoming.ts';
import { moreOf, type ProvisioningError, refused } from '../../domain/errors.ts';
import { noteOfRepeats, type Staged } from './stage-numbers.ts';

/** How many of the numbers that stop a release its error shows. */
export const MOST_NOT_OWNED = 20;

/**
 * Refuses a release that names numbers that the inventory does not hold as ours, or another count of numbers than the user
 * expects. Numbers that `skip_gone` has ended count as named and are not refused. Throws `expected_count_mismatch` or
 * `not_in_inventory`.
 */
export async function guardDelete(tx: Tx, requestId: string, staged: Staged, expected: number): Promise<void> {
  const problem =
    countProblem(staged.count, expected, noteOfRepeats(staged.repeats)) ??
    ownedProblem(staged.count, await notOwnedAmong(tx, requestId, MOST_NOT_OWNED));
  if (problem !== null) throw problem;
}

/** The refusal of a release that names another count of numbers than expected, or `null`. `once` tells of repeated numbers. */
export function countProblem(asked: number, expected: number, once: string | null): ProvisioningError | null {
  if (asked === expected) return null;
  return refused(
    'expected_count_mismatch',
    `nothing was released: the request names ${count(asked, 'number')}, but ${inFigures(expected)} ${expected === 1 ? 'was' : 'were'} expected${once === null ? '' : ` (${once})`}`,
    [{ path: 'expected_count', message: `is ${expected}, but ${asked} numbers are named` }],
  );
}

/** Numbers of a release that the inventory does not call ours: the first ones, how many, and how many of these it knew once. */
export interface NotOwned {
  first: { phoneNumber: string; state: string | null }[];
  count: number;
  gone: number;
}

/** The refusal of a release that names numbers that are not ours, or `null`. */
export function ownedProblem(asked: number, { first, count: notOurs, gone }: NotOwned): ProvisioningError | null {
  if (notOurs === 0) return null;
  const details = first.map(({ phoneNumber, state }) => ({
    path: 'phone_numbers',
    message: state === null ? `${phoneNumber} is not in the inventory` : `${phoneNumber} left the account: it is ${state}`,
  }));
  const below = notOurs > first.length ? ` (first ${first.length} below)` : '';
  return refused(
    'not_in_inventory',
    `nothing was released: ${whatIsWrong(asked, gone, notOurs - gone)}${below}${cures(gone, notOurs - gone)}`,
    [...details, ...moreOf(notOurs - first.length)],
  );
}

const inFigures = (n: number): string => n.toLocaleString('en-US');
const count = (n: number, one: string): string => `${inFigures(n)} ${n === 1 ? one : `${one}s`}`;

function whatIsWrong(asked: number, gone: number, unknown: number): string {
  const of = (n: number) => `${inFigures(n)} of ${count(asked, 'number')}`;
  const absent = (n: number) => `${n === 1 ? 'is' : 'are'} not in the inventory`;
  if (gone === 0) return `${of(unknown)} ${absent(unknown)}`;
  const left = `${of(gone)} left the account`;
  return unknown === 0 ? left : `${left}, and ${inFigures(unknown)} ${absent(unknown)}`;
}

function cures(gone: number, unknown: number): string {
  const skip = '; skip_gone (--skip-gone) skips those that left the account and releases the others';
  const learn = '; a reconciliation finds what was bought elsewhere';
  return `${gone > 0 ? skip : ''}${unknown > 0 ? learn : ''}`;
}
