import { z } from 'zod';
import { vendorCode } from '../../domain/codes.ts';
import { type E164, isE164 } from '../../domain/phone-number.ts';
import { oneError } from '../failures/failures.ts';
import type {
  AccountNumber,
  Balance,
  Job,
  JobFailure,
  ListedOrder,
  MessagingUpdate,
  Order,
  OrderLine,
  Paperwork,
} from '../gateway.ts';

/**
 * What we read of Telnyx's answers, and nothing else. Field names are those of the SDK's types; enums and ids stay open strings,
 * because the guides know more values than the SDK. Every answer wraps its content in `data`.
 */
// A minor field of an unexpected type counts as not shown. It must not turn an accepted order into an unknown outcome.
const text = z.string().nullish().catch(undefined);
const flag = z.boolean().nullish().catch(undefined);
const id = z.string().min(1);

/** Empty means none. */
const orNull = (value: string | null | undefined): string | null => (value === undefined || value === '' ? null : value);
const e164s = (list: readonly string[] | null | undefined): E164[] => [...new Set((list ?? []).filter(isE164))];

const orderLine = z.object({ id: text, phone_number: text, status: text, requirements_met: flag });

const order = z
  .object({
    id,
    status: text,
    customer_reference: text,
    requirements_met: flag,
    created_at: text,
    updated_at: text,
    // One odd id makes the whole list count as not shown. A cancel then reads the list of sub orders.
    sub_number_orders_ids: z.array(id).nullish().catch(undefined),
    phone_numbers: z.array(orderLine.nullish().catch(undefined)).nullish().catch(undefined),
  })
  .transform((raw): Order => {
    const lines = (raw.phone_numbers ?? []).flatMap((l) => l ?? []);
    return {
      id: raw.id,
      // A missing status is not an end, so the order is polled again.
      status: raw.status ?? 'pending',
      customerReference: orNull(raw.customer_reference),
      requirementsMet: raw.requirements_met ?? null,
      createdAt: orNull(raw.created_at),
      updatedAt: orNull(raw.updated_at),
      unmetLineId: orNull(lines.find((l) => l.requirements_met === false)?.id),
      subOrderIds: raw.sub_number_orders_ids ?? [],
      lines: lines.flatMap(toLine),
    };
  });

function toLine(raw: z.output<typeof orderLine>): OrderLine[] {
  const { phone_number: number, status, requirements_met: met } = raw;
  return number && isE164(number) ? [{ phoneNumber: number, status: status ?? 'pending', requirementsMet: met ?? null }] : [];
}

export const orderAnswer = z.object({ data: order }).transform((a) => a.data);

/** Rows of the list show no status per number, so they carry no lines. */
export const orderRow = order.transform((o): Order => ({ ...o, lines: [] }));

/** The same row with its numbers. A status that a line shows here is not used: it is not part of the documented row. */
export const listedOrderRow = order.transform(
  ({ lines, unmetLineId: _line, ...row }): ListedOrder => ({ ...row, phoneNumbers: lines.map((l) => l.phoneNumber) }),
);

const requirement = z.object({ field_type: text, status: text, field_value: text });

/** The SDK's types have a value and no status. Real answers were seen with a status; then the status decides. */
const isOpen = (r: z.output<typeof requirement>): boolean => (r.status ? r.status !== 'approved' : !r.field_value);

/** An order line as its own resource: the only place that shows the deadline of unmet requirements. */
export const paperworkAnswer = z
  .object({ data: z.object({ deadline: text, regulatory_requirements: z.array(requirement).nullish().catch(undefined) }) })
  .transform(({ data }): Paperwork => {
    const open = (data.regulatory_requirements ?? []).filter(isOpen);
    const missing = open.map((r) => [r.field_type ?? 'requirement', r.status].filter(Boolean).join(' '));
    return { deadline: orNull(data.deadline), missing: [...new Set(missing)] };
  });

export const anyAnswer = z.unknown();

