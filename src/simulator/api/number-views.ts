import type Telnyx from 'telnyx';
import type { OwnedNumber } from '../types.ts';
import { emergencyOf, type World } from '../world.ts';
import { type Context, struckBy } from './context.ts';
import { iso, isRecord } from './wire.ts';

type Detailed = Telnyx.NumbersPhoneNumberDetailed;
type Slim = Telnyx.PhoneNumberSlimListResponse;

const FRESH_MS = 60_000;

/** Faults in how numbers are shown; decided once for a reply. */
export interface Disguise {
  profile: boolean;
  underscores: boolean;
}

/** The faults that strike this reply. The slim list shows no messaging profile, so it has no such fault. */
export function disguiseOf(context: Context, slim = false): Disguise {
  return {
    profile: !slim && struckBy(context, 'unavailable_profile') !== undefined,
    underscores: struckBy(context, 'underscore_statuses') !== undefined,
  };
}

function disguised<T extends Detailed | Slim>(view: T, disguise: Disguise): T {
  if (!disguise.profile && !disguise.underscores) return view;
  const changes: Record<string, unknown> = {};
  if (disguise.profile && 'messaging_profile_id' in view) {
    for (const field of ['messaging_profile_id', 'messaging_profile_name', 'messaging_campaign_id'])
      changes[field] = 'UNAVAILABLE';
  }
  if (disguise.underscores && view.status !== undefined) changes['status'] = view.status.replaceAll('-', '_');
  return { ...view, ...changes };
}

/** Right after a purchase the old type names appear. */
function typeOf(world: World, number: OwnedNumber): Detailed['phone_number_type'] {
  const fresh = number.appearedAt !== 0 && world.now() < number.appearedAt + FRESH_MS;
  if (!fresh) return number.area.type;
  return number.area.type === 'toll_free' ? 'tollfree' : 'longcode';
}

const NOTHING: Readonly<Record<string, unknown>> = {};

function part(number: OwnedNumber, key: string): Readonly<Record<string, unknown>> {
  const value = number.voice?.[key];
  return isRecord(value) ? value : NOTHING;
}

function common(world: World, number: OwnedNumber) {
  const screening = number.voice?.['inbound_call_screening'];
  const created = iso(number.createdAt);
  const emergency = emergencyOf(world, number);
  return {
    id: number.id,
    record_type: 'phone_number',
    phone_number: number.e164,
    country_iso_alpha2: number.area.country,
    phone_number_type: typeOf(world, number),
    status: number.status,
    created_at: created,
    purchased_at: created,
    activated_at: created,
    updated_at: number.updatedAt === number.createdAt ? created : iso(number.updatedAt),
    hd_voice_enabled: number.hdVoice,
    emergency_enabled: emergency === 'active' || emergency === 'provisioning',
    emergency_status: emergency,
    call_forwarding_enabled: part(number, 'call_forwarding')['call_forwarding_enabled'] === true,
    call_recording_enabled: part(number, 'call_recording')['inbound_call_recording_enabled'] === true,
    caller_id_name_enabled: number.voice?.['caller_id_name_enabled'] === true,
    cnam_listing_enabled: part(number, 'cnam_listing')['cnam_listing_enabled'] === true,
    inbound_call_screening: (screening ?? 'disabled') as NonNullable<Detailed['inbound_call_screening']>,
    t38_fax_gateway_enabled: part(number, 'media_features')['t38_fax_gateway_enabled'] === true,
  };
}

export function connectionName(number: OwnedNumber): string | null {
  return number.connectionId === null ? null : `connection-${number.connectionId.slice(-4)}`;
}

