import type { WorkDeps } from '../../account/deps.ts';
import type { Chunk } from '../../db/chunks.ts';
import { getLine } from '../../db/lines.ts';
import { after } from '../../domain/clock.ts';
import { done, type Outcome } from '../../domain/outcome.ts';
import { type Evidence, type Lineage, mayTakeEffectLate } from '../../domain/submission.ts';
import type { Offer } from '../../telnyx/gateway.ts';
import { movedByOthers } from '../chunk/after-send.ts';
import { type Again, halves } from '../chunk/settle.ts';
import { stillOffered } from '../guards/refresh-search.ts';
import { settleOrder } from './settle-order.ts';

/** What the looks after the refusal showed. */
interface Shown {
  /** Numbers of the order that are ours, with their ids. */
  owned: ReadonlyMap<string, string>;
  /** The looks went on for a whole settling window. */
  windowOver: boolean;
}

/** What becomes of the numbers of a refused order that are not ours. */
interface Parts {
  lost: string[];
  again: Again[];
  /** What a fresh search still offers of them, at prices that hold from now on. A number on sale is surely not ours. */
  offers: Offer[];
}

/**
 * Settles an order that Telnyx refused for its numbers: what is ours counts as bought, what is gone is lost, and the rest goes out
 * again in new orders, each committed before it is sent. Answers `unproven` when none of the numbers can be had and the window is
 * not over: then our own call may have taken them.
 */
export async function takeApart(deps: WorkDeps, chunk: Chunk, evidence: Evidence, shown: Shown): Promise<Outcome | 'unproven'> {
  const rest = chunk.numbers.filter((n) => !shown.owned.has(n));
  const parts = await partsOf(deps, chunk, evidence, rest);
  const noneLeft = parts.again.length === 0;
  const stillLate = mayTakeEffectLate(evidence, deps.clock.now());
  if (noneLeft && parts.offers.length === 0 && !shown.windowOver) return 'unproven';
  // All are gone at once, and they were sent before: each half gets a window of its own before it is given up.
  if (noneLeft && stillLate && rest.length > 1) {
    parts.again = halves(rest).map((numbers) => ({ numbers }));
    parts.lost = [];
  }
  const refusedAt = chunk.ambiguousAt ?? deps.clock.now();
  const settled = await settleOrder(deps, chunk, {
    cause: 'surely_gone',
    bought: [...shown.owned].map(([phoneNumber, telnyxId]) => ({ phoneNumber, telnyxId })),
    lost: parts.lost,
    again: parts.again.map((part) => ({ ...part, lineage: { ...part.lineage, ...(shown.windowOver && { windowed: true }) } })),
    orderStatus: `refused: ${evidence.because}`,
    priced: parts.offers,
    ...(!shown.windowOver && { heldUntil: after(refusedAt, deps.timings.settleMs) }),
  });
  const again = parts.again.reduce((sum, part) => sum + part.numbers.length, 0);
  return settled ? done(`refused: ${parts.lost.length} lost, ${again} ordered again`) : movedByOthers;
}

/**
 * Telnyx named some of the numbers: those of a search line are lost, since others take their place; those that the user listed
 * are searched once more first. It named all of them, or none: a fresh search tells which can be had.
 */
async function partsOf(deps: WorkDeps, chunk: Chunk, evidence: Evidence, rest: string[]): Promise<Parts> {
  const named = new Set(evidence.named ?? []);
  const isNamed = (n: string): boolean => named.has(n);
  const others = rest.filter((n) => !isNamed(n));
  const namesSome = named.size > 0 && others.length > 0;
  if (namesSome && (evidence.rearmed === true || (await isReplaceable(deps, chunk)))) {
    return { lost: rest.filter(isNamed), again: [{ numbers: others }], offers: [] };
  }
  const offers = (await stillOffered(deps, chunk)).filter((o) => rest.includes(o.phoneNumber));
  const offered = new Set(offers.map((o) => o.phoneNumber));
  if (namesSome) {
    const back = rest.filter((n) => isNamed(n) && offered.has(n));
    const lost = rest.filter((n) => isNamed(n) && !offered.has(n));
    return { lost, again: [{ numbers: others }, ...orderedAgain(back)], offers };
  }
  const left = rest.filter((n) => offered.has(n));
  const lost = rest.filter((n) => !offered.has(n));
  if (named.size > 0) {
    // Refused by name once more although a search had just offered them: the search is wrong.
    if (evidence.rearmed === true) return { lost: rest, again: [], offers };
    return { lost, again: orderedAgain(left), offers };
  }
  if (lost.length > 0) return { lost, again: left.length > 0 ? [{ numbers: left }] : [], offers };
  // All are on sale and one of them cannot be ordered: halving finds it.
  if (left.length > 1) return { lost: [], again: halves(left).map((numbers) => ({ numbers })), offers };
  return { lost: left, again: [], offers };
}

const REARMED: Lineage = { rearmed: true };
const orderedAgain = (numbers: string[]): Again[] => (numbers.length === 0 ? [] : [{ numbers, lineage: REARMED }]);

async function isReplaceable(deps: WorkDeps, chunk: Chunk): Promise<boolean> {
  const line = chunk.lineId === null ? null : await getLine(deps.db.sql, chunk.lineId);
  return line?.criteria.kind === 'search';
}
