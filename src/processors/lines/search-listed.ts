import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { WorkDeps } from '../../account/deps.ts';
import { moneyOf, parseMoney } from '../../domain/money.ts';
import type { E164 } from '../../domain/phone-number.ts';
import type { Offer, SearchCriteria, SearchResult } from '../../telnyx/gateway.ts';

/** Largest answer asked for; larger ones were never tried against Telnyx. */
export const MOST_OFFERS = 1_000;
/**
 * Whether others may be on sale behind an answer. Telnyx may cap answers at any number of rows without saying so: only an answer
 * that is empty, or shorter than one to the same kind of search before it (`longest` rows), is surely below that cap.
 */
export function mayHide(result: Pick<SearchResult, 'seen' | 'more'>, longest: number): boolean {
  return result.more || (result.seen > 0 && result.seen >= longest);
}

/** So many characters are country and area code: what is searched first. */
const AREA = 5;

/** A way to cut an area whose answer may hide some into ever smaller searches, by more and more digits. */
interface Ladder {
  lengths: readonly number[];
  keyOf(number: E164, length: number): string;
  filterOf(key: string, sample: E164): Pick<SearchCriteria, 'startsWith' | 'endsWith'>;
}
/** Exchange, thousands, whole number: best for neighbours. */
const BY_PREFIX: Ladder = {
  lengths: [8, 10, 16],
  keyOf: (number, length) => number.slice(0, length),
  filterOf: (key, sample) => ({ startsWith: key.slice(digitsFrom(sample)) }),
};
/** Last digits: ten searches see a stock of thousands, where scattered numbers would need a search for each exchange. */
const BY_SUFFIX: Ladder = {
  lengths: [1, 2, 3, 7],
  keyOf: (number, length) => number.slice(-length),
  filterOf: (key) => ({ endsWith: key }),
};

/**
 * Searches exact numbers by area code and, where the answer may hide some of them, by groups of digits: the only way to learn
 * whether they are for sale, to get their price, and to meet the rule that a number must have come up in a recent search. Returns
 * what is offered within the price cap. `beforeEach` is called before each search and may end it by rejecting.
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
  // Rows of the longest answer in the present area.
  let longest = 0;
  /** Returns those of the group that the answer may have hidden. */
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

/** The ladder with fewer searches on its first rung. Last digits only where the area code is a filter of its own. */
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

/** Country and type of a number by the numbering plan, as searches name them. */
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

/** Where the digits begin that a filter may name: behind the country code, and behind the area code of +1. */
function digitsFrom(sample: E164): number {
  return sample.startsWith('+1') ? AREA : 1 + (parsePhoneNumberFromString(sample)?.countryCallingCode.length ?? 1);
}
