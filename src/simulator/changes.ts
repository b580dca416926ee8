import { assertBillingGroup, assertConnection, assertTags } from './api/account.ts';
import { type Body, bool, isRecord, strings, text } from './api/wire.ts';
import type { OwnedNumber } from './types.ts';

/** Fields that both the single PATCH and the update job take. */
const SHARED = ['tags', 'connection_id', 'billing_group_id', 'customer_reference', 'external_pin', 'hd_voice_enabled'] as const;
const VOICE_FIELDS = [
  'call_forwarding',
  'call_recording',
  'caller_id_name_enabled',
  'cnam_listing',
  'inbound_call_screening',
  'media_features',
  'tech_prefix_enabled',
  'translated_number',
  'usage_payment_method',
] as const;

function known(body: Body, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.filter((field) => body[field] !== undefined).map((field) => [field, body[field]]));
}

/** The voice settings of a body; unknown ones are ignored. */
export function voiceChanges(body: Body): Record<string, unknown> {
  return known(body, VOICE_FIELDS);
}

/** What a PATCH or an update job changes; unknown fields are ignored, bad values refused. */
export function numberChanges(body: Body, job: boolean): Record<string, unknown> {
  const changes = known(body, job ? [...SHARED, 'deletion_lock_enabled'] : SHARED);
  const voice = body['voice'];
  if (job && isRecord(voice)) {
    const settings = voiceChanges(voice);
    if (Object.keys(settings).length > 0) changes['voice'] = settings;
  }
  assertTags(strings(changes, 'tags'));
  assertConnection(text(changes, 'connection_id') || undefined);
  assertBillingGroup(text(changes, 'billing_group_id') || undefined);
  return changes;
}

function setOrClear(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Sets the fields on one number. Tags are replaced, not merged. */
export function applyChanges(number: OwnedNumber, changes: Body, at: number): void {
  number.tags = strings(changes, 'tags') ?? number.tags;
  if ('connection_id' in changes) number.connectionId = setOrClear(changes['connection_id']);
  if ('billing_group_id' in changes) number.billingGroupId = setOrClear(changes['billing_group_id']);
  if ('customer_reference' in changes) number.customerReference = setOrClear(changes['customer_reference']);
  if ('external_pin' in changes) number.externalPin = setOrClear(changes['external_pin']);
  number.hdVoice = bool(changes, 'hd_voice_enabled') ?? number.hdVoice;
  number.locked = bool(changes, 'deletion_lock_enabled') ?? number.locked;
  const voice = changes['voice'];
  if (isRecord(voice)) number.voice = { ...number.voice, ...voice };
  number.updatedAt = at;
}
