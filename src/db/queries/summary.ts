import { asc, count, desc, max, type SQL, sql, sum } from 'drizzle-orm';
import type { Reads } from '../client.ts';
import { phoneNumbers } from '../schema/index.ts';
import { type InventoryFilter, matching } from './inventory.ts';

/** How many numbers share something, and what they cost a month. */
export interface Share {
  /** What they share; `null` for the numbers without it. */
  of: string | null;
  numbers: number;
  /** What those with a known price cost a month, as decimal text. */
  monthly: string;
  currency: string | null;
  /** How many have a known price. Numbers that were bought elsewhere have none. */
  priced: number;
}

/** A number of the North American plan has its area code behind +1. Others are summed up without one. */
const AREA_CODE =
  sql`case when ${phoneNumbers.phoneNumber} like '+1%' then substr(${phoneNumbers.phoneNumber}, 3, 3) end`.mapWith(String);
/** A number with several tags counts once for each, and one without tags counts for `null`. */
const TAG =
  sql`unnest(case when cardinality(${phoneNumbers.tags}) = 0 then array[null]::text[] else ${phoneNumbers.tags} end)`.mapWith(
    String,
  );

/** Sums up the matching numbers: in all, by area code and by tag. */
export async function summarize(
  reads: Reads,
  filter: InventoryFilter,
): Promise<{ all: Share; areaCodes: Share[]; tags: Share[] }> {
  const [[all], areaCodes, tags] = await Promise.all([
    shares(reads, filter, sql`null::text`.mapWith(String)),
    shares(reads, filter, AREA_CODE),
    shares(reads, filter, TAG),
  ]);
  return { all: all ?? { of: null, numbers: 0, monthly: '0', currency: null, priced: 0 }, areaCodes, tags };
}

/** The shares by one thing, largest first. */
async function shares(reads: Reads, filter: InventoryFilter, by: SQL<string>): Promise<Share[]> {
  const rows = await reads((q) =>
    q
      .select({
        of: by,
        numbers: count(),
        monthly: sum(phoneNumbers.monthlyCost),
        currency: max(phoneNumbers.currency),
        priced: count(phoneNumbers.monthlyCost),
      })
      .from(phoneNumbers)
      .where(matching(filter))
      .groupBy(sql`1`)
      .orderBy(desc(count()), asc(sql`1`)),
  );
  return rows.map((row) => ({ ...row, monthly: row.monthly ?? '0' }));
}
