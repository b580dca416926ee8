import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { count, table } from '../src/cli/output.ts';

const HELP = `npm run bench:growth [-- --sizes 10000,100000,1000000]

How the time of an update, a reconciliation and the acceptance of a CSV grows with the count of numbers: seconds per 100,000 for each
size, and a plot. A flat row is linear. Start-up and fixed costs are in it, so the smallest size looks dear.
`;
const HERE = dirname(fileURLToPath(import.meta.url));
const WIDTH = 40;
/** The benchmarks that take \`--numbers\`. One whose file does not exist is left out. */
const QUESTIONS = ['engine', 'reconcile', 'accept'] as const;

const { values: flags } = parseArgs({
  options: { sizes: { type: 'string', default: '10000,100000,1000000' }, help: { type: 'boolean' } },
});
if (flags.help === true) process.stderr.write(HELP);
else await main(flags.sizes.split(',').map(Number));

async function main(sizes: readonly number[]): Promise<void> {
  const rows: { name: string; size: number; per: number }[] = [];
  for (const name of QUESTIONS)
    if (existsSync(join(HERE, `${name}.ts`)))
      for (const size of sizes) rows.push({ name, size, per: ((await timeOf(name, size)) / size) * 100 });
  const most = Math.max(...rows.map((r) => r.per));
  process.stdout.write(
    `${table(
      ['whole benchmark', { title: 'numbers', align: 'right' }, { title: 's per 100,000', align: 'right' }, ''],
      rows.map((r) => [r.name, count(r.size), r.per.toFixed(1), '█'.repeat(Math.max(1, Math.round((r.per / most) * WIDTH)))]),
    )}\n`,
  );
}

/** Milliseconds of the benchmark in a process of its own. */
async function timeOf(name: string, size: number): Promise<number> {
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    [join(HERE, '../scripts/run.mjs'), `bench/${name}.ts`, '--small', '--numbers', String(size)],
    {
      cwd: join(HERE, '..'),
      stdio: ['ignore', 2, 2],
    },
  );
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${name} with ${size} numbers ended with ${code}`);
  return performance.now() - begun;
}
