import type { SqlOrTx } from './client.ts';

/** On which pages of a list that is sorted by number some numbers should stand, by our inventory. */
export interface ExpectedPages {
  pages: number[];
  /** True when the inventory has all of these numbers as owned. */
  knowsAll: boolean;
}

/**
 * Ranks the owned numbers of each prefix of `length` characters that one of `numbers` has (0: the whole account), and returns the
 * pages of `pageSize` on which `numbers` stand. A prefix of which the inventory owns none of them is left out. The caller bounds how
 * many numbers are ranked.
 */
export async function pagesByPrefix(
  sql: SqlOrTx,
  numbers: string[],
  length: number,
  pageSize: number,
): Promise<Map<string, ExpectedPages>> {
  const wanted = new Map<string, number>();
  for (const n of new Set(numbers)) wanted.set(n.slice(0, length), (wanted.get(n.slice(0, length)) ?? 0) + 1);
  const ofPrefix = length === 0 ? sql`` : sql`and left(phone_number, ${length}) = any(${[...wanted.keys()]}::text[])`;
  const rows = await sql<{ prefix: string; page: number; n: number }[]>`
    with ranked as (
      select phone_number, left(phone_number, ${length}) as prefix,
        (row_number() over (partition by left(phone_number, ${length}) order by phone_number collate "C") - 1) / ${pageSize}::int + 1 as page
      from phone_numbers where state = 'owned' ${ofPrefix}
    )
    select prefix, page::int as page, count(*)::int as n
    from ranked where phone_number = any(${numbers}::text[]) group by prefix, page order by prefix, page`;
  const found = new Map<string, { pages: number[]; n: number }>();
  for (const { prefix, page, n } of rows) {
    const one = found.get(prefix) ?? { pages: [], n: 0 };
    found.set(prefix, { pages: [...one.pages, page], n: one.n + n });
  }
  return new Map([...found].map(([prefix, { pages, n }]) => [prefix, { pages, knowsAll: n === wanted.get(prefix) }]));
}
