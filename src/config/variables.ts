import { DEFAULT_RATES, RATE_FAMILIES } from '../domain/rate-families.ts';
import * as field from './fields.ts';
import { webhookTargets } from './webhook-targets.ts';

export interface Variable {
  read: field.Field<unknown>;
  /** The text that is read when the variable is not set. Without it, such a variable has no value. */
  fallback?: string;
  meaning: string;
}

const RATES_TEXT = RATE_FAMILIES.map((family) => `${family}=${DEFAULT_RATES[family]}`).join(',');

/** Every variable that is read. `docs/configuration.md` and `.env.example` are generated from this table. */
export const VARIABLES = {
  TELNYX_API_KEY: {
    read: field.secretText,
    meaning: 'The API key of the Telnyx account. Required for every command that talks to Telnyx.',
  },
  TELNYX_BASE_URL: {
    read: field.httpUrl,
    meaning: 'Another server than the real one, with its `/v2`, for example the simulator.',
  },
  TELNYX_PUBLIC_KEY: {
    read: field.publicKeys,
    meaning: 'Comma list of base64 Ed25519 keys that webhooks may be signed with.',
  },
  DATABASE_URL: {
    read: field.postgresUrl,
    meaning: '`postgres://…`. Not set, with `PROVISIONER_EMBEDDED=1`: embedded Postgres in `PROVISIONER_DATA_DIR`.',
  },
  REDIS_URL: {
    read: field.redisTarget,
    meaning:
      '`redis://…` or `rediss://…`; `redis-cluster://host:port,host:port` for a cluster. Not set: the queue runs on Postgres, with one worker process.',
  },
  PROVISIONER_EMBEDDED: {
    read: field.onOff,
    fallback: '0',
    meaning: '`1` starts an embedded Postgres when `DATABASE_URL` is not set.',
  },
  PROVISIONER_DATA_DIR: {
    read: field.plainText,
    fallback: '.provisioner',
    meaning: 'The folder of the embedded Postgres.',
  },
  PROVISIONER_API_KEYS: {
    read: field.apiKeys,
    meaning:
      'Comma list `name:key[:role]`, each key of at least 16 characters and its own; the role is `admin` (default), `operator` or `viewer`. Without it the server listens on loopback only.',
  },
  PROVISIONER_HOST: { read: field.plainText, fallback: '127.0.0.1', meaning: 'The address that the HTTP server listens on.' },
  PROVISIONER_PORT: { read: field.wholeNumber(0, 65_535), fallback: '8080', meaning: 'The port; 0 for any free one.' },
  PROVISIONER_JOB_SLOTS: {
    read: field.wholeNumber(1, 200),
    fallback: '15',
    meaning: 'Batch jobs that may be open at Telnyx at once. Telnyx refuses more than 20 for an account.',
  },
  PROVISIONER_RATE_LIMITS: {
    read: field.rates,
    meaning: `The most requests a second for an endpoint family, e.g. \`orders=2,search=2\`. A rate that is set here is never exceeded, and a lower limit that Telnyx announces lowers it. A family that is not named starts at its rate of \`${RATES_TEXT}\`, and then follows the limit that Telnyx announces, up or down.`,
  },
  PROVISIONER_ORDER_SIZE: { read: field.wholeNumber(1, 1_000), fallback: '100', meaning: 'Numbers in one order.' },
  PROVISIONER_BATCH_SIZE: { read: field.wholeNumber(1, 1_000), fallback: '1000', meaning: 'Numbers in one batch job.' },
  PROVISIONER_MAX_NUMBER_COST: {
    read: field.cost,
    fallback: '5.00',
    meaning: 'No single number that costs more than this, upfront or monthly, is bought unless its buy line says so.',
  },
  PROVISIONER_APPROVAL_ABOVE: {
    read: field.cost,
    meaning: 'Upfront plus first month cost above which a buy waits for approval. Not set: never.',
  },
  PROVISIONER_SELF_APPROVAL: {
    read: field.onOff,
    fallback: '0',
    meaning:
      '`1` lets the asker of a request approve it. Otherwise another API key, or another OS user, must approve. Without API keys nobody can over HTTP.',
  },
  PROVISIONER_BUDGETS: {
    read: field.budgets,
    meaning:
      'What each asker may spend in a UTC month, e.g. `ops:500/month,cli:anna:50/month`: upfront and first month of the numbers it buys, and what it sets that is paid. Asker: the name of an API key, `cli:` and the OS user, or what the caller of the library gave. Who is not named has no budget. Set it for workers too.',
  },
  PROVISIONER_PRICES: {
    read: field.prices,
    meaning:
      'Prices for one number that no API tells: `e911` (an emergency address), `caller_id_name` (the name of inbound callers), e.g. `e911=1.50,caller_id_name=0.40`. Whoever has a budget cannot set what has no price.',
  },
  PROVISIONER_SETTLE_SECONDS: {
    read: field.wholeNumber(1, 86_400),
    fallback: '120',
    meaning: 'How long an unknown outcome is checked before it may be called not sent.',
  },
  PROVISIONER_FUNDS_PROBE_SECONDS: {
    read: field.wholeNumber(1, 86_400),
    fallback: '60',
    meaning: 'How often the balance is read while the account gate is closed for lack of funds. Credit opens the gate.',
  },
  PROVISIONER_ALLOW_EVICTION: {
    read: field.onOff,
    fallback: '0',
    meaning:
      '`1` starts workers on a Redis whose `maxmemory-policy` is not `noeviction`. Jobs may then vanish and be put back late.',
  },
  PROVISIONER_RECONCILE_CRON: {
    read: field.cronOrOff,
    fallback: '0 3 * * *',
    meaning: 'When the nightly run starts; `off` for never.',
  },
  PROVISIONER_RECONCILE_TZ: { read: field.timeZone, fallback: 'UTC', meaning: 'The time zone of that cron line.' },
  PROVISIONER_WEBHOOK_URLS: {
    read: webhookTargets,
    meaning:
      'Comma list of addresses that are told of events, each `url` or `url#secret`; the secret is `whsec_` and the base64 of 24 to 64 bytes, and signs the messages ([webhooks](webhooks.md)). Give every worker the same list.',
  },
  PROVISIONER_ALLOW_PRIVATE_WEBHOOKS: {
    read: field.onOff,
    fallback: '0',
    meaning: '`1` also delivers to loopback, private, link-local and other addresses that are not public.',
  },
  PROVISIONER_ALIVE_FILE: {
    read: field.plainText,
    meaning:
      'A file that a worker renews every five seconds while it can do its part: what `/readyz` is to a server. Not set: no file.',
  },
  LOG_LEVEL: {
    read: field.oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    fallback: 'info',
    meaning: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
  },
  LOG_FORMAT: { read: field.oneOf(['json', 'pretty']), fallback: 'json', meaning: '`json`, or `pretty` for people.' },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;
