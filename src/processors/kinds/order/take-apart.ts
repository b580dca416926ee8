import type { WorkDeps } from '../../../account/deps.ts';
import { after } from '../../../domain/clock.ts';
import { type Evidence, type History, historyOf, mayTakeEffectLate, seenIn } from '../../../domain/evidence.ts';
import type { Offer } from '../../../telnyx/gateway.ts';
import type { Doubt } from '../../chunk/kind.ts';
import { type Again, inHalves, type Settlement } from '../../chunk/settle.ts';
import { stillOffered } from '../../guards/refresh-search.ts';
import { searchOfChunk } from '../../lines/losses.ts';
import type { OrderChunk } from './owned.ts';
import { orderSettlement } from './settlement.ts';

/** How the numbers of a refused order that are not ours are divided. */
interface Parts {
  lost: string[];
  again: Again[];
  /**
   * Offers of a fresh search for these numbers, at prices that hold from now on. A number that is offered for sale is not ours.
   */
  offers: Offer[];
}

/**
 * Settles an order that Telnyx refused for its numbers. Numbers that are ours count as bought, numbers that cannot be had are
 * lost, and the rest goes out again in new orders. Each new order is committed before it is sent. Returns `unproven` when no
 * number can be had and the settling window is not over, because our own call may have taken them.
 */
export async function takenApart(
  deps: WorkDeps,
  chunk: OrderChunk,
  refused: Extract<Doubt, { kind: 'refused' }>,
): Promise<Settlement | 'unproven'> {
  const { evidence, owned, windowOver } = refused;
  const rest = chunk.numbers.filter((n) => !owned.has(n));
  const parts = await partsOf(deps, chunk, evidence, rest);
  const noneLeft = parts.again.length === 0;
  if (noneLeft && parts.offers.length === 0 && !windowOver) return 'unproven';
  // All numbers vanished at once, and they were sent before. Each half gets a settling window of its own before it is given up.
  if (noneLeft && mayTakeEffectLate(evidence, deps.clock.now()) && rest.length > 1) {
    parts.again = inHalves(rest);
    parts.lost = [];
  }
  const refusedAt = chunk.ambiguousAt ?? deps.clock.now();
  return orderSettlement(deps, chunk, {
    cause: 'surely_gone',
    bought: [...owned].map(([phoneNumber, telnyxId]) => ({ phoneNumber, telnyxId })),
    lost: parts.lost,
    again: parts.again.map((part) => ({ ...part, history: { ...part.history, ...(windowOver && { windowed: true }) } })),
    orderStatus: `refused: ${seenIn(evidence, 'unknown')?.because}`,
    priced: parts.offers,
    ...(!windowOver && { heldUntil: after(refusedAt, deps.timings.settleMs) }),
  });
}

/**
 * Divides the rest. When Telnyx named some of the numbers, named numbers of a search are lost at once, because other numbers
 * replace them; named numbers of a list are searched once more first. When Telnyx named all numbers or none, a fresh search tells
 * which can be had.
 */
async function partsOf(deps: WorkDeps, chunk: OrderChunk, evidence: Evidence, rest: string[]): Promise<Parts> {
  const named = new Set(seenIn(evidence, 'unknown')?.named ?? []);
  const rearmed = historyOf(evidence).rearmed === true;
  const isNamed = (n: string): boolean => named.has(n);
  const others = rest.filter((n) => !isNamed(n));
  const namesSome = named.size > 0 && others.length > 0;
  if (namesSome && (rearmed || (await searchOfChunk(deps, chunk)) !== null)) {
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
    // Telnyx refused these numbers by name again, right after a search offered them. The search is wrong.
    if (rearmed) return { lost: rest, again: [], offers };
    return { lost, again: orderedAgain(left), offers };
  }
  if (lost.length > 0) return { lost, again: left.length > 0 ? [{ numbers: left }] : [], offers };
  // All numbers are on sale and one of them cannot be ordered. Halving finds it.
  if (left.length > 1) return { lost: [], again: inHalves(left), offers };
  return { lost: left, again: [], offers };
}

const REARMED: History = { rearmed: true };
const orderedAgain = (numbers: string[]): Again[] => (numbers.length === 0 ? [] : [{ numbers, history: REARMED }]);
