import type { WorkDeps } from '../../account/deps.ts';
import type { Line } from '../../db/lines.ts';
import { unusableNumbers } from '../../db/lines.ts';
import { formatMoney, moneyOf, parseMoney } from '../../domain/money.ts';
import type { SearchCriteriaLine } from '../../domain/request.ts';
import type { Offer, SearchCriteria, SearchResult } from '../../telnyx/gateway.ts';
import { claimOffers, waitForFunds, waitForHeld } from './claim-offers.ts';
import { hasUnordered } from './cut-orders.ts';
import type { Round } from './round.ts';
import { MOST_OFFERS, mayHide } from './search-listed.ts';

/** A search asks for at least this many rows, because a call costs the same for fewer. */
const FEWEST_OFFERS = 100;

/** How many rows a search for so many numbers asks for: a fifth more, because some may be taken. */
export const rowsFor = (slots: number): number =>
  Math.min(MOST_OFFERS, Math.max(FEWEST_OFFERS, slots + Math.ceil(slots / 5) + 10));

/** Searches once on the present search rung, then claims and prices the fitting offers and cuts them into order chunks. */
export async function fillFromSearch(deps: WorkDeps, line: Line, criteria: SearchCriteriaLine, slots: number): Promise<Round> {
  const ladder = rungs(criteria);
  const rung = ladder[line.rung];
  if (rung === undefined) return exhausted(criteria, slots);
  const result = await deps.telnyx.search({ ...rung, ...patternAt(line.cursor), limit: rowsFor(slots) });
  const usable = await usableOffers(deps, line, result.offers, criteria.max_number_cost);
  const wanted = usable.slice(0, slots);
  const wait = await waitForFunds(deps, line, wanted);
  if (wait !== null) return wait;
  const claimed = await claimOffers(deps, line, wanted, 'search');
  if (claimed.behindCanary && claimed.budgetReached === null) return { kind: 'behind_canary' };
  if (claimed.budgetReached !== null && claimed.heldUntil !== null) return waitForHeld(deps, claimed.heldUntil);
  if (claimed.budgetReached !== null) return { kind: 'exhausted', code: 'budget_reached', reason: claimed.budgetReached };
  if (claimed.numbers.length >= slots) return filled(deps, line, criteria);
  return afterAnswer(line, result, claimed.numbers.length > 0);
}

/** The buy line has all its numbers. When some of them wait to share an order, it comes back to cut them in the end. */
async function filled(deps: WorkDeps, line: Line, criteria: SearchCriteriaLine): Promise<Round> {
  if (!(await hasUnordered(deps, line, criteria))) return { kind: 'filled' };
  return { kind: 'again', delayMs: deps.timings.shareOrderMs, reason: 'waits to share an order with other buy lines' };
}

type Again = Extract<Round, { kind: 'again' }>;

/** The position of a buy line on its search rung. One number in its row stores it. */
interface Cursor {
  /** Position in the digit patterns; see `nextCursor`. */
  position: number;
  /** True when the present pass over the digit patterns has claimed a number. */
  claimed: boolean;
  /** Number of rows of the longest answer on this search rung. */
  longest: number;
}

const readCursor = (cursor: number): Cursor => ({
  position: cursor % 1_000,
  claimed: Math.floor(cursor / 1_000) % 10 === 1,
  longest: Math.floor(cursor / 10_000),
});

const writeCursor = ({ position, claimed, longest }: Cursor): number =>
  position + (claimed ? 1_000 : 0) + 10_000 * Math.min(longest, MOST_OFFERS);

/**
 * Decides where the buy line searches next. Telnyx may cap an answer at any number of rows and repeat the same rows, so an answer
 * that may be truncated is searched again by digit patterns. After a pass that claimed a number there is another pass, because
 * the claimed numbers are bought by then and hide no others. The rung ends with a pass that claims nothing, or with a complete
 * answer to the whole search that claims nothing. Every further pass has claimed a number, so the passes end at the latest when
 * the slots are full.
 */
export function afterAnswer(line: Pick<Line, 'rung' | 'cursor'>, result: SearchResult, gotSome: boolean): Again {
  const before = readCursor(line.cursor);
  const longest = Math.max(before.longest, result.seen);
  const claimed = before.claimed || (before.position > 0 && gotSome);
  const more = mayHide(result, before.longest);
  const next = nextCursor(before.position, { more, gotSome });
  const again = (reason: string, cursor: Cursor): Again => ({ kind: 'again', delayMs: 0, reason, cursor: writeCursor(cursor) });
  if (next !== null) return again('more to search', { position: next, claimed, longest });
  if (before.position === 0) return gotSome ? again('searching once more', { position: 0, claimed, longest }) : nextRung(line);
  return claimed ? again('another pass over the patterns', { position: 0, claimed: false, longest }) : nextRung(line);
}

