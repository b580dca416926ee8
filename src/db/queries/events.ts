import { and, asc, eq } from 'drizzle-orm';
import type { Reads } from '../client.ts';
import type { EventRow } from '../events.ts';
import { events } from '../schema/index.ts';

/** The longest history of one subject that is returned, in events. */
const MOST_EVENTS = 500;

/** Returns the history of one subject, oldest first. */
export async function eventsOf(reads: Reads, subject: EventRow['subject'], subjectId: string): Promise<EventRow[]> {
  return reads((q) =>
    q
      .select()
      .from(events)
      .where(and(eq(events.subject, subject), eq(events.subjectId, subjectId)))
      .orderBy(asc(events.id))
      .limit(MOST_EVENTS),
  );
}
