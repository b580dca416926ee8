import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject, onTestFailed } from 'vitest';

/** The migrated database that new ones are copied from, when it exists. */
export const TEMPLATE = 'provisioner_template';

/** Seconds after which the unused connection closes, so that it does not hold the end of the run up. */
const ADMIN_IDLE_S = 5;
let admin: postgres.Sql | null = null;

export interface TestDatabase {
  url: string;
  name: string;
  /** Drops the database. Call it when the file has passed. After a failure keep the database, because it is the evidence. */
  drop(): Promise<void>;
}

/** Creates a database that nobody else uses. `template: false` gives an empty one. */
export async function createTestDatabase(options: { template?: boolean } = {}): Promise<TestDatabase> {
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  await asAdmin(async (sql) => {
    const [known] = await sql`select 1 from pg_database where datname = ${TEMPLATE}`;
    if (options.template !== false && known !== undefined)
      await sql`create database ${sql(name)} template ${sql(TEMPLATE)} strategy file_copy`;
    else await sql`create database ${sql(name)}`;
  });
  const url = new URL(inject('pgUrl'));
  url.pathname = `/${name}`;
  return { url: url.href, name, drop: () => dropDatabase(name) };
}

/**
 * Creates a database for a test file. It is dropped when every test passed; otherwise its address is printed. Call it at the top
 * of the file with vitest's `afterAll` and `beforeEach`.
 */
export async function fileDatabase(hooks: {
  beforeEach: (hook: () => void) => void;
  afterAll: (hook: () => Promise<void>) => void;
  template?: boolean;
}): Promise<TestDatabase> {
  const database = await createTestDatabase(hooks.template === undefined ? {} : { template: hooks.template });
  let failed = false;
  hooks.beforeEach(() => {
    onTestFailed(() => {
      failed = true;
    });
  });
  hooks.afterAll(async () => {
    if (failed) process.stderr.write(`a test failed; its database is kept while the server runs: ${database.name}\n`);
    else await database.drop();
  });
  return database;
}

async function dropDatabase(name: string): Promise<void> {
  await asAdmin((sql) => sql`drop database if exists ${sql(name)} with (force)`);
}

async function asAdmin(work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  // All files of a worker share one connection, because a new one costs the server more than the work that it does.
  admin ??= postgres(inject('pgUrl'), { max: 1, idle_timeout: ADMIN_IDLE_S, onnotice: () => undefined });
  await work(admin);
}
