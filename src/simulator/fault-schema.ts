import { z } from 'zod';
import { E164, isRecord } from './api/wire.ts';
import { BEHAVIOUR_KEYS, BEHAVIOUR_SCHEMA, type Behaviour, REFUSAL_SHAPES } from './behaviour.ts';
import { type FaultKey, KEYS_OF, OWNED_FIELDS } from './fault-keys.ts';
import { FAULT_KINDS, type Fault, type FaultKind, type FaultScript, isAct, RESOURCES } from './fault-kinds.ts';
import { nearest } from './nearest.ts';
import { EMERGENCY_STATUSES } from './types.ts';

export interface ScriptProblem {
  /** `faults[0].match.path` */
  path: string;
  message: string;
  /** The word that was probably meant. */
  nearest?: string;
}

/** The error for a script that is not understood. No fault of it was set. */
export class ScriptError extends Error {
  readonly problems: readonly ScriptProblem[];

  constructor(problems: readonly ScriptProblem[]) {
    super(problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; '));
    this.problems = problems;
  }
}

const FAMILIES = ['search', 'orders', 'reads', 'jobs', 'messaging', 'ownership', 'numbers'] as const;
const count = z.int().min(0);
const ms = z.number().min(0);
const text = z.string().min(1);
const httpStatus = z.int().min(200).max(599);

const path = text
  .refine((value) => !/^(\/|\^\/?)v2\//.test(value), 'leave out /v2')
  .refine((value) => value.startsWith('/') || compiles(value), 'not a regular expression');

/** Every key with what it takes; the types hold it to the interface. */
const FIELDS: { readonly [K in FaultKey]-?: z.ZodType<NonNullable<Fault[K]> | (K extends 'value' ? null : never)> } = {
  match: z.strictObject({
    method: z
      .string()
      .regex(/^(get|post|patch|put|delete)$/i, 'GET, POST, PATCH, PUT or DELETE')
      .exactOptional(),
    path: path.exactOptional(),
    family: z.enum(FAMILIES).exactOptional(),
  }),
  times: count,
  after: count,
  probability: z.number().min(0).max(1),
  afterMs: ms,
  forMs: ms,
  everyMs: z.number().min(1),
  ms,
  status: httpStatus,
  code: text,
  title: text,
  detail: z.string(),
  pointer: z.string().regex(/^\//, 'begins with /'),
  effect: z.boolean(),
  fraction: z.number().min(0).max(1),
  count,
  mode: z.enum(['order', 'line']),
  shape: z.enum(REFUSAL_SHAPES),
  named: z.boolean(),
  stale: z.boolean(),
  return_to_pool: z.boolean(),
  order_status: z.enum(['success', 'failure']),
  list_leftovers: z.boolean(),
  listed: z.boolean(),
  reset: z.enum(['seconds', 'epoch', 'none']),
  seconds: ms,
  retry_after: ms,
  page: z.int().min(1),
  most: z.int().min(1),
  by: z.int(),
  resource: z.enum(RESOURCES),
  field: text,
  value: z.union([z.string(), z.boolean(), z.null()]),
  ownership: ms,
  orders: ms,
  inventory: ms,
  deletions: ms,
  numbers: z.array(z.string().regex(E164, 'not a number such as +13125550100')).min(1),
  tags: z.array(z.string()),
  locked: z.boolean(),
  emergency: z.enum(EMERGENCY_STATUSES),
  order_id: text,
  customer_reference: text,
};

const SCRIPT = z.strictObject({
  seed: z.int().optional(),
  clear: z.boolean().optional(),
  settings: BEHAVIOUR_SCHEMA.optional(),
  faults: z.array(z.unknown()).optional(),
});

const SCHEMAS = new Map(
  FAULT_KINDS.map((kind) => {
    const fields = KEYS_OF[kind].map((key) => [key, FIELDS[key].optional()] as const);
    return [kind as string, z.strictObject({ kind: z.literal(kind), ...Object.fromEntries(fields) })] as const;
  }),
);

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}

function suggest(path: string, what: string, word: string, words: readonly string[]): ScriptProblem {
  const near = nearest(word, words);
  if (near !== undefined) return { path, message: `${what}; did you mean "${near}"?`, nearest: near };
  return { path, message: `${what}; there are ${words.join(', ')}` };
}

function pathText(base: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, base);
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, part) => {
    if (Array.isArray(inner)) return inner[Number(part)];
    return isRecord(inner) ? inner[String(part)] : undefined;
  }, value);
}

/** The problems of one piece of a script; `keysAt` says which keys an object at a path takes. */
function problemsOf(
  schema: z.ZodType,
  value: unknown,
  base: string,
  keysAt: (path: readonly PropertyKey[]) => readonly string[],
): ScriptProblem[] {
  const parsed = schema.safeParse(value);
  if (parsed.success) return [];
  return parsed.error.issues.flatMap((issue): ScriptProblem[] => {
    const path = pathText(base, issue.path);
    const known = keysAt(issue.path);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => suggest(pathText(path, [key]), 'unknown key', key, known));
    const given: unknown = valueAt(value, issue.path);
    if (issue.code !== 'invalid_value' || typeof given !== 'string') return [{ path, message: issue.message }];
    return [suggest(path, `"${given}" is not possible`, given, issue.values.map(String))];
  });
}

