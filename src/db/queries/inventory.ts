import { and, arrayContains, asc, count, eq, gt, like, type SQL, sql } from 'drizzle-orm';
import { QueryBuilder } from 'drizzle-orm/pg-core';
import type { Reads } from '../client.ts';
import { pageByPage } from '../pages.ts';
import { phoneNumbers } from '../schema/index.ts';

type PhoneNumber = typeof phoneNumbers.$inferSelect;

const STREAM_PAGE = 2_000;

/** What the inventory can be filtered by; the shapes of the values are in `producers/intake/filter-shapes.ts`. */
export const INVENTORY_FILTERS = [
  'tag',
  'connection_id',
  'billing_group_id',
  'messaging_profile_id',
  'customer_reference',
  'country_code',
  'phone_number_type',
  'status',
  'state',
  'national_destination_code',
  'bought_by',
] as const;
type FilterField = (typeof INVENTORY_FILTERS)[number];
export type InventoryFilter = { [K in FilterField]?: (K extends 'state' ? PhoneNumber['state'] : string) | undefined };

/** Filters that compare one column with the value. */
const COLUMN_OF = {
  connection_id: phoneNumbers.connectionId,
  billing_group_id: phoneNumbers.billingGroupId,
  messaging_profile_id: phoneNumbers.messagingProfileId,
  customer_reference: phoneNumbers.customerReference,
  country_code: phoneNumbers.countryCode,
  phone_number_type: phoneNumbers.phoneNumberType,
  status: phoneNumbers.status,
  bought_by: phoneNumbers.boughtBy,
} as const satisfies Partial<Record<FilterField, unknown>>;
const COMPARED = [
  'connection_id',
  'billing_group_id',
  'messaging_profile_id',
  'customer_reference',
  'country_code',
  'phone_number_type',
  'status',
  'bought_by',
] as const satisfies readonly (keyof typeof COLUMN_OF)[];

const inState = (f: InventoryFilter): SQL => eq(phoneNumbers.state, f.state ?? 'owned');

/** The rows of the inventory that match, compared exactly; only owned ones unless the filter names a state. */
function matching(f: InventoryFilter): SQL | undefined {
  const { tag, national_destination_code: areaCode } = f;
  const compared = COMPARED.map((field) => {
    const value = f[field];
    return value === undefined ? undefined : eq(COLUMN_OF[field], value);
  });
  return and(
    inState(f),
    tag === undefined ? undefined : arrayContains(phoneNumbers.tags, [tag]),
    ...compared,
    areaCode === undefined ? undefined : inAreaCode(areaCode),
  );
}

const inAreaCode = (areaCode: string): SQL | undefined =>
  and(like(phoneNumbers.phoneNumber, '+1%'), sql`substr(${phoneNumbers.phoneNumber}, 3, 3) = ${areaCode}`);

/** How many numbers match, and how many there are in that state at all. */
export async function countMatching(reads: Reads, filter: InventoryFilter): Promise<{ matched: number; of: number }> {
  const matched = sql`count(*) filter (where ${matching(filter)})`.mapWith(Number);
  const [row] = await reads((q) => q.select({ matched, of: count() }).from(phoneNumbers).where(inState(filter)));
  return row ?? { matched: 0, of: 0 };
}

const behind = (after: string | null): SQL | undefined => (after === null ? undefined : gt(phoneNumbers.phoneNumber, after));

/** A page of the inventory, by number; `after` is the last number of the page before. */
export async function listInventory(
  reads: Reads,
  filter: InventoryFilter,
  limit: number,
  after: string | null,
): Promise<PhoneNumber[]> {
  return reads((q) =>
    q
      .select()
      .from(phoneNumbers)
      .where(and(matching(filter), behind(after)))
      .orderBy(asc(phoneNumbers.phoneNumber))
      .limit(limit),
  );
}

/** The numbers that match, in order, page by page: no connection is held while the reader takes them. */
export async function* streamInventory(reads: Reads, filter: InventoryFilter): AsyncGenerator<string> {
  const pages = pageByPage<{ phoneNumber: string }>(STREAM_PAGE, (last) =>
    reads((q) =>
      q
        .select({ phoneNumber: phoneNumbers.phoneNumber })
        .from(phoneNumbers)
        .where(and(matching(filter), behind(last?.phoneNumber ?? null)))
        .orderBy(asc(phoneNumbers.phoneNumber))
        .limit(STREAM_PAGE),
    ),
  );
  for await (const row of pages) yield row.phoneNumber;
}

/**
 * The numbers that match, each with its place in the order of numbers, as the text of a select and its parameters. It is run
 * inside a transaction that writes, so it is built here and executed there: a preview counts by the same rule as the act.
 */
export function placedNumbers(filter: InventoryFilter): { text: string; params: string[] } {
  const place = sql`row_number() over (order by ${phoneNumbers.phoneNumber}) - 1`;
  const built = new QueryBuilder()
    .select({ phoneNumber: phoneNumbers.phoneNumber, place })
    .from(phoneNumbers)
    .where(matching(filter))
    .toSQL();
  return { text: built.sql, params: built.params.map(String) };
}

/** One number of the inventory, or `null`. */
export async function findNumber(reads: Reads, phoneNumber: string): Promise<PhoneNumber | null> {
  const [row] = await reads((q) => q.select().from(phoneNumbers).where(eq(phoneNumbers.phoneNumber, phoneNumber)));
  return row ?? null;
}
