import { z } from 'zod';
import { decimalId, labelText, money, plainText, tag, uuid, wholeNumber } from './field-shapes.ts';
import { where } from './filter-shapes.ts';
import { MAX_FALLBACK_CODES, MAX_LINE_QUANTITY, MAX_LINES, MAX_TAGS } from './size-limits.ts';
import { voice } from './voice-shape.ts';

const FEATURES = ['sms', 'mms', 'voice', 'fax', 'emergency', 'hd_voice', 'international_sms', 'local_calling'] as const;
const TYPES = ['local', 'toll_free', 'mobile', 'national', 'shared_cost'] as const;

const tags = z.array(tag).max(MAX_TAGS, `must have at most ${MAX_TAGS} tags`);
export const AREA_CODE = /^\d{1,6}$/;
const areaCode = z.string().regex(AREA_CODE, 'must be digits in quotes, such as "312"');

const emptyText = z.literal('', 'must be a UUID, or empty for none');

const name = labelText(100).min(1, 'must not be empty');

const line = z.strictObject({
  country_code: z.string().length(2, 'must be a country code of two letters').toUpperCase().default('US'),
  phone_number_type: z.enum(TYPES).default('local'),
  national_destination_code: areaCode.optional().describe('The area code'),
  administrative_area: z
    .string()
    .max(100, 'must have at most 100 characters')
    .toUpperCase()
    .optional()
    .describe('State or province, such as TX'),
  locality: name.optional().describe('City'),
  rate_center: name.optional().describe('Of the US and Canada'),
  features: z.array(z.enum(FEATURES)).max(FEATURES.length, `must have at most ${FEATURES.length} entries`).default([]),
  quantity: wholeNumber(1, MAX_LINE_QUANTITY),
  max_number_cost: money.optional().describe('No number dearer than this, upfront or monthly; a decimal amount'),
  requirement_group_id: uuid.optional(),
  quickship: z.boolean().optional().describe('Only toll-free numbers that work at once; on by default for those of the US'),
  exclude_held_numbers: z.boolean().optional().describe('No numbers that are on hold or reserved for this account'),
  fallback: z
    .strictObject({
      national_destination_codes: z
        .array(areaCode)
        .max(MAX_FALLBACK_CODES, `must have at most ${MAX_FALLBACK_CODES} codes`)
        .default([]),
      best_effort: z.boolean().default(false),
    })
    .optional()
    .describe('Where to search when the area has too few: listed area codes, then whatever is near'),
});

const label = labelText(200).optional();

const PERCENTAGE = 'must be a percentage from 0 to less than 100, such as 5';

// No field has a default, because a default would change the hash of bodies that do not name the field.
const holds = {
  start_at: z.iso
    .datetime({ offset: true, error: 'must be a moment in ISO 8601 with its zone, such as "2026-12-01T06:00:00Z"' })
    .optional()
    .describe('Nothing is sent before this moment'),
  canary: wholeNumber(1)
    .optional()
    .describe('So many numbers are done and read back first; the request goes on only when all of them are right'),
  stop_above: z
    .number({ error: PERCENTAGE })
    .min(0, PERCENTAGE)
    .lt(100, PERCENTAGE)
    .optional()
    .describe('Pauses the request when more than this percentage of the ended numbers has failed'),
};

const buy = z.strictObject({
  kind: z.literal('buy'),
  label,
  lines: z.array(line).max(MAX_LINES, `must have at most ${MAX_LINES} lines`).default([]),
  phone_numbers: z.array(z.string()).default([]).describe('Exactly these numbers, in E.164'),
  assign: z
    .strictObject({
      connection_id: decimalId.optional(),
      messaging_profile_id: uuid.optional(),
      billing_group_id: uuid.optional(),
      tags: tags.optional(),
    })
    .default({})
    .describe('What every bought number gets'),
  max_upfront_cost: money.optional().describe('The budget of the request; a decimal amount'),
  max_monthly_cost: money.optional().describe('The budget of the request; a decimal amount'),
  max_number_cost: money.optional().describe('No number dearer than this, upfront or monthly; a decimal amount'),
  requirement_group_id: uuid.optional(),
  reserve: z.boolean().default(false).describe('Reserves the numbers before it orders them'),
  ...holds,
  all_or_nothing: z.boolean().optional().describe('Orders nothing before every number is claimed within the budget'),
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
  messaging_profile_id: uuid.or(emptyText).optional().describe('Empty: takes the profile away'),
  emergency_address_id: plainText(64).nullable().optional(),
  voice: voice.optional(),
});

const updateRow = z
  .strictObject({ phone_number: z.string(), set: updateSet })
  .describe('A number with values of its own, which go before those of `set`');

const update = z.strictObject({
  kind: z.literal('update'),
  label,
  phone_numbers: z.array(z.string()).optional(),
  where: where.optional(),
  rows: z
    .array(updateRow)
    .optional()
    .describe('In place of phone_numbers: values number by number; numbers with equal values share a batch job'),
  // Without rows it must name a field; `validate.ts` checks that.
  set: updateSet.default({}),
  ...holds,
});
const release = z.strictObject({
  kind: z.literal('delete'),
  label,
  phone_numbers: z.array(z.string()).optional(),
  where: where.optional(),
  expected_count: wholeNumber(1).describe('How many numbers are named; another count releases nothing'),
  include_locked: z.boolean().default(false).describe('Also numbers that are locked against deletion'),
  include_emergency: z.boolean().default(false).describe('Also numbers with emergency services'),
  // There is no default, because a default would change the hash of bodies that do not name the field.
  skip_gone: z.boolean().optional().describe('Skips numbers that have left the account; otherwise they stop the release'),
});

// The names of the shapes in OpenAPI and in the types of the library.
line.register(z.globalRegistry, { id: 'BuyLine', description: 'One criterion of a buy, such as 200 numbers of area code 312' });
voice.register(z.globalRegistry, { id: 'VoiceSettings', description: 'Voice settings of a number' });
updateSet.register(z.globalRegistry, { id: 'UpdateSet', description: 'What changes; a field that is left out stays as it is' });
buy.register(z.globalRegistry, { id: 'BuyRequest', description: 'Buys numbers: by lines, by a list, or both' });
update.register(z.globalRegistry, { id: 'UpdateRequest', description: 'Changes numbers: those of a list or of a filter' });
release.register(z.globalRegistry, { id: 'DeleteRequest', description: 'Releases numbers: those of a list or of a filter' });

/**
 * The shapes of all request bodies. The HTTP API describes them in OpenAPI. `validate.ts` checks what concerns several fields.
 */
export const requestBody = z.discriminatedUnion('kind', [buy, update, release], { error: wrongKind });

function wrongKind({ input }: { input?: unknown }): string {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return 'the body must be an object with "kind": "buy", "update" or "delete"';
  const given = 'kind' in input && input.kind !== undefined;
  return `${given ? '' : 'is missing; it '}must be "buy", "update" or "delete"`;
}

/** The bodies of users after their shape was checked. Field names are the public contract. */
export type RequestBody = z.infer<typeof requestBody>;
export type BuyBody = z.infer<typeof buy>;
export type BuyLine = z.infer<typeof line>;
export type UpdateBody = z.infer<typeof update>;
export type UpdateSet = z.infer<typeof updateSet>;
export type DeleteBody = z.infer<typeof release>;
