import type { ActView, FieldChange } from '../producers/read/history.ts';
import type { RequestView } from '../producers/read/views.ts';
import { count, plural } from './output.ts';
import { wordsOf } from './progress.ts';

/** How many buy lines of a request are shown. */
const SHOWN_LINES = 5;

type Pair = [name: string, value: string];

/** Says what a request asked for, as `name  value` lines: its buy lines, settings, filter, budgets and count of numbers. */
export function bodyPairs({ body }: Pick<RequestView, 'body'>): Pair[] {
  const { kind: _kind, label: _label, lines, ...rest } = body;
  const listed = Array.isArray(lines) ? lines.filter(isRecord) : [];
  const shown = listed.slice(0, SHOWN_LINES).map((line, i): Pair => [i === 0 ? 'lines' : '', lineText(line)]);
  const more = listed.length - shown.length;
  return [
    ...shown,
    ...(more > 0 ? [['', `and ${plural(more, 'more line', 'more lines')}`] satisfies Pair] : []),
    ...Object.entries(rest).flatMap(([key, value]): Pair[] => (says(value) ? [[wordsOf(key), valueText(value)]] : [])),
  ];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** False for a value that asks for nothing. */
function says(value: unknown): boolean {
  if (isRecord(value)) return Object.values(value).some(says);
  return Array.isArray(value) ? value.length > 0 : value !== false && value !== undefined;
}

function valueText(value: unknown): string {
  if (isRecord(value))
    return Object.entries(value)
      .flatMap(([key, inner]) => (inner === undefined ? [] : [`${key} = ${JSON.stringify(inner)}`]))
      .join(', ');
  if (typeof value === 'number') return count(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function lineText({ quantity, ...criteria }: Record<string, unknown>): string {
  const said = Object.entries(criteria).flatMap(([key, value]) => (says(value) ? [`${wordsOf(key)} ${inLine(value)}`] : []));
  return `${valueText(quantity)} of ${said.join(', ')}`;
}

const inLine = (value: unknown): string =>
  Array.isArray(value) ? value.join(' ') : isRecord(value) ? `(${valueText(value)})` : String(value);

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
      return to === null ? '' : wordsOf(to);
  }
}

/** A value of a field of a number, for people. */
export function fieldText(value: FieldChange['before']): string {
  if (value === null) return '-';
  return Array.isArray(value) ? value.join(', ') || 'none' : typeof value === 'string' ? value : JSON.stringify(value);
}