/**
 * The next position in the digit patterns, or `null` after the last one. Position 0 is the search without a pattern. Positions 1
 * to 10 stand for the last digit d = 0 to 9. Position 11 + 10 d + k stands for the last two digits k, d. Two digits are tried
 * only when the answer for one digit claimed nothing and may be truncated, because whole digits make larger orders.
 */
export function nextCursor(position: number, { more, gotSome }: { more: boolean; gotSome: boolean }): number | null {
  if (position === 0) return more ? 1 : null;
  const afterDigit = (d: number) => (d < 9 ? d + 2 : null);
  if (position <= 10) return more && !gotSome ? 11 + 10 * (position - 1) : afterDigit(position - 1);
  const [d, k] = [Math.floor((position - 11) / 10), (position - 11) % 10];
  return k < 9 ? position + 1 : afterDigit(d);
}

const nextRung = (line: Pick<Line, 'rung'>): Again => ({
  kind: 'again',
  delayMs: 0,
  reason: 'next search rung',
  rung: line.rung + 1,
  cursor: 0,
});

function exhausted(criteria: SearchCriteriaLine, slots: number): Round {
  const { national_destination_code: code, rate_center: center, locality, administrative_area: area, country_code } = criteria;
  const where = code ?? center ?? locality ?? area ?? country_code;
  return {
    kind: 'exhausted',
    code: 'inventory_exhausted',
    reason: `Telnyx offers no more fitting numbers for ${where} at up to ${criteria.max_number_cost} each; ${slots} short`,
  };
}

/** The search rungs of a buy line: as asked, then the listed area codes, then best effort, as far as the line allows them. */
export function rungs(c: SearchCriteriaLine): Omit<SearchCriteria, 'limit'>[] {
  const base: Omit<SearchCriteria, 'limit'> = {
    countryCode: c.country_code,
    phoneNumberType: c.phone_number_type,
    ...(c.features.length > 0 && { features: c.features }),
    ...(c.quickship !== undefined && { quickship: c.quickship }),
    ...(c.exclude_held_numbers !== undefined && { excludeHeld: c.exclude_held_numbers }),
    bestEffort: false,
  };
  const asAsked = {
    ...base,
    ...(c.national_destination_code !== undefined && { nationalDestinationCode: c.national_destination_code }),
    ...(c.administrative_area !== undefined && { administrativeArea: c.administrative_area }),
    ...(c.locality !== undefined && { locality: c.locality }),
    ...(c.rate_center !== undefined && { rateCenter: c.rate_center }),
  };
  return [
    asAsked,
    ...c.fallback_ndcs.map((ndc) => ({ ...base, nationalDestinationCode: ndc })),
    ...(c.best_effort ? [{ ...asAsked, bestEffort: true }] : []),
  ];
}

/** The digit pattern that a cursor stands for. */
export const patternAt = (cursor: number): { endsWith?: string } => patternOf(readCursor(cursor).position);

function patternOf(position: number): { endsWith?: string } {
  if (position === 0) return {};
  if (position <= 10) return { endsWith: String(position - 1) };
  return { endsWith: `${(position - 11) % 10}${Math.floor((position - 11) / 10)}` };
}

/** The offers within the price cap, without numbers that the account owns or another buy holds. */
export async function usableOffers(
  deps: WorkDeps,
  line: Pick<Line, 'id' | 'requestId'>,
  offers: Offer[],
  maxNumberCost: string,
): Promise<Offer[]> {
  const cap = moneyOf(maxNumberCost);
  const affordable = offers.filter((o) => [o.upfrontCost, o.monthlyCost].every((c) => (parseMoney(c) ?? cap + 1n) <= cap));
  if (affordable.length < offers.length) {
    deps.log.debug(
      { lineId: line.id, requestId: line.requestId, count: offers.length - affordable.length },
      `offers above ${formatMoney(cap)} left out`,
    );
  }
  const unusable = await unusableNumbers(
    deps.db.sql,
    line.id,
    line.requestId,
    affordable.map((o) => o.phoneNumber),
  );
  return affordable.filter((o) => !unusable.has(o.phoneNumber));
}
