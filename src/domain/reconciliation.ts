/**
 * - `adopted`: Telnyx has it, we did not know it: now in the inventory.
 * - `missing`: ours by the inventory, not in the account after two independent looks.
 * - `changed`: a field differs from what we last asked for, first saw or accepted.
 * - `healed`: an open or given-up request is now known to have worked.
 * - `surplus`: delivered beyond what its request asked.
 */
export const DRIFT_KINDS = ['adopted', 'missing', 'changed', 'healed', 'surplus'] as const;
export type DriftKind = (typeof DRIFT_KINDS)[number];

/** The statuses of a reconciliation run. */
export type RunStatus = 'queued' | 'running' | 'completed' | 'incomplete' | 'failed';

/** The statuses of a run that has not ended. */
export const OPEN_RUN_STATUSES: readonly RunStatus[] = ['queued', 'running'];

/** Kinds that a run does not settle by itself: a row of them is open until somebody acts, or until the difference is gone. */
export const OPEN_KINDS = ['changed', 'missing', 'surplus'] as const satisfies readonly DriftKind[];
export type OpenKind = (typeof OPEN_KINDS)[number];

/**
 * - `open`: the difference is still there.
 * - `repairing`: open, and a request that puts ours back is under way. It is told from the request, and never stored.
 * - `accepted`: somebody said that theirs is right.
 * - `repaired`: our value is back.
 * - `gone`: the difference ended otherwise, or another one took its place.
 * - `settled`: the run that found it had nothing to ask (`adopted`, `healed`).
 */
export const DRIFT_STATES = ['open', 'repairing', 'accepted', 'repaired', 'gone', 'settled'] as const;
export type DriftState = (typeof DRIFT_STATES)[number];

/** The fields of a number that a run compares. */
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

/** Why an update request cannot put a difference back, in words for people. */
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
 * What a run found, each number in one column: owned numbers are `matched`, `changed`, `adopted`, `surplus`, `too_fresh` or
 * `undecided`; `missing` ones are owned no more. A difference that an earlier run found and that is still there counts again.
 */
export interface RunCounts {
  /** Different numbers that the list showed. */
  seen: number;
  matched: number;
  adopted: number;
  missing: number;
  changed: number;
  /** Also in one of the other columns: what was healed is compared like any other. */
  healed: number;
  surplus: number;
  /** Ours, not shown, and bought too recently to judge. Runs of earlier versions did not count them. */
  too_fresh?: number;
  /** Not judged: a request works on it, it changed while the run walked, or list and ownership do not agree. */
  undecided: number;
}
