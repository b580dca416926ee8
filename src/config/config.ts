import type { Budgets, Prices } from '../domain/budget.ts';
import { type ErrorDetail, ProvisioningError } from '../domain/errors.ts';
import type { RateFamily } from '../domain/rate-families.ts';
import type { ApiKey, Field, RedisTarget } from './fields.ts';
import { nearest } from './nearest.ts';
import type { Secret } from './secret.ts';
import { VARIABLES, type Variable, type VariableName } from './variables.ts';
import { secretsOfTarget, type WebhookTarget } from './webhook-targets.ts';

export type { ApiKey, ApiRole, RedisNode, RedisTarget } from './fields.ts';
export { type Secret, secret } from './secret.ts';
export type { WebhookTarget } from './webhook-targets.ts';

/** Everything that can be configured. Deep-frozen; secrets show as `[redacted]` wherever it is printed. */
export interface Config {
  readonly database: { readonly url: Secret | null; readonly embedded: boolean; readonly dataDir: string };
  /** `redis: null` means BullMQ on Postgres. */
  readonly queue: { readonly redis: RedisTarget | null; readonly jobSlots: number; readonly allowEviction: boolean };
  readonly telnyx: {
    readonly apiKey: Secret | null;
    readonly baseUrl: string | null;
    readonly publicKeys: readonly string[];
    /** Caps, where the operator set one. */
    readonly ratesPerSecond: Readonly<Partial<Record<RateFamily, number>>>;
  };
  readonly http: { readonly host: string; readonly port: number; readonly apiKeys: readonly ApiKey[] };
  readonly limits: {
    readonly orderSize: number;
    readonly batchSize: number;
    readonly maxNumberCost: string;
    readonly approvalAbove: string | null;
    readonly selfApproval: boolean;
    readonly budgets: Budgets;
    readonly prices: Prices;
    readonly settleMs: number;
    readonly fundsProbeMs: number;
  };
  /** `cron: null` means no nightly run. */
  readonly reconcile: { readonly cron: string | null; readonly tz: string };
  /** Who is told of events. */
  readonly webhooks: { readonly targets: readonly WebhookTarget[]; readonly allowPrivate: boolean };
  /** `null`: the worker writes no alive file. */
  readonly aliveFile: string | null;
  readonly log: { readonly level: string; readonly format: 'json' | 'pretty' };
}

type Env = Readonly<Record<string, string | undefined>>;
type ValueOf<V> = V extends { read: Field<infer T> } ? (V extends { fallback: string } ? T : T | undefined) : never;
type Values = { [N in VariableName]: ValueOf<(typeof VARIABLES)[N]> };

/** Reads and checks the environment. Throws one error that lists every problem, so nothing is half configured. */
export function loadConfig(env: Env = process.env): Config {
  const problems: ErrorDetail[] = unknownVariables(env);
  const read: Partial<Record<VariableName, unknown>> = {};
  for (const name of variableNames()) {
    const variable: Variable = VARIABLES[name];
    const text = textOf(env, name) ?? variable.fallback;
    if (text === undefined) continue;
    const result = variable.read(text);
    if (result.ok) read[name] = result.value;
    else problems.push(...result.problems.map((message) => ({ path: name, message })));
  }
  problems.push(...misnamedBudgets(asValues(read)));
  if (problems.length > 0) throw invalidConfig(problems);
  return deepFreeze(grouped(asValues(read)));
}

/**
 * Budgets whose name is nearly that of an API key, and is none. Such a budget would bind nobody. Other names may be those of OS
 * users (`cli:anna`) or callers of the library, and a worker does not know the keys.
 */
function misnamedBudgets({
  PROVISIONER_BUDGETS,
  PROVISIONER_API_KEYS,
}: Pick<Values, 'PROVISIONER_BUDGETS' | 'PROVISIONER_API_KEYS'>): ErrorDetail[] {
  const names = (PROVISIONER_API_KEYS ?? []).map((k) => k.name);
  return Object.keys(PROVISIONER_BUDGETS ?? {}).flatMap((name) => {
    const like = names.includes(name) || name.startsWith('cli:') ? null : nearest(name, names);
    return like === null
      ? []
      : [{ path: 'PROVISIONER_BUDGETS', message: `names "${name}", which is no API key; did you mean "${like}"?` }];
  });
}