/** Returns mistakes that the shape of a fault cannot express. */
function contradictions(fault: Fault): { key: string; message: string }[] {
  const found: { key: string; message: string }[] = [];
  const { kind, ownership, orders, inventory, deletions } = fault;
  if (kind === 'lag' && [ownership, orders, inventory, deletions].every((lag) => lag === undefined))
    found.push({ key: 'kind', message: 'a lag needs ownership, orders, inventory or deletions' });
  if (kind === 'sell_between' && fault.fraction === undefined) found.push({ key: 'fraction', message: 'missing' });
  if ((kind === 'limit_refused' || kind === 'rows_capped') && fault.most === undefined)
    found.push({ key: 'most', message: 'missing' });
  if (kind === 'date_skewed' && fault.by === undefined) found.push({ key: 'by', message: 'missing' });
  if (kind === 'portal_tags' && !fault.tags) found.push({ key: 'tags', message: 'missing' });
  if (kind === 'portal_set') {
    const test = Object.entries(OWNED_FIELDS).find(([name]) => name === fault.field)?.[1];
    if (!test) found.push({ key: 'field', ...suggest('', 'no such field', fault.field ?? '', Object.keys(OWNED_FIELDS)) });
    else if (!test(fault.value)) found.push({ key: 'value', message: `cannot be ${JSON.stringify(fault.value)}` });
  }
  if (fault.mode === 'line' && (fault.shape ?? fault.named) !== undefined)
    found.push({ key: 'mode', message: 'lines that fail have no refusal: shape and named need the mode order' });
  if (fault.named !== undefined && fault.shape !== undefined && fault.shape !== '85001')
    found.push({ key: 'named', message: `has no meaning for ${fault.shape}: only the text of 85001 can leave the numbers out` });
  if (!isAct(kind)) return found;
  const byRequest = fault.match !== undefined || fault.after !== undefined;
  if (byRequest && fault.everyMs !== undefined)
    found.push({ key: 'everyMs', message: 'goes by the clock, and match and after by requests: not both' });
  if (!byRequest && kind.startsWith('portal_') && (fault.times ?? 1) > 1 && fault.everyMs === undefined)
    found.push({ key: 'times', message: 'more than once needs everyMs, match or after' });
  return found;
}

function faultProblems(value: unknown, base: string, isKnown: (e164: string) => boolean): ScriptProblem[] {
  if (!isRecord(value)) return [{ path: base, message: 'must be an object' }];
  const kind = value['kind'];
  if (typeof kind !== 'string') return [{ path: `${base}.kind`, message: 'missing, or no text' }];
  const schema = SCHEMAS.get(kind);
  if (!schema) return [suggest(`${base}.kind`, `unknown fault kind "${kind}"`, kind, FAULT_KINDS)];
  const keys = ['kind', ...KEYS_OF[kind as FaultKind]];
  const shape = problemsOf(schema, value, base, (at) => (at[0] === 'match' ? ['method', 'path', 'family'] : keys));
  if (shape.length > 0) return shape;
  const fault = value as unknown as Fault;
  const notOwned = (fault.numbers ?? []).flatMap((e164, index) =>
    isKnown(e164) ? [] : [{ path: `${base}.numbers[${index}]`, message: `${e164} is neither on sale nor of this account` }],
  );
  return [
    ...contradictions(fault).map(({ key, message, ...rest }) => ({ ...rest, path: `${base}.${key}`, message })),
    ...notOwned,
  ];
}

/** Checks settings, down to the last key. Throws a `ScriptError`. */
export function parseSettings(settings: unknown): Partial<Behaviour> {
  const problems = problemsOf(BEHAVIOUR_SCHEMA, settings, '', () => BEHAVIOUR_KEYS);
  if (problems.length > 0) throw new ScriptError(problems);
  // Every key has passed its check.
  return settings as Partial<Behaviour>;
}

/**
 * Checks every key of a script, because a misspelt one would let its fault strike everything, for ever. A list stands for a
 * script of faults only. `isKnown` says which numbers exist.
 */
export function parseScript(script: unknown, isKnown: (e164: string) => boolean): FaultScript {
  const whole: unknown = Array.isArray(script) ? { faults: script } : script;
  if (!isRecord(whole)) throw new ScriptError([{ path: '', message: 'a script is an object, or a list of faults' }]);
  const faults: unknown[] = Array.isArray(whole['faults']) ? whole['faults'] : [];
  const problems = [
    ...problemsOf(SCRIPT, whole, '', (at) => (at[0] === 'settings' ? BEHAVIOUR_KEYS : ['seed', 'clear', 'settings', 'faults'])),
    ...faults.flatMap((fault, index) => faultProblems(fault, `faults[${index}]`, isKnown)),
  ];
  if (problems.length > 0) throw new ScriptError(problems);
  // Every key has passed its check.
  return whole as FaultScript;
}
