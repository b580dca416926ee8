import { type Notes, Violation } from './notes.ts';

/** What holds back the calls of a request, as committed when a call leaves. */
interface Holding {
  starts_later: boolean;
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
    select coalesce(r.start_at > ${now}, false) as starts_later, act.cause as act, act.id as act_event
    from requests r left join lateral (
      select cause, id::int from events e
      where e.subject = 'request' and e.subject_id = r.id and e.cause in ('paused', 'resumed', 'cancel_requested')
      order by e.id desc limit 1) act on true
    where r.id = ${requestId}`;
  if (held === undefined) return;
  const isPaused = held.act === 'paused' && (claim ?? 0) > (held.act_event ?? 0);
  if (isPaused) throw new Violation('pause', `${call} leaves although its request was paused before`, { requestId, held, claim });
  if (held.starts_later) throw new Violation('start_at', `${call} leaves before the start of its request`, { requestId, held });
}
