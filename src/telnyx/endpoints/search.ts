import { getCountryCallingCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type Telnyx from 'telnyx';
import type { z } from 'zod';
import type { ErrorCode } from '../../domain/codes.ts';
import { type ErrorDetail, ProvisioningError } from '../../domain/errors.ts';
import { parseMoney } from '../../domain/money.ts';
import { isE164, nanpAreaCode } from '../../domain/phone-number.ts';
import type { Offer, SearchCriteria, SearchResult } from '../gateway.ts';
import type { Transport } from '../transport.ts';
import { type SearchLimits, SMALLEST_LIMIT } from './search-limits.ts';
import { maskedRow, type OfferRow, offerRow, searchAnswer } from './wire.ts';

type SearchFilter = NonNullable<NonNullable<Parameters<Telnyx['availablePhoneNumbers']['list']>[0]>['filter']>;

/** Telnyx documents no maximum for `limit` and may cap it. An answer with this many rows or more is probably truncated. */
const SMALLEST_CUT = 50;

/**
 * Returns numbers that can be bought now. Telnyx ignores filters that it does not know and answers with random numbers, so every
 * row is compared with the criteria. A row that does not fit, is masked or has no price is left out. After a refusal, a few more
 * calls find out whether it means "none found" or concerns the limit: at most one for each halving, and two more.
 * @throws ProvisioningError `invalid_request` (rejected) with the words of Telnyx when the search itself is not accepted.
 */
export async function search(transport: Transport, criteria: SearchCriteria, limits: SearchLimits): Promise<SearchResult> {
  let limit = limits.fitting(criteria.limit);
  let blamed = false;
  for (;;) {
    const answer = await ask(transport, toFilter(criteria, limit));
    if (!(answer instanceof ProvisioningError)) {
      limits.noteAccepted(limit);
      const { rows, total } = answer;
      if (rows.length > 0 && rows.every(isMasked)) throw masked();
      const offers = new Map(rows.flatMap((raw) => toOffer(raw, criteria)).map((offer) => [offer.phoneNumber, offer]));
      return { offers: [...offers.values()], seen: rows.length, more: mayHideOthers(rows.length, total, limit) };
    }
    if (saysNoneFound(answer)) return none();
    const isNamed = namesLimit(answer);
    blamed ||= !isNamed && limits.isSuspect(limit) && (await worksWithFewRows(transport, criteria));
    const smaller = isNamed || blamed ? limits.halve(limit) : null;
    if (smaller === null && isNamed) throw answer;
    if (smaller === null) return await noneOrBadSearch(transport, criteria, answer);
    limit = smaller;
  }
}

const none = (): SearchResult => ({ offers: [], seen: 0, more: false });

type Answer = z.output<typeof searchAnswer>;

/** Makes one call. A final refusal is returned, because it may mean "none found". Every other failure is thrown. */
async function ask(transport: Transport, filter: SearchFilter): Promise<Answer | ProvisioningError> {
  try {
    return await transport.call(
      { family: 'search', operation: 'search', phase: 'read' },
      (client, options) => client.availablePhoneNumbers.list({ filter }, options),
      searchAnswer,
    );
  } catch (error) {
    if (error instanceof ProvisioningError && REFUSALS.has(error.code)) return error;
    throw error;
  }
}

/** Accounts that are not verified see numbers such as `+16183xxxxxx`, which cannot be ordered (seen on live accounts in 2026). */
function isMasked(raw: unknown): boolean {
  const parsed = maskedRow.safeParse(raw);
  return parsed.success && /^\+?\d*[x*]+\d*$/i.test(parsed.data.phone_number);
}

const masked = (): ProvisioningError =>
  new ProvisioningError(
    'numbers_masked',
    'rejected',
    'this Telnyx account does not show numbers (its verification level does not permit it); verify the account in the Telnyx portal',
  );

/** Codes of a refusal that is about the search, not about the key or the account. */
const REFUSALS: ReadonlySet<string> = new Set<ErrorCode>(['invalid_request', 'refused_by_telnyx']);

/** The refusal points at the limit, or speaks of it. */
function namesLimit(refusal: ProvisioningError): boolean {
  return refusal.details.some((d) => /\blimit\b/i.test(`${d.path} ${d.message}`));
}

/** Repeats the search with few rows. When Telnyx answers it, the limit was the reason of the refusal. */
async function worksWithFewRows(transport: Transport, criteria: SearchCriteria): Promise<boolean> {
  return !((await ask(transport, toFilter(criteria, SMALLEST_LIMIT))) instanceof ProvisioningError);
}

/**
 * Code 10031 has been seen for an empty result, and Telnyx also answers a bad filter with it. A text that says "none found"
 * decides. Otherwise the plainest search of the same country and type decides: when Telnyx answers that one, there was no fitting
 * number.
 */
async function noneOrBadSearch(transport: Transport, c: SearchCriteria, refusal: ProvisioningError): Promise<SearchResult> {
  if (!refusal.details.some(isBadFilter)) throw refusal;
  const plain = await ask(transport, { country_code: c.countryCode, ...asEnums({ ...c, features: [] }), limit: 1 });
  if (plain instanceof ProvisioningError && !saysNoneFound(plain)) throw refusal;
  return none();
}

const isBadFilter = (d: ErrorDetail): boolean => d.message.startsWith('10031');

/** `No numbers found for the filter`, `no available phone numbers`, `Numbers not found`, `No results`. */
const NONE_FOUND =
  /\bno\b[\w ]*\bnumbers?\b[\w ]*\b(found|available|match)|\bno available\b[\w ]*\bnumbers?\b|\bnumbers?\b[\w ]*\bnot found\b|\b(no results|none) found\b|\bno results\b/i;

function saysNoneFound(refusal: ProvisioningError): boolean {
  return refusal.details.some((d) => isBadFilter(d) && NONE_FOUND.test(d.message));
}

/**
 * Whether this answer alone makes more numbers likely. Fewer rows than requested are normal and prove nothing. A total above the
 * number of rows says that there are more. A total that equals it may count the answer only. `false` does not prove that there
 * are no more: only an empty answer does, or a comparison with longer ones (`mayHide` in `processors/lines/search-listed.ts`).
 */
function mayHideOthers(seen: number, total: number | null, limit: number): boolean {
  return seen > 0 && (seen >= Math.min(limit, SMALLEST_CUT) || (total ?? 0) > seen);
}

function toFilter(c: SearchCriteria, limit: number): SearchFilter {
  const digits = {
    ...(c.startsWith === undefined ? {} : { starts_with: c.startsWith }),
    ...(c.endsWith === undefined ? {} : { ends_with: c.endsWith }),
    ...(c.contains === undefined ? {} : { contains: c.contains }),
  };
  return {
    country_code: c.countryCode,
    ...asEnums(c),
    limit,
    best_effort: c.bestEffort,
    ...(c.nationalDestinationCode === undefined ? {} : { national_destination_code: c.nationalDestinationCode }),
    ...(c.administrativeArea === undefined ? {} : { administrative_area: c.administrativeArea }),
    ...(c.locality === undefined ? {} : { locality: c.locality }),
    ...(c.rateCenter === undefined ? {} : { rate_center: c.rateCenter }),
    ...(c.reservable === undefined ? {} : { reservable: c.reservable }),
    // Only `true` is sent. Telnyx does not document whether `false` means all numbers or only the slow ones.
    ...(c.quickship === true ? { quickship: true } : {}),
    ...(c.excludeHeld === true ? { exclude_held_numbers: true } : {}),
    ...(Object.keys(digits).length === 0 ? {} : { phone_number: digits }),
  };
}

/** Guarantee: both go over the wire as they are, and Telnyx refuses a value it does not know; the product keeps them open. */
function asEnums(c: SearchCriteria): Pick<SearchFilter, 'phone_number_type' | 'features'> {
  const open: { phone_number_type: string; features?: string[] } = { phone_number_type: c.phoneNumberType };
  if (c.features !== undefined && c.features.length > 0) open.features = c.features;
  return open as Pick<SearchFilter, 'phone_number_type' | 'features'>;
}

function toOffer(raw: unknown, criteria: SearchCriteria): Offer[] {
  const parsed = offerRow.safeParse(raw);
  if (!parsed.success || !fits(parsed.data, criteria)) return [];
  const { phone_number, cost_information: cost, best_effort } = parsed.data;
  return [
    {
      phoneNumber: phone_number,
      upfrontCost: cost.upfront_cost,
      monthlyCost: cost.monthly_cost,
      currency: cost.currency,
      bestEffort: best_effort ?? false,
    },
  ];
}

function fits(row: OfferRow, c: SearchCriteria): boolean {
  const number = row.phone_number;
  if (!isE164(number) || !isPrice(row.cost_information.upfront_cost) || !isPrice(row.cost_information.monthly_cost)) return false;
  if (inNorthAmerica(c) && !/^\+1\d{10}$/.test(number)) return false;
  if (!inCountry(row, c) || !isOfType(number, c) || !hasFeatures(row, c.features ?? [])) return false;
  if (!isQuickEnough(row, c)) return false;
  // Best effort asks for near misses. Only country, type, features, quickship and price must still hold.
  if (c.bestEffort) return true;
  return row.best_effort !== true && inAreaCode(number, c) && hasDigits(number, c) && inRegion(row, c);
}

function isPrice(text: string): boolean {
  const price = parseMoney(text);
  return price !== null && price >= 0n;
}

function inNorthAmerica(c: SearchCriteria): boolean {
  return ['US', 'CA'].includes(c.countryCode.toUpperCase());
}

/**
 * Decides by the row, else by the numbering plan, because +1 is more than one country. A number that the plan cannot place
 * passes.
 */
function inCountry(row: OfferRow, c: SearchCriteria): boolean {
  const wanted = c.countryCode.toUpperCase();
  const stated = named(row, 'country_code').filter((name) => name.length === 2);
  if (stated.length > 0) return stated.some((name) => name.toUpperCase() === wanted);
  if (!isSupportedCountry(wanted)) return true;
  if (!row.phone_number.startsWith(`+${getCountryCallingCode(wanted)}`)) return false;
  const plan = parsePhoneNumberFromString(row.phone_number);
  // A toll-free code belongs to all countries of a calling code, but the plan names only one of them.
  return plan?.country === undefined || plan.country === wanted || plan.getType() === 'TOLL_FREE';
}

/**
 * Rows do not name their type. When Telnyx ignores the filter, toll-free numbers appear among local ones at many times the price.
 */
function isOfType(number: string, c: SearchCriteria): boolean {
  const type = parsePhoneNumberFromString(number)?.getType();
  return type === undefined || (type === 'TOLL_FREE') === (c.phoneNumberType === 'toll_free');
}

function hasFeatures(row: OfferRow, wanted: readonly string[]): boolean {
  const has = new Set((row.features ?? []).map((f) => f.name?.toLowerCase()));
  return wanted.every((name) => has.has(name.toLowerCase()));
}

/** Quickship concerns toll-free numbers only. A row that does not mention it passes. */
function isQuickEnough(row: OfferRow, c: SearchCriteria): boolean {
  return c.quickship !== true || c.phoneNumberType !== 'toll_free' || row.quickship !== false;
}

/**
 * Exact for +1. For other countries the length of the country code is unknown here, so the area code may follow one to three
 * digits.
 */
function inAreaCode(number: string, { nationalDestinationCode: code }: SearchCriteria): boolean {
  if (code === undefined) return true;
  const nanp = nanpAreaCode(number);
  if (nanp !== null) return nanp === code;
  const bare = code.replace(/^0+/, '');
  return [2, 3, 4].some((at) => number.startsWith(bare, at));
}

function hasDigits(number: string, c: SearchCriteria): boolean {
  if (c.endsWith !== undefined && !number.endsWith(c.endsWith)) return false;
  if (c.contains !== undefined && !number.includes(c.contains)) return false;
  if (c.startsWith === undefined || !inNorthAmerica(c)) return true;
  return number.startsWith(c.startsWith, c.nationalDestinationCode === undefined ? 2 : 5);
}

function inRegion(row: OfferRow, c: SearchCriteria): boolean {
  return (
    matches(c.administrativeArea, named(row, 'state')) &&
    matches(c.locality, named(row, 'location')) &&
    matches(c.rateCenter, named(row, 'rate_center'))
  );
}

function named(row: OfferRow, type: string): string[] {
  return (row.region_information ?? []).flatMap((r) => (r.region_type === type && r.region_name ? [r.region_name] : []));
}

/** A row that states no name passes. So do `Illinois` and `IL`, which are two ways of naming the same state. */
function matches(wanted: string | undefined, stated: string[]): boolean {
  if (wanted === undefined) return true;
  const comparable = stated.filter((name) => (name.length === 2) === (wanted.length === 2));
  return comparable.length === 0 || comparable.some((name) => name.toLowerCase() === wanted.toLowerCase());
}
