import type Telnyx from 'telnyx';
import { hitByHash } from '../random.ts';
import type { PoolNumber } from '../types.ts';
import type { World } from '../world.ts';
import { type Context, codeOf, ok, type Reply, struckBy } from './context.ts';
import { isUnverified, levelRefusal } from './level.ts';
import { money, type Query, Refusal } from './wire.ts';

type Item = Telnyx.AvailablePhoneNumberListResponse.Data;
type Test = (number: PoolNumber) => boolean;

const DEFAULT_LIMIT = 100;
const FEATURES = new Set(['sms', 'mms', 'voice', 'fax', 'emergency', 'hd_voice', 'international_sms', 'local_calling']);

/** True for a number that searches show: not in an order, and not known to be sold. */
export function onSale(world: World, number: PoolNumber): boolean {
  return !world.taken.has(number.e164);
}

/** On sale and really available. */
export function isFree(world: World, number: PoolNumber): boolean {
  return onSale(world, number) && !world.ghosts.has(number.e164);
}

function heldByUs(world: World, number: PoolNumber): boolean {
  const reservation = world.reservedBy.get(number.e164);
  return reservation !== undefined && reservation.expiresAt > world.now();
}

function sameText(wanted: string | undefined, actual: string): boolean {
  return wanted === undefined || wanted.toLowerCase() === actual.toLowerCase();
}

/** Digit patterns match the national number, without the area code when a separate filter names it. */
function digitTest(query: Query): Test {
  const contains = query.one('filter[phone_number][contains]');
  const starts = query.one('filter[phone_number][starts_with]');
  const ends = query.one('filter[phone_number][ends_with]');
  const withNdc = query.one('filter[national_destination_code]') !== undefined;
  return (number) => {
    const prefix = 1 + number.area.countryCode.length + (withNdc ? number.area.ndc.length : 0);
    const digits = number.e164.slice(prefix);
    return (
      (contains === undefined || digits.includes(contains)) &&
      (starts === undefined || digits.startsWith(starts)) &&
      (ends === undefined || digits.endsWith(ends))
    );
  };
}

/** The features that a search asks for, as the service reads them. */
function featuresOf({ query, world }: Context): string[] {
  return world.behaviour.featureCommas === 'split' ? query.list('filter[features]') : query.values('filter[features]');
}

/** Returns the largest number of rows. It refuses a limit that the service does not accept. */
function limitOf(context: Context): number {
  const limit = context.query.int('filter[limit]') ?? DEFAULT_LIMIT;
  const refused = struckBy(context, 'limit_refused', ({ most }) => most !== undefined && limit > most);
  if (refused) {
    const code = refused.code ?? '10031';
    throw new Refusal(refused.status ?? (code === '10031' ? 400 : 422), {
      ...codeOf(refused, code),
      title: 'Invalid filter',
      detail: refused.detail ?? `limit must be between 1 and ${refused.most}`,
      source: { parameter: 'filter[limit]' },
    });
  }
  const capped = struckBy(context, 'rows_capped', ({ most }) => most !== undefined && limit > most);
  return Math.min(limit, capped?.most ?? limit);
}

/** The filters that best effort never relaxes. */
function baseTest(context: Context): Test {
  const { query, world } = context;
  const country = query.one('filter[country_code]');
  const type = query.one('filter[phone_number_type]');
  const features = featuresOf(context);
  const quickship = query.flag('filter[quickship]') === true;
  const reservable = query.flag('filter[reservable]') === true;
  const excludeHeld = query.flag('filter[exclude_held_numbers]') === true;
  return (number) =>
    onSale(world, number) &&
    sameText(country, number.area.country) &&
    sameText(type, number.area.type) &&
    features.every((feature) => number.features.includes(feature)) &&
    (!quickship || number.quickship) &&
    (!reservable || number.reservable) &&
    (!excludeHeld || !heldByUs(world, number));
}

function placeTest(query: Query): Test {
  const ndc = query.one('filter[national_destination_code]');
  const state = query.one('filter[administrative_area]');
  const city = query.one('filter[locality]');
  const rateCenter = query.one('filter[rate_center]');
  return ({ area }) =>
    (ndc === undefined || ndc === area.ndc) &&
    sameText(state, area.state) &&
    sameText(city, area.locality) &&
    sameText(rateCenter, area.rateCenter);
}

function collect(source: Iterable<PoolNumber>, test: Test, limit: number, into: PoolNumber[] = []): PoolNumber[] {
  for (const number of source) {
    if (into.length >= limit) break;
    if (test(number)) into.push(number);
  }
  return into;
}

/** Without a filter the answer is random rows of the whole pool. */
function anything(world: World): PoolNumber[] {
  const stride = Math.max(1, Math.floor(world.pool.length / DEFAULT_LIMIT));
  return world.pool.filter((number, index) => index % stride === 0 && onSale(world, number)).slice(0, DEFAULT_LIMIT);
}

/** A search that names no type also offers toll-free numbers, and expensive ones among them. */
function mixed(world: World, test: Test, limit: number): PoolNumber[] {
  const locals = collect(world.pool, (n) => n.area.type === 'local' && test(n), limit);
  const tollFree = collect([...world.pool].reverse(), (n) => n.area.type === 'toll_free' && test(n), Math.ceil(limit / 4));
  const result: PoolNumber[] = [];
  for (let n = 0; result.length < limit && (n < locals.length || n < tollFree.length); n += 1) {
    const dear = n % 3 === 0 ? tollFree[n / 3] : undefined;
    if (dear) result.push(dear);
    const local = locals[n];
    if (local && result.length < limit) result.push(local);
  }
  return result;
}

