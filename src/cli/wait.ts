import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from '../db/account.ts';
import { isDatabaseAway } from '../db/away.ts';
import { readAccount } from '../db/queries/account.ts';
import { asError, notFound } from '../domain/errors.ts';
import { hasEnded, type RequestStatus } from '../domain/request.ts';
import { NO_WORKER } from '../observability/liveness.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import { readRequest, workerLives } from '../producers/read/read.ts';
import { heldByGate, type RequestView } from '../producers/read/views.ts';
import { exitOfEnd, exitOfStatus } from './exit-codes.ts';
import { EXIT } from './exit-table.ts';
import type { Progress } from './progress.ts';
import type { Reasons } from './report.ts';
import { needsWorker } from './workerless.ts';

const POLL_MIN_MS = 500;
const POLL_MAX_MS = 2_000;
/** How long a worker that was started together with this command has to appear, in milliseconds. */
const ALONE_MS = 2_000;

export interface WaitOptions {
  /** Milliseconds; `null` waits until the end. */
  timeoutMs: number | null;
  /** Whether to go on waiting while the request waits for approval or is paused. */
  throughHolds: boolean;
  progress: Progress;
  signal: AbortSignal;
}

export interface Waited {
  view: RequestView;
  why: 'ended' | 'held' | 'timeout' | 'interrupted';
  /** True when the account gate keeps this request from going on. */
  gateClosed: boolean;
}

/**
 * Reads the row of a request until it has ended. The row shows every change, whatever happens to the queue. The wait survives a
 * database that is unreachable for a while. What only a person can solve is said once.
 */
export async function waitForRequest(deps: ProducerDeps, id: string, options: WaitOptions): Promise<Waited> {
  const { progress, timeoutMs, signal } = options;
  const deadline = timeoutMs === null ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
  const sayOnce = onlyOnce((text) => progress.note(text));
  let last: Seen | null = null;
  let delay = POLL_MIN_MS;
  let aloneSince: number | null = null;
  try {
    for (;;) {
      // A database that was never there is an error; one that goes away is waited for.
      const now: Seen | null = last === null ? await readAll(deps, id) : await readThroughLoss(deps, id, sayOnce);
      if (now !== null) {
        delay = last !== null && sameCounts(last.view, now.view) ? Math.min(POLL_MAX_MS, delay * 1.5) : POLL_MIN_MS;
        last = now;
        progress.show(now.view);
        if (hasEnded(now.view.status)) return ended(now, 'ended');
        if (isHeld(now.view.status) && !options.throughHolds) return ended(now, 'held');
        remark(now.view, now.account, sayOnce);
        aloneSince = now.alone ? (aloneSince ?? Date.now()) : null;
        if (aloneSince !== null && Date.now() - aloneSince >= ALONE_MS) sayOnce(NO_WORKER);
      }
      const left = deadline - Date.now();
      if (last !== null && signal.aborted) return ended(last, 'interrupted');
      if (last !== null && left <= 0) {
        if (last.alone) sayOnce(NO_WORKER);
        return ended(last, 'timeout');
      }
      await sleep(Math.max(0, Math.min(delay, left)), undefined, { signal }).catch(() => undefined);
    }
  } finally {
    progress.done();
  }
}

/** Returns the exit code of a wait. `reasons` counts why numbers did not succeed. */
export function exitOfWait(waited: Waited, reasons: Reasons): number {
  const { view, why, gateClosed } = waited;
  if (why === 'ended') return exitOfEnd(view, reasons);
  if (why === 'held') return exitOfStatus(view.status);
  if (why === 'interrupted') return EXIT.interrupted;
  if (gateClosed) return EXIT.unavailable;
  // Such a request does not go on by itself.
  return view.status === 'needs_attention' ? EXIT.failed : EXIT.timeout;
}

/** True for a request that goes on only when a person says so. */
const isHeld = (status: RequestStatus): boolean => status === 'awaiting_approval' || status === 'paused';

function ended(last: Seen, why: Waited['why']): Waited {
  return { view: last.view, why, gateClosed: heldByGate(last.account, last.view.kind) !== null };
}

interface Seen {
  view: RequestView;
  account: Account;
  /** True when the request needs a worker and none is alive. */
  alone: boolean;
}

async function readAll(deps: ProducerDeps, id: string): Promise<Seen> {
  const [view, account, lives] = await Promise.all([readRequest(deps.db, id), readAccount(deps.db.reads), workerLives(deps.db)]);
  if (view === null) throw notFound(`there is no request ${id}`);
  return { view, account, alone: !lives && needsWorker(view.status) };
}

/** Reads the request. `null` while the database is away. */
async function readThroughLoss(deps: ProducerDeps, id: string, sayOnce: (text: string) => void): Promise<Seen | null> {
  try {
    return await readAll(deps, id);
  } catch (error) {
    if (!isDatabaseAway(asError(error))) throw error;
    sayOnce('the database cannot be reached; waiting for it');
    return null;
  }
}

function remark(view: RequestView, account: Account, sayOnce: (text: string) => void): void {
  const held = heldByGate(account, view.kind);
  if (held !== null) sayOnce(`${held.message} (${held.code})`);
  if (view.status === 'waiting') sayOnce('all open orders wait for paperwork at Telnyx');
  if (view.status === 'awaiting_approval') sayOnce(`the request waits for approval: provisioner approve ${view.id}`);
  if (view.status === 'paused') sayOnce(`${pauseText(view)}: provisioner resume ${view.id}`);
  if (view.status === 'scheduled') sayOnce(`the request starts at ${view.start_at}`);
  if (view.status === 'needs_attention') sayOnce(`a person must decide before it goes on: provisioner request ${view.id}`);
}

/** Why a request is paused. */
export const pauseText = (view: RequestView): string => `the request is paused (${view.error?.message ?? 'no reason given'})`;

function onlyOnce(say: (text: string) => void): (text: string) => void {
  const said = new Set<string>();
  return (text) => {
    if (said.has(text)) return;
    said.add(text);
    say(text);
  };
}

function sameCounts(a: RequestView, b: RequestView): boolean {
  return a.status === b.status && JSON.stringify(a.counts) === JSON.stringify(b.counts);
}
