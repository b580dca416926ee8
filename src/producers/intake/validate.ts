import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { type ErrorDetail, invalid, MOST_PROBLEMS } from '../../domain/errors.ts';
import { notE164, unseenIn } from '../../domain/phone-cell.ts';
import { isE164 } from '../../domain/phone-number.ts';
import { clipped } from '../../domain/text.ts';
import { checkShape } from './problem-words.ts';
import { ADMINISTRATIVE_AREAS } from './regions.ts';
import { AREA_CODE, type RequestBody, requestBody } from './request-shapes.ts';
import { MAX_ASKED, MAX_FALLBACK_CODES, MAX_LINES, sizeProblem } from './size-limits.ts';

export { MOST_PROBLEMS } from '../../domain/errors.ts';
export { requestBody } from './request-shapes.ts';

/** How a body comes in. */
export interface Parsed {
  /** True when the numbers come as a stream outside the body. */
  streamed?: boolean;
  /** True when each number of the stream brings values of its own. */
  byRow?: boolean;
}

/**
 * Checks a body completely and throws `validation_failed` with every problem. A body that is too large is refused for its size
 * alone, before its parts are checked.
 */
export function parseRequest(input: unknown, options: Parsed = {}): RequestBody {
  const tooLarge = sizeProblem(input);
  if (tooLarge !== null) throw invalid([tooLarge]);
  const checked = checkShape(requestBody, input);
  const problems = [...('problems' in checked ? checked.problems : []), ...meaningProblems(input, options)];
  if ('data' in checked && problems.length === 0) return checked.data;
  // Numbers are checked once, while they are stored. This check only completes a list of problems.
  throw invalid([...problems, ...numberProblems(fieldsOf(input)['phone_numbers'])]);
}

/**
 * Problems that concern more than the shape of one field. It reads whatever can be read, so that these problems are reported
 * together with those of the shape. A field of the wrong shape is left out.
 */
function meaningProblems(input: unknown, options: Parsed): ErrorDetail[] {
  const body = fieldsOf(input);
  if (body['kind'] === 'buy') return buyProblems(body, options);
  if (body['kind'] === 'update') return updateProblems(body, options);
  return body['kind'] === 'delete' ? targetProblems(body, options) : [];
}

function buyProblems(body: Fields, options: Parsed): ErrorDetail[] {
  const { lines, phone_numbers } = body;
  const nothing = (list: unknown) => list === undefined || (Array.isArray(list) && list.length === 0);
  if (nothing(lines) && nothing(phone_numbers) && options.streamed !== true)
    return [{ path: 'lines', message: 'a buy needs at least one line or phone number' }];
  const whole = body['all_or_nothing'] === true && body['canary'] !== undefined;
  const both = whole
    ? [{ path: 'canary', message: 'cannot be combined with all_or_nothing, which orders every number or none' }]
    : [];
  const told = listOf(lines)
    .slice(0, MAX_LINES)
    .flatMap((l, i) => lineProblems(fieldsOf(l), `lines.${i}`));
  const tooMany = askedProblem(quantityOf(lines) + listOf(phone_numbers).length);
  return [...told, ...both, ...(tooMany === null ? [] : [tooMany])];
}

/** The problem of a buy that asks for too many numbers, or `null`. */
export function askedProblem(asked: number): ErrorDetail | null {
  if (asked <= MAX_ASKED) return null;
  return {
    path: 'lines',
    message: `a buy may ask for ${MAX_ASKED.toLocaleString('en-US')} numbers at most, all lines and its list together`,
  };
}

function quantityOf(lines: unknown): number {
  return listOf(lines).reduce((sum: number, l) => {
    const { quantity } = fieldsOf(l);
    return sum + (typeof quantity === 'number' && quantity > 0 ? quantity : 0);
  }, 0);
}

