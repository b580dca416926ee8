import { count, type Notes, Violation } from './notes.ts';
import type { EventRow } from './snapshot.ts';

/** What holds back the calls of a request, as committed when a call leaves. */
interface Holding {
  starts_later: boolean;
  canary: number | null;
  /** Numbers of which a call has left, those of this call included. */
  begun: number;
  /** It may order only whole, it lacks numbers, and no other order has left. */
  lacks: boolean;
  /** The last act that began or ended a pause, and its event. */
  act: string | null;
  act_event: number | null;
}

/**
 * No call leaves that a hold stops. The moment of its claim decides: a call that was claimed before a pause may still be on its way.
 */
export async function guardHolds(notes: Notes, call: string, requestId: string, claim: number | null): Promise<void> {
  const now = new Date(notes.world.now());
  const [held] = await notes.world.sql<Holding[]>`
    select coalesce(r.start_at > ${now}, false) as starts_later,
      case when r.canary_passed_at is null and r.cancel_requested_at is null then r.canary end as canary,
      (select count(*)::int from items i where i.request_id = r.id and i.status <> 'pending' and i.chunk_id is not null) as begun,
      r.all_or_nothing and exists (select 1 from items i where i.request_id = r.id and i.status = 'pending' and i.phone_number is null)
        and (select count(*) from chunks c where c.request_id = r.id and c.submitting_at is not null) < 2 as lacks,
      act.cause as act, act.id as act_event
    from requests r left join lateral (
      select cause, id::int from events e
      where e.subject = 'request' and e.subject_id = r.id and e.cause in ('paused', 'resumed', 'cancel_requested')
      order by e.id desc limit 1) act on true
    where r.id = ${requestId}`;
  if (held === undefined) return;
  const isPaused = held.act === 'paused' && (claim ?? 0) > (held.act_event ?? 0);
  if (isPaused) throw new Violation('pause', `${call} leaves although its request was paused before`, { requestId, held, claim });
  if (held.starts_later) throw new Violation('start_at', `${call} leaves before the start of its request`, { requestId, held });
  if (held.canary !== null && held.begun > held.canary)
    throw new Violation('canary', `${call} leaves for numbers behind the canary`, { requestId, held });
  if (held.lacks) throw new Violation('all or nothing', `${call} leaves although numbers are missing`, { requestId, held });
}

const HOLDS: ReadonlySet<string> = new Set(['paused', 'resumed', 'canary_passed', 'all_claimed']);

/** Counts what began and ended holds, so that the table at the end shows whether a walk reaches it. */
export function countHolds(notes: Notes, events: readonly EventRow[]): void {
  for (const e of events) if (e.subject === 'request' && HOLDS.has(e.cause)) count(notes, `hold:${e.cause}`);
}
