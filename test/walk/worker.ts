import postgres from 'postgres';
import { type HistoryResult, runHistory } from './history.ts';
import { openWorld } from './world.ts';

/** What one worker process of a walk does. */
export interface Task {
  /** A Postgres server; the worker makes a database of its own on it. */
  server: string;
  seeds: { first: number; stride: number; end: number };
  steps: number;
}

/** One history as it is sent to the parent. A map cannot be sent, so the tally is an array. */
export interface Walked {
  seed: number;
  result: Omit<HistoryResult, 'tally'>;
  tally: [string, number][];
}

async function ownDatabase(server: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `walk_${process.pid}`;
  const sql = postgres(server, { max: 1, onnotice: () => undefined });
  await sql.unsafe(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const drop = async (): Promise<void> => {
    await sql.unsafe(`drop database ${name} with (force)`);
    await sql.end();
  };
  return { url: url.href, drop };
}

async function walk({ server, seeds, steps }: Task): Promise<void> {
  let stopped = false;
  process.on('message', () => {
    stopped = true;
  });
  process.on('SIGINT', () => {
    stopped = true;
  });
  process.once('disconnect', () => process.exit(1));
  const database = await ownDatabase(server);
  const world = await openWorld(database.url);
  for (let seed = seeds.first; seed < seeds.end && !stopped; seed += seeds.stride) {
    const { tally, ...result } = await runHistory(world, seed, steps);
    const walked: Walked = { seed, result, tally: [...tally] };
    await new Promise<void>((resolve, reject) => {
      process.send?.(walked, (error: Error | null) => (error === null ? resolve() : reject(error)));
    });
  }
  await world.close();
  await database.drop();
  process.removeAllListeners('disconnect');
  process.disconnect();
}

await walk(JSON.parse(process.argv[2] ?? '') as Task);
