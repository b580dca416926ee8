import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { inject } from 'vitest';
import { secret } from '../../src/config/config.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { postgresBackend } from '../../src/queues/postgres.ts';
import { TEMPLATE } from './postgres.ts';
import { ROOT } from './sources.ts';
import { until } from './until.ts';

/** The value is arbitrary, but all test files must use the same one. */
const TEMPLATE_LOCK = 7_105_029_001;

/** One check serves all files of a worker. */
let ensured: Promise<void> | null = null;

/**
 * Creates the migrated database that test databases are copied from, once for each server. It is built under another name and
 * renamed, because Postgres cannot copy a database with open connections. On a server that outlives the run, an old template is
 * replaced.
 */
export function ensureTemplate(): Promise<void> {
  ensured ??= buildIfMissing();
  return ensured;
}

async function buildIfMissing(): Promise<void> {
  const mark = migrationsHash();
  const sql = postgres(inject('pgUrl'), { max: 1, onnotice: () => undefined });
  try {
    await sql`select pg_advisory_lock(${TEMPLATE_LOCK})`;
    const [known] = await sql<{ mark: string | null }[]>`
      select shobj_description(oid, 'pg_database') as mark from pg_database where datname = ${TEMPLATE}`;
    if (known?.mark === mark) return;
    const building = `${TEMPLATE}_building`;
    await sql`drop database if exists ${sql(building)} with (force)`;
    await sql`create database ${sql(building)}`;
    const url = new URL(inject('pgUrl'));
    url.pathname = `/${building}`;
    await migrateDatabase(url.href);
    await prepareQueue(url.href);
    await sql`drop database if exists ${sql(TEMPLATE)} with (force)`;
    // The session of the migrations may take a moment to end.
    await until('the template database is free', async () => {
      await sql`alter database ${sql(building)} rename to ${sql(TEMPLATE)}`;
      return true;
    });
    await sql`comment on database ${sql(TEMPLATE)} is ${sql.unsafe(`'${mark}'`)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** Creates the tables of the queue too, because BullMQ's own migrations take longer than copying a database. */
async function prepareQueue(url: string): Promise<void> {
  const backend = postgresBackend(secret(url), { onError: () => undefined });
  try {
    await backend.prepare();
  } finally {
    await backend.close();
  }
}

function migrationsHash(): string {
  const journal = readFileSync(join(ROOT, 'src/db/migrations/meta/_journal.json'), 'utf8');
  const tags = [...journal.matchAll(/"tag": "([^"]+)"/g)].map((m) => m[1] ?? '');
  const hash = createHash('sha256');
  for (const tag of tags) hash.update(readFileSync(join(ROOT, 'src/db/migrations', `${tag}.sql`)));
  hash.update(readFileSync(join(ROOT, 'package-lock.json')));
  return hash.digest('hex');
}
