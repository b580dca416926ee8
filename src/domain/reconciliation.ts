/**
 * - `adopted`: Telnyx has it, we did not know it: now in the inventory.
 * - `missing`: ours by the inventory, not in the account after two independent looks.
 * - `changed`: a field differs; the inventory now says what Telnyx says.
 * - `healed`: an open or given-up request is now known to have worked.
 * - `surplus`: delivered beyond what its request asked.
 */
export type DriftKind = 'adopted' | 'missing' | 'changed' | 'healed' | 'surplus';

export interface RunCounts {
  seen: number;
  matched: number;
  adopted: number;
  missing: number;
  changed: number;
  healed: number;
  surplus: number;
  /** Seen in the list but in no editable state, or lagging: not judged. */
  undecided: number;
}
