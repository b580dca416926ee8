import { type ErrorDetail, invalid } from '../../domain/errors.ts';
import { shown } from '../../domain/phone-cell.ts';
import { updateSteps } from './plan.ts';
import { type UpdateSet, updateSet } from './request-shapes.ts';
import { setProblems } from './validate.ts';
import { cellValue } from './value-cells.ts';

/** A setting whose values stand in a column of the list. */
export interface ValueColumn {
  /** A key of `set`, such as `tags` or `voice.tech_prefix_enabled`. */
  field: string;
  /** The name of the column. */
  column: string;
}

/** What one row of a list sets on its number: the steps as JSON, equal for equal values. */
export type RowValues = { steps: string } | { problem: string };

/** The columns with values, and their reader. */
export interface RowReader {
  columns: readonly ValueColumn[];
  /** The option that named the columns, for messages. */
  option: string;
  /** Reads the cells of these columns. `null` for a row that sets nothing. */
  read(cells: readonly string[]): RowValues | null;
}

interface Settings {
  [key: string]: unknown;
}

const FIELDS = Object.keys(updateSet.shape).filter((key) => key !== 'voice');
const KNOWN = [...FIELDS, 'voice.<field>'].join(', ');

/**
 * Reads `connection_id,tags`, or `connection_id=Trunk` for a column of another name. `option` is the name of the option in
 * messages. Throws `validation_failed` with every problem.
 */
export function valueColumns(text: string, option: string): ValueColumn[] {
  const problems: ErrorDetail[] = [];
  const columns: ValueColumn[] = [];
  for (const part of text.split(',').map((p) => p.trim())) {
    const [field = '', column = field] = part.split('=', 2).map((p) => p.trim());
    const problem = (message: string) => problems.push({ path: option, message });
    if (field === '') problem('must name settings, such as connection_id,tags');
    else if (!FIELDS.includes(field) && !/^voice\.[a-z0-9_]+(\.[a-z0-9_]+)?$/.test(field))
      problem(`"${shown(field)}" is not a setting; the settings are ${KNOWN}`);
    else if (columns.some((c) => c.field === field)) problem(`${field} is named twice`);
    else columns.push({ field, column: column === '' ? field : column });
  }
  if (problems.length > 0) throw invalid(problems);
  return columns;
}

/** How many different sets of cells are remembered, so that most rows of a list need no check of their own. */
const REMEMBERED = 1_000;

/** Reads the values of each row. `common` holds for every row; the value of a row goes before it. */
export function rowReader(columns: readonly ValueColumn[], common: Settings, option: string): RowReader {
  const known = new Map<string, RowValues | null>();
  const read = (cells: readonly string[]): RowValues | null => {
    const key = cells.join('\0');
    const before = known.get(key);
    if (before !== undefined) return before;
    const values = fromCells(columns, cells, common);
    if (known.size >= REMEMBERED) known.clear();
    known.set(key, values);
    return values;
  };
  return { columns, option, read };
}

function fromCells(columns: readonly ValueColumn[], cells: readonly string[], common: Settings): RowValues | null {
  const own: Settings = {};
  const problems: string[] = [];
  for (const [i, { field }] of columns.entries()) {
    const cell = cellValue(field, cells[i] ?? '');
    if (cell === null) continue;
    if ('problem' in cell) problems.push(`${field} ${cell.problem}`);
    else put(own, field.split('.'), cell.value);
  }
  if (problems.length > 0) return { problem: problems.join('; ') };
  return Object.keys(own).length + Object.keys(common).length === 0 ? null : rowValues(common, own);
}

/** The steps of one row, from the values of all rows and its own. */
export function rowValues(common: Settings, own: Settings): RowValues {
  const set = merged(common, own);
  const parsed = updateSet.safeParse(set);
  const wrong = [
    ...(parsed.success ? [] : parsed.error.issues.map((issue) => problemAt(set, issue.path, issue.message))),
    ...setProblems(set).map((p) => `${p.path.replace(/^set\.?/, '')} ${p.message}`.trim()),
  ];
  if (!parsed.success || wrong.length > 0) return { problem: [...new Set(wrong)].join('; ') };
  return { steps: JSON.stringify(updateSteps(grouped(parsed.data))) };
}

function problemAt(set: Settings, path: readonly PropertyKey[], message: string): string {
  const value = path.reduce<unknown>((at, key) => (isPlain(at) || Array.isArray(at) ? Reflect.get(at, key) : undefined), set);
  const place = path.map(String).join('.');
  return `${place}${typeof value === 'string' ? ` "${shown(value)}"` : ''}${place === '' ? '' : ': '}${message}`;
}

/** The same settings with their tags in one order, because Telnyx knows no order: so equal rows share a batch job. */
function grouped(set: UpdateSet): UpdateSet {
  const sorted = (tags: string[] | undefined) => tags && [...new Set(tags)].sort();
  const { tags, add_tags, remove_tags, ...rest } = set;
  return { ...rest, tags: sorted(tags), add_tags: sorted(add_tags), remove_tags: sorted(remove_tags) };
}

function merged(common: Settings, own: Settings): Settings {
  const all: Settings = { ...common };
  for (const [key, value] of Object.entries(own)) {
    const before = Object.hasOwn(all, key) ? all[key] : undefined;
    all[key] = isPlain(before) && isPlain(value) ? merged(before, value) : value;
  }
  return all;
}

function put(into: Settings, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) {
    into[key] = value;
    return;
  }
  const inner = Object.hasOwn(into, key) ? into[key] : {};
  const next = isPlain(inner) ? inner : {};
  into[key] = next;
  put(next, rest, value);
}

const isPlain = (value: unknown): value is Settings => typeof value === 'object' && value !== null && !Array.isArray(value);
