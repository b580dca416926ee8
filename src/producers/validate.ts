import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { z } from 'zod';
import { INVENTORY_FILTERS } from '../db/numbers.ts';
import type { BuyBody, BuyLine, DeleteBody, RequestBody, UpdateBody } from '../domain/bodies.ts';
import { type ErrorDetail, invalid } from '../domain/errors.ts';
import { parseMoney } from '../domain/money.ts';
import { isE164 } from '../domain/phone-number.ts';
import { ADMINISTRATIVE_AREAS } from './regions.ts';

const FEATURES = ['sms', 'mms', 'voice', 'fax', 'emergency', 'hd_voice', 'international_sms', 'local_calling'] as const;
const TYPES = ['local', 'toll_free', 'mobile', 'national', 'shared_cost'] as const;
export const MAX_LINE_QUANTITY = 10_000;

const money = z.string().refine((t) => (parseMoney(t) ?? -1n) >= 0n, 'must be a decimal amount of zero or more, such as "2.00"');
const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be a UUID');
const decimalId = z.string().regex(/^\d{1,25}$/, 'must be a decimal id');
/** Colons were rejected by Telnyx; letters, digits, `-` and `_` are known to pass. */
const tag = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a tag may have letters, digits, "-" and "_" only, no colon, at most 64');
const tags = z.array(tag).max(50);

const line = z.strictObject({
  country_code: z.string().length(2).toUpperCase().default('US'),
  phone_number_type: z.enum(TYPES).default('local'),
  national_destination_code: z
    .string()
    .regex(/^\d{1,6}$/, 'must be digits')
    .optional(),
  administrative_area: z.string().toUpperCase().optional(),
  locality: z.string().min(1).max(100).optional(),
  features: z.array(z.enum(FEATURES)).default([]),
  quantity: z.int().min(1, 'must be at least 1').max(MAX_LINE_QUANTITY, `must be at most ${MAX_LINE_QUANTITY}`),
  max_number_cost: money.optional(),
  requirement_group_id: uuid.optional(),
  fallback: z
    .strictObject({
      national_destination_codes: z.array(z.string().regex(/^\d{1,6}$/)).default([]),
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

const voice = z.partialRecord(z.enum(VOICE_FIELDS), z.unknown()).superRefine((value, ctx) => {
  const cnam = z.object({ cnam_listing_details: z.string().optional() }).safeParse(value['cnam_listing'] ?? {});
  const details = cnam.success ? cnam.data.cnam_listing_details : undefined;
  if (details !== undefined && !/^[A-Za-z0-9 ]{1,15}$/.test(details)) {
    ctx.addIssue({
      code: 'custom',
      path: ['cnam_listing', 'cnam_listing_details'],
      message: 'must be 1 to 15 letters, digits or spaces',
    });
  }
});

const set = z
  .strictObject({
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
  })
  .refine((s) => Object.values(s).some((v) => v !== undefined), 'names no field to change')
  .refine((s) => s.tags === undefined || (s.add_tags === undefined && s.remove_tags === undefined), {
    path: ['tags'],
    message: 'replaces all tags and cannot be combined with add_tags or remove_tags',
  });

/** What an update or delete may select by; the state is always `owned`. */
const WHERE_FIELDS = INVENTORY_FILTERS.filter((f) => f !== 'state');
const where = z
  .partialRecord(z.enum(WHERE_FIELDS), z.string().min(1))
  .refine((w) => Object.keys(w).length > 0, 'names no condition');

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
  expected_count: z.int().min(1),
  include_locked: z.boolean().default(false),
  include_emergency: z.boolean().default(false),
});

/** The shapes of all request bodies; the HTTP layer describes them in OpenAPI. */
export const requestBody = z.discriminatedUnion('kind', [buy, update, release]);

export interface Parsed {
  /** True when the numbers come as a stream beside the body. */
  streamed?: boolean;
}

/** Checks a body completely and lists every problem; nothing is stored or sent for a body that fails. */
export function parseRequest(input: unknown, options: Parsed = {}): RequestBody {
  const parsed = requestBody.safeParse(input);
  if (!parsed.success) throw invalid(parsed.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message })));
  const body: RequestBody = parsed.data as RequestBody;
  const problems = body.kind === 'buy' ? buyProblems(body, options) : targetProblems(body, options);
  // Numbers are checked while they are stored, once: here only to complete a list of problems.
  if (problems.length > 0) throw invalid([...problems, ...numberProblems(body.phone_numbers ?? [])]);
  return body;
}

