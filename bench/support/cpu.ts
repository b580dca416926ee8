import { readdir, readFile } from 'node:fs/promises';

/** Linux counts CPU time in hundredths of a second. */
const TICK_MS = 10;

interface Process {
  parent: number;
  /** CPU time of the process itself so far, in milliseconds. */
  own: number;
  /** CPU time of its children that have ended, in milliseconds. */
  ended: number;
}

/** CPU time of one process so far, in milliseconds. Linux only. */
export async function cpuOf(pid: number): Promise<number> {
  return (await statOf(pid))?.own ?? 0;
}

/** CPU time so far, in milliseconds, of the server that the backend `pid` belongs to, with all its backends. Local servers only. */
export async function cpuOfServer(pid: number): Promise<number> {
  const postmaster = (await statOf(pid))?.parent ?? 0;
  const server = await statOf(postmaster);
  if (server === null) return Number.NaN;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.map(statOf));
  const living = all.flatMap((p) => (p?.parent === postmaster ? [p.own] : []));
  return server.own + server.ended + living.reduce((sum, ms) => sum + ms, 0);
}

async function statOf(pid: number): Promise<Process | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return null;
    throw error;
  });
  // The name of the program stands in brackets and may hold spaces.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined) return null;
  const ticks = (i: number): number => Number(fields[i]) * TICK_MS;
  return { parent: Number(fields[1]), own: ticks(11) + ticks(12), ended: ticks(13) + ticks(14) };
}
