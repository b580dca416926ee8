import { CANARY_POSITION } from '../domain/hold.ts';
import { plannedSize, type Step, type StepKind } from '../domain/step.ts';
import type { SqlOrTx } from './client.ts';
import { customerReferenceOf, newChunkId } from './ids.ts';

// Lists in which each number brings steps of its own. They are staged in the table of `incoming.ts`.

/** A chunk as its queue job needs it. */
export interface RowChunk {
  id: string;
  position: number;
  kind: StepKind;
}

/**
 * Returns a step of each kind that sets something paid on a number of the list: an emergency address, or the name of inbound callers.
 */
export async function paidStepsIncoming(sql: SqlOrTx): Promise<Step[]> {
  const rows = await sql<{ step: Step }[]>`
    select distinct on (step ->> 'kind') step
    from (select distinct steps from incoming where steps is not null) i cross join lateral jsonb_array_elements(i.steps::jsonb) s(step)
    where step ->> 'emergency_enabled' = 'true' or step #>> '{settings,voice,caller_id_name_enabled}' = 'true'`;
  return rows.map((r) => r.step);
}

/**
 * Cuts the list into planned chunks and inserts their items, in set-wise statements. Numbers with equal steps fill chunks
 * together, so there are as few as can be. `size` is the size of a batch; see `plannedSize`. The first `canary` numbers get chunks of
 * their own, which all stand at the first place.
 */
export async function chunksFromRows(
  sql: SqlOrTx,
  c: { requestId: string; size: number; canary: number; at: Date },
): Promise<RowChunk[]> {
  const plain = plannedSize({ kind: 'update', settings: {} }, c.size);
  const readFirst = plannedSize({ kind: 'update', settings: {}, tags: { add: [], remove: [] } }, c.size);
  await sql`
    create temp table cuts on commit drop as
    with sets as (
      select steps, min(position) as first,
        case when steps::jsonb -> 0 ? 'tags' then ${readFirst}::int else ${plain}::int end as size
      from incoming group by steps
    ), sorted as (
      select phone_number, position, steps, first, size,
        row_number() over (order by first, phone_number collate "C") > ${c.canary} as behind
      from incoming join sets using (steps)
    ), parted as (
      select *, (row_number() over (partition by behind, first order by phone_number collate "C") - 1) / size as part from sorted
    )
    select phone_number, position, steps, behind, (dense_rank() over (order by behind, first, part) - 1)::int as k from parted`;
  const [most] = await sql<{ chunks: number }[]>`select coalesce(max(k) + 1, 0) as chunks from cuts`;
  const ids = Array.from({ length: most?.chunks ?? 0 }, newChunkId);
  await sql`
    create temp table named on commit drop as
    select (n - 1)::int as k, id, reference
    from unnest(${ids}::text[], ${ids.map(customerReferenceOf)}::text[]) with ordinality as chunk (id, reference, n)`;
  const chunks = await sql<RowChunk[]>`
    with filled as (
      select k, min(steps)::jsonb as steps, case when bool_and(behind) then k else ${CANARY_POSITION} end as place, array_agg(phone_number order by phone_number collate "C") as numbers
      from cuts group by k
    ), made as (
      insert into chunks (id, request_id, position, kind, state, numbers, step, next_steps, customer_reference, next_run_at,
        created_at, updated_at)
      select id, ${c.requestId}, place, steps -> 0 ->> 'kind', 'planned', numbers, steps -> 0, steps - 0, reference, ${c.at}, ${c.at},
        ${c.at}
      from filled join named using (k)
      returning id, request_id, position, kind
    ), noted as (
      insert into events (at, subject, subject_id, to_state, cause, request_id, chunk_id)
      select ${c.at}, 'chunk', id, 'planned', 'planned', request_id, id from made
    )
    select id, position, kind from made order by position`;
  await sql`
    insert into items (request_id, chunk_id, position, phone_number, status, updated_at)
    select ${c.requestId}, id, position, phone_number, 'pending', ${c.at} from cuts join named using (k) order by k`;
  return [...chunks];
}

/**
 * The numbers of an ended request that failed and can be tried again, each with the steps that are not done yet, as JSON. It is
 * for a request in which each number had steps of its own.
 */
export async function failedWithSteps(sql: SqlOrTx, requestId: string): Promise<{ phoneNumber: string; steps: string }[]> {
  return sql<{ phoneNumber: string; steps: string }[]>`
    select i.phone_number, (jsonb_build_array(c.step) || c.next_steps)::text as steps
    from items i join chunks c on c.id = i.chunk_id
    where i.request_id = ${requestId} and i.status = 'failed' order by i.position`;
}
