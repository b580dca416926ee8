import type { Db } from '../../db/client.ts';
import { historyOfNumber, historyOfRequest } from '../../db/queries/events.ts';
import { findNumber } from '../../db/queries/inventory.ts';
import type { Page } from './read.ts';
import { moneyText, numberView } from './views.ts';

/** What a person or the end of the work did to a request, by the cause of its event. */
const ACTIONS = {
  submitted: 'submitted',
  approved: 'approved',
  cancel_requested: 'cancelled',
  paused: 'paused',
  resumed: 'resumed',
  canary_passed: 'canary_passed',
  retried: 'retried',
  undone: 'undone',
  ended: 'ended',
} as const;
type Action = (typeof ACTIONS)[keyof typeof ACTIONS] | 'decided';

/** What an event tells of. A cause that is none of these is a decision about a chunk. */
const actionOf = (cause: string): Action => new Map<string, Action>(Object.entries(ACTIONS)).get(cause) ?? 'decided';

type RequestEvent = Awaited<ReturnType<typeof historyOfRequest>>[number];

/** One act on a request: who did what when. */
export function actView(e: RequestEvent) {
  const action = actionOf(e.cause);
  return {
    at: e.at.toISOString(),
    by: e.actor,
    action,
    /** What a person decided about a chunk. */
    decision: action === 'decided' ? e.cause : null,
    from: e.fromState,
    to: e.toState,
    chunk_id: e.chunkId,
    detail: e.detail,
  };
}
export type ActView = ReturnType<typeof actView>;

/** One page of what people did to a request, and its end, oldest first. */
export async function readHistory(db: Db, id: string, page: { limit: number; cursor?: string }): Promise<Page<ActView>> {
  const rows = await historyOfRequest(db.reads, id, Object.keys(ACTIONS), page.limit + 1, Number(page.cursor ?? 0));
  const shown = rows.slice(0, page.limit);
  return { data: shown.map(actView), nextCursor: rows.length > page.limit ? String(shown.at(-1)?.id) : null };
}

/** One field of a number that changed. */
export interface FieldChange {
  field: string;
  before: unknown;
  after: unknown;
}

/**
 * The changes that the event of a number holds: `detail` has `[before, after]` for each field. The baseline is no field of the
 * number, but what a reconciliation compares with.
 */
function changesOf(detail: Record<string, unknown> | null): FieldChange[] {
  return Object.entries(detail ?? {}).flatMap(([field, pair]) => {
    if (field === 'baseline' || !Array.isArray(pair) || pair.length !== 2) return [];
    const [before, after] = pair.map((value: unknown) => shownValue(field, value));
    return [{ field, before, after }];
  });
}

/** Money is a number in the JSON of Postgres and text everywhere else. */
const shownValue = (field: string, value: unknown): unknown =>
  field.endsWith('_cost') && typeof value === 'number' ? moneyText(String(value)) : (value ?? null);

/** One number with every change of it; `null` when it was never ours. */
export async function readNumber(db: Db, phoneNumber: string) {
  const number = await findNumber(db.reads, phoneNumber);
  const history = await historyOfNumber(db.reads, phoneNumber);
  if (number === null && history.length === 0) return null;
  return {
    ...(number === null ? { phone_number: phoneNumber, state: null } : numberView(number)),
    history: history.map(({ event: e, askedBy }) => ({
      at: e.at.toISOString(),
      from: e.fromState,
      to: e.toState,
      cause: e.cause,
      request_id: e.requestId,
      chunk_id: e.chunkId,
      run_id: e.runId,
      // A change that a worker makes was asked for by whoever submitted its request.
      by: e.actor ?? askedBy,
      changes: changesOf(e.detail),
      detail: e.detail,
    })),
  };
}
