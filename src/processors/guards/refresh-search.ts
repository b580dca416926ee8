import type { WorkDeps } from '../../account/deps.ts';
import type { Chunk } from '../../db/chunks.ts';
import { type Item, openItemsOfChunk, reprice } from '../../db/items.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { mayTakeEffectLate } from '../../domain/evidence.ts';
import { parseMoney } from '../../domain/money.ts';
import type { Offer } from '../../telnyx/gateway.ts';
import type { Settlement } from '../chunk/settle.ts';
import { lossOf } from '../lines/losses.ts';
import { searchListed } from '../lines/search-listed.ts';

/**
 * Telnyx orders only numbers that came up in a recent search (85000). It does not say how recent, so a search older than this is
 * repeated.
 */
const SEARCH_GOOD_FOR_MS = 50 * 60_000;
/** The search accepts every price, so that a number that became too expensive is told apart from one that is gone. */
export const ANY_PRICE = '1000000';

/**
 * Searches the numbers of a planned order again when their search is old, or when Telnyx said that it is. A found number may be
 * ordered at its present price. A number that is gone, or costs more than when it was claimed, leaves the order, so that a wait
 * never breaks the price cap or the budget. Returns `null` when the order may go out unchanged.
 */
export async function refreshedSearch(deps: WorkDeps, chunk: Chunk): Promise<Settlement | null> {
  const items = await openItemsOfChunk(deps.db.sql, chunk.id);
  if (!isStale(deps, chunk, items)) return null;
  const offers = await offersFor(deps, chunk);
  // An earlier call of this order may still take effect. The numbers go out unchanged, so that the two calls collide instead of
  // buying twice.
  const at = deps.clock.now();
  if (mayTakeEffectLate(chunk.evidence, at)) return null;
  const priced = noDearer(items, offers);
  if (priced.length === items.length) {
    await reprice(deps.db.sql, chunk.id, priced, at);
    return null;
  }
  const kept = new Set(priced.map((o) => o.phoneNumber));
  const dropped = chunk.numbers.filter((n) => !kept.has(n));
  return {
    cause: kept.size === 0 ? 'nothing_to_send' : 'split',
    ...(await lossOf(deps, chunk, dropped, {
      code: 'number_unavailable',
      reason: 'Telnyx no longer offers this number at the price it was claimed at',
    })),
    ...(kept.size > 0 && { again: [{ numbers: [...kept] }] }),
    // The prices are written before the items are handed over. Otherwise the new chunk would find that its search is too old.
    inventory: (tx) => reprice(tx, chunk.id, priced, at),
    detail: { kept: kept.size, dropped: dropped.length },
  };
}

function isStale(deps: WorkDeps, chunk: Chunk, items: Item[]): boolean {
  if (chunk.errorCode === 'search_expired') return true;
  const oldest = Math.min(...items.map((i) => i.searchedAt?.getTime() ?? 0));
  return deps.clock.now().getTime() - oldest > SEARCH_GOOD_FOR_MS;
}

/** The offers for the numbers of an order that cost no more today than when they were claimed. */
export async function stillOffered(deps: WorkDeps, chunk: Chunk): Promise<Offer[]> {
  const items = await openItemsOfChunk(deps.db.sql, chunk.id);
  return noDearer(items, await offersFor(deps, chunk));
}

const noDearer = (items: Item[], offers: ReadonlyMap<string, Offer>): Offer[] =>
  items.flatMap((item) => {
    const offer = offers.get(item.phoneNumber ?? '');
    return offer !== undefined && isNoDearer(item, offer) ? [offer] : [];
  });

/**
 * The offers of a fresh search. A search that Telnyx refuses for good offers nothing; the next search of the buy line then
 * reports why.
 */
async function offersFor(deps: WorkDeps, chunk: Chunk): Promise<Map<string, Offer>> {
  try {
    return await searchListed(deps, chunk.numbers, ANY_PRICE);
  } catch (error) {
    if (!(error instanceof ProvisioningError) || error.disposition !== 'rejected') throw error;
    deps.log.warn(
      { err: error, chunkId: chunk.id, requestId: chunk.requestId },
      'Telnyx refused to search the numbers of an order',
    );
    return new Map();
  }
}

/** True when an offer costs no more, upfront and monthly, than these prices. */
export function isNoDearer(item: Pick<Item, 'upfrontCost' | 'monthlyCost' | 'currency'>, offer: Offer): boolean {
  if (offer.currency !== item.currency) return false;
  const fits = (now: string, claimed: string | null) => {
    const [price, most] = [parseMoney(now), parseMoney(claimed ?? '')];
    return price !== null && most !== null && price <= most;
  };
  return fits(offer.upfrontCost, item.upfrontCost) && fits(offer.monthlyCost, item.monthlyCost);
}
