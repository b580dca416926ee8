import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { count, table } from '../src/cli/output.ts';
import { startSimulator } from '../src/simulator/index.ts';
import { build } from './support/children.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { ratesTimes, type Seen, watch } from './support/pace-seen.ts';
import { paceOfWorkers } from './support/pace-workers.ts';
import { openRedis } from './support/redis.ts';
import { KEY } from './support/stage.ts';

const HELP = `npm run bench:pace [-- --small] [-- --alone]

How much of the account's limits four processes use, and how many of their calls Telnyx refuses with 429. First the pacer
alone: four processes that do nothing but call as fast as it lets them. Then four real workers that update numbers, 40 a job,
from the first job on. The limits of the simulator are the default rates, half of them, and six times them, a minute each.
Needs REDIS_URL, or a redis-server or valkey-server on the PATH.

  --small   ten seconds each
  --alone   the pacer alone
`;

const PROCESSES = 4;
const FACTORS = [1, 0.5, 6] as const;
/** What `PROVISIONER_JOB_SLOTS` is without a wish. Telnyx allows 20 open jobs, so more slots would not reach six times the rate either. */
const SLOTS = 15;
/** A share of the busiest limit below which something else limits. */
const HARDLY_USED = 0.5;
const CALLER = join(import.meta.dirname, 'support/pace-caller.ts');

const { values: flags } = parseArgs({
  options: { small: { type: 'boolean' }, alone: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (flags.help === true) process.stderr.write(HELP);
else await main(flags.small === true ? 10_000 : 60_000);

async function main(ms: number): Promise<void> {
  await withClosers(async (opened) => {
    const redis = await openRedis();
    opened(redis.stop);
    const rows: Seen[] = [];
    for (const factor of FACTORS) rows.push(await paceAlone(redis.url, factor, ms));
    if (flags.alone !== true) {
      build();
      const server = await openServer();
      opened(server.stop);
      for (const factor of FACTORS) rows.push(await paceOfWorkers(server, redis.url, PROCESSES, factor, ms));
    }
    report(rows);
  });
}

/** Processes that have nothing but the gateway, and check ownership as fast as it lets them. */
async function paceAlone(redisUrl: string, factor: number, ms: number): Promise<Seen> {
  return withClosers(async (opened) => {
    const latencyMs = { min: 15, max: 60 };
    const simulator = await startSimulator({ apiKey: KEY, owned: 10, latencyMs, rates: ratesTimes(factor) });
    opened(() => simulator.stop());
    const [number = ''] = simulator.ownedNumbers();
    const args = [simulator.url, KEY, redisUrl, `bench-pace-${process.pid}-${factor}`, number];
    const callers = [];
    for (let i = 0; i < PROCESSES; i += 1) {
      const caller = spawn(process.execPath, ['--import', 'tsx', CALLER, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
      opened(async () => {
        if (caller.exitCode !== null) return;
        const ended = once(caller, 'exit');
        caller.kill('SIGKILL');
        await ended;
      });
      const [said]: unknown[] = await Promise.race([once(caller.stdout, 'data'), once(caller, 'exit')]);
      if (!(said instanceof Buffer)) throw new Error('a process that should call ended before it was ready');
      callers.push(caller);
    }
    for (const caller of callers) caller.stdin.write('go\n');
    return await watch(simulator, 'the pacer alone', factor, ms, (calls) => Object.keys(calls).length > 0);
  });
}

function report(rows: readonly Seen[]): void {
  const right = (title: string) => ({ title, align: 'right' as const });
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
  const text = table(
    ['four processes', right('limits'), right('calls'), right('429'), right('429 of calls'), 'busiest limit', right('used')],
    rows.map((r) => [
      r.title,
      `${r.factor} x`,
      count(r.calls),
      count(r.refused),
      percent(r.refused / Math.max(1, r.calls)),
      `${r.busiest}, ${r.limit}/s`,
      percent(r.share),
    ]),
  );
  process.stdout.write(`${text}\n`);
  for (const r of rows.filter(({ busiest, share }) => busiest === 'jobs' && share < HARDLY_USED)) {
    const ms = (1_000 * SLOTS) / (r.share * r.limit);
    process.stdout.write(
      `${r.title} at ${r.factor} x: the ${SLOTS} job slots limit, not the rate. Each of them was taken for ${ms.toFixed(0)} ms a job.\n`,
    );
  }
}
