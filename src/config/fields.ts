import { PAID_SETTINGS, type PaidSetting } from '../domain/budget.ts';
import { parseAmount } from '../domain/money.ts';
import { RATE_FAMILIES, type RateFamily } from '../domain/rate-families.ts';
import { type Secret, secret } from './secret.ts';

/** Who an API key speaks for, and what it may do. */
export interface ApiKey {
  name: string;
  key: Secret;
  role: ApiRole;
}

/**
 * What a key may do:
 * - `viewer`: look (`GET`), and nothing else.
 * - `operator`: also submit, cancel, approve and retry requests, start reconciliations, and act on the dashboard.
 * - `admin`: also reopen the account gate.
 */
export const API_ROLES = ['admin', 'operator', 'viewer'] as const;
export type ApiRole = (typeof API_ROLES)[number];

export interface RedisNode {
  host: string;
  port: number;
}
/** One server (or one proxy), or the seed nodes of a Redis Cluster. */
export type RedisTarget =
  | { kind: 'single'; url: Secret }
  | { kind: 'cluster'; nodes: RedisNode[]; username: string | null; password: Secret | null };

/** What a text means, or everything that is wrong with it. */
export type Reading<T> = { ok: true; value: T } | { ok: false; problems: readonly string[] };
const ok = <T>(value: T): Reading<T> => ({ ok: true, value });
const bad = (...problems: readonly string[]): { ok: false; problems: readonly string[] } => ({ ok: false, problems });

/** How the text of a variable is read. Every command reads the configuration, so no library that loads slowly checks it. */
export type Field<T> = (text: string) => Reading<T>;

export const wholeNumber =
  (min: number, max: number): Field<number> =>
  (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? ok(value) : bad(`must be a whole number from ${min} to ${max}, not "${text}"`);
  };

export const oneOf =
  <const T extends readonly [string, ...string[]]>(values: T): Field<T[number]> =>
  (text) => {
    const hit = values.find((value) => value === text);
    return hit === undefined ? bad(`must be one of ${values.join(', ')}, not "${text}"`) : ok(hit);
  };

export const onOff: Field<boolean> = (text) => {
  if (['1', 'true', 'yes', 'on'].includes(text.toLowerCase())) return ok(true);
  if (['0', 'false', 'no', 'off'].includes(text.toLowerCase())) return ok(false);
  return bad(`must be 1 or 0, not "${text}"`);
};

export const plainText: Field<string> = ok;

export const secretText: Field<Secret> = (text) => ok(secret(text));

export const httpUrl: Field<string> = (text) => {
  const url = urlOrNull(text);
  return url !== null && /^https?:$/.test(url.protocol)
    ? ok(text.replace(/\/+$/, ''))
    : bad('must be an http:// or https:// address');
};

// An address may hold a password, so no message repeats the text.
export const postgresUrl: Field<Secret> = (text) => {
  const url = urlOrNull(text);
  return url !== null && /^postgres(ql)?:$/.test(url.protocol) ? ok(secret(text)) : bad('must be a postgres:// address');
};

export const redisTarget: Field<RedisTarget> = (text) => {
  if (text.startsWith('redis-cluster://')) return clusterOf(text.slice('redis-cluster://'.length));
  const url = urlOrNull(text);
  if (url !== null && /^rediss?:$/.test(url.protocol)) return ok({ kind: 'single', url: secret(text) });
  return bad('must be redis://…, rediss://… or redis-cluster://host:port,host:port');
};

function clusterOf(rest: string): Reading<RedisTarget> {
  const at = rest.lastIndexOf('@');
  const [user = '', password = ''] = at < 0 ? [] : rest.slice(0, at).split(/:(.*)/s);
  const nodes: RedisNode[] = [];
  for (const part of rest
    .slice(at + 1)
    .replace(/\/$/, '')
    .split(',')) {
    const match = /^([^:\s]+|\[[^\]]+\]):(\d{1,5})$/.exec(part.trim());
    if (match === null) return bad('every node of redis-cluster:// must be host:port');
    nodes.push({ host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port: Number(match[2]) });
  }
  return ok({
    kind: 'cluster',
    nodes,
    username: user === '' ? null : decodeURIComponent(user),
    password: password === '' ? null : secret(decodeURIComponent(password)),
  });
}

export const publicKeys: Field<string[]> = (text) => {
  const keys = list(text);
  const broken = keys.findIndex((key) => Buffer.from(key, 'base64').length !== 32);
  return broken < 0 ? ok(keys) : bad(`key ${broken + 1} is not the base64 of a 32-byte Ed25519 public key`);
};

/** A shorter API key can be guessed. */
const SHORTEST_KEY = 16;

