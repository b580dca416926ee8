/** What one round of filling a line came to; the line's row is changed by the caller. */
export type Round =
  | { kind: 'again'; delayMs: number; reason: string; rung?: number; cursor?: number }
  | { kind: 'filled' }
  | { kind: 'exhausted'; code: string; reason: string };
