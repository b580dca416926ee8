import type { OpenKind } from '../domain/reconciliation.ts';
import type { SqlOrTx } from './client.ts';
import type { Because } from './events.ts';

type Fragment = ReturnType<SqlOrTx>;

/** True when two values of a field, given as text, are equal. The order of tags does not matter. */
export const sameValue = (sql: SqlOrTx, field: Fragment, a: Fragment, b: Fragment) => sql`
  case when ${field} = 'tags' then (${a})::text[] @> (${b})::text[] and (${b})::text[] @> (${a})::text[]
    else ${a} is not distinct from ${b} end`;

/**
 * A CTE that ends open drift of the numbers that the CTE `changed` (all columns) has just written. It ends `changed` rows of
 * `fields` whose value is ours again or was set anew, and every row of `kinds`. The caller must have locked the numbers.
 */
export const closeDrift = (sql: SqlOrTx, because: Because, fields: readonly string[], kinds: readonly OpenKind[]) => sql`
  closed as (
    update drift d set state = e.end_state, state_at = ${because.at},
      state_by = case when e.end_state = 'repaired' and d.repair_request_id is not null then d.state_by
        else ${because.actor ?? because.requestId ?? because.runId ?? null} end
    from (
      select o.id, case when o.kind = 'changed' and o.field = any(${[...fields]}::text[])
        and ${sameValue(sql, sql`o.field`, sql`o.ours`, sql`case when o.field = 'tags' then c.tags::text else to_jsonb(c)->>o.field end`)}
        then 'repaired' else 'gone' end as end_state
      from changed c join drift o using (phone_number)
      where o.state = 'open' and (o.kind = any(${[...kinds]}::text[]) or (o.kind = 'changed' and o.field = any(${[...fields]}::text[])))
    ) e
    where d.id = e.id
  )`;
