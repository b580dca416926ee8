import type { Drift } from '../db/runs.ts';
import type { UpdateSet } from '../domain/bodies.ts';
import { submitRequest } from '../producers/submit.ts';
import type { WorkDeps } from './deps.ts';

/** Fields that an update request can put back. */
const REPAIRABLE: ReadonlySet<string> = new Set([
  'connection_id',
  'billing_group_id',
  'customer_reference',
  'messaging_profile_id',
  'tags',
  'deletion_lock_enabled',
]);

/**
 * Files ordinary update requests that put changed fields back to what our inventory said: one request for each set of values.
 * A field that was empty on our side is left as it is (how to clear it is not documented). Returns the request ids.
 */
export async function fileRepairs(deps: WorkDeps, runId: string): Promise<string[]> {
  const rows = await deps.db.sql<Drift[]>`
    select * from drift where run_id = ${runId} and kind = 'changed' and ours is not null order by phone_number, field`;
  const byNumber = new Map<string, UpdateSet>();
  for (const row of rows) {
    if (row.field === null || row.ours === null || !REPAIRABLE.has(row.field)) continue;
    byNumber.set(row.phoneNumber, { ...byNumber.get(row.phoneNumber), [row.field]: parsedValue(row.field, row.ours) });
  }
  const bySet = new Map<string, string[]>();
  for (const [number, set] of byNumber) {
    const key = JSON.stringify(set);
    bySet.set(key, [...(bySet.get(key) ?? []), number]);
  }
  const filed: string[] = [];
  for (const [key, phone_numbers] of bySet) {
    const body = { kind: 'update', label: `repair of ${runId}`, phone_numbers, set: JSON.parse(key) as UpdateSet };
    const { request } = await submitRequest(deps, body, { filedBy: runId, idempotencyKey: `repair-${runId}-${filed.length}` });
    filed.push(request.id);
  }
  return filed;
}

/** Drift keeps values as text; tags are a Postgres array. */
function parsedValue(field: string, text: string): unknown {
  if (field === 'deletion_lock_enabled') return text === 'true';
  if (field === 'tags')
    return text
      .replace(/^\{|\}$/g, '')
      .split(',')
      .map((t) => t.replace(/^"|"$/g, ''))
      .filter((t) => t !== '');
  return text;
}
