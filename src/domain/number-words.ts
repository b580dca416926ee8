/** The types of numbers that Telnyx names, as the inventory holds them: old spellings are brought to these when they are read. */
export const NUMBER_TYPES = ['local', 'toll_free', 'mobile', 'national', 'shared_cost', 'landline', 'shortcode'] as const;

/** The statuses of numbers that Telnyx names, with hyphens as the inventory holds them. */
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
