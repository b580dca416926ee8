import type { WorkDeps } from '../../account/deps.ts';
import { isOurs, readNumbers } from '../../account/read-numbers.ts';
import { numbersOfLostReleases } from '../../db/chunk-facts.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { endItems, type ItemEnd } from '../../db/items.ts';
import { changeNumbers, getNumbers, markReleased, type PhoneNumber, shownSincePurchase } from '../../db/numbers.ts';
import { lockRequest } from '../../db/requests.ts';
import { clearedNote, endsInRelease, isRelease } from '../../domain/blockers.ts';
import type { ReasonCode } from '../../domain/codes.ts';
import { seeing } from '../../domain/evidence.ts';
import { checkedAgain, hiddenFor, isFresh } from '../../domain/streaks.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import type { Prepared } from '../chunk/kind.ts';
import { seenBefore } from './wait-until-shown.ts';

/** The chunk with the numbers that are owned, or why it cannot go on. */
export type WithoutNotOwned = { kind: 'go_on'; chunk: Chunk } | Extract<Prepared, { kind: 'wait' | 'moved' }>;

/**
 * Removes numbers that the account does not own, because one such number makes Telnyx refuse the whole batch. Ownership lags, has
 * outages, and shows only numbers that can be edited. So several checks must miss a number, and the list then decides whether the
 * number is gone or only closed to changes.
 */
export async function dropNotOwned(deps: WorkDeps, chunk: Chunk, owned: ReadonlyMap<string, string>): Promise<WithoutNotOwned> {
  const now = deps.clock.now();
  const notOwned = chunk.numbers.filter((n) => !owned.has(n));
  const before = seenBefore(chunk);
  if (notOwned.length === 0 && Object.keys(before.hidden ?? {}).length === 0) return { kind: 'go_on', chunk };
  const hidden = checkedAgain(before.hidden, notOwned, now);
  const noted = await touchChunk(deps.db.sql, chunk, now, { evidence: seeing(chunk.evidence, { ...before, hidden }) });
  if (noted === null) return { kind: 'moved' };
  if (notOwned.length === 0) return { kind: 'go_on', chunk: noted };
  const known = await getNumbers(deps.db.sql, notOwned);
  const isDecided = (n: string) => {
    const fresh = isFresh(known.get(n)?.purchasedAt, now, deps.timings);
    return hiddenFor(hidden[n], now, fresh ? deps.timings.settleMs : deps.timings.checkMinMs);
  };
  if (!notOwned.every(isDecided)) {
    const reason = 'ownership does not show all numbers yet';
    return { kind: 'wait', chunk: noted, delayMs: deps.timings.checkMinMs, reason };
  }
  const left = await endThem(deps, noted, notOwned);
  return left === null ? { kind: 'moved' } : { kind: 'go_on', chunk: left };
}

/** Ends the numbers that are not owned. Returns the chunk with the other numbers; `null` when another worker moved it. */
async function endThem(deps: WorkDeps, chunk: Chunk, notOwned: string[]): Promise<Chunk | null> {
  const listed = await readNumbers(deps, notOwned);
  const sent = isRelease(chunk.step) ? await numbersOfLostReleases(deps.db.sql, chunk.requestId, notOwned) : new Set<string>();
  const shown = await shownSincePurchase(deps.db.sql, notOwned);
  const at = deps.clock.now();
  const gone = new Set(notOwned);
  const rest = chunk.numbers.filter((n) => !gone.has(n));
  return deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    const left = await touchChunk(tx, chunk, at, {
      evidence: seeing(chunk.evidence, { ...seenBefore(chunk), hidden: {} }),
      ...(rest.length > 0 && { numbers: rest }),
    });
    if (left === null) return null;
    const known = await getNumbers(tx, notOwned);
    const verdicts = notOwned.map((n) =>
      verdictOf(chunk, n, {
        known: known.get(n),
        listed: listed.get(n),
        sentBefore: sent.has(n),
        fresh: isFresh(known.get(n)?.purchasedAt, at, deps.timings),
        shownBefore: shown.has(n),
      }),
    );
    await endItems(
      tx,
      chunk,
      verdicts.map((v) => v.end),
      at,
    );
    const because = { at, requestId: chunk.requestId, chunkId: chunk.id };
    const those = (becomes: Verdict['becomes']) => verdicts.filter((v) => v.becomes === becomes).map((v) => v.end.phoneNumber);
    const missing = those('missing').filter((n) => known.get(n)?.state === 'owned');
    await changeNumbers(tx, missing, { state: 'missing' }, { ...because, cause: 'not_owned' });
    await markReleased(tx, those('released'), { ...because, cause: 'released' });
    return left;
  });
}

/** What is known of a number that ownership does not show. */
interface Facts {
  known: PhoneNumber | undefined;
  listed: AccountNumber | undefined;
  /** True when a release of the number was sent earlier and its outcome was lost. */
  sentBefore: boolean;
  /** True when it was bought a moment ago. */
  fresh: boolean;
  /** Ownership or the list has shown the number as ours since its purchase. */
  shownBefore: boolean;
}

interface Verdict {
  end: ItemEnd;
  /** The state of the number in the inventory from now on. */
  becomes: 'as_it_is' | 'missing' | 'released';
}

/** How a number that ownership does not show ends, and what the inventory says of it from now on. */
function verdictOf(chunk: Chunk, phoneNumber: string, f: Facts): Verdict {
  const leaves = endsInRelease(chunk.step, chunk.nextSteps);
  const no = (reasonCode: ReasonCode, reason: string, becomes: Verdict['becomes'] = 'as_it_is'): Verdict => ({
    end: { phoneNumber, status: leaves ? 'skipped' : 'failed', reasonCode, reason: `${reason}${clearedNote(chunk.step)}` },
    becomes,
  });
  // A number that was bought a moment ago, or by this very request, is paid for and may not show anywhere yet. A reconciliation
  // judges it.
  const wasHere = leaves && !isOurs(f.listed) && (f.shownBefore || hasLeft(f));
  if ((f.fresh && !wasHere) || f.known?.boughtBy === chunk.requestId) {
    const left = leaves ? 'it was not released' : 'its settings were not applied; apply them later by an update';
    return no('not_editable_yet', `bought, but Telnyx does not show it as editable yet: ${left}`);
  }
  if (isOurs(f.listed)) {
    return no('not_editable', `Telnyx lists the number (${f.listed?.status}), but does not let it be changed or released now`);
  }
  if (f.sentBefore && (f.listed === undefined || f.listed.status === 'deleted')) {
    return { end: { phoneNumber, status: 'succeeded' }, becomes: 'released' };
  }
  const gone = 'Telnyx does not show this number as ours any more';
  if (leaves) return no('already_gone', gone, 'missing');
  return no('not_owned', f.known === undefined ? 'the account does not own this number' : gone, 'missing');
}

/** True when the inventory says that the number left, or when the list shows this very purchase and says that it is not ours. */
function hasLeft({ known, listed }: Facts): boolean {
  if (known === undefined) return false;
  return known.state !== 'owned' || (listed !== undefined && listed.telnyxId === known.telnyxId);
}
