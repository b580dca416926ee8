import { type ChildProcess, spawn } from 'node:child_process';
import { programArguments } from './program.ts';
import { somethingHappened, until } from './until.ts';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** One command of the product as a process of its own. */
export interface Child {
  readonly pid: number;
  readonly args: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
  readonly running: boolean;
  readonly ended: Promise<Ended>;
  send(signal: NodeJS.Signals): void;
  /** Waits until the text has been written to stdout or stderr. */
  saw(text: string, withinMs?: number): Promise<void>;
}

export interface StartOptions {
  stdin?: string | Buffer;
  cwd?: string;
}

/** The children of this process that may still run. None may outlive it. */
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Returns the part of our environment that a child gets: no variable that configures the product. */
function bareEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'SystemRoot'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(kept);
}

/** Starts `provisioner <args>`. Its environment has only the given variables. */
export function start(args: readonly string[], env: Readonly<Record<string, string>>, options: StartOptions = {}): Child {
  const child = spawn(process.execPath, [...programArguments(), ...args], {
    env: { ...bareEnvironment(), ...env },
    stdio: 'pipe',
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  children.add(child);
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (text: string) => {
      written[name] += text;
      somethingHappened();
    });
  }
  // A command may end before it has read its input. This is not an error.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      children.delete(child);
      resolve({ code, signal, ...written });
    });
  });
  return {
    pid: child.pid ?? 0,
    args,
    get stdout() {
      return written.stdout;
    },
    get stderr() {
      return written.stderr;
    },
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    ended,
    send: (signal) => {
      child.kill(signal);
    },
    saw: async (text, withinMs = 30_000) => {
      await until(
        `"${args.join(' ')}" writes "${text}"`,
        () => {
          if (`${written.stdout}${written.stderr}`.includes(text)) return true;
          if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${written.stderr.slice(-2_000)}`);
          return false;
        },
        { withinMs },
      );
    },
  };
}

/** Runs a command to its end. A command that takes longer than `withinMs` is killed, and the test fails. */
export async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  options: StartOptions & { withinMs?: number } = {},
): Promise<Ended> {
  return endOf(start(args, env, options), options.withinMs);
}

/** Waits for the end of a child. A child that takes too long is killed, and the test fails. */
export async function endOf(child: Child, withinMs = 60_000): Promise<Ended> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.send('SIGKILL');
  }, withinMs);
  const ended = await child.ended.finally(() => clearTimeout(timer));
  if (late) throw new Error(`"${child.args.join(' ')}" did not end within ${withinMs} ms:\n${ended.stderr.slice(-4_000)}`);
  return ended;
}

/** Returns the JSON objects of a log and leaves out other lines. */
export function logLines(text: string): Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null ? [{ ...value }] : [];
    } catch {
      return [];
    }
  });
}
