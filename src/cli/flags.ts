import { defined } from '../domain/defined.ts';
import { type ErrorDetail, invalid, ProvisioningError } from '../domain/errors.ts';
import type { RequestBody } from '../producers/intake/request-shapes.ts';
import { parseRequest } from '../producers/intake/validate.ts';
import { parseWhere, wholeNumber } from './flag-values.ts';
import { commaList, readSettings } from './settings.ts';

/** The flags that hold back the calls of a request. */
export interface HoldFlags {
  startAt?: string;
  canary?: string;
  stopAbove?: string;
}

/** The flags of `buy` as commander returns them. */
export interface BuyFlags extends HoldFlags {
  ndc: string[];
  state: string[];
  city: string[];
  tollFree?: string;
  numbers?: string;
  country?: string;
  feature: string[];
  rateCenter?: string;
  /** `--quickship`, `--no-quickship`, or neither. */
  quickship?: boolean;
  excludeHeld?: boolean;
  fallback: string;
  connectionId?: string;
  messagingProfileId?: string;
  billingGroupId?: string;
  requirementGroupId?: string;
  tag: string[];
  maxUpfront?: string;
  maxMonthly?: string;
  maxNumberCost?: string;
  reserve?: boolean;
  allOrNothing?: boolean;
  label?: string;
}

/** The flags that choose the numbers of an update or delete. */
export interface TargetFlags {
  numbers?: string;
  where: string[];
  label?: string;
}

export interface UpdateFlags extends TargetFlags, HoldFlags {
  set: string[];
  /** The settings whose values stand in columns of the file. */
  columns?: string;
}

export interface DeleteFlags extends TargetFlags {
  expect: string;
  includeLocked?: boolean;
  includeEmergency?: boolean;
  skipGone?: boolean;
}

interface LineDraft {
  [key: string]: unknown;
}

/** Returns the checked body of a `buy`. Errors: `validation_failed` with every problem. */
export function buyBody(flags: BuyFlags): RequestBody {
  const problems: ErrorDetail[] = [];
  const fallback = parseFallback(flags.fallback, problems);
  const common = {
    country_code: flags.country ?? 'US',
    features: flags.feature.flatMap(commaList),
    ...(flags.excludeHeld === true && { exclude_held_numbers: true }),
    ...(flags.quickship !== undefined && { quickship: flags.quickship }),
    ...(fallback !== null && { fallback }),
  };
  const drafts = lineDrafts(flags, problems);
  problems.push(...idleLineFlags(flags, drafts));
  const body = defined({
    kind: 'buy',
    label: flags.label,
    lines: drafts.map(({ line }) => ({ ...common, ...(isTollFree(line) ? {} : inRateCenter(flags)), ...line })),
    assign: defined({
      connection_id: flags.connectionId,
      messaging_profile_id: flags.messagingProfileId,
      billing_group_id: flags.billingGroupId,
      tags: flags.tag.length === 0 ? undefined : flags.tag.flatMap(commaList),
    }),
    max_upfront_cost: flags.maxUpfront,
    max_monthly_cost: flags.maxMonthly,
    max_number_cost: flags.maxNumberCost,
    requirement_group_id: flags.requirementGroupId,
    reserve: flags.reserve ?? false,
    ...holdFields(flags, problems),
    all_or_nothing: flags.allOrNothing,
  });
  const lineFlags = drafts.map(({ flag }) => flag);
  return checked(body, { streamed: flags.numbers !== undefined, problems, told: ['lines'], lineFlags });
}

const holdFields = ({ startAt, canary, stopAbove }: HoldFlags, problems: ErrorDetail[]) => ({
  start_at: startAt,
  canary: canary === undefined ? undefined : gathered(problems, () => wholeNumber(canary, '--canary')),
  stop_above: stopAbove === undefined ? undefined : Number(/^([\d.]+)%?$/.exec(stopAbove)?.[1] ?? Number.NaN),
});

/** Returns the checked body of an `update`. Errors: `validation_failed` with every problem. */
export function updateBody(flags: UpdateFlags): RequestBody {
  const byRow = flags.columns !== undefined && flags.numbers !== undefined;
  const { set, problems } = byRow && flags.set.length === 0 ? { set: {}, problems: [] } : readSettings(flags.set);
  const where = gathered(problems, () => parseWhere(flags.where));
  const body = defined({ kind: 'update', label: flags.label, where, set, ...holdFields(flags, problems) });
  return checked(body, { streamed: flags.numbers !== undefined, byRow, problems, told: ['phone_numbers', 'set'] });
}

/** Returns the checked body of a `delete`. Errors: `validation_failed` with every problem. */
export function deleteBody(flags: DeleteFlags): RequestBody {
  const problems: ErrorDetail[] = [];
  const where = gathered(problems, () => parseWhere(flags.where));
  const expected = gathered(problems, () => wholeNumber(flags.expect, '--expect'));
  const body = defined({
    kind: 'delete',
    label: flags.label,
    where,
    expected_count: expected,
    include_locked: flags.includeLocked ?? false,
    include_emergency: flags.includeEmergency ?? false,
    skip_gone: flags.skipGone,
  });
  return checked(body, { streamed: flags.numbers !== undefined, problems, told: ['phone_numbers', 'expected_count'] });
}

/** Returns the result of `read`. Its problems are collected, so that all are reported together. */
function gathered<T>(problems: ErrorDetail[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    problems.push(...problemsIn(error));
    return undefined;
  }
}