function lineProblems(l: Fields, path: string): ErrorDetail[] {
  const { country_code = 'US', administrative_area: area } = l;
  if (typeof country_code !== 'string' || country_code.length !== 2) return [];
  const country = country_code.toUpperCase();
  const problems: ErrorDetail[] = [];
  if (!isSupportedCountry(country)) problems.push({ path: `${path}.country_code`, message: `unknown country "${country}"` });
  const fallback = listOf(fieldsOf(l['fallback'])['national_destination_codes']).slice(0, MAX_FALLBACK_CODES);
  const codes = [
    [l['national_destination_code'], 'national_destination_code'] as const,
    ...fallback.map((code, i) => [code, `fallback.national_destination_codes.${i}`] as const),
  ];
  for (const [code, field] of codes) {
    if (typeof code !== 'string' || !AREA_CODE.test(code) || (country !== 'US' && country !== 'CA')) continue;
    const message = areaCodeProblem(code, l['phone_number_type'] ?? 'local');
    if (message !== null) problems.push({ path: `${path}.${field}`, message });
  }
  if (typeof area === 'string' && ADMINISTRATIVE_AREAS[country]?.has(area.toUpperCase()) !== true) {
    problems.push({ path: `${path}.administrative_area`, message: `unknown state or province "${area}" for ${country}` });
  }
  if (l['rate_center'] !== undefined) {
    const message = rateCenterProblem(country, l['phone_number_type']);
    if (message !== null) problems.push({ path: `${path}.rate_center`, message });
  }
  return problems;
}

/**
 * The problem of a rate center, or `null`. Telnyx ignores this filter where it does not apply and would then sell numbers from
 * anywhere.
 */
function rateCenterProblem(country: string, type: unknown): string | null {
  if (country !== 'US' && country !== 'CA') return 'is known for numbers of the US and Canada only';
  return type === 'toll_free' ? 'is an area, and toll-free numbers have none' : null;
}

function areaCodeProblem(code: string, type: unknown): string | null {
  if (!isNanpAreaCode(code)) return `"${code}" is not an area code of the US or Canada`;
  if (code === PREMIUM_CODE) return `"${code}" is the code of premium-rate numbers and no area`;
  if (type === 'local' && isTollFreeCode(code))
    return `"${code}" is a toll-free code and no area: ask for toll-free numbers instead (phone_number_type "toll_free", --toll-free)`;
  return null;
}

function updateProblems(body: Fields, options: Parsed): ErrorDetail[] {
  const { set, rows } = body;
  const byRow = rows !== undefined || options.byRow === true;
  const unset = set === undefined || (isFields(set) && Object.keys(set).length === 0);
  // With values in the rows, those for all rows may be left out. Each row is then checked while it is stored.
  return [...targetProblems(body, options), ...(byRow && unset ? [] : setProblems(set ?? {}))];
}

function targetProblems(body: Fields, options: Parsed): ErrorDetail[] {
  const { phone_numbers, where, rows } = body;
  const sources = [phone_numbers, where, rows].filter((s) => s !== undefined).length + Number(options.streamed === true);
  if (sources !== 1) return [{ path: 'phone_numbers', message: 'give either phone_numbers or where' }];
  if (Array.isArray(rows) && rows.length === 0) return [{ path: 'rows', message: 'the list is empty' }];
  if (isFields(where) && Object.keys(where).length === 0) return [{ path: 'where', message: 'names no condition' }];
  // A condition without a value is refused, because the filter would match far more than its author meant.
  const empty = Object.entries(fieldsOf(where)).filter(([, value]) => value === undefined);
  if (empty.length > 0) return empty.map(([key]) => ({ path: `where.${key}`, message: 'has no value' }));
  if (Array.isArray(phone_numbers) && phone_numbers.length === 0)
    return [{ path: 'phone_numbers', message: 'the list is empty' }];
  return [];
}

/** Problems of the settings of an update that concern more than one of them. */
export function setProblems(set: unknown): ErrorDetail[] {
  if (!isFields(set)) return [];
  const { voice, tags, add_tags, remove_tags } = set;
  const problems: ErrorDetail[] = [];
  const idle = Object.entries(set).filter(([key, value]) => !changesSomething(key, value));
  if (idle.length === Object.keys(set).length) problems.push({ path: 'set', message: 'names no field to change' });
  else if (isFields(voice)) problems.push(...idleVoice(voice));
  if (tags !== undefined && (add_tags !== undefined || remove_tags !== undefined)) {
    problems.push({ path: 'set.tags', message: 'replaces all tags and cannot be combined with add_tags or remove_tags' });
  }
  return problems;
}

/**
 * False for a value that would have no effect. A value of the wrong shape counts as true, because its problem is reported
 * elsewhere.
 */
