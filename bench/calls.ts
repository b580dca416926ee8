import { parseArgs } from 'node:util';
import { count, seconds, table } from '../src/cli/output.ts';
import { instantTelnyx, slowTelnyx } from './calls/groups.ts';
import type { Measured } from './calls/scenario.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { openRedis } from './support/redis.ts';

const HELP = `npm run bench:calls [-- --small] [-- --redis]

Calls to Telnyx per 1,000 numbers, per endpoint, beside the least that the batch endpoints would allow.

  --small   a few hundred numbers instead of thousands; no slow Telnyx
  --redis   the queue on Redis: REDIS_URL, else a redis-server or valkey-server on the PATH
`;

const { values: flags } = parseArgs({
  options: { small: { type: 'boolean' }, redis: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (flags.help === true) process.stderr.write(HELP);
else await main(flags.small === true, flags.redis === true);

async function main(small: boolean, withRedis: boolean): Promise<void> {
  const begun = Date.now();
  const measured = await withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    const redis = withRedis ? await openRedis() : null;
    if (redis !== null) opened(redis.stop);
    const scale = small ? { numbers: 200, owned: 1_000 } : { numbers: 1_000, owned: 5_000 };
    const rows: Measured[] = [];
    for (const orderSize of [100, 1_000]) {
      rows.push(
        ...(await instantTelnyx({ databaseUrl: await server.database(), redisUrl: redis?.url ?? null, orderSize, ...scale })),
      );
    }
    if (!small)
      rows.push(
        ...(await slowTelnyx({ databaseUrl: await server.database(), redisUrl: redis?.url ?? null, orderSize: 100, ...scale })),
      );
    return rows;
  });
  process.stdout.write(`${report(measured)}\n\n`);
  process.stderr.write(`queue on ${withRedis ? 'Redis' : 'Postgres'}; ${seconds(Date.now() - begun)}\n`);
}

/** A line for each scenario, and under it one for each endpoint. */
function report(measured: readonly Measured[]): string {
  const right = (title: string) => ({ title, align: 'right' as const });
  const rows = measured.flatMap((m) => {
    const per1000 = (calls: number) => ((calls / m.numbers) * 1_000).toFixed(1);
    const total = sum(m.calls);
    const least = sum(m.floor);
    const endpoints = [...new Set([...m.calls.keys(), ...m.floor.keys()])].sort();
    return [
      [m.title, count(m.numbers), count(total), per1000(total), per1000(least), (total / least).toFixed(2)],
      ...endpoints.map((name) => {
        const [calls, floor] = [m.calls.get(name) ?? 0, m.floor.get(name) ?? 0];
        return [`  ${name}`, '', count(calls), per1000(calls), per1000(floor), floor === 0 ? '' : (calls / floor).toFixed(2)];
      }),
    ];
  });
  return table(
    ['calls to Telnyx', right('numbers'), right('calls'), right('per 1,000'), right('floor per 1,000'), right('ratio')],
    rows,
  );
}

function sum(calls: ReadonlyMap<string, number>): number {
  return [...calls.values()].reduce((total, n) => total + n, 0);
}
