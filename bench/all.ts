import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { seconds, table } from '../src/cli/output.ts';
import { build, builtAlready } from './support/children.ts';
import { FINDINGS_FILE, type Finding } from './support/findings.ts';

const HELP = `npm run bench [-- --only engine,calls]

Runs every benchmark in small, one after the other, and ends with one table: question, figure, goal, floor. About five minutes on
two quiet cores. Exit 1 when one of them fails.
`;
const HERE = dirname(fileURLToPath(import.meta.url));
/** In this order. One whose file does not exist is left out. */
const ALL: readonly { name: string; args: readonly string[] }[] = [
  { name: 'start', args: ['--rounds', '3'] },
  { name: 'engine', args: ['--small'] },
  { name: 'accept', args: ['--small'] },
  { name: 'buy', args: ['--small'] },
  { name: 'slots', args: ['--small'] },
  { name: 'footprint', args: ['--small'] },
  { name: 'reconcile', args: ['--small'] },
  { name: 'pace', args: ['--small'] },
  { name: 'calls', args: ['--small'] },
  { name: 'events', args: ['--small'] },
  { name: 'refusals', args: ['--small'] },
  { name: 'memory', args: ['--numbers', '10000'] },
  { name: 'throughput', args: ['--small'] },
];

const { values: flags } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } });
if (flags.help === true) process.stderr.write(HELP);
else process.exitCode = await main(flags.only?.split(',') ?? null);

async function main(only: readonly string[] | null): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'provisioner-bench-'));
  const file = join(folder, 'findings');
  const begun = Date.now();
  const rows: string[][] = [];
  let failed = 0;
  build();
  try {
    for (const { name, args } of ALL) {
      if (!existsSync(join(HERE, `${name}.ts`)) || (only !== null && !only.includes(name))) continue;
      const from = Date.now();
      process.stdout.write(`\n# ${name}\n`);
      const code = await run(name, args, file);
      if (code !== 0) failed += 1;
      const found = await findings(file);
      await rm(file, { force: true });
      const took = seconds(Date.now() - from);
      if (code !== 0) rows.push([name, `FAILED, exit ${code}`, '', '', took]);
      else if (found.length === 0) rows.push([name, 'see its table above', '', '', took]);
      else for (const f of found) rows.push([f.question, f.figure, f.goal, f.floor, took]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  process.stdout.write(`\n${table(['question', 'figure', 'goal', 'floor', 'took'], rows)}\n`);
  process.stderr.write(`${seconds(Date.now() - begun)} in all\n`);
  return failed === 0 ? 0 : 1;
}

/** Each in a process of its own, so that none inherits the memory or the compiled code of another. */
async function run(name: string, args: readonly string[], file: string): Promise<number> {
  const child = spawn(process.execPath, [join(HERE, '../scripts/run.mjs'), `bench/${name}.ts`, ...args], {
    cwd: join(HERE, '..'),
    env: { ...builtAlready(), [FINDINGS_FILE]: file },
    stdio: 'inherit',
  });
  const [code] = await once(child, 'close');
  return typeof code === 'number' ? code : 1;
}

async function findings(file: string): Promise<Finding[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Finding);
}
