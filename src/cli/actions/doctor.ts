import { needsRedis } from '../../app/database.ts';
import type { Finding } from '../../app/probe-account.ts';
import type { Config } from '../../config/config.ts';
import { getAccount } from '../../db/account.ts';
import { connectDb, type Sql } from '../../db/client.ts';
import { answering, askTwice, serverFacts } from '../../db/health.ts';
import { migrationState } from '../../db/migrate.ts';
import { liveWorkers } from '../../db/workers.ts';
import { asError } from '../../domain/errors.ts';
import { NO_WORKER } from '../../observability/liveness.ts';
import { gateAdvice } from '../../producers/read/views.ts';
import { infoField, readRedisInfo } from '../../queues/redis.ts';
import { type Cli, configOf, quietLog, requireDatabase, result, withProducer } from '../cli.ts';
import { failureOf } from '../exit-codes.ts';
import { EXIT } from '../exit-table.ts';
import { type Paint, painted, plural, table } from '../output.ts';

type Check = Finding;

const OLDEST_REDIS = [6, 2] as const;

/**
 * Checks everything that the work needs, one line for each check. It only reads, and above all never moves the account gate. The
 * exit code is 7 when the key or Telnyx is the problem, and 1 for any other failure.
 */
export async function doctor(cli: Cli, flags: { json?: boolean }): Promise<void> {
  const config = await configOf(cli);
  const found = [
    ...(await telnyxChecks(cli, config)),
    webhookKeyCheck(config),
    ...(await databaseChecks(cli, config)),
    ...(await redisChecks(config)),
  ];
  const failed = found.filter((c) => c.status === 'failed');
  // The text of an error may contain an address with its login.
  const checks = found.map(({ name, status, text }) => ({ name, status, text: cli.scrub(text) }));
  await result(cli, flags.json, { ok: failed.length === 0, checks }, () => checksText(checks, cli.io.paintOut));
  cli.exit = failed.length === 0 ? EXIT.ok : failed.some((c) => c.unavailable) ? EXIT.unavailable : EXIT.failed;
}

/**
 * Runs the checks that need Telnyx. They are imported only here, because the gateway loads slowly and `--help` should not wait
 * for it.
 */
async function telnyxChecks(cli: Cli, config: Config): Promise<Check[]> {
  const { probeAccount } = await import('../../app/probe-account.ts');
  return probeAccount(config, await quietLog(cli, config));
}

/** The configuration has already refused a value that is not a key. */
function webhookKeyCheck(config: Config): Check {
  const n = config.telnyx.publicKeys.length;
  const name = 'webhook key';
  if (n > 0) return { name, status: 'ok', text: `${plural(n, 'Ed25519 key')} in TELNYX_PUBLIC_KEY` };
  return { name, status: 'warning', text: 'TELNYX_PUBLIC_KEY is not set: webhooks are refused, and orders are polled only' };
}

async function databaseChecks(cli: Cli, config: Config): Promise<Check[]> {
  try {
    requireDatabase(config);
    if (config.database.url === null) return await withProducer(cli, (deps) => checkDatabase(deps.db.sql));
    const url = config.database.url.reveal();
    const db = await answering(() => connectDb(url));
    try {
      return [...(await checkDatabase(db.sql)), connectionCheck(db.pooled, config.queue.redis === null)];
    } finally {
      await db.close();
    }
  } catch (error) {
    return [{ name: 'database', status: 'failed', text: failureOf(error).message }];
  }
}

/** Reports whether a pooler stands before Postgres. Unsuitable settings were refused earlier. */
function connectionCheck(pooled: boolean, queueOnPostgres: boolean): Check {
  const name = 'connections';
  if (!pooled) return { name, status: 'ok', text: 'are direct, with the settings that the work relies on' };
  if (queueOnPostgres) return { name, status: 'failed', text: needsRedis().message };
  return { name, status: 'ok', text: 'come from a pooler, another one for each transaction; statements and settings work' };
}

async function checkDatabase(sql: Sql): Promise<Check[]> {
  await askTwice(sql);
  const before = Date.now();
  const server = await serverFacts(sql);
  const skew = server === null ? 0 : server.now.getTime() - (before + Date.now()) / 2;
  return [
    { name: 'database', status: 'ok', text: `PostgreSQL ${server?.version ?? 'unknown'}` },
    await clockOf(skew),
    ...(await tableChecks(sql)),
  ];
}

