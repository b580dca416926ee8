import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { openDb, type Sql } from '../../db/client.ts';
import { redisBackend } from '../../queues/redis.ts';
import { type Cli, configOf, requireDatabase, result, withProducer } from '../cli.ts';
import { EXIT, failureOf } from '../exit-codes.ts';
import { type Paint, painted, table } from '../output.ts';

interface Check {
  name: string;
  status: 'ok' | 'warning' | 'failed';
  text: string;
}

const OLDEST_REDIS = [6, 2] as const;
const CLOCK_SKEW_MS = 5_000;
const REDIS_MS = 3_000;

/** `doctor`: what must be right before work can be done, one line each. */
export function registerDoctor(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .description('check the key, the database and its migrations, Redis and the clock')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => {
      const config = await configOf(cli);
      const checks = [keyCheck(config), ...(await databaseChecks(cli, config)), ...(await redisChecks(config))];
      const ok = checks.every((c) => c.status !== 'failed');
      await result(cli, flags.json, { ok, checks }, () => checksText(checks, cli.io.paintOut));
      cli.exit = ok ? EXIT.ok : EXIT.failed;
    });
}

function keyCheck(config: Config): Check {
  const where = config.telnyx.baseUrl === null ? '' : `, for ${config.telnyx.baseUrl}`;
  if (config.telnyx.apiKey !== null) return { name: 'Telnyx key', status: 'ok', text: `is set${where}` };
  return { name: 'Telnyx key', status: 'warning', text: 'TELNYX_API_KEY is not set: worker and up will not start' };
}

async function databaseChecks(cli: Cli, config: Config): Promise<Check[]> {
  try {
    requireDatabase(config);
    if (config.database.url === null) return await withProducer(cli, (deps) => lookAtDatabase(deps.db.sql));
    const db = openDb(config.database.url.reveal());
    try {
      return await lookAtDatabase(db.sql);
    } finally {
      await db.close();
    }
  } catch (error) {
    return [{ name: 'database', status: 'failed', text: failureOf(error).message }];
  }
}

async function lookAtDatabase(sql: Sql): Promise<Check[]> {
  const before = Date.now();
  const [row] = await sql<
    { version: string; now: Date }[]
  >`select current_setting('server_version') as version, clock_timestamp() as now`;
  const skew = row === undefined ? 0 : row.now.getTime() - (before + Date.now()) / 2;
  return [
    { name: 'database', status: 'ok', text: `PostgreSQL ${row?.version ?? 'unknown'}` },
    await migrationCheck(sql),
    clockCheck('the database', skew),
  ];
}

async function migrationCheck(sql: Sql): Promise<Check> {
  const name = 'migrations';
  const journal: unknown = JSON.parse(await readFile(new URL('../../db/migrations/meta/_journal.json', import.meta.url), 'utf8'));
  const known =
    typeof journal === 'object' && journal !== null && 'entries' in journal && Array.isArray(journal.entries)
      ? journal.entries.length
      : 0;
  const [table] = await sql<{ there: boolean }[]>`select to_regclass('drizzle.__drizzle_migrations') is not null as there`;
  const [row] =
    table?.there === true ? await sql<{ n: number }[]>`select count(*)::int as n from drizzle.__drizzle_migrations` : [];
  const applied = row?.n ?? 0;
  if (applied === known) return { name, status: 'ok', text: `all ${known} applied` };
  if (applied > known)
    return {
      name,
      status: 'failed',
      text: `the database has ${applied}, this version knows ${known}: it is older than the database`,
    };
  return { name, status: 'failed', text: `${applied} of ${known} applied; run \`provisioner migrate\`` };
}

function clockCheck(what: string, skewMs: number): Check {
  const seconds = Math.abs(skewMs / 1_000).toFixed(1);
  if (Math.abs(skewMs) <= CLOCK_SKEW_MS) return { name: 'clock', status: 'ok', text: `within ${seconds} s of ${what}` };
  return {
    name: 'clock',
    status: 'failed',
    text: `${seconds} s ${skewMs > 0 ? 'behind' : 'ahead of'} ${what}; leases and webhook signatures need the right time`,
  };
}

async function redisChecks(config: Config): Promise<Check[]> {
  const target = config.queue.redis;
  if (target === null) return [{ name: 'queue', status: 'ok', text: 'on Postgres: one worker process (set REDIS_URL for more)' }];
  let why = 'no answer in time';
  const backend = redisBackend(target, {
    onError: (error) => {
      why = error.message;
    },
  });
  try {
    // The client waits for a Redis that is away; a person does not.
    const answer = backend.redis?.info().catch(() => null);
    const info = await Promise.race([answer, sleep(REDIS_MS, null, { ref: false })]);
    if (typeof info === 'string') return redisInfo(info);
    return [{ name: 'Redis', status: 'failed', text: `cannot be reached (${why}); start it, or correct REDIS_URL` }];
  } finally {
    await backend.close();
  }
}

/** Judges the text of INFO: managed services forbid CONFIG, all answer this. */
export function redisInfo(info: string): Check[] {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
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
