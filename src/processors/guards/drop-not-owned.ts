import type { WorkDeps } from '../../account/deps.ts';
import { isOurs, readNumbers } from '../../account/read-numbers.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { endItems, type ItemEnd } from '../../db/items.ts';
import { changeNumbers, getNumbers, markReleased, type PhoneNumber, shownSincePurchase } from '../../db/numbers.ts';
import { lockRequest } from '../../db/requests.ts';
import type { ReasonCode } from '../../domain/codes.ts';
import { liftedNote } from '../../domain/lifted.ts';
import { hiddenFor, isFresh, lookedAgain } from '../../domain/looks.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { AccountNumber } from '../../telnyx/gateway.ts';
import { movedByOthers, noteWait } from '../chunk/after-send.ts';
import { lookedAt } from './wait-until-shown.ts';

export type WithoutStrangers = { kind: 'go_on'; chunk: Chunk } | { kind: 'stop'; outcome: Outcome };

/**
 * Ends the numbers that ownership does not show, so that they do not sink the others of the batch. Ownership lags and hiccups, and
 * it shows only what can be edited: so a number must be absent in every one of several looks, and the list has the last word on
 * whether it is gone or only closed to changes.
 */
export async function withoutStrangers(
  deps: WorkDeps,
  chunk: Chunk,
  owned: ReadonlyMap<string, string>,
): Promise<WithoutStrangers> {
  const now = deps.clock.now();
  const strangers = chunk.numbers.filter((n) => !owned.has(n));
  const before = Object.keys(chunk.evidence?.hidden ?? {});
  if (strangers.length === 0 && before.length === 0) return { kind: 'go_on', chunk };
  const hidden = lookedAgain(chunk.evidence?.hidden, strangers, now);
  const noted = await touchChunk(deps.db.sql, chunk, now, { evidence: { ...lookedAt(chunk), hidden } });
  if (noted === null) return { kind: 'stop', outcome: movedByOthers };
  if (strangers.length === 0) return { kind: 'go_on', chunk: noted };
  const known = await getNumbers(deps.db.sql, strangers);
  const isDecided = (n: string) => {
    const fresh = isFresh(known.get(n)?.purchasedAt, now, deps.timings);
    return hiddenFor(hidden[n], now, fresh ? deps.timings.settleMs : deps.timings.lookMinMs);
  };
  if (!strangers.every(isDecided)) {
    const outcome = await noteWait(deps, noted, deps.timings.lookMinMs, 'ownership does not show all numbers yet');
    return { kind: 'stop', outcome };
  }
  const left = await endThem(deps, noted, strangers);
  return left === null ? { kind: 'stop', outcome: movedByOthers } : { kind: 'go_on', chunk: left };
}

/** The chunk with only the numbers that are left; `null` when others have it. */
async function endThem(deps: WorkDeps, chunk: Chunk, strangers: string[]): Promise<Chunk | null> {
  const listed = await readNumbers(deps, strangers);
  const lost = chunk.kind === 'delete' ? await lostReleases(deps, chunk, strangers) : new Set<string>();
  const shown = await shownSincePurchase(deps.db.sql, strangers);
  const at = deps.clock.now();
  const gone = new Set(strangers);
  const rest = chunk.numbers.filter((n) => !gone.has(n));
  return deps.db.sql.begin(async (tx) => {
    await lockRequest(tx, chunk.requestId);
    const left = await touchChunk(tx, chunk, at, {
      evidence: { ...lookedAt(chunk), hidden: {} },
      ...(rest.length > 0 && { numbers: rest }),
    });
    if (left === null) return null;
    const known = await getNumbers(tx, strangers);
    const verdicts = strangers.map((n) =>
      verdictOf(chunk, n, {
        known: known.get(n),
        listed: listed.get(n),
        sentBefore: lost.has(n),
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

/** Which of the numbers this request sent a release of before that was then held to be lost. */
async function lostReleases(deps: WorkDeps, chunk: Chunk, numbers: string[]): Promise<Set<string>> {
  const rows = await deps.db.sql<{ number: string }[]>`
    select distinct n.number from chunks c cross join lateral unnest(c.numbers) as n(number)
    where c.request_id = ${chunk.requestId} and c.kind = 'delete' and n.number = any(${numbers}::text[])
      and exists (select 1 from events e where e.subject = 'chunk' and e.subject_id = c.id and e.cause in ('not_sent', 'declare_not_sent'))`;
  return new Set(rows.map((r) => r.number));
}

interface Facts {
  known: PhoneNumber | undefined;
  listed: AccountNumber | undefined;
  /** A release of it left before and was held to be lost. */
  sentBefore: boolean;
  fresh: boolean;
  /** Ownership or the list has shown it as ours since it was bought. */
  shownBefore: boolean;
}

interface Verdict {
  end: ItemEnd;
  /** What the inventory is to call it from now on. */
  becomes: 'as_it_is' | 'missing' | 'released';
}

function verdictOf(chunk: Chunk, phoneNumber: string, f: Facts): Verdict {
  const isRelease = chunk.kind === 'delete' || chunk.nextSteps.some((s) => s.kind === 'delete');
  const no = (reasonCode: ReasonCode, reason: string, becomes: Verdict['becomes'] = 'as_it_is'): Verdict => ({
    end: { phoneNumber, status: isRelease ? 'skipped' : 'failed', reasonCode, reason: `${reason}${liftedNote(chunk.step)}` },
    becomes,
  });
  // What was bought a moment ago, or by this very request, is paid for and may show nowhere yet: a reconciliation judges it.
  const wasHere = isRelease && !isOurs(f.listed) && (f.shownBefore || hasLeft(f));
  if ((f.fresh && !wasHere) || f.known?.boughtBy === chunk.requestId) {
    const left = isRelease ? 'it was not released' : 'its settings were not applied; apply them later by an update';
    return no('not_editable_yet', `bought, but Telnyx does not show it as editable yet: ${left}`);
  }
  if (isOurs(f.listed)) {
    return no('not_editable', `Telnyx lists the number (${f.listed?.status}), but does not let it be changed or released now`);
  }
  if (f.sentBefore && (f.listed === undefined || f.listed.status === 'deleted')) {
    return { end: { phoneNumber, status: 'succeeded' }, becomes: 'released' };
  }
  const gone = 'Telnyx does not show this number as ours any more';
  if (isRelease) return no('already_gone', gone, 'missing');
  return no('not_owned', f.known === undefined ? 'the account does not own this number' : gone, 'missing');
}

/** The inventory knows that it left, or the list, which does not show it as ours, shows this very purchase and no earlier life of it. */
function hasLeft({ known, listed }: Facts): boolean {
  if (known === undefined) return false;
  return known.state !== 'owned' || (listed !== undefined && listed.telnyxId === known.telnyxId);
}