async function clockOf(skewMs: number): Promise<Check> {
  const { clockCheck } = await import('../../app/probe-account.ts');
  const found = clockCheck('clock', 'the database', skewMs);
  // A wrong clock is only a warning: work uses the clock of the database, so only the times in logs are wrong.
  return found.status === 'failed' ? { ...found, status: 'warning' } : found;
}

/** Checks the content of the tables, when the migrations of this version are applied. */
async function tableChecks(sql: Sql): Promise<Check[]> {
  const migrations = await migrationCheck(sql);
  return migrations.status === 'ok' ? [migrations, await workerCheck(sql), await gateCheck(sql)] : [migrations];
}

async function workerCheck(sql: Sql): Promise<Check> {
  const live = await liveWorkers(sql);
  if (live.length === 0) return { name: 'workers', status: 'warning', text: NO_WORKER };
  const places = live.map((w) => `${w.role} on ${w.host} (${w.pid})`);
  return { name: 'workers', status: 'ok', text: `${plural(live.length, 'worker')}: ${places.join(', ')}` };
}

/**
 * Reports the gate. A closed gate is a warning only, because it opens by itself or by `account reopen`. `doctor` never moves it.
 */
async function gateCheck(sql: Sql): Promise<Check> {
  const { gateOpen, reason, reasonCode } = await getAccount(sql);
  if (gateOpen) return { name: 'account gate', status: 'ok', text: 'is open' };
  return {
    name: 'account gate',
    status: 'warning',
    text: `is closed: ${reason ?? 'no reason given'}; ${gateAdvice(reasonCode)}`,
  };
}

async function migrationCheck(sql: Sql): Promise<Check> {
  const name = 'migrations';
  const { known, applied } = await migrationState(sql);
  if (applied === known) return { name, status: 'ok', text: `all ${known} applied` };
  if (applied > known)
    return {
      name,
      status: 'failed',
      text: `the database has ${applied}, this version knows ${known}: it is older than the database`,
    };
  return { name, status: 'failed', text: `${applied} of ${known} applied; run \`provisioner migrate\`` };
}

async function redisChecks(config: Config): Promise<Check[]> {
  const target = config.queue.redis;
  if (target === null) return [{ name: 'queue', status: 'ok', text: 'on Postgres: one worker process (set REDIS_URL for more)' }];
  try {
    return redisInfo(await readRedisInfo(target));
  } catch (error) {
    const why = asError(error).message;
    return [{ name: 'Redis', status: 'failed', text: `cannot be reached (${why}); start it, or correct REDIS_URL` }];
  }
}

/** Judges the text of INFO: version, maxmemory-policy and appendonly. */
export function redisInfo(info: string): Check[] {
  const field = (name: string) => infoField(info, name) ?? '';
  const version = field('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const tooOld = major < OLDEST_REDIS[0] || (major === OLDEST_REDIS[0] && minor < OLDEST_REDIS[1]);
  const policy = field('maxmemory_policy');
  const appendOnly = field('aof_enabled') === '1';
  return [
    {
      name: 'Redis',
      status: tooOld ? 'failed' : 'ok',
      text: tooOld ? `${version} is too old; 6.2 or newer is needed` : `version ${version}`,
    },
    policy === 'noeviction'
      ? { name: 'Redis memory', status: 'ok', text: 'maxmemory-policy noeviction' }
      : {
          name: 'Redis memory',
          status: 'failed',
          text: `maxmemory-policy is "${policy}"; it must be noeviction, or jobs vanish when memory is short`,
        },
    appendOnly
      ? { name: 'Redis data', status: 'ok', text: 'appendonly is on' }
      : {
          name: 'Redis data',
          status: 'warning',
          text: 'appendonly is off: after a crash the queue is filled again from the database, which takes up to a minute',
        },
  ];
}

function checksText(checks: readonly Check[], paint: Paint): string {
  const colours = { ok: 'green', warning: 'yellow', failed: 'red' } as const;
  return table(
    ['', 'check', ''],
    checks.map((c) => [painted(colours[c.status], c.status), c.name, c.text]),
    paint,
  )
    .split('\n')
    .slice(1)
    .join('\n');
}