function buyProblems(body: BuyBody, options: Parsed): ErrorDetail[] {
  const problems: ErrorDetail[] = [];
  if (body.lines.length === 0 && body.phone_numbers.length === 0 && options.streamed !== true) {
    problems.push({ path: 'lines', message: 'a buy needs at least one line or phone number' });
  }
  body.lines.forEach((l, i) => {
    problems.push(...lineProblems(l, `lines.${i}`));
  });
  return problems;
}

function lineProblems(l: BuyLine, path: string): ErrorDetail[] {
  const problems: ErrorDetail[] = [];
  if (!isSupportedCountry(l.country_code))
    problems.push({ path: `${path}.country_code`, message: `unknown country "${l.country_code}"` });
  const codes = [
    ...(l.national_destination_code === undefined ? [] : [[l.national_destination_code, 'national_destination_code'] as const]),
    ...(l.fallback?.national_destination_codes ?? []).map((c, i) => [c, `fallback.national_destination_codes.${i}`] as const),
  ];
  for (const [code, field] of codes) {
    if ((l.country_code === 'US' || l.country_code === 'CA') && !isNanpAreaCode(code)) {
      problems.push({ path: `${path}.${field}`, message: `"${code}" is not an area code of the US or Canada` });
    }
  }
  const areas = ADMINISTRATIVE_AREAS[l.country_code];
  if (l.administrative_area !== undefined && areas?.has(l.administrative_area) !== true) {
    problems.push({
      path: `${path}.administrative_area`,
      message: `unknown state or province "${l.administrative_area}" for ${l.country_code}`,
    });
  }
  return problems;
}

function targetProblems(body: UpdateBody | DeleteBody, options: Parsed): ErrorDetail[] {
  const sources = Number(body.phone_numbers !== undefined) + Number(body.where !== undefined) + Number(options.streamed === true);
  if (sources !== 1) return [{ path: 'phone_numbers', message: 'give either phone_numbers or where' }];
  if (body.phone_numbers?.length === 0) return [{ path: 'phone_numbers', message: 'the list is empty' }];
  return [];
}

function numberProblems(numbers: string[]): ErrorDetail[] {
  const seen = new Map<string, number>();
  const problems: ErrorDetail[] = [];
  for (const [i, n] of numbers.entries()) {
    const problem = phoneNumberProblem(n) ?? (seen.has(n) ? `"${n}" is already at position ${seen.get(n)}` : null);
    if (problem !== null) problems.push({ path: `phone_numbers.${i}`, message: problem });
    seen.set(n, i);
    if (problems.length >= 100) break;
  }
  return problems;
}

/** What is wrong with one number of a list, or `null`. */
export function phoneNumberProblem(n: string): string | null {
  if (!isE164(n)) return `"${n}" is not an E.164 number such as +13125550100`;
  if (parsePhoneNumberFromString(n)?.isPossible() !== true) return `"${n}" has a length that its country does not use`;
  return null;
}

/** Area codes are checked against the numbering plan that libphonenumber ships, with a line number that is always possible. */
export function isNanpAreaCode(code: string): boolean {
  return /^[2-9]\d{2}$/.test(code) && parsePhoneNumberFromString(`+1${code}2345678`)?.isValid() === true;
}
