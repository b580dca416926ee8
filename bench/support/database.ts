import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { startEmbeddedPostgres } from '../../src/app/embedded-postgres/start.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';

/** A Postgres for the length of a benchmark. */
export interface Server {
  /** A new database with all migrations applied. */
  database(): Promise<string>;
  stop(): Promise<void>;
}

/** An embedded Postgres that leaves nothing behind, or the server of `TEST_DATABASE_URL`, whose new databases are dropped again. */
export async function openServer(): Promise<Server> {
  const given = process.env['TEST_DATABASE_URL'];
  const embedded = given === undefined || given === '' ? await startEmbeddedPostgres({ temporary: true }) : null;
  const adminUrl = embedded?.url ?? given ?? '';
  const admin = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  const made: string[] = [];
  return {
    database: async () => {
      const name = `bench_${process.pid}_${randomBytes(4).toString('hex')}`;
      await admin`create database ${admin(name)}`;
      made.push(name);
      const url = new URL(adminUrl);
      url.pathname = `/${name}`;
      await migrateDatabase(url.href);
      return url.href;
    },
    stop: async () => {
      if (embedded === null) for (const name of made) await admin`drop database if exists ${admin(name)} with (force)`;
      await admin.end({ timeout: 5 });
      await embedded?.stop();
    },
  };
}
