import { createHash } from 'node:crypto';
import { repairsOwed } from '../db/runs.ts';
import type { UpdateSet } from '../domain/bodies.ts';
import { asError } from '../domain/errors.ts';
import { submitKnown } from '../producers/submit.ts';
import type { WorkDeps } from './deps.ts';

/** Fields that an update request can put back. */
const REPAIRABLE = [
  'connection_id',
  'billing_group_id',
  'customer_reference',
  'messaging_profile_id',
  'tags',
  'deletion_lock_enabled',
];

/**
 * Files ordinary update requests that put changed fields back to what our inventory said: one request for each set of values.
 * A field that was empty on our side is left as it is (how to clear it is not documented). To be called before the run ends, or
 * a crash in between would lose them; a repeat files nothing twice. Returns, in words, what could not be filed: one set that is
 * refused stops no other. `keep` is called before each, and may end it by rejecting.
 */
export async function fileRepairs(deps: WorkDeps, runId: string, keep: () => Promise<void>): Promise<string[]> {
  const failures: string[] = [];
  for (const { target, numbers } of await repairsOwed(deps.db.sql, runId, REPAIRABLE)) {
    await keep();
    try {
      await fileRepair(deps, runId, target, numbers);
    } catch (error) {
      deps.log.error({ err: asError(error), runId, count: numbers.length }, 'a repair could not be filed');
      failures.push(failureText(target, numbers, asError(error)));
    }
  }
  return failures;
}

async function fileRepair(deps: WorkDeps, runId: string, set: UpdateSet, numbers: string[]): Promise<void> {
  const body = { kind: 'update' as const, label: `repair of ${runId}`, phone_numbers: numbers, set };
  const mark = createHash('sha256')
    .update(JSON.stringify([set, numbers]))
    .digest('hex')
    .slice(0, 24);
  const key = { keySpace: 'internal' as const, idempotencyKey: `repair-${runId}-${mark}` };
  const { request } = await submitKnown(deps, body, { filedBy: runId, ...key });
  deps.log.info({ runId, requestId: request.id, count: numbers.length }, 'a repair was filed');
}

function failureText(set: UpdateSet, numbers: string[], error: Error): string {
  const [first = ''] = numbers;
  const which = numbers.length === 1 ? first : `${first} and ${numbers.length - 1} more`;
  return `the repair of ${Object.keys(set).join(', ')} of ${which} could not be filed: ${error.message}`;
}
