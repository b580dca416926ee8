import type { Line } from '../../db/lines.ts';
import type { ReasonCode } from '../../domain/codes.ts';

/** A buy line that one round has leased. */
export interface HeldLine {
  line: Line;
  /** Extends the lease. Rejects with `lease_lost` (retry) when another worker has the buy line by now. */
  keep(): Promise<void>;
}

/** The result of one round. The caller changes the row of the buy line. */
export type Round =
  /** The buy line goes on after `delayMs` milliseconds, where `rung` and `cursor` say. */
  | { kind: 'again'; delayMs: number; reason: string; rung?: number; cursor?: number }
  /** The buy line waits until the canary of its request is judged, and makes no search before. */
  | { kind: 'behind_canary' }
  /** The buy line had no free slot. */
  | { kind: 'nothing' }
  /** The buy line has all its numbers now. */
  | { kind: 'filled' }
  /** No more numbers can be had. The open items of the buy line fail with this code and reason. */
  | { kind: 'exhausted'; code: ReasonCode; reason: string };