/** A sub order as the list shows it: only the fields that a cancel needs. */
export interface SubOrderRow {
  id: string;
  order_request_id?: string | null | undefined;
  status?: string | null | undefined;
}

export const subOrderRow: z.ZodType<SubOrderRow> = z.object({ id, order_request_id: text, status: text });

export const reservationAnswer = z
  .object({
    data: z.object({
      id,
      phone_numbers: z.array(z.object({ phone_number: text, status: text, errors: z.unknown().optional() })).nullish(),
    }),
  })
  .transform((a) => ({ id: a.data.id, lines: a.data.phone_numbers ?? [] }));

const operation = z.object({ id: text, phone_number: text, errors: z.array(z.unknown()).nullish().catch(undefined) });

const TERMINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'expired']);

const job = z
  .object({
    id,
    type: text,
    status: text,
    created_at: text,
    updated_at: text,
    etc: text,
    phone_numbers: z.array(operation).nullish(),
    pending_operations: z.array(operation).nullish(),
    successful_operations: z.array(operation).nullish(),
    failed_operations: z.array(operation).nullish(),
  })
  .transform((raw): Job => {
    const succeeded = raw.successful_operations ?? [];
    const failed = raw.failed_operations ?? [];
    const inputs = raw.phone_numbers ?? [];
    const operations = [...(raw.pending_operations ?? []), ...succeeded, ...failed];
    // An input shows its id or its number. An operation shows both.
    const numberOf = new Map(
      operations.flatMap((o): [string, string][] => (o.id && o.phone_number ? [[o.id, o.phone_number]] : [])),
    );
    const resolve = (o: { id?: string | null | undefined; phone_number?: string | null | undefined }): string =>
      o.phone_number ?? numberOf.get(o.id ?? '') ?? '';
    const status = raw.status ?? 'pending';
    return {
      id: raw.id,
      type: raw.type ?? '',
      status,
      terminal: TERMINAL.has(status),
      createdAt: orNull(raw.created_at),
      updatedAt: orNull(raw.updated_at),
      etc: orNull(raw.etc),
      phoneNumbers: e164s((inputs.length > 0 ? inputs : operations).map(resolve)),
      succeeded: e164s(succeeded.map(resolve)),
      failed: failed.flatMap((o) => toJobFailure(resolve(o), o.errors ?? [])),
    };
  });

function toJobFailure(phoneNumber: string, errors: unknown[]): JobFailure[] {
  if (!isE164(phoneNumber)) return [];
  const [first] = errors.flatMap(oneError);
  const said = [first?.title, first?.detail].filter((part) => part !== undefined && part !== '').join(' - ');
  return [
    {
      phoneNumber,
      code: first?.code ? vendorCode(first.code) : 'unknown',
      message: said === '' ? 'Telnyx gave no reason' : said,
    },
  ];
}

export const jobAnswer = z.object({ data: job }).transform((a) => a.data);
export const jobRow = job;

/** A job of the list of which only the state is needed. Its thousands of operations are not parsed. */
export const jobState = z.object({ id, status: text });

const numbers = z.array(z.string()).nullish();

export const messagingAnswer = z
  .object({ data: z.object({ order_id: id, pending: numbers, success: numbers, failed: numbers }) })
  .transform(
    ({ data }): MessagingUpdate => ({
      id: data.order_id,
      pending: e164s(data.pending),
      succeeded: e164s(data.success),
      failed: e164s(data.failed),
    }),
  );

/** The id is a decimal string beyond 2^53. Any other type would have lost digits, so it is refused. */
export const ownershipAnswer = z
  .object({ data: z.object({ found: z.array(z.object({ id, number_val_e164: z.string() })) }) })
  .transform(({ data }) => new Map<E164, string>(data.found.map((f) => [f.number_val_e164, f.id])));

/**
 * Old type names appear right after a purchase. One is another spelling. `longcode` is not a type: it means every number that is
 * neither toll-free nor a short code.
 */