/** The key, for commands that talk to Telnyx. */
export function requireTelnyxKey(config: Config): Secret {
  if (config.telnyx.apiKey !== null) return config.telnyx.apiKey;
  throw invalidConfig([{ path: 'TELNYX_API_KEY', message: 'is not set, and this command talks to Telnyx' }]);
}

function grouped(v: Values): Config {
  return {
    database: { url: v.DATABASE_URL ?? null, embedded: v.PROVISIONER_EMBEDDED, dataDir: v.PROVISIONER_DATA_DIR },
    queue: { redis: v.REDIS_URL ?? null, jobSlots: v.PROVISIONER_JOB_SLOTS, allowEviction: v.PROVISIONER_ALLOW_EVICTION },
    telnyx: {
      apiKey: v.TELNYX_API_KEY ?? null,
      baseUrl: v.TELNYX_BASE_URL ?? null,
      publicKeys: v.TELNYX_PUBLIC_KEY ?? [],
      ratesPerSecond: v.PROVISIONER_RATE_LIMITS ?? {},
    },
    http: { host: v.PROVISIONER_HOST, port: v.PROVISIONER_PORT, apiKeys: v.PROVISIONER_API_KEYS ?? [] },
    limits: {
      orderSize: v.PROVISIONER_ORDER_SIZE,
      batchSize: v.PROVISIONER_BATCH_SIZE,
      maxNumberCost: v.PROVISIONER_MAX_NUMBER_COST,
      approvalAbove: v.PROVISIONER_APPROVAL_ABOVE ?? null,
      selfApproval: v.PROVISIONER_SELF_APPROVAL,
      budgets: v.PROVISIONER_BUDGETS ?? {},
      prices: v.PROVISIONER_PRICES ?? {},
      settleMs: v.PROVISIONER_SETTLE_SECONDS * 1_000,
      fundsProbeMs: v.PROVISIONER_FUNDS_PROBE_SECONDS * 1_000,
    },
    reconcile: { cron: v.PROVISIONER_RECONCILE_CRON, tz: v.PROVISIONER_RECONCILE_TZ },
    webhooks: { targets: v.PROVISIONER_WEBHOOK_URLS ?? [], allowPrivate: v.PROVISIONER_ALLOW_PRIVATE_WEBHOOKS },
    aliveFile: v.PROVISIONER_ALIVE_FILE ?? null,
    log: { level: v.LOG_LEVEL, format: v.LOG_FORMAT },
  };
}

/** Every secret of the configuration, for the scrubber of the log. */
export function secretsOf(config: Config): string[] {
  const { redis } = config.queue;
  const wrapped = [
    config.telnyx.apiKey,
    redis?.kind === 'cluster' ? redis.password : null,
    ...config.http.apiKeys.map((k) => k.key),
  ];
  const { baseUrl } = config.telnyx;
  const urls = [config.database.url, redis?.kind === 'single' ? redis.url : null].flatMap((s) =>
    s === null ? [] : [s.reveal()],
  );
  return [
    ...config.webhooks.targets.flatMap(secretsOfTarget),
    ...wrapped.flatMap((s) => (s === null ? [] : [s.reveal()])),
    ...[...urls, ...(baseUrl === null ? [] : [baseUrl])].flatMap(passwordsIn),
  ];
}

function passwordsIn(url: string): string[] {
  const { password } = new URL(url);
  return password === '' ? [] : [password, decodeURIComponent(password)];
}

function unknownVariables(env: Env): ErrorDetail[] {
  const known = variableNames();
  return Object.keys(env)
    .filter((name) => name.startsWith('PROVISIONER_') && !known.some((other) => other === name))
    .map((name) => {
      const like = nearest(name, known);
      return { path: name, message: like === null ? 'is not known' : `is not known; did you mean ${like}?` };
    });
}

function textOf(env: Env, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === '' ? undefined : text;
}

function invalidConfig(details: ErrorDetail[]): ProvisioningError {
  const lines = details.map((d) => `${d.path} ${d.message}`);
  return new ProvisioningError('invalid_config', 'rejected', `the configuration is wrong: ${lines.join('; ')}`, { details });
}

/** Guarantee: VARIABLES is a literal, so its own keys are exactly the names of its type. */
function variableNames(): VariableName[] {
  return Object.keys(VARIABLES) as VariableName[];
}

/** Guarantee: each name holds what its own `read` returned. A variable that may be unset may be missing; `loadConfig` throws when another one is. */
function asValues(read: Partial<Record<VariableName, unknown>>): Values {
  return read as Values;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
