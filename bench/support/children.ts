import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const MAIN = join(ROOT, 'dist/cli/main.js');
const STOP_MS = 60_000;
const SAMPLE_MS = 50;

/** Set for the children of a benchmark that has compiled already. */
const BUILT = 'BENCH_BUILT';

/** The environment for benchmarks that a benchmark starts: they need not compile again. */
export const builtAlready = (): NodeJS.ProcessEnv => ({ ...process.env, [BUILT]: '1' });

/** Compiles to `dist`, which production runs. From source, the compiler would be measured too. */
export function build(): void {
  if (process.env[BUILT] !== undefined) return;
  process.stderr.write('building …\n');
  const npm = spawnSync('npm', ['run', '-s', 'build'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) throw new Error('npm run build failed');
}

/** The real command as a process of its own. */
export interface Command {
  readonly child: ChildProcess;
  /** All that it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves to the exit code; SIGKILL and the like count as 1. */
  ended: Promise<number>;
  /** SIGTERM, then waits; SIGKILL when it takes too long. */
  stop(): Promise<void>;
}

/** Starts the built `provisioner ...args` with nothing of our environment but the path and `env`. */
export function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  nodeFlags: readonly string[] = [],
): Command {
  const child = spawn(process.execPath, [...nodeFlags, MAIN, ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'warn', PROVISIONER_RECONCILE_CRON: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : 1));
  return {
    child,
    stdout: () => out,
    stderr: () => err,
    ended,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Runs a command to its end; throws unless its exit code is among `allowed`. */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  allowed: readonly number[] = [0],
): Promise<string> {
  const command = startCommand(args, env);
  const code = await command.ended;
  if (!allowed.includes(code)) throw new Error(`provisioner ${args.join(' ')} ended with ${code}:\n${command.stderr()}`);
  return command.stdout();
}

/** Waits until the command has written what matches; throws when it ends before. */
export async function written(command: Command, pattern: RegExp, withinMs = 120_000): Promise<RegExpExecArray> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    const found = pattern.exec(command.stdout() + command.stderr());
    if (found !== null) return found;
    if (command.child.exitCode !== null) break;
    await sleep(SAMPLE_MS);
  }
  throw new Error(`waited in vain for ${pattern.source}:\n${command.stderr()}`);
}

/** Resident memory of a process in bytes: now, and at most since its start. `null` when it is gone. */
export async function memoryOf(pid: number): Promise<{ now: number; peak: number } | null> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  const [now, peak] = [kib('VmRSS') * 1_024, kib('VmHWM') * 1_024];
  return Number.isNaN(now) || Number.isNaN(peak) ? null : { now, peak };
}

/** The peak of a process that ends by itself. It is read repeatedly until the process has ended. */
export async function peakUntilEnd(command: Command): Promise<number> {
  let peak = 0;
  while (command.child.exitCode === null && command.child.signalCode === null) {
    peak = Math.max(peak, (await memoryOf(command.child.pid ?? 0))?.peak ?? 0);
    await sleep(SAMPLE_MS);
  }
  return peak;
}

export const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
