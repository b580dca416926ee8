import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../../db/client.ts';
import { hasEnded } from '../../domain/request.ts';
import { readRequest } from './read.ts';
import type { RequestView } from './views.ts';

export interface WaitForEnd {
  everyMs: number;
  timeoutMs: number;
  /** Called with every view that was read, the last one included. */
  seen?: (view: RequestView) => void;
  /** When it is aborted, the wait rejects at once. */
  signal?: AbortSignal;
}

/**
 * Reads a request until it has ended or `timeoutMs` milliseconds are over, and returns the last view: `hasEnded` tells which.
 * `null` when there is no such request. Nothing is done to the request.
 */
export async function waitForEnd(
  db: Db,
  id: string,
  { everyMs, timeoutMs, seen, signal }: WaitForEnd,
): Promise<RequestView | null> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const view = await readRequest(db, id);
    if (view === null) return null;
    seen?.(view);
    if (hasEnded(view.status) || Date.now() > until) return view;
    await sleep(everyMs, undefined, { ...(signal !== undefined && { signal }) });
  }
}
