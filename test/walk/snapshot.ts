import type { Step } from '../../src/domain/step.ts';
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
  evidence: { seen: { conclusion?: string } } | null;
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
  steps: Step[];
}

export interface NumberRow {
  phone_number: string;
  state: string;
  surplus: boolean;
  bought_by: string | null;
  connection_id: string | null;
  messaging_profile_id: string | null;
  customer_reference: string | null;
  tags: string[];
  deletion_lock_enabled: boolean | null;
  emergency_enabled: boolean | null;
  baseline: Record<string, string | null> | null;
  hash: string;
}

export interface DriftRow {
  id: number;
  run_id: string;
  kind: string;
  phone_number: string;
  field: string | null;
  ours: string | null;
  theirs: string | null;
  state: string;
  repair: string | null;
  by: string | null;
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
}

/** The rows of a history. */
export interface Rows {
  chunks: ChunkRow[];
  items: ItemRow[];
  requests: RequestRow[];
  numbers: NumberRow[];
  claims: { phone_number: string; request_id: string }[];
  runs: RunRow[];
  drift: DriftRow[];
  /** Why the account gate is closed; `null` while it is open. */
  closed: string | null;
}

/** What was written since an earlier snapshot. Claims, reconciliation runs and the gate are always complete. */
export interface Changes extends Rows {
  /** Only those after the last one that was seen. */
  events: EventRow[];
  /** Transactions from here on may not have been seen. */
  horizon: string;
}

/** How far a snapshot has seen. */
export interface Seen {
  lastEvent: number;
  horizon: string;
}

export const NOTHING_SEEN: Seen = { lastEvent: 0, horizon: '0' };

/**
 * Takes a snapshot in one statement, so that its parts agree. The transaction of a row shows whether it is new. Only claims are
 * deleted.
 */
export async function takeSnapshot(world: World, since: Seen): Promise<Changes> {
  const [row] = await world.sql<{ all: Changes }[]>`
    with since as (select ${since.horizon}::bigint as horizon)
    select json_build_object(
      'chunks', (select coalesce(json_agg(json_build_object('id', id, 'request_id', request_id, 'line_id', line_id, 'kind', kind, 'state', state,
        'numbers', numbers, 'customer_reference', customer_reference, 'telnyx_id', telnyx_id, 'waiting', waiting, 'evidence', evidence)
        order by created_at, id), '[]') from chunks t where t.xmin::text::bigint >= horizon),
      'items', (select coalesce(json_agg(json_build_object('id', id, 'request_id', request_id, 'chunk_id', chunk_id,
        'phone_number', phone_number, 'status', status, 'reason_code', reason_code, 'upfront', upfront_cost::text,
        'monthly', monthly_cost::text, 'bought', bought_at is not null, 'searched', searched_at is not null) order by id), '[]')
        from items t where t.xmin::text::bigint >= horizon),
      'requests', (select coalesce(json_agg(json_build_object('id', id, 'seq', seq, 'kind', kind, 'status', status, 'asked', asked,
        'max_upfront', max_upfront_cost::text, 'max_monthly', max_monthly_cost::text, 'ended', finished_at is not null, 'steps', steps)
        order by seq), '[]') from requests t where t.xmin::text::bigint >= horizon),
      'claims', (select coalesce(json_agg(json_build_object('phone_number', phone_number, 'request_id', request_id)
        order by phone_number), '[]') from claims),
      'numbers', (select coalesce(json_agg(json_build_object('phone_number', phone_number, 'state', state, 'surplus', surplus,
        'bought_by', bought_by, 'connection_id', connection_id, 'messaging_profile_id', messaging_profile_id,
        'customer_reference', customer_reference, 'tags', tags, 'deletion_lock_enabled', deletion_lock_enabled,
        'emergency_enabled', emergency_enabled, 'baseline', baseline,
        'hash', md5((to_jsonb(t) - array['updated_at', 'last_seen_at', 'created_at'])::text)) order by phone_number), '[]')
        from phone_numbers t where t.xmin::text::bigint >= horizon),
      'runs', (select coalesce(json_agg(json_build_object('id', id, 'status', status, 'missing',
        (select count(*) from drift d where d.run_id = r.id and d.kind = 'missing')) order by id), '[]') from reconciliation_runs r),
      'drift', (select coalesce(json_agg(json_build_object('id', id, 'run_id', run_id, 'kind', kind, 'phone_number', phone_number,
        'field', field, 'ours', ours, 'theirs', theirs, 'state', state, 'repair', repair_request_id, 'by', state_by) order by id), '[]')
        from drift t where t.xmin::text::bigint >= horizon),
      'closed', (select coalesce(reason_code, 'unknown') from account where not gate_open),
      'events', (select coalesce(json_agg(json_build_object('id', id, 'subject', subject, 'subject_id', subject_id,
        'from_state', from_state, 'to_state', to_state, 'cause', cause, 'run_id', run_id) order by id), '[]')
        from events where id > ${since.lastEvent}),
      'horizon', pg_snapshot_xmin(pg_current_snapshot())::text
    ) as all from since`;
  if (row === undefined) throw new Error('the snapshot is empty');
  return row.all;
}
