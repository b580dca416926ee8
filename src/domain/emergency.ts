/** What Telnyx shows of a number's emergency services. Missing is not "off". */
export interface EmergencyFacts {
  emergencyEnabled: boolean | undefined;
  emergencyStatus: string | undefined;
  emergencyAddressId: string | null;
}

export interface EmergencyWish {
  enabled: boolean;
  addressId: string | null;
}

/**
 * - `in_force`: shown as asked, and Telnyx says so in its last word (`active`, `disabled`).
 * - `pending`: taken as asked, and Telnyx still works on it, which may take hours.
 * - `refused`: this very address could not be provisioned.
 * - `not_shown`: anything else, also while a read lags behind.
 */
export type EmergencyVerdict = 'in_force' | 'pending' | 'refused' | 'not_shown';

/** Compares every field that an emergency job sets with what Telnyx shows; nothing is assumed. */
export function judgeEmergency(wish: EmergencyWish, shown: EmergencyFacts | undefined): EmergencyVerdict {
  if (shown === undefined) return 'not_shown';
  return wish.enabled ? judgeEnabled(wish.addressId, shown) : judgeDisabled(shown);
}

function judgeEnabled(wanted: string | null, n: EmergencyFacts): EmergencyVerdict {
  const address = n.emergencyAddressId ?? '';
  const isWanted = address === (wanted ?? '');
  if (n.emergencyStatus === 'provisioning-failed') return isWanted ? 'refused' : 'not_shown';
  if (n.emergencyEnabled === false) return 'not_shown';
  // While it is being provisioned Telnyx may not show an address yet; another one is another one.
  if (n.emergencyStatus === 'provisioning') return isWanted || address === '' ? 'pending' : 'not_shown';
  if (!isWanted) return 'not_shown';
  if (n.emergencyStatus === 'active') return 'in_force';
  // As asked but for Telnyx's last word, which is missing or a word that we do not know.
  const isOff = n.emergencyStatus === 'disabled' || n.emergencyStatus === 'deprovisioning';
  return n.emergencyEnabled === true && !isOff ? 'pending' : 'not_shown';
}

function judgeDisabled(n: EmergencyFacts): EmergencyVerdict {
  if (n.emergencyStatus === 'deprovisioning') return 'pending';
  if (n.emergencyStatus === 'disabled') return n.emergencyEnabled === true ? 'not_shown' : 'in_force';
  return n.emergencyStatus === undefined && n.emergencyEnabled === false ? 'in_force' : 'not_shown';
}
