import { accessSync, constants, readFileSync, statfsSync } from 'node:fs';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/app/embedded-postgres/start.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's own database. Every test file creates another one beside it. */
    pgUrl: string;
  }
}

/** The folder that Linux keeps in memory. */
const MEMORY = '/dev/shm';
/** All databases of a run and their write-ahead log need less than this. */
const ROOM_BYTES = 4 * 1024 ** 3;

/**
 * Keeps the databases in memory when there is room. A run creates and drops a few hundred databases, which is mostly work of the
 * file system. Without that much memory, the server uses the folder for temporary files.
 */
function useMemoryIfThere(): void {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    // The server's programs may be copied to the folder for temporary files, which must allow execution.
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[1] === MEMORY);
    if (mount === undefined || mount.includes('noexec')) return;
    if (bavail * bsize >= ROOM_BYTES) process.env['TMPDIR'] = MEMORY;
  } catch {
    // This system has no such folder.
  }
}

/** Switches autovacuum off. No test lives long enough to need statistics, and the workers that gather them slow the tests down. */
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

/** Starts one throwaway Postgres for all test files of a project. `TEST_DATABASE_URL` names an empty server to use instead. */
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
