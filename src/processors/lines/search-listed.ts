import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { WorkDeps } from '../../account/deps.ts';
import { moneyOf, parseMoney } from '../../domain/money.ts';
import type { E164 } from '../../domain/phone-number.ts';
import type { Offer, SearchCriteria, SearchResult } from '../../telnyx/gateway.ts';

/** The most rows that a search asks for. Larger answers were never tried against Telnyx. */
export const MOST_OFFERS = 1_000;
/**
 * True when an answer may be truncated. Telnyx may cap an answer at any number of rows without saying so. Only two answers are
 * surely complete: an empty one, and one with fewer rows than an earlier answer (`longest`) to the same kind of search.
 */
export function mayHide(result: Pick<SearchResult, 'seen' | 'more'>, longest: number): boolean {
  return result.more || (result.seen > 0 && result.seen >= longest);
}

/** Length of the prefix that is searched first: country and area code of a +1 number. */
const AREA = 5;

/** Cuts an area whose answer may be truncated into ever smaller searches, by more and more digits. */
interface Ladder {
  lengths: readonly number[];
  keyOf(number: E164, length: number): string;
  filterOf(key: string, sample: E164): Pick<SearchCriteria, 'startsWith' | 'endsWith'>;
}
/** By exchange, thousands and whole number. This is best for neighbouring numbers. */
const BY_PREFIX: Ladder = {
  lengths: [8, 10, 16],
  keyOf: (number, length) => number.slice(0, length),
  filterOf: (key, sample) => ({ startsWith: key.slice(digitsFrom(sample)) }),
};
/** By last digits. Ten searches cover a stock of thousands, where scattered numbers would need a search for each exchange. */
const BY_SUFFIX: Ladder = {
  lengths: [1, 2, 3, 7],
  keyOf: (number, length) => number.slice(-length),
  filterOf: (key) => ({ endsWith: key }),
};

/**
 * Searches exact numbers by area code, and by groups of digits where the answer may be truncated. Telnyx has no other way to tell
 * whether a number is for sale and what it costs, and it orders only numbers that came up in a recent search. Returns the offers
 * within the price cap. `beforeEach` is called before each search and ends the work by rejecting.
 */
export async function searchListed(
  deps: WorkDeps,
  numbers: E164[],
  maxNumberCost: string,
  beforeEach: () => Promise<void> = async () => undefined,
): Promise<Map<E164, Offer>> {
  const offers = new Map<E164, Offer>();
  const cap = moneyOf(maxNumberCost);
  const isAffordable = (o: Offer) =>
    (parseMoney(o.upfrontCost) ?? cap + 1n) <= cap && (parseMoney(o.monthlyCost) ?? cap + 1n) <= cap;
  // Number of rows of the longest answer in the present area.
  let longest = 0;
  /** Searches one group. Returns the numbers of the group that a truncated answer may have left out. */
  const search = async (group: E164[], filter: Pick<SearchCriteria, 'startsWith' | 'endsWith'>): Promise<E164[]> => {
    const [sample] = group;
    if (sample === undefined) return [];
    await beforeEach();
    const result = await deps.telnyx.search({ ...areaOf(sample), ...filter });
    const wanted = new Set(group);
    for (const offer of result.offers)
      if (wanted.has(offer.phoneNumber) && isAffordable(offer)) offers.set(offer.phoneNumber, offer);
    const hides = mayHide(result, longest);
    longest = Math.max(longest, result.seen);
    return hides ? group.filter((n) => !offers.has(n)) : [];
  };
  const descend = async (hidden: E164[], ladder: Ladder, rung: number): Promise<void> => {
    const length = ladder.lengths[rung];
    if (length === undefined) return;
    for (const [key, group] of groupBy(hidden, (n) => ladder.keyOf(n, length)))
      await descend(await search(group, ladder.filterOf(key, group[0] ?? key)), ladder, rung + 1);
  };
  for (const group of groupBy(numbers, (n) => n.slice(0, AREA)).values()) {
    longest = 0;
    const hidden = await search(group, {});
    await descend(hidden, cheaperLadder(hidden), 0);
  }
  return offers;
}

/**
 * The ladder that needs fewer searches on its first step. Last digits are used only where Telnyx can filter by area code as well.
 */
function cheaperLadder(numbers: E164[]): Ladder {
  const searches = ({ lengths: [first = 0], keyOf }: Ladder) => new Set(numbers.map((n) => keyOf(n, first))).size;
  const hasAreaFilter = numbers.every((n) => n.startsWith('+1'));
  return hasAreaFilter && searches(BY_SUFFIX) < searches(BY_PREFIX) ? BY_SUFFIX : BY_PREFIX;
}

function groupBy(numbers: E164[], keyOf: (n: E164) => string): Map<string, E164[]> {
  const groups = new Map<string, E164[]>();
  for (const n of numbers) {
    const group = groups.get(keyOf(n));
    if (group === undefined) groups.set(keyOf(n), [n]);
    else group.push(n);
  }
  return groups;
}

/** Country and type of a number by the numbering plan, in the words of a search. */
export function kindOf(number: E164): Pick<SearchCriteria, 'countryCode' | 'phoneNumberType'> {
  const parsed = parsePhoneNumberFromString(number);
  const type = parsed?.getType();
  const phoneNumberType = type === 'TOLL_FREE' ? 'toll_free' : type === 'MOBILE' ? 'mobile' : 'local';
  return { countryCode: parsed?.country ?? 'US', phoneNumberType };
}

/** The search for the area of a number. */
function areaOf(sample: E164): SearchCriteria {
  return {
    ...kindOf(sample),
    bestEffort: false,
    limit: MOST_OFFERS,
    ...(sample.startsWith('+1')
      ? { nationalDestinationCode: sample.slice(2, AREA) }
      : { startsWith: sample.slice(digitsFrom(sample), AREA) }),
  };
}

/** Position of the first digit that a filter may name: after the country code, and for +1 after the area code. */
function digitsFrom(sample: E164): number {
  return sample.startsWith('+1') ? AREA : 1 + (parsePhoneNumberFromString(sample)?.countryCallingCode.length ?? 1);
}
