import type { RunCounts } from '../domain/reconciliation.ts';
import type { SqlOrTx } from './client.ts';
import { NOT_JUDGED, NOT_OURS } from './compare-inventory.ts';
import { ofRun } from './drift.ts';

/** Each number counts in one column only: the first of these kinds that the run found for it. */
const RANKS = { missing: 1, surplus: 2, adopted: 3, changed: 4 } as const;

/**
 * Counts in which state a reconciliation run leaves each of our numbers. It uses the drift rows (also those
 * of an interrupted attempt) and what the walk showed. Every owned number is in exactly one column. A number that was bought
 * after `boughtBefore` and not shown is `too_fresh`. Call it before the sightings are removed.
 */
export async function countRun(sql: SqlOrTx, runId: string, boughtBefore: Date): Promise<Omit<RunCounts, 'seen'>> {
  const rows = await sql<{ word: string; n: number }[]>`
    with found as (
      select d.phone_number, min(case d.kind when 'missing' then ${RANKS.missing} when 'surplus' then ${RANKS.surplus}
        when 'adopted' then ${RANKS.adopted} else ${RANKS.changed} end) filter (where d.kind <> 'healed') as rank,
        bool_or(d.kind = 'healed') as healed
      from drift d where ${ofRun(sql, runId)} group by 1
    ), placed as (
      select f.healed, case
        when p.state <> 'owned' then 'missing'
        when f.rank = ${RANKS.surplus} then 'surplus'
        when f.rank = ${RANKS.adopted} then 'adopted'
        when f.rank = ${RANKS.changed} then 'changed'
        when s.seq <> ${NOT_JUDGED} and s.status <> all(${NOT_OURS}::text[]) then 'matched'
        when s.seq is null and p.purchased_at >= ${boughtBefore} then 'too_fresh'
        else 'undecided' end as word
      from phone_numbers p left join found f using (phone_number)
      left join (select * from sightings where run_id = ${runId}) s using (phone_number)
      where p.state = 'owned' or (p.state = 'missing' and f.rank = ${RANKS.missing})
    )
    select word, count(*)::int as n from placed group by word
    union all select 'healed', count(*)::int from placed where healed`;
  const of = new Map(rows.map((r) => [r.word, r.n]));
  const n = (word: string): number => of.get(word) ?? 0;
  return {
    matched: n('matched'),
    adopted: n('adopted'),
    missing: n('missing'),
    changed: n('changed'),
    healed: n('healed'),
    surplus: n('surplus'),
    too_fresh: n('too_fresh'),
    undecided: n('undecided'),
  };
}
