import { type EmergencyFacts, judgeEmergency } from './emergency.ts';
import type { NumberSettings, Step } from './step.ts';
import { sameTags } from './tags.ts';

/** The settings of a number as the list of Telnyx returns them. `undefined` means that Telnyx did not return the field. */
export interface ShownNumber extends EmergencyFacts {
  connectionId: string | null;
  billingGroupId: string | null;
  messagingProfileId: string | null | undefined;
  customerReference: string | null;
  externalPin: string | null;
  hdVoiceEnabled: boolean | undefined;
  deletionLockEnabled: boolean | undefined;
  tags: string[] | undefined;
}

/**
 * The wanted settings that the account shows otherwise, by the names of their fields. Voice settings are not part of what the list
 * returns, so they are not compared.
 */
export function settingsNotShown(n: ShownNumber, s: NumberSettings): string[] {
  const same = (wanted: boolean | undefined, shown: boolean | undefined) => wanted === undefined || wanted === shown;
  // Telnyx returns null for a text that was set to the empty string.
  const sameText = (wanted: string | undefined, shown: string | null) => wanted === undefined || wanted === (shown ?? '');
  const shown = {
    connection_id: sameText(s.connection_id, n.connectionId),
    billing_group_id: sameText(s.billing_group_id, n.billingGroupId),
    customer_reference: sameText(s.customer_reference, n.customerReference),
    external_pin: sameText(s.external_pin, n.externalPin),
    hd_voice_enabled: same(s.hd_voice_enabled, n.hdVoiceEnabled),
    deletion_lock_enabled: same(s.deletion_lock_enabled, n.deletionLockEnabled),
    tags: s.tags === undefined || (n.tags !== undefined && sameTags(s.tags, n.tags)),
  };
  return Object.entries(shown).flatMap(([field, isShown]) => (isShown ? [] : [field]));
}

/** What a step has set and the account shows otherwise, by the names of the fields. */
export function stepNotShown(n: ShownNumber, step: Step): string[] {
  switch (step.kind) {
    case 'order': {
      const { connection_id, billing_group_id, messaging_profile_id: profile } = step.settings;
      return [
        ...settingsNotShown(n, { ...(connection_id && { connection_id }), ...(billing_group_id && { billing_group_id }) }),
        ...(profile === undefined ? [] : profileNotShown(n, profile)),
      ];
    }
    case 'update': {
      const { add, remove } = step.tags ?? { add: [], remove: [] };
      const has = new Set(n.tags ?? []);
      const areMerged = add.every((t) => has.has(t)) && !remove.some((t) => has.has(t));
      return [...settingsNotShown(n, step.settings), ...(areMerged ? [] : ['tags'])];
    }
    case 'messaging':
      return profileNotShown(n, step.messaging_profile_id);
    case 'emergency': {
      const verdict = judgeEmergency({ enabled: step.emergency_enabled, addressId: step.emergency_address_id }, n);
      return verdict === 'not_shown' || verdict === 'refused' ? ['emergency_address_id'] : [];
    }
    case 'delete':
      return [];
  }
}

const profileNotShown = (n: ShownNumber, profile: string): string[] =>
  n.messagingProfileId !== undefined && (n.messagingProfileId ?? '') === profile ? [] : ['messaging_profile_id'];
