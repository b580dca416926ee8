import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { count, seconds, table } from '../src/cli/output.ts';
import { build, builtAlready } from './support/children.ts';
import { FINDINGS_FILE, type Finding } from './support/findings.ts';
import { type Line, plot } from './support/plot.ts';

const HELP = `npm run bench:growth [-- --million] [-- --sizes 10000,100000] [-- --minutes 20]

How the time of an update, a first reconciliation and the acceptance of a CSV grows with the count of numbers. Prints a table and
draws bench/growth.svg anew after every measurement. A size that would not end within the minutes, as the smaller size tells, is left
out and named. --million adds 1,000,000 numbers, which takes a quarter of an hour on two quiet cores.
`;
const HERE = dirname(fileURLToPath(import.meta.url));
/** The benchmarks, and what they need to measure one size once. */
const QUESTIONS = [
  { name: 'update, no latency', file: 'engine.ts', args: ['--small'] },
  { name: 'first reconciliation', file: 'reconcile.ts', args: [] },
  { name: 'accept a CSV', file: 'accept.ts', args: ['--rounds', '1'] },
] as const;

const { values: flags } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10000,100000' },
    million: { type: 'boolean' },
    minutes: { type: 'string', default: '20' },
    help: { type: 'boolean' },
  },
});
if (flags.help === true) process.stderr.write(HELP);
else
  await main(
    [...flags.sizes.split(',').map(Number), ...(flags.million === true ? [1_000_000] : [])],
    Number(flags.minutes) * 60_000,
  );

/** All questions at one size before any at the next, so that what is left out is left out of the largest size. */
async function main(sizes: readonly number[], budgetMs: number): Promise<void> {
  const until = performance.now() + budgetMs;
  const lines: Line[] = QUESTIONS.map(({ name }) => ({ name, points: [] }));
  const last = new Map<string, { size: number; wholeMs: number }>();
  const rows: string[][] = [];
  build();
  for (const size of sizes)
    for (const [i, { name, file, args }] of QUESTIONS.entries()) {
      const before = last.get(name);
      const expected = before === undefined ? 0 : (before.wholeMs * size) / before.size;
      if (performance.now() + expected > until) {
        rows.push([name, count(size), 'left out', `would take ${seconds(expected)}`]);
        continue;
      }
      const begun = performance.now();
      const ms = await timeOf(file, [...args, '--numbers', String(size)]);
      last.set(name, { size, wholeMs: performance.now() - begun });
      lines[i]?.points.push({ x: size, y: ms / 1_000 });
      rows.push([name, count(size), seconds(ms), ((ms / size) * 100).toFixed(2)]);
      await writeFile(join(HERE, 'growth.svg'), plot(lines, { x: 'numbers', y: 'seconds' }));
    }
  const right = (title: string) => ({ title, align: 'right' as const });
  const sorted = rows.sort(([a = ''], [b = '']) => a.localeCompare(b));
  process.stdout.write(`${table(['question', right('numbers'), right('time'), right('s per 100,000')], sorted)}\n`);
}

/** Runs a benchmark in a process of its own. Returns the time that it measured, in milliseconds. */
async function timeOf(file: string, args: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'provisioner-bench-'));
  try {
    const found = join(folder, 'findings');
    const child = spawn(process.execPath, [join(HERE, '../scripts/run.mjs'), `bench/${file}`, ...args], {
      cwd: join(HERE, '..'),
      env: { ...builtAlready(), [FINDINGS_FILE]: found },
      stdio: ['ignore', 2, 2],
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}`);
    const [line = '{}'] = (await readFile(found, 'utf8')).split('\n');
    const { ms } = JSON.parse(line) as Partial<Finding>;
    if (ms === undefined) throw new Error(`${file} noted no time`);
    return ms;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
