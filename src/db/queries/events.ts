import { and, asc, desc, eq, gt, inArray, isNotNull, ne, or } from 'drizzle-orm';
import type { Reads } from '../client.ts';
import type { EventRow } from '../events.ts';
import { chunks, events, requests } from '../schema/index.ts';

/** The longest history of one number that is returned, in events. */
const MOST_EVENTS = 500;

/** Returns the events of a number, oldest first, each with who asked for the request that caused it. */
export async function historyOfNumber(reads: Reads, phoneNumber: string): Promise<{ event: EventRow; askedBy: string | null }[]> {
  return reads((q) =>
    q
      .select({ event: events, askedBy: requests.submittedBy })
      .from(events)
      .leftJoin(requests, eq(requests.id, events.requestId))
      .where(and(eq(events.subject, 'number'), eq(events.subjectId, phoneNumber)))
      .orderBy(asc(events.id))
      .limit(MOST_EVENTS),
  );
}

/**
 * Returns a page of what people did to a request: the events of the request with one of `causes`, and what a person decided about
 * its chunks. Oldest first. `after` is the id of the last event of the page before. A cancel moves many chunks, and counts once.
 */
export async function historyOfRequest(
  reads: Reads,
  id: string,
  causes: readonly string[],
  limit: number,
  after: number,
): Promise<EventRow[]> {
  const parts = await reads((q) => q.select({ id: chunks.id }).from(chunks).where(eq(chunks.requestId, id)));
  const ofRequest = and(eq(events.subject, 'request'), eq(events.subjectId, id), inArray(events.cause, [...causes]));
  const ofChunks = and(
    eq(events.subject, 'chunk'),
    inArray(
      events.subjectId,
      parts.map((c) => c.id),
    ),
    isNotNull(events.actor),
    ne(events.cause, 'cancel'),
  );
  return reads((q) =>
    q
      .select()
      .from(events)
      .where(and(parts.length === 0 ? ofRequest : or(ofRequest, ofChunks), gt(events.id, after)))
      .orderBy(asc(events.id))
      .limit(limit),
  );
}

/** Returns the last event of a person who opened the account gate, or `null`. */
export async function gateReopened(reads: Reads): Promise<EventRow | null> {
  const [row] = await reads((q) =>
    q
      .select()
      .from(events)
      .where(and(eq(events.subject, 'account'), eq(events.subjectId, 'gate'), isNotNull(events.actor)))
      .orderBy(desc(events.id))
      .limit(1),
  );
  return row ?? null;
}