function changesSomething(key: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (key === 'add_tags' || key === 'remove_tags') return !Array.isArray(value) || value.length > 0;
  return !isFields(value) || Object.entries(value).some(([inner, v]) => changesSomething(inner, v));
}

/** Problems of voice settings that are empty beside other settings. */
function idleVoice(voice: Fields): ErrorDetail[] {
  const message = 'names no field to change';
  if (!changesSomething('voice', voice)) return [{ path: 'set.voice', message }];
  const idle = Object.entries(voice).filter(([key, value]) => isFields(value) && !changesSomething(key, value));
  return idle.map(([key]) => ({ path: `set.voice.${key}`, message }));
}

/** How many numbers are checked to complete a list of problems. A body that is refused anyway must not cost more. */
const MOST_CHECKED = 5_000;

function numberProblems(numbers: unknown): ErrorDetail[] {
  const check = listCheck();
  const problems: ErrorDetail[] = [];
  for (const [i, number] of listOf(numbers).slice(0, MOST_CHECKED).entries()) {
    const problem = typeof number === 'string' ? check({ number, at: `phone_numbers.${i}` }) : null;
    if (problem !== null) problems.push(problem);
    if (problems.length >= MOST_PROBLEMS) break;
  }
  return problems;
}

/** Returns a check for the numbers of one list, called in their order. It remembers the numbers unless they may be repeated. */
export function listCheck(
  repeats: 'refuse' | 'once' = 'refuse',
): (row: { number: string; at: string; problem?: string }) => ErrorDetail | null {
  const places = new Map<string, string>();
  return ({ number, at, problem }) => {
    const first = places.get(number);
    if (first === undefined && repeats === 'refuse') places.set(number, at);
    const message = problem ?? phoneNumberProblem(number) ?? (first === undefined ? null : repeatProblem(number, first));
    return message === null ? null : { path: at, message };
  };
}

/**
 * A number of the North American plan: ten digits, and no area code begins with 0 or 1. All countries of the plan use this one
 * length, so libphonenumber calls each of these numbers possible. A test holds it against libphonenumber.
 */
const PLAINLY_POSSIBLE = /^\+1[2-9]\d{9}$/;

/** The problem of one number of a list, or `null`. Parsing takes most of the time of a long list, so plain numbers skip it. */
export function phoneNumberProblem(n: string): string | null {
  return PLAINLY_POSSIBLE.test(n) ? null : problemByPlan(n);
}

/** Does the same by libphonenumber, for every number. */
export function problemByPlan(n: string): string | null {
  if (!isE164(n)) return notE164(clipped(n, 60), unseenIn(n));
  if (parsePhoneNumberFromString(n)?.isPossible() !== true) return `"${n}" has a length that its country does not use`;
  return null;
}

/** The message for a repeated number. `first` is the place of its first occurrence. */
export function repeatProblem(n: string, first: string): string {
  return `"${n}" is in the list already, at ${first}`;
}

/** The message for a number that has other values in an earlier row. `first` is the place of that row. */
export function otherValuesProblem(n: string, first: string): string {
  return `"${n}" is in the list already, at ${first}, with other values`;
}

/** The country of a number by the numbering plan, or `null`. */
export function countryOfNumber(n: string): string | null {
  return parsePhoneNumberFromString(n)?.country ?? null;
}

/**
 * True for a code that has the shape of an area code of the North American plan: the first digit is 2 to 9, the second is not 9
 * (reserved for longer numbers), and the last two are not 11 (services such as 911). Published lists of codes lag behind the plan
 * by months, so no list is used, and the search tells whether there are numbers.
 */
export function isNanpAreaCode(code: string): boolean {
  return /^[2-9](?!11)[0-8]\d$/.test(code);
}

/**
 * True for toll-free codes such as 800 and 888, also for those that the plan reserves (822, 880 to 889). They belong to no area.
 */
export function isTollFreeCode(code: string): boolean {
  return /^8(?:00|22|33|44|55|66|77|8\d)$/.test(code);
}

/** The code of premium-rate numbers. They belong to no area, and no geographic search finds them. */
const PREMIUM_CODE = '900';

interface Fields {
  readonly [key: string]: unknown;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
