import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { asError, ProvisioningError } from '../domain/errors.ts';
import { databaseTrouble } from './away.ts';
import type { Sql } from './client.ts';
import { one, probeConnection } from './session.ts';

const MIGRATIONS = join(dirname(fileURLToPath(import.meta.url)), '../db/migrations');

/** The value is arbitrary, but every process must use the same one. */
const MIGRATION_LOCK = 7_105_020_001;

/**
 * Applies all migrations. It is safe to repeat and to run in several processes at once. Drizzle's own `migrate` is not (two of
 * three parallel runs failed), so an advisory lock guards it. A separate transaction holds the lock, because a pooler may give
 * each statement another session.
 */
export async function migrateDatabase(url: string): Promise<void> {
  try {
    const { session } = await probeConnection(url);
    const [lock, client] = [one(url, session), one(url, session)];
    try {
      await lock.begin(async (tx) => {
        // This transaction is idle while the migrations run.
        await tx`select set_config('idle_in_transaction_session_timeout', '0', true)`;
        await tx`select pg_advisory_xact_lock(${MIGRATION_LOCK})`;
        await migrate(drizzle(client), { migrationsFolder: MIGRATIONS });
      });
    } finally {
      await Promise.all([lock.end({ timeout: 5 }), client.end({ timeout: 5 })]);
    }
  } catch (error) {
    if (error instanceof ProvisioningError) throw error;
    throw new ProvisioningError(
      'database_unavailable',
      'retry',
      `the migrations could not be applied: ${databaseTrouble(asError(error)) ?? reasonOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** Returns how many migrations this version has and how many of them the database has applied. */
export async function migrationState(sql: Sql): Promise<{ known: number; applied: number }> {
  const known = readMigrationFiles({ migrationsFolder: MIGRATIONS }).length;
  const [table] = await sql<{ there: boolean }[]>`select to_regclass('drizzle.__drizzle_migrations') is not null as there`;
  if (table?.there !== true) return { known, applied: 0 };
  const [row] = await sql<{ n: number }[]>`select count(*)::int as n from drizzle.__drizzle_migrations`;
  return { known, applied: row?.n ?? 0 };
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return String(error);
}
