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

/** A number must have come up in a recent search (85000); how recent is not published, so old searches are repeated. */
const SEARCH_GOOD_FOR_MS = 50 * 60_000;
/** The search takes every price, so that a number that is too dear is told apart from one that is gone. */
const ANY_PRICE = '1000000';

/**
 * Searches the numbers of a planned order once more when their search is old, or when Telnyx called it so: they may be ordered
 * then, at the price of today. A number that is gone, or dearer than it was claimed at, leaves the order, so that waiting breaks
 * neither the price cap nor the budget. `null` when the order may go out as it is.
 */
export async function refreshedSearch(deps: WorkDeps, chunk: Chunk): Promise<Settlement | null> {
  const items = await openItemsOfChunk(deps.db.sql, chunk.id);
  if (!isStale(deps, chunk, items)) return null;
  const offers = await offersFor(deps, chunk);
  // An order that was sent before may still take effect. Its numbers go out unchanged, so that the two collide.
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
    // The prices are noted before the items are handed on, or the new chunk would find their search old again.
    inventory: (tx) => reprice(tx, chunk.id, priced, at),
    detail: { kept: kept.size, dropped: dropped.length },
  };
}

function isStale(deps: WorkDeps, chunk: Chunk, items: Item[]): boolean {
  if (chunk.errorCode === 'search_expired') return true;
  const oldest = Math.min(...items.map((i) => i.searchedAt?.getTime() ?? 0));
  return deps.clock.now().getTime() - oldest > SEARCH_GOOD_FOR_MS;
}

/** The offers of an order's numbers that can be bought today at no more than the price at which they were claimed. */
export async function stillOffered(deps: WorkDeps, chunk: Chunk): Promise<Offer[]> {
  const items = await openItemsOfChunk(deps.db.sql, chunk.id);
  return noDearer(items, await offersFor(deps, chunk));
}

const noDearer = (items: Item[], offers: ReadonlyMap<string, Offer>): Offer[] =>
  items.flatMap((item) => {
    const offer = offers.get(item.phoneNumber ?? '');
    return offer !== undefined && isNoDearer(item, offer) ? [offer] : [];
  });

/** A search that is refused for good offers nothing: the line's own search then says why. */
async function offersFor(deps: WorkDeps, chunk: Chunk): Promise<Map<string, Offer>> {
  try {
    return await searchListed(deps, chunk.numbers, ANY_PRICE);
  } catch (error) {
    if (!(error instanceof ProvisioningError) || error.disposition !== 'rejected') throw error;
    deps.log.warn({ err: error, chunkId: chunk.id, requestId: chunk.requestId }, 'the numbers of an order are searched in vain');
    return new Map();
  }
}

function isNoDearer(item: Item, offer: Offer): boolean {
  if (offer.currency !== item.currency) return false;
  const fits = (now: string, claimed: string | null) => {
    const [price, most] = [parseMoney(now), parseMoney(claimed ?? '')];
    return price !== null && most !== null && price <= most;
  };
  return fits(offer.upfrontCost, item.upfrontCost) && fits(offer.monthlyCost, item.monthlyCost);
}
