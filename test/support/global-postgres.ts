import { accessSync, constants, readFileSync, statfsSync } from 'node:fs';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/app/embedded-postgres/start.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's own database; every test file makes its own beside it. */
    pgUrl: string;
  }
}

/** Where Linux keeps files in memory. */
const MEMORY = '/dev/shm';
/** All databases of a whole run and the log of their changes need less than this. */
const ROOM_BYTES = 4 * 1024 ** 3;

/**
 * Creating and dropping a database is mostly work of the file system, and a run does it a few hundred times: in memory that
 * costs next to nothing. Without that much memory the server uses the folder for temporary files.
 */
function useMemoryIfThere(): void {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    // The programs of the server may be copied to the folder for temporary files, and must be allowed to run there.
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[1] === MEMORY);
    if (mount === undefined || mount.includes('noexec')) return;
    if (bavail * bsize >= ROOM_BYTES) process.env['TMPDIR'] = MEMORY;
  } catch {
    // This system has no such folder.
  }
}

/** No test lives long enough for statistics to matter, and the workers that gather them take time from the tests. */
async function leaveOutMaintenance(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await sql`alter system set autovacuum = off`;
    await sql`alter system set max_wal_size = '512MB'`;
    await sql`select pg_reload_conf()`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** One throwaway Postgres for all test files of a project. `TEST_DATABASE_URL` (an empty server of yours) takes its place. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given !== undefined && given !== '') {
    project.provide('pgUrl', given);
    return async () => undefined;
  }
  const folder = process.env['TMPDIR'];
  useMemoryIfThere();
  const server = await startEmbeddedPostgres({ temporary: true });
  if (folder === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = folder;
  await leaveOutMaintenance(server.url);
  project.provide('pgUrl', server.url);
  return () => server.stop();
}
