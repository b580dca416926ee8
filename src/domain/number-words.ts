/**
 * The types of numbers, in the words of Telnyx. The inventory holds these words; old spellings are translated when they are read.
 */
export const NUMBER_TYPES = ['local', 'toll_free', 'mobile', 'national', 'shared_cost', 'landline', 'shortcode'] as const;

/** The statuses of numbers, in the words of Telnyx with hyphens. The inventory holds these words. */
export const NUMBER_STATUSES = [
  'active',
  'purchase-pending',
  'purchase-failed',
  'port-pending',
  'port-failed',
  'port-out-pending',
  'ported-out',
  'emergency-only',
  'provision-pending',
  'requirement-info-pending',
  'requirement-info-under-review',
  'requirement-info-exception',
  'deleted',
] as const;
