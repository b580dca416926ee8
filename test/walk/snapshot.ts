import type { World } from './world.ts';

export interface ChunkRow {
  id: string;
  request_id: string;
  line_id: string | null;
  kind: string;
  state: string;
  numbers: string[];
  customer_reference: string;
  telnyx_id: string | null;
  waiting: boolean;
  evidence: { conclusion?: string; looks: unknown[] } | null;
}

export interface ItemRow {
  id: number;
  request_id: string;
  chunk_id: string | null;
  phone_number: string | null;
  status: string;
  reason_code: string | null;
  upfront: string | null;
  monthly: string | null;
  bought: boolean;
  searched: boolean;
}

export interface RequestRow {
  id: string;
  seq: number;
  kind: string;
  status: string;
  asked: number;
  max_upfront: string | null;
  max_monthly: string | null;
  ended: boolean;
  steps: { kind: string; settings?: { connection_id?: string } }[];
}

export interface NumberRow {
  phone_number: string;
  state: string;
  surplus: boolean;
  bought_by: string | null;
  connection_id: string | null;
  hash: string;
}

export interface EventRow {
  id: number;
  subject: string;
  subject_id: string;
  from_state: string | null;
  to_state: string | null;
  cause: string;
  run_id: string | null;
}

export interface RunRow {
  id: string;
  status: string;
  missing: number;
  counted: number | null;
}

/** All rows of a history, which is small: one statement, so that they fit together. */
export interface Snapshot {
  chunks: ChunkRow[];
  items: ItemRow[];
  requests: RequestRow[];
  claims: { phone_number: string; request_id: string }[];
  /** Only rows written since the horizon of the snapshot before; `numbers` of the notes has them all. */
  written: NumberRow[];
  horizon: string;
  /** Only those after the last one that was seen. */
  events: EventRow[];
  runs: RunRow[];
  gate: boolean;
}

export async function takeSnapshot(world: World, afterEvent: number, horizon = '0'): Promise<Snapshot> {
  const [row] = await world.look<{ all: Snapshot }[]>`
    select json_build_object(
      'chunks', (select coalesce(json_agg(json_build_object('id', id, 'request_id', request_id, 'line_id', line_id, 'kind', kind, 'state', state,
        'numbers', numbers, 'customer_reference', customer_reference, 'telnyx_id', telnyx_id, 'waiting', waiting, 'evidence', evidence)
        order by created_at, id), '[]') from chunks),
      'items', (select coalesce(json_agg(json_build_object('id', id, 'request_id', request_id, 'chunk_id', chunk_id,
        'phone_number', phone_number, 'status', status, 'reason_code', reason_code, 'upfront', upfront_cost::text,
        'monthly', monthly_cost::text, 'bought', bought_at is not null, 'searched', searched_at is not null) order by id), '[]') from items),
      'requests', (select coalesce(json_agg(json_build_object('id', id, 'seq', seq, 'kind', kind, 'status', status, 'asked', asked,
        'max_upfront', max_upfront_cost::text, 'max_monthly', max_monthly_cost::text, 'ended', finished_at is not null, 'steps', steps)
        order by seq), '[]') from requests),
      'claims', (select coalesce(json_agg(json_build_object('phone_number', phone_number, 'request_id', request_id)
        order by phone_number), '[]') from claims),
      'written', (select coalesce(json_agg(json_build_object('phone_number', phone_number, 'state', state, 'surplus', surplus,
        'bought_by', bought_by, 'connection_id', connection_id,
        'hash', md5((to_jsonb(p) - array['updated_at', 'last_seen_at', 'created_at'])::text)) order by phone_number), '[]')
        from phone_numbers p where xmin::text::bigint >= ${horizon}::bigint),
      'horizon', pg_snapshot_xmin(pg_current_snapshot())::text,
      'events', (select coalesce(json_agg(json_build_object('id', id, 'subject', subject, 'subject_id', subject_id,
        'from_state', from_state, 'to_state', to_state, 'cause', cause, 'run_id', run_id) order by id), '[]')
        from events where id > ${afterEvent}),
      'runs', (select coalesce(json_agg(json_build_object('id', id, 'status', status, 'counted', (counts->>'missing')::int, 'missing',
        (select count(*) from drift d where d.run_id = r.id and d.kind = 'missing'))), '[]') from reconciliation_runs r),
      'gate', (select gate_open from account)
    ) as all`;
  if (row === undefined) throw new Error('the snapshot is empty');
  return row.all;
}
