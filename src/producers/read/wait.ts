import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../../db/client.ts';
import { hasEnded } from '../../domain/request.ts';
import { readRequest } from './read.ts';
import type { RequestView } from './views.ts';

/** How to wait: the time between two reads and the longest wait, in milliseconds. */
export interface WaitForEnd {
  everyMs: number;
  timeoutMs: number;
  /** Called with every view that was read, also the last one. */
  seen?: (view: RequestView) => void;
  /** The wait rejects as soon as this signal is aborted. */
  signal?: AbortSignal;
}

/**
 * Reads a request until it has ended or `timeoutMs` milliseconds have passed, and returns the last view; `hasEnded` tells which.
 * `null` when there is no such request. Does not change the request.
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
