import type { GuardCode } from './codes.ts';

/**
 * The parts of a full number object that matter before a release. `undefined` means that Telnyx did not return the field. Never
 * treat it as false.
 */
export interface GuardFacts {
  tags: string[] | undefined;
  deletionLockEnabled: boolean | undefined;
  emergencyEnabled: boolean | undefined;
  emergencyStatus: string | undefined;
  status: string;
}

/** What the guard decided about one number. */
export type GuardVerdict =
  | { kind: 'release' }
  | { kind: 'unlock_first' }
  | { kind: 'disable_emergency_first' }
  | { kind: 'wait' }
  | { kind: 'keep'; code: GuardCode; reason: string };

/** A number with this tag is never released. A user must remove the tag first. */
export const PROTECTED_TAG = 'protected';

/** Statuses of emergency services that are on, or are being switched on. */
const EMERGENCY_ON: ReadonlySet<string> = new Set(['active', 'provisioning', 'provisioning-failed']);

/**
 * Decides whether a number may be released now. A blocker (deletion lock, emergency services) is removed only when the request
 * explicitly allows it.
 */
export function guardDelete(n: GuardFacts, may: { includeLocked: boolean; includeEmergency: boolean }): GuardVerdict {
  const keep = (code: GuardCode, reason: string): GuardVerdict => ({ kind: 'keep', code, reason });
  if (n.tags === undefined) return keep('tags_unknown', 'Telnyx did not show the tags of the number; one may protect it');
  if (n.tags.includes(PROTECTED_TAG)) return keep('protected', `the number carries the tag "${PROTECTED_TAG}"`);
  if (n.status !== 'active') return keep('not_active', `the number is ${n.status}, only active numbers are released`);
  if (n.deletionLockEnabled === undefined)
    return keep('lock_unknown', 'Telnyx did not show whether the number is locked against deletion');
  if (n.emergencyEnabled === true || EMERGENCY_ON.has(n.emergencyStatus ?? '')) {
    if (!may.includeEmergency)
      return keep('emergency_enabled', 'the number has emergency services; include_emergency releases it all the same');
    return { kind: 'disable_emergency_first' };
  }
  if (n.emergencyStatus === 'deprovisioning') {
    return may.includeEmergency
      ? { kind: 'wait' }
      : keep('emergency_enabled', 'emergency services of the number are still being disabled');
  }
  // Only the word "disabled", or "not enabled" without a status, counts as off. A missing field or an unknown word does not.
  const isOff = n.emergencyStatus === 'disabled' || (n.emergencyStatus === undefined && n.emergencyEnabled === false);
  if (!isOff) return keep('emergency_unknown', 'Telnyx did not show in known words whether the number has emergency services');
  if (n.deletionLockEnabled) {
    if (!may.includeLocked)
      return keep('deletion_locked', 'the number is locked against deletion; include_locked releases it all the same');
    return { kind: 'unlock_first' };
  }
  return { kind: 'release' };
}
