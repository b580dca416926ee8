import type { WorkDeps } from '../../account/deps.ts';
import { isClaiming, letAllGo } from '../../db/all-or-nothing.ts';
import type { Chunk } from '../../db/chunks.ts';
import { failUnclaimed, lockLeased, looseNumbers, unusableNumbers } from '../../db/lines.ts';
import { plannedPrices } from '../../db/plan-numbers.ts';
import { lockRequest, refreshRequest } from '../../db/requests.ts';
import type { ReasonCode } from '../../domain/codes.ts';
import type { E164 } from '../../domain/phone-number.ts';
import type { ListLine } from '../../domain/request.ts';
import { chunkJob, enqueue } from '../../producers/enqueue.ts';
import type { Offer } from '../../telnyx/gateway.ts';
import { isNoDearer } from '../guards/refresh-search.ts';
import { claimOffers, waitForFunds, waitForHeld } from './claim-offers.ts';
import { cutList } from './cut-orders.ts';
import type { HeldLine, Round } from './round.ts';
import { searchListed } from './search-listed.ts';

/** How many listed numbers one round searches. */
const ROUND = 500;

/**
 * Does one round for an explicit list. Numbers that were not searched yet are searched by prefix, claimed and priced. When all
 * are, they are cut into orders. `room` is how many more may be begun now.
 */
export async function fillFromList(
  deps: WorkDeps,
  held: HeldLine,
  criteria: ListLine,
  loose: { phoneNumber: string; searchedAt: Date | null }[],
  room: number,
): Promise<Round> {
  const unsearched = loose.filter((n) => n.searchedAt === null).map((n) => n.phoneNumber);
  if (unsearched.length > 0) return searchSome(deps, held, criteria, unsearched.slice(0, Math.min(ROUND, room)));
  const { line } = held;
  const at = deps.clock.now();
  const chunks: Chunk[] = await deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, line.requestId);
    if (request === null || request.cancelRequestedAt !== null || !(await lockLeased(tx, line))) return [];
    // Read again while holding the lock, because a round that outlived its lease may have cut some of them.
    const still = await looseNumbers(tx, line.id);
    if (still.some((n) => n.searchedAt === null)) return [];
    return cutList(
      tx,
      deps,
      request,
      line,
      still.map((n) => n.phoneNumber),
      at,
    );
  });
  await enqueue(
    deps,
    chunks.map((c) => chunkJob(c)),
  );
  return { kind: 'filled' };
}

/** Searches some numbers of the list, claims those that are offered, and fails the others with the reason. */
async function searchSome(deps: WorkDeps, held: HeldLine, criteria: ListLine, numbers: string[]): Promise<Round> {
  const { line: asked } = held;
  const unusable = await unusableNumbers(deps.db.sql, asked.id, asked.requestId, numbers);
  const candidates = numbers.filter((n) => !unusable.has(n));
  const offers = await asPlanned(deps, criteria, await searchListed(deps, candidates, criteria.max_number_cost, held.keep));
  const { line } = held;
  const wait = await waitForFunds(deps, line, [...offers.values()]);
  if (wait !== null) return wait;
  const claimed = await claimOffers(deps, line, [...offers.values()], 'list');
  const got = new Set(claimed.numbers);
  // A number that only misses the budget because refused numbers still count is tried again when they stop counting.
  const waits = (n: string): boolean => claimed.heldUntil !== null && offers.has(n) && !unusable.has(n);
  const why = (n: string): [ReasonCode, string] => {
    const held = unusable.get(n);
    if (held === 'ours') return ['already_ours', 'the account has this number already'];
    if (held === 'claimed' || (offers.has(n) && claimed.budgetReached === null))
      return ['claimed_elsewhere', 'another open buy holds this number'];
    if (offers.has(n)) return ['budget_reached', claimed.budgetReached ?? 'the budget is reached'];
    const price = criteria.plan_id === undefined ? `up to ${criteria.max_number_cost}` : 'the price of its plan';
    return ['number_unavailable', `Telnyx does not offer this number at ${price}`];
  };
  const groups = new Map<ReasonCode, { reason: string; numbers: string[] }>();
  for (const n of numbers.filter((x) => !got.has(x) && !waits(x))) {
    const [code, reason] = why(n);
    const group = groups.get(code) ?? { reason, numbers: [] };
    group.numbers.push(n);
    groups.set(code, group);
  }
  await deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, line.requestId);
    // Another worker that has the buy line by now may have claimed what this round did not get.
    if (!(await lockLeased(tx, line))) return;
    const at = deps.clock.now();
    for (const [code, group] of groups) await failUnclaimed(tx, line, { code, ...group, at });
    const [short] = groups.values();
    if (request === null || short === undefined || !isClaiming(request)) return;
    await letAllGo(
      tx,
      request,
      `nothing was ordered: ${short.numbers.length} listed numbers could not be had: ${short.reason}`,
      at,
    );
    await refreshRequest(tx, request.id, at);
  });
  if (claimed.heldUntil !== null) return waitForHeld(deps, claimed.heldUntil);
  return { kind: 'again', delayMs: 0, reason: 'more to search or to order' };
}

/** The offers that cost no more than the plan of the request says. Without a plan, all of them. */
async function asPlanned(deps: WorkDeps, criteria: ListLine, offers: Map<E164, Offer>): Promise<Map<E164, Offer>> {
  if (criteria.plan_id === undefined) return offers;
  const planned = await plannedPrices(deps.db.sql, criteria.plan_id, [...offers.keys()]);
  return new Map(
    [...offers].filter(([number, offer]) => {
      const price = planned.get(number);
      return price !== undefined && isNoDearer(price, offer);
    }),
  );
}
