/**
 * The emergency services of a number as Telnyx returns them. `undefined` means that Telnyx did not return the field. Never treat
 * it as off.
 */
export interface EmergencyFacts {
  emergencyEnabled: boolean | undefined;
  emergencyStatus: string | undefined;
  emergencyAddressId: string | null;
}

/** The emergency services that a step asks for. */
export interface EmergencyWish {
  enabled: boolean;
  addressId: string | null;
}

/**
 * How the shown emergency services compare with those that were asked for.
 * - `in_force`: they agree, and the status is final (`active`, `disabled`).
 * - `pending`: Telnyx accepted the change and still works on it, which may take hours.
 * - `refused`: Telnyx could not provision this very address.
 * - `not_shown`: anything else. Reads may lag.
 */
export type EmergencyVerdict = 'in_force' | 'pending' | 'refused' | 'not_shown';

/**
 * Compares every field that an emergency batch job sets with what Telnyx shows. A field that Telnyx did not return proves
 * nothing.
 */
export function judgeEmergency(wish: EmergencyWish, shown: EmergencyFacts | undefined): EmergencyVerdict {
  if (shown === undefined) return 'not_shown';
  return wish.enabled ? judgeEnabled(wish.addressId, shown) : judgeDisabled(shown);
}

function judgeEnabled(wanted: string | null, n: EmergencyFacts): EmergencyVerdict {
  const address = n.emergencyAddressId ?? '';
  const isWanted = address === (wanted ?? '');
  if (n.emergencyStatus === 'provisioning-failed') return isWanted ? 'refused' : 'not_shown';
  if (n.emergencyEnabled === false) return 'not_shown';
  // During provisioning Telnyx may not show an address yet. Another address means another change.
  if (n.emergencyStatus === 'provisioning') return isWanted || address === '' ? 'pending' : 'not_shown';
  if (!isWanted) return 'not_shown';
  if (n.emergencyStatus === 'active') return 'in_force';
  // Everything agrees but the status, which is missing or a word that we do not know.
  const isOff = n.emergencyStatus === 'disabled' || n.emergencyStatus === 'deprovisioning';
  return n.emergencyEnabled === true && !isOff ? 'pending' : 'not_shown';
}

function judgeDisabled(n: EmergencyFacts): EmergencyVerdict {
  if (n.emergencyStatus === 'deprovisioning') return 'pending';
  if (n.emergencyStatus === 'disabled') return n.emergencyEnabled === true ? 'not_shown' : 'in_force';
  return n.emergencyStatus === undefined && n.emergencyEnabled === false ? 'in_force' : 'not_shown';
}
