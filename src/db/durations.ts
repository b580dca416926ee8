import type { StepKind } from '../domain/step.ts';
import type { SqlOrTx } from './client.ts';

/** Of so many of the last chunks, those of the kind are counted. */
const LAST_CHUNKS = 2_000;

/** The median time, in seconds, that calls of this kind took lately from their send to their end; `null` when there were none. */
export async function recentSeconds(sql: SqlOrTx, kind: StepKind): Promise<number | null> {
  const [row] = await sql<{ seconds: number | null }[]>`
    select percentile_cont(0.5) within group (order by extract(epoch from settled_at - submitted_at))::float8 as seconds
    from (select kind, submitted_at, settled_at from chunks order by id desc limit ${LAST_CHUNKS}) latest
    where kind = ${kind} and submitted_at is not null and settled_at is not null`;
  return row?.seconds ?? null;
}
