import { z } from 'zod';
import { INVENTORY_FILTERS } from '../db/numbers.ts';
import { parseMoney } from '../domain/money.ts';
import { voice } from './voice-shape.ts';

const FEATURES = ['sms', 'mms', 'voice', 'fax', 'emergency', 'hd_voice', 'international_sms', 'local_calling'] as const;
const TYPES = ['local', 'toll_free', 'mobile', 'national', 'shared_cost'] as const;
export const MAX_LINE_QUANTITY = 10_000;

const money = z.string().refine((t) => (parseMoney(t) ?? -1n) >= 0n, 'must be a decimal amount of zero or more, such as "2.00"');
const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be a UUID');
const decimalId = z.string().regex(/^\d{1,25}$/, 'must be a decimal id');
/** Colons were rejected by Telnyx; letters, digits, `-` and `_` are known to pass. */
const tag = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a tag may have letters, digits, "-" and "_" only, no colon, at most 64');
const tags = z.array(tag).max(50);
export const AREA_CODE = /^\d{1,6}$/;
const areaCode = z.string().regex(AREA_CODE, 'must be digits');

const line = z.strictObject({
  country_code: z.string().length(2, 'must be a country code of two letters').toUpperCase().default('US'),
  phone_number_type: z.enum(TYPES).default('local'),
  national_destination_code: areaCode.optional(),
  administrative_area: z.string().toUpperCase().optional(),
  locality: z.string().min(1).max(100).optional(),
  rate_center: z.string().min(1).max(100).optional(),
  features: z.array(z.enum(FEATURES)).default([]),
  quantity: z.int().min(1, 'must be at least 1').max(MAX_LINE_QUANTITY, `must be at most ${MAX_LINE_QUANTITY}`),
  max_number_cost: money.optional(),
  requirement_group_id: uuid.optional(),
  /** Toll-free numbers that work at once; on by default for those of the US. */
  quickship: z.boolean().optional(),
  exclude_held_numbers: z.boolean().optional(),
  fallback: z
    .strictObject({
      national_destination_codes: z.array(areaCode).default([]),
      best_effort: z.boolean().default(false),
    })
    .optional(),
});

const label = z.string().max(200).optional();

const buy = z.strictObject({
  kind: z.literal('buy'),
  label,
  lines: z.array(line).max(500).default([]),
  phone_numbers: z.array(z.string()).default([]),
  assign: z
    .strictObject({
      connection_id: decimalId.optional(),
      messaging_profile_id: uuid.optional(),
      billing_group_id: uuid.optional(),
      tags: tags.optional(),
    })
    .default({}),
  max_upfront_cost: money.optional(),
  max_monthly_cost: money.optional(),
  max_number_cost: money.optional(),
  requirement_group_id: uuid.optional(),
  reserve: z.boolean().default(false),
});

const set = z.strictObject({
  connection_id: decimalId.optional(),
  billing_group_id: uuid.optional(),
  customer_reference: z.string().min(1).max(100).optional(),
  tags: tags.optional(),
  add_tags: tags.optional(),
  remove_tags: tags.optional(),
  deletion_lock_enabled: z.boolean().optional(),
  hd_voice_enabled: z.boolean().optional(),
  external_pin: z.string().min(1).max(20).optional(),
  messaging_profile_id: uuid.or(z.literal('')).optional(),
  emergency_address_id: z.string().min(1).max(64).nullable().optional(),
  voice: voice.optional(),
});

/** What an update or delete may select by; the state is always `owned`. */
export const WHERE_FIELDS = INVENTORY_FILTERS.filter((f) => f !== 'state');
const where = z.partialRecord(z.enum(WHERE_FIELDS), z.string().min(1, 'must not be empty'));

const update = z.strictObject({
  kind: z.literal('update'),
  label,
  phone_numbers: z.array(z.string()).optional(),
  where: where.optional(),
  set,
});
const release = z.strictObject({
  kind: z.literal('delete'),
  label,
  phone_numbers: z.array(z.string()).optional(),
  where: where.optional(),
  expected_count: z.int().min(1, 'must be at least 1'),
  include_locked: z.boolean().default(false),
  include_emergency: z.boolean().default(false),
  // No default: a body that does not name it keeps the hash it had before there was such a field.
  skip_gone: z.boolean().optional(),
});

/** The shapes of all request bodies; the HTTP layer describes them in OpenAPI. What reaches over fields is checked in `validate.ts`. */
export const requestBody = z.discriminatedUnion('kind', [buy, update, release], 'must be buy, update or delete');
