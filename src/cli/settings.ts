import { type ErrorDetail, invalid } from '../domain/errors.ts';

const BOOLEANS = new Set(['deletion_lock_enabled', 'hd_voice_enabled']);
const LISTS = new Set(['tags', 'add_tags', 'remove_tags']);
const TEXTS = new Set(['connection_id', 'billing_group_id', 'customer_reference', 'external_pin', 'messaging_profile_id']);

interface Settings {
  [key: string]: unknown;
}

/**
 * Turns the `--set key=value` of an update into the `set` of a request body. Ids and pins stay text, tag lists are split at
 * commas, and `voice.<field>` nests at dots. Errors: `validation_failed` with every problem.
 */
export function parseSettings(texts: readonly string[]): Settings {
  const { set, problems } = readSettings(texts);
  if (problems.length > 0) throw invalid(problems);
  return set;
}

/** Does the same, but returns the readable settings and the problems together. */
export function readSettings(texts: readonly string[]): { set: Settings; problems: ErrorDetail[] } {
  const problems: ErrorDetail[] = [];
  const set: Settings = {};
  for (const text of texts) {
    const problem = apply(set, text);
    if (problem !== null) problems.push({ path: `--set ${text}`, message: problem });
  }
  if (texts.length === 0)
    problems.push({
      path: '--set',
      message: 'must say what to change, such as --set connection_id=…; or take the values from the file by --columns',
    });
  return { set, problems };
}

function apply(set: Settings, text: string): string | null {
  const at = text.indexOf('=');
  if (at <= 0) return 'must be key=value';
  const key = text.slice(0, at).trim();
  const value = text.slice(at + 1);
  if (key === 'voice' || key.startsWith('voice.')) return putAt(set, key.split('.'), voiceValue(value));
  if (Object.hasOwn(set, key)) return `${key} is set twice`;
  if (BOOLEANS.has(key)) {
    if (value !== 'true' && value !== 'false') return `must be true or false, not "${value}"`;
    set[key] = value === 'true';
  } else if (LISTS.has(key)) set[key] = commaList(value);
  else if (key === 'emergency_address_id') set[key] = value === '' || value === 'null' ? null : value;
  else if (TEXTS.has(key)) set[key] = value;
  else
    return `"${key}" is not a setting; the settings are ${[...TEXTS, ...LISTS, ...BOOLEANS, 'emergency_address_id', 'voice.<field>'].sort().join(', ')}`;
  return null;
}

/** `a, b` → `['a', 'b']`; empty → `[]` */
export function commaList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Converts booleans, null and JSON to values. Digits stay text, because the numbers in voice settings are phone numbers. */
function voiceValue(text: string): unknown {
  if (!/^\s*(\{|\[|"|true\s*$|false\s*$|null\s*$)/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function putAt(set: Settings, path: string[], value: unknown): string | null {
  const last = path.pop();
  if (last === undefined || [...path, last].some((key) => key === '' || key === '__proto__')) return 'names no field';
  let at = set;
  for (const key of path) {
    const next = Object.hasOwn(at, key) ? at[key] : {};
    if (!isPlain(next)) return `${key} already has a value`;
    at[key] = next;
    at = next;
  }
  if (Object.hasOwn(at, last)) return `${[...path, last].join('.')} is set twice`;
  at[last] = value;
  return null;
}

function isPlain(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
