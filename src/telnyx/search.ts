import { getCountryCallingCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type Telnyx from 'telnyx';
import { ProvisioningError } from '../domain/errors.ts';
import { parseMoney } from '../domain/money.ts';
import { isE164, nanpAreaCode } from '../domain/phone-number.ts';
import type { Offer, SearchCriteria, SearchResult } from './gateway.ts';
import type { Transport } from './transport.ts';
import { numberRow, type OfferRow, offerRow, searchAnswer } from './wire.ts';

type SearchFilter = NonNullable<NonNullable<Parameters<Telnyx['availablePhoneNumbers']['list']>[0]>['filter']>;

/** New and unverified accounts see `+16183xxxxxx` in place of nearly every number (seen on a live account, September 2026). */
const MASKED =
  'this Telnyx account does not show numbers (its verification level may not allow it); verify the account in the Telnyx portal';

/** Telnyx documents no maximum for `limit` and may cap it: an answer of this many rows or more may be a cut one. */
const SMALLEST_CUT = 50;

/**
 * Numbers that can be bought now. Telnyx ignores filters it does not know and answers with random numbers, so every row is checked
 * against the criteria; a row that does not fit, is masked or has no price is left out.
 * @throws ProvisioningError `numbers_masked` (rejected) when there are rows and every one of them is masked.
 */
export async function search(transport: Transport, criteria: SearchCriteria): Promise<SearchResult> {
  const filter = toFilter(criteria);
  try {
    const { rows, total } = await transport.call(
      { family: 'search', operation: 'search', phase: 'read' },
      (client, options) => client.availablePhoneNumbers.list({ filter }, options),
      searchAnswer,
    );
    if (rows.length > 0 && rows.every(isMasked)) throw new ProvisioningError('numbers_masked', 'rejected', MASKED);
    const offers = new Map(rows.flatMap((raw) => toOffer(raw, criteria)).map((offer) => [offer.phoneNumber, offer]));
    return { offers: [...offers.values()], seen: rows.length, more: mayHideOthers(rows.length, total, criteria.limit) };
  } catch (error) {
    if (saysNoneFound(error)) return { offers: [], seen: 0, more: false };
    throw error;
  }
}

function isMasked(row: unknown): boolean {
  const parsed = numberRow.safeParse(row);
  return parsed.success && /^\+\d+x+$/i.test(parsed.data.phone_number);
}

/**
 * Fewer rows than asked are normal and prove nothing; only a small or empty answer is the whole of what there is. A total above
 * the rows says that there are more; one that equals them may have counted no more than the answer.
 */
function mayHideOthers(seen: number, total: number | null, limit: number): boolean {
  return seen > 0 && (seen >= Math.min(limit, SMALLEST_CUT) || (total ?? 0) > seen);
}

/** On this endpoint an empty result has been seen as HTTP 400 with code 10031, which elsewhere means a bad filter. */
function saysNoneFound(error: unknown): boolean {
  return (
    error instanceof ProvisioningError &&
    error.code === 'invalid_request' &&
    error.details.some((d) => d.message.startsWith('10031'))
  );
}

function toFilter(c: SearchCriteria): SearchFilter {
  const digits = {
    ...(c.startsWith === undefined ? {} : { starts_with: c.startsWith }),
    ...(c.endsWith === undefined ? {} : { ends_with: c.endsWith }),
    ...(c.contains === undefined ? {} : { contains: c.contains }),
  };
  return {
    country_code: c.countryCode,
    ...asEnums(c),
    limit: c.limit,
    best_effort: c.bestEffort,
    ...(c.nationalDestinationCode === undefined ? {} : { national_destination_code: c.nationalDestinationCode }),
    ...(c.administrativeArea === undefined ? {} : { administrative_area: c.administrativeArea }),
    ...(c.locality === undefined ? {} : { locality: c.locality }),
    ...(c.reservable === undefined ? {} : { reservable: c.reservable }),
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
  // A near miss is what best effort asks for; only country, type, features and price still hold then.
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

/** By what the row says, else by the numbering plan: +1 is not one country. What the plan cannot tell is let pass. */
function inCountry(row: OfferRow, c: SearchCriteria): boolean {
  const wanted = c.countryCode.toUpperCase();
  const stated = named(row, 'country_code').filter((name) => name.length === 2);
  if (stated.length > 0) return stated.some((name) => name.toUpperCase() === wanted);
  if (!isSupportedCountry(wanted)) return true;
  if (!row.phone_number.startsWith(`+${getCountryCallingCode(wanted)}`)) return false;
  const plan = parsePhoneNumberFromString(row.phone_number);
  // Toll-free codes belong to all countries of a calling code; the plan names one of them.
  return plan?.country === undefined || plan.country === wanted || plan.getType() === 'TOLL_FREE';
}

/** Rows name no type, and a filter that was ignored mixes toll-free numbers at many times the price into local ones. */
function isOfType(number: string, c: SearchCriteria): boolean {
  const type = parsePhoneNumberFromString(number)?.getType();
  return type === undefined || (type === 'TOLL_FREE') === (c.phoneNumberType === 'toll_free');
}

function hasFeatures(row: OfferRow, wanted: readonly string[]): boolean {
  const has = new Set((row.features ?? []).map((f) => f.name?.toLowerCase()));
  return wanted.every((name) => has.has(name.toLowerCase()));
}

/** Exact for +1. Elsewhere the length of the country code is not known here, so the code must follow one to three digits. */
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
  return matches(c.administrativeArea, named(row, 'state')) && matches(c.locality, named(row, 'location'));
}

function named(row: OfferRow, type: string): string[] {
  return (row.region_information ?? []).flatMap((r) => (r.region_type === type && r.region_name ? [r.region_name] : []));
}

/** A name that is not stated cannot contradict; nor can `Illinois` and `IL`, which are different ways of naming. */
function matches(wanted: string | undefined, stated: string[]): boolean {
  if (wanted === undefined) return true;
  const comparable = stated.filter((name) => (name.length === 2) === (wanted.length === 2));
  return comparable.length === 0 || comparable.some((name) => name.toLowerCase() === wanted.toLowerCase());
}
