import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const connectionSchema = z.object({
  password: z.string(),
  /** `null` while no server runs. */
  url: z.string().nullable(),
  hostPid: z.number().nullable(),
  postgresPid: z.number().nullable(),
  pgData: z.string(),
});

/** What a second process needs to join the running server. Readable by the owner only: it holds the password. */
export type Connection = z.infer<typeof connectionSchema>;

export function readConnection(dataDir: string): Connection | null {
  try {
    const parsed = connectionSchema.safeParse(JSON.parse(readFileSync(join(dataDir, 'connection.json'), 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Replaces the file as a whole, so that a reader never sees half of it. */
export function writeConnection(dataDir: string, connection: Connection): void {
  const file = join(dataDir, 'connection.json');
  const next = `${file}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(connection, null, 2)}\n`, { mode: 0o600 });
  renameSync(next, file);
}

/** `null` when another living process is starting the server; otherwise gives the lock back when called. */
export function takeStartLock(dataDir: string): (() => void) | null {
  const file = join(dataDir, 'start.lock');
  try {
    const handle = openSync(file, 'wx');
    writeSync(handle, String(process.pid));
    closeSync(handle);
    return () => rmSync(file, { force: true });
  } catch {
    removeIfStale(file);
    return null;
  }
}

function removeIfStale(file: string): void {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // Empty: its owner is about to write its pid.
    if (pid > 0) process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') rmSync(file, { force: true });
  }
}