function typeOf(type: string | null | undefined): string | null {
  if (type === 'longcode') return null;
  return type === 'tollfree' ? 'toll_free' : orNull(type);
}

/** Telnyx writes this when a lookup failed on its side. It is not a value. */
const UNAVAILABLE = 'UNAVAILABLE';

export const accountNumberRow = z
  .object({
    id,
    phone_number: z.string(),
    status: text,
    phone_number_type: text,
    country_iso_alpha2: text,
    connection_id: text,
    messaging_profile_id: text,
    billing_group_id: text,
    customer_reference: text,
    tags: z.array(z.string()).nullish().catch(undefined),
    deletion_lock_enabled: flag,
    emergency_enabled: flag,
    emergency_status: text,
    emergency_address_id: text,
    external_pin: text,
    hd_voice_enabled: flag,
    purchased_at: text,
  })
  .transform((raw): AccountNumber => {
    const profile = raw.messaging_profile_id;
    return {
      telnyxId: raw.id,
      phoneNumber: raw.phone_number,
      status: (raw.status ?? '').replaceAll('_', '-'),
      phoneNumberType: typeOf(raw.phone_number_type),
      countryCode: orNull(raw.country_iso_alpha2),
      connectionId: orNull(raw.connection_id),
      messagingProfileId: profile === undefined || profile === UNAVAILABLE ? undefined : orNull(profile),
      billingGroupId: orNull(raw.billing_group_id),
      customerReference: orNull(raw.customer_reference),
      // `undefined` means that Telnyx did not return the field. Never treat it as false or empty: a lock or a tag may exist.
      tags: raw.tags ?? undefined,
      deletionLockEnabled: raw.deletion_lock_enabled ?? undefined,
      emergencyEnabled: raw.emergency_enabled ?? undefined,
      emergencyStatus: orNull(raw.emergency_status) ?? undefined,
      emergencyAddressId: orNull(raw.emergency_address_id),
      externalPin: orNull(raw.external_pin),
      hdVoiceEnabled: raw.hd_voice_enabled ?? undefined,
      purchasedAt: orNull(raw.purchased_at),
    };
  });

const count = z.number().int().nonnegative().nullish().catch(undefined);

/** One page of a list. `total_results` is sent, though the SDK's types leave it out. */
export interface ListPage<Row> {
  data: Row[];
  meta?: PageMeta | null | undefined;
}

interface PageMeta {
  page_number?: number | null | undefined;
  total_pages?: number | null | undefined;
  total_results?: number | null | undefined;
}

export function listAnswer<Row>(row: z.ZodType<Row>): z.ZodType<ListPage<Row>> {
  return z.object({
    data: z.array(row),
    meta: z.object({ page_number: count, total_pages: count, total_results: count }).nullish(),
  });
}

export const balanceAnswer = z
  .object({ data: z.object({ balance: z.string(), available_credit: z.string(), currency: z.string() }) })
  .transform(({ data }): Balance => ({ balance: data.balance, availableCredit: data.available_credit, currency: data.currency }));

const searchMeta = z.object({ total_results: count }).nullish().catch(undefined);

/** The search parses the rows one by one. The total is in `meta` and again in `metadata`. */
export const searchAnswer = z
  .object({ data: z.array(z.unknown()), meta: searchMeta, metadata: searchMeta })
  .transform((a) => ({ rows: a.data, total: a.meta?.total_results ?? a.metadata?.total_results ?? null }));

export const offerRow = z.object({
  phone_number: z.string(),
  best_effort: flag,
  quickship: flag,
  features: z.array(z.object({ name: text })).nullish(),
  region_information: z.array(z.object({ region_type: text, region_name: text })).nullish(),
  cost_information: z.object({ upfront_cost: z.string(), monthly_cost: z.string(), currency: z.string().min(1) }),
});
export type OfferRow = z.output<typeof offerRow>;

/** The part of a row that shows whether its number is masked. A masked row may lack everything else. */
export const maskedRow = z.object({ phone_number: z.string() });
