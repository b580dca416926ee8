import type { ActView, FieldChange } from '../producers/read/history.ts';
import type { RequestView } from '../producers/read/views.ts';
import { count, plural } from './output.ts';

/** How many buy lines of a request are shown. */
const SHOWN_LINES = 5;

/** A name and a value, as one line for people. */
export type Pair = [name: string, value: string];

/** A part of a body, as it was asked for or stored. */
export interface Fields {
  readonly [key: string]: unknown;
}

/** `max_upfront_cost` → `max upfront cost` */
export function wordsOf(name: string): string {
  return name.replaceAll('_', ' ');
}

/** Says what a request asked for: its buy lines, settings, filter, budgets and count of numbers. */
export function bodyPairs({ body }: Pick<RequestView, 'body'>): Pair[] {
  const { kind: _kind, label: _label, lines, assign, set, max_upfront_cost, max_monthly_cost, ...rest } = body;
  return [
    ...linePairs(Array.isArray(lines) ? lines.filter(isFields) : []),
    ...settingPairs(isFields(assign) ? assign : {}, 'new'),
    ...settingPairs(isFields(set) ? set : {}, 'ours'),
    ...budgetPairs({ max_upfront_cost, max_monthly_cost }),
    ...Object.entries(rest).flatMap(([key, value]): Pair[] => (says(value) ? [[wordsOf(key), valueText(value)]] : [])),
  ];
}

/** One pair for each of the first buy lines, and one that counts the others. */
export function linePairs(lines: readonly Fields[]): Pair[] {
  const shown = lines.slice(0, SHOWN_LINES).map((line, i): Pair => [i === 0 ? 'lines' : '', lineText(line)]);
  const more = lines.length - shown.length;
  return more > 0 ? [...shown, ['', `and ${plural(more, 'more line')}`]] : shown;
}

/** The budgets of a buy as one pair; none without a budget. */
export function budgetPairs(body: Fields, currency?: string): Pair[] {
  const amount = (key: string, word: string) =>
    textOf(body[key]) === null ? [] : [`${textOf(body[key])}${currency === undefined ? '' : ` ${currency}`} ${word}`];
  const said = [...amount('max_upfront_cost', 'upfront'), ...amount('max_monthly_cost', 'a month')];
  return said.length === 0 ? [] : [['budget', `at most ${said.join(', ')}`]];
}

/**
 * What is set on every number, one pair a field. For numbers that exist already, it says when a value replaces or takes away what
 * is there.
 */
export function settingPairs(set: Fields, numbers: 'new' | 'ours'): Pair[] {
  return Object.entries(set).flatMap(([key, value]) => (value === undefined ? [] : settingOf(key, value, numbers === 'new')));
}

function settingOf(key: string, value: unknown, isNew: boolean): Pair[] {
  const name = wordsOf(key).replace(/ id$/, '');
  if (key === 'tags' && Array.isArray(value) && !isNew)
    return [[name, value.length === 0 ? 'none (takes all tags away)' : `${listText(value)} (replaces all tags)`]];
  if (key === 'messaging_profile_id' && value === '') return [[name, 'none (takes the messaging profile away)']];
  if (key === 'emergency_address_id' && value === null) return [[name, 'none (switches emergency calling off)']];
  if (key === 'voice' && isFields(value)) return leavesOf(value, 'voice').map(([path, leaf]): Pair => [path, valueText(leaf)]);
  return [[name, valueText(value)]];
}

/** The single values of nested settings, each with its path. */
function leavesOf(value: Fields, path: string): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]): [string, unknown][] =>
    isFields(inner) ? leavesOf(inner, `${path}.${key}`) : [[`${path}.${key}`, inner]],
  );
}

/** `200 US local in 312 with sms, else in 773 or 872` */
export function lineText(line: Fields): string {
  const text = (key: string) => textOf(line[key]);
  const center = text('rate_center');
  const where = [
    text('locality'),
    text('administrative_area'),
    text('national_destination_code'),
    center && `rate center ${center}`,
  ].filter((part) => part !== null);
  const type = text('phone_number_type') ?? 'local';
  const features = Array.isArray(line['features']) ? line['features'] : [];
  const { fallback } = line;
  const codes =
    isFields(fallback) && Array.isArray(fallback['national_destination_codes']) ? fallback['national_destination_codes'] : [];
  return [
    `${valueText(line['quantity'])} ${text('country_code') ?? 'US'} ${type === 'toll_free' ? 'toll-free' : wordsOf(type)}`,
    where.length === 0 ? '' : ` in ${where.join(', ')}`,
    features.length === 0 ? '' : ` with ${features.join(' and ')}`,
    text('max_number_cost') === null ? '' : `, each at most ${text('max_number_cost')}`,
    line['quickship'] === true ? ', that work at once' : '',
    line['exclude_held_numbers'] === true ? ', none on hold' : '',
    text('requirement_group_id') === null ? '' : `, requirement group ${text('requirement_group_id')}`,
    codes.length === 0 ? '' : `, else in ${codes.join(' or ')}`,
    isFields(fallback) && fallback['best_effort'] === true ? ', else whatever is near' : '',
  ].join('');
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** True for an object with named values. */
export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const listText = (values: readonly unknown[]): string => values.map(String).join(', ');

/** False for a value that asks for nothing. */
function says(value: unknown): boolean {
  if (isFields(value)) return Object.values(value).some(says);
  return Array.isArray(value) ? value.length > 0 : value !== false && value !== undefined;
}

function valueText(value: unknown): string {
  if (isFields(value))
    return Object.entries(value)
      .flatMap(([key, inner]) => (inner === undefined ? [] : [`${key} = ${valueText(inner)}`]))
      .join(', ');
  if (Array.isArray(value)) return value.every((v) => typeof v === 'string') ? listText(value) : JSON.stringify(value);
  if (typeof value === 'number') return count(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return textOf(value) ?? JSON.stringify(value);
}

/** What somebody did, in a few words. */
export function actText(act: ActView): string {
  const { action, decision, chunk_id, detail, to } = act;
  const said = (key: string) => (detail !== null && typeof detail[key] === 'string' ? String(detail[key]) : null);
  switch (action) {
    case 'submitted': {
      const filedBy = said('filed_by');
      const asked = typeof detail?.['asked'] === 'number' ? plural(detail['asked'], 'number') : '';
      return [asked, ...(filedBy === null ? [] : [`for ${filedBy}`])].join(' ');
    }
    case 'decided':
      return `${wordsOf(decision ?? '')}: chunk ${chunk_id ?? ''}`;
    case 'retried':
      return `as ${said('retry') ?? ''}`;
    case 'undone':
      return `by ${said('undo') ?? ''}`;
    default:
      return to ?? '';
  }
}

/** A value of a field of a number, for people. */
export function fieldText(value: FieldChange['before']): string {
  if (value === null) return '-';
  return Array.isArray(value) ? value.join(', ') || 'none' : typeof value === 'string' ? value : JSON.stringify(value);
}
