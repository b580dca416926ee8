import { z } from 'zod';
import { decimalId, labelText, money, plainText, tag, uuid } from './field-shapes.ts';
import { where } from './filter-shapes.ts';
import { MAX_FALLBACK_CODES, MAX_LINE_QUANTITY, MAX_LINES, MAX_TAGS } from './size-limits.ts';
import { voice } from './voice-shape.ts';

const FEATURES = ['sms', 'mms', 'voice', 'fax', 'emergency', 'hd_voice', 'international_sms', 'local_calling'] as const;
const TYPES = ['local', 'toll_free', 'mobile', 'national', 'shared_cost'] as const;

const tags = z.array(tag).max(MAX_TAGS, `at most ${MAX_TAGS} tags`);
export const AREA_CODE = /^\d{1,6}$/;
const areaCode = z.string().regex(AREA_CODE, 'must be digits');

const name = labelText(100).min(1, 'must not be empty');

const line = z.strictObject({
  country_code: z.string().length(2, 'must be a country code of two letters').toUpperCase().default('US'),
  phone_number_type: z.enum(TYPES).default('local'),
  national_destination_code: areaCode.optional(),
  administrative_area: z.string().max(100, 'must have at most 100 characters').toUpperCase().optional(),
  locality: name.optional(),
  rate_center: name.optional(),
  features: z.array(z.enum(FEATURES)).max(FEATURES.length, `there are only ${FEATURES.length} features`).default([]),
  quantity: z.int().min(1, 'must be at least 1').max(MAX_LINE_QUANTITY, `must be at most ${MAX_LINE_QUANTITY}`),
  max_number_cost: money.optional(),
  requirement_group_id: uuid.optional(),
  /** Only toll-free numbers that work at once. On by default for the US. */
  quickship: z.boolean().optional(),
  exclude_held_numbers: z.boolean().optional(),
  fallback: z
    .strictObject({
      national_destination_codes: z
        .array(areaCode)
        .max(MAX_FALLBACK_CODES, `at most ${MAX_FALLBACK_CODES} codes to fall back to`)
        .default([]),
      best_effort: z.boolean().default(false),
    })
    .optional(),
});

const label = labelText(200).optional();

const buy = z.strictObject({
  kind: z.literal('buy'),
  label,
  lines: z.array(line).max(MAX_LINES, `at most ${MAX_LINES} lines`).default([]),
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

/** What an update changes. */
export const updateSet = z.strictObject({
  connection_id: decimalId.optional(),
  billing_group_id: uuid.optional(),
  customer_reference: labelText(100).min(1, 'must not be empty').optional(),
  tags: tags.optional(),
  add_tags: tags.optional(),
  remove_tags: tags.optional(),
  deletion_lock_enabled: z.boolean().optional(),
  hd_voice_enabled: z.boolean().optional(),
  external_pin: labelText(20).min(1, 'must not be empty').optional(),
  messaging_profile_id: uuid.or(z.literal('')).optional(),
  emergency_address_id: plainText(64).nullable().optional(),
  voice: voice.optional(),
});

const updateRow = z
  .strictObject({ phone_number: z.string(), set: updateSet })
  .describe('A number with values of its own. They go before those of `set`.');

const update = z.strictObject({
  kind: z.literal('update'),
  label,
  phone_numbers: z.array(z.string()).optional(),
  where: where.optional(),
  rows: z
    .array(updateRow)
    .optional()
    .describe('In place of phone_numbers: values number by number. Numbers with equal values share a batch job.'),
  // Without rows it must name a field; `validate.ts` checks that.
  set: updateSet.default({}),
});
const release = z.strictObject({
  kind: z.literal('delete'),
  label,
  phone_numbers: z.array(z.string()).optional(),
  where: where.optional(),
  expected_count: z.int().min(1, 'must be at least 1'),
  include_locked: z.boolean().default(false),
  include_emergency: z.boolean().default(false),
  // There is no default, because a default would change the hash of bodies that do not name the field.
  skip_gone: z.boolean().optional(),
});

/**
 * The shapes of all request bodies. The HTTP API describes them in OpenAPI. `validate.ts` checks what concerns several fields.
 */
export const requestBody = z.discriminatedUnion('kind', [buy, update, release], 'must be buy, update or delete');

/** The bodies of users after their shape was checked. Field names are the public contract. */
export type RequestBody = z.infer<typeof requestBody>;
export type BuyBody = z.infer<typeof buy>;
export type BuyLine = z.infer<typeof line>;
export type UpdateBody = z.infer<typeof update>;
export type UpdateSet = z.infer<typeof updateSet>;
export type UpdateRow = z.infer<typeof updateRow>;
export type DeleteBody = z.infer<typeof release>;