export const apiKeys: Field<ApiKey[]> = (text) => {
  const keys: { name: string; key: string; role: ApiRole }[] = [];
  const problems: string[] = [];
  for (const [index, entry] of list(text).entries()) {
    const [name = '', key = '', role = 'admin', ...rest] = entry.split(':');
    const known = API_ROLES.find((candidate) => candidate === role);
    if (name === '' || key === '' || rest.length > 0) problems.push(`entry ${index + 1} must be name:key or name:key:role`);
    else if (known === undefined) problems.push(`the role of "${name}" must be one of ${API_ROLES.join(', ')}`);
    else {
      if (key.length < SHORTEST_KEY) problems.push(`the key of "${name}" must have at least ${SHORTEST_KEY} characters`);
      if (keys.some((other) => other.name === name)) problems.push(`the name "${name}" is used twice`);
      const twin = keys.find((other) => other.key === key && other.name !== name);
      if (twin !== undefined) problems.push(`"${twin.name}" and "${name}" have the same key; give each a key of its own`);
      keys.push({ name, key, role: known });
    }
  }
  return problems.length > 0 ? bad(...problems) : ok(keys.map((k) => ({ ...k, key: secret(k.key) })));
};

/** The families that the text names, and no others: only these have a cap. */
export const rates: Field<Partial<Record<RateFamily, number>>> = (text) => {
  const result: Partial<Record<RateFamily, number>> = {};
  for (const entry of list(text)) {
    const [name = '', amount = '', ...rest] = entry.split('=').map((part) => part.trim());
    const family = RATE_FAMILIES.find((candidate) => candidate === name);
    if (family === undefined) return bad(`"${name}" is no family; there are ${RATE_FAMILIES.join(', ')}`);
    const perSecond = Number(amount);
    if (rest.length > 0 || !(perSecond > 0 && perSecond <= 1_000))
      return bad(`${family} must be more than 0 and at most 1000 a second`);
    result[family] = perSecond;
  }
  return ok(result);
};

export const cost: Field<string> = (text) => {
  return parseAmount(text) !== null ? ok(text) : bad(`must be an amount such as 5.00, not "${text}"`);
};

/** `name:amount/month`. The amount follows the last colon, because the name of an OS user has one: `cli:anna`. */
export const budgets: Field<Record<string, string>> = (text) => {
  const found = new Map<string, string>();
  const problems: string[] = [];
  for (const [index, entry] of list(text).entries()) {
    const [, name = '', amount = ''] = /^(.+):([^:]*)\/month$/.exec(entry) ?? [];
    if (name === '') problems.push(`entry ${index + 1} must be name:amount/month, such as ops:500/month`);
    else if (parseAmount(amount) === null)
      problems.push(`the budget of "${name}" must be an amount such as 500 or 500.00, not "${amount}"`);
    else if (found.has(name)) problems.push(`the name "${name}" is used twice`);
    else found.set(name, amount);
  }
  return problems.length > 0 ? bad(...problems) : ok(Object.fromEntries(found));
};

export const prices: Field<Partial<Record<PaidSetting, string>>> = (text) => {
  const found = new Map<PaidSetting, string>();
  const problems: string[] = [];
  for (const entry of list(text)) {
    const [name = '', amount = '', ...rest] = entry.split('=').map((part) => part.trim());
    const setting = PAID_SETTINGS.find((candidate) => candidate === name);
    if (setting === undefined) problems.push(`"${name}" has no price here; there are ${PAID_SETTINGS.join(', ')}`);
    else if (rest.length > 0 || parseAmount(amount) === null)
      problems.push(`the price of ${setting} must be an amount such as 1.50, not "${amount}"`);
    else if (found.has(setting)) problems.push(`${setting} is given twice`);
    else found.set(setting, amount);
  }
  return problems.length > 0 ? bad(...problems) : ok(Object.fromEntries(found));
};

const CRON_FIELD = /^[\d*/,\-#?a-z]+$/i;

/** `null` for `off`. This refuses a text that is not a cron line at all; the scheduler checks its meaning. */
export const cronOrOff: Field<string | null> = (text) => {
  if (text.toLowerCase() === 'off') return ok(null);
  const fields = text.split(/\s+/);
  const good = (fields.length === 5 || fields.length === 6) && fields.every((field) => CRON_FIELD.test(field));
  return good ? ok(text) : bad(`must be a cron line such as "0 3 * * *", or off, not "${text}"`);
};

export const timeZone: Field<string> = (text) => {
  // The default needs no check, and the check loads the data of all zones into every command.
  if (text === 'UTC') return ok(text);
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return ok(text);
  } catch {
    return bad(`"${text}" is no time zone; use a name such as America/Chicago`);
  }
};

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function urlOrNull(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
