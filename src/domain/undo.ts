/** The fields of a number that an undo can put back. The inventory has their values, and events have what they were. */
export const UNDO_FIELDS = [
  'connection_id',
  'messaging_profile_id',
  'billing_group_id',
  'customer_reference',
  'external_pin',
  'deletion_lock_enabled',
  'hd_voice_enabled',
  'emergency_address_id',
  'emergency_enabled',
  'tags',
] as const;
export type UndoField = (typeof UNDO_FIELDS)[number];

/** Why an undo cannot put a field back, as text for people. */
export const CANNOT_UNDO = {
  empty: 'it was empty before, and how to clear it is not documented; clear it in the portal',
  not_known: 'nobody knows what it was before',
  voice: 'the inventory does not have voice settings, so nobody knows what they were before',
  emergency_alone:
    'emergency calling is switched by its address only: `update --set emergency_address_id=ID` switches it on, `=null` off',
  emergency_off: 'emergency calling was off before, and setting its address would switch it on',
} as const;
export type CannotUndo = keyof typeof CANNOT_UNDO;
