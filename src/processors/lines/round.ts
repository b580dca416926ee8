import type { Line } from '../../db/lines.ts';
import type { ReasonCode } from '../../domain/codes.ts';

/** A line that one round has to itself for a while. */
export interface HeldLine {
  line: Line;
  /** Lengthens the lease. Rejects with `lease_lost` (retry) when somebody else has the line by now. */
  keep(): Promise<void>;
}

/** What one round of filling a line came to; the line's row is changed by the caller. */
export type Round =
  | { kind: 'again'; delayMs: number; reason: string; rung?: number; cursor?: number }
  /** There was no slot to fill. */
  | { kind: 'nothing' }
  | { kind: 'filled' }
  | { kind: 'exhausted'; code: ReasonCode; reason: string };
