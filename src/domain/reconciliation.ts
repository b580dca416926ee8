/**
 * The kinds of difference that a reconciliation run records.
 * - `adopted`: Telnyx has the number and the inventory did not; the inventory has it now.
 * - `missing`: the inventory has the number, but two independent checks do not show it in the account.
 * - `changed`: a field differs from what we last asked for, first saw or accepted.
 * - `healed`: a request that was open or given up is now known to have worked.
 * - `surplus`: an order of ours delivered the number beyond what its request asked for.
 */
export const DRIFT_KINDS = ['adopted', 'missing', 'changed', 'healed', 'surplus'] as const;
export type DriftKind = (typeof DRIFT_KINDS)[number];

/** The statuses of a reconciliation run. */
export type RunStatus = 'queued' | 'running' | 'completed' | 'incomplete' | 'failed';

/** The statuses of a reconciliation run that has not ended. */
export const OPEN_RUN_STATUSES: readonly RunStatus[] = ['queued', 'running'];

/**
 * Kinds that a reconciliation run does not settle by itself. Such a row is open until a person acts, or until the difference is
 * gone.
 */
export const OPEN_KINDS = ['changed', 'missing', 'surplus'] as const satisfies readonly DriftKind[];
export type OpenKind = (typeof OPEN_KINDS)[number];

/**
 * The states of a recorded difference. "Ours" is the value of the inventory, "theirs" the value at Telnyx.
 * - `open`: the difference is still there.
 * - `repairing`: open, and a request that puts ours back is in work. This state follows from the request and is never stored.
 * - `accepted`: a person said that theirs is right.
 * - `repaired`: our value is back.
 * - `gone`: the difference ended otherwise, or another one took its place.
 * - `settled`: nothing is left to decide (`adopted`, `healed`).
 */
export const DRIFT_STATES = ['open', 'repairing', 'accepted', 'repaired', 'gone', 'settled'] as const;
export type DriftState = (typeof DRIFT_STATES)[number];

/** The fields of a number that a reconciliation run compares. */
export const DRIFT_FIELDS = [
  'connection_id',
  'messaging_profile_id',
  'billing_group_id',
  'customer_reference',
  'tags',
  'deletion_lock_enabled',
  'emergency_enabled',
  'emergency_address_id',
  'external_pin',
  'hd_voice_enabled',
  'status',
  'telnyx_id',
] as const;
export type DriftField = (typeof DRIFT_FIELDS)[number];

/** What `--only` may name: a field of `changed`, or a kind that has no field. */
export const DRIFT_SELECTORS = [...DRIFT_FIELDS, 'missing', 'surplus'] as const;
export type DriftSelector = (typeof DRIFT_SELECTORS)[number];

/** Why an update request cannot put a difference back, as text for people. */
export const CANNOT_PUT_BACK = {
  not_settable: 'no update can set it; accept it, or settle it with Telnyx',
  empty: 'it was empty on our side, and how to clear it is not documented; accept it, or clear it in the portal',
  emergency_alone:
    'emergency calling is switched by its address only: `update --set emergency_address_id=ID` switches it on, `=null` off',
  emergency_off: 'emergency calling was off on our side, and setting its address would switch it on; accept it, or update it',
  missing: 'the number is not in the account; accept it, or buy the number',
  surplus: 'a number beyond what was asked: accept it, or release it by a delete',
} as const;
export type CannotPutBack = keyof typeof CANNOT_PUT_BACK;

/**
 * The counts of a reconciliation run. Each number counts in one column: owned numbers as `matched`, `changed`, `adopted`,
 * `surplus`, `too_fresh` or `undecided`, numbers that are owned no more as `missing`. A difference that an earlier run found
 * counts again while it lasts.
 */
export interface RunCounts {
  /** How many different numbers the list showed. */
  seen: number;
  matched: number;
  adopted: number;
  missing: number;
  changed: number;
  /** These numbers also count in another column, because a healed number is compared like any other. */
  healed: number;
  surplus: number;
  /** Numbers that are ours, do not show, and were bought too recently to judge. Runs of earlier versions did not count them. */
  too_fresh?: number;
  /**
   * Numbers that were not judged: an open request works on them, they changed during the run, or list and ownership do not agree.
   */
  undecided: number;
}