function find(context: Context): { exact: PoolNumber[]; near: PoolNumber[] } {
  const { query, world } = context;
  const limit = limitOf(context);
  if (!query.hasFilter()) return { exact: anything(world).slice(0, limit), near: [] };
  const ndc = query.one('filter[national_destination_code]');
  const source = ndc === undefined ? world.pool : (world.poolByNdc.get(ndc) ?? []);
  const base = baseTest(context);
  const place = placeTest(query);
  const digits = digitTest(query);
  const all: Test = (number) => base(number) && place(number) && digits(number);
  const typed = query.one('filter[phone_number_type]') !== undefined || ndc !== undefined;
  const exact = typed ? collect(source, all, limit) : mixed(world, all, limit);
  if (query.flag('filter[best_effort]') !== true || exact.length >= limit) return { exact, near: [] };
  const home = world.poolByNdc.get(ndc ?? '')?.[0]?.area ?? exact[0]?.area;
  const known = new Set(exact);
  const rest = limit - exact.length;
  const misses: Test = (number) => !known.has(number) && base(number) && ['US', 'CA'].includes(number.area.country);
  const near = collect(world.pool, (n) => misses(n) && (!home || n.area.state === home.state), rest);
  for (const number of near) known.add(number);
  return { exact, near: collect(world.pool, misses, rest, near) };
}

function regions(number: PoolNumber): NonNullable<Item['region_information']> {
  const { area } = number;
  const country = { region_type: 'country_code' as const, region_name: area.country };
  if (area.type === 'toll_free') return [country];
  const city = { region_type: 'location' as const, region_name: area.locality };
  if (area.state === '') return [country, city];
  return [
    { region_type: 'rate_center', region_name: area.rateCenter },
    { region_type: 'state', region_name: area.state },
    country,
    city,
  ];
}

/** `+16183xxxxxx` */
function mask(e164: string): string {
  return e164.slice(0, 6).padEnd(e164.length, 'x');
}

/** Says which rows are masked. For an account of low level these are all rows. */
function maskTest(context: Context): Test {
  if (isUnverified(context)) return () => true;
  const masked = struckBy(context, 'masked_numbers');
  return (number) => masked !== undefined && hitByHash(context.world.faults.seed, number.e164, masked.fraction ?? 1);
}

/** Filters that an account of low level may not use. */
function assertFilters(context: Context): void {
  const features = context.query.list('filter[features]').length > 0;
  const starts = context.query.one('filter[phone_number][starts_with]') !== undefined;
  if (!(features || starts) || !isUnverified(context)) return;
  throw features
    ? levelRefusal('10039', 'The filter for features')
    : levelRefusal('10038', 'The filter for the first digits of a number');
}

function item(number: PoolNumber, bestEffort: boolean, masked: boolean): Item {
  return {
    record_type: 'available_phone_number',
    phone_number: masked ? mask(number.e164) : number.e164,
    vanity_format: '',
    best_effort: bestEffort,
    quickship: number.quickship,
    reservable: number.reservable,
    features: number.features.map((name) => ({ name })),
    region_information: regions(number),
    cost_information: { upfront_cost: money(number.upfront), monthly_cost: money(number.monthly), currency: 'USD' },
  };
}

/** GET /available_phone_numbers */
export function searchNumbers(context: Context): Reply {
  const { world } = context;
  assertFilters(context);
  const { exact, near } = find(context);
  // A feature that does not exist is no error. The list is empty and gives no reason.
  const silent = world.behaviour.noneFound === 'empty' || !featuresOf(context).every((name) => FEATURES.has(name));
  if (exact.length + near.length === 0 && !silent) {
    throw new Refusal(400, {
      code: '10031',
      title: 'Unable to process request',
      detail: 'No numbers found for the given filters. Try best_effort.',
    });
  }
  const masked = maskTest(context);
  for (const number of [...exact, ...near]) if (!masked(number)) world.searchedAt.set(number.e164, world.now());
  const data = [...exact.map((n) => item(n, false, masked(n))), ...near.map((n) => item(n, true, masked(n)))];
  const meta = { total_results: data.length, best_effort_results: near.length };
  return ok({ data, meta, metadata: meta } satisfies Telnyx.AvailablePhoneNumberListResponse);
}

/** GET /inventory_coverage: counts for each area code that passes. */
export function inventoryCoverage(context: Context): Reply {
  const { query, world } = context;
  const country = query.one('filter[country_code]') ?? 'US';
  const state = query.one('filter[administrative_area]');
  const npa = query.one('filter[npa]');
  const type = query.one('filter[phone_number_type]');
  const byCity = query.one('filter[groupBy]') === 'locality';
  const groups = new Map<string, { first: PoolNumber; count: number }>();
  for (const number of world.pool) {
    const { area } = number;
    if (!onSale(world, number) || area.country !== country || (npa ?? area.ndc) !== area.ndc) continue;
    if (!sameText(state, area.state) || !sameText(type, area.type)) continue;
    const key = byCity ? area.locality : area.ndc;
    const group = groups.get(key);
    if (group) group.count += 1;
    else groups.set(key, { first: number, count: 1 });
  }
  const data: Telnyx.InventoryCoverageListResponse.Data[] = [...groups].map(([group, { first, count }]) => ({
    record_type: 'inventory_coverage',
    group,
    group_type: query.one('filter[groupBy]') ?? 'npa',
    coverage_type: 'number',
    number_type: first.area.type === 'toll_free' ? 'toll-free' : 'did',
    phone_number_type: first.area.type,
    administrative_area: first.area.state,
    advance_requirements: false,
    count,
  }));
  return ok({ data, meta: { total_results: data.length } } satisfies Telnyx.InventoryCoverageListResponse);
}
