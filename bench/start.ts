import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table } from '../src/cli/output.ts';
import { build } from './support/children.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { median } from './support/median.ts';

const HELP = `npm run bench:start [-- --rounds 11]

How long does one command take from start to exit? Each round runs every command once; the table shows medians.
`;
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const MAIN = join(ROOT, 'dist/cli/main.js');
const TICK_MS = 10;
const NUMBER = '+13125550100';
/** The least that any program needs which asks Postgres one question. */
const BARE = `import postgres from 'postgres';
const sql = postgres(process.env.DATABASE_URL, { max: 1, prepare: false, fetch_types: false });
await sql\`select 1\`;
await sql.end();`;

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '11' }, help: { type: 'boolean' } } });
if (flags.help === true) process.stderr.write(HELP);
else await main(Number(flags.rounds));

interface Program {
  name: string;
  args: readonly string[];
  /** Times of each round in milliseconds. */
  wall: number[];
  cpu: number[];
}

async function main(rounds: number): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the processor time is read from /proc, which only Linux has');
  build();
  await withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    const folder = await mkdtemp(join(tmpdir(), 'provisioner-bench-'));
    opened(() => rm(folder, { recursive: true, force: true }));
    const env = { PATH: process.env['PATH'] ?? '', DATABASE_URL: await server.database() };
    const numbers = join(folder, 'numbers.csv');
    await writeFile(numbers, `phone_number\n${NUMBER}\n`);
    const update = [MAIN, 'update', '--numbers', numbers, '--set', 'customer_reference=bench', '--yes', '--json'];
    const id = requestIn(run(update, env).stdout);
    run([MAIN, 'cancel', id, '--yes'], env);
    const programs = [
      program('node -e 0', ['-e', '0']),
      program('node: connect, select 1', ['--input-type=module', '-e', BARE]),
      program('--version', [MAIN, '--version']),
      program('--help', [MAIN, '--help']),
      program('requests', [MAIN, 'requests']),
      program('request ID', [MAIN, 'request', id]),
      program('inventory', [MAIN, 'inventory']),
      program('cancel ID', [MAIN, 'cancel', id, '--yes']),
      program('update, one number', update),
    ];
    for (let round = 0; round < rounds; round += 1) for (const p of programs) measure(p, env);
    print(programs);
  });
}

function program(name: string, args: readonly string[]): Program {
  return { name, args, wall: [], cpu: [] };
}

function run(args: readonly string[], env: Record<string, string>): { stdout: string } {
  const child = spawnSync(process.execPath, [...args], { cwd: ROOT, env, encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`${args.join(' ')} ended with ${child.status}: ${child.stderr}`);
  return child;
}

function measure(p: Program, env: Record<string, string>): void {
  const [began, used] = [performance.now(), cpuOfChildren()];
  run(p.args, env);
  p.wall.push(performance.now() - began);
  p.cpu.push(cpuOfChildren() - used);
}

/** The processor time of all children that have ended, in milliseconds: `cutime` and `cstime` of proc(5). */
function cpuOfChildren(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

function requestIn(json: string): string {
  const value: unknown = JSON.parse(json);
  if (typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string') return value.id;
  throw new Error(`there is no id in ${json}`);
}

function print(programs: readonly Program[]): void {
  const [node, bare] = programs;
  if (node === undefined || bare === undefined) return;
  const right = (title: string) => ({ title, align: 'right' as const });
  const ratio = (a: readonly number[], b: readonly number[]) => (median(a) / median(b)).toFixed(2);
  const rows = programs.map((p) => [
    p.name,
    `${median(p.wall).toFixed(0)} ms`,
    `${median(p.cpu).toFixed(0)} ms`,
    ratio(p.cpu, node.cpu),
    ratio(p.cpu, bare.cpu),
    ratio(p.wall, node.wall),
  ]);
  const heads = ['wall', 'user+sys', 'x node', 'x node with one query', 'wall, x node'].map(right);
  process.stdout.write(`${table(['command', ...heads], rows)}\n`);
}
