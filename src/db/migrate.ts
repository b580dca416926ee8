import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { ProvisioningError } from '../domain/errors.ts';

const MIGRATIONS = join(dirname(fileURLToPath(import.meta.url)), 'migrations');

/** Any number, but the same in every process: two migrating processes must meet on it. */
const MIGRATION_LOCK = 7_105_020_001;

/**
 * Applies all migrations. Safe to run twice and from several processes at once: Drizzle's own `migrate` is not (two of three
 * were seen to fail), hence the advisory lock on one reserved connection.
 */
export async function migrateDatabase(url: string): Promise<void> {
  const client = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined, connect_timeout: 10 });
  try {
    await client`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await migrate(drizzle(client), { migrationsFolder: MIGRATIONS });
  } catch (error) {
    throw new ProvisioningError('database_unavailable', 'retry', `the migrations could not be applied: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    await client.end({ timeout: 5 });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return String(error);
}
