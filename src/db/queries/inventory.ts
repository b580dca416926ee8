import { and, arrayContains, asc, count, eq, gt, like, type SQL, sql } from 'drizzle-orm';
import { QueryBuilder } from 'drizzle-orm/pg-core';
import type { Reads } from '../client.ts';
import { pageByPage } from '../pages.ts';
import { phoneNumbers } from '../schema/index.ts';

type PhoneNumber = typeof phoneNumbers.$inferSelect;

const STREAM_PAGE = 2_000;

/** The filters of the inventory. The shapes of their values are in `producers/intake/filter-shapes.ts`. */
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

/** The filters that compare one column with the value. */
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
const isCompared = (field: FilterField): field is keyof typeof COLUMN_OF => field in COLUMN_OF;

const inState = (f: InventoryFilter): SQL => eq(phoneNumbers.state, f.state ?? 'owned');

/** The condition for the rows that match exactly. Without a state in the filter, only owned numbers match. */
export function matching(f: InventoryFilter): SQL | undefined {
  const { tag, national_destination_code: areaCode } = f;
  const compared = INVENTORY_FILTERS.filter(isCompared).map((field) => {
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

/** Returns how many numbers match, and how many numbers have that state. */
export async function countMatching(reads: Reads, filter: InventoryFilter): Promise<{ matched: number; of: number }> {
  const matched = sql`count(*) filter (where ${matching(filter)})`.mapWith(Number);
  const [row] = await reads((q) => q.select({ matched, of: count() }).from(phoneNumbers).where(inState(filter)));
  return row ?? { matched: 0, of: 0 };
}

const behind = (after: string | null): SQL | undefined => (after === null ? undefined : gt(phoneNumbers.phoneNumber, after));

/** Returns a page of the inventory, by number. `after` is the last number of the previous page. */
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

/** Yields the matching numbers in order, page by page, without holding a connection. */
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
 * Returns the text and parameters of a select for the matching numbers and their positions. A writing transaction runs the text.
 * It is built here, so that a preview and the action count by the same rule.
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

/** Returns one number of the inventory, or `null`. */
export async function findNumber(reads: Reads, phoneNumber: string): Promise<PhoneNumber | null> {
  const [row] = await reads((q) => q.select().from(phoneNumbers).where(eq(phoneNumbers.phoneNumber, phoneNumber)));
  return row ?? null;
}