/** A number as the full list and the single read show it. */
export function numberView(world: World, number: OwnedNumber, disguise: Disguise): Detailed {
  const view: Detailed = {
    ...common(world, number),
    tags: [...number.tags],
    external_pin: number.externalPin,
    deletion_lock_enabled: number.locked,
    connection_id: number.connectionId,
    connection_name: connectionName(number),
    billing_group_id: number.billingGroupId,
    customer_reference: number.customerReference,
    emergency_address_id: number.emergencyAddressId,
    messaging_profile_id: number.messagingProfileId,
    messaging_profile_name: number.messagingProfileId === null ? null : `profile-${number.messagingProfileId.slice(0, 4)}`,
    messaging_campaign_id: null,
    source_type: 'number_order',
  };
  return disguised(view, disguise);
}

/** A number as the slim list shows it: no lock, no messaging, tags and connection name only on request. */
export function slimView(
  world: World,
  number: OwnedNumber,
  include: { tags: boolean; connection: boolean },
  disguise: Disguise,
): Slim {
  const view: Slim = {
    ...common(world, number),
    connection_id: number.connectionId ?? '',
    billing_group_id: number.billingGroupId ?? '',
    customer_reference: number.customerReference ?? '',
    emergency_address_id: number.emergencyAddressId ?? '',
    external_pin: number.externalPin ?? '',
  };
  const extra = {
    ...(include.tags ? { tags: [...number.tags] } : {}),
    ...(include.connection ? { connection_name: connectionName(number) ?? '' } : {}),
  };
  return disguised({ ...view, ...extra }, disguise);
}

/** The final object that a single DELETE answers with. */
export function deletedView(world: World, number: OwnedNumber): Telnyx.PhoneNumberDeleteResponse.Data {
  const { phone_number_type: _, ...rest } = common(world, number);
  return {
    ...rest,
    status: 'deleted',
    phone_number_type: number.area.type,
    tags: [...number.tags],
    deletion_lock_enabled: number.locked,
    connection_id: number.connectionId ?? '',
    billing_group_id: number.billingGroupId ?? '',
    customer_reference: number.customerReference ?? '',
    messaging_profile_id: number.messagingProfileId ?? '',
  };
}

/** Voice settings of a number. */
export function voiceView(world: World, number: OwnedNumber): Telnyx.PhoneNumbers.PhoneNumberWithVoiceSettings {
  const defaults = {
    call_forwarding: { call_forwarding_enabled: false },
    call_recording: { inbound_call_recording_enabled: false },
    cnam_listing: { cnam_listing_enabled: false },
    media_features: {
      rtp_auto_adjust_enabled: true,
      accept_any_rtp_packets_enabled: false,
      t38_fax_gateway_enabled: false,
    },
    inbound_call_screening: 'disabled' as const,
    tech_prefix_enabled: false,
    translated_number: '',
    usage_payment_method: 'pay-per-minute' as const,
  };
  return {
    ...defaults,
    ...number.voice,
    id: number.id,
    record_type: 'voice_settings',
    phone_number: number.e164,
    connection_id: number.connectionId ?? '',
    customer_reference: number.customerReference ?? '',
    emergency: {
      emergency_enabled: ['active', 'provisioning'].includes(emergencyOf(world, number)),
      emergency_status: emergencyOf(world, number),
      emergency_address_id: number.emergencyAddressId ?? '',
    },
  };
}

/** Messaging settings of a number. */
export function messagingView(number: OwnedNumber): Telnyx.PhoneNumberWithMessagingSettings {
  const sets = { domestic_two_way: true, international_inbound: true, international_outbound: true };
  return {
    id: number.id,
    record_type: 'messaging_settings',
    phone_number: number.e164,
    messaging_profile_id: number.messagingProfileId,
    messaging_product: number.messagingProduct ?? 'A2P',
    eligible_messaging_products: ['A2P'],
    traffic_type: 'A2P',
    type: number.area.type === 'toll_free' ? 'toll-free' : 'long-code',
    country_code: number.area.country,
    features: { sms: sets, mms: null },
    tags: [...number.tags],
    created_at: iso(number.createdAt),
    updated_at: iso(number.updatedAt),
  };
}