function lineDrafts(flags: BuyFlags, problems: ErrorDetail[]): { flag: string; line: LineDraft }[] {
  const drafts: { flag: string; line: LineDraft }[] = [];
  const add = (option: string, text: string, criteria: (key: string) => LineDraft) => {
    const [, key = '', quantity = ''] = /^(.+)=(\d+)$/.exec(text) ?? [];
    const example = option === '--ndc' ? '312=200' : option === '--state' ? 'TX=50' : '"Chicago,IL=20"';
    if (key === '') problems.push({ path: `${option} ${text}`, message: `must be what=how many, such as ${example}` });
    else drafts.push({ flag: `${option} ${text}`, line: { ...criteria(key.trim()), quantity: Number(quantity) } });
  };
  for (const text of flags.ndc) add('--ndc', text, (key) => ({ national_destination_code: key }));
  for (const text of flags.state) add('--state', text, (key) => ({ administrative_area: key }));
  for (const text of flags.city) add('--city', text, cityCriteria);
  if (flags.tollFree !== undefined) {
    const quantity = /^\d+$/.test(flags.tollFree) ? Number(flags.tollFree) : Number.NaN;
    if (Number.isNaN(quantity)) problems.push({ path: `--toll-free ${flags.tollFree}`, message: 'must be how many, such as 5' });
    else drafts.push({ flag: `--toll-free ${flags.tollFree}`, line: { phone_number_type: 'toll_free', quantity } });
  }
  return drafts;
}

const isTollFree = (line: LineDraft): boolean => line['phone_number_type'] === 'toll_free';

/** Toll-free numbers have no area, so the rate center goes to all other lines only. */
const inRateCenter = ({ rateCenter }: BuyFlags): LineDraft => (rateCenter === undefined ? {} : { rate_center: rateCenter });

/** Returns the problems of search flags without a search: a list of numbers is bought as it is. */
function idleLineFlags(flags: BuyFlags, drafts: readonly { line: LineDraft }[]): ErrorDetail[] {
  const problems: ErrorDetail[] = [];
  const searches = drafts.map(({ line }) => line);
  if (flags.numbers === undefined && searches.length === 0) return problems;
  if (flags.rateCenter !== undefined && searches.every(isTollFree))
    problems.push({ path: '--rate-center', message: 'needs --ndc, --state or --city' });
  if (flags.excludeHeld === true && searches.length === 0)
    problems.push({ path: '--exclude-held', message: 'needs --ndc, --state, --city or --toll-free' });
  if (flags.quickship === true && searches.length === 0) problems.push({ path: '--quickship', message: 'needs --toll-free' });
  return problems;
}

/** Reads `Chicago,IL`. The state follows the last comma. */
export function cityCriteria(key: string): LineDraft {
  const comma = key.lastIndexOf(',');
  if (comma < 0) return { locality: key };
  return { locality: key.slice(0, comma).trim(), administrative_area: key.slice(comma + 1).trim() };
}

function parseFallback(
  text: string,
  problems: ErrorDetail[],
): { national_destination_codes: string[]; best_effort: boolean } | null {
  if (text === 'none') return null;
  if (text === 'best-effort') return { national_destination_codes: [], best_effort: true };
  const codes = text.startsWith('ndc:') ? commaList(text.slice('ndc:'.length)) : [];
  if (codes.length > 0) return { national_destination_codes: codes, best_effort: false };
  problems.push({ path: `--fallback ${text}`, message: 'must be none, ndc:773,872 or best-effort' });
  return null;
}

interface Reading {
  streamed: boolean;
  byRow?: boolean;
  /** The problems of flags that could not be read. */
  problems: readonly ErrorDetail[];
  /** Fields that are missing only because such a flag could not be read. */
  told: readonly string[];
  lineFlags?: readonly string[];
}

/** Checks a body and reports every problem by the names of the flags. Errors: `validation_failed`. */
function checked(body: object, { streamed, byRow = false, problems, told, lineFlags = [] }: Reading): RequestBody {
  try {
    const good = parseRequest(body, { streamed, byRow });
    if (problems.length === 0) return good;
  } catch (error) {
    const more = problemsIn(error).filter((d) => problems.length === 0 || !told.includes(d.path));
    throw invalid([...problems, ...more.map((d) => ({ path: flagOf(d.path, lineFlags), message: d.message }))]);
  }
  throw invalid([...problems]);
}

/** Returns the problems that a refusal of input lists. Throws any other error. */
export function problemsIn(error: unknown): ErrorDetail[] {
  if (error instanceof ProvisioningError && error.code === 'validation_failed') return error.details;
  throw error;
}

const FLAGS: Readonly<Record<string, string>> = {
  lines: '--ndc, --state, --city, --toll-free or --numbers',
  phone_numbers: '--numbers or --where',
  'assign.connection_id': '--connection-id',
  'assign.messaging_profile_id': '--messaging-profile-id',
  'assign.billing_group_id': '--billing-group-id',
  'assign.tags': '--tag',
  max_upfront_cost: '--max-upfront',
  max_monthly_cost: '--max-monthly',
  max_number_cost: '--max-number-cost',
  requirement_group_id: '--requirement-group-id',
  expected_count: '--expect',
  label: '--label',
  start_at: '--start-at',
  canary: '--canary',
  stop_above: '--stop-above',
};

function flagOf(path: string, lineFlags: readonly string[]): string {
  const [, index, field] = /^lines\.(\d+)(?:\.([a-z_]+))?/.exec(path) ?? [];
  if (field === 'country_code') return '--country';
  if (field === 'features') return '--feature';
  if (field === 'rate_center') return '--rate-center';
  if (field === 'fallback') return '--fallback';
  if (index !== undefined) return lineFlags[Number(index)] ?? path;
  if (path === 'set' || path.startsWith('set.')) return path.replace(/^set\.?/, '--set ').trim();
  if (path === 'where' || path.startsWith('where.')) return path.replace(/^where\.?/, '--where ').trim();
  return FLAGS[path.replace(/\.\d+$/, '')] ?? path;
}
